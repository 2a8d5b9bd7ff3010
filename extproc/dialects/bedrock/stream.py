"""Provider bytes → frames; what the events mean: ``stream_events.py``."""

import orjson

from extproc.dialects.base import Frame
from extproc.dialects.bedrock.errors import message_of, stream_error
from extproc.dialects.bedrock.families import family_of
from extproc.dialects.bedrock.stream_events import EventReader, JsonDict, MalformedEventError
from extproc.dialects.eventstream import EventStreamDecoder, Message
from extproc.domain.answer import Ended, Failed
from extproc.domain.errors import ProviderBadAnswer, ProviderError, ProviderTruncated
from extproc.domain.jsontext import read_json

MAX_BODY_BYTES = 1024 * 1024
"""Of a body that is no event stream: an error object is far below, and nothing else is of use."""

_NO_STREAM = "the provider's answer is not an event stream"
_FIRST_BYTES = b"\x00\x01"
"""The highest byte of a message's length, which is at most 16 MiB."""


class BedrockStreamReader:
    """A ``StreamReader`` for one answer of ``model``. A frame's ``raw`` is one message of the event stream, binary.

    The first byte tells an event stream from an HTML page, which fails at once, and from a JSON body, which is an error
    object more often than not and is read when the body ends.
    """

    __slots__ = ("_body", "_decoder", "_done", "_events", "_first")

    def __init__(self, model: str = "") -> None:
        self._decoder = EventStreamDecoder()
        self._events = EventReader(gross=family_of(model).gross_input)
        self._first = b""
        self._body = bytearray()
        self._done = False

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by these bytes, in order; none after the stream has ended or failed."""
        if self._done or not data:
            return []
        if not self._first:
            self._first = data[:1]
            if self._first != b"{" and self._first not in _FIRST_BYTES:
                return [self._fail(ProviderBadAnswer(_NO_STREAM))]
        if self._first == b"{":
            return self._collect(data)
        frames: list[Frame] = []
        for message in self._decoder.feed(data):
            frames.append(self._read(message))
            if self._done:
                return frames
        if self._decoder.failure is not None:
            frames.append(self._fail(ProviderBadAnswer(f"{_NO_STREAM}: {self._decoder.failure}")))
        return frames

    def finish(self) -> list[Frame]:
        """The body has ended: an error body is read; a stream without ``messageStop`` was cut.

        With it the answer is whole, even where the usage that follows it is missing.
        """
        if self._done:
            return []
        if self._body:
            message = message_of(_loads(bytes(self._body)))
            error = stream_error("", message) if message else ProviderBadAnswer(_NO_STREAM)
            return [self._fail(error)]
        if self._events.last is not None and not self._decoder.pending:
            self._done = True
            return [Frame(b"", (self._events.last,))]
        return [self._fail(ProviderTruncated("the provider's stream ended before the answer was complete"))]

    def _collect(self, data: bytes) -> list[Frame]:
        self._body += data
        return [self._fail(ProviderBadAnswer(_NO_STREAM))] if len(self._body) > MAX_BODY_BYTES else []

    def _fail(self, error: ProviderError, raw: bytes = b"") -> Frame:
        self._done = True
        return Frame(raw, (Failed(error),))

    def _read(self, message: Message) -> Frame:
        raw = message.raw
        kind = message.text(":message-type")
        if kind == "exception":
            text = message_of(_loads(message.payload))
            return self._fail(stream_error(message.text(":exception-type"), text), raw)
        if kind == "error":
            return self._fail(stream_error(message.text(":error-code"), message.text(":error-message")), raw)
        if kind != "event":
            return Frame(raw, ())
        data = _loads(message.payload)
        if data is None:
            return self._fail(ProviderBadAnswer("an event of the provider's stream is not a JSON object"), raw)
        name = message.text(":event-type")
        try:
            events = self._events.read(name, data)
        except MalformedEventError as error:
            return self._fail(ProviderBadAnswer(f"an event of the provider's stream lacks its {error}"), raw)
        if events and isinstance(events[-1], Ended | Failed):
            self._done = True
        return Frame(raw, events, usage_only=name == "metadata")


def _loads(data: bytes) -> JsonDict | None:
    """The JSON object, or None where it is none."""
    try:
        value = read_json(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
