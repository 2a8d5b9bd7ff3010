"""Neutral events → the bytes of a Completions stream; its counterpart is ``stream``.

Source: openai.types.Completion, which is the shape of whole answers and of chunks;
https://platform.openai.com/docs/api-reference/completions/create#completions-create-stream.
"""

from dataclasses import dataclass

import orjson

from extproc.dialects.openai_completions.logprobs import render_logprobs
from extproc.dialects.openai_completions.vocabulary import FINISH_WRITTEN, completion_id
from extproc.dialects.openai_errors import render_error_event
from extproc.dialects.openai_usage import render_usage
from extproc.dialects.sse import render_event
from extproc.domain.answer import (
    AnswerEvent,
    Ended,
    Failed,
    Finished,
    FinishReason,
    RefusalDelta,
    Started,
    TextDelta,
    UsageSeen,
)
from extproc.domain.reading import Json, JsonObject
from extproc.domain.usage import Usage

_DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class _Choice:
    """State of one choice: how many characters of it were written, and whether it has ended."""

    chars: int = 0
    finished: bool = False


class CompletionsStreamWriter:
    """Writes one stream (see ``extproc.dialects.base.StreamWriter``). Reasoning and tool calls have no words here."""

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
        data = b""
        if self._over:
            return data
        match event:
            case TextDelta():
                data = self._text(event.choice, event.text, event.logprobs)
            case RefusalDelta():
                data = self._text(event.choice, event.text, None)
            case Started():
                # All chunks share one head, so it cannot change once a chunk is out.
                if not self._choices:
                    self._base = self._first(event)
            case Finished():
                data = self._finish(event.choice, event.reason)
            case UsageSeen():
                self._usage = event.usage if self._usage is None else self._usage.merged(event.usage)
            case Ended():
                data = self._end()
            case Failed():
                self._over = True
                data = render_error_event(event.error)
            case _:
                pass
        return data

    def _first(self, event: Started) -> dict[str, Json]:
        created = event.created or self._created
        base: dict[str, Json] = {
            "id": completion_id(event.id, created),
            "object": "text_completion",
            "created": created,
            "model": event.model,
        }
        if event.system_fingerprint is not None:
            base["system_fingerprint"] = event.system_fingerprint
        return base

    def _text(self, index: int, text: str, logprobs: JsonObject | None) -> bytes:
        choice = self._choices.setdefault(index, _Choice())
        rendered = render_logprobs(logprobs, choice.chars) if logprobs else None
        choice.chars += len(text)
        return self._chunk(index, text, rendered, None) if text or rendered else b""

    def _finish(self, index: int, reason: FinishReason) -> bytes:
        choice = self._choices.setdefault(index, _Choice())
        if choice.finished:
            return b""
        choice.finished = True
        return self._chunk(index, "", None, FINISH_WRITTEN[reason])

    def _end(self) -> bytes:
        """What is still owed of a whole stream: open choices, usage, and the end marker."""
        chunks = [self._finish(index, "stop") for index in (list(self._choices) or [0])]
        if self._include_usage and self._usage is not None:
            chunks.append(self._event([], render_usage(self._usage)))
        self._over = True
        return b"".join((*chunks, _DONE))

    def _chunk(self, index: int, text: str, logprobs: JsonObject | None, finish: str | None) -> bytes:
        choice: Json = {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}
        return self._event([choice], None)

    def _event(self, choices: list[Json], usage: JsonObject | None) -> bytes:
        body = {**self._base, "choices": choices}
        if self._include_usage:
            body["usage"] = usage  # null in all chunks but the last, and absent where it was not asked for
        return render_event(orjson.dumps(body))
