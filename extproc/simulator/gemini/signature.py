"""Thought signatures: opaque bytes that are the model's own, and belong to the call or the text that they came with.

Source: https://ai.google.dev/gemini-api/docs/thought-signatures
"""

import base64
import hashlib
import hmac

import orjson

from extproc.domain.reading import Json

DUMMIES = frozenset({"context_engineering_is_the_way_to_go", "skip_thought_signature_validator"})
"""What Google documents for history that comes from elsewhere; taken in place of any signature."""

_KEY = b"simulated thought signatures"
_NONCE = 12


def of_text(token: str) -> str:
    """The signature of an answer in words; ``token`` makes it unique."""
    return _signed(token, b"text")


def of_call(token: str, name: str, arguments: Json) -> str:
    """The signature of a call of a function."""
    return _signed(token, _call(name, arguments))


def is_text(data: bytes) -> bool:
    """Whether these bytes came with words (or with nothing but the end of an answer)."""
    return _matches(data, b"text")


def is_call(data: bytes, name: str, arguments: Json) -> bool:
    """Whether these bytes came with this very call."""
    return _matches(data, _call(name, arguments))


def is_dummy(text: str, data: bytes) -> bool:
    """Whether it is one of Google's placeholders, as JSON text or as the bytes of the field."""
    return text in DUMMIES or data.decode("latin-1") in DUMMIES


def _call(name: str, arguments: Json) -> bytes:
    return b"call " + orjson.dumps([name, _plain(arguments)], option=orjson.OPT_SORT_KEYS)


def _plain(value: Json) -> Json:
    """Numbers without their spelling: 1.0 is 1, as in Google's structures."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return value


def _signed(token: str, what: bytes) -> str:
    nonce = hashlib.sha256(token.encode() + what).digest()[:_NONCE]
    return base64.b64encode(nonce + _mac(nonce, what)).decode()


def _matches(data: bytes, what: bytes) -> bool:
    return hmac.compare_digest(data[_NONCE:], _mac(data[:_NONCE], what))


def _mac(nonce: bytes, what: bytes) -> bytes:
    return hmac.digest(_KEY, nonce + what, "sha512")
