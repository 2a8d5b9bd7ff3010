"""Calls over HTTP/2: the ``h2`` library, as the client, finds our side of it right, frame by frame."""

import pytest
from h2.events import (
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from extproc.transport import calls, frames, http2, sending
from extproc.transport.calls import MessageReceived, StreamOpened
from extproc.transport.frames import Http2Error
from extproc.transport.http2 import Http2Connection


def grpc_message(payload: bytes) -> bytes:
    return b"\0" + len(payload).to_bytes(4, "big") + payload


def test_a_call_from_head_to_trailers(pair):
    pair.open(1)
    pair.give(1, b"first", b"", b"last", end=True)
    assert pair.events == [
        StreamOpened(1, "/svc/Call"),
        MessageReceived(1, b"first"),
        MessageReceived(1, b""),
        MessageReceived(1, b"last"),
        calls.StreamEnded(1),
    ]
    pair.server.send(1, b"one")
    pair.server.send(1, b"")
    pair.server.end(1)
    pair.carry()
    (response,) = pair.of(ResponseReceived)
    assert list(response.headers) == [(":status", "200"), ("content-type", "application/grpc")]
    assert pair.received(1) == grpc_message(b"one") + grpc_message(b"")
    (trailers,) = pair.of(TrailersReceived)
    assert list(trailers.headers) == [("grpc-status", "0")]
    assert pair.of(StreamEnded)
    assert not pair.of(StreamReset), "both sides have ended: nothing is left to give up"
    assert pair.server.open_streams == 0


def test_the_settings_allow_what_the_service_needs(make_pair):
    pair = make_pair(max_message=8 * 1024 * 1024)
    (settings,) = pair.of(RemoteSettingsChanged)
    values = {code: change.new_value for code, change in settings.changed_settings.items()}
    assert values == {frames.SET_MAX_STREAMS: 100_000, frames.SET_INITIAL_WINDOW: 8 * 1024 * 1024 + 64 * 1024}
    assert pair.of(SettingsAcknowledged), "the client's own settings are acknowledged"
    assert pair.client.outbound_flow_control_window == 256 * 1024 * 1024


def test_an_answer_may_begin_before_the_request_has_ended(pair):
    pair.open(1)
    pair.give(1, b"hello")
    pair.server.send(1, b"at once")
    pair.carry()
    assert pair.received(1) == grpc_message(b"at once")
    pair.give(1, b"more", end=True)
    assert pair.events[-2:] == [MessageReceived(1, b"more"), calls.StreamEnded(1)]


def test_a_call_that_ends_without_a_message_is_answered_in_one_header_block(pair):
    """Trailers-Only, https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses."""
    pair.open(1, end=True)
    pair.server.end(1, frames.GRPC_UNIMPLEMENTED, "no such method")
    pair.carry()
    (response,) = pair.of(ResponseReceived)
    assert list(response.headers) == [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "12"),
        ("grpc-message", "no such method"),
    ]
    assert pair.of(StreamEnded)


def test_a_call_that_we_end_first_tells_the_client_to_stop_sending(pair):
    """RFC 9113, section 8.1: a whole response, then RST_STREAM with NO_ERROR."""
    pair.open(1)
    pair.server.send(1, b"answer")
    pair.server.end(1)
    pair.carry()
    assert pair.status(1) == "0"
    (reset,) = pair.of(StreamReset)
    assert reset.error_code == frames.NO_ERROR
    kinds = [type(event) for event in pair.seen]
    assert kinds.index(StreamEnded) < kinds.index(StreamReset)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("plain words", "plain words"),
        ("50% of é\n\0", "50? of ???"),
        ("x" * 500, "x" * 120),
    ],
)
def test_a_status_message_is_short_and_printable(pair, message, shown):
    pair.open(1)
    pair.server.end(1, frames.GRPC_INTERNAL, message)
    pair.carry()
    (response,) = pair.of(ResponseReceived)
    assert dict(response.headers)["grpc-message"] == shown


def test_calls_are_apart(pair):
    for stream_id in (1, 3, 5):
        pair.open(stream_id, path=f"/svc/{stream_id}")
    pair.give(3, b"three")
    pair.give(1, b"one", end=True)
    pair.give(5, b"five")
    pair.server.send(5, b"to five")
    pair.server.send(1, b"to one")
    pair.server.end(1)
    pair.server.reset(3)
    pair.carry()
    assert pair.events[:3] == [StreamOpened(n, f"/svc/{n}") for n in (1, 3, 5)]
    assert pair.received(1) == grpc_message(b"to one")
    assert pair.received(5) == grpc_message(b"to five")
    assert [event.stream_id for event in pair.of(StreamReset)] == [3]
    assert pair.server.open_streams == 1


def test_a_ping_is_answered_with_its_own_bytes(pair):
    pair.client.ping(b"12345678")
    pair.carry()
    (ack,) = pair.of(PingAckReceived)
    assert ack.ping_data == b"12345678"


def test_an_acknowledged_ping_is_not_answered(raw):
    raw.send("PING", 0x1, 0, bytes(8))
    assert raw.frames() == []


# -- the client gives up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["opened", "half a message", "a message", "ended", "answering", "blocked"])
def test_a_reset_at_any_point_ends_the_call_once(make_pair, point):
    pair = make_pair()
    pair.open(1)
    if point == "half a message":
        pair.client.send_data(1, grpc_message(b"never whole")[:7])
    elif point != "opened":
        pair.give(1, b"request", end=point == "ended")
    if point == "answering":
        pair.server.send(1, b"answer")
    if point == "blocked":
        pair.server.send(1, bytes(100_000))
        pair.server.end(1)
    pair.carry()
    before = len(pair.seen)
    pair.client.reset_stream(1, frames.CANCEL)
    pair.carry()
    assert [e for e in pair.events if isinstance(e, calls.StreamReset)] == [calls.StreamReset(1, frames.CANCEL)]
    assert pair.server.open_streams == 0
    pair.server.send(1, b"too late")
    pair.server.end(1)
    pair.server.reset(1)
    pair.client.increment_flow_control_window(1_000_000)
    pair.carry()
    assert pair.seen[before:] == [], "nothing may follow a reset"


def test_data_on_its_way_when_we_reset_is_dropped_but_counted(raw):
    raw.open(1)
    raw.server.reset(1)
    assert [(type(f).__name__, f.error_code) for f in raw.frames()] == [("RstStreamFrame", frames.CANCEL)]
    assert raw.send("DATA", 0, 1, grpc_message(b"late")) == []
    assert raw.send("HEADERS", 0x5, 1, b"\x83") == []
    assert raw.send("RST_STREAM", 0, 1, bytes(4)) == []
    assert raw.send("WINDOW_UPDATE", 0, 1, b"\0\0\0\1") == []
    assert raw.server._receive_window_used == len(grpc_message(b"late"))


def test_data_behind_the_end_is_a_stream_error(raw):
    """RFC 9113, section 5.1, half-closed (remote)."""
    raw.open(1)
    raw.send("DATA", 0x1, 1, grpc_message(b"last"))
    assert raw.send("DATA", 0, 1, grpc_message(b"more")) == [calls.StreamReset(1, frames.STREAM_CLOSED)]
    assert [f.error_code for f in raw.frames()] == [frames.STREAM_CLOSED]
    assert raw.server.open_streams == 0


def test_headers_behind_the_end_are_a_stream_error(raw):
    raw.open(1, flags=0x5)
    assert raw.send("HEADERS", 0x5, 1, b"\x83") == [calls.StreamReset(1, frames.STREAM_CLOSED)]
    assert [f.error_code for f in raw.frames()] == [frames.STREAM_CLOSED]


# -- messages -----------------------------------------------------------------------------------------------------------


def test_a_message_of_the_largest_size_is_taken(make_pair):
    pair = make_pair(max_message=100_000)
    pair.open(1)
    pair.give(1, bytes(100_000), b"next")
    assert [len(e.payload) for e in pair.events[1:]] == [100_000, 4]


def test_a_message_beyond_it_ends_the_call_before_it_is_read(make_pair):
    pair = make_pair(max_message=100_000)
    pair.open(1)
    pair.client.send_data(1, grpc_message(bytes(100_001))[:5])
    pair.carry()
    assert pair.events[1:] == [calls.StreamReset(1, frames.CANCEL)]
    assert pair.status(1) == str(frames.GRPC_RESOURCE_EXHAUSTED)
    assert pair.server.open_streams == 0


def test_a_compressed_message_is_refused(pair):
    pair.open(1)
    pair.client.send_data(1, b"\1\0\0\0\1x")
    pair.carry()
    assert pair.events[1:] == [calls.StreamReset(1, frames.CANCEL)]
    assert pair.status(1) == str(frames.GRPC_UNIMPLEMENTED)


@pytest.mark.parametrize("ending", ["data", "trailers"])
def test_a_call_that_ends_within_a_message_is_refused(pair, ending):
    pair.open(1)
    pair.client.send_data(1, grpc_message(b"whole") + grpc_message(b"cut off")[:-1], end_stream=ending == "data")
    if ending == "trailers":
        pair.client.send_headers(1, [("x-end", "1")], end_stream=True)
    pair.carry()
    assert pair.events[1:] == [MessageReceived(1, b"whole"), calls.StreamReset(1, frames.CANCEL)]
    assert pair.status(1) == str(frames.GRPC_INTERNAL)


def test_trailers_end_a_request(pair):
    pair.open(1)
    pair.client.send_headers(1, [("x-checksum", "1")], end_stream=True)
    pair.carry()
    assert pair.events[1:] == [calls.StreamEnded(1)]


def test_nothing_is_sent_on_a_call_that_has_its_status(pair):
    pair.open(1)
    pair.server.send(1, bytes(100_000))  # more than the window: the status waits behind it
    pair.server.end(1)
    pair.server.send(1, b"too late")
    pair.server.end(1, frames.GRPC_INTERNAL)
    pair.carry()
    pair.take(1)
    assert pair.received(1) == grpc_message(bytes(100_000))
    assert pair.status(1) == "0"


def test_more_than_a_stream_may_hold_back_gives_the_call_up(pair, monkeypatch):
    monkeypatch.setattr(sending, "_PENDING_LIMIT", 200_000)
    pair.open(1)
    assert pair.server.send(1, bytes(100_000))
    assert not pair.server.send(1, bytes(200_000)), "the caller is told"
    pair.carry()
    (reset,) = pair.of(StreamReset)
    assert reset.error_code == frames.ENHANCE_YOUR_CALM
    assert pair.server.open_streams == 0


def test_streams_beyond_the_limit_are_refused(raw, monkeypatch):
    """RFC 9113, section 5.1.2: REFUSED_STREAM says that nothing was done, so Envoy tries another worker."""
    monkeypatch.setattr(http2, "_MAX_STREAMS", 2)
    for stream_id in (1, 3):
        raw.open(stream_id)
    assert raw.open(5) == []
    (reset,) = raw.frames()
    assert (reset.stream_id, reset.error_code) == (5, frames.REFUSED_STREAM)
    raw.server.end(1)
    assert raw.open(7) == [StreamOpened(7, "/svc/Call")]


# -- the end of the connection -------------------------------------------------------------------------------------------


def test_a_goaway_asks_for_no_more_streams_and_takes_those_on_their_way(raw):
    raw.open(1)
    raw.server.goaway()
    raw.server.goaway()
    (goaway,) = raw.frames()
    assert (goaway.last_stream_id, goaway.error_code) == (2**31 - 1, frames.NO_ERROR)
    assert raw.open(3) == [StreamOpened(3, "/svc/Call")]
    raw.server.send(3, b"answer")
    assert [type(f).__name__ for f in raw.frames()] == ["HeadersFrame", "DataFrame"]


def test_the_last_goaway_says_which_streams_were_seen(raw):
    """RFC 9113, section 6.8: streams beyond the number may be tried elsewhere without risk."""
    raw.open(7)
    raw.server.goaway()
    raw.server.goodbye()
    first, last = raw.frames()
    assert (first.last_stream_id, last.last_stream_id) == (2**31 - 1, 7)
    assert last.error_code == frames.NO_ERROR


def test_a_client_that_goes_away_is_let_go(pair):
    pair.open(1)
    pair.client.close_connection()
    pair.carry()
    assert pair.events == [StreamOpened(1, "/svc/Call")]


def test_a_broken_connection_ends_with_the_fault_and_the_last_stream(raw):
    raw.open(5)
    with pytest.raises(Http2Error) as caught:
        raw.send("PUSH_PROMISE", 0, 5)
    raw.server.fail(caught.value)
    (goaway,) = raw.frames()
    assert (goaway.last_stream_id, goaway.error_code) == (5, frames.PROTOCOL_ERROR)


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", bytes(24)]
)
def test_who_does_not_speak_http2_is_told_at_once(first):
    with pytest.raises(Http2Error) as caught:
        Http2Connection(max_message=100).receive(first)
    assert caught.value.code == frames.PROTOCOL_ERROR


def test_the_call_and_the_answer_of_the_health_client_are_right():
    """``client_call`` and ``answer_message`` are the other side, as the supervisor needs it."""
    server = Http2Connection(max_message=100)
    events = server.receive(frames.PREFACE + frames.client_call("/grpc.health.v1.Health/Check", b"ask"))
    assert events == [
        StreamOpened(1, "/grpc.health.v1.Health/Check"),
        MessageReceived(1, b"ask"),
        calls.StreamEnded(1),
    ]
    server.send(1, b"well")
    server.end(1)
    output = server.take_output()
    assert [n for n in range(len(output)) if frames.answer_message(output[:n]) is None] == list(
        range(output.index(b"well") + 4)
    )
    assert frames.answer_message(output) == b"well"
