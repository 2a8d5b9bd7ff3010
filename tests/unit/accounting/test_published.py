"""genai-prices' own arithmetic is the judge of ours; and whose prices hold for whom."""

from dataclasses import astuple, replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot

from extproc.accounting.cost import cost
from extproc.accounting.published import Published, find, tier_of, unpriceable, vendor_of
from extproc.accounting.rates import at
from extproc.accounting.tariffs import Tariff
from extproc.domain.usage import Usage


def ns(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000_000


NOW = ns(2026, 11, 21, 12)

PLAIN = Usage(input=1_234, output=567)
CACHED = Usage(input=1_001, cache_read=20_007, output=333, reasoning=100)
WRITTEN = Usage(input=11, cache_read=3_333, cache_write_5m=4_444, cache_write_1h=5_555, output=777)
LONG = Usage(input=150_000, cache_read=150_001, output=4_001)
HEARD = Usage(input=2_000, output=900, audio_input=1_500, audio_output=450)
SEARCHED = replace(CACHED, web_searches=3)

CASES = [
    ("openai", "gpt-4o", CACHED, None),
    ("openai", "gpt-4o-mini", PLAIN, None),
    ("openai", "gpt-4.1", SEARCHED, None),
    ("openai", "o3", CACHED, "flex"),
    ("openai", "gpt-5-mini", CACHED, "priority"),
    ("openai", "gpt-audio", HEARD, None),
    ("openai", "gpt-6.1-sol", LONG, None),
    ("openai", "gpt-6.1-sol", replace(CACHED, cache_write_5m=901), "fast"),
    ("anthropic", "claude-sonnet-4-6", WRITTEN, None),
    ("anthropic", "claude-haiku-4-5", WRITTEN, "batch"),
    ("anthropic", "claude-haiku-5-5", replace(WRITTEN, input=100_001), None),
    ("anthropic", "claude-haiku-5-5", replace(WRITTEN, input=80_000), None),
    ("anthropic", "claude-opus-5-5", SEARCHED, "fast"),
    ("google", "gemini-2.5-pro", LONG, None),
    ("google", "gemini-2.5-flash", replace(HEARD, audio_output=0), None),
    ("deepseek", "deepseek-chat", CACHED, None),
    ("mistral", "mistral-large-latest", PLAIN, None),
    ("groq", "llama-3.3-70b-versatile", PLAIN, None),
    ("x-ai", "grok-4", LONG, None),
    ("perplexity", "sonar-pro", PLAIN, None),
    ("cohere", "command-a", PLAIN, None),
    ("openrouter", "openai/gpt-4o", CACHED, None),
    ("azure", "gpt-4o", CACHED, None),
    ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0", WRITTEN, None),
    ("aws", "us.openai.gpt-6-sol", replace(LONG, cache_write_5m=901), None),
    ("aws", "amazon.nova-pro-v1:0", CACHED, None),
    ("google", "claude-sonnet-4-5@20250929", replace(WRITTEN, input=200_001), None),
    ("google", "gemini-3.1-pro-preview", replace(LONG, web_searches=2), None),
    ("google", "gemini-4-argon", CACHED, None),
    ("openrouter", "mistralai/mistral-large-4-0", CACHED, None),
]

CONTEXTS = {None: None, "batch": {"processing": "batch"}}


def context_of(vendor: str, tier: str | None) -> dict[str, str] | None:
    if (vendor, tier) == ("anthropic", "fast"):
        return {"speed": "fast"}
    return CONTEXTS.get(tier, {"service_tier": tier})


def theirs(usage: Usage) -> TheirUsage:
    """Their parts include each other."""
    return TheirUsage(
        input_tokens=usage.prompt,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        cache_write_5m_tokens=usage.cache_write_5m,
        cache_write_1h_tokens=usage.cache_write_1h,
        input_audio_tokens=usage.audio_input,
        cache_audio_read_tokens=0,
        output_tokens=usage.output,
        output_reasoning_tokens=usage.reasoning,
        output_audio_tokens=usage.audio_output,
        web_searches=usage.web_searches,
    )


def tariff(vendor: str, model: str, now: int = NOW) -> Tariff:
    found = find(vendor, model, now)
    assert isinstance(found, Published), found
    return Tariff(found.source, found.now, found.now)


@pytest.mark.parametrize(("vendor", "model", "usage", "tier"), CASES)
def test_costs_equal_those_of_genai_prices(vendor, model, usage, tier):
    """To the nano-dollar; theirs has more digits, and ours is rounded up once.

    One difference is meant, and not among these cases: where a price of a kind has none for audio within it, we take
    the dearer of the two that could stand in, and they raise.
    """
    price = calc_price(
        theirs(usage),
        model,
        provider_id=vendor,
        genai_request_timestamp=datetime.fromtimestamp(NOW / 1e9, UTC),
        price_context=context_of(vendor, tier),
    )
    expected = int((price.total_price.scaleb(9)).to_integral_value(ROUND_CEILING))
    assert expected > 0
    assert cost(tariff(vendor, model), usage, service_tier=tier) == expected


def test_prices_finer_than_a_nano_dollar_are_rounded_up_in_the_rate():
    """0.08333333333333334 dollars for a million cannot be whole: ours is dearer by less than a nano-dollar a million."""
    usage = Usage(cache_write_5m=3_000_000)
    price = calc_price(
        theirs(usage),
        "google/gemini-2.5-flash-lite",
        provider_id="openrouter",
        genai_request_timestamp=datetime.fromtimestamp(NOW / 1e9, UTC),
    )
    ours = cost(tariff("openrouter", "google/gemini-2.5-flash-lite"), usage)
    assert 0 <= ours - price.total_price.scaleb(9) < 4


ALL = [(v.id, m.id) for v in get_snapshot().providers if v.id in {"openai", "anthropic"} for m in v.models]

NOT_SOLD_BY_TOKENS = {
    **dict.fromkeys(
        [
            "chatgpt-image-latest",
            "gpt-image-1",
            "gpt-image-1-mini",
            "gpt-image-1.5",
            "gpt-image-2",
            "gpt-image-2.5-flare",
            "gpt-image-2.5-sunburst",
            "gpt-realtime",
            "gpt-realtime-2",
            "gpt-realtime-mini",
        ],
        "input_image_mtok",
    ),
    **dict.fromkeys(
        [
            "gpt-live-1",
            "gpt-live-transcribe",
            "gpt-realtime-translate",
            "gpt-realtime-whisper",
            "gpt-transcribe",
            "whisper-1",
        ],
        "audio_hours",
    ),
    **dict.fromkeys(["tts-1", "tts-1-hd"], "input_mchars"),
    **dict.fromkeys(
        ["gpt-4o-search-preview", "gpt-5-search-api", "o3-deep-research", "o4-mini-deep-research"], "searches by itself"
    ),
    "moderation": "no price",
}
"""Models of no use in a chat, or whose usage reports do not hold what is billed, and a word of the reason."""


def test_every_model_of_openai_and_anthropic_has_a_tariff_or_a_reason():
    snapshot = get_snapshot()
    for vendor in snapshot.providers:
        if vendor.id not in {"openai", "anthropic"}:
            continue
        for info in vendor.models:
            reason = unpriceable(info)
            expected = NOT_SOLD_BY_TOKENS.get(info.id)
            assert (reason is None) == (expected is None), (info.id, reason)
            if expected is not None:
                assert expected in (reason or "")
    assert len(ALL) > 130


def test_no_price_variant_is_overlooked():
    """What is not a service tier is known here by name: OpenRouter's routes and Perplexity's kinds of search."""
    overlooked = {
        key
        for vendor in get_snapshot().providers
        for info in vendor.models
        for variant in info.price_variants or ()
        if tier_of(variant.when) is None
        for key in variant.when
    }
    assert overlooked == {"route", "search_type"}


def test_a_variant_of_several_conditions_is_no_tier():
    assert tier_of({"service_tier": "priority", "region": "us"}) is None
    assert tier_of({"service_tier": "priority"}) == "priority"


def test_all_rates_of_priceable_models_are_whole_and_something_costs():
    for vendor, model in ALL:
        found = find(vendor, model, NOW)
        if isinstance(found, str):
            continue
        for steps in found.now.values():
            assert steps[0][0] == -1
            assert [above for above, _ in steps] == sorted({above for above, _ in steps})
            for _, rates in steps:
                assert all(type(one) is int and one >= 0 for one in astuple(rates))
                assert rates.input > 0


@pytest.mark.parametrize(
    ("base_url", "priced_as", "vendor"),
    [
        ("https://api.openai.com/v1", None, "openai"),
        ("https://api.anthropic.com", None, "anthropic"),
        ("https://api.groq.com/openai/v1", None, "groq"),
        ("https://api.mistral.ai/v1", None, "mistral"),
        ("https://openrouter.ai/api/v1", None, "openrouter"),
        ("https://api.deepseek.com/v1", None, "deepseek"),
        ("https://api.together.xyz/v1", None, "together"),
        ("https://api.fireworks.ai/inference/v1", None, "fireworks"),
        ("https://api.x.ai/v1", None, "x-ai"),
        ("https://acme.openai.azure.com", None, "azure"),
        ("https://bedrock-runtime.us-east-1.amazonaws.com", None, "aws"),
        ("https://europe-west1-aiplatform.googleapis.com", None, "google"),
        ("http://vllm.default.svc:8000/v1", "openai", "openai"),
        ("http://vllm.default.svc:8000/v1", None, None),
        ("http://127.0.0.1:9999/v1", None, None),
        ("http://localhost/api.openai.com", None, None),
        ("https://api.openai.com.evil.example/v1", None, None),
        ("https://eu.api.openai.com/v1", None, None),
        ("https://acme--llm.modal.run/v1", None, None),
        ("", None, None),
    ],
)
def test_whose_prices_hold_is_told_from_the_host_or_said(base_url, priced_as, vendor):
    assert vendor_of(base_url, priced_as) == vendor


@pytest.mark.parametrize(
    ("vendor", "model", "word"),
    [("openai", "gpt-99", "does not know"), ("nobody", "gpt-4o", "does not know"), ("openai", "whisper-1", "audio")],
)
def test_without_a_price_there_is_a_reason(vendor, model, word):
    found = find(vendor, model, NOW)
    assert isinstance(found, str)
    assert word in found


def test_borrowed_models_have_no_service_tiers_of_their_owner():
    """genai-prices looks for Azure's models at OpenAI, but not for OpenAI's tiers."""
    borrowed = find("azure", "gpt-6.1-sol", NOW)
    assert isinstance(borrowed, Published)
    assert set(borrowed.now) == {""}


def test_a_price_that_starts_at_a_date_is_cheap_or_dear_from_that_midnight_on():
    before, after = tariff("anthropic", "claude-opus-4-6", ns(2026, 3, 12, 23)), tariff("anthropic", "claude-opus-4-6")
    usage = Usage(input=200_001, output=1)
    assert cost(before, usage) > cost(after, usage)
    found = find("anthropic", "claude-opus-4-6", ns(2026, 3, 12, 23))
    assert isinstance(found, Published)
    assert found.until_ns == ns(2026, 3, 13)
    assert len(found.dearest) == 2


@pytest.mark.parametrize(
    ("hour", "until", "rate"),
    [
        (0, ns(2026, 11, 21, 1), 150_000_000),
        (1, ns(2026, 11, 21, 4), 300_000_000),
        (5, ns(2026, 11, 21, 6), 150_000_000),
        (12, ns(2026, 11, 22, 1), 150_000_000),
    ],
)
def test_prices_by_the_time_of_day_are_known_until_they_change(hour, until, rate):
    found = find("deepseek", "deepseek-flash", ns(2026, 11, 21, hour))
    assert isinstance(found, Published)
    assert found.until_ns == until
    assert at(found.now[""], 0).input == rate
    assert max(at(prices[""], 0).input for prices in found.dearest) == 300_000_000


def test_a_price_that_does_not_change_is_looked_up_again_after_a_day():
    found = find("openai", "gpt-4.1", NOW)
    assert isinstance(found, Published)
    assert found.until_ns == NOW + 24 * 3600 * 1_000_000_000


def test_file_searches_have_a_fee():
    assert cost(tariff("openai", "gpt-4.1"), Usage(file_searches=2)) == 5_000_000


REGIONAL_HAIKU = "regional.anthropic.claude-haiku-4-5-20251001-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("vendor", "model", "info"),
    [
        ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0", REGIONAL_HAIKU),
        ("aws", "anthropic.claude-haiku-4-5-20251001-v1:0", REGIONAL_HAIKU),
        ("aws", f"{ARN}:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0", REGIONAL_HAIKU),
        ("aws", f"{ARN}:inference-profile/us.anthropic.claude-opus-5-5", "regional.anthropic.claude-opus-5-5"),
        ("aws", f"{ARN}:inference-profile/global.anthropic.claude-opus-5-5", "global.anthropic.claude-opus-5-5"),
        ("aws", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("google", "gemini-2.5-flash", "gemini-2.5-flash"),
        ("google", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("google", "publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("google", "projects/p/locations/eu/publishers/anthropic/models/claude-opus-5-5", "claude-opus-5-5"),
        ("google", "google/gemini-2.5-flash", "gemini-2.5-flash"),
    ],
)
def test_the_clouds_spellings_of_a_model(vendor, model, info):
    found = find(vendor, model, NOW)
    assert isinstance(found, Published), found
    assert found.source == f"genai-prices:{vendor}/{info}"


@pytest.mark.parametrize(
    ("vendor", "model"),
    [
        ("aws", f"{ARN}:application-inference-profile/abcdef"),
        ("aws", f"{ARN}:provisioned-model/abcdef"),
        ("aws", f"{ARN}:custom-model/amazon.nova-lite-v1:0:300k/abcdef"),
        ("google", "tunedModels/mine"),
        ("google", "projects/p/locations/l/endpoints/123"),
        ("azure", "my-deployment"),
        ("cohere", "rerank-v3.5"),
    ],
)
def test_what_belongs_to_an_account_has_no_published_price(vendor, model):
    assert isinstance(find(vendor, model, NOW), str)


@pytest.mark.parametrize(
    ("base_url", "dialect", "vendor"),
    [
        ("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "bedrock", "aws"),
        ("http://127.0.0.1:9", "vertex-anthropic", "google"),
        ("https://acme.azure-api.net", "azure-openai", "azure"),
        ("https://api.cohere.com", "cohere", "cohere"),
        ("http://127.0.0.1:9", "anthropic", None),
    ],
)
def test_a_dialect_of_one_vendor_has_its_prices_at_every_host(base_url, dialect, vendor):
    assert vendor_of(base_url, None, dialect) == vendor
    assert vendor_of(base_url, "openai", dialect) == "openai"
