"""The ledger in memory, as tests of the phases use it; its meaning is compared with the one in Redis elsewhere."""

import pytest

from extproc.domain.ledger import Charge, HoldLine, HoldOrder, Settlement
from extproc.domain.meters import Meter, Window, meter_id
from extproc.state.memory import MemoryLedger

SCOPE = (("team", "search"),)
MONTH = Window("calendar", "month")
BUDGET = Meter(meter_id(SCOPE, "usd", MONTH), SCOPE, "usd", MONTH, 1000)
START = 1_793_487_600


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = START + 1000

    def now_ns(self) -> int:
        return self.seconds * 1_000_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock) -> MemoryLedger:
    return MemoryLedger(clock.now_ns)


def _order(ident: str, fixed: int) -> HoldOrder:
    return HoldOrder(ident, (HoldLine(BUDGET, START, START + 2_592_000, fixed),), 0, 0, b'{"facts":1}')


def _stand(ledger: MemoryLedger) -> tuple[int, int]:
    counter = ledger.books.counters.get(f"m:{BUDGET.id}:{START}")
    return counter.settled, counter.held


async def test_who_keeps_a_hold_renews_it(ledger, clock) -> None:
    await ledger.hold(_order("a", 100))
    ledger.keep("a")
    ledger.keep("a")
    ledger.drop("a")
    clock.seconds += 59
    ledger.renew()
    clock.seconds += 59
    await ledger.hold(_order("b", 0))
    assert _stand(ledger) == (0, 100)
    ledger.drop("a")
    assert not ledger.kept
    ledger.renew()
    clock.seconds += 1
    await ledger.hold(_order("c", 0))
    assert _stand(ledger) == (100, 0)


async def test_a_hold_that_expired_is_charged_at_its_bound_and_corrected_by_a_late_settlement(ledger, clock) -> None:
    await ledger.hold(_order("a", 100))
    clock.seconds += 60
    ledger.settle(Settlement("a", 1, "A", Charge(usd=30), b'{"e":1}', final=True))
    assert _stand(ledger) == (30, 0)
    assert [(entry.state, entry.event, entry.change) for entry in ledger.books.events] == [
        ("expired", b'{"facts":1}', (100, 0, 0)),
        ("corrected", b'{"e":1}', (-70, 0, 0)),
    ]


async def test_the_state_tells_when_the_window_starts_anew(ledger) -> None:
    hold = await ledger.hold(_order("a", 1))
    assert hold.states[0].reset_seconds == 2_592_000 - 1000


async def test_a_dropped_hold_that_nobody_keeps_is_no_error(ledger) -> None:
    ledger.drop("unknown")
    ledger.close("unknown", [1])
    assert not ledger.books.events
