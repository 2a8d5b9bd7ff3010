"""What is owed to the store, on disk: in this process's journal, and in those that dead ones left.

``delivery`` says when; ``journal`` is the file. What nobody can deliver (a line that is damaged or of another version, a
call that the store refuses) is told, and set aside in a file for a person.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from extproc.state.journal import JournalFull
from extproc.state.parcels import Adopted, Item, Lines, Watcher, line_of, read_line
from extproc.state.steps import lasting

_LOG = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class Keeping:
    """The journals of one delivery. ``journal``: this process's own; None: what is owed is in memory only."""

    def __init__(self, journal: Lines | None, watcher: Watcher) -> None:
        self._journal = journal
        self._watcher = watcher
        self._adopted: set[Adopted] = set()
        self._position: int | None = None
        self._spilled = False
        self._closed = False

    # -- this process's own -------------------------------------------------------------------------------------------

    def write(self, item: Item) -> None:
        """Have it on disk, too."""
        if self._journal is None or item.journalled:
            return
        item.call = lasting(item.call)
        try:
            self._position = self._journal.append(line_of(item.call))
        except JournalFull:
            _LOG.exception("a step that the store has yet to be told is in memory only")
        else:
            item.journalled = True

    def spill(self, item: Item) -> None:
        """Have it on disk only, until ``read_back``."""
        self.write(item)
        if item.journalled:
            self._spilled = True
        else:
            self._watcher.lost("full")

    @property
    def spilled(self) -> bool:
        """Whether something is on disk only."""
        return self._spilled

    async def read_back(self) -> list[Item]:
        """What is on disk only; with it what has arrived already, which is known there as a repetition."""
        if self._journal is None or not self._spilled:
            return []
        self._spilled = False
        try:
            await self._journal.flush()
            _, items, lost = await in_thread(partial(_read, self._journal))
        except OSError:
            self._spilled = True
            _LOG.exception("the journal can be neither written nor read")
            return []
        self._tell_lost(lost)
        for item in items:
            item.adopted = None  # the file is our own
        return items

    def forget(self) -> None:
        """Everything has arrived."""
        if self._position is None or self._journal is None or self._spilled:
            return
        if self._journal.truncate(self._position):
            self._position = None

    # -- those of dead processes --------------------------------------------------------------------------------------

    async def adopt(self, find: Callable[[], Sequence[Lines]]) -> list[Item]:
        """What is in the journals that ``find`` (run in a thread) gives us; each goes when all of it has ``arrived``."""
        found: list[Lines] = []
        try:
            read = await in_thread(partial(_read_found, find, found))
        except asyncio.CancelledError:
            _close(found)
            raise
        if self._closed:
            _close(found)
            return []
        items: list[Item] = []
        for adopted, calls, lost in read:
            self._tell_lost(lost)
            items += calls
            self._adopted.add(adopted)
            self._look(adopted)
        return items

    def arrived(self, item: Item) -> None:
        """The store has it, or it is set aside."""
        if item.adopted is not None:
            item.adopted.left -= 1
            self._look(item.adopted)

    def _look(self, adopted: Adopted) -> None:
        if adopted.left:
            return
        self._adopted.discard(adopted)
        try:
            adopted.journal.close(remove=True)
        except OSError:
            _LOG.exception("a journal of which everything has arrived cannot be removed")

    # -- what nobody can deliver --------------------------------------------------------------------------------------

    async def give_up(self, items: Sequence[Item]) -> None:
        """The store refuses these. What cannot be set aside either stays in the dead process's journal, where it was."""
        self._tell_lost(len(items))
        for journal in {id(one): one for one in map(self._home, items)}.values():
            mine = [item for item in items if self._home(item) is journal]
            if journal is None or await in_thread(partial(_set_aside, journal, [line_of(item.call) for item in mine])):
                for item in mine:
                    self.arrived(item)

    def _home(self, item: Item) -> Lines | None:
        return self._journal if item.adopted is None else item.adopted.journal

    def _tell_lost(self, count: int) -> None:
        if count:
            self._watcher.lost("rejected", count)

    async def close(self) -> None:
        """Have everything on disk, and let others adopt what has not arrived."""
        self._closed = True
        if self._journal is not None:
            try:
                await self._journal.flush()
            except OSError:
                _LOG.exception("the journal could not be written")
        _close([adopted.journal for adopted in self._adopted])
        self._adopted.clear()


async def in_thread(work: Callable[[], _Result]) -> _Result:
    """As ``asyncio.to_thread``; a cancellation waits for the thread, so that its files can be closed afterwards."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _close(journals: Sequence[Lines]) -> None:
    for journal in journals:
        journal.close()


def _read_found(find: Callable[[], Sequence[Lines]], found: list[Lines]) -> list[tuple[Adopted, list[Item], int]]:
    """In a thread. ``found`` gets what is open now, however this ends."""
    try:
        found.extend(find())
    except OSError:
        _LOG.exception("the journals of dead processes could not be looked for")
    read: list[tuple[Adopted, list[Item], int]] = []
    for journal in list(found):
        try:
            read.append(_read(journal))
        except OSError:
            _LOG.exception("the journal of a dead process could not be read")
            found.remove(journal)
            journal.close()
    return read


def _read(journal: Lines) -> tuple[Adopted, list[Item], int]:
    """In a thread: what a journal holds, and how many lines nobody can read, which are set aside."""
    adopted = Adopted(journal)
    items: list[Item] = []
    unreadable: list[bytes] = []
    for line in journal.read_all():
        call = read_line(line)
        if call is None:
            unreadable.append(line)
        else:
            items.append(Item(call, journalled=True, adopted=adopted))
    unreadable += journal.damaged
    kept = not unreadable or _set_aside(journal, unreadable)
    adopted.left = len(items) if kept else len(items) + 1  # then the file stays
    return adopted, items, len(unreadable)


def _set_aside(journal: Lines, lines: Sequence[bytes]) -> bool:
    """In a thread: whether it could be done."""
    try:
        path = journal.set_aside(lines)
    except (JournalFull, OSError):
        _LOG.exception("%d steps that the store cannot be told could not be set aside", len(lines))
        return False
    _LOG.error("%d steps that the store cannot be told are kept in %s", len(lines), path)
    return True
