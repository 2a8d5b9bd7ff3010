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


def test_tier():
    assert [parse_tier(value) for value in ({"type": "flex"}, {}, None, {"type": 1})] == ["flex", None, None, None]
