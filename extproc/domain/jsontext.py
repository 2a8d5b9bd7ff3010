"""JSON as it is written: integers of any size, and texts cut in the middle of a character.

``orjson`` reads an integer beyond 64 bits as a float, which is another number (an amount in wei, an id), and no text
with half a surrogate pair (RFC 8259, section 8.2), which servers that cut their output in the wrong place do write.
"""

import json
import re
from typing import TypeVar, cast

import orjson

from extproc.domain.reading import Json, JsonObject

_AS_ZEROS = bytes(b"0"[0] if byte in b"0123456789" else b" "[0] for byte in range(256))
_ZEROS = b"0" * 19
"""No integer with fewer digits is beyond 64 bits."""
_LONG_INTEGER = re.compile(rb"(?:^|[\s:,\[])-?[0-9]{19,}(?![0-9.eE])")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
"""What ``orjson`` reads as an integer."""

_HALVES = b"\\ud", b"\\uD"
_ESCAPE = re.compile(
    rb"\\\\"
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_REPLACEMENT = rb"\ufffd"

_T = TypeVar("_T", bound=Json | JsonObject)


def read_json(data: bytes | str) -> Json:
    """What ``orjson`` makes of it, but for halves of characters, which become U+FFFD. Raises ``JSONDecodeError``."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = _bytes(data)
        mended = _ESCAPE.sub(_whole, text) if any(half in text for half in _HALVES) else text
        if mended == text:
            raise
    return orjson.loads(mended)


def read_exactly(data: bytes | str) -> Json:
    """As ``read_json``, and ``exactly``: for what is written anew elsewhere."""
    return exactly(_bytes(data), read_json(data))


def exactly(text: bytes, parsed: _T) -> _T:
    """``parsed``, which was read from ``text``, with its large integers: the very same object where it has none.

    A large integer is a raw piece of JSON text: ``orjson`` writes it as it came, and ``Fields`` takes it for a number.
    The quick test first: a run of so many digits, which is nearly as fast as ``orjson`` itself.
    """
    if _ZEROS not in text.translate(_AS_ZEROS) or not _LONG_INTEGER.search(text):
        return parsed
    try:
        return cast("_T", json.loads(_ESCAPE.sub(_whole, text), parse_int=_integer))  # noqa: TID251 -- orjson cannot; it has accepted the text
    except (RecursionError, ValueError):  # deeper than this parser goes
        return parsed


def _integer(digits: str) -> object:
    number = int(digits) if len(digits) <= len(str(_SMALLEST)) else _LARGEST + 1
    return number if _SMALLEST <= number <= _LARGEST else orjson.Fragment(digits)


def _whole(escape: re.Match[bytes]) -> bytes:
    return _REPLACEMENT if escape["half"] else escape[0]


def _bytes(data: bytes | str) -> bytes:
    return data.encode(errors="surrogatepass") if isinstance(data, str) else data
