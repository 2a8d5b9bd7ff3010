"""A streamed answer: provider bytes → client bytes, with all that the gateway has to know about it.

``extproc.translate.answer`` does whole answers. Bytes are the same however the provider's stream is split into chunks.
"""

from collections.abc import Iterable
from dataclasses import replace

from extproc.dialects.base import Frame, StreamReader, StreamWriter
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
from extproc.domain.errors import ProviderError, ProviderTruncated
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass


@valueclass
class Progress:
    """What a chunk of the provider's stream came to."""

    data: bytes = b""
    """To be sent to the client."""
    content: int = 0
    """How many content events (``CONTENT_EVENTS``, empty ones left out) ``data`` holds."""
    failed: ProviderError | None = None
    """The stream is broken. ``data`` holds what came before, nothing of the failure itself: whoever runs the stream
    writes one error event, or asks the next provider."""
    ended: bool = False
    """The answer is complete and its finish marker is in ``data``."""


_NOTHING = Progress()


class AnswerStream:
    """One answer on its way to the client.

    Without a writer client and provider speak the same dialect: events are forwarded byte for byte, ``hide_usage``
    leaves out the usage chunk that only the gateway had asked for. With a writer they are written anew, and the writer
    knows whether the client asked for usage. ``model``, the provider's name of it, and ``answer_id`` stand in where the
    stream has none.
    """

    __slots__ = (
        "_answer_id",
        "_finish_reason",
        "_hide_usage",
        "_model",
        "_output_bytes",
        "_output_events",
        "_reader",
        "_seen",
        "_service_tier",
        "_started",
        "_terminal",
        "_thinking",
        "_usage",
        "_writer",
    )

    def __init__(
        self, reader: StreamReader, writer: StreamWriter | None, *, hide_usage: bool, model: str, answer_id: str = ""
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._hide_usage = hide_usage
        self._model = model
        self._answer_id = answer_id
        self._started: Started | None = None
        self._finish_reason: FinishReason | None = None
        self._usage = Usage()
        self._output_bytes = 0
        self._output_events = 0
        self._thinking = False
        self._service_tier: str | None = None
        self._seen = False
        self._terminal = False

    @property
    def usage(self) -> Usage:
        """The provider's last word on usage so far."""
        return self._usage

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the first choice ended; None while it has not."""
        return self._finish_reason

    @property
    def response_model(self) -> str | None:
        """The model that the provider says it is; None before the stream has opened."""
        return (self._started.model or self._model) if self._started else None

    @property
    def response_id(self) -> str | None:
        """The provider's id of the answer; None where it gave none yet."""
        return (self._started.id or None) if self._started else None

    @property
    def output_bytes(self) -> int:
        """UTF-8 bytes of text, reasoning and tool arguments so far: what the tokens of an aborted stream are told by."""
        return self._output_bytes

    @property
    def output_events(self) -> int:
        """Events with such content so far, of which most vendors send one for each token."""
        return self._output_events

    @property
    def thinking_shown(self) -> bool:
        """Whether reasoning was among them."""
        return self._thinking

    @property
    def service_tier(self) -> str | None:
        """The tier that serves the answer, which decides on its price; None where the provider does not say."""
        return self._service_tier

    @property
    def content_seen(self) -> bool:
        """Whether any content has been delivered."""
        return self._seen

    @property
    def terminal(self) -> bool:
        """Whether the stream has ended or failed: further input is ignored."""
        return self._terminal

    def failure(self, error: ProviderError) -> bytes | None:
        """The last words of a stream that is broken, where it is written anew: its writer knows what it has said."""
        return None if self._writer is None else self._writer.write(Failed(error))

    def feed(self, data: bytes) -> Progress:
        """The next bytes of the provider's body, without content coding."""
        return _NOTHING if self._terminal else self._advance(self._reader.feed(data))

    def finish(self) -> Progress:
        """The provider ended the body: the rest, or the failure that it ended too early."""
        if self._terminal:
            return _NOTHING
        progress = self._advance(_closed(frame) for frame in self._reader.finish())
        if self._terminal:
            return progress
        self._terminal = True
        return replace(progress, failed=ProviderTruncated("the provider's stream ended without its finish marker"))

    def _advance(self, frames: Iterable[Frame]) -> Progress:
        out: list[bytes] = []
        content = 0
        for frame in frames:
            failed = frame.events[-1] if frame.events and isinstance(frame.events[-1], Failed) else None
            try:
                content += self._forward(frame, out, whole=failed is None)
            except ProviderError as error:  # the writer's
                self._terminal = True
                return Progress(b"".join(out), content, failed=error)
            if failed is not None:
                return Progress(b"".join(out), content, failed=failed.error)
            if self._terminal:
                return Progress(b"".join(out), content, ended=True)
        return Progress(b"".join(out), content)

    def _forward(self, frame: Frame, out: list[bytes], *, whole: bool) -> int:
        """Puts the frame's bytes for the client to ``out``; ``whole`` is false for a frame that ends in a failure.

        Returns how many content events these bytes hold.
        """
        content = 0
        for event in frame.events:
            is_content = self._note(event)
            written = self._write(event) if self._writer else b""
            if written:
                out.append(written)
            if is_content and (written if self._writer else whole):
                content += 1
        if self._writer is None and whole and not (frame.usage_only and self._hide_usage):
            out.append(frame.raw)
        self._seen = self._seen or content > 0
        return content

    def _write(self, event: AnswerEvent) -> bytes:
        if self._writer is None or isinstance(event, Failed):
            return b""
        if isinstance(event, Started) and not (event.model and event.id):
            event = replace(event, model=event.model or self._model, id=event.id or self._answer_id)
        return self._writer.write(event)

    def _note(self, event: AnswerEvent) -> bool:
        """Takes down what the event says; whether it is content, of which an empty delta is none."""
        match event:
            case (
                TextDelta(text=text)
                | ThinkingDelta(text=text)
                | RefusalDelta(text=text)
                | ToolCallDelta(arguments=text)
            ):
                if not text:
                    return False
                self._output_bytes += len(text) if text.isascii() else len(text.encode())
                self._output_events += 1
                self._thinking = self._thinking or isinstance(event, ThinkingDelta)
                return True
            case ThinkingSigned() | ThinkingRedacted() | CitationAdded() | ToolCallStarted():
                return True
            case Opaque(size=size):
                return size > 0
            case UsageSeen():
                self._usage = self._usage.merged(event.usage)
                self._service_tier = event.service_tier or self._service_tier
            case Finished():
                if self._finish_reason is None or event.choice == 0:
                    self._finish_reason = event.reason
            case Started():
                self._started = event
                self._service_tier = event.service_tier or self._service_tier
            case Ended() | Failed():  # pragma: no branch -- there are no others
                self._terminal = True
        return False


def _closed(frame: Frame) -> Frame:
    """A last event whose blank line the provider left out gets one, or clients would drop it; without meaning it goes."""
    if not frame.raw or frame.raw.endswith((b"\n\n", b"\n\r\n")):
        return frame
    if not frame.events:
        return replace(frame, raw=b"")
    return replace(frame, raw=frame.raw + (b"\n" if frame.raw.endswith(b"\n") else b"\n\n"))
