"""What one decoded event means; the usual ones are in ``test_stream``, here are those of compatible servers."""

import pytest

from extproc.dialects.anthropic.stream_events import EventReader, MalformedEventError
from extproc.domain.answer import (
    Finished,
    Opaque,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.usage import Usage


def block(index, **fields):
    return {"type": "content_block_start", "index": index, "content_block": fields}


def read(*data):
    reader = EventReader()
    return [event for item in data for event in reader.read(item)]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        ([block(0, type="text", text="first piece")], [TextDelta("first piece")]),
        ([block(0, type="thinking", thinking="first piece")], [ThinkingDelta("first piece")]),
        ([block(0, type="tool_use", id="a", name="f", input={"x": 1}), {"type": "content_block_stop", "index": 0}],
         [ToolCallStarted(0, "a", "f"), ToolCallDelta(0, '{"x":1}')]),
        ([block(0, type="tool_use", id="a", name="f", input={"x": 1}),
          {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
          {"type": "content_block_stop", "index": 0}],
         [ToolCallStarted(0, "a", "f"), ToolCallDelta(0, "{}")]),
        ([block(0, type="tool_use", id="a", name="f"), {"type": "content_block_stop", "index": 0}],
         [ToolCallStarted(0, "a", "f"), ToolCallDelta(0, "{}")]),
        ([{"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta", "partial_json": "x"}}],
         [Opaque(1)]),
        ([{"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta", "partial_json": ""}}], []),
        ([block(0, type="server_tool_use", id="srv_1", name="web_search", input={})], [Opaque(15)]),
        ([block(1, type="web_search_tool_result", tool_use_id="srv_1", content=[{"type": "web_search_result"}])],
         [Opaque(5)]),
        ([block(0, type="compaction", content=None),
          {"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", "content": "in short"}}],
         [Opaque(8)]),
        ([{"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": ""}}], []),
        ([{"type": "message_start", "message": {"id": "msg_1", "model": "m"}}], [Started("msg_1", "m")]),
        ([{"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 2}}],
         [UsageSeen(Usage(output=2))]),
        ([{"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": 3}}], [Finished("stop")]),
    ],
)  # fmt: skip
def test_events(data, events):
    assert read(*data) == events


def test_usage_is_a_running_total():
    start = {
        "type": "message_start",
        "message": {"id": "i", "model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}},
    }
    delta = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 5}}
    assert read(start, delta)[-1] == UsageSeen(Usage(input=9, output=5))


def test_a_prompt_that_is_split_at_the_end_only_is_counted_once():
    start = {"type": "message_start", "message": {"id": "i", "model": "m", "usage": {"input_tokens": 8834}}}
    split = {"input_tokens": 18, "cache_read_input_tokens": 8831, "output_tokens": 426}
    delta = {"type": "message_delta", "delta": {}, "usage": split}
    assert read(start, delta)[-1] == UsageSeen(Usage(input=18, cache_read=8831, output=426))


def test_the_tokens_of_a_summary_are_added_once_however_often_they_are_told():
    start = {"type": "message_start", "message": {"id": "i", "model": "m", "usage": {"input_tokens": 23}}}
    iterations = [{"type": "compaction", "input_tokens": 180, "output_tokens": 35}]
    told = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, "iterations": iterations}}
    last = {"type": "message_delta", "delta": {}, "usage": {"input_tokens": 24, "output_tokens": 10}}
    assert read(start, told, told)[-1] == UsageSeen(Usage(input=203, output=44))
    assert read(start, told, last)[-1] == UsageSeen(Usage(input=204, output=45))


def test_an_event_without_a_type_is_malformed():
    with pytest.raises(MalformedEventError):
        EventReader().read({})
