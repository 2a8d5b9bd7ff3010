"""Money behind the call: what an attempt has come to, and the settlement of its part of the hold.

Counterpart: ``extproc.phases.booking``, before the call. An attempt calls exactly one of ``settle`` and ``cover``.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import replace

import orjson

from extproc.accounting.bounds import Bound, prompt_bound, quote
from extproc.accounting.cost import asked_tier, served_regionally, served_tier
from extproc.accounting.estimate import Delivered, Ratios, estimate_usage, prompt_bytes
from extproc.accounting.operations import BY_TOKENS, charge, counted, sold
from extproc.accounting.tariffs import Tariff, TariffBook
from extproc.domain.errors import UnboundedCost
from extproc.domain.ledger import Charge, Settlement, UsageEvent
from extproc.domain.reading import JsonObject
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass
from extproc.phases.exchange import Exchange
from extproc.phases.handoff import Handoff
from extproc.phases.ports import Ledger
from extproc.state.events import encode_event
from extproc.telemetry.records import AttemptRecord

_MOST = 10**15
"""Of any amount: a vendor's slip must not be too large for the store to add."""
_DEARER = frozenset({"priority", "fast"})
_FIRST_LESSONS = 32
_LESSON_EVERY = 8
"""Of the answers of this process, so many are learnt from: the first ones, then a sample. A lesson reads the prompt."""


class Lessons:
    """Which complete answers to learn from."""

    def __init__(self) -> None:
        self.ratios = Ratios()
        self._answers = 0

    def due(self) -> bool:
        """Whether this answer is one of the sample."""
        self._answers += 1
        return self._answers <= _FIRST_LESSONS or self._answers % _LESSON_EVERY == 0


@valueclass
class Accounts:
    """What the attempts of a configuration settle with. ``ledger`` None: there is none, costs are only told."""

    tariffs: TariffBook
    lessons: Lessons
    ledger: Ledger | None


class Account:
    """The account of one attempt."""

    def __init__(self, accounts: Accounts, handoff: Handoff, exchange: Exchange, attempt: int, started_ns: int) -> None:
        self._accounts = accounts
        self._handoff = handoff
        self._exchange = exchange
        self._attempt = attempt
        self._started_ns = started_ns
        self._tariff: Tariff | None = None
        self._looked_up = False
        self._speed: str | None = None
        self._wanted: str | None = None
        self._regional = False
        self._sold = 1
        self._sent = False
        self._ledger = accounts.ledger if handoff.hold_id else None
        if self._ledger is not None:
            self._ledger.keep(handoff.hold_id)

    @property
    def held(self) -> bool:
        """Whether the ledger holds something for the request that could be too little."""
        return self._ledger is not None and self._handoff.metered

    @property
    def read(self) -> bool:
        """The provider reads what is sent and writes nothing: what it does not report is told by the request alone."""
        return self._handoff.operation in BY_TOKENS

    def ordered(self, request: JsonObject) -> None:
        """The request goes out: what it asks for, where that decides on the price."""
        self._sent = True
        self._speed = served_tier(request, None)
        tier = asked_tier(request)
        # Not everybody says which tier has served a request: then it is the dearer one that was asked for.
        self._wanted = tier if tier in _DEARER else None
        self._regional = served_regionally(request)
        self._sold = sold(request, self._handoff.operation)

    def cost(self, usage: Usage, service_tier: str | None) -> int | None:
        """Nano-dollars; None where nobody knows the price. ``service_tier``: as the provider says."""
        return charge(
            self._find_tariff(),
            usage,
            operation=self._handoff.operation,
            requests=self._sold,
            service_tier=self._speed or service_tier or self._wanted,
            regional=self._regional,
        )

    def _find_tariff(self) -> Tariff | None:
        if not self._looked_up:
            self._looked_up = True
            target = self._exchange.target
            self._tariff = self._accounts.tariffs.find(
                self._exchange.provider,
                target.price if target else None,
                self._exchange.step.model,
                target.context_window if target else None,
                self._started_ns,
                known_as=target.known_as if target else None,
            )
        return self._tariff

    def learn(self, usage: Usage, request: bytes, delivered: Delivered) -> None:
        """A complete answer tells how tokens of this model relate to what goes over the wire."""
        lessons = self._accounts.lessons
        if lessons.due():
            bound = self._bound(request)
            plain = bound is not None and not bound.images and bound.whole_window is None
            lessons.ratios.learn(self._names(), usage, delivered, bound.text_bytes if bound and plain else 0)

    def estimate(self, known: Usage, request: bytes, delivered: Delivered, *, unseen: int) -> Usage:
        """What an answer that broke off has used: as the provider has said so far, the rest from what was delivered.

        ``unseen``: output tokens of which nothing was delivered.
        """
        bound = self._bound(request)
        most = self._most_output(bound)
        if unseen > known.output:
            known = replace(known, output=unseen if most is None else min(unseen, most))
        found = estimate_usage(
            known,
            output_bytes=delivered.output_bytes,
            output_events=delivered.output_events,
            input_bytes=len(request) if bound is None else prompt_bytes(bound),
            ratio=self._accounts.lessons.ratios.ratio(*self._names()),
            limit=most,
        )
        # An estimate beyond the bound is wrong, and more than was held.
        return found if known.prompt else replace(found, input=min(found.input, self._most_input(bound, found.input)))

    def _most_output(self, bound: Bound | None) -> int | None:
        """Tokens, in all answers; None where nothing limits them."""
        each = self._handoff.output_limit
        if bound is None:
            return each
        if bound.output_limit is not None:
            each = bound.output_limit if each is None else min(each, bound.output_limit)
        return None if each is None else each * bound.n * bound.rounds + bound.extra_output

    def _most_input(self, bound: Bound | None, unbounded: int) -> int:
        if bound is None:
            return unbounded
        try:
            return quote(bound, self._find_tariff(), keeps=self._exchange.same_dialect).input_tokens
        except UnboundedCost:
            return unbounded

    def _names(self) -> tuple[str, str]:
        return self._exchange.provider.name, self._exchange.step.model

    def _bound(self, request: bytes) -> Bound | None:
        """Of the client's request; None where its cost has none, or is none of tokens."""
        handoff = self._handoff
        if handoff.operation != "chat" and handoff.operation not in BY_TOKENS:
            return None
        try:
            return prompt_bound(orjson.loads(request), len(request), handoff.client_dialect, handoff.operation)
        except UnboundedCost:
            return None

    def settle(self, record: AttemptRecord, *, final: bool, closing: bool) -> None:
        """The attempt is over: its cost goes to the meters, its event to the ledger."""
        if self._ledger is not None:
            self._ledger.settle(self._settlement(record, final=final, closing=closing))

    def cover(self, record: AttemptRecord) -> Awaitable[bool] | None:
        """A failed attempt has cost money: settles it, and tells whether the hold covers another one.

        None: there is no ledger, so nothing is held and nothing in the way.
        """
        if self._ledger is None:
            return None
        return self._ledger.charge(self._settlement(record, final=False, closing=False))

    def resume(self, attempts: Sequence[int]) -> Awaitable[bool] | None:
        """This attempt begins, and nobody said how these earlier ones ended: whether the hold covers it."""
        if self._ledger is None or not self.held or not attempts:
            return None
        return self._ledger.resume(self._handoff.hold_id, attempts)

    def release(self, attempts: Sequence[int]) -> None:
        """The request ends here, once these attempts have settled."""
        if self._ledger is not None:
            self._ledger.close(self._handoff.hold_id, attempts)

    def closed(self) -> None:
        """The attempt's stream is over."""
        if self._ledger is not None:
            self._ledger.drop(self._handoff.hold_id)

    def _settlement(self, record: AttemptRecord, *, final: bool, closing: bool) -> Settlement:
        handoff = self._handoff
        usage = counted(record.usage, handoff.operation)
        charged = Charge(
            usd=min(record.cost or 0, _MOST),
            input_tokens=min(usage.prompt, _MOST),
            output_tokens=min(usage.output, _MOST),
            requests=int(self._sent),
        )
        event = UsageEvent(
            hold_id=handoff.hold_id,
            attempt=self._attempt,
            request_id=handoff.request_id,
            time_ns=self._started_ns,
            key=handoff.key,
            key_id=handoff.key_id,
            org=handoff.org,
            team=handoff.team,
            user=handoff.user,
            end_user=handoff.end_user,
            tags=dict(handoff.tags),
            model=handoff.model,
            provider=self._exchange.provider.name,
            provider_model=self._exchange.step.model,
            client_dialect=handoff.client_dialect,
            stream=handoff.stream,
            outcome=record.outcome,
            usd=charged.usd,
            input_tokens=usage.prompt,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
            estimated=record.usage_estimated,
            byok=self._exchange.byok,
            priced=record.cost is not None,
            duration_ms=round(record.duration_ms),
            first_token_ms=None if record.first_token_ms is None else round(record.first_token_ms),
        )
        return Settlement(
            hold_id=handoff.hold_id,
            attempt=self._attempt,
            group=self._exchange.provider.name,
            charge=charged,
            event=encode_event(event),
            final=final,
            closing=closing,
            limitless=not handoff.metered,
        )
