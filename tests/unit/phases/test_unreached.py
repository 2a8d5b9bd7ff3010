"""Attempts that never got a connection: which rows are whose to write."""

import pytest

from extproc.phases.handoff import Handoff, Step
from extproc.phases.marks import AttemptMark, read_marks
from extproc.phases.unreached import unreached

CHAIN = tuple(Step(f"p{number}", f"m{number}") for number in range(1, 5))
HANDOFF = Handoff(
    request_id="req-1",
    key="ci",
    team="search",
    client_dialect="openai-completions",
    asked="alias",
    model="four",
    stream=True,
    chain=CHAIN,
    started_ns=1,
    config_version="c0ffee",
    tags=(("env", "qa"),),
)


def marks(pattern):
    """One attempt for each letter: ``x`` has marked itself, ``-`` has not."""
    said = AttemptMark("p", "m", "provider:provider_error", 5, 6).encode()
    metadata = {f"a{number}": said for number, letter in enumerate(pattern, 1) if letter == "x"}
    return read_marks(metadata, CHAIN, len(pattern))


@pytest.mark.parametrize(
    ("pattern", "mine"),
    [
        ("", []),
        ("x", []),
        ("-", [1]),
        ("--", [1, 2]),
        ("x-", [2]),
        ("x--", [2, 3]),
        ("-x", []),  # the second attempt has written the row of the first
        ("-x-", [3]),
        ("x-x--", [4, 5]),
    ],
)
def test_the_rows_since_the_last_attempt_that_was_reached(pattern, mine):
    assert [row.attempt for row in unreached(HANDOFF, marks(pattern), 7)] == mine


def test_a_row_says_what_another_can_know():
    (row,) = unreached(HANDOFF, marks("x-"), 7)
    assert (row.attempt, row.provider, row.provider_model) == (2, "p2", "m2")
    assert (row.outcome, row.time_ns, row.duration_ms) == ("provider:provider_unreachable", 7, 0.0)
    assert (row.request_id, row.key, row.team, row.tags) == ("req-1", "ci", "search", {"env": "qa"})
    assert (row.client_dialect, row.operation) == ("openai-completions", "text_completion")
    assert (row.model_asked, row.model, row.stream, row.config_version) == ("alias", "four", True, "c0ffee")
    assert (row.status, row.cost, row.committed) == (None, None, False)
