"""What may be granted while the store is away."""

from dataclasses import replace

import pytest

from extproc.domain.errors import StoreUnavailable
from extproc.domain.ledger import Charge, HoldLine, HoldOrder, Settlement
from extproc.domain.meters import Meter, Unit, Window, meter_id
from extproc.state.outage import Allowance

NOW_MS = 1_793_500_000_000
SCOPE = (("team", "search"),)


def _meter(unit: Unit, window: Window, limit: int, allowance: int = 0) -> Meter:
    return Meter(meter_id(SCOPE, unit, window), SCOPE, unit, window, limit, when_down="allow", allowance=allowance)


USD = _meter("usd", Window("calendar", "month"), 10_000, allowance=100)
SLOTS = _meter("concurrent", Window("now"), 3)
TOKENS = _meter("tokens", Window("rolling", seconds=60), 100)


def _order(ident: str, *lines: HoldLine, output: int = 0, floor: int = 0) -> HoldOrder:
    return HoldOrder(ident, lines, output, floor)


def _line(meter: Meter, fixed: int, per: int = 0, group: str | None = None, gate: int | None = None) -> HoldLine:
    return HoldLine(meter, 0, 0, fixed, per, gate, group)


def _settlement(ident: str, usd: int) -> Settlement:
    return Settlement(ident, 1, "A", Charge(usd=usd), b"{}", final=True)


def test_each_worker_has_its_part() -> None:
    allowance = Allowance(workers=4)
    assert allowance.take(_order("a", _line(USD, 25)), NOW_MS).offline
    with pytest.raises(StoreUnavailable):
        allowance.take(_order("b", _line(USD, 1)), NOW_MS)


def test_money_without_an_allowance_is_not_spent() -> None:
    with pytest.raises(StoreUnavailable):
        Allowance(1).take(_order("a", _line(replace(USD, allowance=0), 1)), NOW_MS)


def test_a_meter_that_denies_denies_all() -> None:
    deny = replace(SLOTS, when_down="deny")
    with pytest.raises(StoreUnavailable):
        Allowance(1).take(_order("a", _line(USD, 1), _line(deny, 0)), NOW_MS)


def test_a_limit_that_is_no_money_is_shared_by_the_workers_and_starts_anew_with_its_window() -> None:
    allowance = Allowance(workers=2)
    assert allowance.take(_order("a", _line(TOKENS, 50)), NOW_MS).granted
    with pytest.raises(StoreUnavailable):
        allowance.take(_order("b", _line(TOKENS, 1)), NOW_MS)
    assert allowance.take(_order("c", _line(TOKENS, 50)), NOW_MS + 60_000).granted


def test_those_under_way_make_room_when_they_end() -> None:
    allowance = Allowance(workers=2)
    for ident in ("a", "b"):
        allowance.take(_order(ident, _line(SLOTS, 1)), NOW_MS)
    with pytest.raises(StoreUnavailable):
        allowance.take(_order("c", _line(SLOTS, 1)), NOW_MS)
    allowance.settle(_settlement("a", 5))
    assert allowance.take(_order("c", _line(SLOTS, 1)), NOW_MS).granted
    allowance.close("b")
    assert allowance.take(_order("d", _line(SLOTS, 1)), NOW_MS).granted


def test_a_settlement_gives_back_what_was_not_needed() -> None:
    allowance = Allowance(1)
    allowance.take(_order("a", _line(USD, 80)), NOW_MS)
    allowance.settle(_settlement("a", 30))
    allowance.settle(_settlement("a", 30))
    assert allowance.used == {USD.id: 30}


def test_output_is_clamped_and_a_gate_is_left_to_the_store() -> None:
    hold = Allowance(1).take(_order("a", _line(USD, 10, 2, gate=0), output=500, floor=5), NOW_MS)
    assert (hold.granted, hold.output, hold.states[0].settled) == (True, 45, 100)


def test_a_provider_whose_part_is_used_up_is_left_out() -> None:
    small = replace(USD, id="small", allowance=5)
    order = _order("a", _line(USD, 10, group="A"), _line(small, 10, group="B"))
    hold = Allowance(1).take(order, NOW_MS)
    assert (hold.granted, hold.left_out) == (True, {"B"})


def test_the_next_outage_begins_anew() -> None:
    allowance = Allowance(1)
    allowance.take(_order("a", _line(USD, 100)), NOW_MS)
    assert allowance.covers("a")
    allowance.reset()
    assert not allowance.covers("a")
    assert allowance.take(_order("b", _line(USD, 100)), NOW_MS).granted
