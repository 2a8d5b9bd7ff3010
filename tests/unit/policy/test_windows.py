"""Calendar windows: where they begin and end, in their own zone, through every change of the clocks."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.meters import Window
from extproc.policy.windows import Windows

BERLIN = "Europe/Berlin"


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def around(span: str, zone: str, at: str) -> tuple[str, str]:
    start, end = Windows().around(Window("calendar", span, timezone=zone), ns(at))
    return tuple(datetime.fromtimestamp(s, ZoneInfo(zone)).isoformat(timespec="minutes") for s in (start, end))


@pytest.mark.parametrize(
    ("span", "zone", "at", "start", "end"),
    [
        ("hour", "UTC", "2026-11-21T14:59:59Z", "2026-11-21T14:00+00:00", "2026-11-21T15:00+00:00"),
        ("day", "UTC", "2026-11-21T14:00:00Z", "2026-11-21T00:00+00:00", "2026-11-22T00:00+00:00"),
        ("week", "UTC", "2026-11-22T23:59:59Z", "2026-11-16T00:00+00:00", "2026-11-23T00:00+00:00"),
        ("month", "UTC", "2026-12-31T23:59:59Z", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("month", "UTC", "2028-02-29T12:00:00Z", "2028-02-01T00:00+00:00", "2028-03-01T00:00+00:00"),
        ("year", "UTC", "2026-11-21T14:00:00Z", "2026-01-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        # the month has begun in Berlin while it is still the last one in UTC
        ("month", BERLIN, "2026-11-30T23:30:00Z", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        # a day of 23 hours and one of 25
        ("day", BERLIN, "2026-03-29T12:00:00Z", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("day", BERLIN, "2026-10-25T12:00:00Z", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        # the hour that comes twice is two windows
        ("hour", BERLIN, "2026-10-25T00:30:00Z", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"),
        ("hour", BERLIN, "2026-10-25T01:30:00Z", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"),
        # off by half an hour, and a clock that skips midnight
        ("hour", "Asia/Kolkata", "2026-11-21T14:20:00Z", "2026-11-21T19:00+05:30", "2026-11-21T20:00+05:30"),
        ("day", "America/Asuncion", "2023-10-01T12:00:00Z", "2023-10-01T01:00-03:00", "2023-10-02T00:00-03:00"),
    ],
)
def test_a_window_begins_and_ends(span, zone, at, start, end):
    assert around(span, zone, at) == (start, end)


@pytest.mark.parametrize(
    "window", [Window("calendar", "total"), Window("rolling", seconds=60), Window("now")], ids=lambda w: w.kind
)
def test_windows_without_a_calendar_know_no_instants(window):
    assert Windows().around(window, ns("2026-11-21T14:00:00Z")) == (0, 0)


@given(
    st.lists(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), min_size=1, max_size=8),  # noqa: DTZ001
    st.sampled_from(["hour", "day", "week", "month", "year"]),
    st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_every_instant_is_in_its_window_whatever_was_asked_before(instants, span, zone):
    """Also where the clock steps back; and windows of one span never overlap."""
    windows, seen = Windows(), set()
    for instant in instants:
        now = int(instant.replace(tzinfo=UTC).timestamp())
        start, end = windows.around(Window("calendar", span, timezone=zone), now * 1_000_000_000)
        assert start <= now < end
        seen.add((start, end))
    ordered = sorted(seen)
    assert all(one[1] <= other[0] for one, other in pairwise(ordered))
