"""Frames as RFC 9113 has them: what a peer may send, what breaks the protocol, and with which error code it is answered."""

import pytest
from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame

from extproc.transport import calls, frames
from extproc.transport.calls import MessageReceived, StreamEnded, StreamOpened
from extproc.transport.frames import PREFACE, Http2Error
from extproc.transport.http2 import Http2Connection

END_STREAM, END_HEADERS, PADDED, PRIORITY, ACK = 0x1, 0x4, 0x8, 0x20, 0x1
BLOCK = b"\x83\x86\x04\x09/svc/Call"
MESSAGE = b"\0\0\0\0\5hello"
OPENED, HELLO = StreamOpened(1, "/svc/Call"), MessageReceived(1, b"hello")


def test_padding_is_taken_off_and_counted(raw):
    raw.open(1)
    frame = DataFrame(1, MESSAGE, pad_length=200, flags=["PADDED", "END_STREAM"]).serialize()
    assert raw.server.receive(frame) == [HELLO, StreamEnded(1)]
    assert raw.server._receive_window_used == 1 + len(MESSAGE) + 200


def test_padding_alone_is_no_data(raw):
    raw.open(1)
    assert raw.send("DATA", PADDED, 1, b"\x04" + bytes(4)) == []
    assert raw.send("DATA", END_STREAM, 1, MESSAGE) == [HELLO, StreamEnded(1)]


def test_headers_with_padding_and_priority(raw):
    frame = HeadersFrame(
        1, BLOCK, pad_length=17, depends_on=0, stream_weight=15, flags=["PADDED", "PRIORITY", "END_HEADERS"]
    )
    assert raw.server.receive(frame.serialize()) == [OPENED]


@pytest.mark.parametrize("size", [1, 3, len(BLOCK)])
def test_a_header_block_in_pieces(raw, size):
    pieces = [BLOCK[at : at + size] for at in range(0, len(BLOCK), size)]
    events = raw.server.receive(HeadersFrame(1, pieces[0], pad_length=3, flags=["PADDED", "END_STREAM"]).serialize())
    for piece in pieces[1:]:
        events += raw.server.receive(ContinuationFrame(1, piece).serialize())
    assert events == []
    events = raw.server.receive(ContinuationFrame(1, b"", flags=["END_HEADERS"]).serialize())
    assert events == [OPENED, StreamEnded(1)]


def test_priority_is_read_over(raw):
    raw.open(1)
    assert raw.send("PRIORITY", 0, 1, bytes(5)) == []
    assert raw.send("PRIORITY", 0, 99, bytes(5)) == [], "also of a stream that is not open yet"
    assert raw.frames() == []


@pytest.mark.parametrize("kind", [10, 16, 0x42, 0xFF])
def test_frames_of_a_kind_not_known_are_read_over(raw, kind):
    raw.open(1)
    assert raw.send(kind, 0xFF, 1, b"whatever") == []
    assert raw.send("DATA", 0, 1, MESSAGE) == [HELLO]


def test_settings_not_known_are_read_over(raw):
    assert raw.send("SETTINGS", 0, 0, b"\xab\xcd\0\0\0\1") == []
    (ack,) = raw.frames()
    assert "ACK" in ack.flags


def test_the_reserved_bit_of_the_stream_number_is_ignored(raw):
    assert raw.send("HEADERS", END_HEADERS, 0x80000001, BLOCK) == [OPENED]


def test_a_goaway_is_taken_in_silence(raw):
    raw.open(1)
    assert raw.send("GOAWAY", 0, 0, bytes(8) + b"bye") == []
    assert raw.send("DATA", 0, 1, MESSAGE) == [HELLO]


PROTOCOL, FLOW, SIZE, CALM = (
    frames.PROTOCOL_ERROR,
    frames.FLOW_CONTROL_ERROR,
    frames.FRAME_SIZE_ERROR,
    frames.ENHANCE_YOUR_CALM,
)
BROKEN = {
    "data on stream 0": (PROTOCOL, ("DATA", 0, 0, MESSAGE)),
    "data for a stream never opened": (PROTOCOL, ("DATA", 0, 5, MESSAGE)),
    "data for a stream of the server's": (PROTOCOL, ("DATA", 0, 2, MESSAGE)),
    "data, padding as long as the frame": (PROTOCOL, ("DATA", PADDED, 3, b"\x04abc")),
    "data, padded and empty": (PROTOCOL, ("DATA", PADDED, 3, b"")),
    "headers on stream 0": (PROTOCOL, ("HEADERS", END_HEADERS, 0, BLOCK)),
    "headers for an even stream": (PROTOCOL, ("HEADERS", END_HEADERS, 4, BLOCK)),
    "headers, padding too long": (PROTOCOL, ("HEADERS", END_HEADERS | PADDED, 5, b"\xff" + BLOCK)),
    "headers, no room for the priority": (SIZE, ("HEADERS", END_HEADERS | PRIORITY, 5, b"\0\0\0\0")),
    "reset of three bytes": (SIZE, ("RST_STREAM", 0, 3, bytes(3))),
    "reset of stream 0": (PROTOCOL, ("RST_STREAM", 0, 0, bytes(4))),
    "reset of a stream never opened": (PROTOCOL, ("RST_STREAM", 0, 5, bytes(4))),
    "settings of five bytes": (SIZE, ("SETTINGS", 0, 0, bytes(5))),
    "settings on a stream": (PROTOCOL, ("SETTINGS", 0, 3, b"")),
    "acknowledged settings with content": (SIZE, ("SETTINGS", ACK, 0, bytes(6))),
    "a window of 2^31": (FLOW, ("SETTINGS", 0, 0, b"\0\4\x80\0\0\0")),
    "frames of 16383 bytes": (PROTOCOL, ("SETTINGS", 0, 0, b"\0\5\0\0\x3f\xff")),
    "frames of 2^24 bytes": (PROTOCOL, ("SETTINGS", 0, 0, b"\0\5\1\0\0\0")),
    "a push": (PROTOCOL, ("PUSH_PROMISE", END_HEADERS, 3, bytes(4) + BLOCK)),
    "a ping of seven bytes": (SIZE, ("PING", 0, 0, bytes(7))),
    "a ping on a stream": (PROTOCOL, ("PING", 0, 3, bytes(8))),
    "a window update of three bytes": (SIZE, ("WINDOW_UPDATE", 0, 0, bytes(3))),
    "a window update of nothing": (PROTOCOL, ("WINDOW_UPDATE", 0, 0, bytes(4))),
    "a window update of a stream never opened": (PROTOCOL, ("WINDOW_UPDATE", 0, 5, b"\0\0\0\1")),
    "a window update beyond the largest window": (FLOW, ("WINDOW_UPDATE", 0, 0, b"\x7f\xff\xff\xff")),
    "a continuation of nothing": (PROTOCOL, ("CONTINUATION", END_HEADERS, 3, BLOCK)),
    "a frame of 16385 bytes": (SIZE, ("DATA", 0, 3, bytes(16_385))),
    "a frame of 16385 bytes, kind not known": (SIZE, (0x42, 0, 3, bytes(16_385))),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_the_protocol_ends_the_connection(raw, case):
    code, frame = BROKEN[case]
    raw.open(3)
    with pytest.raises(Http2Error) as caught:
        raw.send(*frame)
    assert caught.value.code == code


STREAM_FAULTS = {
    "headers again that do not end the call": (PROTOCOL, ("HEADERS", END_HEADERS, 3, b"\x83")),
    "a window update of nothing": (PROTOCOL, ("WINDOW_UPDATE", 0, 3, bytes(4))),
    "a window update beyond the largest window": (FLOW, ("WINDOW_UPDATE", 0, 3, b"\x7f\xff\xff\xff")),
}


@pytest.mark.parametrize("case", STREAM_FAULTS)
def test_what_breaks_one_stream_ends_that_one(raw, case):
    code, frame = STREAM_FAULTS[case]
    raw.open(3)
    raw.open(5)
    assert raw.send(*frame) == [calls.StreamReset(3, code)]
    assert [(type(f).__name__, f.stream_id, f.error_code) for f in raw.frames()] == [("RstStreamFrame", 3, code)]
    assert raw.send("DATA", 0, 5, MESSAGE) == [MessageReceived(5, b"hello")]


@pytest.mark.parametrize("kind", ["DATA", "HEADERS", "PING", "SETTINGS", 0x42])
def test_nothing_may_come_between_the_pieces_of_a_header_block(raw, kind):
    raw.send("HEADERS", 0, 1, BLOCK)
    with pytest.raises(Http2Error) as caught:
        raw.send(kind, END_HEADERS, 1, b"")
    assert caught.value.code == PROTOCOL


def test_the_pieces_of_a_header_block_are_of_one_stream(raw):
    raw.send("HEADERS", 0, 1, BLOCK)
    with pytest.raises(Http2Error) as caught:
        raw.send("CONTINUATION", END_HEADERS, 3, b"")
    assert caught.value.code == PROTOCOL


def test_a_header_block_has_a_limit(raw):
    raw.send("HEADERS", 0, 1, bytes(16_384))
    for _ in range(3):
        raw.send("CONTINUATION", 0, 1, bytes(16_384))
    with pytest.raises(Http2Error) as caught:
        raw.send("CONTINUATION", 0, 1, b"x")
    assert caught.value.code == CALM


def test_the_first_frame_is_settings():
    """RFC 9113, section 3.4."""
    server = Http2Connection(max_message=100)
    with pytest.raises(Http2Error) as caught:
        server.receive(PREFACE + b"\0\0\x08\6\0\0\0\0\0" + bytes(8))
    assert caught.value.code == PROTOCOL


def test_the_preface_may_come_byte_by_byte():
    server = Http2Connection(max_message=100)
    start = PREFACE + b"\0\0\0\4\0\0\0\0\0"
    for at in range(len(start)):
        assert server.receive(start[at : at + 1]) == []
    assert server.take_output().endswith(b"\0\0\0\4\1\0\0\0\0"), "the settings are acknowledged"
    assert server.take_output() == b""


@pytest.mark.parametrize("cut", [1, 8, 9, 10, 8 + len(MESSAGE)])
def test_a_frame_in_two_pieces(raw, cut):
    raw.open(1)
    frame = raw.frame("DATA", 0, 1, MESSAGE)
    assert raw.server.receive(frame[:cut]) == []
    assert raw.server.receive(frame[cut:]) == [HELLO]
