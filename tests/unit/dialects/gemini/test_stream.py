"""Claims about reading streams. The streams lie in ``tests/goldens/responses/gemini``."""

from base64 import b64encode
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.gemini import chunks
from extproc.dialects.gemini.citations import MAX_CITATIONS
from extproc.dialects.gemini.dialect import GeminiProvider
from extproc.dialects.gemini.stream import MAX_BODY_BYTES
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
from extproc.domain.errors import (
    ProviderBadAnswer,
    ProviderFailed,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderTruncated,
)
from extproc.domain.usage import Usage

GOLDENS = Path(__file__).parents[3] / "goldens" / "responses" / "gemini"
NAMES = sorted(path.stem for path in GOLDENS.glob("*.sse") if len(path.suffixes) == 1)
SIGNED_CALL = b64encode(b"gemini-signature-of-the-first-step").decode()
SIGNED_TEXT = b64encode(b"gemini-signature-of-a-text").decode()


def read(data, size=0):
    reader = GeminiProvider().stream_reader()
    size = size or max(len(data), 1)
    frames = [frame for i in range(0, len(data), size) for frame in reader.feed(data[i : i + size])]
    return frames + reader.finish()


def meaning(frames):
    """The events; a failure as its class and the status that it counts as."""
    events = [event for frame in frames for event in frame.events]
    return [(type(e.error), e.error.retry_status) if isinstance(e, Failed) else e for e in events]


def golden(name):
    return meaning(read((GOLDENS / f"{name}.sse").read_bytes()))


def sse(*bodies):
    return b"".join(b"data: " + orjson.dumps(body) + b"\r\n\r\n" for body in bodies)


def chunk(*parts, **candidate):
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}]}


START = Started("kL3sadyRFJ", "gemini-3.6-flash")
TRUNCATED = (ProviderTruncated, 502)
BAD = (ProviderBadAnswer, 502)


@pytest.mark.parametrize("name", NAMES)
def test_any_split_gives_the_same_frames_and_the_frames_give_the_stream(name):
    data = (GOLDENS / f"{name}.sse").read_bytes()
    whole = read(data)
    for size in (1, 2, 3, 7, 50, 333):
        split = read(data, size)
        assert [frame.raw for frame in split] == [frame.raw for frame in whole]
        assert meaning(split) == meaning(whole)
    assert data.startswith(b"".join(frame.raw for frame in whole))
    assert isinstance(whole[-1].events[-1], Ended | Failed)


def test_text():
    assert golden("stream_text") == [
        START,
        UsageSeen(Usage(8, output=1)),
        TextDelta("Grüße"),
        UsageSeen(Usage(8, output=4)),
        TextDelta(", 世界"),
        UsageSeen(Usage(8, output=6)),
        TextDelta("!"),
        Finished("stop"),
        Ended(),
    ]


def test_thoughts_and_a_signature_behind_the_text():
    said = [event for event in golden("stream_thinking") if not isinstance(event, UsageSeen)]
    assert said[1:] == [
        ThinkingDelta("**Weighing it**\n\n"),
        ThinkingDelta("Two trains approach."),
        TextDelta("They meet "),
        TextDelta("after 2 hours."),
        ThinkingRedacted(SIGNED_TEXT, 0, "gemini"),
        Finished("stop"),
        Ended(),
    ]


def test_a_signature_stands_before_its_text_but_at_the_end():
    """Where more follows, a call would take a seal before it for its own; else clients expect the text first."""
    signed, seal = {"text": "Hi", "thoughtSignature": "c2ln"}, ThinkingRedacted("c2ln", 0, "gemini")
    more = meaning(read(sse(chunk(signed), chunk({"text": "!"}, finishReason="STOP"))))
    assert more[1:4] == [seal, TextDelta("Hi"), TextDelta("!")]
    last = meaning(read(sse(chunk(signed, finishReason="STOP"))))
    assert last[1:3] == [TextDelta("Hi"), seal]
    called = meaning(read(sse(chunk(signed, {"functionCall": {"name": "f"}}, finishReason="STOP"))))
    assert called[1:3] == [seal, TextDelta("Hi")]


def test_a_signed_thought():
    events = meaning(read(sse(chunk({"text": "hm", "thought": True, "thoughtSignature": "c2ln"}, finishReason="STOP"))))
    assert events[1:3] == [ThinkingDelta("hm"), ThinkingSigned("c2ln", 0, "gemini")]
    alone = meaning(read(sse(chunk({"text": "", "thought": True, "thoughtSignature": "c2ln"}))))
    assert alone[1:2] == [ThinkingSigned("c2ln", 0, "gemini")]


def test_calls_come_whole_and_finish_the_turn():
    said = [event for event in golden("stream_tool_calls") if not isinstance(event, UsageSeen)]
    assert said[2:] == [
        ToolCallStarted(0, "fc-1", "get_weather", 0, SIGNED_CALL),
        ToolCallDelta(0, '{"city":"Oslo"}'),
        ToolCallStarted(1, "fc-2", "get_weather"),
        ToolCallDelta(1, '{"city":"Bergen"}'),
        Finished("tool_calls"),
        Ended(),
    ]


def test_made_ids():
    started = [event for event in golden("stream_tool_call_without_id") if isinstance(event, ToolCallStarted)]
    assert [event.id for event in started] == ["call_kL3sadyRFJ_0_0", "call_kL3sadyRFJ_0_1"]


@pytest.mark.parametrize(("name", "finish"), [("stream_max_tokens", "length"), ("stream_safety", "content_filter")])
def test_other_ends(name, finish):
    assert golden(name)[-2:] == [Finished(finish), Ended()]


def test_a_blocked_prompt():
    assert golden("stream_prompt_blocked")[1:] == [
        UsageSeen(Usage(11)),
        RefusalDelta("The provider blocked the prompt (SAFETY): The prompt was rated as harassment."),
        Finished("content_filter"),
        Ended(),
    ]


def test_grounding():
    events = golden("stream_grounded")
    assert [event.citation["url"] for event in events if isinstance(event, CitationAdded)] == [
        "https://example.org/euro"
    ]
    assert UsageSeen(Usage(92, output=7, web_searches=1)) in events


def test_citations_that_are_repeated_are_told_once():
    cited = {"citationMetadata": {"citations": [{"uri": "https://x/"}, {"uri": "https://x/", "title": "X"}, {}]}}
    events = meaning(read(sse(chunk({"text": "a"}, **cited), chunk({"text": "b"}, finishReason="STOP", **cited))))
    assert sum(isinstance(event, CitationAdded) for event in events) == 1


def test_citations_beyond_the_limit_are_left_out():
    many = [{"uri": f"https://x/{at}"} for at in range(MAX_CITATIONS + 9)]
    events = meaning(read(sse(chunk({"text": "a"}, finishReason="STOP", citationMetadata={"citations": many}))))
    assert sum(isinstance(event, CitationAdded) for event in events) == MAX_CITATIONS


def test_candidates():
    assert [event for event in golden("stream_candidates_two") if isinstance(event, TextDelta | Finished)] == [
        TextDelta("heads"),
        TextDelta("tails", 1),
        Finished("stop"),
        Finished("stop", 1),
    ]


def test_usage_behind_the_end():
    assert golden("stream_usage_cached_last")[-2:] == [UsageSeen(Usage(72, cache_read=2048, output=5)), Ended()]


def test_log_probabilities_go_with_their_text():
    result = {"logprobsResult": {"chosenCandidates": [{"token": "a", "logProbability": -1}]}}
    with_text = meaning(read(sse(chunk({"text": "x", "thought": True}, {"text": "a"}, **result, finishReason="STOP"))))
    alone = meaning(read(sse(chunk(**result, finishReason="STOP"))))
    none = meaning(read(sse(chunk({"text": "a"}, logprobsResult={}, finishReason="STOP"))))
    assert none[1] == TextDelta("a")
    assert with_text[2].text == "a"
    assert with_text[2].logprobs == alone[1].logprobs
    assert alone[1].text == ""
    assert alone[1].logprobs["content"][0]["logprob"] == -1


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("stream_error_midway", (ProviderOverloaded, 503)),
        ("stream_error_first", (ProviderRateLimited, 429)),
        ("stream_ends_early", TRUNCATED),
        ("stream_malformed_function_call", (ProviderFailed, 500)),
        ("stream_malformed_line", BAD),
    ],
)
def test_broken_streams(name, failure):
    assert golden(name)[-1] == failure


def test_the_wait_that_the_vendor_asks_for():
    (frame,) = read((GOLDENS / "stream_error_first.sse").read_bytes())
    assert frame.events[0].error.retry_after == 7.5


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"candidates": {}},
        {"candidates": [1]},
        chunk(1),
        chunk({"functionCall": 1}),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {"name": "f", "args": 1}}),
        [1],
        "text",
    ],
)
def test_what_is_no_chunk(body):
    assert meaning(read(sse(body)))[-1] == BAD


def test_limits(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_CALLS", 2)
    monkeypatch.setattr(chunks, "MAX_CANDIDATES", 2)
    call = {"functionCall": {"name": "f"}}
    assert meaning(read(sse(chunk(call, call, call))))[-1] == BAD
    assert meaning(read(sse(*(chunk({"text": "a"}, index=at) for at in range(3)))))[-1] == BAD


def test_pieces_of_a_call_that_only_the_vendors_own_clients_can_ask_for():
    pieces = [{"functionCall": {"name": "f", "willContinue": True}}, {"functionCall": {"partialArgs": []}}]
    events = meaning(read(sse(chunk(*pieces), chunk({"functionCall": {}}, finishReason="STOP"))))
    assert [event for event in events if isinstance(event, ToolCallStarted)] == [ToolCallStarted(0, "call__0_0", "f")]
    assert events[-1] == Ended()


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (b"", TRUNCATED),
        (b"\xef\xbb\xbf \r\n", TRUNCATED),
        (b"<html>", BAD),
        (b'{"candidates": []}', BAD),
        (b"{not json", BAD),
        (b'{"error": {"code": 503, "status": "UNAVAILABLE"}}', (ProviderOverloaded, 503)),
        (b'[{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}]', (ProviderRateLimited, 429)),
        (b"{" * (MAX_BODY_BYTES + 1), BAD),
        (b"data: {}\r\n\r\n<html>\r\n\r\n", BAD),
        (b": hello\n\n<html>\n\n", BAD),
    ],
)
def test_bodies_that_are_no_stream(body, failure):
    assert meaning(read(body))[-1] == failure
    assert meaning(read(body, 100_001))[-1] == failure


def test_an_event_that_is_too_large():
    assert meaning(read(b"data: " + b"x" * (17 * 1024 * 1024), 4 * 1024 * 1024))[-1] == BAD


def test_an_event_that_is_too_large_behind_one_that_is_not():
    data = sse(chunk({"text": "a"})) + b"data: " + b"x" * (17 * 1024 * 1024)
    assert meaning(read(data))[-2:] == [TextDelta("a"), BAD]


def test_an_error_without_its_blank_line():
    data = sse(chunk({"text": "a"})) + b'data: {"error": {"code": 503, "status": "UNAVAILABLE"}}'
    assert meaning(read(data))[-1] == (ProviderOverloaded, 503)


def test_what_was_withheld_says_why_and_a_second_end_says_nothing():
    end = chunk(finishReason="SAFETY", finishMessage="Withheld.")
    assert meaning(read(sse({"candidates": [{"content": 1}]}, end, chunk(finishReason="STOP"))))[1:] == [
        RefusalDelta("Withheld."),
        Finished("content_filter"),
        Ended(),
    ]
    assert meaning(read(sse(chunk(finishReason="FINISH_REASON_UNSPECIFIED"))))[-1] == TRUNCATED


def test_what_the_servers_own_tools_did_is_left_out_and_odd_grounding_does_no_harm():
    parts = [{"executableCode": {"code": "1"}}, {"text": "1"}]
    end = chunk(*parts, finishReason="STOP", citationMetadata={"citations": [3]})
    assert meaning(read(sse(end)))[1:] == [TextDelta("1"), Finished("stop"), Ended()]


def test_the_tier_is_told_with_the_usage():
    usage = {"usageMetadata": {"promptTokenCount": 1, "trafficType": "ON_DEMAND_FLEX"}}
    events = meaning(read(sse(chunk({"text": "a"}), chunk(finishReason="STOP") | usage)))
    assert UsageSeen(Usage(1), "flex") in events


def test_comments_mean_nothing_and_a_missing_last_blank_line_no_harm():
    data = b": ping\n\n" + sse(chunk({"text": "a"}, finishReason="STOP")).rstrip()
    assert meaning(read(data))[-2:] == [Finished("stop"), Ended()]
    assert meaning(read(data[:-9]))[-1] == TRUNCATED


def test_nothing_follows_the_end():
    reader = GeminiProvider().stream_reader()
    reader.feed(sse(chunk({"text": "a"}, finishReason="STOP")))
    assert reader.finish()
    assert reader.feed(sse(chunk({"text": "b"}))) == reader.finish() == []


@given(st.binary(max_size=60), st.integers(1, 20))
def test_any_bytes_end_in_an_end(data, size):
    for body in (data, b"data: " + data, b"data: {" + data + b"\n\n"):
        frames = read(body, size)
        assert isinstance(frames[-1].events[-1], Failed)
        assert meaning(frames) == meaning(read(body))
