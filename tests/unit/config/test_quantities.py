"""Amounts, shares, token counts, rates, windows and time zones."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from extproc.config import quantities
from extproc.config.quantities import RateAmount


def read(kind, value):
    return TypeAdapter(kind).validate_python(value)


def refuses(kind, value):
    with pytest.raises(ValidationError):
        read(kind, value)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (50, "50"),
        (0, "0"),
        (0.1, "0.1"),
        ("0.1", "0.1"),
        (1e-9, "0.000000001"),
        ("0.000000001", "0.000000001"),
        ("1.0000000000", "1"),
        (9_000_000, "9000000"),
        (Decimal("12.34"), "12.34"),
    ],
)
def test_amounts_are_exact(written, amount):
    assert read(quantities.Usd, written) == Decimal(amount)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "$5",
        "1e3",
        "-1",
        -1,
        -0.5,
        1e-10,
        "0.0000000001",
        9_000_000.01,
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        "nan",
        True,
        None,
        [],
    ],
)
def test_what_is_no_amount(written):
    refuses(quantities.Usd, written)


@pytest.mark.parametrize(("written", "share"), [(0.8, 8000), (1, 10_000), ("0.95", 9500), (0.0001, 1), (0.07, 700)])
def test_shares_are_ten_thousandths(written, share):
    assert read(quantities.Share, written) == share


@pytest.mark.parametrize("written", [0, -0.1, 1.0001, 80, "80%", 0.00001, True, None])
def test_what_is_no_share(written):
    refuses(quantities.Share, written)


@pytest.mark.parametrize(
    ("written", "count"),
    [(200_000, 200_000), ("200k", 200_000), ("1M", 1_000_000), ("1.5k", 1500), ("128000", 128_000)],
)
def test_token_counts(written, count):
    assert read(quantities.TokenCount, written) == count


@pytest.mark.parametrize("written", [0, -1, 1.5, "0.5", "1.0005k", "k", "200 k", "200K", 100_000_001, True, None])
def test_what_is_no_token_count(written):
    refuses(quantities.TokenCount, written)


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("100/min", RateAmount(100, 60)),
        ("200k/min", RateAmount(200_000, 60)),
        ("1.5M/day", RateAmount(1_500_000, 86_400)),
        ("5/s", RateAmount(5, 1)),
        ("10/h", RateAmount(10, 3600)),
    ],
)
def test_rates(written, rate):
    assert read(quantities.Rate, written) == rate
    assert read(quantities.Rates, written) == (rate,)


@pytest.mark.parametrize(
    "written", ["100", "100/minute ", "/min", "100 / min", "0/min", "0.5/min", "1.5/s", "9999999999M/s", 100, None]
)
def test_what_is_no_rate(written):
    refuses(quantities.Rate, written)


def test_several_rates_are_for_different_units_of_time():
    assert read(quantities.Rates, ["100/min", "5000/day"]) == (RateAmount(100, 60), RateAmount(5000, 86_400))
    assert read(quantities.Rates, []) == ()
    refuses(quantities.Rates, ["100/min", "5/min"])


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1m", 60), ("60s", 60), ("90m", 5400), ("24h", 86_400), ("30d", 2_592_000), ("366d", 366 * 86_400), (3600, 3600)],
)
def test_rolling_windows(written, seconds):
    assert read(quantities.Rolling, written) == seconds


@pytest.mark.parametrize("written", ["59s", "367d", "1.5h", "1w", "day", 0, 60.5, True, None])
def test_what_is_no_rolling_window(written):
    refuses(quantities.Rolling, written)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata"])
def test_time_zones(zone):
    assert read(quantities.TimeZone, zone) == zone


@pytest.mark.parametrize("zone", ["", "Europe", "Mars/Olympus", "../UTC", "/etc/passwd", "+01:00", "a\0b", 1, None])
def test_what_is_no_time_zone(zone):
    refuses(quantities.TimeZone, zone)
