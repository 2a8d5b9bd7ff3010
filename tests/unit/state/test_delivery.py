"""What is brought to the store, and what becomes of it: with a store that does as the test says."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from extproc.state import delivery
from extproc.state.delivery import Delivery
from extproc.state.journal import JournalFull
from extproc.state.parcels import Item, line_of, read_line
from extproc.state.store import Call, StoreAway

SETTLE = Call("settle", ("{p}:",), (0, "h", 1, "A", 1, 2, 3, 1, 1, 0, 0, 0, 99, "a|b", 0, b'{"e":"\xc3\xa9"}', 0))
PROBE = Call("states", ("{p}:",), (0,))


class FakeStore:
    """Answers a call with its second argument. ``fail`` decides about each batch; ``gate`` holds all of them up."""

    def __init__(self) -> None:
        self.batches: list[list[Call]] = []
        self.fail: Callable[[Sequence[Call]], Exception | None] = lambda calls: None
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, calls: Sequence[Call]) -> list[object]:
        if list(calls) != [PROBE]:
            self.batches.append(list(calls))
        await self.gate.wait()
        if error := self.fail(calls):
            raise error
        return [call.args[1] if len(call.args) > 1 else [] for call in calls]


class FakeJournal:
    """Lines in memory, ``room`` of them at most."""

    def __init__(self, lines: Sequence[bytes] = (), room: int = 1000) -> None:
        self.lines = list(lines)
        self.room = room
        self.flushed = 0
        self.closed = False
        self.removed = False

    def append(self, line: bytes) -> int:
        if len(self.lines) >= self.room:
            raise JournalFull("full")
        self.lines.append(line)
        return len(self.lines)

    async def flush(self) -> None:
        self.flushed = len(self.lines)

    def read_all(self) -> list[bytes]:
        return list(self.lines)

    def truncate(self, upto: int | None = None) -> bool:
        if upto is not None and upto != len(self.lines):
            return False
        self.lines.clear()
        return True

    def close(self, *, remove: bool = False) -> None:
        self.closed, self.removed = True, remove


class Watch:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def store_down(self) -> None:
        self.told.append("down")

    def store_up(self) -> None:
        self.told.append("up")

    def queue(self, length: int) -> None:
        """Of no interest here."""

    def lost(self, kind: str) -> None:
        self.told.append(kind)


class World:
    """A delivery and what is around it; no time passes between probes."""

    def __init__(self) -> None:
        self.store, self.journal, self.watch = FakeStore(), FakeJournal(), Watch()
        self.delivery = Delivery(self.store, self.journal, self.watch, [PROBE])
        self.replies: list[object] = []
        self.away: list[bool] = []

    def item(self, name: str) -> Item:
        return Item(Call("x", ("{p}:",), (0, name)), self.replies.append, self.away.append)

    async def settled(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(delivery, "_PROBE_SECONDS", 0)
    one = World()
    one.delivery.start()
    await one.settled()
    yield one
    one.store.fail = lambda calls: None
    one.store.gate.set()
    await one.delivery.close(1.0)


async def test_calls_of_one_turn_go_together_and_what_is_owed_goes_first(world) -> None:
    world.delivery.ask(world.item("asked"))
    world.delivery.owe(world.item("owed"))
    world.delivery.chore(world.item("chore"))
    await world.settled()
    assert [[call.args[1] for call in batch] for batch in world.store.batches] == [["owed", "asked", "chore"]]
    assert world.replies == ["owed", "asked", "chore"]


async def test_while_a_batch_is_under_way_the_next_one_gathers(world) -> None:
    world.store.gate.clear()
    world.delivery.owe(world.item("1"))
    await world.settled()
    for name in "234":
        world.delivery.owe(world.item(name))
        await world.settled()
    world.store.gate.set()
    await world.settled()
    assert [[call.args[1] for call in batch] for batch in world.store.batches] == [["1"], ["2", "3", "4"]]


async def test_a_connection_that_had_died_is_not_an_outage(world) -> None:
    failures = [StoreAway("closed", sent=True)]
    world.store.fail = lambda calls: failures.pop() if failures else None
    world.delivery.ask(world.item("asked"))
    world.delivery.owe(Item(SETTLE, world.replies.append))
    await world.settled()
    assert world.replies == ["h", "asked"]
    assert world.watch.told == []
    assert [batch[0].args[10] for batch in world.store.batches] == [0, 1], "the second time it says so"


async def test_what_was_certainly_not_sent_is_no_repetition(world) -> None:
    failures = [StoreAway("refused", sent=False)]
    world.store.fail = lambda calls: failures.pop() if failures else None
    world.delivery.owe(Item(SETTLE))
    await world.settled()
    assert [batch[0].args[10] for batch in world.store.batches] == [0, 0]


async def test_an_outage_gives_back_what_is_asked_and_keeps_what_is_owed(world) -> None:
    world.store.fail = lambda calls: StoreAway("away", sent=True)
    world.delivery.ask(world.item("asked"))
    world.delivery.owe(world.item("owed"))
    await world.settled()
    assert world.delivery.down
    assert world.away == [True, True]
    assert [read_line(line) for line in world.journal.lines] == [Call("x", ("{p}:",), (0, "owed"))]
    world.delivery.owe(world.item("later"))
    assert world.away == [True, True, False]
    assert len(world.journal.lines) == 2
    world.store.fail = lambda calls: None
    await world.settled()
    assert world.replies == ["owed", "later"]
    assert world.journal.lines == []
    assert world.watch.told == ["down", "up"]


async def test_a_journalled_settlement_is_known_for_days(world) -> None:
    world.store.fail = lambda calls: StoreAway("away", sent=True)
    world.delivery.owe(Item(SETTLE))
    await world.settled()
    call = read_line(world.journal.lines[0])
    assert call is not None
    assert (call.args[10], call.args[11]) == (1, 604_800_000)
    assert call.args[15] == '{"e":"é"}'


async def test_more_than_fits_in_memory_is_read_back_from_the_journal(world, monkeypatch) -> None:
    monkeypatch.setattr(delivery, "_MAX_OWED", 3)
    world.store.fail = lambda calls: StoreAway("away", sent=False)
    world.delivery.owe(world.item("0"))
    await world.settled()
    for name in "12345":
        world.delivery.owe(world.item(name))
    world.store.fail = lambda calls: None
    world.store.batches.clear()
    await world.settled()
    delivered = [call.args[1] for batch in world.store.batches for call in batch]
    assert set(delivered) == set("012345")
    assert world.journal.lines == []


async def test_what_fits_nowhere_is_told(world, monkeypatch) -> None:
    monkeypatch.setattr(delivery, "_MAX_OWED", 1)
    world.journal.room = 0
    world.store.fail = lambda calls: StoreAway("away", sent=False)
    world.delivery.owe(world.item("0"))
    await world.settled()
    world.delivery.owe(world.item("1"))
    assert world.watch.told == ["down", "full"]


async def test_a_call_that_the_store_refuses_is_given_up_after_a_while_and_holds_up_nobody(world) -> None:
    async def run(calls):
        world.store.batches.append(list(calls))
        return [ValueError("WRONGTYPE") if call.args[1] == "bad" else call.args[1] for call in calls]

    world.store.run = run
    world.delivery.owe(world.item("bad"))
    world.delivery.owe(world.item("good"))
    await world.settled()
    assert world.watch.told == ["rejected"]
    assert sum(call.args[1] == "bad" for batch in world.store.batches for call in batch) == 3
    assert world.replies[0] == "good"
    assert isinstance(world.replies[1], ValueError)


async def test_a_fault_of_ours_ends_neither_the_delivery_nor_the_batch(world) -> None:
    def broken(reply: object) -> None:
        raise RuntimeError("a reader's fault")

    world.delivery.owe(Item(Call("x", ("{p}:",), (0, "1")), broken))
    world.delivery.owe(world.item("2"))
    await world.settled()
    failures = [RuntimeError("the store's fault")]
    world.store.fail = lambda calls: failures.pop() if failures else None
    world.delivery.owe(world.item("3"))
    await world.settled()
    assert world.replies == ["2", "3"]


async def test_a_dead_process_s_journal_goes_with_its_last_line(world) -> None:
    lines = [line_of(Call("x", ("{p}:",), (0, name))) for name in "ab"]
    journal = FakeJournal([*lines, b"torn"])
    world.store.gate.clear()
    world.delivery.adopt(journal)
    await world.settled()
    assert not journal.closed
    world.store.gate.set()
    await world.settled()
    assert journal.removed
    assert world.watch.told == ["rejected"], "the line that cannot be read"
    empty = FakeJournal()
    world.delivery.adopt(empty)
    assert empty.removed


async def test_the_end_waits_for_what_is_owed(world) -> None:
    world.delivery.owe(world.item("1"))
    await world.delivery.close(5.0)
    assert world.replies == ["1"]


async def test_what_the_end_cannot_wait_for_is_journalled(world) -> None:
    world.store.gate.clear()
    world.delivery.owe(Item(SETTLE))
    await world.settled()
    world.delivery.owe(world.item("2"))
    world.delivery.ask(world.item("asked"))
    await world.delivery.close(0)
    first, second = map(read_line, world.journal.lines)
    assert first is not None
    assert second is not None
    assert (first.args[1], first.args[10]) == ("h", 1), "it may have arrived"
    assert second.args[1] == "2"
    assert world.journal.flushed == 2
    world.delivery.owe(world.item("after the end"))
    assert len(world.journal.lines) == 3


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'["x"]', b"\xff"])
def test_a_line_that_cannot_be_read_is_none(line) -> None:
    assert read_line(line) is None


class TestPatience:
    """What nothing depends on waits for company."""

    @pytest.fixture(autouse=True)
    def slow(self, monkeypatch):
        monkeypatch.setattr(delivery, "_GATHER_SECONDS", 3600)

    def sent(self, world) -> list[list[object]]:
        return [[call.args[1] for call in batch] for batch in world.store.batches]

    async def test_it_goes_along_with_what_somebody_waits_for(self, world) -> None:
        world.delivery.owe(world.item("1"), patient=True)
        await world.settled()
        world.delivery.owe(world.item("2"), patient=True)
        await world.settled()
        assert self.sent(world) == []
        world.delivery.ask(world.item("asked"))
        await world.settled()
        world.delivery.owe(world.item("3"), patient=True)
        await world.settled()
        world.delivery.owe(world.item("owed"))
        await world.settled()
        assert self.sent(world) == [["1", "2", "asked"], ["3", "owed"]]

    async def test_it_goes_when_its_time_is_over(self, world, monkeypatch) -> None:
        monkeypatch.setattr(delivery, "_GATHER_SECONDS", 0)
        for name in "12":
            world.delivery.owe(world.item(name), patient=True)
        await world.settled()
        world.delivery.owe(world.item("3"), patient=True)
        await world.settled()
        assert self.sent(world) == [["1", "2"], ["3"]]

    async def test_enough_of_them_wait_no_longer_and_none_is_left_behind(self, world, monkeypatch) -> None:
        monkeypatch.setattr(delivery, "_COMPANY", 5)
        monkeypatch.setattr(delivery, "_BATCH", 2)
        for name in "12345":
            world.delivery.owe(world.item(name), patient=True)
        await world.settled()
        assert self.sent(world) == [["1", "2"], ["3", "4"], ["5"]]

    async def test_what_comes_while_others_are_under_way_gathers_on_its_own(self, world) -> None:
        world.store.gate.clear()
        world.delivery.ask(world.item("asked"))
        await world.settled()
        world.delivery.owe(world.item("1"), patient=True)
        world.store.gate.set()
        await world.settled()
        assert self.sent(world) == [["asked"]]
        await world.delivery.close(5.0)
        assert self.sent(world) == [["asked"], ["1"]], "the end does not wait"

    async def test_an_outage_journals_it(self, world) -> None:
        world.store.fail = lambda calls: StoreAway("away", sent=False)
        world.delivery.owe(world.item("1"), patient=True)
        world.delivery.ask(world.item("asked"))
        await world.settled()
        assert [read_line(line) for line in world.journal.lines] == [Call("x", ("{p}:",), (0, "1"))]
        world.store.fail = lambda calls: None
        await world.settled()
        assert world.replies == ["1"]
