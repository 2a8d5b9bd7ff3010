"""What attempts tell each other: read back as written, and gaps filled with what the chain says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.phases.handoff import Step
from extproc.phases.marks import SENT, AttemptMark, answered, decode_mark, is_unmarked, read_marks, summaries

CHAIN = (Step("o1", "m1"), Step("o2", "m 2"))
MS = 1_000_000

word = st.text(st.characters(categories=("L", "N", "P"), exclude_characters=" "), min_size=1, max_size=10)
marks = st.builds(
    AttemptMark, word, st.text(max_size=20), word, st.integers(0, 2**63), st.integers(0, 2**63), st.booleans()
)


@given(marks)
def test_what_is_written_is_read_again(mark):
    assert decode_mark(mark.encode()) == mark


def test_marks_are_read_in_order_and_gaps_are_filled():
    """An attempt that never got a connection has marked nothing."""
    third = AttemptMark("o2", "m 2", "provider:provider_error", 7, 9)
    metadata = {"h": "hand-off", "a3": third.encode(), "a4": "of a later attempt"}
    first, second, last = read_marks(metadata, CHAIN, 3)
    assert (first.provider, first.model, first.reason) == ("o1", "m1", "provider:provider_unreachable")
    assert (second.provider, second.model) == ("o2", "m 2")
    assert last == third
    assert [is_unmarked(mark) for mark in (first, second, last)] == [True, True, False]


def test_there_are_none_before_the_first():
    assert read_marks({"h": "hand-off"}, CHAIN, 0) == ()


def test_past_the_chains_end_the_last_step_is_meant():
    assert [mark.provider for mark in read_marks({}, CHAIN, 4)] == ["o1", "o2", "o2", "o2"]


@pytest.mark.parametrize(
    ("metadata", "number"),
    [
        ({}, None),
        ({"h": "[1]"}, None),
        ({"h": "[1]", "a1": AttemptMark("o1", "m", SENT, 1).encode()}, None),
        (
            {
                "a1": AttemptMark("o1", "m", "x", 1).encode(),
                "a2": AttemptMark("o2", "m", "ok", 1, 2, final=True).encode(),
            },
            2,
        ),
        ({"a2": AttemptMark("o2", "m", SENT, 1, 0, final=True).encode()}, 2),
    ],
)
def test_the_one_that_answered(metadata, number):
    found = answered(metadata)
    assert (found.provider if found else None) == (f"o{number}" if number else None)


def test_the_list_of_attempts_in_the_requests_row():
    found = summaries(
        (
            AttemptMark("o1", "m1", "provider:provider_error", 10 * MS, 14 * MS),
            AttemptMark("o2", "m2", SENT, 20 * MS),
            AttemptMark("o3", "m3", SENT, 30 * MS),
            AttemptMark("o4", "m4", "provider:provider_unreachable", 0),
        ),
        1_130 * MS,
        limit=1.0,
    )
    assert [(a.provider, a.reason, a.duration_ms) for a in found] == [
        ("o1", "provider:provider_error", 4.0),
        ("o2", "transport:no_answer", 10.0),
        ("o3", "transport:no_answer", 0.0),
        ("o4", "provider:provider_unreachable", 0.0),
    ]


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        (0.5, "transport:no_answer"),
        (0.94, "transport:no_answer"),
        (0.96, "provider:provider_timeout"),
        (1.5, "provider:provider_timeout"),
    ],
)
def test_one_that_just_ended_is_known_by_its_length(seconds, reason):
    """Envoy's timer may ring a little early, as seen from here."""
    (summary,) = summaries((AttemptMark("o1", "m1", SENT, MS),), MS + round(seconds * 1e9), limit=1.0)
    assert summary.reason == reason


def test_no_attempts_no_list():
    assert summaries((), 5, limit=1.0) == ()
