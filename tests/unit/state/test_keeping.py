"""What dead processes left, what is on disk only, and what nobody can deliver: none of it is lost in silence."""

import asyncio
import threading
from contextlib import suppress

import pytest

from extproc.state import delivery
from extproc.state.parcels import read_line
from extproc.state.store import StoreAway
from tests.unit.state.delivery_world import FakeJournal, delivering, lines


@pytest.fixture
async def world(monkeypatch):
    async with delivering(monkeypatch) as one:
        yield one


async def test_a_dead_process_s_journal_goes_with_its_last_line(world) -> None:
    journal = FakeJournal([*lines("ab"), b'["settle2",["{p}:"],[0]]'], damaged=[b"0123abcd damaged"])
    world.store.gate.clear()
    await world.delivery.adopt(lambda: [journal])
    assert journal.aside == [b'["settle2",["{p}:"],[0]]', b"0123abcd damaged"]
    assert world.watch.told == ["rejected", "rejected"], "the lines that cannot be read"
    assert journal.readers[0] is not threading.current_thread()
    await world.settled()
    assert not journal.closed
    world.store.gate.set()
    await world.settled()
    assert world.sent() == ["a", "b"]
    assert journal.removed
    empty = FakeJournal(damaged=[b"x"])
    await world.delivery.adopt(lambda: [empty])
    assert empty.removed


async def test_a_dead_process_s_journal_stays_where_not_all_of_it_can_be_set_aside(world) -> None:
    journal, other = FakeJournal([*lines("a"), b"{}"]), FakeJournal([*lines("b")])
    journal.disk_full = other.disk_full = True

    async def run(calls):
        world.store.batches.append(list(calls))
        return [ValueError("WRONGTYPE") if call.args[1] == "b" else call.args[1] for call in calls]

    world.store.run = run
    await world.delivery.adopt(lambda: [journal, other])
    await world.until(lambda: world.sent().count("b") == 3)
    assert world.sent()[:2] == ["a", "b"]
    assert world.watch.told == ["rejected", "rejected"]
    await world.delivery.close(5.0)
    assert (journal.closed, journal.removed) == (other.closed, other.removed) == (True, False)


async def test_a_journal_that_cannot_be_read_keeps_none_of_the_others_waiting(world) -> None:
    class Unreadable(FakeJournal):
        def read_all(self) -> list[bytes]:
            raise OSError("input/output error")

    broken, whole = Unreadable(), FakeJournal(lines("a"))
    await world.delivery.adopt(lambda: [broken, whole])
    await world.settled()
    assert (broken.closed, broken.removed) == (True, False)
    assert whole.removed

    def find() -> list[FakeJournal]:
        raise PermissionError("the folder")

    await world.delivery.adopt(find)
    assert world.replies == []


async def test_an_adoption_that_is_cancelled_leaves_the_journals_to_others(world) -> None:
    journal, looking, go_on = FakeJournal(lines("a")), threading.Event(), threading.Event()

    def find() -> list[FakeJournal]:
        looking.set()
        assert go_on.wait(30)
        return [journal]

    adoption = asyncio.create_task(world.delivery.adopt(find))
    await world.until(looking.is_set)
    adoption.cancel()
    await world.settled()
    assert not adoption.done(), "the thread still reads"
    go_on.set()
    with suppress(asyncio.CancelledError):
        await adoption
    assert adoption.cancelled()
    assert (journal.closed, journal.removed) == (True, False)


async def test_after_the_end_nothing_is_adopted(world) -> None:
    await world.delivery.close(5.0)
    journal = FakeJournal(lines("a"))
    await world.delivery.adopt(lambda: [journal])
    assert (journal.closed, journal.removed) == (True, False)


async def test_the_end_lets_others_adopt_what_has_not_arrived(world) -> None:
    journal = FakeJournal(lines("ab"))
    world.store.gate.clear()
    await world.delivery.adopt(lambda: [journal])
    await world.settled()
    await world.delivery.close(0)
    assert (journal.closed, journal.removed) == (True, False)
    assert world.journal.lines == [], "it is in the other one"


async def test_more_than_fits_in_memory_is_read_back_from_the_journal(world, monkeypatch) -> None:
    monkeypatch.setattr(delivery, "_MAX_OWED", 3)
    world.store.fail = lambda calls: StoreAway("away", sent=False)
    world.delivery.owe(world.item("0"))
    await world.settled()
    for name in "12345":
        world.delivery.owe(world.item(name))
    world.store.fail = lambda calls: None
    world.store.batches.clear()
    await world.until(lambda: not world.journal.lines)
    assert set(world.sent()) == set("012345")
    assert world.journal.readers[0] is not threading.current_thread()


class TestReadBack:
    """More than fits in memory, and a disk that is not what it was."""

    @pytest.fixture
    async def spilled(self, world, monkeypatch):
        monkeypatch.setattr(delivery, "_MAX_OWED", 1)
        world.store.fail = lambda calls: StoreAway("away", sent=False)
        for name in "01":
            world.delivery.owe(world.item(name))
            await world.settled()
        world.watch.told.clear()
        return world

    async def test_what_is_damaged_meanwhile_is_told_and_set_aside(self, spilled) -> None:
        spilled.journal.damaged = [b"x"]
        spilled.store.fail = lambda calls: None
        await spilled.until(lambda: not spilled.journal.lines)
        assert spilled.watch.told == ["up", "rejected"]
        assert spilled.journal.aside == [b"x"]

    async def test_what_cannot_be_written_is_not_forgotten(self, spilled) -> None:
        async def flush() -> None:
            raise OSError("no space left on device")

        spilled.journal.flush, working = flush, spilled.journal.flush
        spilled.store.fail = lambda calls: None
        await spilled.until(lambda: "up" in spilled.watch.told)
        assert spilled.journal.lines == lines("01")
        spilled.journal.flush = working
        spilled.delivery.owe(spilled.item("2"))
        await spilled.until(lambda: not spilled.journal.lines)
        assert set(spilled.sent()) == set("012")


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"{}", b"[]", b"null", b"5", b'["close"]', b"\xff", b'["a","b","c"]', b'{"close":1,"b":2,"c":3}'),
        b'["settle2",["k"],[0]]',
        b'[["close"],["k"],[0]]',
        b'["sweep",["k"],[0]]',
        b'["close",[],[0]]',
        b'["close","k",[0]]',
        b'["close",["k"],"0"]',
        b'["close",["k"],{"0":0}]',
        b'["close",[1],[0]]',
        b'["close",["k"],[null]]',
        b'["close",["k"],[true]]',
        b'["close",["k"],[1.5]]',
        b'["close",["k"],[[]]]',
    ],
)
def test_a_line_that_cannot_be_read_is_none(line) -> None:
    assert read_line(line) is None
