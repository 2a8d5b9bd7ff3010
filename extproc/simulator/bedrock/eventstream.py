"""AWS's binary framing of events, written out.

::

    total length u32 | headers length u32 | CRC of these u32 | headers | payload | CRC of all before u32

Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = b"application/vnd.amazon.eventstream"

_STRING = 7
"""The type of a header's value; the others are not used by Bedrock."""


def event(name: str, payload: bytes) -> bytes:
    """An event with a JSON payload."""
    return message({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(name: str, payload: bytes) -> bytes:
    """An error that the service model has, which ends the stream."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, payload)


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message; header values are strings."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + packed + payload
    return start + struct.pack(">I", zlib.crc32(start))


def corrupted() -> bytes:
    """A whole message with one bit of its payload turned over, so that its last checksum is wrong."""
    good = bytearray(event("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"corrupt"}}'))
    good[-8] ^= 1
    return bytes(good)


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(text)) + text
