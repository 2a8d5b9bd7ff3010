"""A delivery with a store that does as the test says, and journals in memory."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from extproc.state import delivery
from extproc.state.delivery import Delivery
from extproc.state.journal import JournalFull
from extproc.state.parcels import Item, line_of
from extproc.state.store import Call

SETTLE = Call("settle", ("{p}:",), (0, "h", 1, "A", 1, 2, 3, 1, 1, 0, 0, 0, 99, "a|b", 0, b'{"e":"\xc3\xa9"}', 0))
PROBE = Call("states", ("{p}:",), (0,))


class FakeStore:
    """Answers a call with its second argument. ``fail`` decides about each batch; ``gate`` holds all of them up."""

    def __init__(self) -> None:
        self.batches: list[list[Call]] = []
        self.fail: Callable[[Sequence[Call]], Exception | None] = lambda calls: None
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, calls: Sequence[Call]) -> list[object]:
        if list(calls) != [PROBE]:
            self.batches.append(list(calls))
        await self.gate.wait()
        if error := self.fail(calls):
            raise error
        return [call.args[1] if len(call.args) > 1 else [] for call in calls]


class FakeJournal:
    """Lines in memory, ``room`` of them at most."""

    def __init__(self, lines: Sequence[bytes] = (), room: int = 1000, damaged: Sequence[bytes] = ()) -> None:
        self.lines = list(lines)
        self.room = room
        self.damaged = list(damaged)
        self.aside: list[bytes] = []
        self.disk_full = False
        self.readers: list[threading.Thread] = []
        self.flushed = 0
        self.closed = False
        self.removed = False

    def append(self, line: bytes) -> int:
        if len(self.lines) >= self.room:
            raise JournalFull("full")
        self.lines.append(line)
        return len(self.lines)

    async def flush(self) -> None:
        self.flushed = len(self.lines)

    def read_all(self) -> list[bytes]:
        self.readers.append(threading.current_thread())
        return list(self.lines)

    def set_aside(self, lines: Sequence[bytes]) -> Path:
        if self.disk_full:
            raise OSError("no space left on device")
        self.aside += lines
        return Path("one.rejected")

    def truncate(self, upto: int | None = None) -> bool:
        if upto is not None and upto != len(self.lines):
            return False
        self.lines.clear()
        return True

    def close(self, *, remove: bool = False) -> None:
        self.closed, self.removed = True, remove


class Watch:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def store_down(self) -> None:
        self.told.append("down")

    def store_up(self) -> None:
        self.told.append("up")

    def queue(self, length: int) -> None:
        """Of no interest here."""

    def lost(self, kind: str, count: int = 1) -> None:
        self.told += [kind] * count


class World:
    """A delivery and what is around it; no time passes between probes."""

    def __init__(self) -> None:
        self.store, self.journal, self.watch = FakeStore(), FakeJournal(), Watch()
        self.delivery = Delivery(self.store, self.journal, self.watch, [PROBE])
        self.replies: list[object] = []
        self.away: list[bool] = []

    def item(self, name: str) -> Item:
        return Item(Call("close", ("{p}:",), (0, name)), self.replies.append, self.away.append)

    async def settled(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    async def until(self, reached: Callable[[], object]) -> None:
        """What a thread has a part in needs more turns."""
        async with asyncio.timeout(30):
            while not reached():  # noqa: ASYNC110  the threads of the code set no event
                await asyncio.sleep(0)
        await self.settled()

    def sent(self) -> list[object]:
        return [call.args[1] for batch in self.store.batches for call in batch]


@asynccontextmanager
async def delivering(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Begun, and ended afterwards with a store that works."""
    monkeypatch.setattr(delivery, "_PROBE_SECONDS", 0)
    one = World()
    one.delivery.start()
    await one.settled()
    yield one
    one.store.fail = lambda calls: None
    one.store.gate.set()
    await one.delivery.close(1.0)


def lines(names: str) -> list[bytes]:
    """Of a journal: a step each."""
    return [line_of(Call("close", ("{p}:",), (0, name))) for name in names]
