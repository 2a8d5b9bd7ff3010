"""The store away: what is granted, what is refused, and that nothing is lost or counted twice."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from ledger_world import MONTH, NOW, START, Watch, line, meter, order, settlement
from redis_server import RedisServer, eventually

from extproc.config import snapshot
from extproc.domain.errors import StoreUnavailable
from extproc.state.journal import Journal, adopt, new_path
from extproc.state.ledger import LedgerConfig, RedisLedger
from extproc.state.parcels import line_of
from extproc.state.reports import Reports
from extproc.state.steps import Steps
from extproc.state.store import Store, StoreAway, connect

DENY = meter("team", "search", "usd", MONTH, 1_000_000)
ALLOW = replace(meter("team", "ads", "usd", MONTH, 1_000_000), when_down="allow", allowance=300)
SLOTS = replace(meter("key", "k1", "concurrent", NOW, 4), when_down="allow")


@pytest.fixture
def server(tmp_path) -> AsyncIterator[RedisServer]:
    """With its file synced at every step, so that a kill loses nothing that it has answered."""
    one = RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always")
    yield one
    one.close()


class Process:
    """A ledger with its own connection and journal, as a worker has."""

    def __init__(self, server: RedisServer, journals: Path, *, workers: int = 1) -> None:
        self.watch = Watch()
        self.store: Store = connect(snapshot.Store(url=snapshot.Secret(server.url)))
        self.journal = Journal(new_path(journals))
        self.ledger = RedisLedger(
            self.store,
            LedgerConfig(workers=workers),
            self.watch,
            journal=self.journal,
            orphaned=partial(adopt, journals),
        )

    async def down(self) -> bool:
        return self.ledger.down

    async def up(self) -> bool:
        return not self.ledger.down

    async def stop(self, grace: float = 5.0) -> None:
        await self.ledger.stop(grace)
        await self.store.close()


@pytest.fixture
async def process(server, tmp_path) -> AsyncIterator[Process]:
    one = Process(server, tmp_path / "journals", workers=2)
    await one.ledger.start()
    yield one
    await one.stop(0.2)


async def _notice(process: Process) -> None:
    """The process learns that the store is away."""
    with pytest.raises(StoreUnavailable):
        await process.ledger.hold(order("probe", line(DENY, 1)))
    assert process.ledger.down


async def _spent(server: RedisServer, on) -> tuple[int, int]:
    store = connect(snapshot.Store(url=snapshot.Secret(server.url)))
    try:
        (state,) = await Reports(store).states([(on, START if on.window.kind == "calendar" else 0)])
        return state.settled, state.held
    finally:
        await store.close()


async def _comes_to(server: RedisServer, on, settled: int, held: int = 0) -> None:
    async def reached() -> bool:
        try:
            return await _spent(server, on) == (settled, held)
        except StoreAway:
            return False

    await eventually(reached, f"{on.id} to be at {settled} and {held}, not {await _spent(server, on)}")


async def test_a_meter_that_denies_refuses_and_one_that_allows_grants_its_part(process, server) -> None:
    server.kill()
    await _notice(process)
    first = await process.ledger.hold(order("a", line(ALLOW, 100), line(SLOTS, 1)))
    assert (first.granted, first.offline) == (True, True)
    clamped = await process.ledger.hold(order("b", line(ALLOW, 10, 1), output=100, floor=10))
    assert clamped.output == 40, "300 for two workers is 150 for this one"
    with pytest.raises(StoreUnavailable):
        await process.ledger.hold(order("c", line(ALLOW, 1)))
    with pytest.raises(StoreUnavailable):
        await process.ledger.hold(order("c", line(ALLOW, 0), line(DENY, 0)))
    assert (await process.ledger.hold(order("d"))).granted, "nothing limits it"
    process.ledger.settle(settlement("a", usd=30))
    assert (await process.ledger.hold(order("e", line(ALLOW, 70)))).granted, "what was not needed is there again"


async def test_what_was_granted_and_settled_meanwhile_is_charged_when_the_store_is_back(process, server) -> None:
    await process.ledger.hold(order("before", line(DENY, 500)))
    server.kill()
    await _notice(process)
    await process.ledger.hold(order("offline", line(ALLOW, 100)))
    process.ledger.settle(settlement("offline", usd=60))
    process.ledger.settle(settlement("before", usd=400))
    process.ledger.open(order("opened"))
    process.ledger.settle(settlement("opened", usd=9))
    assert not await process.ledger.charge(settlement("before", 2, usd=1, end="next")), "nobody can tell"
    await process.journal.flush()
    assert len(process.journal.read_all()) >= 5
    server.start()
    await _comes_to(server, ALLOW, 60)
    await _comes_to(server, DENY, 400)
    await eventually(lambda: _empty(process.journal), "the journal to be empty")
    page = await Reports(process.store).events(0, 10**15)
    found = {(each.event.hold_id, each.event.attempt): each.state for each in page.events}
    assert found == {("offline", 1): "offline", ("before", 1): "", ("opened", 1): "", ("before", 2): "orphan"}
    assert process.watch.seen["up"] == process.watch.seen["down"] == 1


async def _empty(journal: Journal) -> bool:
    return not journal.read_all()


async def test_a_hung_store_counts_nothing_twice(process, server) -> None:
    ledger = process.ledger
    for number in range(50):
        await ledger.hold(order(f"h{number}", line(DENY, 10)))
    server.signal(signal.SIGSTOP)
    for number in range(50):
        ledger.settle(settlement(f"h{number}", usd=7))  # will be read by the server once it wakes, and is sent again
    await eventually(process.down, "the hang to be noticed")
    server.signal(signal.SIGCONT)
    await _comes_to(server, DENY, 350)
    await ledger.hold(order("after", line(DENY, 0)))
    page = await Reports(process.store).events(0, 10**15)
    assert len(page.events) == 50


async def test_a_hold_that_may_have_been_taken_is_given_back(process, server) -> None:
    await process.ledger.hold(order("first", line(DENY, 1)))
    server.signal(signal.SIGSTOP)
    with pytest.raises(StoreUnavailable):
        await process.ledger.hold(order("lost", line(DENY, 100)))
    server.signal(signal.SIGCONT)
    await _comes_to(server, DENY, 0, 1)


async def test_killed_and_started_again_and_again_under_load(process, server) -> None:
    ledger, charged = process.ledger, 0

    async def client(number: int) -> None:
        nonlocal charged
        for turn in range(40):
            ident = f"c{number}-{turn}"
            try:
                hold = await ledger.hold(order(ident, line(DENY, 100)))
            except StoreUnavailable:
                await asyncio.sleep(0.05)
                continue
            assert hold.granted
            await asyncio.sleep(0.01)
            ledger.settle(settlement(ident, usd=number + 1))
            charged += number + 1

    clients = asyncio.gather(*(client(number) for number in range(8)))
    for _ in range(2):
        await asyncio.sleep(0.2)
        server.kill()
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.start)
        await eventually(process.up, "the store to be back")
    await clients
    assert charged > 0
    await eventually(partial(_settled, server, charged), f"{charged} to be charged, once")


async def _settled(server: RedisServer, expected: int) -> bool:
    return (await _spent(server, DENY))[0] == expected


async def test_another_process_delivers_what_a_dead_one_owed(server, tmp_path) -> None:
    journals = tmp_path / "journals"
    dead = Process(server, journals)
    await dead.ledger.start()
    await dead.ledger.hold(order("before", line(DENY, 500)))
    server.kill()
    await _notice(dead)
    await dead.ledger.hold(order("offline", line(ALLOW, 100)))
    dead.ledger.settle(settlement("offline", usd=60))
    dead.ledger.settle(settlement("before", usd=400))
    await dead.stop(0.1)
    dead.journal.close()  # as the end of a process does
    server.start()
    other = Process(server, journals)
    await other.ledger.start()
    await _comes_to(server, ALLOW, 60)
    await _comes_to(server, DENY, 400)
    await eventually(partial(_alone, other.journal), "the file of the dead to be gone")
    await other.stop()
    assert await _spent(server, DENY) == (400, 0)


async def test_what_another_version_owed_is_set_aside_and_stops_nobody(process, server) -> None:
    left = Journal(new_path(process.journal.path.parent))
    call = Steps("llmgw").settle(settlement("nobody", usd=5))
    later = line_of(replace(call, script="settle_since_2"))
    refused = line_of(replace(call, args=("now", *call.args[1:])))
    for line_ in (later, refused, line_of(call)):
        left.append(line_)
    left.close()
    other = Process(server, process.journal.path.parent)
    await other.ledger.start()
    await eventually(partial(_gone, left), "the file of the dead to be gone")
    assert not other.ledger.down
    assert (await other.ledger.hold(order("a", line(DENY, 1)))).granted
    page = await Reports(other.store).events(0, 10**15)
    assert [each.event.hold_id for each in page.events] == ["nobody"]
    assert other.watch.seen["rejected"] == 2
    await other.stop()
    (aside,) = left.path.parent.glob("*.rejected")
    aside.rename(left.path)
    (found,) = adopt(left.path.parent)
    assert found.read_all() == [later, refused]
    found.close()


async def _gone(journal: Journal) -> bool:
    return not journal.path.exists()


async def _alone(journal: Journal) -> bool:
    return list(journal.path.parent.glob("*.journal")) == [journal.path]
