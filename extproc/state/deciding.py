"""Whether an order fits: the decision of ``scripts/hold.lua``, for ``books``."""

from collections.abc import Sequence

from extproc.domain.ledger import Hold, HoldOrder, MeterState
from extproc.state.counters import Stand


def decide(order: HoldOrder, stands: Sequence[Stand], now: int, *, ask: bool) -> Hold:
    """The answer, with the states as they are before anything is held."""
    if not ask:
        return Hold(True, order.output, tuple(_state(stand, now) for stand in stands))
    floor = min(order.floor, order.output)
    rooms = [_room(stand, order.output, floor) for stand in stands]
    out = frozenset(
        [group for stand, room in zip(stands, rooms, strict=True) if (group := stand.line.group) and room is None]
    )
    groups = frozenset([group for stand in stands if (group := stand.line.group)])
    stuck = [
        index
        for index, (stand, room) in enumerate(zip(stands, rooms, strict=True))
        if room is None and (not stand.line.group or (out == groups and not order.others))
    ]
    if stuck:
        first = min(stuck, key=lambda index: (_rank(stands[index]), index))
        gated = _gated(stands[first])
        states = tuple(
            _state(stand, now, need=_need(stand, floor, gated=gated) if index == first else None)
            for index, stand in enumerate(stands)
        )
        return Hold(False, 0, states, first, gated)
    output = min(
        [order.output]
        + [room for stand, room in zip(stands, rooms, strict=True) if room is not None and stand.line.group not in out]
    )
    return Hold(True, output, tuple(_state(stand, now) for stand in stands), left_out=out)


def without_room(order: HoldOrder, stands: Sequence[Stand]) -> list[Stand]:
    """Those that turn the request away, or their provider."""
    floor = min(order.floor, order.output)
    return [stand for stand in stands if _room(stand, order.output, floor) is None]


def _room(stand: Stand, output: int, floor: int) -> int | None:
    """How much output a line has room for; None: not even the fewest tokens worth having."""
    if _gated(stand):
        return None
    line = stand.line
    left = line.meter.limit - stand.settled - stand.held - line.fixed
    if left < 0:
        return None
    if line.per_output == 0:
        return output
    most = left // line.per_output
    return most if most >= floor else None


def _gated(stand: Stand) -> bool:
    gate = stand.line.gate
    return gate is not None and stand.settled + stand.held >= gate


def _rank(stand: Stand) -> int:
    """Of several refusals a budget's is told: waiting for a rate limit would not help."""
    return 1 if stand.line.meter.unit == "usd" and not stand.line.meter.guard else 2


def _need(stand: Stand, floor: int, *, gated: bool) -> int:
    """What must leave a rolling meter before the line fits."""
    line, used = stand.line, stand.settled + stand.held
    if gated and line.gate is not None:
        return used - line.gate + 1
    return used + line.fixed + line.per_output * floor - line.meter.limit


def _state(stand: Stand, now: int, *, need: int | None = None) -> MeterState:
    return MeterState(stand.settled, stand.held, stand.reset(now, need=need))
