"""What is in a request besides text."""

import pytest

from extproc.accounting.images import WORST_IMAGE
from extproc.accounting.prompt import walk_messages as walk
from extproc.accounting.tally import Tally, image_bound
from extproc.domain.errors import UnboundedCost

DATA = "QUJD" * 250
URL = f"data:image/png;base64,{DATA}"


def of(*parts, role: str = "user") -> dict:
    return {"messages": [{"role": role, "content": list(parts)}]}


@pytest.mark.parametrize(
    ("body", "payload", "images", "window"),
    [
        ({}, 0, 0, None),
        ({"messages": None}, 0, 0, None),
        ({"messages": ["?", {"role": "user", "content": "hi"}, {"role": "user"}]}, 0, 0, None),
        (of("?", {"type": "text", "text": "hi"}, {"type": "refusal", "refusal": "no"}), 0, 0, None),
        (of({"type": "image_url", "image_url": {"url": URL, "detail": "low"}}), len(URL), 1, None),
        (of({"type": "image_url", "image_url": URL}), len(URL), 1, None),
        (of({"type": "image_url", "image_url": {"url": "https://x/y.png"}}), 0, 1, None),
        (of({"type": "image_url"}), 0, 1, None),
        (
            of({"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}),
            1000,
            0,
            "messages[0].content[0]",
        ),
        (of({"type": "file", "file": {"file_data": DATA}}), 1000, 0, "messages[0].content[0]"),
        (of({"type": "file", "file": {"file_id": "f"}}), 0, 0, "messages[0].content[0]"),
        (of({"type": "video_url", "video_url": {"url": "https://x"}}), 0, 0, "messages[0].content[0]"),
        (of({"type": 7}), 0, 0, "messages[0].content[0]"),
        (of({"type": "image", "source": {"type": "base64", "data": DATA}}), 1000, 1, None),
        (of({"type": "image", "source": {"type": "url", "url": "https://x"}}), 0, 1, None),
        (of({"type": "document", "source": {"type": "base64", "data": DATA}}), 1000, 0, "messages[0].content[0]"),
        (of({"type": "document", "source": {"type": "url", "url": "https://x"}}), 0, 0, "messages[0].content[0]"),
        (of({"type": "document"}), 0, 0, "messages[0].content[0]"),
        (of({"type": "document", "source": {"type": "text", "data": "plain"}}), 0, 0, None),
        (of({"type": "document", "source": {"type": "content", "content": "plain"}}), 0, 0, None),
        (
            of(
                {
                    "type": "document",
                    "source": {"type": "content", "content": [{"type": "image", "source": {"data": DATA}}]},
                }
            ),
            1000,
            1,
            None,
        ),
        (of({"type": "tool_result", "content": "plain"}), 0, 0, None),
        (of({"type": "tool_result", "content": [{"type": "image", "source": {"data": DATA}}]}), 1000, 1, None),
        (
            of({"type": "tool_result", "content": [{"type": "tool_reference", "tool_name": "t"}]}),
            0,
            0,
            "messages[0].content[0].content[0]",
        ),
        (of({"type": "web_fetch_tool_result", "content": {}}), 0, 0, "messages[0].content[0]"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, 0, 0, "messages[0].audio"),
        ({"system": [{"type": "text", "text": "hi"}]}, 0, 0, None),
        ({"system": [{"type": "image", "source": {"data": DATA}}]}, 1000, 1, None),
    ],
)
def test_media(body, payload, images, window):
    tally = walk(body)
    assert (tally.payload, tally.images, tally.whole_window) == (payload, images, window)
    assert image_bound(tally) == images * WORST_IMAGE


MARK = {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("body", "cached", "long"),
    [
        (of({"type": "text", "text": "hi"}), False, False),
        (of({"type": "text", "text": "hi", "cache_control": None}), False, False),
        (of({"type": "text", "text": "hi", "cache_control": MARK}), True, False),
        (of({"type": "text", "text": "hi", "cache_control": {**MARK, "ttl": "1h"}}), True, True),
        (of({"type": "text", "text": "hi", "prompt_cache_breakpoint": {"mode": "explicit"}}), True, False),
        (of({"type": "text", "text": "hi", "prompt_cache_breakpoint": {"ttl": "30m"}}), True, True),
        (of({"type": "tool_result", "content": [{"type": "text", "text": "", "cache_control": MARK}]}), True, False),
        ({"messages": [{"role": "user", "content": "hi", "cache_control": MARK}]}, True, False),
        ({"system": [{"type": "text", "text": "hi", "cache_control": MARK}]}, True, False),
        ({"tools": [{"name": "t", "cache_control": MARK}]}, True, False),
        ({"tools": [{"type": "function", "function": {"name": "t", "cache_control": MARK}}]}, True, False),
        ({"cache_control": {**MARK, "ttl": "1h"}}, True, True),
        ({"prompt_cache_options": {"mode": "implicit"}}, True, False),
        ({"prompt_cache_options": "?"}, True, False),
    ],
)
def test_cache_marks(body, cached, long):
    tally = walk(body)
    assert (tally.cached, tally.cached_1h) == (cached, long)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt_cache_options": {"ttl": "12h"}}, "prompt_cache_options.ttl"),
        (
            of({"type": "text", "prompt_cache_breakpoint": {"ttl": "12h"}}),
            "messages[0].content[0].prompt_cache_breakpoint.ttl",
        ),
    ],
)
def test_a_cache_without_a_published_price_is_refused(body, param):
    with pytest.raises(UnboundedCost) as refused:
        walk(body)
    assert refused.value.param == param


def test_tools_and_messages_are_framed():
    tools = [{"type": "function"}, {"type": "bash_20250124"}, "?"]
    tally = walk({"messages": [{"role": "user", "content": "hi"}] * 3, "tools": tools, "functions": [{"name": "f"}]})
    assert tally.framing == 3 * 8 + 64 + 1_024 + 64 + 64


def test_server_tools_fill_the_window_with_each_use():
    tools = [{"type": "web_search_20250305", "max_uses": 3}, {"type": "web_fetch_20250910", "max_uses": 2}]
    tally = walk({"tools": tools})
    assert (tally.uses, tally.searches, tally.whole_window) == (5, 3, "tools[0]")


def test_the_first_field_without_a_bound_is_named():
    tally = Tally()
    tally.unbounded("a")
    tally.unbounded("b")
    assert tally.whole_window == "a"
