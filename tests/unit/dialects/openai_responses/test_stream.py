"""Claims about reading a stream."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects.openai_responses.dialect import OpenAIResponsesProvider
from extproc.domain.answer import (
    CitationAdded,
    Ended,
    Failed,
    Finished,
    Opaque,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.errors import ProviderBadAnswer, ProviderFailed, ProviderRateLimited, ProviderTruncated
from extproc.domain.usage import Usage

RESPONSE = {
    "id": "resp_1",
    "model": "m",
    "created_at": 7,
    "status": "in_progress",
    "service_tier": "auto",
    "output": [],
}
CREATED = ("response.created", {"response": RESPONSE})
STARTED = Started("resp_1", "m", 7)
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""}


def sse(*events):
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps({"type": kind, "sequence_number": n, **fields}))
        for n, (kind, fields) in enumerate(events)
    )


def read(data, *, size=None):
    reader = OpenAIResponsesProvider().stream_reader()
    pieces = [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]
    frames = [frame for piece in pieces for frame in reader.feed(piece)] + reader.finish()
    assert data.startswith(b"".join(frame.raw for frame in frames))
    return [event for frame in frames for event in frame.events]


def events(*given_, end="completed", **over):
    """What these events mean, between a beginning and an end."""
    last = (f"response.{end}", {"response": {**RESPONSE, "status": end, "service_tier": None, **over}})
    first, *others, finished, ended = read(sse(CREATED, *given_, last))
    assert (first, ended) == (STARTED, Ended())
    assert isinstance(finished, Finished)
    return others, finished.reason


def delta(kind, text, place=0, **fields):
    return (f"response.{kind}.delta", {"output_index": place, "item_id": "i", "delta": text, **fields})


def added(item, place=0):
    return ("response.output_item.added", {"output_index": place, "item": item})


def done(item, place=0):
    return ("response.output_item.done", {"output_index": place, "item": item})


def test_text_and_refusal():
    token = [{"token": "Hi", "logprob": -0.1, "top_logprobs": []}]
    found, reason = events(
        delta("output_text", "Hi", logprobs=token),
        delta("output_text", "", logprobs=[]),
        delta("output_text", " you", logprobs=[]),
        delta("refusal", "No"),
    )
    assert found == [
        TextDelta("Hi", logprobs={"content": token, "refusal": None}),
        TextDelta(" you"),
        RefusalDelta("No"),
    ]
    assert reason == "stop"


def test_reasoning_summaries_are_paragraphs_and_the_seal_comes_with_the_item():
    found, _ = events(
        ("response.reasoning_summary_part.added", {"output_index": 0, "summary_index": 0}),
        delta("reasoning_summary_text", "a", summary_index=0),
        ("response.reasoning_summary_part.added", {"output_index": 0, "summary_index": 1}),
        delta("reasoning_summary_text", "b", summary_index=1),
        done(
            {"type": "reasoning", "id": "rs_1", "summary": [{"text": "a"}, {"text": "b"}], "encrypted_content": "gAAA"}
        ),
        delta("reasoning_text", "open", 1),
        done({"type": "reasoning", "id": "rs_2", "summary": []}, 1),
        done({"type": "reasoning", "id": "rs_3", "summary": [{"text": "unsaid"}], "encrypted_content": "gBBB"}, 2),
    )
    assert found == [
        ThinkingDelta("a"),
        ThinkingDelta("\n\n"),
        ThinkingDelta("b"),
        ThinkingSigned("rs_1.gAAA", origin="openai"),
        ThinkingDelta("open"),
        ThinkingDelta("unsaid"),
        ThinkingSigned("rs_3.gBBB", origin="openai"),
    ]


def test_calls_are_told_apart_by_their_place():
    found, reason = events(
        added(CALL),
        added({**CALL, "call_id": "d", "name": "g"}, 1),
        delta("function_call_arguments", '{"a":', 0),
        delta("function_call_arguments", "{}", 1),
        delta("function_call_arguments", "1}", 0),
        delta("function_call_arguments", "", 0),
        ("response.function_call_arguments.done", {"output_index": 0, "arguments": '{"a":1}'}),
        done({**CALL, "arguments": '{"a":1}'}),
    )
    assert found == [
        ToolCallStarted(0, "c", "f"),
        ToolCallStarted(1, "d", "g"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(1, "{}"),
        ToolCallDelta(0, "1}"),
    ]
    assert reason == "tool_calls"


def test_custom_tools_are_calls_too():
    call = {"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": ""}
    found, reason = events(
        added(call), delta("custom_tool_call_input", "select 1"), done({**call, "input": "select 1"})
    )
    assert found == [ToolCallStarted(0, "c", "sql"), ToolCallDelta(0, "select 1")]
    assert reason == "tool_calls"


def test_what_no_delta_said_is_taken_from_the_item():
    message = {
        "type": "message",
        "content": [{"type": "output_text", "text": "Hi"}, {"type": "refusal", "refusal": "No"}, 7],
    }
    found, _ = events(done(message), done(message), done({**CALL, "arguments": "{}"}, 1))
    assert found == [TextDelta("Hi"), RefusalDelta("No"), ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{}")]


def test_what_no_item_said_is_taken_from_the_response():
    message = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    found, reason = events(delta("output_text", "Hi"), output=[message, {**CALL, "arguments": "{}"}, 7])
    assert found == [TextDelta("Hi"), ToolCallStarted(0, "c", "f"), ToolCallDelta(0, "{}")]
    assert reason == "tool_calls"


def test_annotations_and_tools_that_the_vendor_runs():
    page = {"type": "url_citation", "url": "https://x", "title": "X"}
    found, _ = events(
        ("response.web_search_call.searching", {"output_index": 0}),
        done({"type": "web_search_call", "id": "ws", "status": "completed"}),
        delta("code_interpreter_call_code", "print()"),
        ("response.output_text.annotation.added", {"annotation": page}),
        ("response.output_text.annotation.added", {"annotation": {"type": "file_path"}}),
        ("keepalive", {}),
    )
    assert found[0] == Opaque(7)
    assert [type(event) for event in found[1:]] == [CitationAdded]
    assert found[1].citation["url"] == "https://x"


def test_the_end_tells_usage_and_the_tier_that_served():
    last = {**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    last |= {"usage": {"input_tokens": 3, "output_tokens": 2}, "service_tier": "flex"}
    assert read(sse(CREATED, ("response.incomplete", {"response": last}))) == [
        STARTED,
        Finished("length"),
        UsageSeen(Usage(input=3, output=2), "flex"),
        Started("resp_1", "m", 7, "flex"),
        Ended(),
    ]


def test_nothing_counts_behind_the_end():
    whole = sse(CREATED, ("response.completed", {"response": {**RESPONSE, "status": "completed"}}))
    assert read(whole + b"data: [DONE]\n\n" + sse(CREATED)) == read(whole)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (("error", {"code": "server_error", "message": "oh", "param": None}), ProviderFailed),
        (("error", {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "oh"}}), ProviderRateLimited),
        (
            ("response.failed", {"response": {"status": "failed", "error": {"code": "server_error", "message": "oh"}}}),
            ProviderFailed,
        ),
        (("response.completed", {"response": {"status": "cancelled"}}), ProviderFailed),
        (("response.created", {}), None),
        (("response.completed", {}), ProviderBadAnswer),
        (("response.output_text.delta", {"delta": 7}), ProviderBadAnswer),
        (("response.output_item.added", {"item": {"type": "function_call"}}), ProviderBadAnswer),
        (("response.output_item.done", {"item": []}), ProviderBadAnswer),
    ],
)
def test_what_breaks_a_stream(event, kind):
    failed = read(sse(CREATED, event))[-1]
    assert isinstance(failed, Failed)
    assert type(failed.error) is (kind or ProviderTruncated)


def test_a_failed_response_may_have_cost_something():
    failed = {"status": "failed", "error": None, "usage": {"input_tokens": 3, "output_tokens": 1}}
    found = read(sse(CREATED, ("response.failed", {"response": failed})))
    assert found[1] == UsageSeen(Usage(input=3, output=1))
    assert isinstance(found[2], Failed)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (sse(CREATED), ProviderTruncated),
        (sse(CREATED, delta("output_text", "Hi")) + b"data: [DONE]\n\n", ProviderTruncated),
        (sse(CREATED) + b"data: {\n\n", ProviderBadAnswer),
        (b'data: {"id":"chatcmpl-1","choices":[]}\n\n', ProviderBadAnswer),
        (b"<html>", ProviderBadAnswer),
        (b'{"error":{"code":"rate_limit_exceeded","message":"oh"}}', ProviderRateLimited),
        (b"", ProviderTruncated),
    ],
)
def test_what_is_no_whole_stream(data, kind):
    failed = read(data)[-1]
    assert isinstance(failed, Failed)
    assert type(failed.error) is kind


def test_too_many_items_are_no_answer():
    many = (delta("output_text", "x", place) for place in range(5000))
    assert isinstance(read(sse(CREATED, *many))[-1], Failed)


def test_too_many_calls_are_no_answer():
    many = (added(CALL, place) for place in range(5000))
    assert isinstance(read(sse(CREATED, *many))[-1], Failed)


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_any_split_means_the_same(size):
    data = sse(
        CREATED,
        added(CALL),
        delta("function_call_arguments", '{"a":"é"}'),
        delta("output_text", "Hi", 1, logprobs=[]),
        ("response.completed", {"response": {**RESPONSE, "status": "completed"}}),
    )
    assert read(data, size=size) == read(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "id", "call_id", "name", "arguments", "summary", "content", "text", "output", "usage"]
            ),
            inner | st.sampled_from(["message", "function_call", "reasoning"]),
            max_size=5,
        )
    ),
    max_leaves=10,
)
KINDS = st.sampled_from(
    [
        "response.created",
        "response.completed",
        "response.failed",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "response.reasoning_summary_part.added",
        "response.output_text.annotation.added",
        "error",
    ]
)
FIELDS = st.sampled_from(
    ["response", "item", "delta", "output_index", "summary_index", "annotation", "logprobs", "error"]
)


@settings(max_examples=50)
@given(st.lists(st.tuples(KINDS, st.dictionaries(FIELDS, VALUES, max_size=4)), max_size=6))
def test_any_json_ends_or_fails_and_never_raises(stream):
    found = read(sse(*stream))
    assert isinstance(found[-1], Ended | Failed)
