"""What ``delivery`` takes to the store, and what it needs of the world for that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import orjson

from extproc.state.steps import OWED
from extproc.state.store import Call


class Runs(Protocol):
    """The part of ``store.Store`` that is used."""

    async def run(self, calls: Sequence[Call]) -> list[object]:
        """Replies in order, an exception in place of a failed call's. Raises ``StoreAway``."""
        ...


class Lines(Protocol):
    """The part of ``journal.Journal`` that is used."""

    def append(self, line: bytes) -> int:
        """Take a line; the position behind it. Raises ``JournalFull``."""
        ...

    async def flush(self) -> None:
        """Wait until it is on disk."""
        ...

    def read_all(self) -> list[bytes]:
        """All lines. Blocks."""
        ...

    @property
    def damaged(self) -> Sequence[bytes]:
        """What ``read_all`` left out, for it is not what was written."""
        ...

    def set_aside(self, lines: Sequence[bytes]) -> Path:
        """Keep what nobody can deliver in another file. Blocks. Raises ``JournalFull``, ``OSError``."""
        ...

    def truncate(self, upto: int | None = None) -> bool:
        """Forget them, if none was appended behind the position."""
        ...

    def close(self, *, remove: bool = False) -> None:
        """Give the file up."""
        ...


class Watcher(Protocol):
    """Is told what happens: for metrics and the log."""

    def store_down(self) -> None:
        """The store is away from now on."""
        ...

    def store_up(self) -> None:
        """It is back."""
        ...

    def queue(self, length: int) -> None:
        """So many calls are owed to the store."""
        ...

    def lost(self, kind: str, count: int = 1) -> None:
        """Calls will never arrive: ``full`` (no room to keep it) or ``rejected`` (refused by itself, or unreadable)."""
        ...


@dataclass(slots=True, eq=False)
class Adopted:
    """The journal of a dead process, and how many of its lines have yet to arrive."""

    journal: Lines
    left: int = 0


@dataclass(slots=True)
class Item:
    """A call on its way. ``done`` gets the reply; ``away`` is told once if the store is away, and whether it was sent."""

    call: Call
    done: Callable[[object], object] | None = None
    away: Callable[[bool], None] | None = None
    journalled: bool = False
    tries: int = 0
    adopted: Adopted | None = None


def line_of(call: Call) -> bytes:
    """A call as a line of the journal."""
    args = [arg.decode() if isinstance(arg, bytes) else arg for arg in call.args]
    return orjson.dumps([call.script, list(call.keys), args])


def read_line(line: bytes) -> Call | None:
    """What ``line_of`` has written; None: it is nothing that this version owes, but perhaps another one."""
    try:
        script, keys, args = cast("tuple[object, object, object]", orjson.loads(line))
    except (ValueError, TypeError):
        return None
    if not isinstance(script, str) or script not in OWED or not isinstance(keys, list) or not isinstance(args, list):
        return None
    names, values = cast("list[str]", keys), cast("list[str | int]", args)
    if not names or {type(each) for each in names} != {str} or not {type(each) for each in values} <= {str, int}:
        return None
    return Call(script, tuple(names), tuple(values))
