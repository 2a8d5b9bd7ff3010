"""Neutral events → the bytes of a Responses stream; its counterpart is ``stream``.

Source: https://developers.openai.com/api/docs/api-reference/responses-streaming. A text, a reasoning or a call is an item
of the output, with events of its own (``open_items``). One message or reasoning item is open at a time; calls stay open
until their arguments are whole, for OpenAI's Chat streams may interleave those of parallel calls.
"""

from dataclasses import replace
from typing import TypeAlias

from extproc.dialects.openai_responses.errors import render_error_event, response_error
from extproc.dialects.openai_responses.items import Status, reasoning_item
from extproc.dialects.openai_responses.open_items import (
    Numbered,
    OpenCall,
    OpenCustomCall,
    OpenMessage,
    OpenReasoning,
    OpenSearch,
)
from extproc.dialects.openai_responses.reasoning import close_seal, close_seal_late
from extproc.dialects.openai_responses.response import End, Head, end_of, render_response
from extproc.dialects.openai_responses.tool_search import NAME
from extproc.dialects.openai_responses.vocabulary import INCOMPLETE_OF_FINISH, item_id, response_id
from extproc.domain.answer import (
    AnswerEvent,
    CitationAdded,
    Ended,
    Failed,
    Finished,
    FinishReason,
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
from extproc.domain.conversation import Origin
from extproc.domain.errors import ProviderBadAnswer
from extproc.domain.reading import Json
from extproc.domain.usage import Usage

MAX_HELD_CHARS = 16 * 1024 * 1024
"""Of all text, for the last event repeats the whole output: far above any model's."""

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


class OpenAIResponsesStreamWriter:
    """Writes one stream (see ``extproc.dialects.base.StreamWriter``). Of several choices the first is written."""

    __slots__ = ("_calls", "_created", "_events", "_finish", "_head", "_held", "_open", "_output", "_over", "_usage")

    def __init__(self, *, created: int) -> None:
        self._created = created
        self._events = Numbered()
        self._head: Head | None = None
        self._output: list[Json] = []
        """Items in order; null where one is open still."""
        self._open: OpenMessage | OpenReasoning | None = None
        """The item at the end of the output, if it is no call."""
        self._calls: dict[int, OpenCall | None] = {}
        """By neutral index; None where it is closed."""
        self._finish: FinishReason | None = None
        self._usage = Usage()
        self._held = 0
        self._over = False

    def write(self, event: AnswerEvent) -> bytes:
        """The bytes of this event; empty where the dialect has no word for it, and after the end.

        Raises ``ProviderBadAnswer`` where the answer is larger than ``MAX_HELD_CHARS``.
        """
        if self._over or isinstance(event, Opaque):
            return b""
        match event:
            case Started():
                out = self._start(event)
            case UsageSeen():
                self._usage = self._usage.merged(event.usage)
                self._served(event.service_tier)
                out = b""
            case Ended():
                out = self._end()
            case Failed():
                out = self._fail(event)
            case _:
                out = b"" if event.choice else self._said(event)
        return out

    def _said(self, event: _Content | Finished) -> bytes:
        started = self._start() if self._head is None else b""
        if isinstance(event, Finished):
            self._finish = event.reason
            return started + self._close_all()
        return started + self._content(event)

    def _start(self, event: Started | None = None) -> bytes:
        if self._head is not None:
            self._served(event.service_tier if event is not None else None)
            return b""
        event = event or Started("", "")
        created = event.created or self._created
        self._head = Head(response_id(event.id, created), event.model, created, event.service_tier)
        return self._lifecycle("response.created", End()) + self._lifecycle("response.in_progress", End())

    def _served(self, tier: str | None) -> None:
        """A vendor may know only at the end which tier served the answer."""
        if self._head is not None and tier is not None:
            self._head = replace(self._head, tier=tier)

    def _lifecycle(self, kind: str, end: End) -> bytes:
        head = self._head or Head(response_id("", self._created), "", self._created)
        output = [item for item in self._output if item is not None]
        return self._events.event(kind, response=render_response(head, end, output))

    def _content(self, event: _Content) -> bytes:
        match event:
            case TextDelta():
                out = self._text(event)
            case ToolCallDelta():
                out = self._arguments(event)
            case ThinkingDelta():
                out = self._thought(event.text)
            case ThinkingSigned():
                out = self._signed(event.signature, event.origin)
            case ThinkingRedacted():
                out = self._sealed(event.data, event.origin, redacted=True)
            case RefusalDelta():
                self._hold(len(event.text))
                out, message = self._message()
                out += message.refusal(event.text)
            case CitationAdded():
                out = self._open.annotate(event.citation) if isinstance(self._open, OpenMessage) else b""
                self._hold(len(out))
            case _:  # a call begins, the last that there is
                out = self._call(event)
        return out

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > MAX_HELD_CHARS:
            self._over = True
            raise ProviderBadAnswer(f"the provider's answer is longer than {MAX_HELD_CHARS} characters")

    def _text(self, event: TextDelta) -> bytes:
        if not event.text and event.logprobs is None:
            return b""
        begun, message = self._message()
        out = message.text(event.text, event.logprobs)
        self._hold(len(event.text) if event.logprobs is None else len(out))
        return begun + out

    def _add(self, kind: str) -> tuple[str, int]:
        """The id and the place of a new item."""
        place = len(self._output)
        self._output.append(None)
        return item_id(kind, self._head.id if self._head else "", place), place

    def _message(self) -> tuple[bytes, OpenMessage]:
        if isinstance(self._open, OpenMessage):
            return b"", self._open
        closed = self._make_way()
        message = self._open = OpenMessage(self._events, *self._add("msg"))
        return closed + message.open(), message

    def _thought(self, text: str) -> bytes:
        if not text:
            return b""
        self._hold(len(text))
        if isinstance(self._open, OpenReasoning):
            return self._open.more(text)
        closed = self._make_way()
        reasoning = self._open = OpenReasoning(self._events, *self._add("rs"))
        return closed + reasoning.open() + reasoning.more(text)

    def _signed(self, signature: str, origin: Origin) -> bytes:
        """A signature closes its item: more reasoning is another one."""
        if not isinstance(self._open, OpenReasoning):
            return self._sealed(signature, origin, redacted=False)
        return self._close_open("completed", close_seal_late(signature, origin))

    def _sealed(self, data: str, origin: Origin, *, redacted: bool) -> bytes:
        """A reasoning item that has a seal and no text."""
        closed = self._make_way()
        made_id, place = self._add("rs")
        own_id, encrypted = close_seal(data, origin, made_id, redacted=redacted)
        self._hold(len(encrypted))
        item = reasoning_item(own_id, None, encrypted)
        self._output[place] = item
        added = self._events.event("response.output_item.added", output_index=place, item=item)
        return closed + added + self._events.event("response.output_item.done", output_index=place, item=item)

    def _call(self, event: ToolCallStarted) -> bytes:
        if event.index in self._calls:
            return b""
        out = self._sealed(event.signature, "gemini", redacted=True) if event.signature else self._make_way()
        own_id, place = self._add("ctc" if event.custom else "fc")
        kind = OpenCustomCall if event.custom else OpenSearch if event.name == NAME else OpenCall
        call = self._calls[event.index] = kind(self._events, own_id, place, event.id or f"call_{own_id}", event.name)
        return out + call.open()

    def _arguments(self, event: ToolCallDelta) -> bytes:
        call = self._calls.get(event.index)
        if call is None or not event.arguments:
            return b""
        self._hold(len(event.arguments))
        return call.more(event.arguments)

    def _make_way(self) -> bytes:
        """Closes what a new item ends: the open text or reasoning, and calls whose arguments are whole."""
        out = self._close_open("completed")
        for index, call in self._calls.items():
            if call is not None and call.is_complete():
                out += self._close_call(index, call, "completed")
        return out

    def _close_open(self, status: Status, encrypted: str | None = None) -> bytes:
        opened, self._open = self._open, None
        if opened is None:
            return b""
        if isinstance(opened, OpenMessage):
            out, item = opened.close(status)
        else:
            # Nobody signed it: see `reasoning`.
            out, item = opened.close(close_seal_late("", "anthropic") if encrypted is None else encrypted)
        self._output[-1] = item
        return out

    def _close_call(self, index: int, call: OpenCall, status: Status) -> bytes:
        self._calls[index] = None
        out, self._output[call.place] = call.close(status)
        return out

    def _close_all(self) -> bytes:
        """Closes every item; the last one is ``incomplete`` where the answer is."""
        cut = self._finish in INCOMPLETE_OF_FINISH
        out = b""
        last = len(self._output) - 1
        for index, call in self._calls.items():
            if call is not None:
                out += self._close_call(index, call, "incomplete" if cut and call.place == last else "completed")
        return out + self._close_open("incomplete" if cut else "completed")

    def _end(self) -> bytes:
        out = self._start() + self._close_all()
        end = end_of(self._finish, self._usage)
        self._over = True
        return out + self._lifecycle(f"response.{end.status}", end)

    def _fail(self, event: Failed) -> bytes:
        """As OpenAI does: the error, then the response as far as it came."""
        out = self._start()
        self._over = True
        out += render_error_event(event.error, sequence_number=self._events.next)
        self._events.next += 1
        return out + self._lifecycle("response.failed", End("failed", error=response_error(event.error)))
