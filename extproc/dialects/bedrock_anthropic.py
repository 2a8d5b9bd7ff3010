"""Anthropic's events in AWS framing → the server-sent events that the Anthropic dialect reads.

Bedrock's ``InvokeModelWithResponseStream`` of a Claude model: each ``chunk`` message holds ``{"bytes": base64 of one
event's JSON}``. Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html,
https://platform.claude.com/docs/en/build-with-claude/streaming, and how the ``anthropic`` SDK's ``AnthropicBedrock``
reads it. What a message means is not looked at here: the Anthropic dialect's own reader does.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping

import orjson

from extproc.dialects.eventstream import EventStreamDecoder, Message
from extproc.dialects.sse import render_event
from extproc.domain.errors import ProviderBadAnswer, ProviderTruncated
from extproc.domain.jsontext import read_json
from extproc.domain.reading import Json

MAX_BODY_BYTES = 1024 * 1024
"""Of a body that is no event stream: an error object is far below, and nothing else is of use."""

_NO_STREAM = "the provider's answer is not an event stream"

_ERROR_TYPES: Mapping[str, str] = {
    "internalServerException": "api_error",
    "modelStreamErrorException": "api_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
    "accessDeniedException": "permission_error",
    "resourceNotFoundException": "not_found_error",
}
"""Exception of the stream → ``error.type`` of Anthropic's own ``error`` event."""


class AnthropicOverBedrock:
    """AWS event stream → server-sent events, for one answer. Any split of the bytes gives the same events.

    Each event's JSON is handed on byte for byte: ``message_stop`` keeps Bedrock's ``amazon-bedrock-invocationMetrics``,
    which Anthropic's clients pass over. An exception becomes Anthropic's ``error`` event.
    """

    __slots__ = ("_body", "_decoder", "_failure", "_first")

    def __init__(self) -> None:
        self._decoder = EventStreamDecoder()
        self._failure: ProviderBadAnswer | None = None
        self._body = bytearray()
        self._first = b""

    def feed(self, data: bytes) -> bytes:
        """The events completed by these bytes.

        Raises ``ProviderBadAnswer`` where the bytes are not of the framing. What comes before it is given out first, so it
        may be raised by the call after the one that brought the bytes. Nothing follows it.
        """
        if not self._first:
            self._first = data[:1]
        if self._first == b"{":
            return self._collect(data)
        if self._failure is not None:
            raise self._failure
        events: list[bytes] = []
        try:
            for message in self._decoder.feed(data):
                events.append(_event(message))  # noqa: PERF401 -- what comes before a failure is kept
        except ProviderBadAnswer as error:
            self._failure = error
        else:
            if self._decoder.failure is not None:
                self._failure = ProviderBadAnswer(f"{_NO_STREAM}: {self._decoder.failure}")
        if self._failure is not None and not events:
            raise self._failure
        return b"".join(events)

    def finish(self) -> bytes:
        """The body has ended: an error body that came in place of a stream, as an ``error`` event.

        Raises ``ProviderBadAnswer`` where the last bytes are not of the framing, ``ProviderTruncated`` where they are part
        of a message.
        """
        if self._first == b"{":
            return _error_body(bytes(self._body))
        if self._failure is not None:
            raise self._failure
        if self._decoder.pending:
            raise ProviderTruncated("the provider's stream ended before the answer was complete")
        return b""

    def _collect(self, data: bytes) -> bytes:
        """A JSON body: an event stream's first byte is 0 or 1, the highest of a length of at most 16 MiB."""
        self._body += data
        if len(self._body) > MAX_BODY_BYTES:
            raise ProviderBadAnswer(_NO_STREAM)
        return b""


def _event(message: Message) -> bytes:
    match message.text(":message-type"):
        case "event" if message.text(":event-type") == "chunk":
            return _chunk(message.payload)
        case "exception":
            return _error(message.text(":exception-type"), _message_of(message.payload))
        case "error":
            return _error(message.text(":error-code"), message.text(":error-message"))
        case _:
            return b""  # events that AWS may add


def _chunk(payload: bytes) -> bytes:
    """The event inside. Raises ``ProviderBadAnswer`` where there is none."""
    try:
        holder: Json = orjson.loads(payload)
        encoded = holder.get("bytes") if isinstance(holder, Mapping) else None
        data = b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
        event = read_json(data)
    except (orjson.JSONDecodeError, binascii.Error, ValueError) as error:
        raise ProviderBadAnswer("a message of the provider's stream does not hold an event") from error
    kind = event.get("type") if isinstance(event, Mapping) else None
    if not isinstance(kind, str) or "\n" in kind or "\r" in kind:
        raise ProviderBadAnswer("an event of the provider's stream lacks its type")
    if b"\n" in data or b"\r" in data:
        data = orjson.dumps(event)  # a line of an event cannot hold one
    return render_event(data, name=kind)


def _error(exception: str, text: str) -> bytes:
    kind = _ERROR_TYPES.get(exception[:1].lower() + exception[1:], "api_error")
    body = {"type": "error", "error": {"type": kind, "message": text or exception}}
    return render_event(orjson.dumps(body), name="error")


def _error_body(body: bytes) -> bytes:
    """A JSON body where a stream should be. Raises ``ProviderBadAnswer`` where it reports no error."""
    text = _message_of(body)
    if not text:
        raise ProviderBadAnswer(_NO_STREAM)
    return _error("", text)


def _message_of(payload: bytes) -> str:
    """The ``message`` of an exception, which some services spell with a capital."""
    try:
        body: Json = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(body, Mapping):
        return ""
    text = body.get("message") or body.get("Message")
    return text if isinstance(text, str) else ""
