"""The last steps before the socket, sans-io: compress, cut into pieces, frame as chunks.

``feed(data) -> pieces``, ``flush() -> pieces``, ``finish() -> pieces``: each piece is one write.
"""

import random
import zlib

from extproc.simulator.behaviour import Behaviour

RANDOM_SPLIT = 64
"""Largest random piece where the behaviour names none."""


class Encoder:
    """One body. ``framed``: pieces become HTTP chunks; a body with a length, or of HTTP/1.0, goes as it is."""

    def __init__(self, behaviour: Behaviour, *, framed: bool) -> None:
        self._framed = framed
        self._gzip = zlib.compressobj(wbits=31) if behaviour.gzip else None
        self._size = behaviour.split
        self._random = random.Random(behaviour.seed) if behaviour.seed is not None else None  # noqa: S311 - sizes only
        self._held = b""

    def compress(self, data: bytes) -> bytes:
        """``data`` as it goes into the body, complete for a reader that decompresses what it has."""
        if self._gzip is None:
            return data
        return self._gzip.compress(data) + self._gzip.flush(zlib.Z_SYNC_FLUSH)

    def feed(self, data: bytes) -> list[bytes]:
        """Pieces that are complete with ``data``; a rest smaller than a piece is held back."""
        data = self.compress(data)
        if not self._size and self._random is None:
            return [self.frame(data)]
        self._held += data
        pieces: list[bytes] = []
        size = self._next_size()
        start = 0
        while len(self._held) - start >= size:
            pieces.append(self.frame(self._held[start : start + size]))
            start += size
            size = self._next_size()
        self._held = self._held[start:]
        return pieces

    def flush(self) -> list[bytes]:
        """What was held back, as a piece."""
        held, self._held = self._held, b""
        return [self.frame(held)] if held else []

    def finish(self) -> list[bytes]:
        """The rest of the body and its end."""
        if self._gzip is not None:
            self._held += self._gzip.flush(zlib.Z_FINISH)
        return [*self.flush(), b"0\r\n\r\n"] if self._framed else self.flush()

    def frame(self, data: bytes) -> bytes:
        """``data`` as one HTTP chunk."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._framed else data

    def cut(self, data: bytes) -> bytes:
        """The first half of ``data``, in a chunk that promises all of it."""
        data = self.compress(data)
        half = data[: max(1, len(data) // 2)]
        return b"%x\r\n%b" % (len(data), half) if self._framed else half

    def _next_size(self) -> int:
        if self._random is not None:
            return self._random.randint(1, self._size or RANDOM_SPLIT)
        return self._size
