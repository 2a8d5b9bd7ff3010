"""Usage becomes money: each part at its rate, rounded up once."""

import pytest

from extproc.accounting.cost import asked_tier, cost, served_regionally, served_tier
from extproc.accounting.rates import Rates
from extproc.accounting.tariffs import STANDARD, Tariff
from extproc.domain.usage import Usage

RATES = Rates(
    input=1_000_000,
    cache_read=10_000_000,
    cache_write_5m=100_000_000,
    cache_write_1h=1_000_000_000,
    audio_input=2_000_000,
    audio_cache_read=20_000_000,
    output=3_000_000,
    reasoning=30_000_000,
    audio_output=300_000_000,
    request=7_000_000,
    web_search=4_000_000_000_000,
    file_search=5_000_000_000_000,
)
"""Each token costs a digit of its own place."""

LADDER = ((-1, RATES), (1000, Rates(input=5_000_000)))
TARIFF = Tariff("test", {STANDARD: LADDER, "priority": ((-1, Rates(input=9_000_000)),)}, {}, regional_percent=10)
FEE = 7


@pytest.mark.parametrize(
    ("usage", "nanos"),
    [
        (Usage(), 0),
        (Usage(input=2), 2),
        (Usage(cache_read=2), 20),
        (Usage(cache_write_5m=2), 200),
        (Usage(cache_write_1h=2), 2_000),
        (Usage(input=3, audio_input=2), 1 + 2 * 2),
        (Usage(input=1, cache_read=3, audio_input=2), 2 + 20 + 2 * 10),  # audio counts as uncached first
        (Usage(input=2, cache_read=3, audio_input=2, audio_cache_read=1), 1 + 20 + 2 + 20),  # unless it is told
        (Usage(input=2, cache_read=3, audio_input=2, audio_cache_read=9), 2 + 10 + 2 * 20),
        (Usage(input=1, audio_input=9), 2),  # more audio than prompt is a vendor's mistake
        (Usage(output=2), 6),
        (Usage(output=5, reasoning=2), 3 * 3 + 2 * 30),
        (Usage(output=5, reasoning=1, audio_output=2), 2 * 3 + 30 + 2 * 300),
        (Usage(output=2, reasoning=9, audio_output=1), 300 + 30),
        (Usage(output=2, audio_output=9), 600),
        (Usage(web_searches=2), 8_000_000),
        (Usage(file_searches=2), 10_000_000),
        (Usage(output=4, accepted_prediction=2, rejected_prediction=2), 12),  # within the output
    ],
)
def test_each_part_has_its_rate(usage, nanos):
    assert cost(TARIFF, usage) == nanos + FEE


@pytest.mark.parametrize(
    ("usage", "nanos"),
    [(Usage(input=1000), 1000 + FEE), (Usage(input=1, cache_read=1000), 5), (Usage(input=1001), 5005)],
)
def test_the_length_of_the_whole_prompt_decides_the_step(usage, nanos):
    assert cost(TARIFF, usage) == nanos


@pytest.mark.parametrize(("tier", "nanos"), [(None, 1), ("", 1), ("default", 1), ("scale", 1), ("priority", 9)])
def test_the_service_tier_decides_the_rates_and_an_unknown_one_is_the_standard(tier, nanos):
    assert cost(TARIFF, Usage(input=1), service_tier=tier) == nanos + (FEE if nanos == 1 else 0)


def test_a_chosen_region_adds_to_tokens_and_not_to_fees():
    assert cost(TARIFF, Usage(input=100), regional=True) == 110 + FEE
    assert cost(TARIFF, Usage(input=1), regional=True) == 1 + FEE + 1  # 1.1, rounded up


def test_it_is_rounded_up_once():
    tariff = Tariff("test", {STANDARD: ((-1, Rates(input=1, output=1, cache_read=1)),)}, {})
    assert cost(tariff, Usage(input=1, output=1, cache_read=1)) == 1
    assert cost(tariff, Usage(input=999_998, output=1, cache_read=1)) == 1
    assert cost(tariff, Usage(input=999_999, output=1, cache_read=1)) == 2
    assert cost(tariff, Usage()) == 0


@pytest.mark.parametrize(("requests", "nanos"), [(0, 1), (1, 1 + FEE), (4, 1 + 4 * FEE)])
def test_the_price_of_a_request_is_due_as_often_as_it_is_sold(requests, nanos):
    assert cost(TARIFF, Usage(input=1), requests=requests) == nanos


@pytest.mark.parametrize(
    ("body", "tier"),
    [
        ({}, None),
        ({"service_tier": None, "serviceTier": "flex"}, "flex"),
        ({"service_tier": "Priority"}, "priority"),
        ({"service_tier": ["?"]}, ""),
    ],
)
def test_the_tier_that_is_asked_for(body, tier):
    assert asked_tier(body) == tier


@pytest.mark.parametrize(
    ("body", "reported", "tier"),
    [
        ({}, None, None),
        ({}, "priority", "priority"),
        ({"speed": "fast"}, "default", "fast"),
        ({"speed": "standard"}, "default", "default"),
    ],
)
def test_fast_mode_is_priced_as_it_was_asked_for(body, reported, tier):
    assert served_tier(body, reported) == tier


@pytest.mark.parametrize(("geo", "regional"), [(None, False), ("global", False), ("us", True), ({"?": 1}, True)])
def test_a_chosen_region(geo, regional):
    assert served_regionally({"inference_geo": geo}) is regional
