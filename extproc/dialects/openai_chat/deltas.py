"""What one chunk of a stream means: decoded JSON → answer events. Used by ``stream``.

Source: openai.types.chat.ChatCompletionChunk, and what compatible servers send beside it (each noted where it is read).
"""

from dataclasses import dataclass, field

from extproc.dialects.openai_chat.annotations import parse_annotations
from extproc.dialects.openai_chat.errors import stream_error
from extproc.dialects.openai_chat.usage import parse_usage
from extproc.dialects.openai_chat.vocabulary import CALLS, finish_reason, json_text, list_content, made_call_id
from extproc.domain.answer import (
    AnswerEvent,
    CitationAdded,
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
from extproc.domain.errors import ProviderBadAnswer, ProviderFailed
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage

MAX_CHOICES = 128
"""OpenAI's highest ``n``. More is no answer, and would grow our memory."""
MAX_CALLS = 1024
"""Tool calls of one choice: far above what a model makes in a turn (OpenAI takes 128 tools)."""


_CALL_MEMBERS = {"index", "id", "type", *CALLS}


@dataclass(slots=True)
class _Choice:
    """State of one choice of the stream."""

    finished: bool = False
    reasoned: bool = False
    """Reasoning text has come in a field of its own since the last signature."""
    calls: list[str] = field(default_factory=list[str])
    """The vendor's id of each call ("" where it gave none), by neutral index."""
    by_slot: dict[int, int] = field(default_factory=dict[int, int])
    """The vendor's ``index`` → neutral index of the call it last meant."""

    def find(self, slot: Json, call_id: str, *, named: bool) -> int | None:
        """The call that a delta goes on with; None where it opens a new one.

        OpenAI numbers calls by ``index``. Some servers leave it out and name the id, or send whole calls without
        either; Gemini's compatible endpoint sends parallel calls with the same index and different ids.
        """
        if isinstance(slot, int):
            index = self.by_slot.get(slot)
        elif call_id:
            index = self.calls.index(call_id) if call_id in self.calls else None
        else:
            index = None if named or not self.calls else len(self.calls) - 1
        if index is not None and named and call_id and call_id != self.calls[index]:
            return None
        return index


class ChunkReader:
    """Reads the chunks of one stream, in order."""

    __slots__ = ("_choices", "_id", "started")

    def __init__(self) -> None:
        self.started = False
        self._id = ""
        self._choices: dict[int, _Choice] = {}

    @property
    def complete(self) -> bool:
        """Whether there was a choice, and every one has its finish reason."""
        return bool(self._choices) and all(choice.finished for choice in self._choices.values())

    def read(self, chunk: JsonObject, events: list[AnswerEvent]) -> bool:
        """Append what the chunk means; True where it holds usage and nothing else.

        Raises ``ProviderBadAnswer`` where it is not a chunk, and the error that a finish reason stands for; what was
        understood before that is in ``events``.
        """
        choices = chunk.get("choices")
        usage = _usage(chunk)
        if choices is None and usage is not None:
            choices = []
        if not isinstance(choices, list):
            raise ProviderBadAnswer("the provider's stream holds an event that is not a chat completion chunk")
        # Azure opens with a chunk about its prompt filter that has neither an id nor choices.
        if not self.started and (choices or usage is not None or chunk.get("id")):
            self._start(chunk, events)
        for choice in choices:
            self._choice(choice, events)
        if usage is None:
            return False
        events.append(UsageSeen(usage))
        return not choices

    def _start(self, chunk: JsonObject, events: list[AnswerEvent]) -> None:
        self.started = True
        self._id = _text(chunk, "id")
        created = chunk.get("created")
        events.append(
            Started(
                self._id,
                _text(chunk, "model"),
                created if isinstance(created, int) and created > 0 else None,
                _text(chunk, "service_tier") or None,
                _text(chunk, "system_fingerprint") or None,
            )
        )

    def _choice(self, value: Json, events: list[AnswerEvent]) -> None:
        if not isinstance(value, dict):
            raise ProviderBadAnswer("the provider's stream holds a choice that is not an object")
        if isinstance(error := value.get("error"), dict):  # OpenRouter, where whom it asked failed
            raise stream_error({"error": error})
        number = value.get("index")
        index = number if isinstance(number, int) else 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
            if len(self._choices) > MAX_CHOICES:
                raise ProviderBadAnswer(f"the provider's stream has more than {MAX_CHOICES} choices")
        logprobs = value.get("logprobs")
        # Azure's asynchronous filter sends choices without a delta.
        if (delta := value.get("delta")) is not None:
            if not isinstance(delta, dict):
                raise ProviderBadAnswer("the provider's stream holds a delta that is not an object")
            _reasoning(delta, index, choice, events)
            _said(delta, index, logprobs if isinstance(logprobs, dict) else None, events)
            self._calls(delta, index, choice, events)
        reason = value.get("finish_reason")
        if isinstance(reason, str) and reason and not choice.finished:
            events.append(Finished(finish_reason(reason, called=bool(choice.calls)), index))
            choice.finished = True

    def _calls(self, delta: JsonObject, index: int, choice: _Choice, events: list[AnswerEvent]) -> None:
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            for call in calls:
                self._call(call, index, choice, events)
        legacy = delta.get("function_call")
        if isinstance(legacy, dict):  # the older spelling, of the one call that there can be
            self._call({"index": 0, "function": legacy}, index, choice, events)

    def _call(self, value: Json, index: int, choice: _Choice, events: list[AnswerEvent]) -> None:
        if not isinstance(value, dict):
            raise ProviderBadAnswer("the provider's stream holds a tool call that is not an object")
        kind = next((kind for kind in CALLS if isinstance(value.get(kind), dict)), None)
        if kind is None and (value.keys() - _CALL_MEMBERS or (_text(value, "type") or "function") not in CALLS):
            return  # of a tool that no client of another dialect can have
        body = value.get(kind) if kind is not None else None
        if not isinstance(body, dict):
            body = {}
        slot, call_id, name = value.get("index"), _text(value, "id"), _text(body, "name")
        call = choice.find(slot, call_id, named=bool(name))
        if call is None:
            if not name or len(choice.calls) == MAX_CALLS:
                raise ProviderBadAnswer("the provider's stream holds a tool call without a name, or too many of them")
            call = len(choice.calls)
            choice.calls.append(call_id)
            events.append(ToolCallStarted(call, call_id or made_call_id(f"{self._id}_{index}", call), name, index))
        if isinstance(slot, int):
            choice.by_slot[slot] = call
        arguments = body.get(CALLS[kind]) if kind is not None else None
        if isinstance(arguments, dict):  # a few servers send the object itself
            arguments = json_text(arguments)
        if isinstance(arguments, str) and arguments:
            events.append(ToolCallDelta(call, arguments, index))


def _said(delta: JsonObject, index: int, logprobs: JsonObject | None, events: list[AnswerEvent]) -> None:
    content = delta.get("content")
    if isinstance(content, str):
        # A token may have no text of its own (part of a character), but it has its log probability.
        if content or (logprobs is not None and logprobs.get("content")):
            events.append(TextDelta(content, index, logprobs))
    elif isinstance(content, list):
        for kind, text in list_content(content):
            if text:
                events.append(TextDelta(text, index) if kind == "text" else ThinkingDelta(text, index))
    elif content is not None:
        raise ProviderBadAnswer("the provider's stream holds content that is neither text nor a list")
    if refusal := _text(delta, "refusal"):
        events.append(RefusalDelta(refusal, index))
    if isinstance(audio := delta.get("audio"), dict) and (heard := _text(audio, "data") + _text(audio, "transcript")):
        events.append(Opaque(len(heard)))
    if annotations := delta.get("annotations"):
        events += (CitationAdded(citation, index) for citation in parse_annotations(annotations))


def _reasoning(delta: JsonObject, index: int, choice: _Choice, events: list[AnswerEvent]) -> None:
    """Reasoning text from its field; signatures, and text that is nowhere else, from ``thinking_blocks``.

    The field is ``reasoning_content`` at DeepSeek and older vLLM, ``reasoning`` at Groq, OpenRouter and newer vLLM; a
    server that sends both sends the same text twice. LiteLLM, Envoy AI Gateway and our own writer repeat the text of
    the field in ``thinking_blocks``.
    """
    if text := _text(delta, "reasoning_content") or _text(delta, "reasoning"):
        choice.reasoned = True
        events.append(ThinkingDelta(text, index))
    blocks = delta.get("thinking_blocks")
    if not isinstance(blocks, list):
        return
    for block in blocks:
        if not isinstance(block, dict):
            continue
        if data := _text(block, "data"):
            events.append(ThinkingRedacted(data, index))
        if (text := _text(block, "thinking")) and not choice.reasoned:
            events.append(ThinkingDelta(text, index))
        if signature := _text(block, "signature"):
            choice.reasoned = False
            events.append(ThinkingSigned(signature, index))


def _usage(chunk: JsonObject) -> Usage | None:
    """``usage`` of the chunk, or Groq's, in ``x_groq``. Raises ``ProviderFailed`` where that tells why a stream stops."""
    usage = parse_usage(chunk.get("usage"))
    groq = chunk.get("x_groq")
    if isinstance(groq, dict):
        if error := _text(groq, "error"):
            raise ProviderFailed(error, retry_status=500)
        return usage or parse_usage(groq.get("usage"))
    return usage


def _text(value: JsonObject, name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""
