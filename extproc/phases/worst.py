"""What a request can come to on a chain of targets: who of them can be paid, how long an answer may be, the dearest case.

Counterparts: ``extproc.accounting.bounds``, for one target; ``extproc.phases.booking``, which takes the hold.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from extproc.accounting.bound import Bound, Quote
from extproc.accounting.bounds import prompt_bound, quote
from extproc.accounting.outputs import most_output
from extproc.accounting.spelling import SPELLINGS, check_counts, deciding
from extproc.accounting.tariffs import FREE, Tariff, TariffBook
from extproc.config.snapshot import Snapshot, Target
from extproc.domain.errors import UnboundedCost, UnknownPrice
from extproc.domain.reading import JsonObject
from extproc.domain.valueclass import valueclass
from extproc.phases.endpoints import FORMS
from extproc.policy.meters import Worst
from extproc.providers.wire import WIRES, wire_for
from extproc.translate.edit import check_each_once
from extproc.translate.pairs import is_same


@valueclass
class Reckoning:
    """The worst case of a request on a chain. ``targets``: those of the chain that can serve it under its meters."""

    targets: tuple[Target, ...]
    worst: Mapping[str | None, Worst]
    """For each provider by its name, and for the dearest of them under None."""
    output: int
    """Tokens of each alternative: what the client asks for, or what it gets where it asks for none."""
    least: int = 1
    """The smallest output limit that is worth granting in the client's dialect."""


@valueclass
class Reckoner:
    """Reckons for one configuration."""

    snapshot: Snapshot
    tariffs: TariffBook

    def reckon(  # noqa: PLR0913 - what is asked, of whom, and what decides on prices: callers name the last three
        self,
        parsed: JsonObject,
        body: bytes,
        dialect: str,
        chain: Sequence[Target],
        *,
        budgets: Collection[str | None],
        now_ns: int,
        operation: str = "chat",
    ) -> Reckoning:
        """The worst case. ``budgets``: providers whose account has one, and None where the request has one anyway.

        Raises ``UnknownPrice``, ``UnboundedCost``, or ``MalformedJson`` where a field that decides stands twice.
        """
        if operation not in FORMS:  # whoever reads a form sees to it there
            check_each_once(body, [name for name in deciding(dialect, operation) if name in parsed], parsed)
        check_counts(parsed, dialect, operation)
        bound = prompt_bound(parsed, len(body), dialect, operation)
        quoted = self._quoted(bound, self._priced(bound, chain, budgets, now_ns), dialect)
        return Reckoning(
            targets=tuple(target for target, _, _ in quoted),
            worst=_worst(quoted),
            output=max(self._output(bound, target, tariff) for target, tariff, _ in quoted),
            least=SPELLINGS[dialect].least_granted if operation == "chat" else 0,
        )

    def _priced(
        self, bound: Bound, chain: Sequence[Target], budgets: Collection[str | None], now_ns: int
    ) -> list[tuple[Target, Tariff | None]]:
        """The targets with their prices. Those without are left out where a budget needs one, unless they are free."""
        found = [(target, self._tariff(target, now_ns)) for target in chain]
        if self.snapshot.money.unknown_price == "free":
            return [(target, tariff or replace(FREE, context_window=target.context_window)) for target, tariff in found]
        if not budgets or not bound.needs_price:
            return found
        known = [
            (target, tariff)
            for target, tariff in found
            if tariff is not None or (None not in budgets and target.provider not in budgets)
        ]
        if not known:
            first = chain[0]
            raise UnknownPrice(
                f'A budget applies, and the price of "{first.model}" at "{first.provider}" is not known. Ask the platform'
                " team to set its price in the gateway's configuration (models.*.targets.*.price)."
            )
        return known

    def _quoted(
        self, bound: Bound, priced: Sequence[tuple[Target, Tariff | None]], dialect: str
    ) -> list[tuple[Target, Tariff | None, Quote]]:
        """The targets with what they would ask. One without a bound is left out, unless they all are."""
        found: list[tuple[Target, Tariff | None, Quote]] = []
        unbounded: UnboundedCost | None = None
        for target, tariff in priced:
            try:
                found.append((target, tariff, quote(bound, tariff, keeps=self._keeps(bound, target, dialect))))
            except UnboundedCost as error:
                unbounded = unbounded or error
        if not found and unbounded is not None:
            raise unbounded
        return found

    def _keeps(self, bound: Bound, target: Target, dialect: str) -> bool:
        """Whether the request reaches who keeps what it refers to: it is passed on in the client's own dialect."""
        if bound.kept is None:
            return False
        spoken = wire_for(self.snapshot.providers[target.provider], target.api, dialect).format
        return spoken is not None and is_same(dialect, spoken)

    def _tariff(self, target: Target, now_ns: int) -> Tariff | None:
        provider = self.snapshot.providers[target.provider]
        return self.tariffs.find(
            provider, target.price, target.model, target.context_window, now_ns, known_as=target.known_as
        )

    def _output(self, bound: Bound, target: Target, tariff: Tariff | None) -> int:
        """The output to hold at a target, in tokens of each alternative.

        Where nobody names a limit the gateway does: a hold of the whole context window would lock up a small budget.
        """
        if bound.output_limit is not None:
            return bound.output_limit
        if target.max_output_tokens is not None:
            return target.max_output_tokens
        wire = WIRES[self.snapshot.providers[target.provider].dialect]
        limit = wire.default_output or most_output(target.model) or self.snapshot.money.output_default
        window = None if tariff is None else tariff.context_window
        return limit if window is None else min(limit, window)


def _worst(quoted: Sequence[tuple[Target, Tariff | None, Quote]]) -> dict[str | None, Worst]:
    by_provider: dict[str | None, Worst] = {}
    for target, _, own in quoted:
        worst = Worst(own.fixed_usd, own.usd_per_output, own.input_tokens, own.extra_output, own.outputs)
        for group in (None, target.provider):
            known = by_provider.get(group)
            by_provider[group] = worst if known is None else _dearer(known, worst)
    return by_provider


def _dearer(one: Worst, other: Worst) -> Worst:
    return Worst(
        max(one.fixed_usd, other.fixed_usd),
        max(one.usd_per_output, other.usd_per_output),
        max(one.input_tokens, other.input_tokens),
        max(one.fixed_output, other.fixed_output),
        max(one.choices, other.choices),
    )
