"""AWS event streams (``application/vnd.amazon.eventstream``): incremental framing. Bytes → messages.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html. A message, big-endian::

    total length u32 | headers length u32 | CRC32 of these eight bytes | headers | payload | CRC32 of all before it

A header is its name's length (u8), name, type (u8) and value.
"""

from collections.abc import Mapping
from struct import Struct
from typing import TypeAlias
from zlib import crc32

from extproc.domain.valueclass import valueclass

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""One whole message, as the specification limits a payload: far above any event of a model."""

MAX_HEADERS_BYTES = 128 * 1024
"""The headers of one message, as the specification limits them."""

HeaderValue: TypeAlias = bool | int | bytes | str
"""Timestamps are milliseconds since 1970, UUIDs their 16 bytes."""

_PRELUDE = Struct("!III")
_U32 = Struct("!I")
_U16 = Struct("!H")
_CHECKSUM_BYTES = 4
_SMALLEST = _PRELUDE.size + _CHECKSUM_BYTES

_BOOLEANS = {0: True, 1: False}
_NUMBERS = {2: Struct("!b"), 3: Struct("!h"), 4: Struct("!i"), 5: Struct("!q"), 8: Struct("!q")}
_BYTES, _STRING, _UUID = 6, 7, 9
_UUID_BYTES = 16


class EventStreamError(ValueError):
    """The bytes are no event stream. The text says why, and nothing of the bytes."""


class ChecksumError(EventStreamError):
    """A checksum does not match: bytes were lost or changed on the way, or this never was an event stream."""


class MessageTooLargeError(EventStreamError):
    """A message announces more than ``MAX_MESSAGE_BYTES``, or headers of more than ``MAX_HEADERS_BYTES``."""


class MalformedMessageError(EventStreamError):
    """Lengths that do not fit together, or headers that cannot be read."""


@valueclass
class Message:
    """One message: headers by name, payload, and all of its bytes as they came."""

    headers: Mapping[str, HeaderValue]
    payload: bytes
    raw: bytes

    def text(self, name: str) -> str:
        """A header that is a string; empty where there is none."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class EventStreamDecoder:
    """Bytes → messages; any split of the bytes gives the same messages, and the same failure behind them."""

    __slots__ = ("_buffer", "_failure", "_wanted")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = _PRELUDE.size
        """So many bytes there must be before there is anything to do."""
        self._failure: EventStreamError | None = None

    @property
    def failure(self) -> EventStreamError | None:
        """What stands in the place of the next message; all input behind it is ignored."""
        return self._failure

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete yet: a body that ends now was cut."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """Messages completed by these bytes, in order. Never raises: look at ``failure`` behind them."""
        if self._failure is not None:
            return []
        self._buffer += data
        messages: list[Message] = []
        start = 0
        try:
            while len(self._buffer) - start >= self._wanted:
                total, headers = self._prelude(start)
                self._wanted = total
                if len(self._buffer) - start >= total:
                    messages.append(_message(bytes(self._buffer[start : start + total]), headers))
                    start += total
                    self._wanted = _PRELUDE.size
        except EventStreamError as error:
            self._failure = error
            self._buffer.clear()
            return messages
        del self._buffer[:start]
        return messages

    def _prelude(self, start: int) -> tuple[int, int]:
        """Lengths of the message and of its headers, checked before anything is collected for them."""
        total, headers, checksum = _PRELUDE.unpack_from(self._buffer, start)
        if total > MAX_MESSAGE_BYTES or headers > MAX_HEADERS_BYTES:
            raise MessageTooLargeError("a message of the event stream is too large")
        if crc32(self._buffer[start : start + _PRELUDE.size - _CHECKSUM_BYTES]) != checksum:
            raise ChecksumError("the prelude of a message does not match its checksum")
        if total < _SMALLEST + headers:
            raise MalformedMessageError("the lengths of a message do not fit together")
        return total, headers


def _message(raw: bytes, headers: int) -> Message:
    end = len(raw) - _CHECKSUM_BYTES
    if crc32(memoryview(raw)[:end]) != _U32.unpack_from(raw, end)[0]:
        raise ChecksumError("a message of the event stream does not match its checksum")
    begin = _PRELUDE.size + headers
    return Message(_headers(raw[_PRELUDE.size : begin]), raw[begin:end], raw)


def _headers(data: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(data):
            name, at = _sized(data, at + 1, data[at])
            value, at = _value(data, at + 1, data[at])
            key = name.decode()
            if key in headers:
                raise MalformedMessageError("a message has a header twice")
            headers[key] = value
    except (IndexError, UnicodeDecodeError) as error:
        raise MalformedMessageError("a header of a message cannot be read") from error
    return headers


def _value(data: bytes, at: int, kind: int) -> tuple[HeaderValue, int]:
    if kind in {_STRING, _BYTES}:
        head, at = _sized(data, at, _U16.size)
        value, at = _sized(data, at, _U16.unpack(head)[0])
        return (value.decode() if kind == _STRING else value), at
    if kind in _BOOLEANS:
        return _BOOLEANS[kind], at
    if kind in _NUMBERS:
        form = _NUMBERS[kind]
        number, at = _sized(data, at, form.size)
        return int(form.unpack(number)[0]), at
    if kind == _UUID:
        return _sized(data, at, _UUID_BYTES)
    raise MalformedMessageError("a header of a message has an unknown type")


def _sized(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """So many bytes, and where the next begin."""
    end = at + size
    if end > len(data):
        raise MalformedMessageError("a header of a message is cut")
    return data[at:end], end
