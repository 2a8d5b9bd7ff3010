"""Encrypted reasoning: Converse's blob ↔ what Anthropic's own API calls ``data``.

The blob holds the very text of Anthropic's ``data`` (seen in recorded answers of Claude), so in JSON it is base64 of
base64. Unwrapped, it is good at every cloud that has the model. A blob that is no text keeps its base64, marked.
"""

import binascii
from base64 import b64decode, b64encode

_BLOB = "blob:"
"""Cannot begin a text in base64."""


def parse_redacted(wire: str) -> str:
    """``redactedContent`` of an answer → ``data``."""
    try:
        text = b64decode(wire, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return _BLOB + wire
    return text if text.isprintable() and text else _BLOB + wire


def render_redacted(data: str) -> str:
    """``data`` → ``redactedContent``."""
    if data.startswith(_BLOB):
        return data[len(_BLOB) :]
    return b64encode(data.encode()).decode()
