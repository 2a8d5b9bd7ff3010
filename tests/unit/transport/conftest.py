"""Clients of the transport.

``Pair``    the ``h2`` library, with bytes carried by hand
``Raw``     a client that may break every rule
``Caller``  ``h2`` on a unix socket, as Envoy is; ``Bench`` is the server on the other side, over scripted phases

What runs on an event loop runs on both: uvloop's, as in a worker, and asyncio's own.
"""

import asyncio
import contextlib
import shutil
import struct
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamReset, TrailersReceived
from h2.settings import SettingCodes
from hyperframe.frame import Frame

from extproc.phases.fakes import ScriptedPhase
from extproc.phases.ports import Clock, SystemClock
from extproc.transport.calls import Http2Event
from extproc.transport.frames import PREFACE
from extproc.transport.http2 import Http2Connection
from extproc.transport.server import GrpcServer

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


def pytest_asyncio_loop_factories(config, item):
    """For pytest-asyncio: each test runs once with each of these."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


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
            size = min(len(data), self.client.max_outbound_frame_size, self.client.local_flow_control_window(stream_id))
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


class Caller:
    """A gRPC client as Envoy is one: one connection to a unix socket, many calls on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._body: dict[int, bytes] = {}
        self.acknowledges = True
        """Whether the windows are given back."""
        self.statuses: dict[int, str] = {}
        self.resets: dict[int, int] = {}
        self.goaways: list[tuple[int, int]] = []
        """Error code and last stream of each."""
        self.closed = False

    @classmethod
    async def connect(cls, path: Path) -> "Caller":
        caller = cls(*await asyncio.open_unix_connection(str(path)))
        caller._h2.initiate_connection()
        caller._flush()
        return caller

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())

    def open(self, stream_id: int = 1, path: str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process") -> int:
        self._h2.send_headers(stream_id, [(n, path if n == ":path" else v) for n, v in HEADERS])
        self._flush()
        return stream_id

    def send(self, stream_id: int, *messages: bytes, end: bool = False) -> None:
        data = b"".join(map(grpc_message, messages))
        for at in range(0, len(data), 16_384):
            self._h2.send_data(stream_id, data[at : at + 16_384])
        if end:
            self._h2.end_stream(stream_id)
        self._flush()

    def reset(self, stream_id: int) -> None:
        self._h2.reset_stream(stream_id, 8)
        self._flush()

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(data)

    def give_window(self, size: int, stream_id: int) -> None:
        self._h2.increment_flow_control_window(size, stream_id or None)
        self._flush()

    def answers(self, stream_id: int) -> list[bytes]:
        """The whole messages that have come on a call."""
        found, body = [], self._body.get(stream_id, b"")
        while len(body) >= 5 and len(body) >= 5 + (size := int.from_bytes(body[1:5], "big")):
            found.append(body[5 : 5 + size])
            body = body[5 + size :]
        return found

    async def until(self, condition: Callable[[], object]) -> None:
        """Read until something is so. Fails after half a minute, which nothing but a hang takes."""
        async with asyncio.timeout(30):
            while not condition():
                data = await self._read()
                if not data:
                    self.closed = True
                    assert condition(), "the connection was closed"
                    return
                for event in self._h2.receive_data(data):
                    self._on_event(event)
                self._flush()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(65_536)
        except ConnectionResetError:
            return b""

    def _on_event(self, event: Event) -> None:
        match event:
            case DataReceived():
                self._body[event.stream_id] = self._body.get(event.stream_id, b"") + event.data
                if self.acknowledges:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case ResponseReceived() | TrailersReceived():
                for name, value in event.headers:
                    if name == "grpc-status":
                        self.statuses[event.stream_id] = value
            case StreamReset():
                self.resets[event.stream_id] = event.error_code
            case ConnectionTerminated():
                self.goaways.append((event.error_code, event.last_stream_id))
                # h2 takes every GOAWAY for the end; a graceful one (RFC 9113, section 6.8) lets open streams go on.
                self._h2.state_machine.state = ConnectionState.CLIENT_OPEN
            case _:
                pass

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await self._writer.wait_closed()


class Bench:
    """A server over scripted phases, and what it reported. The script is shared by all phases, and may change."""

    def __init__(self, clock: Clock) -> None:
        self.phases: list[ScriptedPhase] = []
        self.kinds: list[bool] = []
        self.script: dict[bytes, Callable] = {}
        self.crashes: list[tuple[str, BaseException]] = []
        self.server = GrpcServer(self.new_phase, self, clock, max_message=100_000)

    def new_phase(self, is_attempt: bool) -> ScriptedPhase:  # noqa: FBT001  the transport's signature
        if b"new" in self.script:
            self.script[b"new"]()
        self.kinds.append(is_attempt)
        self.phases.append(ScriptedPhase(self.script))
        return self.phases[-1]

    def crashed(self, where: str, error: BaseException) -> None:
        self.crashes.append((where, error))

    @property
    def phase(self) -> ScriptedPhase:
        return self.phases[0]

    @property
    def events(self) -> list:
        """What the first phase has been shown."""
        return self.phases[0].events if self.phases else []


@pytest.fixture
def clock() -> Clock:
    return SystemClock()


@pytest.fixture
def make_bench(clock) -> Callable[[], Bench]:
    """A server that is not started."""
    return lambda: Bench(clock)


@pytest.fixture
async def bench(folder, clock) -> AsyncIterator[Bench]:
    bench = Bench(clock)
    await bench.server.start(folder / "worker.sock")
    yield bench
    await bench.server.drain(0)


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait, for at most half a minute, until something is so."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110  what is waited for has no event of its own
                await asyncio.sleep(0.001)

    return wait


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: a unix socket's path may hold 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="llmgw-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def connect(folder) -> AsyncIterator[Callable]:
    """Open a connection to the socket in ``folder``."""
    callers: list[Caller] = []

    async def make(path: Path = folder / "worker.sock") -> Caller:
        callers.append(await Caller.connect(path))
        return callers[-1]

    yield make
    for caller in callers:
        await caller.close()
