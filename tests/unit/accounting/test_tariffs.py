"""Which price holds, and for how long a tariff is kept."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from extproc.accounting.cost import cost
from extproc.accounting.images import WORST_IMAGE
from extproc.accounting.rates import Rates, at
from extproc.accounting.tariffs import STANDARD, TariffBook, tiers_of
from extproc.config.snapshot import Price, Provider, Snapshot, Telemetry
from extproc.domain.usage import Usage

NOW = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
HOUR = 3600 * 1_000_000_000

OPENAI = Provider("openai", "openai", "https://api.openai.com/v1")
ANTHROPIC = Provider("anthropic", "anthropic", "https://api.anthropic.com")
DEEPSEEK = Provider("deepseek", "openai", "https://api.deepseek.com/v1")
VLLM = Provider("vllm", "openai", "http://vllm.default.svc:8000/v1")
MINE = Provider(
    "mine",
    "openai",
    "https://api.openai.com/v1",
    prices={"gpt-4o": Price(Decimal(1), Decimal(2)), "new": Price(Decimal(3), Decimal(4))},
)


def book(*providers: Provider) -> TariffBook:
    return TariffBook(
        Snapshot(
            version="v",
            listen_host="",
            listen_port=0,
            admin_host="",
            admin_port=0,
            admin_token=None,
            workers=1,
            max_request_bytes=1,
            providers={one.name: one for one in providers},
            models={},
            names={},
            keys={},
            telemetry=Telemetry(),
        )
    )


def test_the_target_goes_before_the_provider_and_both_before_what_is_published():
    tariffs = book(MINE, OPENAI)
    by_target = tariffs.find(MINE, Price(Decimal(9), Decimal(9)), "gpt-4o", None, NOW)
    by_provider = tariffs.find(MINE, None, "gpt-4o", None, NOW)
    by_vendor = tariffs.find(MINE, None, "gpt-4.1", None, NOW)
    assert by_target
    assert by_provider
    assert by_vendor
    assert at(by_target.now[STANDARD], 0).input == 9_000_000_000
    assert at(by_provider.now[STANDARD], 0).input == 1_000_000_000
    assert (by_target.source, by_provider.source) == ("gateway.yaml", "gateway.yaml")
    assert by_vendor.source == "genai-prices:openai/gpt-4.1"


def test_a_price_of_the_file_makes_a_model_known_that_nobody_has_published():
    tariff = book(MINE).find(MINE, None, "new", None, NOW)
    assert tariff
    assert tariff.context_window is None
    assert cost(tariff, Usage(input=1_000_000, output=1_000_000)) == 7_000_000_000


@pytest.mark.parametrize(("provider", "model"), [(VLLM, "gpt-4o"), (OPENAI, "gpt-99"), (OPENAI, "whisper-1")])
def test_unknown_is_none_and_never_a_guess(provider, model):
    assert book(provider).find(provider, None, model, None, NOW) is None


def test_priced_as_says_whose_prices_hold():
    provider = replace(VLLM, priced_as="openai")
    tariff = book(provider).find(provider, None, "gpt-4o", None, NOW)
    assert tariff
    assert tariff.source == "genai-prices:openai/gpt-4o"


def test_the_context_window_is_the_targets_else_the_published_one():
    tariffs = book(OPENAI, MINE, VLLM)
    price = Price(Decimal(1), Decimal(1))
    windows = [
        tariffs.find(OPENAI, None, "gpt-4o", None, NOW),
        tariffs.find(OPENAI, None, "gpt-4o", 7, NOW),
        tariffs.find(MINE, None, "gpt-4o", None, NOW),
        tariffs.find(VLLM, price, "m", 9, NOW),
        tariffs.find(VLLM, price, "m", None, NOW),
    ]
    assert [one and one.context_window for one in windows] == [128_000, 7, 128_000, 9, None]


def test_what_vendors_do_besides_is_part_of_the_tariff():
    tariffs = book(OPENAI, ANTHROPIC, VLLM)
    openai = tariffs.find(OPENAI, None, "gpt-4o", None, NOW)
    anthropic = tariffs.find(ANTHROPIC, None, "claude-opus-5", None, NOW)
    mine = tariffs.find(VLLM, Price(Decimal(1), Decimal(1)), "gpt-4o", None, NOW)
    assert openai
    assert anthropic
    assert mine
    assert (openai.writes_unasked, openai.regional_percent, openai.image_tokens) == (True, 0, 1_445)
    assert (openai.only_asked, openai.flat) == (False, False)
    assert (openai.unpriced, mine.unpriced) == (frozenset({"ultrafast"}), frozenset())
    assert (anthropic.writes_unasked, anthropic.regional_percent, anthropic.image_tokens) == (False, 10, 8_464)
    assert (mine.writes_unasked, mine.regional_percent, mine.image_tokens) == (True, 0, WORST_IMAGE)


def test_a_tariff_is_kept_while_the_price_cannot_change():
    tariffs = book(DEEPSEEK)
    first = tariffs.find(DEEPSEEK, None, "deepseek-flash", None, NOW)
    assert tariffs.find(DEEPSEEK, None, "deepseek-flash", None, NOW + 12 * HOUR) is first
    peak = tariffs.find(DEEPSEEK, None, "deepseek-flash", None, NOW + 13 * HOUR)
    assert first
    assert peak
    assert (at(first.now[""], 0).output, at(peak.now[""], 0).output) == (600_000_000, 1_200_000_000)
    assert tariffs.find(DEEPSEEK, None, "deepseek-flash", None, NOW + 13 * HOUR) is peak


def test_a_clock_that_steps_back_is_believed():
    tariffs = book(DEEPSEEK)
    tariffs.find(DEEPSEEK, None, "deepseek-flash", None, NOW + 13 * HOUR)
    again = tariffs.find(DEEPSEEK, None, "deepseek-flash", None, NOW)
    assert again
    assert at(again.now[""], 0).output == 600_000_000


def test_the_dearest_price_ahead_is_in_the_tariff():
    off_peak = book(DEEPSEEK).find(DEEPSEEK, None, "deepseek-flash", None, NOW)
    assert off_peak
    assert at(off_peak.dearest[""], 0).output == 1_200_000_000


def test_not_known_is_remembered_too():
    tariffs = book(VLLM)
    assert tariffs.find(VLLM, None, "m", None, NOW) is tariffs.find(VLLM, None, "m", None, NOW + HOUR)


def test_equal_names_with_unlike_prices_do_not_meet():
    tariffs = book(OPENAI)
    one = tariffs.find(OPENAI, Price(Decimal(1), Decimal(1)), "gpt-4o", None, NOW)
    two = tariffs.find(OPENAI, Price(Decimal(2), Decimal(1)), "gpt-4o", None, NOW)
    assert one
    assert two
    assert at(one.now[""], 0).input * 2 == at(two.now[""], 0).input


def test_what_a_price_of_the_file_leaves_out():
    (_, rates), *_ = tiers_of(Price(Decimal(2), Decimal(8)))[STANDARD]
    billion = 1_000_000_000
    assert rates == Rates(
        input=2 * billion,
        cache_read=2 * billion,
        cache_write_5m=2 * billion,
        cache_write_1h=2 * billion,
        audio_input=2 * billion,
        audio_cache_read=2 * billion,
        output=8 * billion,
        reasoning=8 * billion,
        audio_output=8 * billion,
    )


def test_all_of_a_price_of_the_file_is_used():
    price = Price(
        Decimal(2),
        Decimal(8),
        cache_read=Decimal("0.2"),
        cache_write=Decimal("2.5"),
        cache_write_1h=Decimal(4),
        audio_input=Decimal(40),
        audio_output=Decimal(80),
        request=Decimal("0.005"),
        web_search=Decimal(10),
        above=((200_000, Price(Decimal(4), Decimal(12), request=Decimal("0.01"))),),
        service_tiers={"priority": Price(Decimal(3), Decimal(9))},
    )
    tiers = tiers_of(price)
    low, high, urgent = at(tiers[""], 200_000), at(tiers[""], 200_001), at(tiers["priority"], 10**6)
    thousandth = 1_000_000
    assert low == Rates(
        input=2000 * thousandth,
        cache_read=200 * thousandth,
        cache_write_5m=2500 * thousandth,
        cache_write_1h=4000 * thousandth,
        audio_input=40_000 * thousandth,
        audio_cache_read=40_000 * thousandth,
        output=8000 * thousandth,
        reasoning=8000 * thousandth,
        audio_output=80_000 * thousandth,
        request=5_000_000_000_000,
        web_search=10_000_000_000_000,
    )
    # The part above says a fee of its own for requests, and none for searches: the price's holds.
    assert (high.input, high.cache_write_1h, high.request) == (4000 * thousandth, 4000 * thousandth, 10**13)
    assert high.web_search == urgent.web_search == low.web_search
    assert (urgent.output, urgent.request) == (9000 * thousandth, low.request)
    assert cost(tariff_of(price), Usage()) == 5_000_000


def tariff_of(price: Price):
    tariff = book(VLLM).find(VLLM, price, "m", None, NOW)
    assert tariff
    return tariff


def test_a_write_of_an_hour_without_a_price_costs_what_a_write_costs():
    (_, rates), *_ = tiers_of(Price(Decimal(2), Decimal(8), cache_write=Decimal("2.5")))[STANDARD]
    assert rates.cache_write_1h == rates.cache_write_5m == 2_500_000_000


@pytest.mark.parametrize(
    ("provider", "model", "words"),
    [
        (VLLM, "m", ["vllm", "priced_as"]),
        (OPENAI, "gpt-99", ["gpt-99", "Set a price"]),
        (OPENAI, "whisper-1", ["audio_hours", "Set a price"]),
        (OPENAI, "gpt-4o", ["openai/gpt-4o has a price"]),
    ],
)
def test_operators_are_told_why_there_is_no_price(provider, model, words):
    told = book(provider).why_unknown(provider, model, NOW)
    assert all(word in told for word in words)


def cloud(dialect: str, model: str, base_url: str = "http://127.0.0.1:9", **more):
    provider = Provider("cloud", dialect, base_url, **more)
    return book(provider).find(provider, None, model, None, NOW)


BILLION = 1_000_000_000


@pytest.mark.parametrize(
    ("location", "model", "dialect", "rate"),
    [
        ("global", "gemini-3.8-flash", "vertex-gemini", 750_000_000),
        ("us-east5", "gemini-3.8-flash", "vertex-gemini", 825_000_000),
        ("global", "claude-opus-5-5", "vertex-anthropic", 4 * BILLION),
        ("eu", "claude-opus-5-5", "vertex-anthropic", 4_400_000_000),
        ("eu", "claude-3-haiku@20240307", "vertex-anthropic", 250_000_000),
    ],
)
def test_regional_endpoints_of_vertex_cost_more(location, model, dialect, rate):
    tariff = cloud(dialect, model, location=location)
    assert tariff
    assert at(tariff.now[""], 0).input == at(tariff.dearest[""], 0).input == rate


def test_a_surcharge_is_on_tokens_and_not_on_fees():
    near, far = (cloud("vertex-gemini", "gemini-3.8-flash", location=one) for one in ("global", "eu"))
    assert near
    assert far
    assert at(near.now[""], 0).web_search == at(far.now[""], 0).web_search == 14_000_000 * 1000 * 1000


def test_google_serves_its_priority_to_who_asks_and_it_is_dear():
    tariff = cloud("gemini", "gemini-3.8-flash", "https://generativelanguage.googleapis.com")
    assert tariff
    assert tariff.only_asked
    assert at(tariff.now["priority"], 0).output == at(tariff.now[""], 0).output * 18 // 10
    assert at(tariff.dearest["priority"], 0).output == at(tariff.dearest[""], 0).output * 2


def test_a_published_priority_of_google_stands():
    tariff = cloud("gemini", "gemini-3.8-flash-tts", "https://generativelanguage.googleapis.com")
    assert tariff
    assert at(tariff.now["priority"], 0).output == 16_200_000_000


@pytest.mark.parametrize(
    ("dialect", "model", "writes"),
    [
        ("bedrock", "us.anthropic.claude-opus-5-5", False),
        ("bedrock", "us.openai.gpt-6-sol", True),
        ("bedrock", "amazon.nova-lite-v1:0", True),
        ("bedrock-anthropic", "us.anthropic.claude-opus-5-5", False),
    ],
)
def test_at_bedrock_claude_alone_caches_where_it_is_told_to(dialect, model, writes):
    tariff = cloud(dialect, model, region="us-east-1")
    assert tariff
    assert tariff.writes_unasked is writes
    assert tariff.unpriced == {"priority", "ultrafast"}


def test_a_region_without_published_prices_is_unknown_and_operators_are_told_so():
    provider = Provider("cloud", "bedrock", "http://127.0.0.1:9", region="eu-central-1")
    tariffs = book(provider)
    assert tariffs.find(provider, None, "amazon.nova-lite-v1:0", None, NOW) is None
    told = tariffs.why_unknown(provider, "amazon.nova-lite-v1:0", NOW)
    assert "not in this region" in told
    assert "priced_as: aws" in told
    said = replace(provider, priced_as="aws")
    assert book(said).find(said, None, "amazon.nova-lite-v1:0", None, NOW)


def test_a_price_of_requests_alone_is_flat():
    tariffs = book(VLLM)
    each = tariffs.find(VLLM, Price(Decimal(0), Decimal(0), request=Decimal("0.04")), "m", None, NOW)
    also = tariffs.find(VLLM, Price(Decimal(0), Decimal(1), request=Decimal("0.04")), "m", None, NOW)
    tier = Price(Decimal(0), Decimal(0), service_tiers={"priority": Price(Decimal(1), Decimal(0))})
    assert each
    assert also
    assert each.flat
    assert not also.flat
    assert not tariff_of(tier).flat
    assert cost(each, Usage(input=999, output=999), requests=2) == 80_000_000


@pytest.mark.parametrize(("model", "nanos"), [("gemini-2.5-flash", 35_000_000), ("gemini-3.8-flash", 42_000_000)])
def test_older_models_of_google_cost_one_fee_for_all_searches(model, nanos):
    tariff = cloud("gemini", model, "https://generativelanguage.googleapis.com")
    assert tariff
    assert cost(tariff, Usage(web_searches=3)) == nanos
