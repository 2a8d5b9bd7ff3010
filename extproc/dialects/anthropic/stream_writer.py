"""``AnswerEvent`` → client bytes. Counterpart: ``stream.py``.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming. One content block is open at a time, blocks are
numbered in order, and a closed one is never reopened; usage and the stop reason come in one event at the end.
"""

from collections import deque
from typing import TypeAlias

import orjson

from extproc.dialects.anthropic.errors import render_error_event
from extproc.dialects.anthropic.reasons import stop_reason_of
from extproc.dialects.anthropic.render import call_seal, message_id
from extproc.dialects.anthropic.usage import NO_USAGE, render_delta_usage, render_usage
from extproc.dialects.sse import render_event
from extproc.domain.answer import (
    AnswerEvent,
    CitationAdded,
    Ended,
    Failed,
    Finished,
    Opaque,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.errors import ProviderBadAnswer
from extproc.domain.reading import Json, JsonObject
from extproc.domain.sealed import seal

MAX_WAITING_BYTES = 16 * 1024 * 1024
"""Of blocks held behind an unfinished tool call: an event's own limit, and far above any model's output."""

_TEXT: JsonObject = {"type": "text", "text": ""}
_THINKING: JsonObject = {"type": "thinking", "thinking": "", "signature": ""}
_UNNAMED = Started(id="", model="")

_Content: TypeAlias = (
    TextDelta
    | ThinkingDelta
    | ThinkingSigned
    | ThinkingRedacted
    | RefusalDelta
    | CitationAdded
    | ToolCallStarted
    | ToolCallDelta
)


class _Block:
    """A content block. The first of the queue is open on the wire, those behind it wait with their bytes."""

    __slots__ = ("_head", "arguments", "index", "kind", "waiting")

    def __init__(self, index: int, kind: str) -> None:
        self.index = index
        self.kind = kind
        self.waiting: list[bytes] = []
        self.arguments: list[str] = []
        """Of a tool call, to see when they are complete."""
        # Joined by hand: this is done for every token.
        self._head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"' % index
        )

    def delta(self, kind: bytes, field: bytes, value: Json) -> bytes:
        """A ``content_block_delta`` event."""
        return self._head + kind + b'","' + field + b'":' + orjson.dumps(value) + b"}}\n\n"

    def is_complete(self) -> bool:
        """Whether nothing more is to come once another block has begun: of a tool call, when its arguments are JSON."""
        if self.kind != "tool_use":
            return True
        try:
            orjson.loads("".join(self.arguments))
        except orjson.JSONDecodeError:
            return False
        return True


class AnthropicStreamWriter:
    """A ``StreamWriter`` for one answer.

    OpenAI's streams may interleave the arguments of parallel calls: the call that began first is streamed, whatever
    comes behind it is held until its arguments are complete. Events of other choices than the first are left out.
    """

    __slots__ = (
        "_blocks",
        "_calls",
        "_done",
        "_finish",
        "_opened",
        "_queue",
        "_refused",
        "_started",
        "_usage",
        "_waiting",
    )

    def __init__(self) -> None:
        self._started = _UNNAMED
        self._opened = False
        self._done = False
        self._usage = NO_USAGE
        self._finish = Finished("stop")
        self._refused = False
        self._blocks = 0
        self._waiting = 0
        self._queue: deque[_Block] = deque()
        self._calls: dict[int, _Block] = {}

    def write(self, event: AnswerEvent) -> bytes:
        """The bytes of this event; empty while there is nothing to say yet, and after the end."""
        if self._done:
            return b""
        match event:
            case Started():
                # Written with the first event behind it, for the input's usage may be among the next.
                self._started = event
            case UsageSeen():
                self._usage = self._usage.merged(event.usage)
            case Failed():
                self._done = True
                return render_error_event(event.error)
            case Ended():
                self._done = True
                return self._open() + self._close_all() + self._end()
            case Finished():
                if not event.choice:
                    self._finish = event
                    return self._open() + self._close_all()
            case Opaque():
                pass  # what only clients of its own vendor read
            case _:
                if not event.choice:
                    return self._open() + self._content(event)
        return b""

    def _open(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        message: JsonObject = {
            "id": message_id(self._started.id),
            "type": "message",
            "role": "assistant",
            "model": self._started.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": render_usage(self._usage, self._started.service_tier),
        }
        return _event("message_start", message=message)

    def _end(self) -> bytes:
        reason = stop_reason_of(
            self._finish.reason,
            stop_sequence=self._finish.stop_sequence,
            called_tools=bool(self._calls),
            refused=self._refused,
        )
        delta: JsonObject = {"stop_reason": reason, "stop_sequence": self._finish.stop_sequence}
        return _event("message_delta", delta=delta, usage=render_delta_usage(self._usage)) + _event("message_stop")

    def _content(self, event: _Content) -> bytes:
        match event:
            case TextDelta():
                out = self._add("text", _TEXT, b"text_delta", b"text", event.text)
            case RefusalDelta():
                self._refused = True
                out = self._add("text", _TEXT, b"text_delta", b"text", event.text)
            case CitationAdded():
                out = self._add("text", _TEXT, b"citations_delta", b"citation", event.citation)
            case ThinkingDelta():
                out = self._add("thinking", _THINKING, b"thinking_delta", b"thinking", event.text)
            case ThinkingSigned():
                signature = seal(event.signature, event.origin, native="anthropic") if event.signature else ""
                out = self._add("thinking", _THINKING, b"signature_delta", b"signature", signature)
                if event.signature:
                    # A signature closes its block: more thinking is another one.
                    self._queue[-1].kind = "signed"
            case ThinkingRedacted():
                data = seal(event.data, event.origin, native="anthropic")
                out = self._begin("redacted", {"type": "redacted_thinking", "data": data})
            case ToolCallStarted():
                out = self._call(event)
            case _:  # a ToolCallDelta, the last that there is
                out = self._arguments(event)
        return out

    def _add(self, kind: str, start: JsonObject, delta: bytes, field: bytes, value: Json) -> bytes:
        if not value:
            return b""
        begun = b"" if self._queue and self._queue[-1].kind == kind else self._begin(kind, start)
        block = self._queue[-1]
        return begun + self._emit(block, block.delta(delta, field, value))

    def _call(self, event: ToolCallStarted) -> bytes:
        if event.index in self._calls:
            return b""
        start: JsonObject = {
            "type": "tool_use",
            "id": event.id or f"toolu_{event.index}",
            "name": event.name,
            "input": {},
        }
        sealed = self._begin("redacted", call_seal(event.signature)) if event.signature else b""
        begun = self._begin("tool_use", start)
        self._calls[event.index] = self._queue[-1]
        return sealed + begun

    def _arguments(self, event: ToolCallDelta) -> bytes:
        block = self._calls.get(event.index)
        if block is None or block not in self._queue or not event.arguments:
            return b""
        block.arguments.append(event.arguments)
        out = self._emit(block, block.delta(b"input_json_delta", b"partial_json", event.arguments))
        # Only an object's last brace can complete it, so most pieces need no look at the whole.
        return out + self._advance() if event.arguments.rstrip().endswith("}") else out

    def _begin(self, kind: str, start: JsonObject) -> bytes:
        block = _Block(self._blocks, kind)
        self._blocks += 1
        self._queue.append(block)
        return (
            self._emit(block, _event("content_block_start", index=block.index, content_block=start)) + self._advance()
        )

    def _emit(self, block: _Block, data: bytes) -> bytes:
        if self._queue[0] is block:
            return data
        block.waiting.append(data)
        self._waiting += len(data)
        if self._waiting > MAX_WAITING_BYTES:
            self._done = True
            raise ProviderBadAnswer("the provider's stream interleaves more than can be held")
        return b""

    def _advance(self) -> bytes:
        """Closes blocks that are complete and have one behind them, which then goes out."""
        out: list[bytes] = []
        while len(self._queue) > 1 and self._queue[0].is_complete():
            out += self._close_first()
        return b"".join(out)

    def _close_all(self) -> bytes:
        out: list[bytes] = []
        while self._queue:
            out += self._close_first()
        return b"".join(out)

    def _close_first(self) -> list[bytes]:
        out = [_event("content_block_stop", index=self._queue.popleft().index)]
        if self._queue:
            first = self._queue[0]
            out += first.waiting
            self._waiting -= sum(map(len, first.waiting))
            first.waiting = []
        return out


def _event(kind: str, **fields: Json) -> bytes:
    return render_event(orjson.dumps({"type": kind, **fields}), name=kind)
