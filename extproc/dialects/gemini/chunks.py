"""What one chunk of a stream means: decoded JSON → answer events. Used by ``stream``.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse: every chunk is such an object; function
calls come whole, usage is repeated as a running total, a candidate ends with its ``finishReason``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from extproc.dialects.gemini.citations import MAX_CITATIONS, parse_citations, search_count
from extproc.dialects.gemini.logprobs import parse_logprobs
from extproc.dialects.gemini.parse_answer import arguments_of, blocked, created_of, made_call_id, omitted_media
from extproc.dialects.gemini.reasons import finish_of
from extproc.dialects.gemini.usage import parse_tier, parse_usage
from extproc.domain.answer import (
    AnswerEvent,
    CitationAdded,
    Finished,
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

MAX_CANDIDATES = 128
"""Far above the vendor's highest ``candidateCount`` (8). More is no answer, and would grow our memory."""
MAX_CALLS = 1024
"""Function calls of one candidate: far above what a model makes in a turn."""


@dataclass(slots=True)
class _Candidate:
    """State of one candidate of the stream."""

    finished: bool = False
    calls: int = 0
    cited: set[tuple[Json, Json]] = field(default_factory=set[tuple[Json, Json]])
    searches: int = 0


class ChunkReader:
    """Reads the chunks of one stream, in order."""

    __slots__ = ("_candidates", "_id", "_model", "_started", "_usage")

    def __init__(self) -> None:
        self._started = False
        self._id = ""
        self._model = ""
        self._usage: Json = None
        self._candidates: dict[int, _Candidate] = {}

    @property
    def complete(self) -> bool:
        """Whether there was a candidate, and every one has its finish reason."""
        return bool(self._candidates) and all(candidate.finished for candidate in self._candidates.values())

    def read(self, chunk: JsonObject, events: list[AnswerEvent]) -> None:
        """Append what the chunk means.

        Raises ``ProviderBadAnswer`` where it is not a chunk, and the error that a finish reason stands for; what was
        understood before that is in ``events``.
        """
        candidates, feedback, metadata = (chunk.get(n) for n in ("candidates", "promptFeedback", "usageMetadata"))
        if candidates is None and feedback is None and metadata is None:
            raise ProviderBadAnswer("the provider's stream holds an event that is not a GenerateContentResponse")
        if candidates is not None and not isinstance(candidates, list):
            raise ProviderBadAnswer("the provider's stream holds candidates that are not a list")
        if not self._started:
            self._start(chunk, metadata, events)
        if metadata is not None and metadata != self._usage:
            self._usage = metadata
            events.append(UsageSeen(parse_usage(metadata), parse_tier(metadata)))
        for value in candidates or ():
            self._candidate(value, events)
        if not candidates and not self._candidates and (refusal := blocked(feedback)) is not None:
            self._candidates[0] = _Candidate(finished=True)
            events += (RefusalDelta(refusal), Finished("content_filter"))

    def _start(self, chunk: JsonObject, metadata: Json, events: list[AnswerEvent]) -> None:
        self._started = True
        self._id = _text(chunk, "responseId")
        self._model = _text(chunk, "modelVersion")
        events.append(Started(self._id, self._model, created_of(chunk.get("createTime")), parse_tier(metadata)))

    def _candidate(self, value: Json, events: list[AnswerEvent]) -> None:
        if not isinstance(value, Mapping):
            raise ProviderBadAnswer("the provider's stream holds a candidate that is not an object")
        number = value.get("index")
        index = number if isinstance(number, int) else 0
        candidate = self._candidates.get(index)
        if candidate is None:
            candidate = self._candidates[index] = _Candidate()
            if len(self._candidates) > MAX_CANDIDATES:
                raise ProviderBadAnswer(f"the provider's stream has more than {MAX_CANDIDATES} candidates")
        first = len(events)
        reason = _text(value, "finishReason")
        ends = reason not in {"", "FINISH_REASON_UNSPECIFIED"}
        self._content(value.get("content"), index, candidate, events)
        if ends:
            _close(events, first)
        if "logprobsResult" in value:
            _put_logprobs(parse_logprobs(value["logprobsResult"]), index, first, events)
        if "groundingMetadata" in value or "citationMetadata" in value:
            self._cite(value, index, candidate, events)
        if ends and not candidate.finished:
            finish = finish_of(reason, called=candidate.calls > 0)
            if finish == "content_filter" and (message := _text(value, "finishMessage")):
                events.append(RefusalDelta(message, index))
            events.append(Finished(finish, index))
            candidate.finished = True

    def _content(self, content: Json, index: int, candidate: _Candidate, events: list[AnswerEvent]) -> None:
        parts = content.get("parts") if isinstance(content, Mapping) else None
        if not isinstance(parts, list):
            return
        for part in parts:
            if not isinstance(part, Mapping):
                raise ProviderBadAnswer("the provider's stream holds a part that is not an object")
            self._part(part, index, candidate, events)

    def _part(self, part: JsonObject, index: int, candidate: _Candidate, events: list[AnswerEvent]) -> None:
        signature = _text(part, "thoughtSignature")
        if (call := part.get("functionCall")) is not None:
            if not isinstance(call, Mapping):
                raise ProviderBadAnswer("the provider's stream holds a function call that is not an object")
            self._call(call, signature, index, candidate, events)
            return
        text = _text(part, "text")
        if part.get("thought") is True:
            if text:
                events.append(ThinkingDelta(text, index))
            if signature:
                events.append(ThinkingSigned(signature, index, "gemini"))
            return
        if signature:
            # Before the text that it signs, where a renderer looks for it; text that came earlier is of the same part.
            events.append(ThinkingRedacted(signature, index, "gemini"))
        if text or (text := omitted_media(part) or ""):
            events.append(TextDelta(text, index))

    def _call(
        self, call: JsonObject, signature: str, index: int, candidate: _Candidate, events: list[AnswerEvent]
    ) -> None:
        name = _text(call, "name")
        if not name and candidate.calls:
            return  # more of a call whose arguments come in pieces, which only the vendor's own clients can ask for
        number = candidate.calls
        if not name or number == MAX_CALLS:
            raise ProviderBadAnswer("the provider's stream holds a function call without a name, or too many of them")
        candidate.calls += 1
        call_id = _text(call, "id") or made_call_id(f"{self._id}_{index}", number)
        events.append(ToolCallStarted(number, call_id, name, index, signature or None))
        events.append(ToolCallDelta(number, arguments_of(call.get("args")), index))

    def _cite(self, value: JsonObject, index: int, candidate: _Candidate, events: list[AnswerEvent]) -> None:
        for citation in parse_citations(value):
            key = (citation["url"], citation["cited_text"])
            if key not in candidate.cited and len(candidate.cited) < MAX_CITATIONS:
                candidate.cited.add(key)
                events.append(CitationAdded(citation, index))
        if (searches := search_count(value, self._model)) > candidate.searches:
            candidate.searches = searches
            total = sum(each.searches for each in self._candidates.values())
            events.append(UsageSeen(replace(parse_usage(self._usage), web_searches=total)))


def _close(events: list[AnswerEvent], first: int) -> None:
    """Put the seal that closes an answer behind its text: see ``parse_answer``. ``first``: of the last chunk's events."""
    match events[first:]:
        case [*_, ThinkingRedacted() as seal, TextDelta() as text]:
            events[-2:] = [text, seal]
        case _:
            pass


def _put_logprobs(logprobs: JsonObject | None, index: int, first: int, events: list[AnswerEvent]) -> None:
    """With the chunk's text, from event ``first`` on; with an empty text where there is none (part of a character)."""
    if logprobs is None:
        return
    for at in range(first, len(events)):
        event = events[at]
        if isinstance(event, TextDelta):
            events[at] = TextDelta(event.text, index, logprobs)
            return
    events.append(TextDelta("", index, logprobs))


def _text(value: JsonObject, name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""
