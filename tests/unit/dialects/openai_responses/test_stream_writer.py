"""Claims about written streams. The judge is the SDK's client, and that deltas, items and response say the same."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.dialects.openai_responses import stream_writer
from extproc.dialects.openai_responses.dialect import OpenAIResponsesClient
from extproc.dialects.openai_responses.render_answer import render_answer
from extproc.domain.answer import (
    Answer,
    Choice,
    CitationAdded,
    Ended,
    Failed,
    Finished,
    Opaque,
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
from extproc.domain.conversation import Text, Thinking, ToolCall
from extproc.domain.errors import ProviderBadAnswer, ProviderRateLimited
from extproc.domain.usage import Usage
from tests.judges.openai_responses import read_answer

STARTED = Started("resp_1", "m", 7, "default")
PAGE = {
    "type": "web_search_result_location",
    "url": "https://x",
    "title": "X",
    "cited_text": "c",
    "encrypted_index": "i",
}


def write(*events):
    writer = OpenAIResponsesClient().stream_writer(created=9, include_usage=False)
    return b"".join(writer.write(event) for event in events)


def stream(*events, reason="stop"):
    """The events as the client decodes them, of a whole stream that the judge has read."""
    data = write(STARTED, *events, Finished(reason), UsageSeen(Usage(input=3, output=2)), Ended())
    read_answer(data, ".sse")
    return decoded(data)


def decoded(data):
    return [orjson.loads(event.split(b"\ndata: ", 1)[1]) for event in data.split(b"\n\n") if event]


def kinds(events):
    return [event["type"].removeprefix("response.") for event in events]


def output(events):
    return events[-1]["response"]["output"]


def test_a_text_has_the_whole_sequence_of_events():
    events = stream(TextDelta("Hi"), TextDelta(""), TextDelta(" you"))
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert (events[0]["response"]["status"], events[0]["response"]["usage"]) == ("in_progress", None)
    response = events[-1]["response"]
    assert (response["id"], response["model"], response["created_at"], response["service_tier"]) == (
        "resp_1",
        "m",
        7,
        "default",
    )
    assert (response["status"], response["usage"]["total_tokens"]) == ("completed", 5)


def test_names_of_events_are_their_types():
    for event in write(STARTED, TextDelta("a"), Ended()).split(b"\n\n")[:-1]:
        name, data = event.split(b"\n")
        assert name.removeprefix(b"event: ").decode() == orjson.loads(data.removeprefix(b"data: "))["type"]


def test_refusals():
    events = stream(TextDelta("Well."), RefusalDelta("I can"), RefusalDelta("not."))
    assert kinds(events)[6:11] == [
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.delta",
        "refusal.done",
    ]
    [item] = output(events)
    assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]


def test_reasoning_is_a_summary_and_its_seal():
    events = stream(
        ThinkingDelta("a"), ThinkingDelta("b"), ThinkingSigned("c2ln"), ThinkingRedacted("cmVk"), TextDelta("Hi")
    )
    assert kinds(events)[2:10] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
    ]
    first, second, _ = output(events)
    assert (first["id"], first["encrypted_content"]) == ("rs_1_0", "llmgw.anthropic.c2ln")
    assert (second["id"], second["encrypted_content"]) == ("rs_1_1", "llmgw.anthropic.redacted.cmVk")


def test_openais_own_seal_keeps_its_id_where_that_is_still_possible():
    bare, late = (
        output(stream(*before, ThinkingSigned("rs_9.gAAA", origin="openai"), TextDelta("Hi")))[0]
        for before in ((), (ThinkingDelta("a"),))
    )
    assert (bare["id"], bare["encrypted_content"]) == ("rs_9", "gAAA")
    assert (late["id"], late["encrypted_content"]) == ("rs_1_0", "llmgw.openai.rs_9.gAAA")


def test_reasoning_that_nobody_signs():
    first, second = output(stream(ThinkingDelta("a"), ThinkingDelta(""), TextDelta("Hi")))
    assert first["encrypted_content"] == "llmgw.anthropic."
    assert second["type"] == "message"


def test_calls():
    events = stream(
        TextDelta("I look."),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, "1}"),
        ToolCallStarted(1, "", "g"),
        reason="tool_calls",
    )
    _, first, second = output(events)
    assert (first["call_id"], first["name"], first["arguments"], first["status"]) == ("c", "f", '{"a":1}', "completed")
    assert (second["call_id"], second["arguments"]) == ("call_fc_1_2", "{}")
    order = [(event["type"], event["output_index"]) for event in events if "output_item" in event["type"]]
    assert order.index(("response.output_item.done", 1)) < order.index(("response.output_item.added", 2))


def test_interleaved_calls_stay_open_until_they_are_whole():
    events = stream(
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, '{"a":{}'),
        ToolCallStarted(1, "d", "g"),
        ToolCallDelta(1, "{}"),
        ToolCallDelta(0, "}"),
        ToolCallStarted(0, "again", "x"),
        ToolCallDelta(7, "of nobody"),
        reason="tool_calls",
    )
    assert [(item["call_id"], item["arguments"]) for item in output(events)] == [("c", '{"a":{}}'), ("d", "{}")]


def test_gemini_signs_a_call_by_an_item_before_it():
    first, second = output(stream(ToolCallStarted(0, "c", "f", signature="Z2Vt"), reason="tool_calls"))
    assert first["encrypted_content"] == "llmgw.gemini.redacted.Z2Vt"
    assert second["type"] == "function_call"


def test_citations():
    events = stream(
        TextDelta("So: "),
        TextDelta("rain"),
        CitationAdded(PAGE),
        CitationAdded(PAGE),
        TextDelta("!"),
        CitationAdded(PAGE),
    )
    [item] = output(events)
    assert [(note["start_index"], note["end_index"]) for note in item["content"][0]["annotations"]] == [
        (0, 8),
        (0, 8),
        (8, 9),
    ]
    assert [event["annotation_index"] for event in events if "annotation_index" in event] == [0, 1, 2]
    assert (
        output(stream(CitationAdded(PAGE), TextDelta("a"), CitationAdded({"type": "new"})))[0]["content"][0][
            "annotations"
        ]
        == []
    )


def test_a_citation_of_a_refusal_says_nothing():
    assert output(stream(RefusalDelta("No"), CitationAdded(PAGE)))[0]["content"] == [
        {"type": "refusal", "refusal": "No"}
    ]


def test_log_probabilities():
    token = {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}
    events = stream(TextDelta("Hi", logprobs={"content": [token], "refusal": None}))
    wanted = [{"token": "Hi", "bytes": [72, 105], "logprob": -0.5, "top_logprobs": []}]
    assert [event["logprobs"] for event in events if "logprobs" in event] == [wanted, wanted]
    assert output(events)[0]["content"][0]["logprobs"] == wanted


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("tool_calls", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("refusal", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_how_a_stream_ends(reason, status, details):
    events = stream(ThinkingDelta("Hm"), TextDelta("Hi"), reason=reason)
    assert events[-1]["type"] == f"response.{status}"
    assert events[-1]["response"]["incomplete_details"] == details
    assert output(events)[-1]["status"] == status


def test_a_call_that_was_cut_keeps_what_there_is():
    [item] = output(stream(ToolCallStarted(0, "c", "f"), ToolCallDelta(0, '{"a'), reason="length"))
    assert (item["status"], item["arguments"]) == ("incomplete", '{"a')
    [item] = output(stream(ToolCallStarted(0, "c", "f"), reason="length"))
    assert (item["status"], item["arguments"]) == ("incomplete", "")


def test_only_the_first_choice_is_written():
    assert output(stream(TextDelta("no", 1), Finished("length", 1), TextDelta("yes")))[0]["content"][0]["text"] == "yes"


def test_a_stream_that_nobody_opened_or_finished():
    data = write(TextDelta("Hi"), Started("late", "m"), Opaque(3), Ended())
    read_answer(data, ".sse")
    assert decoded(data)[-1]["response"]["id"] == "resp_9"


def test_the_tier_may_come_late():
    data = write(STARTED, TextDelta("Hi"), UsageSeen(Usage(), "flex"), Ended())
    assert decoded(data)[-1]["response"]["service_tier"] == "flex"
    data = write(STARTED, TextDelta("Hi"), Started("resp_1", "m", 7, "priority"), Ended())
    assert decoded(data)[-1]["response"]["service_tier"] == "priority"


def test_a_failure_is_an_error_and_a_failed_response():
    events = decoded(write(STARTED, TextDelta("Hi"), Failed(ProviderRateLimited("wait")), TextDelta("no"), Ended()))
    error, failed = events[-2:]
    assert (error["type"], error["message"], error["sequence_number"]) == ("error", "wait", len(events) - 2)
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "wait"}


def test_nothing_is_held_without_limit(monkeypatch):
    monkeypatch.setattr(stream_writer, "MAX_HELD_CHARS", 10)
    writer = OpenAIResponsesClient().stream_writer(created=9, include_usage=False)
    writer.write(TextDelta("1234567890"))
    with pytest.raises(ProviderBadAnswer, match="longer than 10"):
        writer.write(TextDelta("1"))
    assert writer.write(Ended()) == b""


CONTENT = st.one_of(
    st.builds(TextDelta, st.text(min_size=1, max_size=4)),
    st.builds(RefusalDelta, st.text(min_size=1, max_size=4)),
    st.builds(ThinkingDelta, st.text(max_size=4)),
    st.builds(ThinkingSigned, st.just("c2ln"), origin=st.sampled_from(["anthropic", "gemini"])),
    st.builds(ThinkingRedacted, st.just("cmVk")),
    st.just(CitationAdded(PAGE)),
    st.builds(ToolCallStarted, st.integers(0, 3), st.just(""), st.just("f"), signature=st.sampled_from([None, "Z2Vt"])),
    st.builds(ToolCallDelta, st.integers(0, 3), st.sampled_from(["{", "}", "{}", '"a":1'])),
)


@settings(max_examples=30)  # the SDK takes its time
@given(st.lists(CONTENT, max_size=12), st.sampled_from(["stop", "length", "tool_calls"]))
def test_any_events_make_a_stream_that_the_sdk_reads(events, reason):
    stream(*events, reason=reason)


def test_a_stream_ends_in_the_response_that_a_whole_answer_is():
    usage = Usage(input=3, output=2)
    parts = (Thinking("Hm", "c2ln"), Text("Hi"), ToolCall("c", "f", "{}"))
    whole = render_answer(Answer("resp_1", "m", (Choice(parts, "tool_calls"),), usage, 7, "default"), created=9)
    events = stream(
        ThinkingDelta("Hm"),
        ThinkingSigned("c2ln"),
        TextDelta("Hi"),
        ToolCallStarted(0, "c", "f"),
        ToolCallDelta(0, "{}"),
        reason="tool_calls",
    )
    assert events[-1]["response"] == whole
