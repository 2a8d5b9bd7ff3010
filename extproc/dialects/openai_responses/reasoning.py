"""Sealed reasoning as a ``reasoning`` item: its ``id`` and ``encrypted_content``, both ways.

OpenAI's own seal is the pair of both (neutral: ``<id>.<encrypted_content>``), and goes back as the pair that it was.
Other vendors' seals are in ``encrypted_content`` behind their vendor's name (``extproc.domain.sealed``), under an id of
ours. A block that is opaque as a whole (Anthropic's redacted thinking, the thought signature of a Gemini call) is told
from a signature by a word before it, for an item has no other place for the difference.

Reasoning that nobody signed has an empty seal: an item without any would be looked up in OpenAI's store, and refused.
"""

from extproc.domain.conversation import Origin, RedactedThinking, Thinking
from extproc.domain.sealed import seal, unseal

_REDACTED = "redacted."
"""No vendor's seal begins so: they are base64 without a dot."""


def open_seal(item_id: str, encrypted: str, text: str) -> Thinking | RedactedThinking:
    """The part behind an item that came back. ``text`` is its summary."""
    data, origin = unseal(encrypted, native="openai")
    if data == encrypted:
        return Thinking(text, f"{item_id}.{encrypted}", "openai")
    if data.startswith(_REDACTED):
        return RedactedThinking(data.removeprefix(_REDACTED), origin)
    return Thinking(text, data or None, origin)


def close_seal(data: str, origin: Origin, made_id: str, *, redacted: bool = False) -> tuple[str, str]:
    """``(id, encrypted_content)`` of a new item; ``made_id`` is its id where the seal brings none."""
    if origin == "openai" and data:
        own_id, encrypted = split_seal(data)
        return own_id or made_id, encrypted
    return made_id, close_seal_late(_REDACTED + data if redacted else data, origin)


def close_seal_late(data: str, origin: Origin) -> str:
    """``encrypted_content`` of an item whose id is already out: OpenAI's seal then brings its own id along."""
    return seal(data, origin, native="anthropic" if origin == "openai" else "openai")


def split_seal(data: str) -> tuple[str, str]:
    """OpenAI's seal as ``(id, encrypted_content)``."""
    own_id, _, encrypted = data.partition(".")
    return own_id, encrypted
