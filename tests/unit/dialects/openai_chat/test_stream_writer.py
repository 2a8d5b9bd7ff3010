"""Claims about writing an OpenAI stream; the official SDK is the judge."""

from pathlib import Path

import orjson
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from extproc.dialects.openai_chat import annotations, stream_writer
from extproc.dialects.openai_chat.stream import OpenAIStreamReader
from extproc.dialects.openai_chat.stream_writer import OpenAIStreamWriter
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
from extproc.domain.errors import ProviderTruncated
from extproc.domain.usage import Usage

GOLDENS = Path(__file__).parents[3] / "goldens" / "streams" / "openai-chat"
START = Started("msg_1", "m")


def write(*events, include_usage=False, created=7):
    writer = OpenAIStreamWriter(created=created, include_usage=include_usage)
    return b"".join(writer.write(event) for event in events)


def chunks(data):
    """The decoded data of each event, judged by the SDK; the end marker as it is."""
    decoded = []
    for event in data.removesuffix(b"\n\n").split(b"\n\n"):
        assert event.startswith(b"data: ")
        value = event.removeprefix(b"data: ")
        decoded.append("[DONE]" if value == b"[DONE]" else orjson.loads(value))
        if isinstance(decoded[-1], dict) and "error" not in decoded[-1]:
            ChatCompletionChunk.model_validate(decoded[-1], strict=True)
    return decoded


def deltas(data):
    return [chunk["choices"][0]["delta"] for chunk in chunks(data) if chunk != "[DONE]" and chunk["choices"]]


def collected(data):
    """What the SDK makes of the stream."""
    state = ChatCompletionStreamState()
    for chunk in chunks(data):
        if chunk != "[DONE]":
            state.handle_chunk(ChatCompletionChunk.model_validate(chunk, strict=True))
    return state.get_final_completion()


OPENING = {"role": "assistant", "content": "", "refusal": None}


def test_a_whole_stream_looks_like_the_real_api():
    events = (START, TextDelta("Hi"), Finished("stop"), UsageSeen(Usage(input=3, output=2)), Ended())
    head = {
        "id": "chatcmpl-msg_1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "m",
        "system_fingerprint": None,
    }

    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return head | {"choices": [choice], "usage": None}

    *said, usage, done = chunks(write(*events, include_usage=True))
    assert said == [chunk(OPENING), chunk({"content": "Hi"}), chunk({}, "stop")]
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 5
    assert done == "[DONE]"


def test_usage_is_told_only_where_it_was_asked_for_and_is_known():
    usage = UsageSeen(Usage(input=3, output=2))
    assert b"usage" not in write(START, TextDelta("Hi"), usage, Finished("stop"), Ended())
    assert b"prompt_tokens" not in write(START, TextDelta("Hi"), Finished("stop"), Ended(), include_usage=True)


def test_usage_is_merged():
    parts = (UsageSeen(Usage(input=3, output=1)), UsageSeen(Usage(output=2)))
    assert chunks(write(START, *parts, Ended(), include_usage=True))[-2]["usage"]["total_tokens"] == 5


DELTAS = {
    "text": (TextDelta("x"), {"content": "x"}),
    "a refusal": (RefusalDelta("x"), {"refusal": "x"}),
    "reasoning": (ThinkingDelta("x"), {"reasoning_content": "x"}),
    "a call": (
        ToolCallStarted(2, "a", "f"),
        {"tool_calls": [{"index": 2, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
    ),
    "arguments": (ToolCallDelta(2, "{"), {"tool_calls": [{"index": 2, "function": {"arguments": "{"}}]}),
    "encrypted reasoning": (
        ThinkingRedacted("d"),
        {"thinking_blocks": [{"index": 0, "type": "redacted_thinking", "data": "d"}]},
    ),
}


@pytest.mark.parametrize(("event", "delta"), DELTAS.values(), ids=DELTAS)
def test_delta(event, delta):
    assert deltas(write(START, event)) == [OPENING, delta]


def test_a_signed_block_comes_whole_behind_its_text():
    events = (ThinkingDelta("a"), ThinkingDelta("b"), ThinkingSigned("s1"), ThinkingDelta("c"), ThinkingSigned("s2"))
    blocks = [delta["thinking_blocks"] for delta in deltas(write(START, *events)) if "thinking_blocks" in delta]
    assert blocks == [
        [{"index": 0, "type": "thinking", "thinking": "ab", "signature": "s1"}],
        [{"index": 1, "type": "thinking", "thinking": "c", "signature": "s2"}],
    ]


def test_a_run_of_reasoning_that_is_too_long_has_no_block(monkeypatch):
    monkeypatch.setattr(stream_writer, "MAX_THINKING_CHARS", 3)
    data = write(
        START, ThinkingDelta("ab"), ThinkingDelta("cd"), ThinkingSigned("s"), ThinkingDelta("e"), ThinkingSigned("t")
    )
    blocks = [delta["thinking_blocks"][0]["thinking"] for delta in deltas(data) if "thinking_blocks" in delta]
    assert blocks == ["e"]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas(data)) == "abcde"


def test_log_probabilities_are_kept():
    logprobs = {"content": [{"token": "x", "logprob": -0.5, "bytes": [120], "top_logprobs": []}], "refusal": None}
    assert chunks(write(START, TextDelta("x", 0, logprobs)))[-1]["choices"][0]["logprobs"] == logprobs


def cited(url, **fields):
    return CitationAdded({"type": "web_search_result_location", "url": url, "title": "T", **fields})


def annotation(start, end, url):
    place = {"start_index": start, "end_index": end, "title": "T", "url": url}
    return {"type": "url_citation", "url_citation": place}


def test_citations_of_web_pages_come_in_one_chunk_before_the_end():
    data = write(
        START,
        TextDelta("Grün ist"),
        cited("https://a"),
        cited("https://b"),
        TextDelta(" das"),
        TextDelta(" Gras."),
        cited("https://c"),
        Finished("stop"),
        Ended(),
    )
    annotations = [annotation(0, 8, "https://a"), annotation(0, 8, "https://b"), annotation(8, 18, "https://c")]
    assert [delta for delta in deltas(data) if "annotations" in delta] == [{"annotations": annotations}]
    assert deltas(data)[-2:] == [{"annotations": annotations}, {}]
    message = collected(data).choices[0].message
    assert [each.model_dump() for each in message.annotations] == annotations


def test_citations_of_documents_have_no_word():
    assert deltas(write(START, TextDelta("x"), CitationAdded({"type": "char_location"}), Finished("stop"))) == [
        OPENING,
        {"content": "x"},
        {},
    ]
    assert write(cited("https://a")) == b""  # of a choice of which nothing has been said


def test_citations_without_end_are_bounded(monkeypatch):
    monkeypatch.setattr(annotations, "MAX_ANNOTATIONS", 1)
    data = write(START, TextDelta("x"), cited("https://a"), cited("https://b"), Finished("stop"))
    assert deltas(data)[-2] == {"annotations": [annotation(0, 1, "https://a")]}


def test_each_choice_is_opened_and_finished_once():
    data = write(
        START,
        TextDelta("a", 1),
        TextDelta("b", 0),
        Finished("stop", 0),
        Finished("stop", 0),
        Finished("length", 1),
        Ended(),
    )
    choices = [chunk["choices"][0] for chunk in chunks(data)[:-1]]
    assert [(choice["index"], choice["delta"], choice["finish_reason"]) for choice in choices] == [
        (0, OPENING, None),
        (1, OPENING, None),
        (1, {"content": "a"}, None),
        (0, {"content": "b"}, None),
        (0, {}, "stop"),
        (1, {}, "length"),
    ]


@pytest.mark.parametrize(
    ("events", "reasons"),
    [
        ((START, TextDelta("a"), Ended()), ["stop"]),
        ((START, ToolCallStarted(0, "a", "f"), Ended()), ["tool_calls"]),
        ((START, Ended()), ["stop"]),
        ((Ended(),), ["stop"]),
        ((START, TextDelta("a", 1), Finished("length", 1), Ended()), ["length", "stop"]),
        ((START, Finished("refusal"), Ended()), ["content_filter"]),
        ((START, Finished("pause"), Ended()), ["length"]),
    ],
)
def test_every_choice_has_a_reason_at_the_end(events, reasons):
    data = chunks(write(*events))
    assert data[-1] == "[DONE]"
    told = [chunk["choices"][0]["finish_reason"] for chunk in data[:-1]]
    assert [reason for reason in told if reason] == reasons


def test_all_chunks_share_their_head():
    started = Started("chatcmpl-9", "m", 5, "standard", "fp")
    data = chunks(write(started, TextDelta("a"), Started("other", "n"), Finished("stop"), Ended()))
    heads = {(c["id"], c["created"], c["model"], c["service_tier"], c["system_fingerprint"]) for c in data[:-1]}
    assert heads == {("chatcmpl-9", 5, "m", "default", "fp")}


def test_a_failure_is_the_last_word():
    error = ProviderTruncated("cut")
    data = write(START, TextDelta("a"), Failed(error), TextDelta("b"), Ended())
    assert chunks(data)[-1]["error"]["code"] == "provider_truncated"
    assert b"[DONE]" not in data
    assert b'"b"' not in data


def test_nothing_follows_the_end():
    assert write(START, Ended(), TextDelta("late"), Failed(ProviderTruncated("x"))) == write(START, Ended())


def test_the_sdk_collects_signed_blocks_calls_and_usage():
    """Its accumulator raises on lists of objects without ``index``."""
    completion = collected(
        write(
            START,
            ThinkingDelta("why"),
            ThinkingSigned("sig"),
            ThinkingRedacted("d"),
            TextDelta("Let me"),
            TextDelta(" see"),
            ToolCallStarted(0, "a", "f"),
            ToolCallDelta(0, '{"x":'),
            ToolCallDelta(0, "1}"),
            ToolCallStarted(1, "b", "g"),
            Finished("tool_calls"),
            UsageSeen(Usage(input=3, output=2)),
            Ended(),
            include_usage=True,
        )
    )
    message = completion.choices[0].message
    assert message.content == "Let me see"
    assert message.model_extra["reasoning_content"] == "why"
    assert [block["type"] for block in message.model_extra["thinking_blocks"]] == ["thinking", "redacted_thinking"]
    assert message.model_extra["thinking_blocks"][0]["signature"] == "sig"
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("a", "f", '{"x":1}'),
        ("b", "g", ""),
    ]
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.usage.total_tokens == 5


WHOLE = ["text", "tools-parallel", "tools-same-index", "thinking-blocks", "refusal", "two-choices-logprobs", "azure"]


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_written_reads_back(name):
    """Reader and writer agree: the events of a stream, written and read again, are the same events."""

    def read(data):
        reader = OpenAIStreamReader()
        return [event for frame in (*reader.feed(data), *reader.finish()) for event in frame.events]

    events = read((GOLDENS / f"{name}.sse").read_bytes())
    again = read(write(*events, include_usage=True))
    assert again == events
