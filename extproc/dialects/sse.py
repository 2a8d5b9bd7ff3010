"""Server-sent events: incremental framing, and rendering.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. Lines may end in LF or CRLF; a lone CR, which the
standard also allows and no vendor sends, is taken as part of the line, for a chunk that ends in CR would be ambiguous.
"""

import re

from extproc.domain.valueclass import valueclass

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""One event: generous for a vendor's largest (a whole image in base64), small enough to hold many streams."""

_BLANK_LINE = re.compile(rb"\n\r?\n")
_BOM = b"\xef\xbb\xbf"


class EventTooLargeError(ValueError):
    """An event exceeds ``MAX_EVENT_BYTES``."""


@valueclass
class SseEvent:
    """One event: its bytes with the blank line behind it, its name (empty: none), its data (None: no data line)."""

    raw: bytes
    name: str
    data: bytes | None


class SseDecoder:
    """Bytes → events; any split of the bytes gives the same events.

    ``EventTooLargeError`` comes in the place of an event that exceeds the limit: events before it are given out first,
    so it may be raised by the call after the one that brought the bytes. Nothing follows it.
    """

    __slots__ = ("_buffer", "_scanned", "_too_large")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._too_large = False

    def feed(self, data: bytes) -> list[SseEvent]:
        """Events completed by these bytes. Raises ``EventTooLargeError``."""
        if self._too_large:
            raise _too_large()
        buffer: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            buffer = self._buffer
        events: list[SseEvent] = []
        start, at = 0, self._scanned
        while match := _BLANK_LINE.search(buffer, at):
            end = match.end()
            if end - start > MAX_EVENT_BYTES:
                break
            events.append(_event(bytes(buffer[start:end])))
            start = at = end
        self._keep(buffer, start)
        if self._too_large and not events:
            raise _too_large()
        return events

    def _keep(self, buffer: bytes | bytearray, start: int) -> None:
        """Hold back what is not a whole event yet."""
        if buffer is self._buffer:
            del self._buffer[:start]
        else:
            self._buffer += memoryview(buffer)[start:]
        self._too_large = len(self._buffer) > MAX_EVENT_BYTES
        # The blank line may be split across chunks ("\n" | "\r\n"): look again at the last two bytes.
        self._scanned = max(0, len(self._buffer) - 2)

    def flush(self) -> SseEvent | None:
        """The bytes after the last blank line, as an event, if they hold any line; the body has ended.

        The standard drops such an event; some servers forget the last blank line, so it is for the caller to judge.
        Raises ``EventTooLargeError``.
        """
        if self._too_large:
            raise _too_large()
        rest, self._buffer, self._scanned = bytes(self._buffer), bytearray(), 0
        return _event(rest) if rest.strip() else None


def _too_large() -> EventTooLargeError:
    return EventTooLargeError(f"an event of the stream exceeds {MAX_EVENT_BYTES} bytes")


def _event(raw: bytes) -> SseEvent:
    name = ""
    data: list[bytes] = []
    for line in raw.removeprefix(_BOM).split(b"\n"):
        text = line.removesuffix(b"\r")
        if text.startswith(b"data:"):
            data.append(text[6:] if text[5:6] == b" " else text[5:])
        elif text.startswith(b"event:"):
            name = text[6:].strip().decode("utf-8", "replace")
        elif text == b"data":
            data.append(b"")
    return SseEvent(raw, name, b"\n".join(data) if data else None)


def render_event(data: bytes, *, name: str = "") -> bytes:
    """One event. ``data`` is JSON on one line, as every dialect here sends it."""
    if name:
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
