"""Ladders: which steps a budget has reached, and what they make of a request."""

import pytest

from extproc.domain.ledger import MeterState
from extproc.domain.meters import LadderStep, Meter, Window
from extproc.policy.ladder import Course, descend

LADDER = (
    LadderStep(8000, use="cheap"),
    LadderStep(9000, max_output_tokens=500),
    LadderStep(9500, max_output_tokens=100),
    LadderStep(10_000, refuse=True),
)


def meter(name: str = "a", ladder: tuple[LadderStep, ...] = LADDER) -> Meter:
    return Meter(name, (("team", "x"),), "usd", Window("calendar", "month"), limit=1000, ladder=ladder)


@pytest.mark.parametrize(
    ("used", "model", "most", "honoured"),
    [(800, "cheap", None, 1), (899, "cheap", None, 1), (900, "cheap", 500, 2), (950, "cheap", 100, 3)],
)
def test_the_steps_reached_add_up(used, model, most, honoured):
    course = descend(Course("dear"), meter(), MeterState(used - 300, 300))
    assert course == Course(model, most, ((meter(), honoured),))


def test_the_last_step_refuses():
    assert descend(Course("dear"), meter(), MeterState(1000, 0)) is None


def test_a_gate_that_was_hit_counts_though_something_was_given_back_since():
    assert descend(Course("dear"), meter(), MeterState(700, 0)) == Course("cheap", None, ((meter(), 1),))


def test_a_second_descent_goes_further_and_ends():
    course, steps = Course("dear"), 0
    while course is not None:
        course = descend(course, meter(), MeterState(0, 0))
        steps += 1
    assert steps == len(LADDER)


def test_ladders_of_two_meters_are_heeded_together():
    first = descend(Course("dear"), meter("a"), MeterState(900, 0))
    other = meter("b", (LadderStep(5000, max_output_tokens=200),))
    second = descend(first, other, MeterState(600, 0))
    assert second == Course("cheap", 200, ((meter("a"), 2), (other, 1)))
    assert second.steps_honoured(meter("a")) == 2
    assert second.steps_honoured(meter("c")) == 0


def test_the_course_tells_the_last_step_of_each_meter():
    first = descend(Course("dear"), meter("a"), MeterState(900, 0))
    scope = (("tag:environment", "qä"), ("model", "dear"))
    other = Meter("b", scope, "usd", Window("calendar"), 1000, ladder=(LadderStep(6250, use="cheap"),))
    assert Course("dear").told == ""
    assert first.told == "team=x@0.9"
    assert descend(first, other, MeterState(650, 0)).told == "team=x@0.9, tag:environment=q%C3%A4&model=dear@0.625"
