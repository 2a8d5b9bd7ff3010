"""Usage JSON and ``Usage``: the parts are disjoint, and nothing is counted twice over a stream."""

import pytest
from anthropic.types import MessageDeltaUsage
from anthropic.types import Usage as SdkUsage
from anthropic.types.beta import BetaUsage

from extproc.dialects.anthropic.usage import (
    parse_beside,
    parse_tier,
    parse_totals,
    parse_usage,
    render_delta_usage,
    render_usage,
)
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
    assert NEUTRAL.merged(parse_totals(delta, NEUTRAL)) == NEUTRAL


@pytest.mark.parametrize(
    ("delta", "prompt"),
    [
        ({"input_tokens": 18, "cache_read_input_tokens": 8831}, (18, 8831)),
        ({"input_tokens": 9000}, (9000, 100)),
        ({"cache_read_input_tokens": 8834}, (8834, 8834)),
        ({"input_tokens": 0, "cache_read_input_tokens": 8934}, (0, 8934)),
        ({"input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}, (8834, 100)),
        ({"input_tokens": 0}, (8834, 100)),
        ({}, (8834, 100)),
    ],
)
def test_what_a_later_report_says_of_the_prompt_takes_the_place_of_what_was_known(delta, prompt):
    known = Usage(input=8834, cache_read=100)
    merged = known.merged(parse_totals({**delta, "output_tokens": 426}, known))
    assert (merged.input, merged.cache_read, merged.cache_write, merged.output) == (*prompt, 0, 426)


COMPACTED = {
    "input_tokens": 23000,
    "output_tokens": 1000,
    "iterations": [
        {"type": "compaction", "input_tokens": 180000, "output_tokens": 3500, "cache_read_input_tokens": 30,
         "cache_creation_input_tokens": 20, "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 20}},
        {"type": "advisor_message", "model": "claude-opus-4-6", "input_tokens": 823, "output_tokens": 1612,
         "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0},
        {"type": "message", "input_tokens": 23000, "output_tokens": 1000, "cache_read_input_tokens": 0,
         "cache_creation_input_tokens": 0},
    ],
}  # fmt: skip


def test_summaries_and_advisors_are_billed_beside_the_totals():
    assert BetaUsage.model_validate(COMPACTED).iterations
    beside = Usage(input=180823, cache_read=30, cache_write_1h=20, output=5112)
    assert parse_beside(COMPACTED) == beside
    assert parse_usage(COMPACTED) == Usage(input=23000, output=1000).plus(beside)


@pytest.mark.parametrize(
    "iterations", [None, 3, "x", {}, [], [None, 3, "x", {}, {"type": "compaction", "input_tokens": "x"}]]
)
def test_iterations_that_are_none_add_nothing(iterations):
    assert parse_beside({"iterations": iterations}) == Usage()


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
    usage = parse_totals({"cache_creation_input_tokens": total}, known)
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
