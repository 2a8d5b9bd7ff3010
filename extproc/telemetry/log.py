"""One JSON line per request and per attempt, on a binary stream: what ``rows`` makes of the phases' records.

Making and writing the lines is a thread's work, for a stream can block: a pipe whose reader is slow, a full disk.
"""

import contextlib
import os
import select
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from extproc.telemetry.events import EventLog
from extproc.telemetry.records import Record
from extproc.telemetry.rows import line

_BATCH = 256
"""Rows after which the writer does not wait for the interval: a quarter of a megabyte, so the queue stays short."""

_FILE_CHUNK = 16 * 1024
"""Bytes of one write to a file. The call lets go of the interpreter's lock, so the event loop never waits longer than
making so many rows takes, some 150 microseconds."""

_CLOSE_TIMEOUT = 5.0
"""Seconds a stuck stream may delay the process's end."""


class ByteSink(Protocol):
    """The part of a raw binary file that is used. ``write`` may take less than it is given; None: not ready."""

    def write(self, data: memoryview, /) -> int | None:
        """Take bytes, say how many."""
        ...

    def fileno(self) -> int:
        """The descriptor; ``OSError`` where there is none."""
        ...


def open_sink(path: Path | None) -> ByteSink:
    """The file at ``path``, appended to, or standard output where it is None. Raises ``OSError``.

    A file that is moved away, as logrotate does it, is followed by a new one at its path with the next row.
    """
    if path is None:
        return os.fdopen(sys.stdout.fileno(), "wb", buffering=0, closefd=False)
    return _Rotated(path)


class _Rotated(ByteSink):
    """What is at a path, whenever something is written. Nobody has to tell; the look takes a microsecond."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def write(self, data: memoryview, /) -> int | None:
        """See ``ByteSink``."""
        if self._moved():
            with contextlib.suppress(OSError):  # no place for a new one: better in the old one than nowhere
                file = self._path.open("ab", buffering=0)
                self._file.close()
                self._file = file
        return self._file.write(data)

    def fileno(self) -> int:
        """See ``ByteSink``."""
        return self._file.fileno()

    def close(self) -> None:
        """Whoever writes on is told so by ``ValueError``."""
        self._file.close()

    def _moved(self) -> bool:
        mine = os.fstat(self._file.fileno())
        if not stat.S_ISREG(mine.st_mode):
            return False
        try:
            return not os.path.samestat(mine, self._path.stat())
        except OSError:
            return True


class RowLog:
    """Takes records on the event loop, writes rows from a thread of its own. Nothing it meets gets to the caller.

    A row waits at most ``interval`` seconds, which is what a killed process loses. At most ``capacity`` rows wait;
    further ones are dropped, as are rows that the stream refuses (a full disk, a closed pipe): ``dropped`` counts
    them, ``on_drop`` is told each time (from either thread), and the first loss is reported to ``events``.
    """

    def __init__(
        self,
        sink: ByteSink,
        events: EventLog,
        *,
        interval: float = 0.2,
        capacity: int = 10_000,
        on_drop: Callable[[int], None] | None = None,
    ) -> None:
        self._events = events
        self._interval = interval
        self._capacity = capacity
        self._on_drop = on_drop
        self._output = _Output(sink)
        self._queue: deque[Record] = deque()
        self._pending = threading.Event()
        self._hurry = threading.Event()
        self._closed = False
        self._overflowed = 0
        self._refused = 0
        self._thread = threading.Thread(target=self._run, name="row-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Rows lost so far."""
        return self._overflowed + self._refused

    def write(self, record: Record) -> None:
        """Queue a row. Not for use by several threads at once. After ``close`` the row counts as dropped."""
        if self._closed or len(self._queue) >= self._capacity:
            self._overflowed += 1
            self._tell(1, "the log is closed" if self._closed else "rows come faster than the log's stream takes them")
            return
        self._queue.append(record)
        if not self._pending.is_set():
            self._pending.set()
        if len(self._queue) >= _BATCH:
            self._hurry.set()

    def close(self) -> None:
        """Write what waits and end the thread; give up after some seconds if the stream is stuck."""
        if self._closed:
            return
        self._closed = True
        self._hurry.set()
        self._pending.set()
        self._thread.join(_CLOSE_TIMEOUT)
        if self._thread.is_alive():
            self._overflowed += len(self._queue)
        if self.dropped:
            self._events.event("warning", "log rows were lost", rows=self.dropped)

    def _run(self) -> None:
        while not self._closed:
            self._pending.wait()
            # Others that come meanwhile share the write.
            self._hurry.wait(self._interval)
            # Cleared before the queue is emptied: a row that comes during the work sets it again.
            self._pending.clear()
            self._hurry.clear()
            self._drain()
        self._drain()

    def _drain(self) -> None:
        chunk = bytearray()
        rows = 0
        while self._queue:
            data = line(self._queue.popleft())
            if data is None:
                self._refuse(1, "a row cannot be written as JSON")
                continue
            if rows and len(chunk) + len(data) > self._output.chunk:
                self._send(chunk, rows)
                chunk, rows = bytearray(), 0
            chunk += data
            rows += 1
        if rows:
            self._send(chunk, rows)

    def _send(self, chunk: bytearray, rows: int) -> None:
        try:
            self._output.send(chunk)
        except (OSError, ValueError) as error:  # ValueError: the file object is closed
            self._refuse(rows, str(error))

    def _refuse(self, rows: int, reason: str) -> None:
        self._refused += rows
        self._tell(rows, reason)

    def _tell(self, rows: int, reason: str) -> None:
        if self.dropped == rows:
            self._events.event("error", "log rows are being lost; counted, not reported again", reason=reason)
        if self._on_drop:
            self._on_drop(rows)


class _Output:
    """Writes whole chunks of lines to a raw stream, and starts afresh on a new line after a torn one."""

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink
        self._torn = False
        self.chunk = select.PIPE_BUF if _is_pipe(sink) else _FILE_CHUNK
        """Most bytes of one write. All workers share one stdout; a pipe keeps writes whole only up to PIPE_BUF."""

    def send(self, chunk: bytearray) -> None:
        """Write it all. Raises ``OSError`` or ``ValueError`` with a part of it written, or none."""
        if self._torn:
            chunk[:0] = b"\n"
        rest = memoryview(chunk)
        try:
            while rest:
                taken = self._sink.write(rest)
                if taken is None:  # somebody made the descriptor non-blocking
                    select.select([], [self._sink], [])
                else:
                    rest = rest[taken:]
        finally:
            if len(rest) != len(chunk):
                self._torn = bool(rest)


def _is_pipe(sink: ByteSink) -> bool:
    try:
        mode = os.fstat(sink.fileno()).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
