"""Claims about usage, both ways."""

import pytest
from google.genai.types import GenerateContentResponseUsageMetadata

from extproc.dialects.gemini.usage import parse_tier, parse_usage, render_usage
from extproc.domain.usage import Usage

CASES = [
    Usage(),
    Usage(9, output=5),
    Usage(9, cache_read=90, output=25, reasoning=20),
    Usage(9, cache_read=90, output=25, audio_input=40, audio_output=5),
]


@pytest.mark.parametrize("usage", CASES)
def test_there_and_back(usage):
    rendered = render_usage(usage)
    assert parse_usage(rendered) == usage
    read = GenerateContentResponseUsageMetadata.model_validate(rendered)
    assert read.total_token_count == usage.total


def test_cache_writes_are_prompt_tokens():
    assert render_usage(Usage(1, cache_write_5m=2, cache_write_1h=3))["promptTokenCount"] == 6


@pytest.mark.parametrize("value", [None, [], "x", 3, {"promptTokenCount": "9", "promptTokensDetails": {}}, {"x": 1}])
def test_what_is_no_usage_counts_nothing(value):
    assert parse_usage(value) == Usage()


def test_contradictions_do_not_make_counts_negative():
    odd = {"promptTokenCount": 5, "cachedContentTokenCount": 9, "candidatesTokenCount": -1, "thoughtsTokenCount": True}
    assert parse_usage(odd) == Usage(cache_read=5)


def test_prompts_of_the_servers_tools_are_paid_as_input():
    assert parse_usage({"promptTokenCount": 5, "toolUsePromptTokenCount": 7, "candidatesTokenCount": 1}) == Usage(
        12, output=1
    )


def test_thoughts_within_the_candidates_are_not_counted_twice():
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 30, "thoughtsTokenCount": 20}
    assert parse_usage(counts | {"totalTokenCount": 35}) == Usage(5, output=30, reasoning=20)
    assert parse_usage(counts | {"totalTokenCount": 55}) == Usage(5, output=50, reasoning=20)


@pytest.mark.parametrize(
    ("metadata", "tier"),
    [
        ({"serviceTier": "priority"}, "priority"),
        ({"serviceTier": "STANDARD"}, "default"),
        ({"trafficType": "ON_DEMAND"}, "default"),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_tiers(metadata, tier):
    assert parse_tier(metadata) == tier
