"""The server side of HTTP/2 as far as gRPC over a local socket needs it, sans-io: bytes in, events and bytes out.

Why not grpc.aio: one ext_proc request is two streams and about seven tiny messages, and grpc.aio spends most of its time
on handing them between its poller thread, its batches and the event loop. Framing them here costs a seventh of the
CPU and less than half the latency (``make bench`` compares both). What is left out is what the peer, Envoy on the same
machine, never uses: priorities, push, compression, upgrade.

Sources: RFC 9113 (frames, flow control, errors), RFC 7541 (HPACK, by the ``hpack`` library), and
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (length-prefixed messages, trailers).
"""

import struct
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PUSH, _PING, _GOAWAY, _WINDOW, _CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY_FLAG = 0x1, 0x1, 0x4, 0x8, 0x20

_SET_TABLE_SIZE, _SET_MAX_STREAMS, _SET_INITIAL_WINDOW, _SET_MAX_FRAME = 0x1, 0x3, 0x4, 0x5

NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR = 0x0, 0x1, 0x3, 0x6
STREAM_CLOSED, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 0x5, 0x7, 0x8, 0x9, 0xB

GRPC_OK, GRPC_CANCELLED, GRPC_RESOURCE_EXHAUSTED, GRPC_UNIMPLEMENTED, GRPC_INTERNAL = 0, 1, 8, 12, 13

_FRAME_LIMIT, _LARGEST_FRAME_LIMIT = 16_384, 2**24 - 1
"""The protocol's default and what Envoy sends; bodies of many megabytes come as many frames."""
_HEADER_BLOCK_LIMIT = 64 * 1024
"""gRPC metadata of one stream; Envoy's is a few hundred bytes."""
_MAX_STREAMS = 100_000
"""No limit in practice: Envoy's own limits come first. A stream beyond it is refused, so Envoy tries another worker."""
_MAX_WINDOW = 2**31 - 1
_DEFAULT_WINDOW = 65_535
_CONNECTION_WINDOW = 256 * 1024 * 1024
"""What may be in flight towards us over all streams. Bodies are buffered in Envoy before they are sent."""
_PENDING_LIMIT = 128 * 1024 * 1024
"""What one stream may hold back for a peer that gives no window; more is a bug or an attack."""
_CACHED_BLOCKS = 256

_frame_head = struct.Struct(">IBI")
_setting = struct.Struct(">HI")
_u32 = struct.Struct(">I")


class Http2Error(Exception):
    """The peer broke the protocol; the connection ends with this error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """A call begins."""

    stream_id: int
    path: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """One whole gRPC message."""

    stream_id: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The peer has sent its last message of the call."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The peer has given the call up; nothing more may be sent."""

    stream_id: int
    code: int


Http2Event: TypeAlias = StreamOpened | MessageReceived | StreamEnded | StreamReset


class _Stream:
    """``incoming`` holds the bytes of messages not yet whole; ``pending`` what waits for the peer's window."""

    __slots__ = (
        "ended_by_peer",
        "headers_sent",
        "incoming",
        "pending",
        "pending_size",
        "trailers",
        "unacked",
        "window",
    )

    def __init__(self, window: int) -> None:
        self.window = window
        self.incoming = bytearray()
        self.unacked = 0
        self.headers_sent = False
        self.ended_by_peer = False
        self.pending: deque[memoryview] = deque()
        self.pending_size = 0
        self.trailers: bytes | None = None


class Http2Connection:
    """One connection. ``receive`` takes bytes and gives events; ``take_output`` gives the bytes to write.

    ``max_message``: the largest gRPC message taken, in bytes; a longer one ends its call with RESOURCE_EXHAUSTED.
    """

    def __init__(self, *, max_message: int) -> None:
        self._max_message = max_message
        self._input: bytes = b""
        self._preface_seen = False
        self._streams: dict[int, _Stream] = {}
        self._last_stream = 0
        self._draining = False
        self._decoder = hpack.Decoder(max_header_list_size=_HEADER_BLOCK_LIMIT)
        self._decoded: dict[bytes, str] = {}
        self._header_block: tuple[int, bool, bytearray] = (0, False, bytearray())
        self._expected: int | None = _SETTINGS
        self._size_update = b""
        self._send_window = _DEFAULT_WINDOW
        self._peer_initial_window = _DEFAULT_WINDOW
        self._peer_frame_limit = _FRAME_LIMIT
        self._receive_window_used = 0
        self._stream_window = min(_MAX_WINDOW, max_message + 64 * 1024)
        self._blocked: dict[int, None] = {}
        self._output: list[bytes] = [
            _frame(
                _SETTINGS,
                0,
                0,
                _setting.pack(_SET_MAX_STREAMS, _MAX_STREAMS) + _setting.pack(_SET_INITIAL_WINDOW, self._stream_window),
            ),
            _frame(_WINDOW, 0, 0, _u32.pack(_CONNECTION_WINDOW - _DEFAULT_WINDOW)),
        ]

    @property
    def open_streams(self) -> int:
        """How many calls are under way."""
        return len(self._streams)

    def take_output(self) -> bytes:
        """The bytes to write now; empty where there are none."""
        if not self._output:
            return b""
        output = b"".join(self._output)
        self._output.clear()
        return output

    # -- receiving ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Http2Event]:
        """Events of these bytes, in order. Raises ``Http2Error``; the caller then writes ``fail(...)`` and closes."""
        data = self._input + data if self._input else data
        at = 0
        if not self._preface_seen:
            if len(data) < len(PREFACE):
                self._input = data
                return []
            if not data.startswith(PREFACE):
                raise Http2Error(PROTOCOL_ERROR, "the peer does not speak HTTP/2 with prior knowledge")
            self._preface_seen, at = True, len(PREFACE)
        events: list[Http2Event] = []
        size = len(data)
        while size - at >= 9:
            word, flags, stream_id = _frame_head.unpack_from(data, at)
            length = word >> 8
            if length > _FRAME_LIMIT:
                raise Http2Error(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            if size - at - 9 < length:
                break
            payload = data[at + 9 : at + 9 + length]
            at += 9 + length
            self._frame(word & 0xFF, flags, stream_id & 0x7FFFFFFF, payload, events)
        self._input = data[at:]
        return events

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        if self._expected is not None and kind != self._expected:
            raise Http2Error(PROTOCOL_ERROR, f"a frame of kind {kind} where one of kind {self._expected} has to come")
        if kind == _DATA:
            self._on_data(flags, stream_id, payload, events)
        elif kind == _HEADERS:
            self._on_headers(flags, stream_id, payload, events)
        elif kind == _CONTINUATION:
            self._on_continuation(flags, stream_id, payload, events)
        elif kind == _RST_STREAM:
            self._on_reset(stream_id, payload, events)
        else:
            self._control(kind, flags, stream_id, payload, events)

    def _control(self, kind: int, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        """Frames about the connection. PRIORITY, GOAWAY and types of later versions ask nothing of a server."""
        if stream_id and kind in {_SETTINGS, _PING}:
            raise Http2Error(PROTOCOL_ERROR, "a frame of the connection on a stream")
        if kind == _WINDOW:
            self._on_window(stream_id, payload, events)
        elif kind == _SETTINGS:
            self._on_settings(flags, payload)
        elif kind == _PING:
            if len(payload) != 8:
                raise Http2Error(FRAME_SIZE_ERROR, "a ping has eight bytes")
            if not flags & _ACK:
                self._output.append(_frame(_PING, _ACK, 0, payload))
        elif kind == _PUSH:
            raise Http2Error(PROTOCOL_ERROR, "a client cannot push")

    def _on_data(self, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        self._consumed(len(payload))
        stream = self._streams.get(stream_id)
        if stream is None:
            self._must_be_known(stream_id)
            return  # closed by us a moment ago
        if stream.ended_by_peer:
            self._abort(stream_id, STREAM_CLOSED, events)
            return
        stream.unacked += len(payload)
        stream.incoming += _unpadded(payload) if flags & _PADDED else payload
        if not self._messages(stream_id, stream, events):
            return
        if flags & _END_STREAM:
            self._peer_ended(stream_id, stream, events)
        elif stream.unacked > self._stream_window // 2:
            self._output.append(_frame(_WINDOW, 0, stream_id, _u32.pack(stream.unacked)))
            stream.unacked = 0

    def _must_be_known(self, stream_id: int) -> None:
        if stream_id % 2 == 0 or stream_id > self._last_stream:
            raise Http2Error(PROTOCOL_ERROR, "a frame of a stream that was never opened")

    def _peer_ended(self, stream_id: int, stream: _Stream, events: list[Http2Event]) -> None:
        stream.ended_by_peer = True
        if stream.incoming:
            self.end(stream_id, GRPC_INTERNAL, "the last message is not whole")
            events.append(StreamReset(stream_id, CANCEL))
        else:
            events.append(StreamEnded(stream_id))

    def _messages(self, stream_id: int, stream: _Stream, events: list[Http2Event]) -> bool:
        """Take whole messages out of the stream's bytes; False where the call was ended for a bad one."""
        incoming = stream.incoming
        at, size = 0, len(incoming)
        while size - at >= 5:
            length = int.from_bytes(incoming[at + 1 : at + 5], "big")
            if incoming[at]:
                self.end(stream_id, GRPC_UNIMPLEMENTED, "compressed messages are not supported")
                events.append(StreamReset(stream_id, CANCEL))
                return False
            if length > self._max_message:
                self.end(stream_id, GRPC_RESOURCE_EXHAUSTED, f"a message of {length} bytes exceeds {self._max_message}")
                events.append(StreamReset(stream_id, CANCEL))
                return False
            if size - at - 5 < length:
                break
            events.append(MessageReceived(stream_id, bytes(memoryview(incoming)[at + 5 : at + 5 + length])))
            at += 5 + length
        if at:
            del incoming[:at]
        return True

    def _on_headers(self, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        if stream_id % 2 == 0:
            raise Http2Error(PROTOCOL_ERROR, "a client's stream has an odd number")
        if flags & _PADDED:
            payload = _unpadded(payload)
        if flags & _PRIORITY_FLAG:
            if len(payload) < 5:
                raise Http2Error(FRAME_SIZE_ERROR, "no room for the priority")
            payload = payload[5:]
        if flags & _END_HEADERS:
            self._block(stream_id, payload, end=bool(flags & _END_STREAM), events=events)
        else:
            self._header_block = (stream_id, bool(flags & _END_STREAM), bytearray(payload))
            self._expected = _CONTINUATION

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        expected, end, block = self._header_block
        if self._expected != _CONTINUATION or expected != stream_id:
            raise Http2Error(PROTOCOL_ERROR, "a continuation of nothing")
        block += payload
        if len(block) > _HEADER_BLOCK_LIMIT:
            raise Http2Error(ENHANCE_YOUR_CALM, "a header block is too long")
        if flags & _END_HEADERS:
            self._expected = None
            self._block(stream_id, bytes(block), end=end, events=events)

    def _block(self, stream_id: int, block: bytes, *, end: bool, events: list[Http2Event]) -> None:
        path = self._path_of(block)
        stream = self._streams.get(stream_id)
        if stream is not None:  # trailers of the request: gRPC clients send none with a meaning
            if stream.ended_by_peer or not end:
                self._abort(stream_id, STREAM_CLOSED if stream.ended_by_peer else PROTOCOL_ERROR, events)
            else:
                self._peer_ended(stream_id, stream, events)
            return
        if stream_id <= self._last_stream:
            return  # trailers of a call that we have closed
        self._last_stream = stream_id
        if len(self._streams) >= _MAX_STREAMS:
            self._output.append(_frame(_RST_STREAM, 0, stream_id, _u32.pack(REFUSED_STREAM)))
            return
        stream = self._streams[stream_id] = _Stream(self._peer_initial_window)
        events.append(StreamOpened(stream_id, path))
        if end:
            stream.ended_by_peer = True
            events.append(StreamEnded(stream_id))

    def _path_of(self, block: bytes) -> str:
        """The ``:path`` of a header block.

        Envoy's blocks are soon the same bytes again and again: references into the compression table and literals that
        are not to be indexed. Such a block changes no state, so its meaning holds until a block that does change it;
        every other block goes through the decoder.
        """
        known = self._decoded.get(block)
        if known is not None:
            return known
        before = self._table_state()
        try:
            headers = self._decoder.decode(block, raw=True)
        except (hpack.HPACKError, UnicodeDecodeError) as error:
            raise Http2Error(COMPRESSION_ERROR, "a header block cannot be decoded") from error
        path = next((bytes(value).decode("latin-1") for name, value in headers if bytes(name) == b":path"), "")
        after = self._table_state()
        if after[0] is not before[0] or after[1:] != before[1:] or len(self._decoded) >= _CACHED_BLOCKS:
            self._decoded.clear()
        else:
            self._decoded[block] = path
        return path

    def _table_state(self) -> tuple[object, int, int]:
        """What differs after any change of the compression table: a new entry is a new object at its head.

        The head itself is in it, not its address: while it is held, nothing else can get that address.
        """
        table = self._decoder.header_table
        entries = table.dynamic_entries
        return entries[0] if entries else None, len(entries), table.maxsize

    def _on_reset(self, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        if len(payload) != 4:
            raise Http2Error(FRAME_SIZE_ERROR, "a reset has four bytes")
        self._must_be_known(stream_id)
        if self._forget(stream_id):
            events.append(StreamReset(stream_id, _u32.unpack(payload)[0]))

    def _abort(self, stream_id: int, code: int, events: list[Http2Event]) -> None:
        self.reset(stream_id, code)
        events.append(StreamReset(stream_id, code))

    def _on_settings(self, flags: int, payload: bytes) -> None:
        if len(payload) % 6 or (flags & _ACK and payload):
            raise Http2Error(FRAME_SIZE_ERROR, "settings come in sixes, and an acknowledgement has none")
        self._expected = None
        if flags & _ACK:
            return
        for name, value in _setting.iter_unpack(payload):
            if name == _SET_INITIAL_WINDOW:
                for stream in self._streams.values():
                    stream.window += value - self._peer_initial_window
                self._peer_initial_window = value
                if max((value, *(stream.window for stream in self._streams.values()))) > _MAX_WINDOW:
                    raise Http2Error(FLOW_CONTROL_ERROR, "a window is too large")
            elif name == _SET_MAX_FRAME:
                if not _FRAME_LIMIT <= value <= _LARGEST_FRAME_LIMIT:
                    raise Http2Error(PROTOCOL_ERROR, f"frames of {value} bytes")
                self._peer_frame_limit = value
            elif name == _SET_TABLE_SIZE:
                # Our blocks use no table, whatever its size; but a smaller one has to be acknowledged by the next block
                # (RFC 7541, section 4.2). 0x20: its size is now 0, and it never needs to be said again.
                self._size_update = b"\x20"
        self._output.append(_frame(_SETTINGS, _ACK, 0, b""))
        self._flush_blocked()

    def _on_window(self, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        if len(payload) != 4:
            raise Http2Error(FRAME_SIZE_ERROR, "a window update has four bytes")
        increment = _u32.unpack(payload)[0] & 0x7FFFFFFF
        if stream_id == 0:
            self._send_window += increment
            if fault := _window_fault(increment, self._send_window):
                raise Http2Error(fault, "the connection's window is out of bounds")
            self._flush_blocked()
        elif (stream := self._streams.get(stream_id)) is not None:
            stream.window += increment
            if fault := _window_fault(increment, stream.window):
                self._abort(stream_id, fault, events)
            elif stream_id in self._blocked:
                self._drain(stream_id, stream)
        else:
            self._must_be_known(stream_id)

    def _consumed(self, size: int) -> None:
        """Give the connection's window back in large steps: an update for each frame would double the frames."""
        self._receive_window_used += size
        if self._receive_window_used > _CONNECTION_WINDOW // 4:
            self._output.append(_frame(_WINDOW, 0, 0, _u32.pack(self._receive_window_used)))
            self._receive_window_used = 0

    # -- sending ------------------------------------------------------------------------------------------------------

    def send(self, stream_id: int, payload: bytes) -> bool:
        """One gRPC message, held back while the peer gives no window. False where the call is over, maybe just now."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.trailers is not None:
            return False
        if not stream.headers_sent:
            stream.headers_sent = True
            self._head(stream_id, _END_HEADERS, _RESPONSE_HEADERS)
        size = len(payload) + 5
        message = b"\0" + _u32.pack(len(payload)) + payload
        if not stream.pending and size <= self._peer_frame_limit and size <= min(stream.window, self._send_window):
            stream.window -= size
            self._send_window -= size
            self._output.append(_frame(_DATA, 0, stream_id, message))
            return True
        stream.pending.append(memoryview(message))  # a view: each frame takes a slice of it without a copy of the rest
        stream.pending_size += size
        if stream.pending_size > _PENDING_LIMIT:
            self.reset(stream_id, ENHANCE_YOUR_CALM)
            return False
        self._drain(stream_id, stream)
        return True

    def end(self, stream_id: int, status: int = GRPC_OK, message: str = "") -> None:
        """End a call with a gRPC status, behind all that was sent. Ignored where it is over."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.trailers is not None:
            return
        stream.trailers = _trailers(status, message)
        if stream.pending:
            return
        self._close(stream_id, stream)

    def reset(self, stream_id: int, code: int = CANCEL) -> None:
        """Give a call up at once."""
        if self._forget(stream_id):
            self._output.append(_frame(_RST_STREAM, 0, stream_id, _u32.pack(code)))

    def goaway(self) -> None:
        """Ask the peer to open no more streams here; those under way go on."""
        if not self._draining:
            self._draining = True
            self._output.append(_frame(_GOAWAY, 0, 0, _u32.pack(_MAX_WINDOW) + _u32.pack(NO_ERROR)))

    def fail(self, error: Http2Error) -> None:
        """The last words of a connection whose peer broke the protocol."""
        self.goodbye(error.code)

    def goodbye(self, code: int = NO_ERROR) -> None:
        """The last words before the connection is closed: streams that are not counted may be tried elsewhere."""
        self._output.append(_frame(_GOAWAY, 0, 0, _u32.pack(self._last_stream) + _u32.pack(code)))

    def _drain(self, stream_id: int, stream: _Stream) -> None:
        while stream.pending:
            room = min(stream.window, self._send_window)
            if room <= 0:
                self._blocked[stream_id] = None
                return
            head = stream.pending[0]
            piece = head[: min(room, self._peer_frame_limit)]
            if len(piece) == len(head):
                stream.pending.popleft()
            else:
                stream.pending[0] = head[len(piece) :]
            stream.pending_size -= len(piece)
            stream.window -= len(piece)
            self._send_window -= len(piece)
            self._output.append(_frame(_DATA, 0, stream_id, piece))
        self._blocked.pop(stream_id, None)
        if stream.trailers is not None:
            self._close(stream_id, stream)

    def _flush_blocked(self) -> None:
        for stream_id in list(self._blocked):
            self._drain(stream_id, self._streams[stream_id])

    def _close(self, stream_id: int, stream: _Stream) -> None:
        assert stream.trailers is not None
        block = stream.trailers if stream.headers_sent else _RESPONSE_HEADERS + stream.trailers
        self._head(stream_id, _END_HEADERS | _END_STREAM, block)
        if not stream.ended_by_peer:
            # A server may end a call before its client has: the reset says that the rest is not wanted (RFC 9113, 8.1).
            self._output.append(_frame(_RST_STREAM, 0, stream_id, _u32.pack(NO_ERROR)))
        self._forget(stream_id)

    def _head(self, stream_id: int, flags: int, block: bytes) -> None:
        if self._size_update:
            block, self._size_update = self._size_update + block, b""
        self._output.append(_frame(_HEADERS, flags, stream_id, block))

    def _forget(self, stream_id: int) -> bool:
        self._blocked.pop(stream_id, None)
        return self._streams.pop(stream_id, None) is not None


def _frame(kind: int, flags: int, stream_id: int, payload: bytes | memoryview) -> bytes:
    return _frame_head.pack(len(payload) << 8 | kind, flags, stream_id) + payload


def _window_fault(increment: int, window: int) -> int:
    """The error code of a window update that may not be (RFC 9113, section 6.9); 0 for a good one."""
    if increment == 0:
        return PROTOCOL_ERROR
    return FLOW_CONTROL_ERROR if window > _MAX_WINDOW else NO_ERROR


def _unpadded(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise Http2Error(PROTOCOL_ERROR, "the padding is longer than the frame")
    return payload[1 : len(payload) - payload[0]]


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field without indexing and without Huffman coding: stateless, so the block can be a constant."""
    assert len(name) < 127
    assert len(value) < 127
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


_STATUS_200 = b"\x88"  # RFC 7541 appendix A, index 8
_RESPONSE_HEADERS = _STATUS_200 + _literal(b"content-type", b"application/grpc")


def _trailers(status: int, message: str) -> bytes:
    trailers = _literal(b"grpc-status", str(status).encode())
    if message:
        text = "".join(c if " " <= c <= "~" and c != "%" else "?" for c in message)[:120]
        trailers += _literal(b"grpc-message", text.encode())
    return trailers


def client_call(path: str, message: bytes) -> bytes:
    """The frames of a client's first call on a connection, behind the preface: settings, head, one message, the end."""
    block = b"\x83\x86" + b"".join(  # RFC 7541 appendix A: 3 = ":method: POST", 6 = ":scheme: http"
        _literal(name, value)
        for name, value in (
            (b":path", path.encode()),
            (b":authority", b"localhost"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
        )
    )
    payload = b"\0" + _u32.pack(len(message)) + message
    head = _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_HEADERS, 1, block)
    return head + _frame(_DATA, _END_STREAM, 1, payload)


def answer_message(data: bytes) -> bytes | None:
    """The first whole gRPC message in a server's frames, so far as they came; None while there is none."""
    at = 0
    while len(data) - at >= 9:
        word, _, _ = _frame_head.unpack_from(data, at)
        length = word >> 8
        if len(data) - at - 9 < length:
            return None
        if word & 0xFF == _DATA and length >= 5:
            return data[at + 14 : at + 9 + length]
        at += 9 + length
    return None
