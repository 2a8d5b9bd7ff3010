"""Claims about the event-stream framing that all dialects share."""

import pytest

from extproc.dialects.sse import MAX_EVENT_BYTES, EventTooLargeError, SseDecoder, SseEvent, render_event

STREAMS = {
    "one event": (b"data: a\n\n", [SseEvent(b"data: a\n\n", "", b"a")]),
    "no space behind the colon": (b"data:a\n\n", [SseEvent(b"data:a\n\n", "", b"a")]),
    "only one space is taken off": (b"data:  a\n\n", [SseEvent(b"data:  a\n\n", "", b" a")]),
    "CRLF": (b"data: a\r\n\r\n", [SseEvent(b"data: a\r\n\r\n", "", b"a")]),
    "mixed line ends": (b"event: x\r\ndata: a\n\r\n", [SseEvent(b"event: x\r\ndata: a\n\r\n", "x", b"a")]),
    "a name": (b"event: ping\ndata: {}\n\n", [SseEvent(b"event: ping\ndata: {}\n\n", "ping", b"{}")]),
    "several data lines": (b"data: a\ndata: b\n\n", [SseEvent(b"data: a\ndata: b\n\n", "", b"a\nb")]),
    "a data field without a colon": (b"data\n\n", [SseEvent(b"data\n\n", "", b"")]),
    "a comment": (b": keep-alive\n\n", [SseEvent(b": keep-alive\n\n", "", None)]),
    "a comment within an event": (b": hm\ndata: a\n\n", [SseEvent(b": hm\ndata: a\n\n", "", b"a")]),
    "id and retry are no data": (b"id: 1\nretry: 5\n\n", [SseEvent(b"id: 1\nretry: 5\n\n", "", None)]),
    "unknown fields": (b"error: x\ndatum: y\n\n", [SseEvent(b"error: x\ndatum: y\n\n", "", None)]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [SseEvent(b"\xef\xbb\xbfdata: a\n\n", "", b"a")]),
    "two events": (b"data: a\n\ndata: b\n\n", [SseEvent(b"data: a\n\n", "", b"a"), SseEvent(b"data: b\n\n", "", b"b")]),
    "blank lines between": (
        b"data: a\n\n\ndata: b\n\n",
        [SseEvent(b"data: a\n\n", "", b"a"), SseEvent(b"\ndata: b\n\n", "", b"b")],
    ),
    "bytes that are not UTF-8": (b"data: \xff\n\n", [SseEvent(b"data: \xff\n\n", "", b"\xff")]),
    "a name that is not UTF-8": (b"event: \xff\ndata: a\n\n", [SseEvent(b"event: \xff\ndata: a\n\n", "\ufffd", b"a")]),
}


@pytest.mark.parametrize(("stream", "events"), STREAMS.values(), ids=STREAMS)
def test_events_whole_and_byte_by_byte(stream, events):
    assert SseDecoder().feed(stream) == events
    decoder = SseDecoder()
    assert [event for i in range(len(stream)) for event in decoder.feed(stream[i : i + 1])] == events
    assert decoder.flush() is None


@pytest.mark.parametrize("split", range(1, 24))
def test_a_blank_line_may_be_split_anywhere(split):
    stream = b"data: a\r\n\r\ndata: b\r\n\r\n"
    decoder = SseDecoder()
    assert [event.data for event in (*decoder.feed(stream[:split]), *decoder.feed(stream[split:]))] == [b"a", b"b"]


def test_raw_joins_to_the_stream():
    stream = b": hi\n\nevent: x\r\ndata: 1\r\n\r\n\n\ndata: 2\n\ndata: rest"
    decoder = SseDecoder()
    events = decoder.feed(stream)
    rest = decoder.flush()
    assert rest is not None
    assert b"".join(event.raw for event in [*events, rest]) == stream


def test_flush_gives_an_event_whose_blank_line_is_missing():
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n\ndata: b\n") == [SseEvent(b"data: a\n\n", "", b"a")]
    assert decoder.flush() == SseEvent(b"data: b\n", "", b"b")
    assert decoder.flush() is None


def test_flush_ignores_blank_rests():
    decoder = SseDecoder()
    decoder.feed(b"data: a\n\n\n")
    assert decoder.flush() is None


def test_an_event_may_not_grow_without_end():
    decoder = SseDecoder()
    decoder.feed(b"data: " + b"x" * (MAX_EVENT_BYTES - 6))
    with pytest.raises(EventTooLargeError):
        decoder.feed(b"x")


def test_events_before_one_that_is_too_large_are_given_out_first():
    stream = b"data: a\n\ndata: " + b"x" * MAX_EVENT_BYTES + b"\n\n"
    whole = SseDecoder()
    assert [event.data for event in whole.feed(stream)] == [b"a"]
    with pytest.raises(EventTooLargeError):
        whole.flush()
    split = SseDecoder()
    assert [event.data for event in split.feed(stream[:12])] == [b"a"]
    with pytest.raises(EventTooLargeError):
        split.feed(stream[12:])
    with pytest.raises(EventTooLargeError):
        split.feed(b"data: b\n\n")


def test_render_event():
    assert render_event(b"{}") == b"data: {}\n\n"
    assert render_event(b"{}", name="error") == b"event: error\ndata: {}\n\n"
    assert SseDecoder().feed(render_event(b"{}", name="error"))[0].name == "error"
