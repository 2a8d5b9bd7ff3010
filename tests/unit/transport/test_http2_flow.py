"""Flow control, both ways: nothing beyond the windows, nothing forgotten when they open, nothing lost in 64 MiB."""

import random
import tracemalloc
from itertools import pairwise

import pytest
from h2.errors import ErrorCodes
from h2.events import DataReceived, StreamReset, TrailersReceived
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame

from extproc.transport import frames, http2
from extproc.transport.calls import MessageReceived
from extproc.transport.frames import Http2Error

MIB = 1024 * 1024
WINDOW, FRAME = SettingCodes.INITIAL_WINDOW_SIZE, SettingCodes.MAX_FRAME_SIZE


def grpc_message(payload: bytes) -> bytes:
    return b"\0" + len(payload).to_bytes(4, "big") + payload


def pattern(size: int) -> bytes:
    """Bytes in which a lost, repeated or swapped piece shows."""
    return random.Random(size).randbytes(size)


# -- towards the client --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 5, 100, 16_384, 65_535])
def test_no_more_than_the_window_and_all_of_it_in_the_end(make_pair, window):
    pair = make_pair(settings={WINDOW: window})
    content = pattern(max(50, window * 3))
    pair.open(1)
    pair.server.send(1, content)
    pair.server.end(1)
    pair.carry()
    rounds = 0
    while pair.status(1) is None:
        assert len(pair.received(1)) <= window * (rounds + 1)
        pair.take(1)
        rounds += 1
    assert pair.received(1) == grpc_message(content)
    assert rounds >= len(content) // window
    last, trailers = [e for e in pair.seen if isinstance(e, DataReceived | TrailersReceived)][-2:]
    assert isinstance(last, DataReceived)
    assert isinstance(trailers, TrailersReceived), "the status comes behind the last byte"


def test_messages_keep_their_order_behind_a_closed_window(make_pair):
    pair = make_pair(settings={WINDOW: 20})
    pair.open(1)
    contents = [pattern(size) for size in (3, 40, 0, 1, 7)]
    for content in contents:
        pair.server.send(1, content)
    pair.carry()
    while pair.of(DataReceived)[-1] is not None and len(pair.received(1)) < sum(len(c) + 5 for c in contents):
        pair.take(1)
    assert pair.received(1) == b"".join(map(grpc_message, contents))


def test_frames_are_as_large_as_the_client_takes(make_pair):
    for limit in (16_384, 16_385, 100_000):
        pair = make_pair(settings={WINDOW: MIB, FRAME: limit})
        pair.client.increment_flow_control_window(MIB)
        pair.open(1)
        pair.server.send(1, bytes(300_000))
        pair.carry()
        sizes = [len(event.data) for event in pair.of(DataReceived)]
        assert max(sizes) == limit
        assert sum(sizes) == 300_005


def test_the_initial_window_changes_under_way(make_pair):
    """RFC 9113, section 6.9.2: the change applies to open streams, and may make their windows negative."""
    pair = make_pair(settings={WINDOW: 1000})
    pair.open(1)
    pair.server.send(1, pattern(5000))
    pair.carry()
    assert len(pair.received(1)) == 1000
    pair.client.update_settings({WINDOW: 400})  # the window of stream 1 is now -600
    pair.carry()
    pair.client.increment_flow_control_window(600, 1)
    pair.carry()
    assert len(pair.received(1)) == 1000, "600 more is but zero"
    pair.client.increment_flow_control_window(1, 1)
    pair.carry()
    assert len(pair.received(1)) == 1001
    pair.client.update_settings({WINDOW: 6000})
    pair.carry()
    assert pair.received(1) == grpc_message(pattern(5000))
    pair.open(3)
    pair.server.send(3, bytes(7000))
    pair.carry()
    assert len(pair.received(3)) == 6000, "and to streams opened later"


def test_a_changed_window_must_not_overflow_that_of_an_open_stream(raw):
    """RFC 9113, section 6.9.2: a connection error."""
    raw.open(1)
    raw.send("WINDOW_UPDATE", 0, 1, (2**31 - 1 - 65_535).to_bytes(4, "big"))
    with pytest.raises(Http2Error) as caught:
        raw.send("SETTINGS", 0, 0, b"\0\4\0\1\0\0")
    assert caught.value.code == frames.FLOW_CONTROL_ERROR


def test_a_stream_waits_for_the_window_that_another_has_used_up(make_pair):
    pair = make_pair(settings={WINDOW: MIB})
    for stream_id in (1, 3, 5):
        pair.open(stream_id)
    pair.server.send(1, pattern(100_000))
    pair.server.send(3, b"small")
    pair.server.end(3)
    pair.carry()
    assert len(pair.received(1)) == 65_535, "the whole window of the connection"
    assert pair.received(3) == b""
    assert pair.server.open_streams == 3
    pair.take(1)
    assert pair.received(1) == grpc_message(pattern(100_000))
    assert pair.received(3) == grpc_message(b"small")
    assert pair.status(3) == "0"
    pair.server.send(5, b"next")
    pair.carry()
    assert pair.received(5) == grpc_message(b"next")


def test_a_stream_without_window_does_not_hold_the_others_up(make_pair):
    pair = make_pair(settings={WINDOW: 1000})
    pair.open(1)
    pair.server.send(1, bytes(2000))
    pair.open(3)
    pair.server.send(3, b"small")
    pair.carry()
    assert pair.received(3) == grpc_message(b"small")


def test_a_blocked_stream_that_is_reset_leaves_nothing_behind(make_pair):
    pair = make_pair(settings={WINDOW: MIB})
    pair.open(1)
    pair.server.send(1, bytes(100_000))
    pair.open(3)
    pair.server.send(3, b"waiting")
    pair.carry()
    pair.client.reset_stream(1, ErrorCodes.CANCEL)
    pair.client.increment_flow_control_window(100_000)
    pair.carry()
    assert pair.received(3) == grpc_message(b"waiting")
    assert len(pair.received(1)) == 65_535


def test_the_rest_of_a_message_is_not_copied_for_each_of_its_frames(make_pair):
    """4,096 frames would copy 64 MiB 4,096 times."""
    pair = make_pair()
    pair.open(1)
    pair.server.send(1, bytes(64 * MIB))
    pair.carry()
    received = len(pair.received(1))
    pair.client.increment_flow_control_window(40_000)
    pair.client.increment_flow_control_window(40_000, stream_id=1)
    tracemalloc.start()
    try:
        pair.carry()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(pair.received(1)) == received + 40_000
    assert peak < MIB


def test_64_mib_towards_the_client(make_pair):
    pair = make_pair(settings={WINDOW: 2**31 - 1})
    pair.client.increment_flow_control_window(2**31 - 1 - 65_535)
    content = pattern(64 * MIB)
    pair.open(1)
    pair.server.send(1, content)
    pair.server.end(1)
    pair.carry()
    assert pair.received(1) == grpc_message(content)
    assert pair.status(1) == "0"


# -- towards us ----------------------------------------------------------------------------------------------------------


def test_64_mib_towards_us(make_pair):
    pair = make_pair(max_message=64 * MIB)
    content = pattern(64 * MIB)
    pair.open(1)
    pair.give(1, content, end=True)
    (message,) = [e for e in pair.events if isinstance(e, MessageReceived)]
    assert message.payload == content


def test_the_window_is_given_back_for_as_long_as_a_call_lasts(make_pair):
    """Ten times the stream's window goes through, message by message."""
    pair = make_pair(max_message=1000)
    pair.open(1)
    content = bytes(900)
    for _ in range(10 * 66_536 // 900):
        pair.give(1, content)
    assert sum(isinstance(e, MessageReceived) for e in pair.events) == 10 * 66_536 // 900


def test_the_connections_window_is_given_back_over_all_streams(raw, monkeypatch):
    """Also for what is dropped: data of calls that are over, and padding."""
    monkeypatch.setattr(http2, "_CONNECTION_WINDOW", 100_000)
    raw.open(1)
    raw.server.reset(1)
    raw.frames()
    sent = back = 0
    for _ in range(40):
        raw.send("DATA", 0x8, 1, b"\x63" + bytes(9_999))
        sent += 10_000
        back += sum(frame.window_increment for frame in raw.frames() if frame.stream_id == 0)
        assert sent - back <= 100_000 // 4 + 10_000
    assert back > 0


def test_updates_are_few(raw):
    """A window update for each frame would double the frames."""
    raw.open(1)
    raw.frames()
    for _ in range(64):
        raw.send("DATA", 0, 1, (grpc_message(bytes(1019)) * 16))
    updates = [frame for frame in raw.frames() if frame.stream_id == 1]
    assert 1 <= len(updates) <= 2
    assert all(not isinstance(frame, DataFrame) for frame in updates)


def test_no_window_is_given_back_behind_the_end(raw):
    raw = type(raw)(max_message=1000)
    raw.open(1)
    for last in (False, False, False, False, True):
        raw.send("DATA", int(last), 1, grpc_message(bytes(995)) * 16)
    assert [f for f in raw.frames() if f.stream_id == 1 and f.type == 8][1:] == []


def test_windows_of_the_client_are_honoured_frame_by_frame(make_pair):
    """``h2`` raises where a frame exceeds a window; here the steps are also even."""
    pair = make_pair(settings={WINDOW: 10})
    pair.open(1)
    pair.server.send(1, pattern(95))
    pair.carry()
    while len(pair.received(1)) < 100:
        pair.take(1)
    sizes = [len(event.data) for event in pair.of(DataReceived)]
    assert sizes == [10] * 10
    assert all(a <= b for a, b in pairwise(sizes))
    assert not pair.of(StreamReset)
