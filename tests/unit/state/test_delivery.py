"""What is brought to the store, and what becomes of it: with a store that does as the test says."""

import asyncio

import pytest

from extproc.state import delivery
from extproc.state.parcels import Item, read_line
from extproc.state.store import Call, StoreAway
from tests.unit.state.delivery_world import SETTLE, delivering, lines


@pytest.fixture
async def world(monkeypatch):
    async with delivering(monkeypatch) as one:
        yield one


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
    assert [read_line(line) for line in world.journal.lines] == [Call("close", ("{p}:",), (0, "owed"))]
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
    await world.until(lambda: world.journal.aside)
    assert world.watch.told == ["rejected"]
    assert [read_line(line) for line in world.journal.aside] == [Call("close", ("{p}:",), (0, "bad"))]
    assert sum(call.args[1] == "bad" for batch in world.store.batches for call in batch) == 3
    assert world.replies[0] == "good"
    assert isinstance(world.replies[1], ValueError)


async def test_a_fault_of_ours_ends_neither_the_delivery_nor_the_batch(world) -> None:
    def broken(reply: object) -> None:
        raise RuntimeError("a reader's fault")

    world.delivery.owe(Item(Call("close", ("{p}:",), (0, "1")), broken))
    world.delivery.owe(world.item("2"))
    await world.settled()
    failures = [RuntimeError("the store's fault")]
    world.store.fail = lambda calls: failures.pop() if failures else None
    world.delivery.owe(world.item("3"))
    await world.settled()
    assert world.replies == ["2", "3"]


async def test_a_call_that_cannot_even_be_sent_holds_up_nobody_and_is_set_aside(world) -> None:
    world.store.fail = lambda calls: TypeError("no such type") if any("bad" in call.args for call in calls) else None
    world.delivery.owe(world.item("1"))
    world.delivery.owe(world.item("bad"))
    world.delivery.owe(Item(SETTLE, world.replies.append))
    world.delivery.ask(world.item("asked"))
    await world.until(lambda: world.journal.aside)
    assert [reply for reply in world.replies if isinstance(reply, str)] == ["1", "h", "asked"]
    assert [type(reply) for reply in world.replies if not isinstance(reply, str)] == [TypeError]
    assert [read_line(line) for line in world.journal.aside] == [Call("close", ("{p}:",), (0, "bad"))]
    assert world.watch.told == ["rejected"]
    assert world.away == []
    settles = [call.args[10] for batch in world.store.batches for call in batch if call.script == "settle"]
    assert settles == [0, 1], "alone it may be a repetition"
    world.delivery.owe(world.item("2"))
    await world.until(lambda: world.replies[-1] == "2")


async def test_what_was_asked_and_cannot_be_sent_is_answered_with_the_fault(world) -> None:
    world.store.fail = lambda calls: TypeError("no such type") if any("bad" in call.args for call in calls) else None
    world.delivery.ask(world.item("bad"))
    world.delivery.owe(world.item("1"))
    await world.settled()
    assert [str(reply) for reply in world.replies] == ["1", "no such type"]
    assert not world.delivery.down


async def test_where_nothing_can_be_sent_no_call_is_given_up_for_it(world) -> None:
    world.store.fail = lambda calls: RuntimeError("the client's fault")
    world.delivery.owe(world.item("1"))
    await world.until(lambda: world.delivery.down)
    assert world.watch.told == ["down"]
    assert world.journal.lines == lines("1")
    world.store.fail = lambda calls: None
    await world.until(lambda: world.replies)
    assert world.replies == ["1"]
    assert world.watch.told == ["down", "up"]


async def test_the_store_may_go_while_calls_are_sent_one_by_one(world) -> None:
    failures = [StoreAway("gone", sent=False), TypeError("no such type")]
    world.store.fail = lambda calls: failures.pop() if failures else None
    world.delivery.owe(Item(SETTLE, world.replies.append))
    await world.until(lambda: world.replies)
    assert world.replies == ["h"]
    assert [batch[0].args[10] for batch in world.store.batches] == [0, 1, 1]
    assert world.watch.told == []


async def test_the_end_waits_for_what_was_owed_through_an_outage(world) -> None:
    world.store.fail = lambda calls: StoreAway("away", sent=False)
    world.delivery.owe(world.item("1"))
    await world.settled()
    world.watch.store_up = world.store.gate.clear  # it is back, and slow
    world.store.fail = lambda calls: None
    await world.until(lambda: not world.delivery.down)
    closing = asyncio.create_task(world.delivery.close(30))
    await world.settled()
    world.store.gate.set()
    await closing
    assert world.replies == ["1"]


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
        assert [read_line(line) for line in world.journal.lines] == [Call("close", ("{p}:",), (0, "1"))]
        world.store.fail = lambda calls: None
        await world.settled()
        assert world.replies == ["1"]
