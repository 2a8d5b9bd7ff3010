"""Responses of HTTP/1.1, sans-io and with as little work as a load generator can afford.

Counterpart: ``tests.bench.load``. One reader serves one connection: ``begin`` before each request, then ``feed``.
"""

import re

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)


class BadResponse(Exception):
    """Not a response that can be read; the connection is of no use any more."""


class ResponseReader:
    """Reads one response after the other.

    ``chunks`` counts the pieces of a chunked body, ``events`` the blank lines in any body: those end the events of a
    server-sent event stream. A chunk is taken when it is whole, which suits the small ones of such streams.
    """

    __slots__ = ("_chunked", "_in_head", "_last", "_left", "_rest", "body", "chunks", "closes", "events", "status")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A new request goes out."""
        self.status = 0
        self.body = bytearray()
        self.chunks = 0
        self.events = 0
        self.closes = False
        self._in_head = True
        self._chunked = False
        self._last = False
        self._left = 0
        self._rest = b""

    def feed(self, data: bytes) -> bool:
        """Take these bytes; whether the response is whole. Raises ``BadResponse``."""
        if self._in_head:
            data = self._rest + data if self._rest else data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return False
            self._head(data[: end + 2])
            self._rest = b""
            data = data[end + 4 :]
        if self._chunked:
            return self._feed_chunks(data)
        self._left -= len(data)
        if self._left < 0:
            raise BadResponse("bytes behind the end of the body")
        self._add(data)
        return self._left == 0

    def _head(self, head: bytes) -> None:
        self._in_head = False
        if not head.startswith(b"HTTP/1.1 "):
            raise BadResponse(f"not HTTP/1.1: {head[:40]!r}")
        self.status = int(head[9:12])
        self.closes = _CLOSE.search(head) is not None
        length = _LENGTH.search(head)
        if length is not None:
            self._left = int(length[1])
        elif _CHUNKED.search(head):
            self._chunked = True
        else:
            raise BadResponse("the body has neither length nor chunks")

    def _feed_chunks(self, data: bytes) -> bool:
        data = self._rest + data if self._rest else data
        at = 0
        while (line := data.find(b"\r\n", at)) >= 0:
            if self._last:  # trailers, up to an empty line
                if line == at:
                    return True
                at = line + 2
                continue
            size = _chunk_size(data[at:line])
            if size == 0:
                self._last = True
                at = line + 2
                continue
            start = line + 2
            if len(data) < start + size + 2:
                break
            self.chunks += 1
            self._add(data[start : start + size])
            at = start + size + 2
        self._rest = data[at:]
        return False

    def _add(self, piece: bytes) -> None:
        body = self.body
        self.events += piece.count(b"\n\n")
        if piece.startswith(b"\n") and body.endswith(b"\n") and not body.endswith(b"\n\n"):
            self.events += 1
        body += piece


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        raise BadResponse(f"not a chunk's size: {line[:40]!r}") from None
