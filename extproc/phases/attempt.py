"""Attempt: once per try of a provider.

::

    opened ─request headers─► addressed ─request body─► sent ─► (extproc.phases.answering) ...

The request is translated into the provider's dialect, addressed and authenticated, all of it absolute: Envoy keeps the
header changes of earlier attempts. The answer is ``Answering``'s, which withholds it until it commits.

Counterpart: ``extproc.phases.admission``, whose hand-off is all this knows of the request.
"""

from collections.abc import Awaitable
from typing import Literal

from extproc.domain import names
from extproc.domain.errors import BudgetExceeded, GatewayError, InternalError
from extproc.domain.valueclass import valueclass
from extproc.phases import handoff as handoffs
from extproc.phases.answering import Answering, Order
from extproc.phases.attempt_log import AttemptLog
from extproc.phases.endpoints import OPENAI
from extproc.phases.events import (
    Event,
    Replies,
    Reply,
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    RequestHeadersReply,
)
from extproc.phases.exchange import Exchange, Parties, open_exchange
from extproc.phases.handoff import Handoff, Step
from extproc.phases.ports import Clock
from extproc.phases.refusals import refuse
from extproc.phases.settlement import Accounts
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.traces import Tracer

State = Literal["opened", "addressed", "sent", "refused"]


@valueclass
class AttemptDeps:
    """What an attempt works with."""

    parties: Parties
    accounts: Accounts
    clock: Clock
    recorder: Recorder
    tracer: Tracer


class Attempt:
    """One try. See the module's docstring."""

    def __init__(self, deps: AttemptDeps) -> None:
        self._deps = deps
        self._state: State = "opened"
        self._log = AttemptLog(deps.recorder, deps.tracer, deps.clock, deps.accounts)
        self._began = deps.clock.monotonic()
        self._handoff: Handoff | None = None
        self._exchange: Exchange | None = None
        self._answering: Answering | None = None
        deps.recorder.stream_opened("attempt")

    @property
    def deadline(self) -> float | None:
        """See ``Phase``."""
        return self._answering.deadline if self._answering is not None else None

    def handle(self, event: Event) -> Replies | Awaitable[Replies]:
        """See ``Phase``."""
        if self._answering is not None:
            return self._answering.handle(event)
        try:
            if isinstance(event, RequestHeaders) and self._state == "opened":
                reply = self._on_request_headers(event)
                if event.end:  # nothing more will come before the answer
                    sent = self._send(b"")
                    reply = RequestHeadersReply(False, sent.set_headers, sent.remove_headers, metadata=sent.metadata)
            elif isinstance(event, RequestBody) and self._state == "addressed":
                covered = self._log.resume()
                if covered is not None:
                    return self._resumed(covered, event.body)
                reply = self._send(event.body)
            elif self._state == "refused":
                return ()
            else:
                raise InternalError(f"Envoy sent {type(event).__name__} to an attempt that is {self._state}")
        except GatewayError as error:
            reply = self._refuse(error)
        return (reply,)

    def _refuse(self, error: GatewayError) -> Reply:
        """Nothing was sent to the provider: the client gets the error, and no other attempt is made."""
        self._state = "refused"
        self._log.answered(error.status, error.outcome, final=True)
        if self._handoff is None:
            return refuse(error, OPENAI, "")
        # The mark tells admission that this answer is an attempt's, whose row is written here.
        mark = self._log.mark() if self._exchange is not None else None
        return refuse(error, self._handoff.client_dialect, self._handoff.request_id, mark)

    def _on_request_headers(self, event: RequestHeaders) -> Reply:
        handoff = self._handoff = handoffs.decode(event.metadata.get(names.HANDOFF_KEY))
        step = _step(handoff, event.attempt)
        if event.cluster != f"{names.CLUSTER_PREFIX}{step.provider}":
            raise InternalError("Envoy chose another provider than the chain names")
        self._exchange = open_exchange(self._deps.parties, handoff, step, event)
        self._log.opened(handoff, self._exchange, event.metadata, event.attempt)
        self._state = "addressed"
        return RequestHeadersReply()

    async def _resumed(self, covered: Awaitable[bool], body: bytes) -> Replies:
        """Envoy retries a cut by itself. What came before it may have cost money, and the hold is for one attempt."""
        try:
            if not await self._is_covered(covered):
                raise BudgetExceeded(
                    "An attempt of this request broke off behind an answer that costs money, and the budget has no room"
                    " for another one.",
                    status=self._deps.parties.snapshot.money.budget_status,
                )
            return (self._send(body),)
        except GatewayError as error:
            return (self._refuse(error),)

    async def _is_covered(self, covered: Awaitable[bool]) -> bool:
        fine = False
        try:
            fine = await covered
        finally:
            if not fine:
                self._log.uncovered()
        return fine

    def _send(self, body: bytes) -> RequestBodyReply:
        exchange = self._exchange
        assert exchange is not None
        parsed = exchange.read(body)
        request = exchange.render(body, parsed)
        self._log.sent(body, parsed)
        order = Order(request, parsed, self._began)
        self._answering = Answering(exchange, self._log, self._deps.clock, order)
        self._state = "sent"
        headers = exchange.signed(request.body, self._deps.clock.now_ns() // 1_000_000_000)
        length = (("content-length", str(len(request.body))),) if body else ()
        return RequestBodyReply(
            set_headers=(*headers.set_headers, *length),
            remove_headers=headers.remove_headers,
            body=request.body,
            metadata=self._log.mark(),
        )

    def wake(self) -> Replies | Awaitable[Replies]:
        """See ``Phase``."""
        return self._answering.wake() if self._answering is not None else ()

    def close(self, *, crashed: bool = False) -> None:
        """See ``Phase``."""
        self._log.closed(waited=self._deps.clock.monotonic() - self._began, crashed=crashed)
        self._deps.recorder.stream_closed("attempt")


def _step(handoff: Handoff, attempt: int) -> Step:
    """The chain's entry of an attempt (from 1). Past the end Envoy stays on the last group, and so do we."""
    if attempt < 1:
        raise InternalError("Envoy does not say which attempt this is")
    return handoff.chain[min(attempt, len(handoff.chain)) - 1]
