"""AnswerEvents → client bytes, judged by the SDK's own stream."""

from itertools import pairwise

import anthropic
import orjson
import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from extproc.dialects.anthropic import stream_writer
from extproc.dialects.anthropic.stream import AnthropicStreamReader
from extproc.dialects.anthropic.stream_writer import AnthropicStreamWriter
from extproc.domain.answer import (
    CitationAdded,
    Ended,
    Failed,
    Finished,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.errors import ProviderBadAnswer, ProviderOverloaded
from extproc.domain.usage import Usage

STARTED = Started("chatcmpl-1", "generate", created=5, service_tier="default")
SDK_EVENT = TypeAdapter(RawMessageStreamEvent)


def write(*events):
    writer = AnthropicStreamWriter()
    return b"".join(writer.write(event) for event in events)


def datas(body: bytes):
    """The decoded events; each has its type as its name, and is an event of the SDK."""
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        decoded = orjson.loads(data.removeprefix("data: "))
        assert name == f"event: {decoded['type']}"
        SDK_EVENT.validate_python(decoded)
        found.append(decoded)
    return found


def outline(body: bytes):
    """What happened to which block: ``start 0 text``, ``delta 0``, ``stop 0``."""
    lines = []
    for data in datas(body):
        kind = data["type"].removeprefix("content_block_")
        if kind == "start":
            lines.append(f"start {data['index']} {data['content_block']['type']}")
        elif kind in {"delta", "stop"}:
            lines.append(f"{kind} {data['index']}")
    return lines


def test_the_whole_of_a_small_stream():
    usage = Usage(input=3, cache_read=4, output=7, reasoning=2)
    body = write(
        STARTED, TextDelta(""), TextDelta("hi"), TextDelta(" you"), Finished("stop"), UsageSeen(usage), Ended()
    )
    zero = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
    assert datas(body) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_chatcmpl-1",
                "type": "message",
                "role": "assistant",
                "model": "generate",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 0,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "cache_creation": zero,
                    "output_tokens": 0,
                    "service_tier": "standard",
                },
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " you"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 3,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 4,
                "output_tokens": 7,
                "output_tokens_details": {"thinking_tokens": 2},
            },
        },
        {"type": "message_stop"},
    ]


def test_the_start_waits_for_the_inputs_usage_but_not_for_content():
    writer = AnthropicStreamWriter()
    assert writer.write(STARTED) == b""
    assert writer.write(UsageSeen(Usage(input=9))) == b""
    start, *_ = datas(writer.write(TextDelta("a")))
    assert start["message"]["usage"]["input_tokens"] == 9


@pytest.mark.parametrize("name", ["text", "thinking_and_tools"])
def test_a_stream_of_this_dialect_means_the_same_to_the_sdk_when_written_again(stream, sdk_stream, name):
    reader = AnthropicStreamReader()
    events = [event for frame in reader.feed(stream(name)) for event in frame.events]

    def told(message):
        message["content"] = [{**block, "caller": None} for block in message["content"]]
        # A message_delta without the input's usage leaves what message_start said; ours repeats it.
        message["usage"].pop("cache_creation", None)
        message["usage"] = {key: value for key, value in message["usage"].items() if value}
        return message

    assert told(sdk_stream(write(*events))) == told(sdk_stream(stream(name)))


def test_thinking_signatures_and_redacted_blocks(sdk_stream):
    body = write(
        STARTED,
        ThinkingDelta("a"),
        ThinkingDelta("b"),
        ThinkingSigned("s1"),
        ThinkingDelta("c"),
        TextDelta("x"),
        ThinkingSigned("s2"),
        ThinkingRedacted("d1"),
        ThinkingRedacted("d2"),
        TextDelta("y"),
        Finished("stop"),
        Ended(),
    )
    assert sdk_stream(body)["content"] == [
        {"type": "thinking", "thinking": "ab", "signature": "s1"},
        {"type": "thinking", "thinking": "c", "signature": ""},
        {"type": "text", "text": "x"},
        {"type": "thinking", "thinking": "", "signature": "s2"},
        {"type": "redacted_thinking", "data": "d1"},
        {"type": "redacted_thinking", "data": "d2"},
        {"type": "text", "text": "y"},
    ]


def test_an_empty_signature_is_no_block():
    assert outline(write(STARTED, ThinkingSigned(""), TextDelta("x"), Ended())) == ["start 0 text", "delta 0", "stop 0"]


def test_citations_belong_to_the_text_before_them(sdk_stream):
    citation = {
        "type": "char_location",
        "cited_text": "x",
        "document_index": 0,
        "start_char_index": 0,
        "end_char_index": 1,
    }
    body = write(STARTED, TextDelta("x"), CitationAdded(citation), Finished("stop"), Ended())
    (block,) = sdk_stream(body)["content"]
    assert block["citations"] == [citation]


CALL_0 = [ToolCallStarted(0, "call_a", "f"), ToolCallDelta(0, '{"x"'), ToolCallDelta(0, ": 1}")]
CALL_1 = [ToolCallStarted(1, "call_b", "g"), ToolCallDelta(1, "{}")]


@pytest.mark.parametrize(
    "events",
    [
        [*CALL_0, *CALL_1],
        [CALL_0[0], CALL_1[0], *CALL_0[1:], CALL_1[1]],
        [*CALL_0[:2], *CALL_1, CALL_0[2]],
        [CALL_0[0], *CALL_1, *CALL_0[1:]],
    ],
    ids=["one after the other", "begun together", "amid", "nested"],
)
def test_parallel_calls_in_any_interleaving(sdk_stream, events):
    body = write(STARTED, *events, Finished("tool_calls"), Ended())
    message = sdk_stream(body)
    assert message["stop_reason"] == "tool_use"
    assert [(block["id"], block["name"], block["input"]) for block in message["content"]] == [
        ("call_a", "f", {"x": 1}),
        ("call_b", "g", {}),
    ]


def test_calls_that_come_in_order_are_streamed_as_they_come():
    writer = AnthropicStreamWriter()
    writer.write(STARTED)
    sizes = [len(writer.write(event)) for event in [*CALL_0, *CALL_1]]
    assert all(sizes)


def test_a_call_that_never_completes_holds_what_is_behind_it_until_the_end(sdk_stream):
    events = [STARTED, ToolCallStarted(0, "a", "f"), ToolCallDelta(0, '{"x": "cut'), *CALL_1, TextDelta("late")]
    writer = AnthropicStreamWriter()
    written = [writer.write(event) for event in events]
    assert not any(written[3:])
    body = b"".join(written) + writer.write(Finished("length")) + writer.write(Ended())
    message = sdk_stream(body)
    assert message["stop_reason"] == "max_tokens"
    assert [block["type"] for block in message["content"]] == ["tool_use", "tool_use", "text"]
    assert b'{\\"x\\": \\"cut' in body


def test_what_is_held_is_bounded(monkeypatch):
    monkeypatch.setattr(stream_writer, "MAX_WAITING_BYTES", 400)
    writer = AnthropicStreamWriter()
    for event in (STARTED, ToolCallStarted(0, "a", "f"), ToolCallStarted(1, "b", "g")):
        writer.write(event)
    writer.write(ToolCallDelta(1, "x" * 100))
    with pytest.raises(ProviderBadAnswer):
        writer.write(ToolCallDelta(1, "x" * 400))
    assert writer.write(Ended()) == b""


def test_repeated_unknown_and_late_pieces_of_calls_are_left_out():
    body = write(
        STARTED,
        *CALL_0,
        CALL_0[0],
        *CALL_1,
        ToolCallDelta(0, " "),
        ToolCallDelta(9, "x"),
        ToolCallDelta(1, ""),
        Ended(),
    )
    assert outline(body) == [
        "start 0 tool_use",
        "delta 0",
        "delta 0",
        "stop 0",
        "start 1 tool_use",
        "delta 1",
        "stop 1",
    ]


def test_a_call_without_an_id_gets_one(sdk_stream):
    (block,) = sdk_stream(write(STARTED, ToolCallStarted(0, "", "f"), Finished("tool_calls"), Ended()))["content"]
    assert block["id"] == "toolu_0"


@pytest.mark.parametrize(
    ("events", "reason", "sequence"),
    [
        ([TextDelta("x"), Finished("stop")], "end_turn", None),
        ([TextDelta("x"), Finished("stop", stop_sequence="END")], "stop_sequence", "END"),
        ([TextDelta("x"), Finished("length")], "max_tokens", None),
        ([*CALL_0, Finished("stop")], "tool_use", None),
        ([RefusalDelta("no"), Finished("stop")], "refusal", None),
        ([TextDelta("x"), Finished("content_filter")], "refusal", None),
        ([Finished("pause")], "pause_turn", None),
        ([], "end_turn", None),
    ],
)
def test_how_a_stream_ends(events, reason, sequence):
    delta = datas(write(STARTED, *events, Ended()))[-2]
    assert delta["delta"] == {"stop_reason": reason, "stop_sequence": sequence}


def test_a_refusal_is_text():
    assert outline(write(STARTED, RefusalDelta("no"), TextDelta("!"), Ended())) == [
        "start 0 text",
        "delta 0",
        "delta 0",
        "stop 0",
    ]


def test_other_choices_are_left_out():
    body = write(
        STARTED, TextDelta("a"), TextDelta("b", choice=1), Finished("length", choice=1), Finished("stop"), Ended()
    )
    assert b'"b"' not in body
    assert datas(body)[-2]["delta"]["stop_reason"] == "end_turn"


def test_an_error_ends_the_stream_in_the_sdk(sdk_stream):
    writer = AnthropicStreamWriter()
    body = b"".join(
        writer.write(event)
        for event in [STARTED, TextDelta("x"), Failed(ProviderOverloaded("busy")), TextDelta("y"), Ended()]
    )
    assert body.endswith(b"\n\n")
    assert b"message_stop" not in body
    assert b'"y"' not in body
    with pytest.raises(anthropic.APIStatusError) as caught:
        sdk_stream(body)
    assert caught.value.error_code == "provider_overloaded"


def test_nothing_comes_behind_the_end():
    writer = AnthropicStreamWriter()
    written = [writer.write(event) for event in [Ended(), TextDelta("x"), Failed(ProviderOverloaded("busy")), Ended()]]
    assert [bool(body) for body in written] == [True, False, False, False]


def test_blocks_are_numbered_in_order_and_never_reopened():
    events = [TextDelta("a"), *CALL_0, ThinkingDelta("t"), TextDelta("b"), *CALL_1, TextDelta("c")]
    lines = outline(write(STARTED, *events, Ended()))
    starts = [int(line.split()[1]) for line in lines if line.startswith("start")]
    assert starts == list(range(len(starts)))
    assert all(line.startswith("start") for before, line in pairwise(lines) if before.startswith("stop"))
