"""What every ledger does, in Redis or in memory."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from ledger_world import MINUTE, MONTH, NOW, Watch, line, meter, order, settlement

from extproc.domain.ledger import HoldLine, MeterState
from extproc.phases.ports import Ledger
from extproc.state.ledger import LedgerConfig, RedisLedger
from extproc.state.memory import MemoryLedger

BUDGET = meter("team", "search", "usd", MONTH, 1000)
TOKENS = meter("key", "k1", "tokens", MINUTE, 500)
REQUESTS = meter("key", "k1", "requests", MINUTE, 2)
SLOTS = meter("key", "k1", "concurrent", NOW, 1)


@pytest.fixture(params=["redis", "memory"])
async def ledger(request, store) -> AsyncIterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger(time.time_ns)
        return
    one = RedisLedger(store, LedgerConfig(), Watch())
    await one.start()
    yield one
    await one.stop()


async def stands(ledger: Ledger, *lines: HoldLine) -> list[tuple[int, int]]:
    """Settled and held of meters, as an order that asks for nothing sees them."""
    stands.count += 1
    ident = f"look-{stands.count}"
    hold = await ledger.hold(order(ident, *(line(each.meter, 0) for each in lines)))
    ledger.settle(settlement(ident))
    return [(state.settled, state.held) for state in hold.states]


stands.count = 0


async def test_a_hold_is_taken_and_its_settlement_takes_its_place(ledger: Ledger) -> None:
    budget, tokens = line(BUDGET, 100, 2), line(TOKENS, 10, 1)
    hold = await ledger.hold(order("a", budget, tokens, output=50))
    assert hold.granted
    assert hold.output == 50
    assert [(state.settled, state.held) for state in hold.states] == [(0, 200), (0, 60)]
    ledger.settle(settlement("a", usd=70, tokens=20))
    assert await stands(ledger, budget, tokens) == [(70, 0), (20, 0)]


async def test_output_is_clamped_to_what_is_left(ledger: Ledger) -> None:
    hold = await ledger.hold(order("a", line(BUDGET, 100, 3), output=5000, floor=10))
    assert (hold.granted, hold.output) == (True, 300)
    assert hold.states[0].held == 1000
    refused = await ledger.hold(order("b", line(BUDGET, 0, 1), output=100, floor=1))
    assert not refused.granted


async def test_nothing_is_held_where_one_line_does_not_fit(ledger: Ledger) -> None:
    refused = await ledger.hold(order("a", line(TOKENS, 10), line(BUDGET, 1001)))
    assert (refused.granted, refused.refused_by, refused.gated) == (False, 1, False)
    assert await stands(ledger, line(TOKENS, 0), line(BUDGET, 0)) == [(0, 0), (0, 0)]


async def test_a_budget_without_room_is_named_before_a_rate_limit(ledger: Ledger) -> None:
    refused = await ledger.hold(order("a", line(TOKENS, 501), line(BUDGET, 1001)))
    assert refused.refused_by == 1
    guard = meter("key", "k1", "usd", MINUTE, 5, guard=True)
    refused = await ledger.hold(order("a", line(guard, 6), line(TOKENS, 501), line(BUDGET, 1001)))
    assert refused.refused_by == 2, "a guard's money is no budget"


async def test_a_gate_refuses_though_there_is_room(ledger: Ledger) -> None:
    assert (await ledger.hold(order("a", line(BUDGET, 500, gate=500)))).granted
    refused = await ledger.hold(order("b", line(BUDGET, 1, gate=500)))
    assert (refused.granted, refused.refused_by, refused.gated) == (False, 0, True)


async def test_a_provider_without_room_is_left_out(ledger: Ledger) -> None:
    small = meter("provider", "A", "usd", MONTH, 10)
    large = meter("provider", "B", "usd", MONTH, 1000)
    common, a, b = line(BUDGET, 50), line(small, 50, group="A"), line(large, 50, group="B")
    hold = await ledger.hold(order("a", common, a, b))
    assert (hold.granted, hold.left_out) == (True, {"A"})
    assert await stands(ledger, common, a, b) == [(0, 50), (0, 0), (0, 50)]
    refused = await ledger.hold(order("b", common, a))
    assert (refused.granted, refused.refused_by) == (False, 1)
    free = await ledger.hold(order("c", common, a, others=True))
    assert (free.granted, free.left_out) == (True, {"A"})


async def test_only_the_provider_called_is_charged(ledger: Ledger) -> None:
    lines = [line(meter("provider", name, "usd", MONTH, 100), 50, group=name) for name in "AB"]
    assert (await ledger.hold(order("a", *lines))).granted
    ledger.settle(settlement("a", usd=30, group="B"))
    assert await stands(ledger, *lines) == [(0, 0), (30, 0)]


async def test_a_settlement_counts_once(ledger: Ledger) -> None:
    budget = line(BUDGET, 100)
    await ledger.hold(order("a", budget))
    ledger.settle(settlement("a", usd=70))
    ledger.settle(settlement("a", usd=70))
    assert await stands(ledger, budget) == [(70, 0)]


async def test_the_same_order_twice_is_one_hold(ledger: Ledger) -> None:
    first = await ledger.hold(order("a", line(BUDGET, 100, 3), output=200, floor=10))
    again = await ledger.hold(order("a", line(BUDGET, 100, 3), output=200, floor=10))
    assert (first.granted, first.output) == (again.granted, again.output) == (True, 200)
    assert again.states[0].held == 700


async def test_a_failed_attempt_that_cost_money_is_told_whether_another_is_covered(ledger: Ledger) -> None:
    budget = line(BUDGET, 400)
    await ledger.hold(order("a", budget))
    assert await ledger.charge(settlement("a", 1, usd=300, end="next"))
    assert await stands(ledger, budget) == [(300, 400)]
    assert not await ledger.charge(settlement("a", 2, usd=400, end="next")), "700 + 400 is more than the limit"
    ledger.settle(settlement("a", 3, usd=10))
    assert await stands(ledger, budget) == [(710, 0)]


async def test_requests_and_those_under_way(ledger: Ledger) -> None:
    lines = [line(REQUESTS, 1), line(SLOTS, 1)]
    assert (await ledger.hold(order("a", *lines))).granted
    busy = await ledger.hold(order("b", *lines))
    assert busy.refused_by == 1
    ledger.settle(settlement("a"))
    assert (await ledger.hold(order("b", *lines))).granted
    ledger.settle(settlement("b"))
    full = await ledger.hold(order("c", *lines))
    assert full.refused_by == 0
    assert 30 <= full.states[0].reset_seconds <= 61, "when the first of the two has left the window"


async def test_a_request_without_an_answer_is_gone_when_both_sides_say_so(ledger: Ledger) -> None:
    budget = line(BUDGET, 400)
    for ident, closed_first in (("a", True), ("b", False)):
        await ledger.hold(order(ident, budget))
        if closed_first:
            ledger.close(ident, [1])
            assert await stands(ledger, budget) == [(0, 400)]
            ledger.settle(settlement(ident, 1, end="closing"))
        else:
            ledger.settle(settlement(ident, 1, end="closing"))
            assert await stands(ledger, budget) == [(0, 400)]
            ledger.close(ident, [1])
        assert await stands(ledger, budget) == [(0, 0)]


async def test_an_order_without_lines_is_opened_and_settled(ledger: Ledger) -> None:
    ledger.open(order("a"))
    ledger.settle(settlement("a", usd=5))
    hold = await ledger.hold(order("b"))
    assert (hold.granted, hold.states) == (True, ())


async def test_no_room_for_a_hundred_at_once_is_overdrawn(ledger: Ledger) -> None:
    orders = [order(f"o{index}", line(BUDGET, 30), line(TOKENS, 1)) for index in range(100)]
    holds = await asyncio.gather(*(ledger.hold(each) for each in orders))
    assert sum(hold.granted for hold in holds) == 33
    assert max(state.held for hold in holds for state in hold.states[:1]) == 990


async def test_amounts_close_to_the_largest_stay_exact(ledger: Ledger) -> None:
    largest = meter("org", "acme", "usd", MONTH, 9_000_000_000_000_000)
    fixed = 8_999_999_999_999_998
    hold = await ledger.hold(order("a", line(largest, fixed)))
    assert hold.states == (MeterState(0, fixed, hold.states[0].reset_seconds),)
    ledger.settle(settlement("a", usd=fixed - 1))
    assert await stands(ledger, line(largest, 0)) == [(8_999_999_999_999_997, 0)]
    assert not (await ledger.hold(order("b", line(largest, 4)))).granted
    assert (await ledger.hold(order("b", line(largest, 3)))).granted


async def test_a_further_attempt_asks_whether_the_hold_covers_it(ledger: Ledger) -> None:
    """Behind an attempt of which nobody said how it ended; what that cost may have taken the room."""
    budget = line(BUDGET, 400)
    await ledger.hold(order("a", budget))
    ledger.settle(settlement("a", attempt=1, usd=100, end="closing"))
    assert await ledger.resume("a", [1])
    await ledger.hold(order("b", line(BUDGET, 450)))
    ledger.settle(settlement("a", attempt=2, usd=100, end="closing"))
    assert not await ledger.resume("a", [1, 2]), "settled and held together are beyond the limit"
    assert not await ledger.resume("nobody", [])
