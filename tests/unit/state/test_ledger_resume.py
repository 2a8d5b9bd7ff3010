"""A further attempt asks whether its hold covers it, while the store comes and goes."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from extproc.domain.errors import StoreUnavailable
from extproc.domain.ledger import Charge, HoldLine, HoldOrder, Settlement
from extproc.domain.meters import Meter, Window, meter_id
from extproc.state import delivery, ledger
from extproc.state.ledger import LedgerConfig, RedisLedger
from extproc.state.store import Call, StoreAway

SCOPE = (("team", "search"),)
DAY = Window("calendar", "day")
BUDGET = Meter(meter_id(SCOPE, "usd", DAY), SCOPE, "usd", DAY, 1000, when_down="allow", allowance=100_000)


class FakeStore:
    """Knows holds, and which attempts have settled; a hold covers whatever comes."""

    def __init__(self) -> None:
        self.away = False
        self.held: set[object] = set()
        self.settled: set[object] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, calls: Sequence[Call]) -> list[object]:
        await self.gate.wait()
        if self.away:
            raise StoreAway("away", sent=False)
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> list[object]:
        match call.script:
            case "hold":
                self.held.add(call.args[1])
                return [0, 1, 0, -1, 0, []]
            case "settle":
                self.settled.add(call.args[1:3])
                return [0, 1, 1]
            case "cover" if call.args[1] not in self.held:
                return [0, 0]
            case "cover":
                return [0, 1 if all((call.args[1], attempt) in self.settled for attempt in call.args[3:]) else 2]
        return [0, 0]


class Watch:
    """Hears when the store comes and goes."""

    def __init__(self) -> None:
        self.down, self.up = asyncio.Event(), asyncio.Event()
        self.on_up: Callable[[], object] = lambda: None

    def store_down(self) -> None:
        self.down.set()

    def store_up(self) -> None:
        self.up.set()
        self.on_up()

    def late(self, kind: str, count: int = 1) -> None:
        """Of no interest here, like the rest."""

    def queue(self, length: int) -> None: ...

    def expired(self, count: int) -> None: ...

    def bound_exceeded(self, meter_id: str) -> None: ...


class World:
    """A ledger and the store before it."""

    def __init__(self) -> None:
        self.store, self.watch = FakeStore(), Watch()
        self.ledger = RedisLedger(self.store, LedgerConfig(), self.watch)

    async def outage(self) -> None:
        self.store.away = True
        self.ledger.open(_order("noticed", lines=()))
        await self.watch.down.wait()

    async def back(self) -> None:
        self.store.away = False
        await self.watch.up.wait()

    async def resume(self, hold_id: str, attempts: Sequence[int]) -> bool:
        async with asyncio.timeout(10):  # an answer that never comes is a failure
            return await self.ledger.resume(hold_id, attempts)


def _order(ident: str, lines: tuple[HoldLine, ...] = (HoldLine(BUDGET, 0, 86_400, 10),)) -> HoldOrder:
    return HoldOrder(ident, lines, 0, 0, b"{}")


def _charge(ident: str, attempt: int = 1) -> Settlement:
    return Settlement(ident, attempt, "A", Charge(usd=1), b"{}", final=False)


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(delivery, "_PROBE_SECONDS", 0)
    monkeypatch.setattr(ledger, "_LOOK_SECONDS", 0)
    one = World()
    await one.ledger.start()
    yield one
    one.store.gate.set()
    await one.ledger.stop(0)


async def test_with_the_store_away_it_goes_by_what_was_granted_in_the_outage(world) -> None:
    await world.ledger.hold(_order("before"))
    await world.outage()
    await world.ledger.hold(_order("meanwhile"))
    assert await world.ledger.charge(_charge("meanwhile"))
    assert await world.resume("meanwhile", [1])
    assert not await world.ledger.charge(_charge("before"))
    assert not await world.resume("before", [1]), "as for the charge"


async def test_the_store_may_go_while_it_is_asked(world) -> None:
    await world.ledger.hold(_order("before"))
    world.store.gate.clear()
    resuming = asyncio.ensure_future(world.resume("before", [1]))
    await asyncio.sleep(0)
    world.store.away = True
    world.store.gate.set()
    assert not await resuming


async def test_granted_in_the_outage_it_is_covered_once_the_store_is_back(world) -> None:
    await world.outage()
    await world.ledger.hold(_order("meanwhile"))
    assert await world.ledger.charge(_charge("meanwhile"))
    await world.back()
    assert await world.resume("meanwhile", [1])


async def test_what_is_asked_does_not_overtake_the_hold_that_is_owed(world, monkeypatch) -> None:
    monkeypatch.setattr(delivery, "_BATCH", 2)
    await world.outage()
    for number in range(9):
        await world.ledger.hold(_order(f"h{number}"))
    world.watch.on_up = world.store.gate.clear
    await world.back()
    resuming = asyncio.ensure_future(world.resume("h8", []))
    await asyncio.sleep(0)
    assert "h0" not in world.store.held
    world.store.gate.set()
    assert await resuming
    assert not await world.resume("nobody", [])


async def test_a_settlement_that_does_not_come_is_waited_for_but_not_for_ever(world) -> None:
    await world.ledger.hold(_order("a"))
    with pytest.raises(StoreUnavailable):
        await world.resume("a", [1])


async def test_too_many_that_wait_are_as_an_answer_that_does_not_come(world, monkeypatch) -> None:
    await world.ledger.hold(_order("a"))
    monkeypatch.setattr(delivery, "MAX_WAITING", 0)
    with pytest.raises(StoreUnavailable):
        await world.resume("a", [])


async def test_after_the_end_nobody_waits(world) -> None:
    await world.ledger.hold(_order("a"))
    await world.ledger.stop(0)
    assert not await world.resume("a", [])
