"""Our HTTP/2 connection under any input: chunks cut anywhere, windows opened anyhow, tables changed anytime, garbage.

Judges: the ``h2`` library as the client, which raises where a window or a rule is broken, and ``hpack``'s own decoder.
"""

import hpack
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded
from h2.settings import SettingCodes
from hyperframe.frame import Frame
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.transport.calls import Http2Event, StreamOpened
from extproc.transport.frames import PREFACE, Http2Error
from extproc.transport.http2 import Http2Connection

HEADERS = ((":method", "POST"), (":scheme", "http"), (":path", "/svc/Call"), (":authority", "llmgw"))
START = PREFACE + b"\0\0\0\4\0\0\0\0\0"
BLOCK = b"\x83\x86\x04\x09/svc/Call"


def grpc_message(payload: bytes) -> bytes:
    return b"\0" + len(payload).to_bytes(4, "big") + payload


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def frames(data: bytes) -> list[Frame]:
    """All frames of our output. Fails where bytes are left over, or where a frame is none."""
    found: list[Frame] = []
    while data:
        head, length = Frame.parse_frame_header(memoryview(data[:9]))
        assert len(data) >= 9 + length
        head.parse_body(memoryview(data[9 : 9 + length]))
        found.append(head)
        data = data[9 + length :]
    return found


# -- any split --------------------------------------------------------------------------------------------------------------


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """What a well-behaved client sends: calls, messages cut into frames anyhow, resets, pings, new settings."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.receive_data(Http2Connection(max_message=100_000).take_output())
    open_calls: dict[int, bytes] = {}
    next_id = 1
    for _ in range(draw(st.integers(1, 12))):
        action = draw(st.sampled_from(["open", "open", "data", "data", "data", "end", "reset", "ping", "settings"]))
        if action == "open":
            extra = [("x", draw(st.text("ab", max_size=3)))]
            client.send_headers(next_id, [*HEADERS, *extra], priority_weight=draw(st.sampled_from([None, 16])))
            open_calls[next_id] = b"".join(grpc_message(m) for m in draw(st.lists(st.binary(max_size=40), max_size=4)))
            next_id += 2
        elif action == "ping":
            client.ping(draw(st.binary(min_size=8, max_size=8)))
        elif action == "settings":
            client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: draw(st.integers(0, 2**31 - 1))})
        elif open_calls:
            stream_id = draw(st.sampled_from(sorted(open_calls)))
            rest = open_calls[stream_id]
            if action == "data":
                size = draw(st.integers(0, len(rest)))
                client.send_data(stream_id, rest[:size], pad_length=draw(st.sampled_from([None, 0, 7])))
                open_calls[stream_id] = rest[size:]
            elif action == "end":
                client.send_data(stream_id, rest, end_stream=True)
                del open_calls[stream_id]
            else:
                client.reset_stream(stream_id, 8)
                del open_calls[stream_id]
    return client.data_to_send()


def run(chunks: list[bytes]) -> tuple[list[Http2Event], bytes]:
    """All events, and all that a server wrote which answers every message with itself."""
    server = Http2Connection(max_message=100_000)
    events: list[Http2Event] = []
    output = b""
    for chunk in chunks:
        events += server.receive(chunk)
        output += server.take_output()
    return events, output


@given(conversations(), st.data())
def test_any_split_gives_the_same_events_and_the_same_answer(conversation, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(conversation)), max_size=8)))
    chunks = [conversation[a:b] for a, b in zip([0, *cuts], [*cuts, len(conversation)], strict=True)]
    whole = run([conversation])
    assert run(chunks) == whole
    assert run([conversation[at : at + 1] for at in range(len(conversation))]) == whole


# -- garbage ------------------------------------------------------------------------------------------------------------------

payloads = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [BLOCK, grpc_message(b"hi"), b"\0\0\0\0", b"\0\0\0\1", bytes(8), b"\0\4\0\0\1\0", b"\x7f\xff\xff\xff"]
    ),
)
stream_ids = st.sampled_from([0, 1, 1, 1, 3, 3, 5, 2, 2**31 - 1])
any_frame = st.builds(frame, st.integers(0, 10), st.integers(0, 255), stream_ids, payloads)
likely_frame = st.one_of(
    st.builds(frame, st.just(1), st.sampled_from([4, 5]), st.sampled_from([1, 3, 5, 7]), st.just(BLOCK)),
    st.builds(frame, st.just(0), st.sampled_from([0, 0, 1]), st.sampled_from([1, 3]), payloads),
    st.builds(frame, st.just(8), st.just(0), st.sampled_from([0, 1, 3]), payloads.filter(lambda p: len(p) == 4)),
)
own_actions = st.tuples(
    st.sampled_from(["send", "end", "reset", "goaway"]), st.sampled_from([1, 3, 5]), st.integers(0, 70_000)
)


def act(server: Http2Connection, action: str, stream_id: int, size: int) -> None:
    match action:
        case "send":
            server.send(stream_id, bytes(size))
        case "end":
            server.end(stream_id)
        case "reset":
            server.reset(stream_id)
        case _:
            server.goaway()


@given(st.lists(st.one_of(likely_frame, likely_frame, any_frame, st.binary(max_size=30), own_actions), max_size=40))
def test_garbage_is_an_error_of_the_protocol_and_nothing_else(steps):
    """And all that we write meanwhile are frames."""
    server = Http2Connection(max_message=1000)
    server.receive(START)
    try:
        for step in steps:
            if isinstance(step, bytes):
                server.receive(step)
            else:
                act(server, *step)
    except Http2Error as error:
        fault = error
        server.fail(error)
    else:
        fault = None
    written = frames(server.take_output())
    if fault is not None:
        assert type(written[-1]).__name__ == "GoAwayFrame"
        assert written[-1].error_code == fault.code
    ends = [f.stream_id for f in written if "END_STREAM" in f.flags]
    assert len(ends) == len(set(ends)), "a call ends once"


# -- windows ------------------------------------------------------------------------------------------------------------------

STREAMS = (1, 3, 5)
flow_steps = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(STREAMS), st.sampled_from([0, 1, 10, 900, 20_000, 70_000])),
    st.tuples(st.just("end"), st.sampled_from(STREAMS), st.just(0)),
    st.tuples(st.just("reset"), st.sampled_from(STREAMS), st.just(0)),
    st.tuples(st.just("window"), st.sampled_from((0, *STREAMS)), st.integers(1, 50_000)),
    st.tuples(st.just("initial"), st.just(0), st.sampled_from([0, 1, 5, 100, 65_535, 200_000])),
    st.tuples(st.just("frame"), st.just(0), st.sampled_from([16_384, 16_385, 40_000])),
)


class Flow:
    """``h2`` as a client whose windows change all the time; it raises where the server goes beyond one."""

    def __init__(self, initial: int) -> None:
        self.server = Http2Connection(max_message=1000)
        self.client = H2Connection(H2Configuration(client_side=True))
        self.client.initiate_connection()
        self.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: initial})
        self.got: dict[int, bytes] = dict.fromkeys(STREAMS, b"")
        self.sent: dict[int, bytes] = dict.fromkeys(STREAMS, b"")
        self.ended: set[int] = set()
        self.over: set[int] = set()
        self.carry()
        for stream_id in STREAMS:
            self.client.send_headers(stream_id, HEADERS, end_stream=True)
        self.carry()

    def carry(self) -> None:
        while True:
            there = self.client.data_to_send()
            if there:
                self.server.receive(there)
            back = self.server.take_output()
            for event in self.client.receive_data(back) if back else ():
                if isinstance(event, DataReceived):
                    self.got[event.stream_id] += event.data
                elif isinstance(event, StreamEnded):
                    self.ended.add(event.stream_id)
            if not there and not back:
                return

    def step(self, action: str, stream_id: int, number: int) -> None:
        alive = stream_id not in self.over
        match action:
            case "send" if self.server.send(stream_id, bytes([stream_id]) * number):
                self.sent[stream_id] += grpc_message(bytes([stream_id]) * number)
            case "end":
                self.server.end(stream_id)
                self.over.add(stream_id)
            case "reset" if alive:
                self.client.reset_stream(stream_id)
                self.over.add(stream_id)
                self.sent[stream_id] = self.got[stream_id]
            case "window" if alive and self.client.remote_flow_control_window(stream_id or 1) + number < 2**31:
                self.client.increment_flow_control_window(number, stream_id or None)
            case "initial":
                self.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: number})
            case "frame":
                self.client.update_settings({SettingCodes.MAX_FRAME_SIZE: number})
            case _:
                pass
        self.carry()


@given(st.sampled_from([0, 1, 100, 65_535]), st.lists(flow_steps, max_size=25))
def test_windows_are_never_exceeded_and_nothing_is_lost_or_left(initial, steps):
    flow = Flow(initial)
    for step in steps:
        flow.step(*step)
    # Open all windows: everything that was held back comes, and every call that we ended ends.
    flow.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 5_000_000})
    flow.client.increment_flow_control_window(50_000_000)
    flow.carry()
    assert flow.got == flow.sent
    assert flow.server.open_streams == len(set(STREAMS) - flow.over)
    for stream_id in STREAMS:
        flow.server.end(stream_id)
    flow.carry()
    assert flow.server.open_streams == 0
    assert not flow.server._blocked


# -- header compression -------------------------------------------------------------------------------------------------------

names = st.sampled_from([":path", ":path", "x", "grpc-timeout", "te"])
header_lists = st.lists(st.tuples(names, st.sampled_from(["/a", "/b", "/c", "v" * 500, ""])), min_size=1, max_size=4)


@given(st.lists(st.tuples(header_lists, st.none() | st.sampled_from([0, 40, 80, 600, 4096])), max_size=40))
def test_paths_are_right_whatever_the_encoder_does_to_its_table(requests):
    encoder = hpack.Encoder()
    server = Http2Connection(max_message=1000)
    server.receive(START)
    for number, (headers, size) in enumerate(requests):
        if size is not None:
            encoder.header_table_size = size
        block = encoder.encode(headers, huffman=number % 2 == 0)
        (event,) = server.receive(frame(1, 4, 1 + 2 * number, block))
        path = next((value for name, value in headers if name == ":path"), "")
        assert event == StreamOpened(1 + 2 * number, path)


NEWEST, SECOND = b"\xbe", b"\xbf"
ROOM_FOR_ONE, ROOM_FOR_TWO, ROOM_FOR_ALL = b"\x3f\x09", b"\x3f\x3b", b"\x3f\xe1\x1f"
"""Table size updates: 40, 90 and 4,096 bytes, where an entry for a path of two bytes takes 39."""

insertions = st.sampled_from(
    [b"\x44\x02/a", b"\x44\x02/b", b"\x44\x02/c", b"\x40\x01x\x01y", b"\x44\x7f\x00" + b"v" * 127]
)
lookups = st.sampled_from([NEWEST, SECOND, NEWEST + SECOND, b"\x84", b"\x04\x02\xbe\xbe"])
resizings = st.sampled_from([ROOM_FOR_ONE, ROOM_FOR_TWO, ROOM_FOR_ALL])
shrunk = st.builds(lambda size, lookup: size + ROOM_FOR_ALL + lookup, resizings, lookups)
resized = st.builds(lambda size, rest: size + rest, resizings, insertions | lookups)
strange = st.binary(max_size=6)
blocks = st.one_of(lookups, lookups, lookups, insertions, insertions, resized, shrunk, strange)


@settings(max_examples=400)
@given(resizings, st.lists(blocks, min_size=5, max_size=60))
def test_no_block_is_ever_read_from_a_table_that_is_gone(size, sequence):
    """Each block as a decoder without any cache reads it: the same path, or an error in both."""
    reference = hpack.Decoder(max_header_list_size=64 * 1024)
    server = Http2Connection(max_message=1000)
    server.receive(START)
    for number, block in enumerate([size + b"\x44\x02/1", b"\x44\x02/2", b"\x44\x02/3", *sequence]):
        stream_id = 1 + 2 * number
        try:
            headers = reference.decode(block, raw=True)
        except hpack.HPACKError:
            headers = None
        try:
            events = server.receive(frame(1, 4, stream_id, block))
        except Http2Error:
            assert headers is None
            return
        assert headers is not None
        path = next((bytes(value).decode("latin-1") for name, value in headers if bytes(name) == b":path"), "")
        assert events == [StreamOpened(stream_id, path)]
