"""Takes calls to the store: what gathers within some milliseconds together, what must not be lost until it arrives.

``ledger`` makes the calls. Two kinds wait here: what somebody waits for is given back at once when the store is away;
what is owed stays, in order, in memory and in the journal (``keeping``), and is sent again until the store has it. Every
step can be sent twice: the scripts know a repetition.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from time import monotonic

from extproc.state.keeping import Keeping
from extproc.state.parcels import Item, Lines, Runs, Watcher
from extproc.state.steps import repeated
from extproc.state.store import Call, StoreAway

_BATCH = 200
"""Calls of each kind per round trip: some ten milliseconds of Redis, far below the deadline of half a second."""
_GATHER_SECONDS = 0.01
"""For so long the patient wait for company, for a round trip costs both sides as much as several calls. A killed process
takes with it what has gathered, as if it had been killed so much sooner."""
_COMPANY = 32
"""So many calls wait for no more."""
_PROBE_SECONDS = 0.5
"""Between two looks whether the store is back."""
_AT_ONCE = 0.1
"""A failure sooner than this was a connection that had died while idle: once, it is tried again before anybody hears."""
_MAX_OWED = 100_000
"""In memory, about 100 MB; what comes on top is in the journal alone until the store is back."""
MAX_WAITING = 10_000
"""Requests that wait for an answer; more than that would wait longer than their clients do."""
_MAX_TRIES = 3
"""Of a call that the store refuses by itself: it would be refused for ever."""

_LOG = logging.getLogger(__name__)


class Delivery:
    """One connection's worth of calls, one round trip at a time: while it is under way the next one gathers.

    ``probe``: calls of every script that change nothing.
    """

    def __init__(self, store: Runs, journal: Lines | None, watcher: Watcher, probe: Sequence[Call]) -> None:
        self.down = False
        """Whether the store is known to be away."""
        self.ended = False
        """Whether nothing is delivered any more."""
        self._store = store
        self._keeping = Keeping(journal, watcher)
        self._watcher = watcher
        self._probe_calls = probe
        self._owed: deque[Item] = deque()
        self._waiting: deque[Item] = deque()
        self._chores: list[Item] = []
        self._flying: list[Item] = []
        self._work = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._told_length = 0
        self._failed_once = False
        self._task: asyncio.Task[None] | None = None

    # -- what is brought ----------------------------------------------------------------------------------------------

    def full(self) -> bool:
        """Whether too many wait for an answer."""
        return len(self._waiting) >= MAX_WAITING

    def ask(self, item: Item) -> None:
        """Somebody waits for the reply. Only where the store is not known to be away, and not after the end."""
        self._waiting.append(item)
        self._idle.clear()
        self._work.set()

    def owe(self, item: Item, *, patient: bool = False) -> None:
        """This has to arrive, however long it takes. ``patient``: nothing depends on when, so it may wait for company."""
        if self.down or self.ended:
            self._keeping.write(item)
            self._tell_away(item, sent=False)
        if len(self._owed) >= _MAX_OWED:
            self._keeping.spill(item)
            return
        self._owed.append(item)
        self._idle.clear()
        if not patient or len(self._owed) >= _COMPANY:
            self._work.set()
        elif self._timer is None and not self.ended:
            self._timer = asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._gathered)

    def _gathered(self) -> None:
        self._timer = None
        self._work.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def chore(self, item: Item) -> None:
        """Nobody minds if this gets lost; dropped while the store is away."""
        if not self.down:
            self._chores.append(item)
            self._work.set()

    def behind(self) -> bool:
        """Whether what is asked now may arrive before what is already owed."""
        return len(self._owed) + len(self._flying) > _BATCH or self._keeping.spilled

    async def adopt(self, find: Callable[[], Sequence[Lines]]) -> None:
        """Deliver what dead processes left. ``find``, run in a thread, gives us their journals."""
        items = await self._keeping.adopt(find)
        if items:
            self._owed.extend(items)
            self._idle.clear()
            self._work.set()

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to deliver, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger delivery")

    async def close(self, grace: float) -> None:
        """Deliver what is there within so many seconds; what is left then is in the journal."""
        if self._task is None:
            return
        if not self.down:
            self._work.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)
        self._task.cancel()
        await asyncio.wait([self._task])
        self._stop_timer()
        for item in self._flying:
            item.call = repeated(item.call)
        self._owed.extendleft(reversed(self._flying))
        self._flying = []
        self._give_back(self._waiting, sent=True)
        self.ended = True
        for item in list(self._owed):
            self._keeping.write(item)
            self._tell_away(item, sent=True)
        await self._keeping.close()

    async def _run(self) -> None:
        await self._safely(self._warm_up())
        while True:
            await self._work.wait()
            await self._safely(self._probe() if self.down else self._round())

    async def _safely(self, step: Coroutine[None, None, None]) -> None:
        try:
            await step
        except Exception:  # noqa: BLE001  the one loop that everything goes through must not end
            _LOG.exception("a delivery to the store failed in an unforeseen way")
            self._fly_back(sent=True)
            self._go_down()

    async def _warm_up(self) -> None:
        """Let the server have the scripts: calls of those that it has not are run after the others."""
        try:
            await self._store.run(self._probe_calls)
        except StoreAway as error:
            _LOG.warning("the store is away: %s", error)
            self._go_down()

    # -- one round ----------------------------------------------------------------------------------------------------

    async def _round(self) -> None:
        owed = [self._owed.popleft() for _ in range(min(_BATCH, len(self._owed)))]
        asked = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        chores, self._chores = self._chores, []
        calls = [item.call for item in (*owed, *asked, *chores)]
        self._work.clear()
        self._stop_timer()
        if not calls:
            await self._rest()
            return
        self._flying = owed
        began = monotonic()
        try:
            replies = await self._send(calls)
        except StoreAway as error:
            self._fly_back(sent=error.sent)
            self._failed(asked, error, monotonic() - began)
            return
        except BaseException:
            self._give_back(deque(asked), sent=True)
            raise
        self._failed_once = False
        given_up = self._sort(owed, replies)
        for item, reply in zip([*asked, *chores], replies[len(owed) :], strict=True):
            self._tell(item, reply)
        if given_up:
            await self._keeping.give_up(given_up)
            self._flying = []
        if self._waiting or len(self._owed) >= _COMPANY or (self._owed and self._timer is None):
            self._work.set()
        elif not self._owed:
            await self._rest()

    async def _send(self, calls: Sequence[Call]) -> list[object]:
        """Replies in order, an exception in place of a failed call's. Raises ``StoreAway``."""
        try:
            return await self._store.run(calls)
        except StoreAway:
            raise
        except Exception:  # noqa: BLE001  one call that cannot even be sent must not hold up all others
            _LOG.exception("calls to the store failed in an unforeseen way; they are sent one by one")
        try:
            return [await self._send_alone(repeated(call)) for call in calls]
        except StoreAway as error:
            raise StoreAway(str(error), sent=True) from error

    async def _send_alone(self, call: Call) -> object:
        try:
            (reply,) = await self._store.run([call])
        except StoreAway:
            raise
        except Exception as error:  # noqa: BLE001  see above
            await self._store.run(self._probe_calls)  # where this fails as well it is not the call's fault
            return error
        return reply

    def _sort(self, owed: Sequence[Item], replies: Sequence[object]) -> list[Item]:
        """What of the owed has arrived, what is tried again, and, given back and flying still, what is given up."""
        retry: list[Item] = []
        given_up: list[Item] = []
        for item, reply in zip(owed, replies, strict=False):
            if not isinstance(reply, Exception):
                self._tell(item, reply)
                self._keeping.arrived(item)
            elif self._again(item, reply):
                retry.append(item)
            else:
                self._tell(item, reply)
                given_up.append(item)
        self._owed.extendleft(reversed(retry))
        self._flying = given_up
        return given_up

    def _tell(self, item: Item, reply: object) -> None:
        if item.done is not None:
            try:
                item.done(reply)
            except Exception:  # noqa: BLE001  one reader's fault must not become that of all others in the batch
                _LOG.exception("the reply to a %s could not be used", item.call.script)

    def _tell_away(self, item: Item, *, sent: bool) -> None:
        away, item.away = item.away, None
        if away is not None:
            away(sent)

    def _again(self, item: Item, error: Exception) -> bool:
        """Whether a call that was refused by itself is tried once more."""
        item.tries += 1
        if item.tries < _MAX_TRIES:
            return True
        _LOG.error("the store refuses a %s and it is given up: %s", item.call.script, error)
        return False

    async def _rest(self) -> None:
        """Everything in memory has arrived."""
        if back := await self._keeping.read_back():
            self._owed.extend(back)
            self._work.set()
        if not self._owed:
            self._keeping.forget()
            self._tell_length()
            self._idle.set()

    def _tell_length(self) -> None:
        if self._told_length != len(self._owed):
            self._told_length = len(self._owed)
            self._watcher.queue(self._told_length)

    # -- the store away -----------------------------------------------------------------------------------------------

    def _fly_back(self, *, sent: bool) -> None:
        for item in self._flying:
            if sent:
                item.call = repeated(item.call)
        self._owed.extendleft(reversed(self._flying))
        self._flying = []

    def _failed(self, asked: Sequence[Item], error: StoreAway, seconds: float) -> None:
        if not self._failed_once and seconds < _AT_ONCE:
            self._failed_once = True
            self._waiting.extendleft(reversed(asked))
            self._work.set()
            return
        _LOG.warning("the store is away: %s", error)
        self._go_down()
        self._give_back(deque(asked), sent=error.sent or self._failed_once)

    def _go_down(self) -> None:
        """Owed first: they were brought first, and what is given back may owe more."""
        if not self.down:
            self.down = True
            self._watcher.store_down()
        self._chores.clear()
        for item in list(self._owed):
            self._keeping.write(item)
            self._tell_away(item, sent=True)
        self._give_back(self._waiting, sent=self._failed_once)
        self._work.set()
        self._idle.set()  # who waits for the end need not wait for the store

    def _give_back(self, items: deque[Item], *, sent: bool) -> None:
        while items:
            self._tell_away(items.popleft(), sent=sent)

    async def _probe(self) -> None:
        await asyncio.sleep(_PROBE_SECONDS)
        self._tell_length()
        try:
            await self._store.run(self._probe_calls)
        except StoreAway:
            return
        self.down = False
        self._failed_once = False
        if self._owed:
            self._idle.clear()
        _LOG.warning("the store is back; %d steps are owed to it", len(self._owed))
        self._watcher.store_up()
