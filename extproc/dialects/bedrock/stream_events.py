"""What one decoded event of a stream means.

Source: ``ConverseStreamOutput`` of the service model. What is unknown (events, kinds of block and delta) has no meaning here
and no harm either, for the vendor adds such; what breaks its own type's promise is malformed.
"""

from collections.abc import Callable

from extproc.dialects.bedrock.citations import parse_citation
from extproc.dialects.bedrock.parse import stop_sequence_of
from extproc.dialects.bedrock.reasons import finish_of
from extproc.dialects.bedrock.redacted import parse_redacted
from extproc.dialects.bedrock.usage import parse_tier, parse_usage
from extproc.domain.answer import (
    AnswerEvent,
    CitationAdded,
    Ended,
    Failed,
    Finished,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.errors import ProviderFailed
from extproc.domain.reading import Json

Events = tuple[AnswerEvent, ...]
JsonDict = dict[str, Json]


class MalformedEventError(ValueError):
    """An event lacks what its type promises."""


class EventReader:
    """Decoded events of one answer → ``AnswerEvent``.

    The last of them, ``Ended``, comes with the later of ``messageStop`` and ``metadata``. So does the ``Failed`` of an answer
    that the model has broken, for what it cost is known then.
    """

    __slots__ = ("_calls", "_counted", "_gross", "_last", "_open", "_readers")

    def __init__(self, *, gross: bool = False) -> None:
        self._calls = 0
        self._gross = gross
        """As ``parse_usage`` has it."""
        self._open: dict[int, _OpenCall] = {}
        """Tool calls whose block is open, by the block's index."""
        self._last: Ended | Failed | None = None
        """What ends the answer, once ``messageStop`` has said it."""
        self._counted = False
        self._readers: dict[str, Callable[[JsonDict], Events]] = {
            "messageStart": self._message_start,
            "contentBlockStart": self._block_start,
            "contentBlockDelta": self._block_delta,
            "contentBlockStop": self._block_stop,
            "messageStop": self._message_stop,
            "metadata": self._metadata,
        }

    @property
    def last(self) -> Ended | Failed | None:
        """What ends the answer, should its usage never come; None while it is not complete."""
        return self._last

    def read(self, event: str, data: JsonDict) -> Events:
        """The meaning of one event. Raises ``MalformedEventError``."""
        read = self._readers.get(event)
        return read(data) if read else ()

    def _message_start(self, _data: JsonDict) -> Events:
        return (Started(id="", model=""),)

    def _block_start(self, data: JsonDict) -> Events:
        use = _object(data, "start").get("toolUse")
        # With a type it is a tool that Bedrock runs itself, which is no call for the client.
        if not isinstance(use, dict) or use.get("type") is not None:
            return ()
        number = self._calls
        self._calls += 1
        self._open[_index(data)] = _OpenCall(number)
        return (ToolCallStarted(number, _text(use, "toolUseId"), _text(use, "name")),)

    def _block_delta(self, data: JsonDict) -> Events:
        delta = _object(data, "delta")
        if "text" in delta:
            return (TextDelta(_text(delta, "text")),)
        if "toolUse" in delta:
            return self._arguments(_index(data), _text(_object(delta, "toolUse"), "input"))
        if "reasoningContent" in delta:
            return _reasoning(_object(delta, "reasoningContent"))
        if "citation" in delta:
            citation = parse_citation(_object(delta, "citation"))
            return (CitationAdded(citation),) if citation else ()
        return ()

    def _arguments(self, index: int, text: str) -> Events:
        call = self._open.get(index)
        if call is None or not text:
            return ()
        call.seen = True
        return (ToolCallDelta(call.number, text),)

    def _block_stop(self, data: JsonDict) -> Events:
        """A call without arguments may have no pieces; elsewhere the arguments are JSON text all the same."""
        call = self._open.pop(_index(data), None)
        return (ToolCallDelta(call.number, "{}"),) if call and not call.seen else ()

    def _message_stop(self, data: JsonDict) -> Events:
        finished: Events = ()
        try:
            reason = finish_of(_text(data, "stopReason"))
            sequence = stop_sequence_of(data.get("additionalModelResponseFields"))
            finished = (Finished(reason, stop_sequence=sequence),)
            self._last = Ended()
        except ProviderFailed as error:
            self._last = Failed(error)
        return (*finished, self._last) if self._counted else finished

    def _metadata(self, data: JsonDict) -> Events:
        self._counted = True
        usage = UsageSeen(
            parse_usage(data.get("usage"), gross=self._gross), service_tier=parse_tier(data.get("serviceTier"))
        )
        return (usage, self._last) if self._last else (usage,)


class _OpenCall:
    """A tool call whose arguments are arriving."""

    __slots__ = ("number", "seen")

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen = False


def _reasoning(delta: JsonDict) -> Events:
    if "text" in delta:
        return (ThinkingDelta(_text(delta, "text")),)
    if "signature" in delta:
        signature = _text(delta, "signature")
        return (ThinkingSigned(signature),) if signature else ()
    if "redactedContent" in delta:
        return (ThinkingRedacted(parse_redacted(_text(delta, "redactedContent"))),)
    return ()


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
    value = data.get("contentBlockIndex")
    if isinstance(value, int):
        return value
    raise MalformedEventError("contentBlockIndex")
