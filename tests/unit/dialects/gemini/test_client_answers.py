"""Claims about what Gemini's clients get, whole and as a stream. The judge is Google's SDK."""

import orjson
import pytest
from google.genai import types
from google.genai.errors import ClientError, ServerError

from extproc.dialects.anthropic.dialect import AnthropicClient, AnthropicProvider
from extproc.dialects.gemini import stream_writer
from extproc.dialects.gemini.dialect import GeminiProvider
from extproc.dialects.openai_chat.dialect import OpenAIProvider
from extproc.domain.answer import (
    CitationAdded,
    Ended,
    Failed,
    Finished,
    Opaque,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from extproc.domain.conversation import Refusal, Text, ToolCall
from extproc.domain.errors import ProviderBadAnswer, ProviderOverloaded
from tests.judges.gemini import read_answer
from tests.unit.dialects.gemini.client_plays import CLIENT, GOLDENS, PARTS, events_of, whole, written

PROVIDERS = {"openai": OpenAIProvider(), "anthropic": AnthropicProvider()}
ANSWERS = [
    pytest.param(path, provider, id=f"{name}/{path.name}")
    for name, provider in PROVIDERS.items()
    for path in sorted((GOLDENS / "responses" / name).glob("*"))
    if len(path.suffixes) == 1
]


@pytest.mark.parametrize(("path", "provider"), ANSWERS)
def test_the_sdk_reads_answers_of_other_vendors(path, provider):
    if path.suffix == ".json":
        answer = provider.parse_answer(orjson.loads(path.read_bytes()))
        read = read_answer(orjson.dumps(CLIENT.render_answer(answer, created=1)), ".json")
        assert read.usage_metadata.total_token_count == answer.usage.total
        assert len(read.candidates) == len(answer.choices)
        return
    reader = provider.stream_reader()
    events = [e for f in reader.feed(path.read_bytes()) + reader.finish() for e in f.events]
    if isinstance(events[-1], Failed):
        with pytest.raises((ClientError, ServerError)) as caught:
            read_answer(written(events), ".sse")
        assert caught.value.message == events[-1].error.message
        return
    said = "".join(event.text for event in events if isinstance(event, TextDelta | RefusalDelta) and not event.choice)
    parts = read_answer(written(events), ".sse").candidates[0].content.parts
    assert "".join(part.text for part in parts if part.text and not part.thought) == said


def test_a_whole_answer():
    read = read_answer(whole(*PARTS, finish="tool_calls"), ".json")
    assert (read.response_id, read.model_version) == ("r1", "claude")
    assert read.candidates[0].finish_reason == types.FinishReason.STOP
    assert read.function_calls[0].args == {"city": "Oslo"}
    assert read.function_calls[0].id == "c1"
    usage = read.usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (12, 3)
    assert (usage.candidates_token_count, usage.thoughts_token_count, usage.total_token_count) == (5, 2, 19)


def test_a_streamed_answer_says_the_same():
    read = read_answer(written(events_of(PARTS, "tool_calls")), ".sse")
    assert read.function_calls[0].args == {"city": "Oslo"}
    assert read.usage_metadata.total_token_count == 19
    assert read.candidates[0].finish_reason == types.FinishReason.STOP


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "STOP"),
        ("length", "MAX_TOKENS"),
        ("tool_calls", "STOP"),
        ("content_filter", "SAFETY"),
        ("refusal", "SAFETY"),
        ("pause", "MAX_TOKENS"),
        ("context_window", "MAX_TOKENS"),
        (None, "STOP"),
    ],
)
def test_finish_reasons(finish, reason):
    assert read_answer(whole(Text("x"), finish=finish), ".json").candidates[0].finish_reason.value == reason


def test_refusals_citations_and_log_probabilities():
    cited = Text("x", citations=({"type": "page_location"}, {"url": "https://x/", "title": "X"}, {"url": "https://y/"}))
    token = {
        "token": "x",
        "logprob": -1.5,
        "bytes": [120],
        "top_logprobs": [{"token": "y", "logprob": -2, "bytes": []}],
    }
    read = read_answer(whole(cited, Refusal("No."), logprobs={"content": [token]}), ".json").candidates[0]
    assert [part.text for part in read.content.parts] == ["x", "No."]
    assert [each.uri for each in read.citation_metadata.citations] == ["https://x/", "https://y/"]
    assert read.logprobs_result.chosen_candidates[0].log_probability == -1.5
    assert read.logprobs_result.top_candidates[0].candidates[0].token == "y"
    assert read_answer(whole(Text("x"), logprobs={"content": []}), ".json").candidates[0].logprobs_result is None
    streamed = [
        TextDelta("x", 0, {"content": [token]}),
        CitationAdded({"url": "https://x/"}),
        RefusalDelta("No."),
        Opaque(3),
        TextDelta(""),
        Ended(),
    ]
    again = read_answer(written(streamed), ".sse").candidates[0]
    assert again.logprobs_result.chosen_candidates[0].log_probability == -1.5
    assert again.citation_metadata.citations[0].uri == "https://x/"
    assert [part.text for part in again.content.parts] == ["x", "No.", ""]


def test_arguments_that_a_limit_cut_are_shown():
    calls = (
        ToolCall("c", "f", '{"a": '),
        ToolCall("d", "f", "[1]"),
        ToolCall("e", "f", "null"),
        ToolCall("g", "f", ""),
    )
    read = read_answer(whole(*calls), ".json")
    assert [call.args for call in read.function_calls] == [
        {"INVALID_JSON": '{"a": '},
        {"INVALID_JSON": "[1]"},
        {},
        {},
    ]


def test_interleaved_calls_of_two_choices_come_whole_and_in_order():
    read = read_answer(
        written(
            [
                Started("r", "m"),
                ToolCallStarted(0, "a", "f"),
                ToolCallStarted(1, "", "g"),
                ToolCallDelta(1, '{"y"'),
                ToolCallDelta(0, '{"x":1}'),
                ToolCallDelta(1, ":2}"),
                ToolCallDelta(7, "{}"),
                TextDelta("other", 1),
                Finished("tool_calls"),
                Finished("length", 1),
                Ended(),
            ]
        ),
        ".sse",
    )
    assert [(call.id, call.args) for call in read.function_calls] == [("a", {"x": 1}), ("call_1", {"y": 2})]
    assert [candidate.finish_reason.value for candidate in read.candidates] == ["STOP", "MAX_TOKENS"]


def test_nothing_follows_the_end_or_a_failure():
    for last in (Ended(), Failed(ProviderOverloaded("m"))):
        writer = CLIENT.stream_writer(created=1, include_usage=False)
        assert writer.write(last)
        assert writer.write(TextDelta("x")) == b""


def test_arguments_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(stream_writer, "MAX_WAITING_CHARS", 4)
    writer = CLIENT.stream_writer(created=1, include_usage=False)
    writer.write(ToolCallStarted(0, "a", "f"))
    with pytest.raises(ProviderBadAnswer):
        writer.write(ToolCallDelta(0, "{    }"))
    assert writer.write(TextDelta("x")) == b""


def test_names():
    assert CLIENT.name == GeminiProvider().name == "gemini"
    assert AnthropicClient().name != CLIENT.name
