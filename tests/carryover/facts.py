"""What an answer says, as words: of a whole one, and of the events of a stream."""

from collections.abc import Iterable, Iterator
from dataclasses import fields

from extproc.domain.answer import (
    Answer,
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
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.usage import Usage


def facts_of_answer(answer: Answer) -> set[str]:
    return set(_facts(events_of(answer)))


def facts_of_events(events: Iterable[AnswerEvent]) -> set[str]:
    return set(_facts(events))


def events_of(answer: Answer) -> Iterator[AnswerEvent]:
    """The answer as a stream would say it."""
    yield Started(answer.id, answer.model, answer.created, answer.service_tier, answer.system_fingerprint)
    for index, choice in enumerate(answer.choices):
        calls = 0
        for part in choice.parts:
            match part:
                case Text():
                    yield TextDelta(part.text, index, choice.logprobs)
                    yield from (CitationAdded(citation, index) for citation in part.citations)
                case Refusal():
                    yield RefusalDelta(part.text, index)
                case Thinking():
                    yield ThinkingDelta(part.text, index)
                    if part.signature:
                        yield ThinkingSigned(part.signature, index, part.origin)
                case RedactedThinking():
                    yield ThinkingRedacted(part.data, index, part.origin)
                case ToolCall():
                    yield ToolCallStarted(calls, part.id, part.name, index, part.signature)
                    yield ToolCallDelta(calls, part.arguments, index)
                    calls += 1
        if choice.finish:
            yield Finished(choice.finish, index, choice.stop_sequence)
    yield UsageSeen(answer.usage)


def _facts(events: Iterable[AnswerEvent]) -> Iterator[str]:
    usage = Usage()
    for event in events:
        if getattr(event, "choice", 0):
            yield "choices"
        if isinstance(event, UsageSeen):
            usage = usage.merged(event.usage)
        yield from _SAYS.get(type(event), lambda _: ())(event)
    yield from (f"usage {each.name}" for each in fields(Usage) if getattr(usage, each.name))


def _if(**words) -> list[str]:
    return [name for name, value in words.items() if value]


def _cited(event: CitationAdded) -> list[str]:
    web = event.citation.get("type") == "web_search_result_location"
    return ["citation of a web page" if web else "citation of a document"]


_SAYS = {
    Started: lambda e: _if(id=e.id, created=e.created, tier=e.service_tier, fingerprint=e.system_fingerprint),
    TextDelta: lambda e: _if(text=e.text, logprobs=e.logprobs),
    RefusalDelta: lambda _: ["refusal"],
    ThinkingDelta: lambda e: _if(thinking=e.text),
    ThinkingSigned: lambda e: [f"seal of {e.origin}"],
    ThinkingRedacted: lambda e: ["redacted" if e.origin == "anthropic" else f"seal of {e.origin}"],
    CitationAdded: _cited,
    ToolCallStarted: lambda e: ["parallel calls" if e.index else "call", *(["seal of gemini"] if e.signature else [])],
    Finished: lambda e: [f"finish {e.reason}", *(["stop sequence"] if e.stop_sequence else [])],
    UsageSeen: lambda e: _if(tier=e.service_tier),
}
