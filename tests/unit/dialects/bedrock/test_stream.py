"""Provider bytes → frames. What the goldens say of splits and of endings is in ``test_goldens.py``."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.bedrock.dialect import BedrockProvider
from extproc.dialects.bedrock.stream import MAX_BODY_BYTES, BedrockStreamReader
from extproc.domain.answer import (
    CitationAdded,
    Ended,
    Failed,
    Finished,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.errors import (
    ProviderBadAnswer,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderTruncated,
)
from extproc.domain.usage import Usage
from tests.judges.eventstream import encode, message

FOLDER = Path(__file__).parents[3] / "goldens" / "responses" / "bedrock"
DONE = 'messageStop {"stopReason":"end_turn"}\nmetadata {"usage":{"inputTokens":1,"outputTokens":2}}\n'
END = [Finished("stop"), UsageSeen(Usage(input=1, output=2)), Ended()]


def read(*chunks: bytes):
    reader = BedrockStreamReader()
    return [frame for chunk in chunks for frame in reader.feed(chunk)] + reader.finish()


def events(*chunks: bytes):
    return [event for frame in read(*chunks) for event in frame.events]


def golden(name: str):
    return events(encode((FOLDER / f"stream_{name}.aws").read_text()))


def failure(*chunks: bytes):
    last = events(*chunks)[-1]
    assert isinstance(last, Failed)
    return last.error


def test_text():
    assert golden("text") == [
        Started("", ""),
        TextDelta("Grüß "),
        TextDelta("Gott 👋\n"),
        Finished("stop"),
        UsageSeen(Usage(input=25, output=12)),
        Ended(),
    ]


def test_parallel_tools():
    assert golden("tools_parallel") == [
        Started("", ""),
        TextDelta("I look it up."),
        ToolCallStarted(0, "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "weather"),
        ToolCallDelta(0, '{"city": "Kö'),
        ToolCallDelta(0, 'ln"}'),
        ToolCallStarted(1, "tooluse_b2", "time"),
        ToolCallDelta(1, '{"zone":"CET"}'),
        Finished("tool_calls"),
        UsageSeen(Usage(input=410, output=96)),
        Ended(),
    ]


def test_a_call_without_arguments_has_an_empty_object():
    assert golden("tool_without_arguments")[1:3] == [ToolCallStarted(0, "tooluse_c3", "now"), ToolCallDelta(0, "{}")]


def test_thinking():
    assert golden("thinking")[1:6] == [
        ThinkingDelta("The user"),
        ThinkingDelta(" wants weather."),
        ThinkingSigned("EqQBCkYIARgC"),
        ThinkingRedacted("EtMFCkgICxABGAIqQGqBMwBi46+SDEEY3Cs0"),
        TextDelta("It rains."),
    ]


def test_citations():
    (citation,) = [event for event in golden("citations") if isinstance(event, CitationAdded)]
    assert citation.citation["type"] == "page_location"
    assert citation.citation["cited_text"] == "It rained all day."


def test_cache_usage_and_tier():
    usage = Usage(input=7, cache_read=2100, cache_write_5m=520, cache_write_1h=2000, output=5)
    assert golden("cache_usage")[-2] == UsageSeen(usage, service_tier="flex")


def test_openais_models_count_the_cached_tokens_within_the_input():
    counted = orjson.dumps({"usage": {"inputTokens": 4995, "cacheWriteInputTokens": 4993, "outputTokens": 19}}).decode()
    data = encode(f'messageStop {{"stopReason":"end_turn"}}\nmetadata {counted}\n')

    def usage_of(model: str) -> Usage:
        frames = BedrockProvider().stream_reader(model).feed(data)
        return next(event.usage for frame in frames for event in frame.events if isinstance(event, UsageSeen))

    assert usage_of("us.openai.gpt-5.6-sol") == Usage(input=2, cache_write_5m=4993, output=19)
    assert usage_of("us.anthropic.claude-opus-4-8") == Usage(input=4995, cache_write_5m=4993, output=19)


def test_stop_sequence():
    assert Finished("stop", stop_sequence="three") in golden("stop_sequence")


def test_a_tool_of_the_vendors_own_is_no_call_for_the_client():
    assert golden("server_tool")[1:2] == [TextDelta("It rains.")]


def test_the_answer_is_complete_without_its_usage_but_not_with_half_of_it():
    data = encode('messageStart {"role":"assistant"}\n' + DONE.splitlines()[0])
    assert events(data)[-2:] == [Finished("stop"), Ended()]
    assert type(failure(data, encode(DONE.splitlines()[1])[:-3])) is ProviderTruncated


@pytest.mark.parametrize("reason", ["malformed_tool_use", "malformed_model_output"])
def test_an_answer_that_the_model_has_broken_fails_when_its_cost_is_known(reason):
    stop = encode('messageStop {"stopReason":"' + reason + '"}')
    usage, failed = events(stop, encode(DONE.splitlines()[1]))
    assert usage == END[1]
    assert (type(failed.error), failed.error.retry_status) == (ProviderFailed, 500)
    assert type(failure(stop)) is ProviderFailed
    assert type(failure(stop + b"\x00")) is ProviderTruncated


def test_usage_before_the_end_counts_too():
    stop, metadata = DONE.splitlines()
    assert events(encode(f"{metadata}\n{stop}")) == [END[1], END[0], END[2]]


def test_frames_have_the_messages_bytes_and_say_which_is_usage_only():
    data = encode(DONE)
    frames = read(data)
    assert b"".join(frame.raw for frame in frames) == data
    assert [frame.usage_only for frame in frames] == [False, True]


def test_nothing_follows_the_end():
    reader = BedrockStreamReader()
    reader.feed(encode(DONE + DONE))
    assert (reader.feed(encode(DONE)), reader.finish()) == ([], [])


@pytest.mark.parametrize(
    ("line", "kind", "status"),
    [
        ('!throttlingException {"message":"slow down"}', ProviderRateLimited, 429),
        ('!serviceUnavailableException {"message":"slow down"}', ProviderOverloaded, 503),
        ('!internalServerException {"message":"slow down"}', ProviderFailed, 500),
        ('!modelStreamErrorException {"message":"slow down"}', ProviderFailed, 500),
        ('!futureException {"Message":"slow down"}', ProviderFailed, 500),
        ("~ThrottlingException slow down", ProviderRateLimited, 429),
    ],
)
def test_exceptions(line, kind, status):
    error = failure(encode('messageStart {"role":"assistant"}\n' + line + "\n" + DONE))
    assert type(error) is kind
    assert (error.message, error.retry_status) == ("slow down", status)


@pytest.mark.parametrize(
    "line",
    [
        "futureEvent {}",
        'contentBlockStart {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}',
        'contentBlockDelta {"contentBlockIndex":0,"delta":{"future":1}}',
        'contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"future":1}}}',
        'contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":""}}}',
        'contentBlockDelta {"contentBlockIndex":0,"delta":{"citation":{}}}',
        'contentBlockDelta {"contentBlockIndex":9,"delta":{"toolUse":{"input":"{}"}}}',
        'contentBlockStop {"contentBlockIndex":0}',
    ],
)
def test_what_is_unknown_has_no_meaning(line):
    assert events(encode(line + "\n" + DONE)) == END


@pytest.mark.parametrize(
    ("line", "lacks"),
    [
        ("contentBlockStart {}", "start"),
        ('contentBlockStart {"start":{"toolUse":{}}}', "contentBlockIndex"),
        ('contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{}}}', "toolUseId"),
        ('contentBlockDelta {"delta":{"toolUse":{"input":""}}}', "contentBlockIndex"),
        ('contentBlockDelta {"contentBlockIndex":0,"delta":{"text":3}}', "text"),
        ("contentBlockStop {}", "contentBlockIndex"),
        ("messageStop {}", "stopReason"),
    ],
)
def test_what_lacks_what_its_type_promises_is_malformed(line, lacks):
    error = failure(encode(line + "\n" + DONE))
    assert type(error) is ProviderBadAnswer
    assert lacks in error.message


def test_an_event_that_is_not_json():
    assert "JSON" in failure(encode("messageStop nonsense")).message
    assert "JSON" in failure(encode("messageStop []")).message


def test_a_message_of_an_unknown_type_is_passed_over():
    assert events(message({":message-type": "future"}, b"x") + encode(DONE)) == END


def test_damaged_framing():
    data = encode(DONE)
    error = failure(data[:-1] + b"\x00")
    assert type(error) is ProviderBadAnswer
    assert "checksum" in error.message


@pytest.mark.parametrize("page", [b"<html>502</html>", b"event: x\n\n", b"\xef\xbb\xbf{}"])
def test_another_kind_of_body_fails_at_once(page):
    reader = BedrockStreamReader()
    assert reader.feed(b"") == []
    (frame,) = reader.feed(page)
    assert type(frame.events[0].error) is ProviderBadAnswer
    assert reader.finish() == []


def test_a_json_body_is_read_when_it_ends():
    reader = BedrockStreamReader()
    assert reader.feed(b'{"message":') == []
    assert reader.feed(b'"The security token is busy"}') == []
    (frame,) = reader.finish()
    assert frame.events[0].error.message == "The security token is busy"
    assert type(failure(b"{}")) is ProviderBadAnswer
    assert type(failure(b"{oops")) is ProviderBadAnswer


def test_a_json_body_has_a_limit():
    reader = BedrockStreamReader()
    assert reader.feed(b"{" + b" " * (MAX_BODY_BYTES - 1)) == []
    assert len(reader.feed(b" ")) == 1


def test_an_empty_body_was_cut():
    assert type(failure()) is ProviderTruncated


JSON = st.recursive(
    st.none() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(
            [
                "delta",
                "start",
                "toolUse",
                "text",
                "input",
                "reasoningContent",
                "contentBlockIndex",
                "usage",
                "stopReason",
            ]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "other"]
)


@given(st.lists(st.tuples(NAMES, JSON), max_size=6), st.integers(1, 40))
def test_any_events_are_read_without_a_crash_and_alike_in_any_split(lines, size):
    data = encode("\n".join(f"{name} {orjson.dumps(value).decode()}" for name, value in lines))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert repr(read(*pieces)) == repr(read(data))
    assert isinstance(events(data)[-1], Ended | Failed)
