"""Provider bytes → frames."""

import orjson
import pytest

from extproc.dialects.anthropic.stream import MAX_BODY_BYTES, AnthropicStreamReader
from extproc.dialects.base import Frame
from extproc.dialects.sse import MAX_EVENT_BYTES
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
from extproc.domain.errors import ProviderBadAnswer, ProviderOverloaded, ProviderRateLimited, ProviderTruncated
from extproc.domain.usage import Usage


def read(*chunks: bytes):
    reader = AnthropicStreamReader()
    frames = [frame for chunk in chunks for frame in reader.feed(chunk)]
    return frames + reader.finish()


def events(*chunks: bytes):
    return [event for frame in read(*chunks) for event in frame.events]


def sse(*data):
    return b"".join(b"data: " + orjson.dumps(item) + b"\n\n" for item in data)


START = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}},
}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}
STOP = {"type": "message_stop"}


def test_text_stop_sequence_and_cache_usage(stream):
    usage = Usage(input=25, cache_read=2048, cache_write_5m=20, cache_write_1h=100, output=1)
    total = Usage(input=25, cache_read=2048, cache_write_5m=20, cache_write_1h=100, output=15)
    assert events(stream("text")) == [
        Started("msg_01Text", "claude-sonnet-4-6", service_tier="default"),
        UsageSeen(usage),
        TextDelta("Grüß "),
        TextDelta("Gott 👋\n"),
        Finished("stop", stop_sequence="END"),
        UsageSeen(total),
        Ended(),
    ]


def test_thinking_and_parallel_tools(stream):
    assert events(stream("thinking_and_tools")) == [
        Started("msg_01Tools", "claude-opus-5", service_tier="priority"),
        UsageSeen(Usage(input=412, output=4)),
        ThinkingDelta("Two cities, "),
        ThinkingDelta("two calls."),
        ThinkingSigned("c2lnbmF0dXJl"),
        ThinkingRedacted("ZW5jcnlwdGVk"),
        TextDelta("I will look."),
        ToolCallStarted(0, "toolu_01A", "get_weather"),
        ToolCallDelta(0, '{"city": "Par'),
        ToolCallDelta(0, 'is"}'),
        ToolCallStarted(1, "toolu_01B", "get_time"),
        ToolCallDelta(1, "{}"),
        Finished("tool_calls"),
        UsageSeen(Usage(input=412, output=97, reasoning=31)),
        Ended(),
    ]


def test_server_side_tools_and_what_is_unknown_are_content_that_only_the_client_reads(stream):
    citation = {
        "type": "web_search_result_location",
        "cited_text": "at noon",
        "url": "https://example.com/tides",
        "title": "Tides",
        "encrypted_index": "eA==",
    }
    found = events(stream("web_search"))[2:]
    searched = [event for event in found if isinstance(event, Opaque)]
    assert found[: len(searched)] == searched
    assert len(searched) > 2
    assert found[len(searched) :] == [
        TextDelta("High water is at noon."),
        CitationAdded(citation),
        Finished("stop"),
        UsageSeen(Usage(input=10682, output=510, web_searches=1)),
        Ended(),
    ]


def test_a_refusal_is_told_in_the_vendors_words(stream):
    assert events(stream("refusal"))[2:5] == [
        RefusalDelta("This request may enable cyber harm."),
        Finished("refusal"),
        UsageSeen(Usage(input=18, output=2)),
    ]


def test_an_error_event_ends_the_stream(stream):
    frames = read(stream("overloaded_midway"))
    (failed,) = frames[-1].events
    assert isinstance(failed, Failed)
    assert type(failed.error) is ProviderOverloaded
    assert (failed.error.retry_status, failed.error.message) == (529, "Overloaded")
    assert b"never read" not in b"".join(frame.raw for frame in frames)


@pytest.mark.parametrize("name", ["text", "thinking_and_tools", "web_search", "refusal"])
def test_the_frames_give_the_stream_back(stream, name):
    body = stream(name)
    assert b"".join(frame.raw for frame in read(body)) == body


@pytest.mark.parametrize("name", ["text", "thinking_and_tools", "web_search", "overloaded_midway", "refusal"])
def test_line_ends_do_not_matter(stream, name):
    def seen(body):
        return [event if not isinstance(event, Failed) else type(event.error) for event in events(body)]

    assert seen(stream(name).replace(b"\n", b"\r\n")) == seen(stream(name))
    assert seen(b"\xef\xbb\xbf\n" + stream(name)) == seen(stream(name))


def test_comments_and_pings_are_frames_without_events():
    assert read(b": hello\n\n", b'event: ping\ndata: {"type": "ping"}\n\n', b"event: x\n\n", b"retry: 3\n\n")[:4] == [
        Frame(b": hello\n\n", ()),
        Frame(b'event: ping\ndata: {"type": "ping"}\n\n', ()),
        Frame(b"event: x\n\n", ()),
        Frame(b"retry: 3\n\n", ()),
    ]


def test_nothing_is_read_behind_the_end():
    reader = AnthropicStreamReader()
    frames = reader.feed(sse(START, STOP, DELTA) + b"garbage")
    assert frames[-1].events == (Ended(),)
    assert reader.feed(sse(DELTA)) == []
    assert reader.finish() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        sse(START),
        sse(START, DELTA),
        sse(START) + b'data: {"type":"message_st',
        sse(START) + b"event: message_stop",
        sse(START) + b"data: [1]",
    ],
)
def test_an_end_without_its_finish_marker_is_a_cut(body):
    failed = events(body)[-1]
    assert isinstance(failed, Failed)
    assert type(failed.error) is ProviderTruncated


@pytest.mark.parametrize(
    ("last", "kind"),
    [(STOP, Ended), ({"type": "error", "error": {"type": "api_error", "message": "x"}}, Failed)],
)
def test_a_last_event_without_its_blank_line_counts_if_it_is_whole(last, kind):
    assert isinstance(events(sse(START, last).rstrip(b"\n"))[-1], kind)


def test_a_last_piece_without_its_blank_line_is_read_and_then_the_cut_is_seen():
    seen = events(sse(START, DELTA).rstrip(b"\n"))
    assert seen[-2] == TextDelta("hi")
    assert isinstance(seen[-1], Failed)


@pytest.mark.parametrize(
    "bad",
    [
        b"data: not json\n\n",
        b'data: {"type": "content_block_delta"\n\n',
        b"data: [1]\n\n",
        b"data: \n\n",
        b"data: {}\n\n",
        b'data: {"type": 3}\n\n',
        b"<html><body>502</body></html>\n\n",
        b"upstream connect error\n\n",
        sse({"type": "message_start"}),
        sse({"type": "message_start", "message": {"model": "m"}}),
        sse({"type": "content_block_start", "index": 0}),
        sse(
            {"type": "content_block_start", "index": "0", "content_block": {"type": "tool_use", "id": "a", "name": "f"}}
        ),
        sse({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "a"}}),
        sse({"type": "content_block_start", "index": 0, "content_block": {"type": "redacted_thinking"}}),
        sse({"type": "content_block_delta", "index": 0, "delta": "x"}),
        sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}),
        sse({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": ""}}),
        sse({"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta"}}),
        sse({"type": "content_block_stop"}),
        sse({"type": "message_delta"}),
    ],
)
def test_what_is_not_of_the_dialect_fails_the_stream(bad):
    frames = read(sse(START), bad, sse(DELTA, STOP))
    assert len(frames) == 2
    assert frames[1].raw == bad
    (failed,) = frames[1].events
    assert type(failed.error) is ProviderBadAnswer


@pytest.mark.parametrize("body", [b"<!DOCTYPE html>\n<html>", b"\n  <html>", b"Bad Gateway", b"\x1f\x8b\x08", b"[1]"])
def test_a_body_that_is_no_event_stream_fails_with_its_first_byte(body):
    reader = AnthropicStreamReader()
    frames = [frame for at in range(len(body)) for frame in reader.feed(body[at : at + 1])]
    assert [type(frame.events[0].error) for frame in frames] == [ProviderBadAnswer]
    assert reader.finish() == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}', ProviderRateLimited),
        (b'\n{\n  "error": {"type": "overloaded_error",\n\n "message": "x"}}', ProviderOverloaded),
        (b'{"type":"message","content":[]}', ProviderBadAnswer),
        (b'{"type":"error"', ProviderBadAnswer),
    ],
)
def test_a_json_body_is_the_error_it_reports(body, kind):
    frames = read(*(body[at : at + 1] for at in range(len(body))))
    assert [type(frame.events[0].error) for frame in frames] == [kind]


def test_a_body_that_never_begins_is_bounded():
    reader = AnthropicStreamReader()
    assert reader.feed(b"{" + b" " * (MAX_BODY_BYTES - 1)) == []
    assert [type(frame.events[0].error) for frame in reader.feed(b" ")] == [ProviderBadAnswer]


def test_an_event_that_never_ends_is_bounded():
    reader = AnthropicStreamReader()
    assert reader.feed(b"data: " + b"x" * (MAX_EVENT_BYTES - 6)) == []
    assert [type(frame.events[0].error) for frame in reader.feed(b"x")] == [ProviderBadAnswer]
