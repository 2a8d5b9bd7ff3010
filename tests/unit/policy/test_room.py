"""Refusals for want of room: what they say, and when to come back."""

import pytest

from extproc.domain.errors import BudgetExceeded, RateLimited, Runaway
from extproc.domain.ledger import HoldLine, MeterState
from extproc.domain.meters import Meter, Window
from extproc.policy.room import no_room, stepped_down

MONTH = Window("calendar", "month", timezone="Europe/Berlin")
MINUTE = Window("rolling", seconds=60)
DECEMBER = 1_796_079_600
"""2026-12-01T00:00 in Berlin."""


def line(unit="usd", window=MONTH, limit=2_000_000_000, scope=(("team", "search"),), *, end=0, guard=False):
    return HoldLine(Meter("m", scope, unit, window, limit, guard=guard), 0, end, 0)


def test_a_budget_says_what_is_left_what_was_wanted_and_when_it_starts_anew():
    error = no_room(
        line(end=DECEMBER), MeterState(1_500_000_000, 400_000_000, 60), wanted=250_000_000, budget_status=402
    )
    assert isinstance(error, BudgetExceeded)
    assert (error.status, error.code, error.retry_after) == (402, "budget_exceeded", 60.0)
    for part in ('team "search"', "0.10 of 2.00 US dollars left this month", "0.25", "2026-12-01T00:00+01:00"):
        assert part in error.message


def test_the_status_of_a_budget_is_configurable():
    assert no_room(line(), MeterState(0, 0), wanted=1, budget_status=429).status == 429
    assert stepped_down(line(), budget_status=403).status == 403


@pytest.mark.parametrize(
    ("unit", "window", "limit", "wanted", "says", "after"),
    [
        ("requests", MINUTE, 100, 1, "100 requests in any minute; 0 are left", 12.0),
        ("tokens", MINUTE, 100, 90, "this request needs 90 to be set aside at least. Send it again later", 12.0),
        ("tokens", MINUTE, 100, 101, "It can never fit", None),
        ("concurrent", Window("now"), 100, 1, "100 requests under way", 1.0),
        ("output_tokens", Window("rolling", seconds=90), 100, 1, "output tokens in any 90 seconds", 12.0),
    ],
)
def test_a_limit_says_when_to_come_back(unit, window, limit, wanted, says, after):
    error = no_room(line(unit, window, limit), MeterState(60, 40, 12), wanted=wanted, budget_status=402)
    assert isinstance(error, RateLimited)
    assert (error.status, error.retry_after) == (429, after)
    assert says in error.message


def test_a_guard_calls_it_a_runaway():
    spends = no_room(
        line(window=MINUTE, guard=True, scope=(("key", "k"),)), MeterState(0, 0, 5), wanted=1, budget_status=402
    )
    repeats = no_room(
        line("requests", MINUTE, 30, (("key", "k"), ("prompt", "ab")), guard=True),
        MeterState(30, 0, 5),
        wanted=1,
        budget_status=402,
    )
    assert isinstance(spends, Runaway)
    assert isinstance(repeats, Runaway)
    assert spends.message.startswith("This key spends more than 2.00 US dollars in any minute")
    assert "more than 30 times in any minute" in repeats.message
    assert "ab" not in repeats.message.replace("about", "")
