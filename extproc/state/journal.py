"""Lines on disk of what Redis has yet to be told, so that a crash with Redis away loses none of them.

One file per process. The process holds a lock on its file for as long as it lives, however it ends; a file without a
lock is of a dead process, and whoever finds it takes it over. ``extproc.state.ledger`` writes and replays the lines.

In the file each line has its CRC-32 before it: after a power failure a block may be there and the one before it not.

What nobody can deliver is set aside in ``<journal's name>.rejected``, in the same form, for a person: nobody adopts it.
Renamed to ``.journal`` it is tried again.
"""

import asyncio
import contextlib
import fcntl
import io
import logging
import os
import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from zlib import crc32

SUFFIX, ASIDE = ".journal", ".rejected"
_LIMIT = 64 * 1024 * 1024
"""Bytes. A settlement is about a kilobyte: hours of Redis away at ten a second, and quickly read again."""

_LOG = logging.getLogger(__name__)


class JournalFull(Exception):
    """The file would grow beyond its limit; the line was not taken."""


class Journal:
    """An append-only file of lines, locked by this process; made with its folder where it is not there.

    A position counts the bytes ever appended; it only grows. Raises ``BlockingIOError`` where another holds the file,
    another ``OSError`` where it cannot be made.
    """

    def __init__(self, path: Path, *, limit: int = _LIMIT) -> None:
        self.path = path
        self.damaged: list[bytes] = []
        """What ``read_all`` left out, for it is not what was written."""
        self._limit = limit
        self._fd = _open_locked(path)
        self._base = 0
        """The position at which the file begins."""
        try:
            self._written = self._taken = _cut_torn_line(self._fd)
        except OSError:
            os.close(self._fd)
            raise
        self._pending: list[bytes] = []
        self._waiting: list[tuple[int, Future[None]]] = []
        self._state = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = self._cut = self._failed = self._closing = False

    def append(self, line: bytes) -> int:
        """Take a line (without line break); a thread writes and fsyncs it soon. The position behind it.

        Raises ``JournalFull``.
        """
        if b"\n" in line:
            raise ValueError("a line of a journal cannot hold a line break")
        data = _entry(line)
        with self._state:
            if self._taken + len(data) - self._base > self._limit:
                raise JournalFull(f"{self.path} has reached its limit of {self._limit} bytes")
            self._pending.append(data)
            self._taken += len(data)
            self._wake()
            return self._taken

    async def flush(self) -> None:
        """Wait until all lines taken so far are on disk. Raises ``OSError`` where they could not be written.

        They are kept then, and written with the next ``append`` or ``flush``.
        """
        with self._state:
            if self._written >= self._taken:
                return
            done: Future[None] = Future()
            self._waiting.append((self._taken, done))
            self._wake()
        await asyncio.wrap_future(done)

    def read_all(self) -> list[bytes]:
        """The lines on disk, in order, without the torn last one of a crash. Blocks: read it in a thread."""
        with self._state:
            self._state.wait_for(lambda: not self._busy)
            data = os.pread(self._fd, self._written - self._base, 0)
        lines: list[bytes] = []
        self.damaged = []
        for entry in io.BytesIO(data):  # not split at once: that would let no other thread run meanwhile
            line = entry[9:-1]
            if entry == _entry(line):
                lines.append(line)
            else:
                self.damaged.append(entry[:-1])
        return lines

    @property
    def empty(self) -> bool:
        """Whether no line is on disk."""
        return self._written == self._base

    def set_aside(self, lines: Sequence[bytes]) -> Path:
        """Keep lines that nobody can deliver in the file beside this one; its name. Blocks.

        Raises ``JournalFull`` (all that one journal can hold fits in) and ``OSError``.
        """
        path = self.path.with_suffix(ASIDE)
        data = b"".join([_entry(line) for line in lines])
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = _cut_torn_line(fd)
            if size + len(data) > 2 * self._limit:
                raise JournalFull(f"{path} has reached its limit of {2 * self._limit} bytes")
            if error := _write(fd, data, size):
                raise error
        finally:
            os.close(fd)
        return path

    def truncate(self, upto: int | None = None) -> bool:
        """Forget all lines; with ``upto`` only where nothing was appended behind that position. Whether it was done."""
        with self._state:
            if upto is not None and upto < self._taken:
                return False
            self._pending.clear()
            self._base = self._written = self._taken
            if self._busy:
                self._cut = True  # the thread does it once it has written what it has in hand
            else:
                os.ftruncate(self._fd, 0)
            self._tell_waiting(None)
            return True

    def close(self, *, remove: bool = False) -> None:
        """Write what is left, and give up the lock; ``remove``: and the file, for its lines have all been replayed."""
        with self._state:
            self._closing = True
            self._failed = False
            self._state.notify_all()
        if self._thread is not None:
            self._thread.join()
        try:
            if remove:
                self.path.unlink(missing_ok=True)  # before the lock goes, so that nobody takes over an empty name
        finally:
            os.close(self._fd)

    def _wake(self) -> None:
        self._failed = False
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_on, name=f"journal {self.path.name}", daemon=True)
            self._thread.start()
        self._state.notify_all()

    def _write_on(self) -> None:
        """The thread."""
        while True:
            with self._state:
                self._state.wait_for(lambda: self._closing or (self._pending and not self._failed))
                if not self._pending or self._failed:
                    return
                batch, self._pending = self._pending, []
                offset = self._written - self._base
                self._busy = True
            data = b"".join(batch)
            error = _write(self._fd, data, offset)
            with self._state:
                self._busy = False
                if self._cut:
                    self._cut = False
                    os.ftruncate(self._fd, 0)
                elif error is None:
                    self._written += len(data)
                else:
                    self._pending[:0] = batch
                    self._failed = True
                self._tell_waiting(error)
                self._state.notify_all()

    def _tell_waiting(self, error: OSError | None) -> None:
        """Those whose lines are on disk, or nobody wants any more; with ``error`` also the others."""
        still: list[tuple[int, Future[None]]] = []
        for position, done in self._waiting:
            if position > self._written and error is None:
                still.append((position, done))
            elif done.set_running_or_notify_cancel():
                done.set_exception(error) if position > self._written else done.set_result(None)
        self._waiting = still


def new_path(directory: Path) -> Path:
    """A name for a journal of this process."""
    return directory / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"


def adopt(directory: Path, told: set[Path] | None = None) -> list[Journal]:
    """The journals that dead processes left in the folder, now locked by us: replay, then ``close(remove=True)``. Blocks.

    ``told``: those that cannot be opened, so that of each it is said once, however often one looks.
    """
    told = set() if told is None else told
    adopted: list[Journal] = []
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            journal = Journal(path)
            if journal.empty:
                journal.close(remove=True)
            else:
                adopted.append(journal)
        except BlockingIOError:
            continue  # its process lives
        except OSError as error:
            if path not in told:
                told.add(path)
                _LOG.error("the journal of a dead process is left where it is: %s", error)
    return adopted


def _entry(line: bytes) -> bytes:
    return b"%08x %b\n" % (crc32(line), line)


def _open_locked(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(fd, path):
                return fd
        except OSError:
            os.close(fd)
            raise
        os.close(fd)  # between open and lock its keeper has removed it


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _cut_torn_line(fd: int) -> int:
    """The size without what follows the last line break."""
    data = os.pread(fd, os.fstat(fd).st_size, 0)
    size = data.rfind(b"\n") + 1
    os.ftruncate(fd, size)
    return size


def _write(fd: int, data: bytes, offset: int) -> OSError | None:
    """Write and fsync; where that fails the file ends where it ended."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.pwrite(fd, view, offset + len(data) - len(view)) :]
        os.fsync(fd)
    except OSError as error:
        with contextlib.suppress(OSError):  # the next write goes to the same place anyhow
            os.ftruncate(fd, offset)
        return error
    return None
