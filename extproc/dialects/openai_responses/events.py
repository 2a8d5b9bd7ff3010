"""What one decoded event of a stream means. Used by ``stream``.

Source: https://developers.openai.com/api/docs/api-reference/responses-streaming. What is unknown (kinds of event and of
item) has no meaning here and no harm either, for the vendor adds such. Compatible servers leave events out: what the
deltas did not say is taken from the item when it is done, and from the whole response when that is.
"""

from collections.abc import Callable

from extproc.dialects.openai_responses.annotations import parse_annotation
from extproc.dialects.openai_responses.errors import failed_response, is_failed
from extproc.dialects.openai_responses.parse_answer import (
    CALLS,
    arguments_text,
    content_text,
    finish_of,
    sealed,
    summary_text,
)
from extproc.dialects.openai_responses.usage import parse_usage
from extproc.domain.answer import (
    AnswerEvent,
    CitationAdded,
    Ended,
    Finished,
    Opaque,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.errors import ProviderBadAnswer
from extproc.domain.reading import Json, JsonObject

MAX_ITEMS = 4096
"""Output items of one answer: far above what a model makes in a turn, small enough to hold."""

_Events = list[AnswerEvent]


class EventReader:
    """Reads the events of one stream, in order; the last one gives ``Ended``."""

    __slots__ = ("_calls", "_done", "_readers", "_spoken", "_started")

    started = complete = False
    """A stream that ends without its last event was cut, even where ``[DONE]`` stands at the cut."""

    def __init__(self) -> None:
        self._started: Started | None = None
        self._calls: dict[int, int] = {}
        """Place of a call's item in the output → neutral index."""
        self._spoken: set[int] = set()
        """Places of the items of which something has been said: text, reasoning, or arguments."""
        self._done: set[int] = set()
        self._readers: dict[str, Callable[[JsonObject, _Events], None]] = {
            "response.output_text.delta": self._text,
            "response.function_call_arguments.delta": self._arguments,
            "response.custom_tool_call_input.delta": self._arguments,
            "response.reasoning_summary_text.delta": self._thought,
            "response.reasoning_text.delta": self._thought,
            "response.refusal.delta": self._refusal,
            "response.reasoning_summary_part.added": self._paragraph,
            "response.output_text.annotation.added": self._annotation,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.created": self._created,
            "response.in_progress": self._created,
            "response.queued": self._created,
            "response.completed": self._ended,
            "response.incomplete": self._ended,
            "response.failed": self._failed,
            "response.cancelled": self._failed,
        }

    def read(self, chunk: JsonObject, events: list[AnswerEvent]) -> bool:
        """Append what the event means; False, for usage comes with the end only.

        Raises ``ProviderBadAnswer`` where it is not an event, and the error that a failed response stands for.
        """
        kind = chunk.get("type")
        if not isinstance(kind, str):
            raise ProviderBadAnswer("the provider's stream holds an event that is not of the Responses API")
        reader = self._readers.get(kind)
        if reader is not None:
            reader(chunk, events)
        elif isinstance(delta := chunk.get("delta"), str):  # of a tool that OpenAI runs
            events.append(Opaque(len(delta)))
        return False

    def _created(self, chunk: JsonObject, events: _Events) -> None:
        if self._started is None:
            self._started = _started(_object(chunk, "response"))
            events.append(self._started)

    def _text(self, chunk: JsonObject, events: _Events) -> None:
        text, logprobs = _delta(chunk), chunk.get("logprobs")
        self._speak(chunk)
        if logprobs and isinstance(logprobs, list):
            events.append(TextDelta(text, logprobs={"content": logprobs, "refusal": None}))
        elif text:
            events.append(TextDelta(text))

    def _refusal(self, chunk: JsonObject, events: _Events) -> None:
        self._speak(chunk)
        events.append(RefusalDelta(_delta(chunk)))

    def _thought(self, chunk: JsonObject, events: _Events) -> None:
        self._speak(chunk)
        events.append(ThinkingDelta(_delta(chunk)))

    def _paragraph(self, chunk: JsonObject, events: _Events) -> None:
        # The parts of a summary are paragraphs.
        if chunk.get("summary_index") and _place(chunk) in self._spoken:
            events.append(ThinkingDelta("\n\n"))

    def _annotation(self, chunk: JsonObject, events: _Events) -> None:
        if (citation := parse_annotation(chunk.get("annotation"))) is not None:
            events.append(CitationAdded(citation))

    def _arguments(self, chunk: JsonObject, events: _Events) -> None:
        call = self._calls.get(_place(chunk))
        arguments = _delta(chunk)
        if call is not None and arguments:
            self._speak(chunk)
            events.append(ToolCallDelta(call, arguments))

    def _item_added(self, chunk: JsonObject, events: _Events) -> None:
        item = _object(chunk, "item")
        if _text(item, "type") in CALLS:
            self._call(_place(chunk), item, events)

    def _item_done(self, chunk: JsonObject, events: _Events) -> None:
        self._finish_item(_place(chunk), _object(chunk, "item"), events)

    def _finish_item(self, place: int, item: JsonObject, events: _Events) -> None:
        """The whole item: what has not been said of it."""
        if place in self._done:
            return
        self._done.add(place)
        self._bound(self._done)
        new = place not in self._spoken
        kind = _text(item, "type")
        match kind:
            case "message" if new:
                self._message(item, events)
            case "reasoning":
                text = summary_text(item.get("summary")) or content_text(item.get("content"))
                if new and text:
                    events.append(ThinkingDelta(text))
                item_id, encrypted = item.get("id"), item.get("encrypted_content")
                if isinstance(encrypted, str) and encrypted:
                    seal = sealed(item_id if isinstance(item_id, str) else None, encrypted)
                    events.append(ThinkingSigned(seal or "", origin="openai"))
            case _ if kind in CALLS:
                call = self._call(place, item, events)
                arguments = arguments_text(item.get(CALLS[kind]))
                if new and arguments:
                    events.append(ToolCallDelta(call, arguments))
            case _:
                pass

    @staticmethod
    def _message(item: JsonObject, events: _Events) -> None:
        content = item.get("content")
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, dict):
                continue
            text, refusal = part.get("text"), part.get("refusal")
            if isinstance(text, str) and text:
                logprobs = part.get("logprobs")
                known = isinstance(logprobs, list) and logprobs
                events.append(TextDelta(text, logprobs={"content": logprobs, "refusal": None} if known else None))
            if isinstance(refusal, str) and refusal:
                events.append(RefusalDelta(refusal))

    def _call(self, place: int, item: JsonObject, events: _Events) -> int:
        """The neutral index of the call at this place of the output, which begins where it is new."""
        index = self._calls.get(place)
        if index is None:
            index = self._calls[place] = len(self._calls)
            self._bound(self._calls)
            name, call_id = item.get("name"), item.get("call_id") or item.get("id")
            if not isinstance(name, str) or not isinstance(call_id, str):
                raise ProviderBadAnswer("the provider's stream holds a call without a name or an id")
            events.append(ToolCallStarted(index, call_id, name))
        return index

    def _ended(self, chunk: JsonObject, events: _Events) -> None:
        response = _object(chunk, "response")
        if is_failed(response):
            raise failed_response(response)
        self._created(chunk, events)
        output = response.get("output")
        if not self._done and isinstance(output, list):
            for place, item in enumerate(output[:MAX_ITEMS]):
                if isinstance(item, dict):
                    self._finish_item(place, item, events)
        events.append(Finished(finish_of(response, called=bool(self._calls))))
        last = _started(response)
        if (usage := parse_usage(response)) is not None:
            events.append(UsageSeen(usage, last.service_tier))
        if self._started is not None and last.service_tier not in {None, self._started.service_tier}:
            # At the beginning it is the tier that was asked for, only now the one that served it.
            events.append(last)
        events.append(Ended())

    @staticmethod
    def _failed(chunk: JsonObject, events: _Events) -> None:
        response = chunk.get("response")
        if isinstance(response, dict) and (usage := parse_usage(response)) is not None:
            events.append(UsageSeen(usage))  # what broke off may cost all the same
        raise failed_response(response)

    def _speak(self, chunk: JsonObject) -> None:
        spoken = self._spoken
        spoken.add(_place(chunk))
        if len(spoken) > MAX_ITEMS:
            self._bound(spoken)

    @staticmethod
    def _bound(kept: set[int] | dict[int, int]) -> None:
        if len(kept) > MAX_ITEMS:
            raise ProviderBadAnswer(f"the provider's stream has more than {MAX_ITEMS} items")


def _started(response: JsonObject) -> Started:
    created, tier = response.get("created_at"), response.get("service_tier")
    return Started(
        _text(response, "id"),
        _text(response, "model"),
        int(created) if isinstance(created, int | float) and 0 < created < 1e12 else None,
        tier if isinstance(tier, str) and tier not in {"", "auto"} else None,  # `auto` serves nobody
    )


def _delta(chunk: JsonObject) -> str:
    delta = chunk.get("delta")
    if isinstance(delta, str):
        return delta
    raise ProviderBadAnswer("the provider's stream holds a delta that is not text")


def _place(chunk: JsonObject) -> int:
    place = chunk.get("output_index")
    return place if isinstance(place, int) else 0


def _object(chunk: JsonObject, name: str) -> JsonObject:
    value: Json = chunk.get(name)
    if isinstance(value, dict):
        return value
    raise ProviderBadAnswer(f"an event of the provider's stream lacks its {name}")


def _text(value: JsonObject, name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""
