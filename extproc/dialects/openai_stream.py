"""Provider bytes → frames, for Chat Completions and Completions; what a chunk means is for the dialect to say.

Both streams are a run of unnamed SSE events, each with one chunk of JSON, and ``[DONE]`` at the end
(https://developers.openai.com/api/docs/guides/streaming-responses). Nothing here raises on bad input: it becomes a frame
that ends in ``Failed``.
"""

import json
import re
from typing import Protocol

import orjson

from extproc.dialects.base import Frame
from extproc.dialects.openai_errors import stream_error, vendor_error
from extproc.dialects.sse import EventTooLargeError, SseDecoder, SseEvent
from extproc.domain.answer import AnswerEvent, Ended, Failed
from extproc.domain.errors import ProviderBadAnswer, ProviderError, ProviderTruncated
from extproc.domain.jsontext import read_json
from extproc.domain.reading import Json, JsonObject

_MAX_HEAD = 16 * 1024
"""Bytes of a body that is no event stream, or of blanks before one: any JSON error fits."""

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")
_SSE = re.compile(rb":|(?:data|event|id|retry):")
_NOT_SSE = "the provider answered a streamed request with a body that is not an event stream"


class ChunkReader(Protocol):
    """Reads the chunks of one stream, in order."""

    @property
    def started(self) -> bool:
        """Whether a chunk of the answer has been there."""
        ...

    @property
    def complete(self) -> bool:
        """Whether there was a choice, and every one has its finish reason."""
        ...

    def read(self, chunk: JsonObject, events: list[AnswerEvent]) -> bool:
        """Append what the chunk means; True where it holds usage and nothing else. Raises ``ProviderError``."""
        ...


class ChunkStreamReader:
    """Reads one stream (see ``extproc.dialects.base.StreamReader``)."""

    __slots__ = ("_chunks", "_head", "_is_sse", "_over", "_sse")

    def __init__(self, chunks: ChunkReader) -> None:
        self._sse = SseDecoder()
        self._chunks = chunks
        self._head = b""
        self._is_sse = False
        self._over = False

    def feed(self, data: bytes) -> list[Frame]:
        """Frames completed by these bytes, in order."""
        if self._over:
            return []
        try:
            if not self._is_sse:
                data = self._sniff(data)
            events = self._sse.feed(data)
        except EventTooLargeError as error:
            return [self._failed(ProviderBadAnswer(f"the provider's stream is broken: {error}"))]
        except ProviderError as error:
            return [self._failed(error)]
        return self._frames(events)

    def finish(self) -> list[Frame]:
        """The body has ended: the last frames."""
        if self._over:
            return []
        if not self._is_sse and self._head.lstrip(_BLANKS).startswith((b"{", b"[")):
            return [self._failed(ProviderBadAnswer(_NOT_SSE))]
        frames: list[Frame] = []
        try:
            rest = self._sse.flush()
        except EventTooLargeError as error:
            return [self._failed(ProviderBadAnswer(f"the provider's stream is broken: {error}"))]
        # Only the blank line behind the last event may be missing: an event that is cut says nothing.
        if rest is not None and (rest.data is None or _is_whole(rest.data)):
            frames = self._frames([rest])
            rest = None
        if not self._over:
            self._over = True
            end = Ended() if self._chunks.complete else Failed(_truncated())
            # Apart from the end itself, so that whoever forwards frames can leave out what no client could read.
            frames += [Frame(rest.raw, ())] if rest else []
            frames.append(Frame(b"", (end,)))
        return frames

    def _sniff(self, data: bytes) -> bytes:
        """The bytes for the decoder: none until it is certain that this is an event stream.

        Raises the error that the body stands for where it is none. The decision falls at the same byte however the
        body is split.
        """
        head = self._head + data
        if _BOM.startswith(head):
            self._head = head
            return b""
        body = head.removeprefix(_BOM).lstrip(_BLANKS)
        if len(head) - len(body) > _MAX_HEAD:
            raise ProviderBadAnswer(_NOT_SSE)
        if _SSE.match(body):
            self._is_sse, self._head = True, b""
            return head
        if body.startswith((b"{", b"[")):
            head = body[:_MAX_HEAD]
            if b"}" in data or b"]" in data:  # no other byte can make it whole
                _refuse_json(head)
            if len(head) == _MAX_HEAD:
                raise ProviderBadAnswer(_NOT_SSE)
        elif not any(field.startswith(body) for field in _FIELDS):
            raise ProviderBadAnswer(_NOT_SSE)
        self._head = head
        return b""

    def _frames(self, events: list[SseEvent]) -> list[Frame]:
        frames: list[Frame] = []
        for event in events:
            if self._over:
                break
            frames.append(self._frame(event))
        return frames

    def _frame(self, event: SseEvent) -> Frame:
        if not event.data:  # a comment, or a keep-alive
            return Frame(event.raw, ())
        meant: list[AnswerEvent] = []
        usage_only = False
        try:
            usage_only = self._read(event.name, event.data, meant)
        except ProviderError as error:
            self._over = True
            meant.append(Failed(error))
        # Responses end in an event of their own, which the reader of chunks knows.
        self._over = self._over or (bool(meant) and isinstance(meant[-1], Ended))
        return Frame(event.raw, tuple(meant), usage_only)

    def _read(self, name: str, data: bytes, meant: list[AnswerEvent]) -> bool:
        """Append what an event means; True where it is usage only. Raises ``ProviderError`` where it ends the stream."""
        if data.lstrip().startswith(b"[DONE]"):
            if not self._chunks.started:
                raise _truncated()
            self._over = True
            meant.append(Ended())
            return False
        try:
            chunk = read_json(data)
        except orjson.JSONDecodeError:
            if name == "error":
                raise stream_error({"error": data.decode("utf-8", "replace")}) from None
            raise ProviderBadAnswer("the provider's stream holds a line that is not JSON") from None
        if name == "error":
            raise stream_error(chunk if vendor_error(chunk) is not None else {"error": chunk})
        if not isinstance(chunk, dict):
            raise ProviderBadAnswer("the provider's stream holds a line that is not a JSON object")
        if ("error" in chunk or "choices" not in chunk) and vendor_error(chunk) is not None:
            raise stream_error(chunk)
        return self._chunks.read(chunk, meant)

    def _failed(self, error: ProviderError) -> Frame:
        self._over = True
        return Frame(b"", (Failed(error),))


def _refuse_json(head: bytes) -> None:
    """Raise the error that a bare JSON body stands for, once it is whole; what follows it does not matter."""
    text = head.decode("utf-8", "replace")
    try:
        # The standard library's only to find the end, for orjson has no way to read a document that something follows.
        end = json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return
    try:
        value: Json = orjson.loads(text[:end])
    except orjson.JSONDecodeError:
        value = None
    raise ProviderBadAnswer(_NOT_SSE) if vendor_error(value) is None else stream_error(value)


def _is_whole(data: bytes) -> bool:
    if data.lstrip().startswith(b"[DONE]"):
        return True
    try:
        read_json(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _truncated() -> ProviderTruncated:
    return ProviderTruncated("the provider's stream ended before the answer was complete")
