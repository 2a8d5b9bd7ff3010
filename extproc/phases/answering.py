"""The response side of an attempt: withhold the answer until it commits; then pass it on, or let the next provider try.

::

    sent ─response headers─┬─► rejected    an error status: its body is read for the client's error
                           ├─► collecting  not a stream: read whole
                           └─► withheld    a stream, uncommitted ─gate opens─► streaming
    sent | rejected | collecting | withheld ─failure─► retrying (Envoy tries the next), or over (the client gets it)
    collecting | withheld ─failure that cost money─► covering, until it is known whether the hold pays another attempt
    streaming ─failure─► failed, with one error event, until the provider has ended ─► over
    collecting | streaming ─end─► over

Deadlines: the first token, a stall, the end of a probe window, and the wait behind the finish marker. A provider that
sends no response headers at all is Envoy's to end (per-try timeout), for nothing can be said before them.
"""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Literal

from extproc.domain import names
from extproc.domain.errors import InternalError, ProviderBadAnswer, ProviderError, ProviderTimeout, ProviderTruncated
from extproc.domain.money import usd_text
from extproc.domain.reading import JsonObject
from extproc.domain.valueclass import valueclass
from extproc.phases import endings
from extproc.phases.attempt_log import AttemptLog
from extproc.phases.events import (
    Abort,
    Event,
    Replies,
    ResponseBody,
    ResponseBodyReply,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.phases.exchange import Exchange
from extproc.phases.heads import EVENT_STREAM, JSON, Heads
from extproc.phases.incoming import StreamedAnswer, WholeAnswer
from extproc.phases.ports import Clock
from extproc.phases.refusals import error_body
from extproc.phases.rejection import Rejection
from extproc.policy.commit import CommitGate
from extproc.policy.retry import moves_on
from extproc.translate.price_tag import tag_answer, tag_events
from extproc.translate.request import TranslatedRequest
from extproc.translate.response import AnswerStream, Progress

State = Literal["sent", "rejected", "collecting", "withheld", "streaming", "failed", "covering", "retrying", "over"]

_ANY_TYPE = "application/octet-stream"
_EVENTS = "text/event-stream"
_LAST_WORD = 0.25
"""Seconds a provider has to end its body behind a failure that the client was told of; then it is cut off."""
_AFTER_END = 5.0
"""Seconds a provider may keep its connection open behind the finish marker; then both sides are cut, see ``_tell``."""


@valueclass
class Order:
    """What was sent. ``parsed``: the client's body; ``began``: monotonic seconds at which the attempt began."""

    request: TranslatedRequest
    parsed: JsonObject
    began: float


class Answering:
    """One answer to an order."""

    def __init__(self, exchange: Exchange, log: AttemptLog, clock: Clock, order: Order) -> None:
        self.deadline: float | None = None
        self._exchange = exchange
        self._log = log
        self._clock = clock
        self._began = order.began
        self._request = order.request
        self._parsed = order.parsed
        self._content_type = EVENT_STREAM
        self._state: State = "sent"
        self._heads = Heads(exchange, log.attempt, ())
        self._held = bytearray()
        self._error_body = b""
        self._body_ended = False
        self._gate: CommitGate | None = None
        self._rejection: Rejection | None = None
        self._whole: WholeAnswer | None = None
        self._streamed: StreamedAnswer | None = None
        self._content_at = 0.0
        self._at_once = False
        self._cover: Awaitable[Replies] | None = None

    def handle(self, event: Event) -> Replies | Awaitable[Replies]:
        """See ``Phase``."""
        replies = self._handle(event)
        return self._cover if self._cover is not None else replies

    def _handle(self, event: Event) -> Replies:
        if isinstance(event, ResponseBody):
            self._body_ended = event.end
            return self._on_body(event.data, end=event.end)
        if isinstance(event, ResponseHeaders) and self._state == "sent":
            self._body_ended = self._at_once = event.end
            replies = self._on_headers(event)
            return endings.in_head(replies) if event.end else replies
        if isinstance(event, ResponseTrailers):
            self._body_ended = self._at_once = True
            return endings.by_trailers(self._on_body(b"", end=True))
        raise InternalError(f"Envoy sent {type(event).__name__} to an attempt that is {self._state}")

    # -- events -------------------------------------------------------------------------------------------------------

    def _on_headers(self, event: ResponseHeaders) -> Replies:
        self._log.provider_status(event.status)
        self._heads = Heads(self._exchange, self._log.attempt, tuple(n for n in event.headers if not n.startswith(":")))
        if event.status >= 400:
            replies = self._reject(event)
        else:
            try:
                self._accept(event)
            except ProviderError as error:
                return self._fail(error)
            replies = ()
        return self._on_body(b"", end=True) if event.end and not replies else replies

    def _reject(self, event: ResponseHeaders) -> Replies:
        """An error status. The next attempt need not wait for its body, of which the client's error would be made."""
        self._rejection = Rejection(self._exchange, event)
        error = self._rejection.error()
        if self._may_retry(error):
            return self._retry(error)
        self._state = "rejected"
        return ()

    def _accept(self, event: ResponseHeaders) -> None:
        if not 200 <= event.status < 300:
            raise ProviderBadAnswer(f"The provider answered with status {event.status}.")
        coding = event.headers.get("content-encoding")
        if not self._exchange.handoff.stream and not self._request.opaque:
            self._whole = WholeAnswer(coding)
            self._state = "collecting"
            return
        if self._request.opaque:
            self._content_type = event.headers.get("content-type", _ANY_TYPE)
            stream = self._exchange.opaque_stream(self._content_type)
        else:
            stream = self._exchange.answer_stream(self._parsed, self._request, created=self._seconds())
        self._streamed = StreamedAnswer(coding, stream)
        model = self._exchange.model
        self._state = "withheld"
        self._gate = CommitGate(model.commit)
        if self._exchange.handoff.stream:
            self.deadline = self._began + model.first_token_timeout

    def _on_body(self, data: bytes, *, end: bool) -> Replies:
        match self._state:
            case "streaming" | "withheld":
                return self._on_stream(data, end=end)
            case "collecting":
                return self._on_whole(data, end=end)
            case "rejected":
                return self._on_error_body(data, end=end)
            case "retrying":  # Envoy did not retry after all: the error that was held back becomes the answer
                return (ResponseBodyReply(self._error_body, end=True),) if end else ()
            case "failed":
                return self._end_failed() if end else ()
            case "over":
                return ()
            case "sent" | "covering":
                raise InternalError("Envoy sent a response body out of turn")

    def _on_error_body(self, data: bytes, *, end: bool) -> Replies:
        rejection = self._rejection
        assert rejection is not None
        rejection.feed(data)
        return self._give_error(rejection.error()) if end else ()

    def _on_whole(self, data: bytes, *, end: bool) -> Replies:
        """An answer that is not streamed: only as a whole can it be trusted, or left to the next provider."""
        whole = self._whole
        assert whole is not None
        try:
            whole.feed(data)
            if not end:
                return ()
            body = whole.finish()
            answer = self._exchange.translate_answer(body, self._parsed, self._request, created=self._seconds())
        except ProviderError as error:
            if isinstance(error, ProviderTruncated):
                self._log.cut_short(whole.size)
            return self._fail(error)
        self._log.whole(answer)
        self._complete()
        cost = self._log.shown_cost()
        head = self._heads.answer(JSON, self._request.dropped, self._log.mark())
        if cost is None:
            return (head, ResponseBodyReply(answer.body, end=True))
        head = replace(head, set_headers=(*head.set_headers, (names.COST_HEADER, usd_text(cost))))
        return (head, ResponseBodyReply(tag_answer(answer.body, cost), end=True))

    def _on_stream(self, data: bytes, *, end: bool) -> Replies:
        assert self._streamed is not None
        stream = self._streamed.translated
        progress = self._streamed.feed(data, end=end)
        now = self._clock.monotonic()
        self._log.progress(stream, now - self._began)
        cost = None if self._request.opaque else self._log.shown_cost()
        if cost is not None and progress.data:
            progress = replace(progress, data=tag_events(progress.data, cost))
        replies = self._release(progress, now)
        if progress.failed is not None:
            return (*replies, *self._fail(progress.failed))
        if end:
            self._complete()
            return endings.with_body(replies)
        if stream.terminal:  # complete, though the provider has not closed: a client may leave at the finish marker
            self._log.answered(200, "ok", final=True)
        self._set_deadline(stream, progress, now)
        return replies

    def _set_deadline(self, stream: AnswerStream, progress: Progress, now: float) -> None:
        if stream.terminal:
            if progress.ended:  # whatever follows is not waited for
                self.deadline = now + _AFTER_END
        elif stream.content_seen:
            model = self._exchange.model
            if progress.content:
                self._content_at = now
            # Signs of life that say nothing (pings) count, but not for ever.
            self.deadline = min(now + model.stall_timeout, self._content_at + max(model.timeout, model.stall_timeout))
            if self._state == "withheld" and self._gate is not None and self._gate.deadline is not None:
                self.deadline = min(self.deadline, self._gate.deadline)

    # -- what the client gets -----------------------------------------------------------------------------------------

    def _release(self, progress: Progress, now: float) -> Replies:
        """What the client may have of this progress: nothing while withheld, all that was held once the gate opens."""
        if self._state == "streaming":
            return (ResponseBodyReply(progress.data),) if progress.data else ()
        assert self._gate is not None
        self._held += progress.data
        opens = self._gate.opens(content=progress.content, ended=progress.ended, held=len(self._held), now=now)
        # A failure in the very piece that would have committed is still a failure before the commit.
        return self._commit() if opens and progress.failed is None else ()

    def _commit(self) -> Replies:
        self._state = "streaming"
        self._log.committed()
        held = bytes(self._held)
        self._held.clear()
        head = self._heads.answer(self._content_type, self._request.dropped, self._log.mark())
        return (head, ResponseBodyReply(held))

    def _complete(self) -> None:
        self._state = "over"
        self.deadline = None
        self._log.answered(200, "ok", final=True)

    def wake(self) -> Replies | Awaitable[Replies]:
        """See ``Phase``."""
        replies = self._wake()
        return self._cover if self._cover is not None else replies

    def _wake(self) -> Replies:
        now = self._clock.monotonic()
        self.deadline = None
        if self._state == "failed":
            self._state = "over"
            return (Abort(),)
        if self._streamed is None or self._state not in {"withheld", "streaming"}:
            return ()
        stream = self._streamed.translated
        if stream.terminal:
            self._complete()
            return (Abort(),)
        window = self._gate.deadline if self._gate is not None else None
        if self._state == "withheld" and window is not None and now >= window:
            self.deadline = now + self._exchange.model.stall_timeout
            return self._commit()
        what = "stopped sending" if stream.content_seen else "sent no content in time"
        return self._fail(ProviderTimeout(f"The provider {what}."))

    # -- failure ------------------------------------------------------------------------------------------------------

    def _may_retry(self, error: ProviderError) -> bool:
        return self._log.attempt < len(self._exchange.handoff.chain) and moves_on(self._exchange.model, error)

    def _fail(self, error: ProviderError) -> Replies:
        """The answer is no good: let the next provider try, or tell the client, before the commit or behind it."""
        self.deadline = None
        if self._state == "streaming":
            return self._tell(error)
        if not self._may_retry(error):
            return self._give_error(error)
        waited = self._clock.monotonic() - self._began
        if not self._log.spent(error, waited):
            return self._retry(error)
        if self._at_once:  # the end of the response cannot wait
            return self._give_error(error)
        asked = self._log.cover(error, waited)
        if asked is None:
            return self._retry(error)
        self._state = "covering"
        self._cover = self._covered(asked, error)
        return ()

    async def _covered(self, asked: Awaitable[bool], error: ProviderError) -> Replies:
        """The failed attempt has cost money, so the hold may be too small for another."""
        covered = await asked
        self._cover = None
        if covered:
            return self._retry(error)
        self._log.uncovered()
        return self._give_error(error)

    def _tell(self, error: ProviderError) -> Replies:
        """The client has a part of the answer: it gets one error event.

        Ended here, the client's side would be all that ends: Envoy takes the provider's for complete, which then goes
        on, read by nobody and paid for. So the provider ends it, or both sides are cut.
        """
        self._log.answered(200, error.outcome, final=True)
        if not self._content_type.startswith(_EVENTS):  # a sound or a file has no place for an error
            self._state = "over"
            return (Abort(),)
        event = None if self._streamed is None else self._streamed.translated.failure(error)
        event = event or self._exchange.client.render_error_event(error)
        self._state = "over" if self._body_ended else "failed"
        if self._state == "failed":
            self.deadline = self._clock.monotonic() + _LAST_WORD
        return (ResponseBodyReply(event, end=self._body_ended),)

    def _end_failed(self) -> Replies:
        self._state = "over"
        self.deadline = None
        return (ResponseBodyReply(b"", end=True),)

    def _retry(self, error: ProviderError) -> Replies:
        self._state = "retrying"
        self._log.answered(error.status, error.outcome, final=False)
        self._error_body = error_body(error, self._exchange.handoff.client_dialect)
        head = self._heads.retry(error, self._log.mark())
        if not self._body_ended:
            return (head,)
        # Envoy has sent the body's end: until that is answered, too, it holds the headers back.
        self._state = "over"
        return (head, ResponseBodyReply(self._error_body, end=True))

    def _give_error(self, error: ProviderError) -> Replies:
        """The chain is at its end: the client gets this error."""
        self._state = "over"
        self._log.answered(error.status, error.outcome, final=True)
        mark = self._log.mark()
        if not self._body_ended:
            # Envoy answers by itself and resets the provider, which would go on if only this answer ended.
            return (self._heads.whole(error, mark),)
        body = error_body(error, self._exchange.handoff.client_dialect)
        return (self._heads.error(error, mark), ResponseBodyReply(body, end=True))

    def _seconds(self) -> int:
        return self._clock.now_ns() // 1_000_000_000
