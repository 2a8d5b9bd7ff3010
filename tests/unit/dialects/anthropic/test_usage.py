"""Usage JSON and ``Usage``: the parts are disjoint, and nothing is counted twice over a stream."""

import pytest
from anthropic.types import MessageDeltaUsage
from anthropic.types import Usage as SdkUsage

from extproc.dialects.anthropic.usage import parse_tier, parse_usage, render_delta_usage, render_usage
from extproc.domain.usage import Usage

FULL = {
    "input_tokens": 7,
    "cache_creation_input_tokens": 120,
    "cache_read_input_tokens": 2048,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 100},
    "output_tokens": 15,
    "output_tokens_details": {"thinking_tokens": 5},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "service_tier": "standard",
}
NEUTRAL = Usage(input=7, cache_read=2048, cache_write_5m=20, cache_write_1h=100, output=15, reasoning=5, web_searches=2)


def test_every_count_is_read():
    assert parse_usage(FULL) == NEUTRAL
    assert parse_tier(FULL) == "default"


def test_what_is_rendered_is_read_back_and_is_the_sdks_usage():
    rendered = render_usage(NEUTRAL, "default")
    assert parse_usage(rendered) == NEUTRAL
    assert SdkUsage.model_validate(rendered).service_tier == "standard"
    assert MessageDeltaUsage.model_validate(render_delta_usage(NEUTRAL)).output_tokens == 15


def test_a_delta_without_the_split_does_not_count_cache_writes_twice():
    delta = {"cache_creation_input_tokens": 120, "output_tokens": 15}
    assert NEUTRAL.merged(parse_usage(delta, NEUTRAL)) == NEUTRAL


@pytest.mark.parametrize(
    ("known", "total", "split"),
    [
        (Usage(), 50, (50, 0)),
        (Usage(cache_write_1h=30), 50, (0, 50)),
        (Usage(cache_write_5m=10, cache_write_1h=30), 50, (20, 30)),
        (Usage(cache_write_5m=60), 50, (60, 0)),
    ],
)
def test_new_cache_writes_without_a_split_have_the_lifetime_seen_so_far(known, total, split):
    usage = parse_usage({"cache_creation_input_tokens": total}, known)
    assert (usage.cache_write_5m, usage.cache_write_1h) == split


@pytest.mark.parametrize(
    "value",
    [None, [], "x", 3, {}, {"input_tokens": None}, {"input_tokens": "7"}, {"input_tokens": True}, {"input_tokens": -1},
     {"cache_creation": 3, "server_tool_use": [], "output_tokens_details": "x"}],
)  # fmt: skip
def test_what_is_no_count_is_zero(value):
    assert parse_usage(value) == Usage()


@pytest.mark.parametrize("tier", ["priority", "batch"])
def test_a_tier_survives_the_way_there_and_back(tier):
    assert parse_tier(render_usage(Usage(), parse_tier({"service_tier": tier}))) == tier


@pytest.mark.parametrize("tier", [None, "flex", "scale"])
def test_a_tier_that_the_vendor_has_not_is_left_out(tier):
    assert "service_tier" not in render_usage(Usage(), tier)
