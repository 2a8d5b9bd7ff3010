"""Calls on a connection: what it (``http2``) keeps of each, and the events that it tells the server (``server``)."""

from collections import deque
from typing import TypeAlias

from extproc.domain.valueclass import valueclass


@valueclass
class StreamOpened:
    """A call begins."""

    stream_id: int
    path: str


@valueclass
class MessageReceived:
    """One whole gRPC message."""

    stream_id: int
    payload: bytes


@valueclass
class StreamEnded:
    """The peer has sent its last message of the call."""

    stream_id: int


@valueclass
class StreamReset:
    """The peer has given the call up; nothing more may be sent."""

    stream_id: int
    code: int


Http2Event: TypeAlias = StreamOpened | MessageReceived | StreamEnded | StreamReset


class Stream:
    """What a connection knows of a call. ``incoming`` holds the bytes of messages not yet whole; ``pending`` what waits for the peer's window."""

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
