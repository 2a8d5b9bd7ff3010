"""Claims about usage: parts are disjoint, and nothing is counted twice."""

import pytest

from extproc.dialects.openai_responses.usage import parse_usage, render_usage
from extproc.domain.usage import Usage


def usage(**fields):
    return parse_usage({"usage": {"input_tokens": 100, "output_tokens": 20, **fields}})


def test_cached_tokens_are_taken_out_of_the_input():
    details = {"cached_tokens": 60, "cache_write_tokens": 30}
    assert usage(input_tokens_details=details, output_tokens_details={"reasoning_tokens": 5}) == Usage(
        input=10, cache_read=60, cache_write_5m=30, output=20, reasoning=5
    )


def test_long_lived_cache_writes():
    details = {"cache_write_tokens": 30, "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 10}}
    assert usage(input_tokens_details=details) == Usage(input=70, cache_write_5m=20, cache_write_1h=10, output=20)


def test_a_part_cannot_exceed_the_whole():
    found = usage(
        input_tokens_details={"cached_tokens": 90, "cache_write_tokens": 90},
        output_tokens_details={"reasoning_tokens": 99},
    )
    assert found == Usage(cache_read=90, cache_write_5m=10, output=20, reasoning=20)


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_no_usage(value):
    assert parse_usage({"usage": value}) is None


@pytest.mark.parametrize("value", [None, -3, "x", 1.5, []])
def test_what_is_no_count_counts_nothing(value):
    assert usage(output_tokens=value).output == 0


def test_a_whole_float_is_a_count():
    assert usage(output_tokens=7.0).output == 7


SEARCHES = [
    {"type": "web_search_call", "action": {"type": "search"}},
    {"type": "web_search_call", "action": {"type": "open_page"}},
    {"type": "web_search_call"},
    {"type": "file_search_call"},
    {"type": "message"},
    7,
]


def test_searches_are_counted_where_the_vendor_does_not_say():
    found = parse_usage({"usage": {}, "output": SEARCHES})
    assert (found.web_searches, found.file_searches) == (2, 1)


def test_searches_that_cost_are_the_vendors_to_count():
    found = parse_usage({"usage": {}, "output": SEARCHES, "tool_usage": {"web_search": {"num_requests": 1}}})
    assert (found.web_searches, found.file_searches) == (1, 1)


def test_rendered_usage_parses_to_the_same():
    counted = Usage(input=10, cache_read=60, cache_write_5m=30, output=20, reasoning=5)
    rendered = render_usage(counted)
    assert rendered["total_tokens"] == 120
    assert parse_usage({"usage": rendered}) == counted
