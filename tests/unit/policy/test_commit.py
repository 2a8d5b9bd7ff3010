"""When a withheld stream goes to the client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.snapshot import Commit
from extproc.policy.commit import CommitGate

FIRST, EVENTS, AFTER, WHOLE = Commit(), Commit("events", events=3), Commit("after", after=2.0), Commit("whole")
MODES = (FIRST, EVENTS, AFTER, WHOLE)


def opened_at(commit: Commit, *steps: tuple[int, float]) -> int | None:
    """The number of the step, (content events, time), with which the gate opens; None where it stays shut."""
    gate = CommitGate(commit)
    for number, (content, now) in enumerate(steps):
        if gate.opens(content=content, ended=False, held=0, now=now):
            return number
    return None


@pytest.mark.parametrize(
    ("commit", "steps", "opens"),
    [
        (FIRST, [(0, 0), (0, 50), (1, 60)], 2),
        (FIRST, [(7, 0)], 0),
        (EVENTS, [(1, 0), (1, 0), (1, 0)], 2),
        (EVENTS, [(1, 0), (0, 99), (5, 99)], 2),
        (EVENTS, [(2, 0), (0, 99)], None),
        (Commit("events", events=1), [(0, 0), (1, 0)], 1),
        (AFTER, [(1, 10), (1, 11), (0, 11.9), (0, 12)], 3),
        (AFTER, [(0, 0), (0, 50), (1, 60), (1, 61)], None),
        (AFTER, [(0, 0), (0, 50), (1, 60), (1, 62)], 3),
        (Commit("after", after=0.0), [(0, 0), (1, 5)], 1),
        (WHOLE, [(1, 0), (100, 1000)], None),
    ],
)
def test_when_it_opens(commit, steps, opens):
    assert opened_at(commit, *steps) == opens


@pytest.mark.parametrize("commit", MODES)
@pytest.mark.parametrize("content", [0, 1])
def test_the_end_of_the_answer_opens_it_whatever_the_mode(commit, content):
    assert CommitGate(commit).opens(content=content, ended=True, held=0, now=0)


@pytest.mark.parametrize("mode", ["first-token", "events", "after", "whole"])
def test_no_more_is_held_than_may_be(mode):
    gate = CommitGate(Commit(mode, events=9, after=9.0, buffer_limit=100))
    assert not gate.opens(content=0, ended=False, held=100, now=0)
    assert gate.opens(content=0, ended=False, held=101, now=0)


def test_only_a_window_has_a_deadline_and_only_once_it_has_begun():
    for commit in (FIRST, EVENTS, WHOLE):
        gate = CommitGate(commit)
        gate.opens(content=1, ended=False, held=0, now=5)
        assert gate.deadline is None
    gate = CommitGate(AFTER)
    gate.opens(content=0, ended=False, held=0, now=5)
    assert gate.deadline is None
    gate.opens(content=1, ended=False, held=0, now=6)
    gate.opens(content=1, ended=False, held=0, now=7)
    assert gate.deadline == 8.0, "from the first content on"


@given(st.sampled_from(MODES), st.lists(st.tuples(st.integers(0, 5), st.floats(0, 3)), max_size=20))
def test_without_content_nothing_opens_it_and_once_open_it_stays(commit, steps):
    gate, now, content, was_open = CommitGate(commit), 0.0, 0, False
    for more, wait in steps:
        now, content = now + wait, content + more
        is_open = gate.opens(content=more, ended=False, held=0, now=now)
        assert not (is_open and content == 0)
        assert is_open or not was_open
        was_open = is_open
