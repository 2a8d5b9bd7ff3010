"""What a bookkeeper remembers of one request never decides about a request of another kind.

A world makes a new bookkeeper for every request; here all requests of a test have the same one.
"""

from dataclasses import replace

import pytest

from extproc.phases.booking import Wanted
from extproc.policy.meters import Principal


@pytest.fixture
def held(world):
    """Orders a request; the ids of the meters on which it is held."""

    def make(keeper, *, tags=None, key=None, body=b"{}") -> list[str]:
        model = world.snapshot.models["one"]
        who = Principal(key or next(iter(world.snapshot.keys.values())), (), None)
        wanted = Wanted(
            "r", who, model, lambda chosen: chosen.targets, {}, body, "openai-chat", "chat", tags or {}, None, False, 0
        )
        hold_id, take = keeper.book(wanted)
        if callable(take):
            world.run(take)
        return [line.meter_id for line in world.ledger.books.rows[hold_id].lines]

    return make


@pytest.fixture
def keeper(world):
    """Makes the one of a test, for these meters of its configuration."""

    def make(*meters):
        world.meters(*meters)
        world.priced()
        return world.bookkeeper()

    return make


def test_requests_with_other_tags_are_counted_by_other_meters(meter, keeper, held) -> None:
    a, b = (meter("requests", 100, scope={"tag:feature": name}) for name in "ab")
    one = keeper(a, b)
    for _ in range(2):
        assert held(one, tags={"feature": "a"}) == [a.id]
        assert held(one, tags={"feature": "b"}) == [b.id]
        assert held(one) == []


def test_prompts_are_told_apart(meter, keeper, held) -> None:
    one = keeper(meter("requests", 100, scope={"prompt": "*"}))
    first, second = held(one, body=b'{"a":1}'), held(one, body=b'{"a":2}')
    assert len(first) == len(second) == 1
    assert first != second


def test_a_key_with_new_limits_is_not_taken_for_the_old_one(world, meter, keeper, held) -> None:
    one = keeper()
    old = next(iter(world.snapshot.keys.values()))
    for unit in ("requests", "concurrent", "requests"):
        changed = replace(old, meters=(meter(unit, 5),))
        for _ in range(2):
            assert held(one, key=changed) == [changed.meters[0].id]
        del changed  # the next one may get its place in memory, but not its meters
