"""Sealed reasoning on its way through a client of another vendor: what is opaque must come back to whoever wrote it.

Clients keep an answer's reasoning and send it back in the next turn; only its vendor can read it. A dialect's clients
get the seals of their own vendor as they are, and those of others with the vendor's name before them.
"""

from typing import get_args

from extproc.domain.conversation import Origin

PREFIX = "llmgw."
"""Before what is not the client's own vendor's."""
_ORIGINS: tuple[Origin, ...] = get_args(Origin)


def seal(data: str, origin: Origin, *, native: Origin) -> str:
    """``data`` of ``origin`` as a client whose dialect belongs to ``native`` gets it."""
    return data if origin == native else f"{PREFIX}{origin}.{data}"


def unseal(text: str, *, native: Origin) -> tuple[str, Origin]:
    """What a client sent back, and whose it is."""
    if text.startswith(PREFIX):
        origin, dot, data = text[len(PREFIX) :].partition(".")
        if dot and origin in _ORIGINS:
            return data, origin
    return text, native
