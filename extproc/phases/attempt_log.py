"""What an attempt notes of itself as it goes: its mark for the others, its rows, and what goes on its account.

Counterpart: ``extproc.phases.attempt``, which says what happened; this says it on.
"""

from collections.abc import Awaitable, Mapping
from urllib.parse import urlsplit

from extproc.config.routes import patience
from extproc.domain import names
from extproc.domain.answer import FinishReason
from extproc.domain.errors import Aborted, GatewayError, InternalError
from extproc.domain.reading import JsonObject
from extproc.phases.endpoints import operation_name
from extproc.phases.exchange import Exchange
from extproc.phases.handoff import Handoff
from extproc.phases.marks import SENT, AttemptMark, read_marks, summaries, unexplained
from extproc.phases.ports import Clock
from extproc.phases.refusals import shown_status
from extproc.phases.settlement import Account, Accounts
from extproc.phases.spending import Spending
from extproc.phases.unreached import unreached
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.records import AttemptRecord, RequestRecord
from extproc.telemetry.traces import SpanHandle, Tracer
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.response import AnswerStream


class AttemptLog:
    """Notes of one attempt."""

    def __init__(self, recorder: Recorder, tracer: Tracer, clock: Clock, accounts: Accounts) -> None:
        self._accounts = accounts
        self._account: Account | None = None
        self._spending: Spending | None = None
        self._settled = False
        self._covered = True
        self._recorder = recorder
        self._tracer = tracer
        self._clock = clock
        self._started_ns = clock.now_ns()
        self._span: SpanHandle | None = None
        self._handoff: Handoff | None = None
        self._exchange: Exchange | None = None
        self._earlier: tuple[AttemptMark, ...] = ()
        self._outcome = SENT
        self._final = False
        self._marked = False
        self._committed = False
        self._client_status = 0
        self._first_token: float | None = None
        self._finish: FinishReason | None = None
        self._served: str | None = None
        self.attempt = 1

    def opened(self, handoff: Handoff, exchange: Exchange, metadata: Mapping[str, str], attempt: int) -> None:
        """The attempt knows what it is about."""
        self._handoff = handoff
        self._exchange = exchange
        self.attempt = attempt
        self._earlier = read_marks(metadata, handoff.chain, attempt - 1)
        self._account = Account(self._accounts, handoff, exchange, attempt, self._started_ns)
        self._spending = Spending(self._account, handoff.operation)
        self._span = self._tracer.start_attempt(handoff.traceparent, self._started_ns)

    def resume(self) -> Awaitable[bool] | None:
        """Whether the hold still covers this attempt; None where no earlier one can have cost anything unnoticed."""
        assert self._account is not None
        return self._account.resume(self._unexplained_before())

    def _unexplained_before(self) -> list[int]:
        return [number for number, mark in enumerate(self._earlier, 1) if mark.reason == SENT]

    def sent(self, request: bytes, parsed: JsonObject) -> None:
        """The request goes out; this is the client's body."""
        assert self._account is not None
        assert self._spending is not None
        self._spending.sent(request)
        self._account.ordered(parsed)

    def provider_status(self, status: int) -> None:
        """The provider has answered with this status."""
        assert self._spending is not None
        self._spending.answered(status)

    def progress(self, stream: AnswerStream, elapsed: float) -> None:
        """A piece of a streamed answer was read, ``elapsed`` seconds after the attempt began."""
        if self._first_token is None and stream.content_seen:
            self._first_token = elapsed
        assert self._spending is not None
        self._spending.progress(stream)
        self._finish = stream.finish_reason
        self._served = stream.response_model

    def whole(self, answer: TranslatedAnswer) -> None:
        """A whole answer was read."""
        assert self._spending is not None
        self._spending.whole(answer)
        self._finish = answer.finish_reason
        self._served = answer.response_model

    def cut_short(self, size: int) -> None:
        """Of a whole answer so many bytes came, and then no more: the provider had written all of it."""
        assert self._spending is not None
        self._spending.cut_short(size)

    def committed(self) -> None:
        """The answer's head goes to the client; how it ends is open."""
        self._committed = True
        self._final = True
        self._client_status = 200

    def answered(self, status: int, outcome: str, *, final: bool) -> None:
        """How the attempt ended; ``final``: with an answer, or an error, for the client."""
        self._client_status = (
            status if self._handoff is None else shown_status(status, outcome, self._handoff.client_dialect)
        )
        self._outcome = outcome
        self._final = final
        self._committed = self._committed or (final and outcome == "ok")

    def mark(self) -> Mapping[str, str]:
        """What the others may know by now, as dynamic metadata."""
        assert self._exchange is not None
        self._marked = True
        step = self._exchange.step
        ended = 0 if self._outcome == SENT else self._clock.now_ns()
        mark = AttemptMark(step.provider, step.model, self._outcome, self._started_ns, ended, self._final)
        return {f"{names.ATTEMPT_KEY}{self.attempt}": mark.encode()}

    def shown_cost(self) -> int | None:
        """Nano-dollars, where the client shall see them; None: not asked for, or nobody knows them, or not yet."""
        if self._spending is None or self._handoff is None or not self._handoff.show_cost:
            return None
        return self._spending.shown_cost()

    def spent(self, error: GatewayError, waited: float) -> bool:
        """Whether the hold will be charged for this attempt: for what was counted, or what was delivered."""
        if self._account is None or self._spending is None or not self._account.held:
            return False
        return self._spending.is_any(error.outcome, waited)

    def cover(self, error: GatewayError, waited: float) -> Awaitable[bool] | None:
        """The attempt failed and another shall follow: whether the hold covers that one, too.

        None where nothing is held.
        """
        if self._account is None or self._handoff is None or self._exchange is None or self._spending is None:
            return None
        self.answered(error.status, error.outcome, final=False)
        self._spending.reckon(error.outcome, waited)
        asked = self._account.cover(self._attempt_record(self._handoff, self._exchange, self._clock.now_ns()))
        self._settled = asked is not None
        return asked

    def uncovered(self) -> None:
        """The hold covers no further attempt, so it ends once those that were made have settled."""
        assert self._account is not None
        self._covered = False
        self._account.release((*self._unexplained_before(), self.attempt))

    def closed(self, *, waited: float, crashed: bool) -> None:
        """The stream is over: write the rows, and settle. ``waited``: seconds since the attempt began."""
        handoff, exchange, account, spending = self._handoff, self._exchange, self._account, self._spending
        if handoff is None or exchange is None or account is None or spending is None:
            return
        account.closed()
        unanswered = self._outcome == SENT and not self._committed
        if self._outcome == SENT and crashed:
            self._outcome = InternalError("").outcome
        if self._outcome == SENT and not self._marked:
            return  # Envoy got no connection, and gave up before it had our mark: whoever misses it writes the row
        if self._outcome == SENT:
            self._outcome = self._unexplained(handoff, exchange, waited)
        now = self._clock.now_ns()
        if not self._settled:  # else the row says what the ledger's event says
            spending.reckon(self._outcome, waited)
        record = self._attempt_record(handoff, exchange, now)
        for row in unreached(handoff, self._earlier, self._started_ns):
            self._recorder.attempt(row)
        self._recorder.attempt(record)
        if self._final:
            self._recorder.request(self._request_record(handoff, exchange, record, now))
        if not self._settled:
            account.settle(record, final=self._final and self._covered, closing=unanswered or not self._covered)
        if self._span is not None:
            self._span.end(record)

    def _unexplained(self, handoff: Handoff, exchange: Exchange, waited: float) -> str:
        """The stream just ended, and nothing said why."""
        if self._committed:
            return Aborted("").outcome
        return unexplained(waited, patience(exchange.model, stream=handoff.stream))

    def _attempt_record(self, handoff: Handoff, exchange: Exchange, now: int) -> AttemptRecord:
        address, spending = urlsplit(exchange.provider.base_url), self._spending
        assert spending is not None
        return AttemptRecord(
            request_id=handoff.request_id,
            time_ns=self._started_ns,
            duration_ms=(now - self._started_ns) / 1e6,
            outcome=self._outcome,
            trace_id=self._span.trace_id if self._span else None,
            key=handoff.key,
            team=handoff.team,
            tags=dict(handoff.tags) or None,
            client_dialect=handoff.client_dialect,
            operation=operation_name(handoff.operation, handoff.client_dialect),
            model_asked=handoff.asked,
            model=handoff.model,
            ladder=handoff.ladder or None,
            provider=exchange.step.provider,
            provider_dialect=exchange.provider.dialect,
            provider_model=exchange.step.model,
            model_served=self._served,
            stream=handoff.stream,
            status=spending.status,
            usage=spending.usage,
            usage_estimated=spending.estimated,
            cost=spending.cost,
            org=handoff.org,
            user=handoff.user,
            first_token_ms=None if self._first_token is None else self._first_token * 1000,
            finish_reason=self._finish,
            config_version=handoff.config_version,
            committed=self._committed,
            attempt=self.attempt,
            server_address=address.hostname,
            server_port=address.port,
        )

    def _request_record(self, handoff: Handoff, exchange: Exchange, record: AttemptRecord, now: int) -> RequestRecord:
        step = exchange.step
        mine = AttemptMark(step.provider, step.model, self._outcome, self._started_ns, now, final=True)
        limit = patience(exchange.model, stream=handoff.stream)
        return RequestRecord.answered_by(
            record,
            time_ns=handoff.started_ns,
            status=self._client_status,
            attempts=summaries((*self._earlier, mine), now, limit=limit),
        )
