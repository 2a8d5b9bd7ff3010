"""Thought signatures: Gemini's own, those of other vendors on their way through Gemini's clients, and none at all.

``thoughtSignature`` is bytes in base64. Gemini's SDKs decode it and encode it again with another alphabet, so what other
vendors sealed goes to Gemini's clients as base64 of a text that says whose it is.
Source: https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

import binascii
from base64 import b64encode, urlsafe_b64decode

from extproc.domain.conversation import Origin
from extproc.domain.sealed import seal, unseal

SKIP_VALIDATION = "skip_thought_signature_validator"
"""The vendor's own value for calls that its models did not make, which Gemini 3 would otherwise refuse."""

_NOT_OURS = "llmgw."
WRAPPED_PREFIX = b64encode(_NOT_OURS.encode()).decode()
"""How base64 of such a text begins: six bytes are eight characters, the same in either alphabet."""
_REDACTED = "redacted:"
"""Before the data of a block that has no text of its own, for an empty text may be signed, too."""


def wrap(data: str, origin: Origin, *, redacted: bool = False) -> str:
    """The ``thoughtSignature`` by which a client of this dialect gets ``data`` of ``origin``."""
    if origin == "gemini":
        return data
    text = seal(f"{_REDACTED}{data}" if redacted else data, origin, native="gemini")
    return b64encode(text.encode()).decode()


def unwrap(signature: str) -> tuple[str, Origin, bool]:
    """What a client sent back, whose it is, and whether it was a block of its own (``redacted``)."""
    if not signature.startswith(WRAPPED_PREFIX):
        return signature, "gemini", False
    try:
        text = urlsafe_b64decode(signature.replace("+", "-").replace("/", "_") + "==").decode()
    except (binascii.Error, UnicodeDecodeError):
        return signature, "gemini", False
    data, origin = unseal(text, native="gemini")
    if origin == "gemini":
        return signature, "gemini", False
    redacted = data.startswith(_REDACTED)
    return (data.removeprefix(_REDACTED) if redacted else data), origin, redacted
