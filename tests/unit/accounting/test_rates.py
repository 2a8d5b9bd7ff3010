"""Rates as whole numbers, and prices that step up with the length of the prompt."""

from decimal import Decimal

import pytest

from extproc.accounting.rates import Rates, at, dearer_steps, dearest_steps, rate

CHEAP, DEAR = Rates(input=1, output=9), Rates(input=2, output=3)


@pytest.mark.parametrize(
    ("usd", "units", "expected"),
    [
        ("3", 1_000_000, 3_000_000_000),
        ("0.075", 1_000_000, 75_000_000),
        ("0.0000000001", 1_000_000, 1),  # finer than a nano-dollar: rounded up
        ("10", 1_000, 10_000_000_000_000),
        ("0.01", 1, 10_000_000_000_000),
        ("0", 1_000, 0),
    ],
)
def test_dollars_become_nano_dollars_for_a_million(usd, units, expected):
    assert rate(Decimal(usd), units) == expected


@pytest.mark.parametrize(("prompt", "expected"), [(0, CHEAP), (200_000, CHEAP), (200_001, DEAR), (10**9, DEAR)])
def test_a_step_holds_from_one_token_more(prompt, expected):
    assert at(((-1, CHEAP), (200_000, DEAR)), prompt) is expected


def test_the_dearest_is_the_dearest_of_each_part():
    assert CHEAP.dearest(DEAR) == Rates(input=2, output=9)
    assert CHEAP.dearest(CHEAP) is CHEAP


def test_merged_steps_are_nowhere_cheaper():
    one, two = ((-1, CHEAP), (100, DEAR)), ((-1, Rates(input=0, output=4)), (50, Rates(input=7, output=1)))
    merged = dearest_steps([one, two, one])
    for prompt in (0, 1, 50, 51, 100, 101, 1000):
        assert at(merged, prompt) == at(one, prompt).dearest(at(two, prompt))


def test_nothing_has_no_dearest():
    with pytest.raises(ValueError, match="unpack"):
        dearest_steps([])


def test_dearer_tokens_are_rounded_up_and_fees_stay():
    rates = Rates(input=1, output=100, audio_input=0, request=7, web_search=9, file_search=11)
    assert rates.dearer_by(110) == Rates(input=2, output=110, audio_input=0, request=7, web_search=9, file_search=11)
    assert rates.dearer_by(100) is rates
    assert dearer_steps(((-1, rates), (5, Rates())), 110) == ((-1, rates.dearer_by(110)), (5, Rates()))
