"""Event streams of AWS as text, so that goldens can be read: one line for each event, and a loader that makes bytes of it.

``<event type> <JSON payload>`` is an event, ``!<exception type> <JSON payload>`` an exception, ``~<code> <message>`` an
unmodelled error; lines that begin with ``#`` are comments. Written from
https://smithy.io/2.0/aws/amazon-eventstream.html; botocore reads what it makes.
"""

import struct
from base64 import b64encode
from binascii import crc32
from collections.abc import Mapping

HeaderValue = bool | int | bytes | str


def encode(text: str) -> bytes:
    """The bytes of all lines."""
    return b"".join(_line(line) for line in text.splitlines() if line.strip() and not line.startswith("#"))


def message(headers: Mapping[str, HeaderValue], payload: bytes) -> bytes:
    """One message; numbers are written as 64 bits."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    return framed(head, payload)


def framed(head: bytes, payload: bytes) -> bytes:
    """One message around headers that are bytes already."""
    prelude = struct.pack("!II", 12 + len(head) + len(payload) + 4, len(head))
    body = prelude + struct.pack("!I", crc32(prelude)) + head + payload
    return body + struct.pack("!I", crc32(body))


def chunk(event: bytes) -> bytes:
    """A ``chunk`` of InvokeModelWithResponseStream around this event."""
    return _line('chunk {"bytes":"' + b64encode(event).decode() + '","p":"abcd"}')


def _line(line: str) -> bytes:
    kind, _, payload = line.partition(" ")
    if kind.startswith("~"):
        return message({":message-type": "error", ":error-code": kind[1:], ":error-message": payload}, b"")
    name, word = (kind[1:], "exception") if kind.startswith("!") else (kind, "event")
    headers = {f":{word}-type": name, ":content-type": "application/json", ":message-type": word}
    return message(headers, payload.encode())


def _header(name: str, value: HeaderValue) -> bytes:
    start = struct.pack("!B", len(name.encode())) + name.encode()
    if isinstance(value, bool):
        return start + struct.pack("!B", 0 if value else 1)
    if isinstance(value, int):
        return start + struct.pack("!Bq", 5, value)
    data = value.encode() if isinstance(value, str) else value
    return start + struct.pack("!BH", 7 if isinstance(value, str) else 6, len(data)) + data
