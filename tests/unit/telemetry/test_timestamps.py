"""Times are RFC 3339, UTC, of one width."""

from datetime import UTC, datetime

import pytest

from extproc.telemetry.timestamps import rfc3339


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (999_999, "1970-01-01T00:00:00.000Z"),
        (1_769_860_800_123_456_789, "2026-01-31T12:00:00.123Z"),
        (1_769_860_800_999_999_999, "2026-01-31T12:00:00.999Z"),
    ],
)
def test_nanoseconds_become_milliseconds_cut_not_rounded(time_ns, text):
    assert rfc3339(time_ns) == text


def test_it_parses_back():
    assert datetime.fromisoformat(rfc3339(1_769_860_800_123_000_000)) == datetime(2026, 1, 31, 12, 0, 0, 123_000, UTC)
