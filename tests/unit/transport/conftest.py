"""A client of our HTTP/2 connection: the ``h2`` library, with bytes carried by hand."""

import struct
from collections import Counter
from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, TrailersReceived
from h2.settings import SettingCodes
from hyperframe.frame import Frame

from extproc.transport.http2 import PREFACE, Http2Connection, Http2Event

HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/svc/Call"),
    (":authority", "llmgw"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]

MIB = 1024 * 1024

TYPES = ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE"]
TYPES.append("CONTINUATION")
"""RFC 9113, section 6: the place in this list is the number on the wire."""

END_HEADERS = 0x4
BLOCK = b"\x83\x86\x04\x09/svc/Call"
"""A header block: POST, http and the path as a literal that enters no table (RFC 7541, appendix A and 6.2.2)."""


def grpc_message(payload: bytes) -> bytes:
    """A gRPC message as it stands in DATA frames: not compressed, its length, itself."""
    return b"\0" + len(payload).to_bytes(4, "big") + payload


class Pair:
    """``h2`` as the client, our connection as the server. ``events`` are ours, ``seen`` what the client was told."""

    def __init__(self, *, max_message: int = MIB, settings: dict[SettingCodes, int] | None = None) -> None:
        self.server = Http2Connection(max_message=max_message)
        self.client = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.events: list[Http2Event] = []
        self.seen: list[Event] = []
        self._taken: Counter[int] = Counter()
        self.client.initiate_connection()
        if settings:
            self.client.update_settings(settings)
        self.carry()

    def carry(self) -> None:
        """Carry bytes both ways until nobody has any."""
        while True:
            there = self.client.data_to_send()
            if there:
                self.events += self.server.receive(there)
            back = self.server.take_output()
            for at in range(0, len(back), 65_536):  # h2 copies all that it was given for each frame in it
                self.seen += self.client.receive_data(back[at : at + 65_536])
            if not there and not back:
                return

    def open(self, stream_id: int = 1, *, path: str = "/svc/Call", end: bool = False) -> int:
        """Begin a call."""
        headers = [(name, path if name == ":path" else value) for name, value in HEADERS]
        self.client.send_headers(stream_id, headers, end_stream=end)
        self.carry()
        return stream_id

    def give(self, stream_id: int, *payloads: bytes, end: bool = False) -> None:
        """The client sends messages, in as many frames as the windows and the frame size want."""
        data = memoryview(b"".join(grpc_message(payload) for payload in payloads))
        while data:
            size = min(
                len(data), self.client.max_outbound_frame_size, self.client.local_flow_control_window(stream_id)
            )
            assert size > 0, "the server gives no window"
            self.client.send_data(stream_id, bytes(data[:size]))
            self.carry()
            data = data[size:]
        if end:
            self.client.end_stream(stream_id)
        self.carry()

    def take(self, stream_id: int) -> None:
        """The client reads what has come and gives the window back."""
        size = sum(event.flow_controlled_length for event in self.of(DataReceived, stream_id))
        self.client.acknowledge_received_data(size - self._taken[stream_id], stream_id)
        self._taken[stream_id] = size
        self.carry()

    def received(self, stream_id: int) -> bytes:
        """The body that the client has got so far."""
        return b"".join(e.data for e in self.seen if isinstance(e, DataReceived) and e.stream_id == stream_id)

    def of(self, kind: type[Event], stream_id: int | None = None) -> list[Event]:
        """What the client was told of this kind."""
        return [
            event
            for event in self.seen
            if isinstance(event, kind) and (stream_id is None or event.stream_id == stream_id)
        ]

    def status(self, stream_id: int) -> str | None:
        """The gRPC status of a call; None while it has none."""
        for event in self.of(TrailersReceived, stream_id) + self.of(ResponseReceived, stream_id):
            for name, value in event.headers:
                if name == "grpc-status":
                    return value
        return None


@pytest.fixture
def make_pair() -> Callable[..., Pair]:
    return Pair


@pytest.fixture
def pair() -> Pair:
    return Pair()


class Raw:
    """A client that may break every rule: it sends frames as they are written, and reads whole frames."""

    def __init__(self, *, max_message: int = MIB) -> None:
        self.server = Http2Connection(max_message=max_message)
        self.server.receive(PREFACE + self.frame("SETTINGS", 0, 0))
        self.frames()

    @staticmethod
    def frame(kind: str | int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
        """A frame: type, flags, stream and payload just as given."""
        number = kind if isinstance(kind, int) else TYPES.index(kind)
        return len(payload).to_bytes(3, "big") + struct.pack(">BBI", number, flags, stream_id) + payload

    def send(self, kind: str | int, flags: int, stream_id: int, payload: bytes = b"") -> list[Http2Event]:
        """Send one frame."""
        return self.server.receive(self.frame(kind, flags, stream_id, payload))

    def open(self, stream_id: int = 1, block: bytes = BLOCK, flags: int = END_HEADERS) -> list[Http2Event]:
        """Begin a call."""
        return self.send("HEADERS", flags, stream_id, block)

    def frames(self) -> list[Frame]:
        """What the server has written since the last call."""
        data, found = self.server.take_output(), []
        while data:
            frame, length = Frame.parse_frame_header(memoryview(data[:9]))
            frame.parse_body(memoryview(data[9 : 9 + length]))
            found.append(frame)
            data = data[9 + length :]
        return found


@pytest.fixture
def make_raw() -> Callable[..., Raw]:
    return Raw


@pytest.fixture
def raw() -> Raw:
    return Raw()
