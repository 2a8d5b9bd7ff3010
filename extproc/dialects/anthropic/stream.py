"""Provider bytes → frames. Counterpart: ``stream_writer.py``; what the events mean: ``stream_events.py``."""

import orjson

from extproc.dialects.anthropic.errors import stream_error
from extproc.dialects.anthropic.stream_events import EventReader, JsonDict, MalformedEventError
from extproc.dialects.base import Frame
from extproc.dialects.sse import EventTooLargeError, SseDecoder, SseEvent
from extproc.domain.answer import Ended, Failed
from extproc.domain.errors import ProviderBadAnswer, ProviderTruncated
from extproc.domain.jsontext import read_json

MAX_BODY_BYTES = 1024 * 1024
"""Of a body that is no event stream: an error object is far below, and nothing else is of use."""

_FIELD_STARTS = b":deir"
"""How a line of an event stream can begin: a comment, ``data``, ``event``, ``id``, ``retry``."""
_SKIPPED = b"\xef\xbb\xbf \t\r\n"
"""The byte-order mark, and blank lines before the first event."""
_FIELDS = (b":", b"data", b"event", b"id", b"retry")


class AnthropicStreamReader:
    """A ``StreamReader`` for one answer.

    The first byte tells an event stream from an HTML page, which fails at once, and from a JSON body, which is an error
    object more often than not and is read when the body ends.
    """

    __slots__ = ("_decoder", "_done", "_events", "_head", "_is_stream")

    def __init__(self) -> None:
        self._decoder = SseDecoder()
        self._events = EventReader()
        self._head = b""
        self._is_stream = False
        self._done = False

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by these bytes, in order; none after the stream has ended or failed."""
        if self._done:
            return []
        if not self._is_stream:
            self._head += data
            start = self._head.lstrip(_SKIPPED)[:1]
            if start and start in _FIELD_STARTS:
                self._is_stream, data, self._head = True, self._head, b""
            elif start not in {b"", b"{"} or len(self._head) > MAX_BODY_BYTES:
                return [self._fail(ProviderBadAnswer("the provider's answer is not an event stream"))]
            else:
                return []
        try:
            events = self._decoder.feed(data)
        except EventTooLargeError as error:
            return [self._fail(ProviderBadAnswer(str(error)))]
        frames: list[Frame] = []
        for event in events:
            frames.append(self._read(event))
            if self._done:
                break
        return frames

    def finish(self) -> list[Frame]:
        """The body has ended: an error body is read, and a stream without ``message_stop`` was cut."""
        if self._done:
            return []
        if self._head.strip(_SKIPPED):
            return [self._finish_body()]
        frames: list[Frame] = []
        try:
            rest = self._decoder.flush()
        except EventTooLargeError as error:
            return [self._fail(ProviderBadAnswer(str(error)))]
        # A last event without its blank line counts if it is whole; if not, the cut is the news, not the bad JSON.
        if rest is not None and rest.data is not None and _loads(rest.data) is not None:
            frames.append(self._read(rest))
        if not self._done:
            frames.append(self._fail(ProviderTruncated("the provider's stream ended before the answer was complete")))
        return frames

    def _finish_body(self) -> Frame:
        body = _loads(self._head.lstrip(_SKIPPED))
        if body is not None and "error" in body:
            self._done = True
            return Frame(b"", (Failed(stream_error(body)),))
        return self._fail(ProviderBadAnswer("the provider's answer is not an event stream"))

    def _fail(self, error: ProviderBadAnswer | ProviderTruncated, raw: bytes = b"") -> Frame:
        self._done = True
        return Frame(raw, (Failed(error),))

    def _read(self, event: SseEvent) -> Frame:
        raw = event.raw
        if event.data is None:
            if _is_foreign(raw):
                return self._fail(ProviderBadAnswer("a line of the provider's stream is not of an event stream"), raw)
            return Frame(raw, ())
        data = _loads(event.data)
        if data is None:
            return self._fail(ProviderBadAnswer("an event of the provider's stream is not a JSON object"), raw)
        try:
            events = self._events.read(data)
        except MalformedEventError as error:
            return self._fail(ProviderBadAnswer(f"an event of the provider's stream lacks its {error}"), raw)
        if events and isinstance(events[-1], Ended | Failed):
            self._done = True
        return Frame(raw, events)


def _loads(data: bytes) -> JsonDict | None:
    """The JSON object, or None where it is none."""
    try:
        value = read_json(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _is_foreign(raw: bytes) -> bool:
    """Whether a data-less event holds a line that no event stream has, as when a proxy writes HTML into it."""
    return any(line.strip() and not line.startswith(_FIELDS) for line in raw.lstrip(_SKIPPED).split(b"\n"))
