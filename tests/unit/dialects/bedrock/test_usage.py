"""Usage and service tier."""

import pytest

from extproc.dialects.bedrock.usage import parse_tier, parse_usage
from extproc.domain.usage import Usage


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        ({"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}, Usage(input=3, output=4)),
        ({"cacheReadInputTokens": 9, "cacheWriteInputTokens": 5}, Usage(cache_read=9, cache_write_5m=5)),
        (
            {
                "cacheWriteInputTokens": 7,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 4}, {"ttl": "5m", "inputTokens": 3}],
            },
            Usage(cache_write_5m=3, cache_write_1h=4),
        ),
        (
            {"cacheWriteInputTokens": 7, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}]},
            Usage(cache_write_5m=3, cache_write_1h=4),
        ),
        ({"cacheDetails": [{"ttl": "5m", "inputTokens": 3}]}, Usage(cache_write_5m=3)),
        ({"inputTokens": "3", "outputTokens": True, "cacheDetails": [None, {"ttl": "1h"}]}, Usage()),
        ({"inputTokens": -1, "cacheDetails": {}}, Usage()),
        (None, Usage()),
        ([], Usage()),
    ],
)
def test_counts(value, usage):
    assert parse_usage(value) == usage


GROSS = {"inputTokens": 4995, "cacheWriteInputTokens": 4993, "outputTokens": 19, "totalTokens": 10007}


def test_what_was_cached_is_taken_out_where_it_is_counted_within_the_input():
    assert parse_usage(GROSS, gross=True) == Usage(input=2, cache_write_5m=4993, output=19)
    assert parse_usage(GROSS).prompt == 9988
    read = {"inputTokens": 12401, "cacheReadInputTokens": 8367, "cacheWriteInputTokens": 4032}
    assert parse_usage(read, gross=True) == Usage(input=2, cache_read=8367, cache_write_5m=4032)


def test_an_input_smaller_than_what_was_cached_does_not_hold_it():
    assert parse_usage(GROSS | {"inputTokens": 2}, gross=True) == Usage(input=2, cache_write_5m=4993, output=19)


def test_tier():
    assert [parse_tier(value) for value in ({"type": "flex"}, {}, None, {"type": 1})] == ["flex", None, None, None]
