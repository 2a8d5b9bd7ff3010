"""Clock and dice: the real ones and their doubles keep the same promises."""

from collections import Counter

import pytest

from extproc.phases.fakes import FakeClock, FixedDice
from extproc.phases.ports import SystemClock, SystemDice


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request):
    return request.param()


@pytest.fixture(params=[SystemDice, FixedDice])
def dice(request):
    return request.param()


def test_time_does_not_step_back(clock):
    first, second = clock.monotonic(), clock.monotonic()
    assert second >= first
    assert isinstance(clock.now_ns(), int)
    assert clock.now_ns() > 1_600_000_000_000_000_000


@pytest.mark.parametrize("weights", [[1], [0, 3], [3, 0], [0, 0, 1, 0]])
def test_what_has_no_weight_is_never_drawn(dice, weights):
    for _ in range(200):
        assert weights[dice.pick(weights)] > 0


def test_ids_are_all_different(dice):
    assert len({dice.new_id() for _ in range(1000)}) == 1000


def test_the_real_dice_respect_weights():
    dice = SystemDice()
    counts = Counter(dice.pick([80, 20]) for _ in range(10_000))
    assert 7_600 < counts[0] < 8_400, "five standard deviations are 200"


def test_two_workers_throw_differently():
    first, second = ([dice.pick([1] * 100) for _ in range(20)] for dice in (SystemDice(), SystemDice()))
    assert first != second


def test_the_double_is_moved_by_hand():
    clock = FakeClock(now_ns=5, monotonic=1.0)
    clock.advance(0.25)
    assert (clock.now_ns(), clock.monotonic()) == (250_000_005, 1.25)


def test_the_doubles_dice_fall_as_told():
    dice = FixedDice([1, 0])
    assert [dice.pick([1, 1]) for _ in range(3)] == [1, 0, 0]
    assert dice.seen == [[1, 1]] * 3
    assert [dice.new_id(), dice.new_id()] == ["id-1", "id-2"]


def test_the_double_will_not_draw_what_cannot_be():
    with pytest.raises(AssertionError, match="cannot be drawn"):
        FixedDice([0]).pick([0, 1])
