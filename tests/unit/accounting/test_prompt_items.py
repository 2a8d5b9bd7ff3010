"""What is in a request of Responses besides text."""

import pytest

from extproc.accounting.prompt_items import walk_items as walk
from extproc.domain.errors import UnboundedCost

DATA = "QUJD" * 250
URL = f"data:image/png;base64,{DATA}"


def of(*items) -> dict:
    return {"input": list(items)}


def said(*parts) -> dict:
    return of({"role": "user", "content": list(parts)})


IMAGE = {"type": "input_image", "image_url": URL, "detail": "high"}


@pytest.mark.parametrize(
    ("body", "payload", "images", "window"),
    [
        ({}, 0, 0, None),
        ({"input": "hi"}, 0, 0, None),
        (of("?", {"role": "user", "content": "hi"}, {"role": "user", "content": "hi", "type": "message"}), 0, 0, None),
        (said("?", {"type": "input_text", "text": "hi"}, {"type": "output_text", "text": "x"}), 0, 0, None),
        (said({"type": "refusal", "refusal": "no"}), 0, 0, None),
        (said(IMAGE), len(URL), 1, None),
        (said({"type": "input_image", "image_url": "https://x/y.png"}), 0, 1, None),
        (said({"type": "input_image", "file_id": "f"}), 0, 1, None),
        (said({"type": "input_file", "file_data": DATA}), 1000, 0, "input[0].content[0]"),
        (said({"type": "input_file", "file_id": "f"}), 0, 0, "input[0].content[0]"),
        (said({"type": "input_file", "file_url": "https://x"}), 0, 0, "input[0].content[0]"),
        (said({"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}), 1000, 0, "input[0].content[0]"),
        (said({"type": "of-the-future"}), 0, 0, "input[0].content[0]"),
        (said({"type": 7}), 0, 0, "input[0].content[0]"),
        (of({"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"}), 0, 0, None),
        (of({"type": "function_call_output", "call_id": "c", "output": "plain"}), 0, 0, None),
        (of({"type": "function_call_output", "call_id": "c", "output": [IMAGE]}), len(URL), 1, None),
        (of({"type": "custom_tool_call_output", "output": [{"type": "input_file"}]}), 0, 0, "input[0].output[0]"),
        (
            of({"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": URL}}),
            1022,
            1,
            None,
        ),
        (of({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "gAAAA"}), 0, 0, None),
        (of({"type": "image_generation_call", "id": "i", "result": DATA}), 1000, 1, None),
        (of({"type": "image_generation_call", "id": "i", "result": None}), 0, 0, "input[0]"),
        (of({"type": "item_reference", "id": "m"}), 0, 0, "input[0]"),
        (of({"id": "m"}), 0, 0, "input[0]"),
        (of({"type": "web_search_call", "id": "w", "action": {}}), 0, 0, "input[0]"),
        (of({"type": "file_search_call", "id": "w", "queries": []}), 0, 0, "input[0]"),
        (of({"type": "code_interpreter_call", "id": "w"}), 0, 0, "input[0]"),
        (of({"type": "compaction", "encrypted_content": "x"}), 0, 0, "input[0]"),
        (of({"type": ["?"]}), 0, 0, "input[0]"),
        ({"input": "hi", "previous_response_id": "r"}, 0, 0, "previous_response_id"),
        ({"input": "hi", "conversation": {"id": "c"}}, 0, 0, "conversation"),
        ({"input": "hi", "conversation": None}, 0, 0, None),
    ],
)
def test_media_and_what_the_vendor_keeps(body, payload, images, window):
    tally = walk(body)
    assert (tally.payload, tally.images, tally.whole_window) == (payload, images, window)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "item_reference", "id": "rs_1"},
        {"id": "rs_1"},
    ],
)
def test_reasoning_by_its_id_is_something_only_where_it_is_kept(item):
    tally = walk(of("?", item, item))
    assert (tally.kept, tally.whole_window) == ("input[1]", None)


def test_every_item_is_framed_and_a_text_is_one():
    assert (walk({"input": "hi"}).messages, walk({"input": "hi"}).framing) == (1, 8)
    assert walk(of({"role": "user", "content": "hi"}, {"type": "function_call"})).messages == 2


@pytest.mark.parametrize(
    ("body", "cached", "long"),
    [
        ({"input": "hi"}, False, False),
        ({"input": "hi", "prompt_cache_options": {"mode": "explicit"}}, True, False),
        (said({"type": "input_text", "text": "hi", "prompt_cache_breakpoint": {"ttl": "30m"}}), True, True),
        (said({"type": "input_text", "text": "hi", "prompt_cache_breakpoint": {}}), True, False),
    ],
)
def test_cache_marks(body, cached, long):
    tally = walk(body)
    assert (tally.cached, tally.cached_1h) == (cached, long)


def test_a_cache_without_a_published_price_is_refused():
    with pytest.raises(UnboundedCost) as refused:
        walk({"prompt_cache_options": {"ttl": "12h"}})
    assert refused.value.param == "prompt_cache_options.ttl"


@pytest.mark.parametrize("kind", ["additional_tools", "tool_search_output"])
def test_tools_that_items_bring_are_tools(kind):
    with pytest.raises(UnboundedCost) as refused:
        walk(of({"type": kind, "tools": [{"type": "function"}, {"type": "web_search"}]}))
    assert refused.value.param == "input[0].tools[1]"
    bounded = {**of({"type": kind, "tools": [{"type": "mcp"}]}), "max_tool_calls": 3}
    assert (walk(bounded).uses, walk(bounded).whole_window) == (4, "input[0].tools[0]")
    assert walk(of({"type": kind, "tools": "?"})).uses == 0
