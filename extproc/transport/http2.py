"""The server side of HTTP/2 as far as gRPC over a local socket needs it, sans-io: bytes in, events and bytes out.

Why not grpc.aio: one ext_proc request is two streams and about seven tiny messages, and grpc.aio spends most of its time
on handing them between its poller thread, its batches and the event loop. Framing them here costs a quarter of the
CPU and less than half the latency (``make bench`` compares both). What is left out is what the peer, Envoy on the same
machine, never uses: priorities, push, compression, upgrade.

Sources: RFC 9113 (frames, flow control, errors), RFC 7541 (HPACK, by the ``hpack`` library), and
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (length-prefixed messages, trailers).
"""

from extproc.transport import frames
from extproc.transport.calls import Http2Event, MessageReceived, Stream, StreamEnded, StreamOpened, StreamReset
from extproc.transport.frames import Http2Error
from extproc.transport.headers import PathReader
from extproc.transport.sending import Sender

_HEADER_BLOCK_LIMIT = 64 * 1024
"""gRPC metadata of one stream; Envoy's is a few hundred bytes."""
_MAX_STREAMS = 100_000
"""No limit in practice: Envoy's own limits come first. A stream beyond it is refused, so Envoy tries another worker."""
_CONNECTION_WINDOW = 256 * 1024 * 1024
"""What may be in flight towards us over all streams. Bodies are buffered in Envoy before they are sent."""


class Http2Connection(Sender):
    """One connection. ``receive`` takes bytes and gives events; ``take_output`` gives the bytes to write.

    ``max_message``: the largest gRPC message taken, in bytes; a longer one ends its call with RESOURCE_EXHAUSTED.
    """

    def __init__(self, *, max_message: int) -> None:
        stream_window = min(frames.MAX_WINDOW, max_message + 64 * 1024)
        super().__init__(
            frames.frame(
                frames.SETTINGS,
                0,
                0,
                frames.SETTING.pack(frames.SET_MAX_STREAMS, _MAX_STREAMS)
                + frames.SETTING.pack(frames.SET_INITIAL_WINDOW, stream_window),
            ),
            frames.frame(frames.WINDOW, 0, 0, frames.U32.pack(_CONNECTION_WINDOW - frames.DEFAULT_WINDOW)),
        )
        self._max_message = max_message
        self._stream_window = stream_window
        self._input: bytes = b""
        self._preface_seen = False
        self._last_stream = 0
        self._paths = PathReader()
        self._header_block: tuple[int, bool, bytearray] = (0, False, bytearray())
        self._expected: int | None = frames.SETTINGS
        self._receive_window_used = 0

    def receive(self, data: bytes) -> list[Http2Event]:
        """Events of these bytes, in order. Raises ``Http2Error``; the caller then writes ``fail(...)`` and closes."""
        data = self._input + data if self._input else data
        at = 0
        if not self._preface_seen:
            if len(data) < len(frames.PREFACE):
                self._input = data
                return []
            if not data.startswith(frames.PREFACE):
                raise Http2Error(frames.PROTOCOL_ERROR, "the peer does not speak HTTP/2 with prior knowledge")
            self._preface_seen, at = True, len(frames.PREFACE)
        events: list[Http2Event] = []
        size = len(data)
        while size - at >= 9:
            word, flags, stream_id = frames.FRAME_HEAD.unpack_from(data, at)
            length = word >> 8
            if length > frames.FRAME_LIMIT:
                raise Http2Error(frames.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            if size - at - 9 < length:
                break
            payload = data[at + 9 : at + 9 + length]
            at += 9 + length
            kind = word & 0xFF
            if kind == frames.DATA and self._expected is None:
                self._on_data(flags, stream_id & 0x7FFFFFFF, payload, events)
            else:
                self._frame(kind, flags, stream_id & 0x7FFFFFFF, payload, events)
        self._input = data[at:]
        return events

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        if self._expected is not None and kind != self._expected:
            raise Http2Error(
                frames.PROTOCOL_ERROR, f"a frame of kind {kind} where one of kind {self._expected} has to come"
            )
        if kind == frames.HEADERS:
            self._on_headers(flags, stream_id, payload, events)
        elif kind == frames.CONTINUATION:
            self._on_continuation(flags, stream_id, payload, events)
        elif kind == frames.RST_STREAM:
            self._on_reset(stream_id, payload, events)
        else:
            self._control(kind, flags, stream_id, payload, events)

    def _control(self, kind: int, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        """Frames about the connection. PRIORITY, GOAWAY and types of later versions ask nothing of a server."""
        if stream_id and kind in {frames.SETTINGS, frames.PING}:
            raise Http2Error(frames.PROTOCOL_ERROR, "a frame of the connection on a stream")
        if kind == frames.WINDOW:
            self._on_window(stream_id, payload, events)
        elif kind == frames.SETTINGS:
            self._on_settings(flags, payload)
        elif kind == frames.PING:
            if len(payload) != 8:
                raise Http2Error(frames.FRAME_SIZE_ERROR, "a ping has eight bytes")
            if not flags & frames.ACK:
                self._output.append(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.PUSH:
            raise Http2Error(frames.PROTOCOL_ERROR, "a client cannot push")

    def _on_data(self, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        size = len(payload)
        self._consumed(size)
        stream = self._streams.get(stream_id)
        if stream is None:
            self._must_be_known(stream_id)
            return  # closed by us a moment ago
        if stream.ended_by_peer:
            self._abort(stream_id, frames.STREAM_CLOSED, events)
            return
        stream.unacked += size
        if (
            size >= 5
            and not stream.incoming
            and frames.GRPC_HEAD.unpack_from(payload) == (0, size - 5)
            and not (flags & frames.PADDED or size - 5 > self._max_message)
        ):
            events.append(MessageReceived(stream_id, payload[5:]))  # nearly all: one message, alone in its frame
        else:
            stream.incoming += frames.unpadded(payload) if flags & frames.PADDED else payload
            if not self._messages(stream_id, stream, events):
                return
        if flags & frames.END_STREAM:
            self._peer_ended(stream_id, stream, events)
        elif stream.unacked > self._stream_window // 2:
            self._output.append(frames.frame(frames.WINDOW, 0, stream_id, frames.U32.pack(stream.unacked)))
            stream.unacked = 0

    def _must_be_known(self, stream_id: int) -> None:
        if stream_id % 2 == 0 or stream_id > self._last_stream:
            raise Http2Error(frames.PROTOCOL_ERROR, "a frame of a stream that was never opened")

    def _peer_ended(self, stream_id: int, stream: Stream, events: list[Http2Event]) -> None:
        stream.ended_by_peer = True
        if stream.incoming:
            self.end(stream_id, frames.GRPC_INTERNAL, "the last message is not whole")
            events.append(StreamReset(stream_id, frames.CANCEL))
        else:
            events.append(StreamEnded(stream_id))

    def _messages(self, stream_id: int, stream: Stream, events: list[Http2Event]) -> bool:
        """Take whole messages out of the stream's bytes; False where the call was ended for a bad one."""
        incoming = stream.incoming
        at, size = 0, len(incoming)
        while size - at >= 5:
            length = int.from_bytes(incoming[at + 1 : at + 5], "big")
            if incoming[at]:
                self.end(stream_id, frames.GRPC_UNIMPLEMENTED, "compressed messages are not supported")
                events.append(StreamReset(stream_id, frames.CANCEL))
                return False
            if length > self._max_message:
                self.end(
                    stream_id,
                    frames.GRPC_RESOURCE_EXHAUSTED,
                    f"a message of {length} bytes exceeds {self._max_message}",
                )
                events.append(StreamReset(stream_id, frames.CANCEL))
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
            raise Http2Error(frames.PROTOCOL_ERROR, "a client's stream has an odd number")
        if flags & frames.PADDED:
            payload = frames.unpadded(payload)
        if flags & frames.PRIORITY_FLAG:
            if len(payload) < 5:
                raise Http2Error(frames.FRAME_SIZE_ERROR, "no room for the priority")
            payload = payload[5:]
        if flags & frames.END_HEADERS:
            self._block(stream_id, payload, end=bool(flags & frames.END_STREAM), events=events)
        else:
            self._header_block = (stream_id, bool(flags & frames.END_STREAM), bytearray(payload))
            self._expected = frames.CONTINUATION

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        expected, end, block = self._header_block
        if self._expected != frames.CONTINUATION or expected != stream_id:
            raise Http2Error(frames.PROTOCOL_ERROR, "a continuation of nothing")
        block += payload
        if len(block) > _HEADER_BLOCK_LIMIT:
            raise Http2Error(frames.ENHANCE_YOUR_CALM, "a header block is too long")
        if flags & frames.END_HEADERS:
            self._expected = None
            self._block(stream_id, bytes(block), end=end, events=events)

    def _block(self, stream_id: int, block: bytes, *, end: bool, events: list[Http2Event]) -> None:
        path = self._paths.path_of(block)
        stream = self._streams.get(stream_id)
        if stream is not None:  # trailers of the request: gRPC clients send none with a meaning
            if stream.ended_by_peer or not end:
                self._abort(stream_id, frames.STREAM_CLOSED if stream.ended_by_peer else frames.PROTOCOL_ERROR, events)
            else:
                self._peer_ended(stream_id, stream, events)
            return
        if stream_id <= self._last_stream:
            return  # trailers of a call that we have closed
        self._last_stream = stream_id
        if len(self._streams) >= _MAX_STREAMS:
            self._output.append(frames.frame(frames.RST_STREAM, 0, stream_id, frames.U32.pack(frames.REFUSED_STREAM)))
            return
        stream = self._streams[stream_id] = Stream(self._peer_initial_window)
        events.append(StreamOpened(stream_id, path))
        if end:
            stream.ended_by_peer = True
            events.append(StreamEnded(stream_id))

    def _on_reset(self, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        if len(payload) != 4:
            raise Http2Error(frames.FRAME_SIZE_ERROR, "a reset has four bytes")
        self._must_be_known(stream_id)
        if self._forget(stream_id):
            events.append(StreamReset(stream_id, frames.U32.unpack(payload)[0]))

    def _abort(self, stream_id: int, code: int, events: list[Http2Event]) -> None:
        self.reset(stream_id, code)
        events.append(StreamReset(stream_id, code))

    def _on_settings(self, flags: int, payload: bytes) -> None:
        if len(payload) % 6 or (flags & frames.ACK and payload):
            raise Http2Error(frames.FRAME_SIZE_ERROR, "settings come in sixes, and an acknowledgement has none")
        self._expected = None
        if flags & frames.ACK:
            return
        for name, value in frames.SETTING.iter_unpack(payload):
            if name == frames.SET_INITIAL_WINDOW:
                for stream in self._streams.values():
                    stream.window += value - self._peer_initial_window
                self._peer_initial_window = value
                if max((value, *(stream.window for stream in self._streams.values()))) > frames.MAX_WINDOW:
                    raise Http2Error(frames.FLOW_CONTROL_ERROR, "a window is too large")
            elif name == frames.SET_MAX_FRAME:
                if not frames.FRAME_LIMIT <= value <= frames.LARGEST_FRAME_LIMIT:
                    raise Http2Error(frames.PROTOCOL_ERROR, f"frames of {value} bytes")
                self._peer_frame_limit = value
            elif name == frames.SET_TABLE_SIZE:
                # Our blocks use no table, whatever its size; but a smaller one has to be acknowledged by the next block
                # (RFC 7541, section 4.2). 0x20: its size is now 0, and it never needs to be said again.
                self._size_update = b"\x20"
        self._output.append(frames.frame(frames.SETTINGS, frames.ACK, 0, b""))
        self._flush_blocked()

    def _on_window(self, stream_id: int, payload: bytes, events: list[Http2Event]) -> None:
        if len(payload) != 4:
            raise Http2Error(frames.FRAME_SIZE_ERROR, "a window update has four bytes")
        increment = frames.U32.unpack(payload)[0] & 0x7FFFFFFF
        if stream_id == 0:
            self._send_window += increment
            if fault := frames.window_fault(increment, self._send_window):
                raise Http2Error(fault, "the connection's window is out of bounds")
            self._flush_blocked()
        elif (stream := self._streams.get(stream_id)) is not None:
            stream.window += increment
            if fault := frames.window_fault(increment, stream.window):
                self._abort(stream_id, fault, events)
            elif stream_id in self._blocked:
                self._drain(stream_id, stream)
        else:
            self._must_be_known(stream_id)

    def _consumed(self, size: int) -> None:
        """Give the connection's window back in large steps: an update for each frame would double the frames."""
        self._receive_window_used += size
        if self._receive_window_used > _CONNECTION_WINDOW // 4:
            self._output.append(frames.frame(frames.WINDOW, 0, 0, frames.U32.pack(self._receive_window_used)))
            self._receive_window_used = 0

    def fail(self, error: Http2Error) -> None:
        """The last words of a connection whose peer broke the protocol."""
        self.goodbye(error.code)

    def goodbye(self, code: int = frames.NO_ERROR) -> None:
        """The last words before the connection is closed: streams that are not counted may be tried elsewhere."""
        self._output.append(
            frames.frame(frames.GOAWAY, 0, 0, frames.U32.pack(self._last_stream) + frames.U32.pack(code))
        )
