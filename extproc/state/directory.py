"""Who there is, from memory, with what was made at run time over what the file declares; counterpart of ``directory_store``.

``watch`` says when to look for news. While Redis is away the last state holds, and a file keeps it over a restart::

    start: store reached ──► fresh ──► (store away) stale, answers on ──► fresh
           store away ─────► last state of the file, or nothing; incomplete ──► fresh
"""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import orjson

from extproc.config.directory import Declared, Directory
from extproc.config.meters import Context
from extproc.config.snapshot import Party, PartyKind, VirtualKey
from extproc.domain.valueclass import valueclass
from extproc.state.directory_store import DirectoryStore, Stamp
from extproc.state.records import Record
from extproc.state.roll import Roll
from extproc.state.store import Store, StoreAway
from extproc.state.watch import POLL_SECONDS, Watch

STALE_AFTER = 2.0
"""Seconds without news from the store after which an unknown key may be one that we have not heard of."""
_START_PATIENCE = 3.0
"""Seconds that a start waits for the store before it goes on with the file."""
_AT_ONCE = 50
"""Records taken in before requests get their turn: some milliseconds."""
_STOP_SECONDS = 0.1
"""Until a task is told again that it is over."""
_FILE_FORMAT = 1
_FILE_PAUSE = 1.0
"""Seconds between two writes of the file at least, and twenty times what the last one took."""


@valueclass
class Memory:
    """The file of the last state. ``writes``: this process keeps it up to date; one of a gateway's is enough."""

    path: Path
    writes: bool = False


@valueclass
class Timing:
    """``clock`` gives monotonic seconds; ``poll``: seconds between two looks for news that nobody told of."""

    clock: Callable[[], float] = time.monotonic
    poll: float = POLL_SECONDS


def _silent(_: str) -> None:
    pass


class LiveDirectory(Directory):
    """A directory that is kept fresh. ``start`` it before use and ``stop`` it; in between, all questions are instant.

    ``context`` says what budgets refer to: the file's time zone and names of models. ``tell`` hears what an operator
    should know.
    """

    def __init__(
        self,
        declared: Declared,
        store: Store,
        *,
        context: Context | None = None,
        memory: Memory | None = None,
        tell: Callable[[str], None] = _silent,
        timing: Timing | None = None,
    ) -> None:
        self._declared = declared
        self._store = store
        self._source = DirectoryStore(store)
        self._context = context or Context()
        self._memory = memory
        self._tell = tell
        timing = timing or Timing()
        self._clock = timing.clock
        self._watch = Watch(store, self.refresh, tell=tell, poll=timing.poll)
        self._roll = Roll(self._context, tell)
        self._stamp: Stamp | None = None
        self._fresh_at: float | None = None
        self._remembered = False
        self._looking = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def roll(self) -> Roll:
        """What was made at run time, for those who administer it."""
        return self._roll

    @property
    def declared(self) -> Declared:
        """What the file says, without blocks."""
        return self._declared

    @property
    def source(self) -> DirectoryStore:
        """Where it comes from."""
        return self._source

    def key(self, sha256: str) -> VirtualKey | None:
        """See ``Directory``. A declared key comes first; a block of it holds."""
        declared = self._declared.key(sha256)
        if declared is None:
            return self._roll.key(sha256)
        blocked = self._roll.block(declared.id or declared.name) is not None
        return replace(declared, enabled=False) if blocked else declared

    def named(self, key_id: str) -> VirtualKey | None:
        """See ``Directory``. Only declared keys: those made at run time have nothing that is asked for by id."""
        return self._declared.named(key_id)

    def party(self, kind: PartyKind, name: str) -> Party | None:
        """See ``Directory``. A declared party comes first."""
        return self._declared.party(kind, name) or self._roll.party(kind, name)

    def lists(self, kind: PartyKind) -> bool:
        """See ``Directory``."""
        return self._declared.lists(kind) or self._roll.lists(kind)

    @property
    def version(self) -> int:
        """How many changes were made to what is known here; 0 before the store was reached."""
        return self._stamp.version if self._stamp else 0

    @property
    def complete(self) -> bool:
        """See ``Directory``: False until the store was reached, and while it is away for longer than ``STALE_AFTER``."""
        return self.staleness <= STALE_AFTER

    @property
    def known(self) -> bool:
        """Whether all that was made at run time was read once, be it the last run's; an outage later changes nothing."""
        return self._remembered or self._fresh_at is not None

    @property
    def staleness(self) -> float:
        """Seconds since what is known here was last known to be all; infinite until the store was reached."""
        return float("inf") if self._fresh_at is None else max(0.0, self._clock() - self._fresh_at)

    async def start(self) -> None:
        """Load, from the store or else from the file, and keep fresh from now on. Raises nothing while the store is away."""
        try:
            async with asyncio.timeout(_START_PATIENCE):
                await self.refresh()
        except (StoreAway, TimeoutError):
            await self._remember()
        self._tasks.append(asyncio.create_task(self._watch.look_again(), name="directory poll"))
        self._tasks.append(asyncio.create_task(self._watch.listen(), name="directory news"))
        if self._memory is not None and self._memory.writes:
            self._tasks.append(asyncio.create_task(self._keep_file(self._memory.path), name="directory file"))

    async def stop(self) -> None:
        """No more news; the file gets the last state."""
        left = set(self._tasks)
        while left:  # a cancellation was seen to get lost in a command of redis-py 8.1 on Python 3.11
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=_STOP_SECONDS)
        self._tasks.clear()
        if self._memory is not None and self._memory.writes and self._changed.is_set():
            await asyncio.to_thread(self._write, self._memory.path, self._roll.by_field())

    async def refresh(self) -> None:
        """Take in every change made until now. Raises ``StoreAway``; then what was known stays."""
        async with self._looking:
            asked_at = self._clock()
            news = await self._source.news(self._stamp)
            if news.fields is None:
                roll = Roll(self._context, self._tell)
                for count, (name, text) in enumerate((await self._source.read_all()).items()):
                    if count % _AT_ONCE == 0:
                        await asyncio.sleep(0)
                    roll.put(name, text)
                self._roll = roll
            else:
                for name, text in (await self._source.read(news.fields)).items():
                    self._roll.put(name, text)
            if news.stamp != self._stamp:
                self._stamp = news.stamp
                self._changed.set()
            self._fresh_at = asked_at

    async def _remember(self) -> None:
        if self._memory is None:
            self._tell("the store is away and no last state is kept: only declared keys are known until it is back")
            return
        try:
            content = orjson.loads(await asyncio.to_thread(self._memory.path.read_bytes))
            if (content["format"], content["prefix"]) != (_FILE_FORMAT, self._store.prefix):
                raise ValueError("of another gateway")  # noqa: TRY301  handled as every other way to be unusable
            for name, text in content["records"].items():
                self._roll.put(name, text.encode())
        except FileNotFoundError:
            self._tell("the store is away and there is no last state: only declared keys are known until it is back")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._tell(f"the store is away and the last state in {self._memory.path} cannot be used")
        else:
            self._remembered = True
            self._tell(f"the store is away: going on with the {len(self._roll)} keys and parties of the last run")

    async def _keep_file(self, path: Path) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            records, began = self._roll.by_field(), self._clock()
            try:
                await asyncio.to_thread(self._write, path, records)
            except OSError as error:
                self._tell(f"cannot write the directory's last state to {path}: {error.strerror}")
            await asyncio.sleep(max(_FILE_PAUSE, 20 * (self._clock() - began)))

    def _write(self, path: Path, records: Mapping[str, Record]) -> None:
        texts = {name: f"{record.revision} {record.encoded()}" for name, record in records.items()}
        _replace(path, orjson.dumps({"format": _FILE_FORMAT, "prefix": self._store.prefix, "records": texts}))


def _replace(path: Path, content: bytes) -> None:
    """All or nothing, and for nobody else's eyes (``mkstemp`` makes files of mode 0600)."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
