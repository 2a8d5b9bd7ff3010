"""Claims about reading an OpenAI stream. The streams lie in ``tests/goldens/streams/openai-chat``."""

from pathlib import Path

import orjson
import pytest

from extproc.dialects.openai_chat.stream import OpenAIStreamReader
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
    ThinkingRedacted,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.errors import (
    ContextLength,
    ProviderAuth,
    ProviderBadAnswer,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderTruncated,
)
from extproc.domain.usage import Usage

GOLDENS = Path(__file__).parents[3] / "goldens" / "streams" / "openai-chat"
NAMES = sorted(path.stem for path in GOLDENS.glob("*.sse"))


def read(data, size=0):
    reader = OpenAIStreamReader()
    size = size or max(len(data), 1)
    frames = [frame for i in range(0, len(data), size) for frame in reader.feed(data[i : i + size])]
    return frames + reader.finish()


def meaning(frames):
    """The events; a failure as its class and the status that it counts as."""
    events = [event for frame in frames for event in frame.events]
    return [(type(e.error), e.error.retry_status) if isinstance(e, Failed) else e for e in events]


def started(answer_id, model, tier=None, fingerprint=None):
    return Started(answer_id, model, 1764000000, tier, fingerprint)


OPENAI = started("chatcmpl-B9MBs8Cj", "gpt-4o-2024-08-06", "default", "fp_44709d6fcb")
VLLM = started("chatcmpl-7f2", "qwen3")
DEEPSEEK = started("a6c1", "deepseek-reasoner", None, "fp_ds")
TEXT = [OPENAI, TextDelta("Grüße"), TextDelta(", 世界"), TextDelta("!"), Finished("stop")]
USAGE = UsageSeen(Usage(input=93, cache_read=1024, output=46))
TRUNCATED = (ProviderTruncated, 502)
LOGPROB = {"logprob": -0.1, "top_logprobs": []}

MEANINGS = {
    "text": [*TEXT, USAGE, Ended()],
    "text-crlf": [*TEXT, USAGE, Ended()],
    "tools-parallel": [
        OPENAI,
        ToolCallStarted(0, "call_a", "get_weather"),
        ToolCallDelta(0, '{"city":'),
        ToolCallDelta(0, '"Oslo"}'),
        ToolCallStarted(1, "call_b", "get_time"),
        ToolCallDelta(1, "{}"),
        Finished("tool_calls"),
        UsageSeen(Usage(input=80, output=33)),
        Ended(),
    ],
    "tools-whole-no-index": [
        VLLM,
        ToolCallStarted(0, "call_a", "f"),
        ToolCallDelta(0, '{"x":1}'),
        ToolCallStarted(1, "call_b", "g"),
        ToolCallDelta(1, "{}"),
        Finished("tool_calls"),
        Ended(),
    ],
    "tools-same-index": [
        VLLM,
        ToolCallStarted(0, "function-call-1", "f"),
        ToolCallDelta(0, "{}"),
        ToolCallStarted(1, "function-call-2", "f"),
        ToolCallDelta(1, '{"x":2}'),
        Finished("tool_calls"),
        Ended(),
    ],
    "tools-no-id": [
        VLLM,
        ToolCallStarted(0, "call_chatcmpl-7f2_0_0", "f"),
        ToolCallDelta(0, "{}"),
        Finished("tool_calls"),
        Ended(),
    ],
    "function-call-legacy": [
        OPENAI,
        ToolCallStarted(0, "call_chatcmpl-B9MBs8Cj_0_0", "f"),
        ToolCallDelta(0, "{}"),
        Finished("tool_calls"),
        Ended(),
    ],
    "reasoning-deepseek": [
        DEEPSEEK,
        ThinkingDelta("Two and "),
        ThinkingDelta("two."),
        TextDelta("4"),
        Finished("stop"),
        UsageSeen(Usage(input=36, cache_read=64, output=30, reasoning=20)),
        Ended(),
    ],
    "reasoning-groq": [
        started("chatcmpl-groq", "openai/gpt-oss-120b", None, "fp_gq"),
        ThinkingDelta("Hm."),
        TextDelta("Yes"),
        Finished("stop"),
        UsageSeen(Usage(input=12, output=9)),
        Ended(),
    ],
    "thinking-blocks": [
        started("chatcmpl-msg_01", "claude-sonnet-4-6"),
        ThinkingDelta("Let me "),
        ThinkingDelta("see."),
        ThinkingSigned("EqoB"),
        ThinkingRedacted("R0lG"),
        ThinkingDelta("Only here."),
        ThinkingSigned("EqoC"),
        TextDelta("Done"),
        Finished("stop"),
        Ended(),
    ],
    "thinking-mistral": [
        started("m1", "magistral-medium"),
        ThinkingDelta("Hm"),
        TextDelta("So"),
        Finished("context_window"),
        Ended(),
    ],
    "openrouter-error": [started("gen-1", "z-ai/glm"), TextDelta("Once"), (ProviderFailed, 502)],
    "error-first": [(ProviderFailed, 500)],
    "error-named": [VLLM, TextDelta("a"), (ProviderOverloaded, 503)],
    "finish-insufficient": [DEEPSEEK, TextDelta("a"), (ProviderOverloaded, 503)],
    "azure": [started("chatcmpl-az", "gpt-4o"), TextDelta("Hi"), Finished("stop"), Ended()],
    "refusal": [OPENAI, RefusalDelta("I can't "), RefusalDelta("help."), Finished("stop"), Ended()],
    "two-choices-logprobs": [
        OPENAI,
        TextDelta("A", 0, {"content": [{"token": "A", "bytes": [65], **LOGPROB}], "refusal": None}),
        TextDelta("B", 1, {"content": [{"token": "B", "bytes": [66], **LOGPROB}], "refusal": None}),
        TextDelta("", 1, {"content": [{"token": "", "bytes": [], **LOGPROB}], "refusal": None}),
        Finished("length", 1),
        Finished("stop", 0),
        Ended(),
    ],
    "xai-reasoning-beside": [
        started("x1", "grok-4"),
        TextDelta("ok"),
        Finished("stop"),
        UsageSeen(Usage(input=26, cache_read=6, output=103, reasoning=94)),
        Ended(),
    ],
    "done-missing": [*TEXT, USAGE, Ended()],
    "last-blank-line-missing": [*TEXT, USAGE, Ended()],
    "finish-missing": [OPENAI, TextDelta("a"), Ended()],
    "after-done": [OPENAI, TextDelta("a"), Finished("stop"), Ended()],
    "cut-after-text": [*TEXT[:3], TRUNCATED],
    "cut-in-chunk": [*TEXT[:3], TRUNCATED],
    "done-only": [TRUNCATED],
    "not-json": [OPENAI, TextDelta("a"), (ProviderBadAnswer, 502)],
    "not-a-chunk": [(ProviderBadAnswer, 502)],
}


def test_every_stream_has_its_meaning():
    assert sorted(MEANINGS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_meaning(name):
    assert meaning(read((GOLDENS / f"{name}.sse").read_bytes())) == MEANINGS[name]


@pytest.mark.parametrize("name", NAMES)
def test_frames_join_to_the_stream(name):
    """Up to the frame that ends it; what follows is ignored."""
    stream = (GOLDENS / f"{name}.sse").read_bytes()
    joined = b"".join(frame.raw for frame in read(stream, 7))
    assert stream.startswith(joined)
    if name not in {"after-done", "openrouter-error", "not-json", "not-a-chunk", "finish-insufficient"}:
        assert joined == stream


def test_usage_only_marks_the_chunk_that_can_be_hidden():
    frames = read((GOLDENS / "text.sse").read_bytes())
    hidden = [frame for frame in frames if frame.usage_only]
    assert [frame.events for frame in hidden] == [(USAGE,)]
    assert b'"choices":[]' in hidden[0].raw
    assert not any(frame.usage_only for frame in read((GOLDENS / "reasoning-groq.sse").read_bytes()))


def test_comments_are_frames_without_events():
    frames = read((GOLDENS / "openrouter-error.sse").read_bytes())
    assert [frame.events for frame in frames[:3]] == [(), (), ()]
    assert frames[1].raw == b": OPENROUTER PROCESSING\n\n"


def test_empty_data_is_a_keep_alive():
    assert meaning(read(b"data:\n\ndata: \n\n" + (GOLDENS / "text.sse").read_bytes())) == MEANINGS["text"]


def test_the_vendor_message_is_in_the_failure():
    frames = read((GOLDENS / "openrouter-error.sse").read_bytes())
    assert frames[-1].events[-1].error.message == "Provider disconnected unexpectedly"


NOT_STREAMS = {
    "a page": (b"<!DOCTYPE html><html>502</html>", ProviderBadAnswer, 502),
    "a page behind blanks": (b"\r\n \t<html>", ProviderBadAnswer, 502),
    "text": (b"upstream connect error or disconnect/reset before headers", ProviderBadAnswer, 502),
    "a field that only looks like one": (b"database error\n\n", ProviderBadAnswer, 502),
    "llama.cpp's wrong field": (b'error: {"code":500}\n\n', ProviderBadAnswer, 502),
    "bytes": (b"\x1f\x8b\x08\x00", ProviderBadAnswer, 502),
    "a whole answer": (b'{"id":"x","object":"chat.completion","choices":[]}', ProviderBadAnswer, 502),
    "an error": (
        b'{"error":{"message":"slow","type":"requests","code":"rate_limit_exceeded"}}',
        ProviderRateLimited,
        429,
    ),
    "an error and more": (b' {"error":{"code":"server_is_overloaded"}}\n\nfoo', ProviderOverloaded, 503),
    "Gemini's error": (b'[{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}]\n', ProviderAuth, 401),
    "vLLM's error": (
        b'{"object":"error","message":"This model\'s maximum context length is 4096 tokens.","code":400}',
        ContextLength,
        400,
    ),
    "an error that is cut": (b'{"error":{"message":"slow', ProviderBadAnswer, 502),
    "JSON of no end": (b'{"a":"' + b"x" * 20_000, ProviderBadAnswer, 502),
    "JSON of no bottom": (b"[" * 20_000, ProviderBadAnswer, 502),
    "blanks of no end": (b"\n" * 20_000, ProviderBadAnswer, 502),
    "blanks, then a stream": (b"\n" * 20_000 + b"data: [DONE]\n\n", ProviderBadAnswer, 502),
    "nothing": (b"", ProviderTruncated, 502),
    "a byte order mark": (b"\xef\xbb\xbf", ProviderTruncated, 502),
    "the start of a field": (b"dat", ProviderTruncated, 502),
    "half a character": (b'{"error":"\\ud800"}', ProviderBadAnswer, 502),
    "an error event that is no JSON": (b"event: error\ndata: out of memory\n\n", ProviderFailed, 500),
    "an error event that is a list": (b"event: error\ndata: []\n\n", ProviderFailed, 500),
    "comments only": (b": hello\n\n: hello\n\n", ProviderTruncated, 502),
}


@pytest.mark.parametrize(("body", "error", "status"), NOT_STREAMS.values(), ids=NOT_STREAMS)
@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_a_body_that_is_no_stream(body, error, status, size):
    assert meaning(read(body, size)) == [(error, status)]


@pytest.mark.parametrize("body", [b"<", b"\n\nH", b'{"error":{}}', b"\xef\xbb\xbf[{}]"])
def test_such_a_body_is_refused_before_its_end(body):
    """No blank line comes, and perhaps no end for a minute: the failure must not wait for either."""
    assert len(OpenAIStreamReader().feed(body)) == 1


def test_blanks_and_a_byte_order_mark_before_a_stream():
    assert meaning(read(b"\xef\xbb\xbf\r\n\n" + (GOLDENS / "text.sse").read_bytes(), 1)) == MEANINGS["text"]


CHUNK = b'data: {"id":"c","model":"m","choices":[%s]}\n\n'
BAD = (ProviderBadAnswer, 502)

BAD_CHUNKS = {
    "a list": b"data: []\n\n",
    "a number": b"data: 1\n\n",
    "an empty object": b"data: {}\n\n",
    "choices are no list": b'data: {"choices":{}}\n\n',
    "choices are null": b'data: {"choices":null}\n\n',
    "a choice is no object": CHUNK % b"1",
    "a delta is no object": CHUNK % b'{"delta":[]}',
    "content is a number": CHUNK % b'{"delta":{"content":1}}',
    "a call is no object": CHUNK % b'{"delta":{"tool_calls":[1]}}',
    "a call has no function": CHUNK % b'{"delta":{"tool_calls":[{"index":0,"function":null}]}}',
    "a call has no name": CHUNK % b'{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}',
    "too many choices": CHUNK % b",".join(b'{"index":%d}' % i for i in range(129)),
    "too many calls": CHUNK
    % (b'{"delta":{"tool_calls":[%s]}}' % b",".join(b'{"index":%d,"function":{"name":"f"}}' % i for i in range(1025))),
}


@pytest.mark.parametrize("event", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_a_chunk_that_is_none(event):
    assert meaning(read(event + b"data: [DONE]\n\n"))[-1] == BAD


def test_what_was_understood_before_a_failure_is_kept():
    stream = CHUNK % b'{"delta":{"content":"x"},"finish_reason":"error"}'
    assert meaning(read(stream)) == [Started("c", "m"), TextDelta("x"), (ProviderFailed, 500)]


def test_null_fields_are_absent():
    stream = (
        b'data: {"id":null,"model":null,"error":null,"usage":null,"choices":[{"index":null,"delta":null,'
        b'"finish_reason":null}]}\n\n' + CHUNK % b'{"finish_reason":"stop","delta":{"content":null,"tool_calls":null}}'
    )
    assert meaning(read(stream)) == [Started("", ""), Finished("stop"), Ended()]


def test_a_last_chunk_without_its_blank_line_counts():
    stream = CHUNK % b'{"finish_reason":"stop"}'
    assert meaning(read(stream.removesuffix(b"\n\n"))) == [Started("c", "m"), Finished("stop"), Ended()]


def test_a_repeated_finish_reason_is_told_once():
    stream = CHUNK % b'{"finish_reason":"stop"}' * 2 + b"data: [DONE]\n\n"
    assert meaning(read(stream)) == [Started("c", "m"), Finished("stop"), Ended()]


def test_usage_may_come_without_choices_and_in_every_chunk():
    usage = b'data: {"id":"c","model":"m","usage":{"prompt_tokens":%d,"completion_tokens":1,"total_tokens":2}}\n\n'
    events = meaning(read(usage % 1 + usage % 2))
    assert events[:3] == [Started("c", "m"), UsageSeen(Usage(input=1, output=1)), UsageSeen(Usage(input=2, output=1))]
    assert events[3:] == [TRUNCATED]


def test_what_is_not_understood_beside_the_content_is_passed_over():
    delta = b'{"delta":{"content":[1,{"type":"image"},{"type":"thinking","thinking":"Hm"},{"type":"thinking"}],%s}}'
    stream = CHUNK % (delta % b'"thinking_blocks":[1,{"type":"thinking"}],"tool_calls":{},"refusal":1')
    assert meaning(read(stream))[:-1] == [Started("c", "m"), ThinkingDelta("Hm")]


def test_arguments_that_are_an_object_become_text():
    stream = CHUNK % b'{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x":1}}}]}}'
    assert meaning(read(stream))[1:3] == [ToolCallStarted(0, "a", "f"), ToolCallDelta(0, '{"x":1}')]


def test_a_call_of_a_custom_tool_counts_though_nobody_translates_it():
    first = b'{"index":0,"id":"a","type":"custom","custom":{"name":"run","input":""}}'
    rest = b'{"index":0,"custom":{"input":"print(1)"}}'
    stream = b"".join(CHUNK % (b'{"delta":{"tool_calls":[%s]}}' % call) for call in (first, rest))
    stream += CHUNK % b'{"finish_reason":"tool_calls"}'
    assert meaning(read(stream)) == [
        Started("c", "m"),
        ToolCallStarted(0, "a", "run"),
        ToolCallDelta(0, "print(1)"),
        Finished("tool_calls"),
        Ended(),
    ]


def test_a_call_of_a_kind_that_nobody_knows_is_passed_over():
    calls = b'[{"index":0,"id":"x","type":"robot"},{"index":0,"robot":{"input":"1"}}]'
    stream = CHUNK % (b'{"delta":{"tool_calls":%s,"content":"y"},"finish_reason":"stop"}' % calls)
    assert meaning(read(stream)) == [Started("c", "m"), TextDelta("y"), Finished("stop"), Ended()]


def test_an_error_of_a_choice_is_the_vendors_own():
    stream = CHUNK % b'{"delta":{"content":""},"finish_reason":"error","error":{"code":503,"message":"no room"}}'
    frames = read(stream)
    assert meaning(frames) == [Started("c", "m"), (ProviderOverloaded, 503)]
    assert frames[-1].events[-1].error.message == "no room"


def test_json_of_great_depth_does_not_raise():
    deep = b"[" * 900 + b"]" * 900
    call = CHUNK % (b'{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x":%s}}}]}}' % deep)
    assert meaning(read(call))[:-1] == [Started("c", "m"), ToolCallStarted(0, "a", "f")]
    assert meaning(read(b'data: {"error":{"message":%s}}\n\n' % deep)) == [(ProviderFailed, 500)]
    thinking = b'{"type":"thinking","thinking":[' * 300 + b"]}" * 300
    assert meaning(read(CHUNK % (b'{"delta":{"content":[%s]}}' % thinking)))[:-1] == [Started("c", "m")]


def test_groq_tells_why_it_stops():
    stream = b'data: {"id":"c","choices":[],"x_groq":{"error":"over capacity"}}\n\n'
    assert meaning(read(stream)) == [(ProviderFailed, 500)]


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        ([{"id": "a", "function": {"name": "f"}}, {"function": {"arguments": "1"}}], ["a"]),
        ([{"id": "a", "function": {"name": "f"}}, {"id": "a", "function": {"arguments": "1"}}], ["a"]),
        ([{"function": {"name": "f", "arguments": "1"}}, {"function": {"name": "f"}}], ["call_c_0_0", "call_c_0_1"]),
        (
            [
                {"index": 1, "id": "a", "function": {"name": "f"}},
                {"index": 1, "id": "a", "function": {"name": "f", "arguments": "1"}},
            ],
            ["a"],
        ),
    ],
    ids=["no index, no id later", "no index, same id", "neither", "id and name repeated, counted from 1"],
)
def test_calls_are_told_apart_without_an_index(deltas, calls):
    stream = b"".join(CHUNK % orjson.dumps({"delta": {"tool_calls": [delta]}}) for delta in deltas)
    events = meaning(read(stream))
    assert [event.id for event in events if isinstance(event, ToolCallStarted)] == calls
    assert [event for event in events if isinstance(event, ToolCallDelta)] == [ToolCallDelta(0, "1")]


def test_annotations_are_citations_of_the_text_before_them():
    page = {"type": "url_citation", "url_citation": {"url": "https://a", "title": 7}}
    stream = b"".join(
        CHUNK % orjson.dumps({"delta": delta})
        for delta in ({"content": "x"}, {"annotations": [page, None]}, {"annotations": []})
    )
    citation = {
        "type": "web_search_result_location",
        "url": "https://a",
        "title": None,
        "cited_text": "",
        "encrypted_index": "",
    }
    assert [event for event in meaning(read(stream)) if isinstance(event, CitationAdded)] == [CitationAdded(citation)]


def test_an_event_that_is_too_large():
    reader = OpenAIStreamReader()
    reader.feed(b"data: ")
    assert meaning(reader.feed(b"x" * (17 * 1024 * 1024))) == [BAD]
    assert reader.feed(b"\n\n") == reader.finish() == []


@pytest.mark.parametrize(
    ("audio", "events"),
    [
        ({"id": "audio_1", "transcript": "Hi"}, [Opaque(2)]),
        ({"data": "UklGRg=="}, [Opaque(8)]),
        ({"id": "audio_1", "expires_at": 1764000000}, []),
        ("?", []),
    ],
)
def test_audio_is_content_that_only_the_client_reads(audio, events):
    chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"audio": audio}}]}
    assert meaning(read(b"data: " + orjson.dumps(chunk) + b"\n\n"))[1:-1] == events
