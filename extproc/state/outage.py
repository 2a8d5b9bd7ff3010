"""What may be granted while the store is away: each meter's allowance, for each worker its part."""

from collections.abc import Mapping
from dataclasses import replace

from extproc.domain.errors import StoreUnavailable
from extproc.domain.ledger import Hold, HoldLine, HoldOrder, MeterState, Settlement
from extproc.domain.meters import Meter
from extproc.domain.valueclass import valueclass
from extproc.state.counters import Counter, Line, Stand, line_of
from extproc.state.deciding import decide
from extproc.state.layout import meter_name

RETRY_SECONDS = 1.0
"""What a refused client is told to wait: most outages are a failover, which takes seconds."""
_MAX_GRANTS = 50_000
"""Grants remembered; beyond it what they took is not given back within the outage."""


@valueclass
class _Grant:
    lines: tuple[tuple[str, Line], ...]
    """What was taken of what; the line says how a settlement counts on it."""


class Allowance:
    """The allowance of one worker out of ``workers``, for one outage after another."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._used: dict[str, int] = {}
        self._grants: dict[str, _Grant] = {}

    def take(self, order: HoldOrder, now_ms: int) -> Hold:
        """Grant an order from the allowance. Raises ``StoreUnavailable`` where a meter forbids it or has none left."""
        if any(line.meter.when_down == "deny" for line in order.lines):
            raise StoreUnavailable(
                "The gateway cannot check the budget right now. Try again.", retry_after=RETRY_SECONDS
            )
        names = [_name(line, now_ms) for line in order.lines]
        stands = [self._stand(line, name) for line, name in zip(order.lines, names, strict=True)]
        own = replace(order, lines=tuple(stand.line for stand in stands))
        hold = decide(own, stands, now_ms, ask=True)
        if not hold.granted:
            raise StoreUnavailable(
                "The gateway cannot check the budget right now, and what may be spent meanwhile is used up. Try again.",
                retry_after=RETRY_SECONDS,
            )
        taken: list[tuple[str, Line]] = []
        for line, name in zip(order.lines, names, strict=True):
            if line.group not in hold.left_out:
                share = line_of(line, hold.output, 0)
                self._used[name] = self._used.get(name, 0) + share.amount
                taken.append((name, share))
        if len(self._grants) < _MAX_GRANTS:
            self._grants[order.id] = _Grant(tuple(taken))
        states = tuple(MeterState(self._used.get(name, 0), 0) for name in names)
        return Hold(True, hold.output, states, left_out=hold.left_out, offline=True)

    def settle(self, settlement: Settlement) -> None:
        """What a grant did not need is there again."""
        if settlement.final and (grant := self._grants.pop(settlement.hold_id, None)):
            for name, line in grant.lines:
                self._used[name] = self._used.get(name, 0) - line.amount + line.counted(settlement)

    def close(self, hold_id: str) -> None:
        """A grant of which nothing came."""
        if grant := self._grants.pop(hold_id, None):
            for name, line in grant.lines:
                self._used[name] = self._used.get(name, 0) - line.amount

    def covers(self, hold_id: str) -> bool:
        """Whether the request was granted here, in this outage."""
        return hold_id in self._grants

    def reset(self) -> None:
        """The outage is over."""
        self._used.clear()
        self._grants.clear()

    @property
    def used(self) -> Mapping[str, int]:
        """What was granted, by meter."""
        return self._used

    def _stand(self, line: HoldLine, name: str) -> Stand:
        own = replace(line, meter=replace(line.meter, limit=_part(line.meter, self._workers)), gate=None)
        return Stand(own, self._used.get(name, 0), 0, 0, Counter())


def _part(meter: Meter, workers: int) -> int:
    """This worker's part: of the allowance, or of the limit itself where that is no money."""
    if meter.allowance:
        return meter.allowance // workers
    return 0 if meter.unit == "usd" else -(-meter.limit // workers)


def _name(line: HoldLine, now_ms: int) -> str:
    """What is used up together. A limit starts anew with its window, an allowance only with the next outage."""
    meter = line.meter
    if meter.allowance:
        return meter.id
    if meter.window.kind == "rolling":
        return f"{meter.id}:{now_ms // (meter.window.seconds * 1000)}"
    return meter_name(meter, line.start)
