"""Attempt: once per try of a provider.

Translate and send; withhold the answer until it commits; then pass it on, or let the next provider try.

::

    opened ─request headers─► addressed ─request body─► sent ─response headers─┬─► rejected    an error status
                                                                               ├─► collecting  not a stream: whole
                                                                               ├─► withheld    a stream, uncommitted
    withheld ─gate opens─► streaming                                           │
    rejected | collecting | withheld ─failure─► retrying (Envoy tries the next) or over (the client gets the error)
    streaming ─failure─► over, with one error event; ─end─► over

Only ``withheld``, ``streaming`` and ``collecting`` have a deadline: first token, stall, end of the probe window. A
provider that sends no response headers at all is Envoy's to end (per-try timeout), for nothing can be said before them.

Counterpart: ``extproc.phases.admission``, whose hand-off is all this knows of the request.
"""

from dataclasses import dataclass
from typing import Literal

from extproc.config.snapshot import Snapshot
from extproc.domain import names
from extproc.domain.errors import (
    GatewayError,
    InternalError,
    ProviderBadAnswer,
    ProviderError,
    ProviderTimeout,
)
from extproc.phases import handoff as handoffs
from extproc.phases.attempt_log import AttemptLog
from extproc.phases.events import (
    Event,
    Replies,
    Reply,
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    RequestHeadersReply,
    ResponseBody,
    ResponseBodyReply,
    ResponseHeaders,
    ResponseHeadersReply,
    ResponseTrailers,
    ResponseTrailersReply,
)
from extproc.phases.exchange import Exchange, open_exchange
from extproc.phases.handoff import Handoff, Step
from extproc.phases.ports import Clock
from extproc.phases.refusals import error_body, error_headers, refuse
from extproc.policy.commit import CommitGate
from extproc.policy.retry import moves_on
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.traces import Tracer
from extproc.translate.content_coding import Decoder, decoder_for
from extproc.translate.response import AnswerStream, Progress

State = Literal["opened", "addressed", "sent", "rejected", "collecting", "withheld", "streaming", "retrying", "over"]

_ERROR_BODY_LIMIT = 64 * 1024
"""A vendor's error body; what is longer is an HTML page, and its beginning is enough."""
_ANSWER_LIMIT = 64 * 1024 * 1024
"""A whole answer that is not streamed: images in base64 are the largest."""
_AFTER_END = 1.0
"""Seconds a provider may keep its connection open behind the finish marker before the client's stream is ended."""


@dataclass(frozen=True, slots=True)
class AttemptDeps:
    """What an attempt works with; ``snapshot`` is the configuration at the time the stream opened."""

    snapshot: Snapshot
    clock: Clock
    recorder: Recorder
    tracer: Tracer


class Attempt:
    """One try. See the module's docstring."""

    def __init__(self, deps: AttemptDeps) -> None:
        self.deadline: float | None = None
        self._deps = deps
        self._state: State = "opened"
        self._log = AttemptLog(deps.recorder, deps.tracer, deps.clock)
        self._began = deps.clock.monotonic()
        self._handoff: Handoff | None = None
        self._exchange: Exchange | None = None
        self._gate: CommitGate | None = None
        self._decoder: Decoder | None = None
        self._stream: AnswerStream | None = None
        self._held = bytearray()
        self._provider_headers: tuple[str, ...] = ()
        self._retry_after: float | None = None
        self._status = 0
        self._include_usage = True
        deps.recorder.stream_opened("attempt")

    # -- what the phase was given ---------------------------------------------------------------------------------------

    @property
    def _request(self) -> Handoff:
        assert self._handoff is not None
        return self._handoff

    @property
    def _open(self) -> Exchange:
        assert self._exchange is not None
        return self._exchange

    # -- events -------------------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> Replies:
        """See ``Phase``."""
        try:
            match event, self._state:
                case ResponseBody(), "rejected" | "collecting" | "withheld" | "streaming" | "retrying":
                    return self._on_body(event.data, end=event.end, trailers=False)
                case ResponseBody(), "over":
                    return ()
                case RequestHeaders(), "opened":
                    return (self._on_request_headers(event),)
                case RequestBody(), "addressed":
                    return (self._on_request_body(event.body),)
                case ResponseHeaders(), "sent":
                    return self._on_response_headers(event)
                case ResponseTrailers(), "over":
                    return (ResponseTrailersReply(),)
                case ResponseTrailers(), _:
                    return (*self._on_body(b"", end=True, trailers=True), ResponseTrailersReply())
                case _:
                    raise InternalError(f"Envoy sent {type(event).__name__} to an attempt that is {self._state}")
        except GatewayError as error:
            return self._refuse(error)

    def _refuse(self, error: GatewayError) -> Replies:
        """Nothing was sent to the provider, or nothing can be: the client gets the error, no other attempt is made."""
        self._state = "over"
        self._log.answered(error.status, error.outcome, final=True)
        if self._handoff is None:
            return (refuse(error, "openai-chat", ""),)
        return (refuse(error, self._handoff.client_dialect, self._handoff.request_id),)

    def _on_request_headers(self, event: RequestHeaders) -> Reply:
        handoff = self._handoff = handoffs.decode(event.metadata.get(names.HANDOFF_KEY))
        step = _step(handoff, event.attempt)
        if event.cluster != f"{names.CLUSTER_PREFIX}{step.provider}":
            raise InternalError("Envoy chose another provider than the chain names")
        self._exchange = open_exchange(self._deps.snapshot, handoff, step, event)
        self._log.opened(handoff, self._exchange, event.metadata, event.attempt)
        self._state = "addressed"
        return RequestHeadersReply()

    def _on_request_body(self, body: bytes) -> Reply:
        exchange = self._open
        request = exchange.render(body)
        self._log.dropped = request.dropped
        self._include_usage = request.include_usage
        self._state = "sent"
        return RequestBodyReply(
            set_headers=(*exchange.headers.set_headers, ("content-length", str(len(request.body)))),
            remove_headers=exchange.headers.remove_headers,
            body=request.body,
            metadata=self._log.mark(),
        )

    def _on_response_headers(self, event: ResponseHeaders) -> Replies:
        self._status = event.status
        self._log.provider_status(event.status)
        self._provider_headers = tuple(name for name in event.headers if not name.startswith(":"))
        self._retry_after = _seconds(event.headers.get("retry-after"))
        if event.status >= 400:
            return self._on_error_status(event)
        try:
            if not 200 <= event.status < 300:
                raise ProviderBadAnswer(f"The provider answered with status {event.status}.")
            self._decoder = decoder_for(event.headers.get("content-encoding", "identity"))
            if self._request.stream:
                self._withhold()
            else:
                self._state = "collecting"
        except ProviderError as error:
            return self._fail(error)
        return self._on_body(b"", end=True, trailers=False) if event.end else ()

    def _on_error_status(self, event: ResponseHeaders) -> Replies:
        """An error status: the next attempt need not wait for its body; the client's error is made of it."""
        error = self._open.parse_error(event.status, b"", self._retry_after)
        if self._may_retry(error):
            return self._retry(error)
        self._state = "rejected"
        return self._on_body(b"", end=True, trailers=False) if event.end else ()

    def _withhold(self) -> None:
        model = self._open.model
        self._state = "withheld"
        self._gate = CommitGate(model.commit)
        created = self._deps.clock.now_ns() // 1_000_000_000
        self._stream = self._open.answer_stream(created=created, include_usage=self._include_usage)
        self.deadline = self._began + model.first_token_timeout

    # -- the answer ---------------------------------------------------------------------------------------------------

    def _on_body(self, data: bytes, *, end: bool, trailers: bool) -> Replies:
        """A piece of the answer. ``trailers``: the end came as trailers, so the body's last piece does not end it."""
        match self._state:
            case "withheld" | "streaming":
                return self._on_stream(data, end=end, trailers=trailers)
            case "retrying":  # Envoy did not retry after all: the error that was held back becomes the answer
                return (ResponseBodyReply(self._log.error_body, end=not trailers),) if end else ()
            case _:
                return self._on_whole(data, end=end, trailers=trailers)

    def _on_whole(self, data: bytes, *, end: bool, trailers: bool) -> Replies:
        """An answer or an error body that is taken whole."""
        limit = _ERROR_BODY_LIMIT if self._state == "rejected" else _ANSWER_LIMIT
        if len(self._held) < limit:
            self._held += data
        elif self._state == "collecting":
            return self._fail(ProviderBadAnswer(f"The provider's answer exceeds {limit} bytes."))
        if not end:
            return ()
        if self._state == "rejected":
            error = self._open.parse_error(self._status, bytes(self._held), self._retry_after)
            return self._give_error(error, end=not trailers)
        try:
            assert self._decoder is not None
            body = self._decoder.feed(bytes(self._held))
            self._decoder.finish()
            answer = self._open.translate_answer(body, created=self._deps.clock.now_ns() // 1_000_000_000)
        except ProviderError as error:
            return self._fail(error, end=not trailers)
        self._log.whole(answer)
        self._log.answered(200, "ok", final=True)
        self._state = "over"
        return (self._answer_headers("application/json"), ResponseBodyReply(answer.body, end=not trailers))

    def _on_stream(self, data: bytes, *, end: bool, trailers: bool) -> Replies:
        assert self._decoder is not None
        assert self._stream is not None
        stream = self._stream
        try:
            progress = stream.feed(self._decoder.feed(data))
            if end and not stream.terminal:
                self._decoder.finish()
                progress = _joined(progress, stream.finish())
        except ProviderError as error:
            return self._fail(error, end=not trailers)
        now = self._deps.clock.monotonic()
        self._log.progress(stream, now - self._began)
        out = self._release(progress, now)
        if progress.failed is not None:
            return (*out, *self._fail(progress.failed, end=not trailers))
        if self._state == "streaming" and end:
            self._state = "over"
            self.deadline = None
            self._log.answered(200, "ok", final=True)
            return _last(out, end=not trailers)
        if stream.terminal:
            self.deadline = now + _AFTER_END
        elif stream.content_seen:
            self.deadline = now + self._open.model.stall_timeout
            if self._state == "withheld" and self._gate is not None and self._gate.deadline is not None:
                self.deadline = min(self.deadline, self._gate.deadline)
        return out

    def _release(self, progress: Progress, now: float) -> Replies:
        """What the client may have of this progress: nothing while withheld, all that was held once the gate opens."""
        if self._state == "streaming":
            return (ResponseBodyReply(progress.data),) if progress.data else ()
        self._held += progress.data
        assert self._gate is not None
        opens = self._gate.opens(content=progress.content, ended=progress.ended, held=len(self._held), now=now)
        if progress.failed is not None or not opens:
            # A failure in the piece that would have committed is still a failure before the commit.
            return ()
        return self._commit()

    def _commit(self) -> Replies:
        self._state = "streaming"
        self._log.committed()
        held = bytes(self._held)
        self._held.clear()
        return (self._answer_headers("text/event-stream; charset=utf-8"), ResponseBodyReply(held))

    def wake(self) -> Replies:
        """See ``Phase``: no first token in time, a stall, the end of a probe window, or of the wait behind the end."""
        now = self._deps.clock.monotonic()
        self.deadline = None
        if self._stream is None or self._state not in {"withheld", "streaming"}:
            return ()
        if self._stream.terminal:
            self._state = "over"
            self._log.answered(200, "ok", final=True)
            return (ResponseBodyReply(b"", end=True),)
        gate_due = self._gate is not None and self._gate.deadline is not None and now >= self._gate.deadline
        if self._state == "withheld" and gate_due:
            self.deadline = now + self._open.model.stall_timeout
            return self._commit()
        what = "stopped sending" if self._stream.content_seen else "sent no content in time"
        return self._fail(ProviderTimeout(f"The provider {what}."))

    # -- failure ------------------------------------------------------------------------------------------------------

    def _may_retry(self, error: ProviderError) -> bool:
        return self._log.attempt < len(self._request.chain) and moves_on(self._open.model, error)

    def _fail(self, error: ProviderError, *, end: bool = True) -> Replies:
        """The answer is no good: let the next provider try, or tell the client, before the commit or behind it."""
        self.deadline = None
        if self._state == "streaming":
            self._state = "over"
            self._log.answered(200, error.outcome, final=True)
            event = self._open.client.render_error_event(error)
            return (ResponseBodyReply(event, end=end),)
        if self._may_retry(error):
            return self._retry(error)
        return self._give_error(error, end=end)

    def _retry(self, error: ProviderError) -> Replies:
        """Answer with the one status that Envoy's route retries."""
        self._state = "retrying"
        self._log.answered(error.status, error.outcome, final=False)
        self._log.error_body = error_body(error, self._request.client_dialect)
        remove = set(self._provider_headers)
        if self._same_provider_next():
            remove.discard("retry-after")  # Envoy waits as long as it says, within the route's limit
        headers = (("content-type", "application/json"), (names.STATUS_HEADER, str(error.status)))
        return (
            ResponseHeadersReply(
                status=names.RETRY_STATUS,
                set_headers=headers,
                remove_headers=tuple(remove - {"content-type"}),
                metadata=self._log.mark(),
            ),
        )

    def _same_provider_next(self) -> bool:
        chain = self._request.chain
        return chain[self._log.attempt].provider == chain[self._log.attempt - 1].provider

    def _give_error(self, error: ProviderError, *, end: bool = True) -> Replies:
        """The chain is at its end: the client gets this error."""
        self._state = "over"
        self._log.answered(error.status, error.outcome, final=True)
        headers = error_headers(error, self._request.request_id)
        kept = {name for name, _ in headers}
        return (
            ResponseHeadersReply(
                status=error.status,
                set_headers=(*headers, *self._served_by()),
                remove_headers=tuple(name for name in self._provider_headers if name not in kept),
                metadata=self._log.mark(),
            ),
            ResponseBodyReply(error_body(error, self._request.client_dialect), end=end),
        )

    def _answer_headers(self, content_type: str) -> ResponseHeadersReply:
        """The head of the answer. Of the provider's headers none goes through: they tell of our account with it."""
        headers = [("content-type", content_type), *self._served_by()]
        if content_type.startswith("text/event-stream"):
            headers.append(("cache-control", "no-cache"))
        kept = {name for name, _ in headers}
        return ResponseHeadersReply(
            status=200,
            set_headers=tuple(headers),
            remove_headers=tuple(name for name in self._provider_headers if name not in kept),
            metadata=self._log.mark(),
        )

    def _served_by(self) -> tuple[tuple[str, str], ...]:
        step = self._open.step
        headers = [
            (names.REQUEST_ID_HEADER, self._request.request_id),
            ("request-id", self._request.request_id),
            (names.PROVIDER_HEADER, step.provider),
            (names.MODEL_HEADER, step.model),
            (names.ATTEMPTS_HEADER, str(self._log.attempt)),
        ]
        if self._log.dropped:
            headers.append((names.DROPPED_HEADER, ", ".join(self._log.dropped)[:1024]))
        return tuple(headers)

    def close(self) -> None:
        """See ``Phase``."""
        self._log.closed(waited=self._deps.clock.monotonic() - self._began)
        self._deps.recorder.stream_closed("attempt")


def _step(handoff: Handoff, attempt: int) -> Step:
    """The chain's entry of an attempt (from 1). Past the end Envoy stays on the last group, and so do we."""
    if attempt < 1:
        raise InternalError("Envoy does not say which attempt this is")
    return handoff.chain[min(attempt, len(handoff.chain)) - 1]


def _seconds(retry_after: str | None) -> float | None:
    """``retry-after`` in seconds; the header's date form, which no vendor sends, counts as absent."""
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None


def _joined(first: Progress, last: Progress) -> Progress:
    """Two pieces as one; ``first`` neither failed nor ended."""
    return Progress(first.data + last.data, first.content + last.content, last.failed, last.ended)


def _last(out: Replies, *, end: bool) -> Replies:
    """The replies with the end of the body on the last of them."""
    if out and isinstance(out[-1], ResponseBodyReply):
        return (*out[:-1], ResponseBodyReply(out[-1].data, end=end))
    return (*out, ResponseBodyReply(b"", end=end))
