"""What a server says on an HTTP/2 connection: messages within the peer's windows, ends and resets of calls, GOAWAY.

Counterpart: ``http2``, the half that listens, which tells this one how large the peer's windows and frames are.
"""

from extproc.transport import frames
from extproc.transport.calls import Stream

_PENDING_LIMIT = 128 * 1024 * 1024
"""What one stream may hold back for a peer that gives no window; more is a bug or an attack."""


class Sender:
    """The calls under way and the bytes to write; ``take_output`` gives them, ``greeting`` first."""

    def __init__(self, *greeting: bytes) -> None:
        self._streams: dict[int, Stream] = {}
        self._draining = False
        self._size_update = b""
        self._send_window = frames.DEFAULT_WINDOW
        self._peer_initial_window = frames.DEFAULT_WINDOW
        self._peer_frame_limit = frames.FRAME_LIMIT
        self._blocked: dict[int, None] = {}
        self._output: list[bytes] = list(greeting)

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

    def send(self, stream_id: int, payload: bytes) -> bool:
        """One gRPC message, held back while the peer gives no window. False where the call is over, maybe just now."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.trailers is not None:
            return False
        if not stream.headers_sent:
            stream.headers_sent = True
            self._head(stream_id, frames.END_HEADERS, frames.RESPONSE_HEADERS)
        size = len(payload) + 5
        if not stream.pending and size <= self._peer_frame_limit and size <= min(stream.window, self._send_window):
            stream.window -= size
            self._send_window -= size
            self._output.append(frames.message(stream_id, payload))
            return True
        message = frames.GRPC_HEAD.pack(0, len(payload)) + payload
        stream.pending.append(memoryview(message))  # a view: each frame takes a slice of it without a copy of the rest
        stream.pending_size += size
        if stream.pending_size > _PENDING_LIMIT:
            self.reset(stream_id, frames.ENHANCE_YOUR_CALM)
            return False
        self._drain(stream_id, stream)
        return True

    def end(self, stream_id: int, status: int = frames.GRPC_OK, message: str = "") -> None:
        """End a call with a gRPC status, behind all that was sent. Ignored where it is over."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.trailers is not None:
            return
        stream.trailers = frames.trailers(status, message) if status else frames.OK_TRAILERS
        if stream.pending:
            return
        self._close(stream_id, stream)

    def reset(self, stream_id: int, code: int = frames.CANCEL) -> None:
        """Give a call up at once."""
        if self._forget(stream_id):
            self._output.append(frames.frame(frames.RST_STREAM, 0, stream_id, frames.U32.pack(code)))

    def goaway(self) -> None:
        """Ask the peer to open no more streams here; those under way go on."""
        if not self._draining:
            self._draining = True
            self._output.append(
                frames.frame(frames.GOAWAY, 0, 0, frames.U32.pack(frames.MAX_WINDOW) + frames.U32.pack(frames.NO_ERROR))
            )

    def _drain(self, stream_id: int, stream: Stream) -> None:
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
            self._output.append(frames.frame(frames.DATA, 0, stream_id, piece))
        self._blocked.pop(stream_id, None)
        if stream.trailers is not None:
            self._close(stream_id, stream)

    def _flush_blocked(self) -> None:
        for stream_id in list(self._blocked):
            self._drain(stream_id, self._streams[stream_id])

    def _close(self, stream_id: int, stream: Stream) -> None:
        assert stream.trailers is not None
        block = stream.trailers if stream.headers_sent else frames.RESPONSE_HEADERS + stream.trailers
        self._head(stream_id, frames.END_HEADERS | frames.END_STREAM, block)
        if not stream.ended_by_peer:
            # A server may end a call before its client has: the reset says that the rest is not wanted (RFC 9113, 8.1).
            self._output.append(frames.frame(frames.RST_STREAM, 0, stream_id, frames.U32.pack(frames.NO_ERROR)))
        self._forget(stream_id)

    def _head(self, stream_id: int, flags: int, block: bytes) -> None:
        if self._size_update:
            block, self._size_update = self._size_update + block, b""
        self._output.append(frames.frame(frames.HEADERS, flags, stream_id, block))

    def _forget(self, stream_id: int) -> bool:
        self._blocked.pop(stream_id, None)
        return self._streams.pop(stream_id, None) is not None
