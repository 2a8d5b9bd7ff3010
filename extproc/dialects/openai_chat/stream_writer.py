"""Neutral events → the bytes of an OpenAI stream; its counterpart is ``stream``.

Source: openai.types.chat.ChatCompletionChunk; nulls and the order of chunks are those of OpenAI's own API.
"""

import orjson

from extproc.dialects.openai_chat.annotations import Annotations
from extproc.dialects.openai_chat.errors import render_error_event
from extproc.dialects.openai_chat.render_answer import thinking_block, tool_call
from extproc.dialects.openai_chat.usage import render_usage
from extproc.dialects.openai_chat.vocabulary import FINISH_WRITTEN, completion_id, service_tier
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
from extproc.domain.conversation import RedactedThinking, Thinking, ToolCall
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage

MAX_THINKING_CHARS = 4 * 1024 * 1024
"""One run of reasoning, kept for its block: more than any model's output limit. Beyond it the block is left out."""

_DONE = b"data: [DONE]\n\n"


class _Choice:
    """State of one choice that has been opened."""

    __slots__ = ("annotations", "blocks", "called", "finished", "thinking", "thinking_chars")

    def __init__(self) -> None:
        self.finished = False
        self.called = False
        self.blocks = 0
        self.annotations = Annotations()
        self.thinking: list[str] = []
        self.thinking_chars = 0


class OpenAIStreamWriter:
    """Writes one stream (see ``extproc.dialects.base.StreamWriter``)."""

    __slots__ = ("_base", "_choices", "_created", "_include_usage", "_over", "_usage")

    def __init__(self, *, created: int, include_usage: bool) -> None:
        self._created = created
        self._include_usage = include_usage
        self._base = self._first(Started("", ""))
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._over = False

    def write(self, event: AnswerEvent) -> bytes:
        """The bytes of this event; empty where the dialect has no word for it, and after the end."""
        if self._over:
            return b""
        match event:
            case Started():
                data = self._start(event)
            case Finished():
                data = self._open(event.choice) + self._finish(event.choice, FINISH_WRITTEN[event.reason])
            case UsageSeen():
                self._usage = event.usage if self._usage is None else self._usage.merged(event.usage)
                data = b""
            case CitationAdded():
                data = b""
                if (choice := self._choices.get(event.choice)) is not None:
                    choice.annotations.add(event.citation)
            case Opaque():
                data = b""
            case Ended():
                data = self._end()
            case Failed():
                self._over = True
                data = render_error_event(event.error)
            case _:
                data = self._content(event)
        return data

    def _start(self, event: Started) -> bytes:
        # All chunks share one head, so it cannot change once a chunk is out.
        if self._choices:
            return b""
        self._base = self._first(event)
        return self._open(0)

    def _first(self, event: Started) -> dict[str, Json]:
        created = event.created or self._created
        base: dict[str, Json] = {
            "id": completion_id(event.id, created),
            "object": "chat.completion.chunk",
            "created": created,
            "model": event.model,
        }
        if (tier := service_tier(event.service_tier)) is not None:
            base["service_tier"] = tier
        base["system_fingerprint"] = event.system_fingerprint
        return base

    def _open(self, index: int) -> bytes:
        """The chunk that opens a choice, the first time that something is said of it."""
        if index in self._choices:
            return b""
        self._choices[index] = _Choice()
        return self._chunk(index, {"role": "assistant", "content": "", "refusal": None})

    def _content(
        self,
        event: TextDelta
        | ThinkingDelta
        | ThinkingSigned
        | ThinkingRedacted
        | RefusalDelta
        | ToolCallStarted
        | ToolCallDelta,
    ) -> bytes:
        index = event.choice
        opening = self._open(index)
        logprobs: JsonObject | None = None
        match event:
            case TextDelta():
                delta: JsonObject = {"content": event.text}
                self._choices[index].annotations.length += len(event.text)
                logprobs = event.logprobs
            case ToolCallDelta():
                delta = {"tool_calls": [{"index": event.index, "function": {"arguments": event.arguments}}]}
            case ToolCallStarted():
                self._choices[index].called = True
                call = tool_call(ToolCall(event.id, event.name, "", signature=event.signature))
                delta = {"tool_calls": [{"index": event.index, **call}]}
            case RefusalDelta():
                delta = {"refusal": event.text}
            case _:
                thought = self._thought(event)
                if thought is None:
                    return opening
                delta = thought
        return opening + self._chunk(index, delta, logprobs=logprobs)

    def _thought(self, event: ThinkingDelta | ThinkingSigned | ThinkingRedacted) -> JsonObject | None:
        """Reasoning as text while it comes, and each block as a whole once it is signed, so that it can be sent back."""
        choice = self._choices[event.choice]
        if isinstance(event, ThinkingDelta):
            choice.thinking_chars += len(event.text)
            if choice.thinking_chars <= MAX_THINKING_CHARS:
                choice.thinking.append(event.text)
            return {"reasoning_content": event.text}
        if isinstance(event, ThinkingRedacted):
            return self._block(choice, RedactedThinking(event.data, event.origin))
        text, chars = "".join(choice.thinking), choice.thinking_chars
        choice.thinking, choice.thinking_chars = [], 0
        # A block without all of its text would be refused when it comes back; without a block nothing is.
        if chars > MAX_THINKING_CHARS:
            return None
        return self._block(choice, Thinking(text, event.signature, event.origin))

    @staticmethod
    def _block(choice: _Choice, part: Thinking | RedactedThinking) -> JsonObject:
        # OpenAI's SDK joins the lists of a stream by `index`, and raises without it.
        block: JsonObject = {"index": choice.blocks, **thinking_block(part)}
        choice.blocks += 1
        return {"thinking_blocks": [block]}

    def _finish(self, index: int, reason: str) -> bytes:
        choice = self._choices[index]
        if choice.finished:
            return b""
        choice.finished = True
        # All in one chunk, as OpenAI has it: its SDK cannot join a second list to the first.
        annotations = choice.annotations.rendered
        cited = self._chunk(index, {"annotations": annotations}) if annotations else b""
        return cited + self._chunk(index, {}, finish_reason=reason)

    def _end(self) -> bytes:
        """What is still owed of a whole stream: open choices, usage, and the end marker."""
        chunks = [] if self._choices else [self._open(0)]
        chunks += [self._finish(index, "tool_calls" if c.called else "stop") for index, c in self._choices.items()]
        if self._include_usage and self._usage is not None:
            chunks.append(self._event([], render_usage(self._usage)))
        self._over = True
        return b"".join((*chunks, _DONE))

    def _chunk(
        self, index: int, delta: JsonObject, *, logprobs: JsonObject | None = None, finish_reason: str | None = None
    ) -> bytes:
        choice: Json = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return self._event([choice], None)

    def _event(self, choices: list[Json], usage: JsonObject | None) -> bytes:
        body = {**self._base, "choices": choices}
        if self._include_usage:
            body["usage"] = usage  # null in all chunks but the last, and absent where it was not asked for
        return render_event(orjson.dumps(body))
