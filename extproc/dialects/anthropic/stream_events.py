"""What one decoded event of a stream means.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming. Of what is unknown, for the vendor adds such,
blocks and deltas are content that only its own clients read, and events mean nothing; what breaks its own type's promise
is malformed. Apart from ``stream.py``, for the same events also travel in other framings than server-sent events.
"""

from collections.abc import Callable

import orjson

from extproc.dialects.anthropic.errors import stream_error
from extproc.dialects.anthropic.parse import refusal_explanation
from extproc.dialects.anthropic.reasons import finish_of
from extproc.dialects.anthropic.usage import NO_USAGE, parse_beside, parse_tier, parse_totals
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
from extproc.domain.reading import Json

Events = tuple[AnswerEvent, ...]
JsonDict = dict[str, Json]


class MalformedEventError(ValueError):
    """An event lacks what its type promises."""


class EventReader:
    """Decoded events of one answer → ``AnswerEvent``; ``message_stop`` gives ``Ended``, ``error`` gives ``Failed``."""

    __slots__ = ("_beside", "_blocks", "_calls", "_readers", "_usage")

    def __init__(self) -> None:
        self._usage = self._beside = NO_USAGE
        self._calls = 0
        self._blocks: dict[int, _ToolBlock] = {}
        """Tool calls whose block is open, by the block's index."""
        self._readers: dict[str, Callable[[JsonDict], Events]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "error": self._error,
        }

    def read(self, data: JsonDict) -> Events:
        """The meaning of one event. Raises ``MalformedEventError``."""
        read = self._readers.get(_text(data, "type"))
        return read(data) if read else ()

    def _message_start(self, data: JsonDict) -> Events:
        message = _object(data, "message")
        usage = message.get("usage")
        started = Started(id=_text(message, "id"), model=_text(message, "model"), service_tier=parse_tier(usage))
        return (started, *self._usage_seen(usage))

    def _block_start(self, data: JsonDict) -> Events:
        block = _object(data, "content_block")
        match block.get("type"):
            # Compatible servers put a first piece here; the vendor itself leaves it empty.
            case "text":
                text = block.get("text")
                return (TextDelta(text),) if isinstance(text, str) and text else ()
            case "thinking":
                text = block.get("thinking")
                return (ThinkingDelta(text),) if isinstance(text, str) and text else ()
            case "redacted_thinking":
                return (ThinkingRedacted(_text(block, "data")),)
            case "tool_use":
                call = _ToolBlock(self._calls, block.get("input") or {})
                self._calls += 1
                self._blocks[_index(data)] = call
                return (ToolCallStarted(call.number, _text(block, "id"), _text(block, "name")),)
            case _:
                return _opaque(block)

    def _block_delta(self, data: JsonDict) -> Events:
        delta = _object(data, "delta")
        kind = delta.get("type")
        if kind == "text_delta":
            return (TextDelta(_text(delta, "text")),)
        if kind == "input_json_delta":
            # Of a server-side tool, too, which is no call for the client.
            call = self._blocks.get(_index(data))
            return call.more(_text(delta, "partial_json")) if call else _opaque(delta)
        if kind == "thinking_delta":
            return (ThinkingDelta(_text(delta, "thinking")),)
        if kind == "signature_delta":
            signature = _text(delta, "signature")
            return (ThinkingSigned(signature),) if signature else ()
        if kind == "citations_delta":
            return (CitationAdded(_object(delta, "citation")),)
        return _opaque(delta)

    def _block_stop(self, data: JsonDict) -> Events:
        call = self._blocks.pop(_index(data), None)
        return call.close() if call else ()

    def _message_delta(self, data: JsonDict) -> Events:
        delta = _object(data, "delta")
        events: list[AnswerEvent] = []
        reason = delta.get("stop_reason")
        if isinstance(reason, str):
            explanation = refusal_explanation(delta.get("stop_details"))
            if explanation:
                events.append(RefusalDelta(explanation))
            sequence = delta.get("stop_sequence")
            events.append(
                Finished(finish_of(reason), stop_sequence=sequence if isinstance(sequence, str) else None),
            )
        return (*events, *self._usage_seen(data.get("usage")))

    def _message_stop(self, _data: JsonDict) -> Events:
        return (Ended(),)

    def _error(self, data: JsonDict) -> Events:
        return (Failed(stream_error(data)),)

    def _usage_seen(self, value: Json) -> Events:
        if not isinstance(value, dict):
            return ()
        self._usage = self._usage.merged(parse_totals(value, self._usage))
        # Told anew with each report that has it, and missing from others.
        self._beside = self._beside.merged(parse_beside(value))
        return (UsageSeen(self._usage.plus(self._beside)),)


class _ToolBlock:
    """A tool call whose arguments are arriving."""

    __slots__ = ("_input", "_seen", "number")

    def __init__(self, number: int, whole_input: Json) -> None:
        self.number = number
        self._input = whole_input
        self._seen = False

    def more(self, partial_json: str) -> Events:
        if not partial_json:
            return ()
        self._seen = True
        return (ToolCallDelta(self.number, partial_json),)

    def close(self) -> Events:
        """A call without arguments has no pieces; elsewhere the arguments are JSON text all the same (``{}``)."""
        return () if self._seen else (ToolCallDelta(self.number, orjson.dumps(self._input).decode()),)


def _opaque(value: JsonDict) -> Events:
    """What the vendor's own tools ask and find, a summary of the prompt: a search may take long, and it is on its way.

    As large as its texts; what they hold besides is not measured, for nobody asks more than whether it is something.
    """
    size = sum(len(text) for name, text in value.items() if name != "type" and isinstance(text, str))
    return (Opaque(size),) if size else ()


def _object(data: JsonDict, name: str) -> JsonDict:
    value = data.get(name)
    if isinstance(value, dict):
        return value
    raise MalformedEventError(name)


def _text(data: JsonDict, name: str) -> str:
    value = data.get(name)
    if isinstance(value, str):
        return value
    raise MalformedEventError(name)


def _index(data: JsonDict) -> int:
    value = data.get("index")
    if isinstance(value, int):
        return value
    raise MalformedEventError("index")
