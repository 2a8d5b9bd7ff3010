"""What admission notes of a request: its row where no attempt writes it, its span, and how it ended.

The request's row is written by the attempt that answered the client, else here: refusals, replies that Envoy made
itself, requests whose client left before any answer. Counterpart: ``extproc.phases.attempt_log``.
"""

import math
from collections.abc import Mapping

from extproc.config.routes import patience
from extproc.domain import names
from extproc.domain.errors import (
    ClientClosed,
    GatewayError,
    InternalError,
    InvalidRequest,
    ProviderError,
    ProviderTimeout,
    ProviderTruncated,
    ProviderUnreachable,
    RequestTooLarge,
    UnknownRoute,
)
from extproc.phases.endpoints import operation_name
from extproc.phases.events import ResponseHeaders, ResponseHeadersReply
from extproc.phases.known import Known
from extproc.phases.marks import SENT, AttemptMark, answered, is_unmarked, read_marks, summaries
from extproc.phases.ports import Clock
from extproc.phases.unreached import unreached
from extproc.policy.retry import envoy_retry_on
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.records import RequestRecord
from extproc.telemetry.traces import SpanHandle, Tracer

_ENVOYS_OWN: Mapping[int, type[GatewayError]] = {
    404: UnknownRoute,
    413: RequestTooLarge,
    502: ProviderTruncated,
    503: ProviderUnreachable,
    504: ProviderTimeout,
}
"""What a reply that Envoy made itself means; its other 4xx are about a request that it cannot read."""


class AdmissionLog:
    """Notes of one request."""

    def __init__(self, known: Known, version: str, recorder: Recorder, tracer: Tracer, clock: Clock) -> None:
        self.started_ns = clock.now_ns()
        """Unix nanoseconds."""
        self._known = known
        self._version = version
        self._recorder = recorder
        self._tracer = tracer
        self._clock = clock
        self._span: SpanHandle | None = None
        self._done = False

    @property
    def done(self) -> bool:
        """Whether the request's row is written, or an attempt's to write."""
        return self._done

    @property
    def traceparent(self) -> str | None:
        """For the attempts' spans."""
        return self._span.traceparent if self._span else None

    def opened(self, traceparent: str | None) -> None:
        """The request's headers are there."""
        self._span = self._tracer.start_admission(traceparent, self.started_ns)

    def answered(self, event: ResponseHeaders) -> ResponseHeadersReply:
        """An answer is on its way to the client: an attempt's own is left alone, Envoy's own is recorded."""
        final = answered(event.metadata)
        if event.status == names.RETRY_STATUS:
            return self._unretried(event)
        if final is not None:
            self._done = True  # the attempt writes the request's row when its stream ends
            if self._span is not None and self._span.recording:
                self._end_span(self._make(event.status, "ok" if final.reason == SENT else final.reason, (final,)))
        else:
            error = _envoys_own(event.status)
            marks = self._all_marks(event.metadata) if isinstance(error, ProviderError) else ()
            if marks:
                assert self._known.handoff is not None
                for row in unreached(self._known.handoff, marks, self.started_ns):
                    self._recorder.attempt(row)
            self.ended(event.status, error.outcome, marks)
            return ResponseHeadersReply(set_headers=(*self._named(), *_tried(marks)))
        return ResponseHeadersReply(set_headers=((names.REQUEST_ID_HEADER, self._known.request_id),))

    def _named(self) -> tuple[tuple[str, str], ...]:
        given = self._known.request_id
        return ((names.REQUEST_ID_HEADER, given), (names.ANTHROPIC_REQUEST_ID_HEADER, given))

    def _unretried(self, event: ResponseHeaders) -> ResponseHeadersReply:
        """Envoy was to retry and did not (its limits): show what the attempt had to say."""
        marks = tuple(mark for mark in self._all_marks(event.metadata) if not is_unmarked(mark))
        shown = event.headers.get(names.STATUS_HEADER, "")
        status = int(shown) if shown.isdecimal() else 502
        self.ended(status, marks[-1].reason if marks else ProviderError("").outcome, marks)
        return ResponseHeadersReply(status=status, remove_headers=(names.STATUS_HEADER,))

    def _all_marks(self, metadata: Mapping[str, str]) -> tuple[AttemptMark, ...]:
        """The marks of a request that no attempt answered: Envoy has gone through as much of the chain as it retries."""
        handoff, model = self._known.handoff, self._known.model
        if handoff is None or model is None:
            return ()
        count = len(handoff.chain) if envoy_retry_on(model) else max(1, len(metadata) - 1)
        return read_marks(metadata, handoff.chain, count)

    def closed(self, *, crashed: bool) -> None:
        """The stream is over; the client has left, unless the request had ended before."""
        if self._known.request_id:
            error = InternalError("") if crashed else ClientClosed("")
            self.ended(error.status, error.outcome)

    def ended(self, status: int, outcome: str, marks: tuple[AttemptMark, ...] = ()) -> None:
        """The request's row, once."""
        if self._done:
            return
        self._done = True
        record = self._make(status, outcome, marks)
        self._recorder.request(record)
        self._end_span(record)

    def _make(self, status: int, outcome: str, marks: tuple[AttemptMark, ...]) -> RequestRecord:
        now, known = self._clock.now_ns(), self._known
        who, model = known.who, known.model
        limit = math.inf if model is None else patience(model, stream=known.stream)
        return RequestRecord(
            request_id=known.request_id,
            time_ns=self.started_ns,
            duration_ms=(now - self.started_ns) / 1e6,
            outcome=outcome,
            trace_id=self._span.trace_id if self._span else None,
            key=who.key.name if who else None,
            team=who.key.team if who else None,
            org=who.org if who else None,
            user=who.key.user if who else None,
            tags=known.tags or None,
            client_dialect=known.dialect,
            operation=operation_name(known.endpoint.operation, known.dialect),
            model_asked=known.asked[:200] if known.asked else None,
            model=model.name if model else None,
            ladder=known.handoff.ladder or None if known.handoff else None,
            provider=marks[-1].provider if marks else None,
            provider_model=marks[-1].model if marks else None,
            stream=known.stream,
            status=status,
            config_version=self._version,
            attempts=summaries(marks, now, limit=limit),
        )

    def _end_span(self, record: RequestRecord) -> None:
        if self._span is not None:
            self._span.end(record)
            self._span = None


def _tried(marks: tuple[AttemptMark, ...]) -> tuple[tuple[str, str], ...]:
    """What a reply that Envoy made itself tells of the attempts, as ``extproc.phases.heads`` does on all others."""
    if not marks:
        return ()
    last = marks[-1]
    return (
        (names.PROVIDER_HEADER, last.provider),
        (names.MODEL_HEADER, last.model),
        (names.ATTEMPTS_HEADER, str(len(marks))),
    )


def _envoys_own(status: int) -> GatewayError:
    """What a reply that Envoy made itself means. It was written by the mapping in ``extproc.envoyconf``."""
    known = _ENVOYS_OWN.get(status)
    if known is not None:
        return known("")
    return InvalidRequest("") if 400 <= status < 500 else InternalError("")
