"""What an attempt notes of itself as it goes: its mark for the others, its rows, and what goes on its account.

Counterpart: ``extproc.phases.attempt``, which says what happened; this says it on.
"""

from collections.abc import Awaitable, Mapping, Sequence
from urllib.parse import urlsplit

from extproc.accounting.estimate import Delivered
from extproc.config.routes import idle_timeout, patience, try_timeout
from extproc.domain import names
from extproc.domain.answer import FinishReason
from extproc.domain.errors import Aborted, GatewayError, InternalError, NoAnswer, ProviderTimeout
from extproc.domain.reading import JsonObject
from extproc.domain.usage import Usage
from extproc.phases.endpoints import operation_name
from extproc.phases.exchange import Exchange
from extproc.phases.handoff import Handoff
from extproc.phases.marks import CLOCKS_DIFFER, SENT, AttemptMark, is_unmarked, read_marks, summaries, unexplained
from extproc.phases.ports import Clock
from extproc.phases.settlement import Account, Accounts
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.records import OK, AttemptRecord, RequestRecord
from extproc.telemetry.traces import SpanHandle, Tracer
from extproc.translate.answer import TranslatedAnswer
from extproc.translate.response import AnswerStream

_BYTES_OF_EVENT = 4
"""A whole answer has no events to count: about as many bytes as streams have in one."""
_AT_WORK = 0.1
"""Seconds behind which a provider without a word is taken to work on the request."""
_PACE = 100
"""Output tokens a second, where nothing is delivered that could be counted: about what the vendors' middle models write."""
_CRASHED = InternalError("").outcome
_BROKEN_OFF = frozenset({Aborted("").outcome, NoAnswer("").outcome, ProviderTimeout("").outcome})


class AttemptLog:
    """Notes of one attempt."""

    def __init__(self, recorder: Recorder, tracer: Tracer, clock: Clock, accounts: Accounts) -> None:
        self._accounts = accounts
        self._account: Account | None = None
        self._settled = False
        self._covered = True
        self._request = b""
        self._stream: AnswerStream | None = None
        self._whole_bytes = 0
        self._service_tier: str | None = None
        self._cost: int | None = None
        self._estimated = False
        self._recorder = recorder
        self._tracer = tracer
        self._clock = clock
        self._started_ns = self._heard_ns = clock.now_ns()
        self._span: SpanHandle | None = None
        self._handoff: Handoff | None = None
        self._exchange: Exchange | None = None
        self._earlier: tuple[AttemptMark, ...] = ()
        self._outcome = SENT
        self._final = False
        self._marked = False
        self._committed = False
        self._status: int | None = None
        self._client_status = 0
        self._first_token: float | None = None
        self._usage = Usage()
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
        self._request = request
        self._account.ordered(parsed)

    def provider_status(self, status: int) -> None:
        """The provider has answered with this status."""
        self._status = status
        self._heard_ns = self._clock.now_ns()

    def progress(self, stream: AnswerStream, elapsed: float) -> None:
        """A piece of a streamed answer was read, ``elapsed`` seconds after the attempt began."""
        if self._first_token is None and stream.content_seen:
            self._first_token = elapsed
        self._heard_ns = self._clock.now_ns()
        self._usage = stream.usage
        self._stream = stream
        self._service_tier = stream.service_tier
        self._finish = stream.finish_reason
        self._served = stream.response_model

    def whole(self, answer: TranslatedAnswer) -> None:
        """A whole answer was read."""
        self._usage = answer.usage
        self._whole_bytes = len(answer.body)
        self._service_tier = answer.service_tier
        self._finish = answer.finish_reason
        self._served = answer.response_model

    def cut_short(self, size: int) -> None:
        """Of a whole answer so many bytes came, and then no more: the provider had written all of it."""
        self._whole_bytes = size

    def committed(self) -> None:
        """The answer's head goes to the client; how it ends is open."""
        self._committed = True
        self._final = True
        self._client_status = 200

    def answered(self, status: int, outcome: str, *, final: bool) -> None:
        """How the attempt ended; ``final``: with an answer, or an error, for the client."""
        self._client_status = status
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
        """Nano-dollars so far, where the client shall see them; None: not asked for, or nobody knows the price."""
        if self._account is None or self._handoff is None or not self._handoff.show_cost:
            return None
        return self._account.cost(self._usage, self._service_tier)

    def spent(self, error: GatewayError, waited: float) -> bool:
        """Whether the hold will be charged for this attempt: for what was counted, or what was delivered."""
        if self._account is None or not self._account.held:
            return False
        delivered = self._whole_bytes > 0 or (self._stream is not None and self._stream.output_events > 0)
        return self._usage.total > 0 or delivered or self._left_reading(error.outcome, waited)

    def cover(self, error: GatewayError, waited: float) -> Awaitable[bool] | None:
        """The attempt failed and another shall follow: whether the hold covers that one, too.

        None where nothing is held.
        """
        if self._account is None or self._handoff is None or self._exchange is None:
            return None
        self.answered(error.status, error.outcome, final=False)
        self._reckon(waited)
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
        handoff, exchange, account = self._handoff, self._exchange, self._account
        if handoff is None or exchange is None or account is None:
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
        self._reckon(waited)
        record = self._attempt_record(handoff, exchange, now)
        for gap in unmarked_before(self._earlier):
            self._recorder.attempt(unreached(handoff, gap, self._started_ns))
        self._recorder.attempt(record)
        if self._final:
            self._recorder.request(self._request_record(handoff, exchange, record, now))
        if not self._settled:
            account.settle(record, final=self._final and self._covered, closing=unanswered or not self._covered)
        if self._span is not None:
            self._span.end(record)

    def _reckon(self, waited: float) -> None:
        """What the attempt has used, and what that costs: as the provider says, or as far as one can tell."""
        if self._settled:
            return  # the row says what the ledger's event says
        assert self._account is not None
        delivered = Delivered()
        if self._stream is not None:
            stream = self._stream
            delivered = Delivered(stream.output_bytes, stream.output_events, stream.thinking_shown)
        elif self._whole_bytes and self._is_chat:
            # With the JSON around it: rather too much than free, where no usage is reported.
            delivered = Delivered(self._whole_bytes, -(-self._whole_bytes // _BYTES_OF_EVENT))
        if self._outcome == OK and self._usage.total:
            if self._stream is not None:
                self._account.learn(self._usage, self._request, delivered)
        elif (
            self._usage.total
            or delivered.output_events
            or self._left_reading(self._outcome, waited)
            or (self._outcome == OK and self._account.read)
        ):
            self._usage = self._account.estimate(self._usage, self._request, delivered, unseen=self._unseen(waited))
            self._estimated = True
        self._cost = self._account.cost(self._usage, self._service_tier)
        if self._cost is not None and self._outcome != OK and not self._usage.total:
            self._cost = 0  # vendors bill no fee for a request that they refuse

    @property
    def _is_chat(self) -> bool:
        return self._handoff is not None and self._handoff.operation == "chat"

    def _unseen(self, waited: float) -> int:
        """Output tokens that were written, and billed, with nothing delivered yet: whole answers, hidden reasoning.

        A stream that tells its usage at the start shows its reasoning, too.
        """
        shown = self._stream is not None and (self._stream.output_events > 0 or self._usage.total > 0)
        return 0 if shown or not self._left_reading(self._outcome, waited) else int(waited * _PACE)

    def _left_reading(self, outcome: str, waited: float) -> bool:
        """Whether the transfer broke off while the provider was at work: it has read the prompt by then, and bills it.

        A provider that resets a request instead of answering does so at once, and one that refuses it sends a status.
        """
        if outcome == _CRASHED:  # of our own: the provider has done its part
            return self._status is not None and self._status < 300
        at_work = waited >= _AT_WORK if self._status is None else self._status < 300
        return at_work and outcome in _BROKEN_OFF

    def _unexplained(self, handoff: Handoff, exchange: Exchange, waited: float) -> str:
        """The stream just ended, and nothing said why."""
        if self._committed:
            return Aborted("").outcome
        silent = (self._clock.now_ns() - self._heard_ns) / 1e9
        limit = idle_timeout(exchange.model, stream=handoff.stream)
        if silent < limit - CLOCKS_DIFFER:
            return unexplained(waited, try_timeout(exchange.model, stream=handoff.stream))
        return unexplained(silent, limit)

    def _attempt_record(self, handoff: Handoff, exchange: Exchange, now: int) -> AttemptRecord:
        address = urlsplit(exchange.provider.base_url)
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
            provider=exchange.step.provider,
            provider_dialect=exchange.provider.dialect,
            provider_model=exchange.step.model,
            model_served=self._served,
            stream=handoff.stream,
            status=self._status,
            usage=self._usage,
            usage_estimated=self._estimated,
            cost=self._cost,
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


def unmarked_before(earlier: Sequence[AttemptMark]) -> list[tuple[int, AttemptMark]]:
    """The attempts right before this one that nobody marked, with their numbers: their rows are this one's to write."""
    gaps: list[tuple[int, AttemptMark]] = []
    for number, mark in reversed(list(enumerate(earlier, 1))):
        if not is_unmarked(mark):
            break
        gaps.append((number, mark))
    return gaps[::-1]


def unreached(handoff: Handoff, gap: tuple[int, AttemptMark], time_ns: int) -> AttemptRecord:
    """The row of an attempt that never got a connection, as far as another can know it."""
    number, mark = gap
    return AttemptRecord(
        request_id=handoff.request_id,
        time_ns=time_ns,
        duration_ms=0.0,
        outcome=mark.reason,
        key=handoff.key,
        team=handoff.team,
        tags=dict(handoff.tags) or None,
        client_dialect=handoff.client_dialect,
        operation=operation_name(handoff.operation, handoff.client_dialect),
        model_asked=handoff.asked,
        model=handoff.model,
        provider=mark.provider,
        provider_model=mark.model,
        stream=handoff.stream,
        config_version=handoff.config_version,
        attempt=number,
    )
