"""The books in Redis: the only ``Ledger`` that outlives a process. Its fake is ``memory``.

Orders and settlements become calls of scripts (``steps``), which ``delivery`` takes to the store. While that is away
orders are granted from an allowance (``outage``) or refused; what is owed is journalled and delivered later.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from extproc.domain.errors import StoreUnavailable
from extproc.domain.ledger import Hold, HoldOrder, Settlement
from extproc.domain.valueclass import valueclass
from extproc.state.delivery import Delivery
from extproc.state.outage import RETRY_SECONDS, Allowance
from extproc.state.parcels import Item, Lines, Runs
from extproc.state.steps import OFFLINE, OPEN, Steps, read_covered, read_expired, read_hold, read_settled
from extproc.state.store import Call

_SWEEP_SECONDS = 5.0
"""Between two sweeps of one worker; the steps of requests sweep too."""
_SWEEP_ROWS = 100
"""In one of them: some milliseconds of Redis."""
_RENEWED = 200
"""Holds per renewing call."""
_ADOPT_SECONDS = 30.0
"""Between two looks for journals of dead processes."""

_PATIENT_LOOKS = 60
_LOOK_SECONDS = 0.05
"""How long a further attempt waits for the settlement of the one before. They are sent at the same moment, but a busy
process may be late."""

_LOG = logging.getLogger(__name__)


class Observer(Protocol):
    """Is told what metrics and alarms want to know; must not raise."""

    def store_down(self) -> None:
        """The store is away from now on."""
        ...

    def store_up(self) -> None:
        """It is back."""
        ...

    def late(self, kind: str, count: int = 1) -> None:
        """Settlements out of the ordinary.

        ``corrected``: the hold had been charged at its bound; ``late``: it had ended; ``orphan``: nothing is known of it;
        lost: ``full`` (no room to keep it until the store is back), ``rejected`` (by the store, or its line in a journal
        cannot be read; it is set aside, see ``journal``).
        """
        ...

    def queue(self, length: int) -> None:
        """So many steps are owed to the store."""
        ...

    def expired(self, count: int) -> None:
        """So many holds were charged at their bound, as nobody settled them."""
        ...

    def bound_exceeded(self, meter_id: str) -> None:
        """An attempt cost more than its hold: the bound was none."""
        ...


@valueclass
class LedgerConfig:
    """What the composition root says. ``workers``: processes of this replica, which share each meter's allowance."""

    prefix: str = "llmgw"
    hold_seconds: int = 60
    keep_events_days: int = 90
    keep_events_max: int = 1_000_000
    workers: int = 1


class RedisLedger:
    """Implements ``extproc.phases.ports.Ledger``, for one event loop: ``start`` it there, and ``stop`` it.

    ``journal``: this process's own, None: what is owed when the process ends with the store away is lost. ``orphaned``
    finds the journals of dead processes, in a thread. ``now_ns``: wall clock, for the windows of allowances.
    """

    def __init__(
        self,
        store: Runs,
        config: LedgerConfig,
        observer: Observer,
        *,
        journal: Lines | None = None,
        orphaned: Callable[[], Sequence[Lines]] = tuple,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._config = config
        self._observer = observer
        self._orphaned = orphaned
        self._now_ns = now_ns
        self._steps = Steps(config.prefix, hold_seconds=config.hold_seconds, keep_events=config.keep_events_max)
        self._allowance = Allowance(config.workers)
        self._delivery = Delivery(store, journal, _Watching(observer, self._back), self._steps.idle())
        self._kept: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to deliver, to renew and to sweep."""
        self._delivery.start()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._keep_house(), name="ledger housekeeping"),
            loop.create_task(self._adopt(), name="ledger adoption"),
        ]

    async def stop(self, grace: float = 5.0) -> None:
        """End: deliver what is queued within so many seconds, and journal the rest. Holds still kept will expire."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._delivery.close(grace)

    @property
    def down(self) -> bool:
        """Whether the store is known to be away."""
        return self._delivery.down

    # -- what the phases call -----------------------------------------------------------------------------------------

    def hold(self, order: HoldOrder) -> Awaitable[Hold]:
        """Take what the order asks, all or nothing. Raises ``StoreUnavailable`` where the policy is to refuse."""
        future: asyncio.Future[Hold] = asyncio.get_running_loop().create_future()
        if self._delivery.down:
            self._hold_offline(order, future, sent=False)
        elif self._closed or self._delivery.full():
            _fail(future, "The gateway has too many requests waiting for its store. Try again.")
        else:
            call = self._steps.hold(order)
            answered, away = partial(self._held, order, future), partial(self._hold_away, order, future)
            self._delivery.ask(Item(call, answered, away))
        return future

    def open(self, order: HoldOrder) -> None:
        """As ``hold``, for an order without lines, which is always granted: nobody waits for it."""
        self._delivery.owe(Item(self._steps.hold(order, mode=OPEN), self._swept), patient=True)

    def settle(self, settlement: Settlement) -> None:
        """An attempt has ended. Never lost, never counted twice: retried while the store is away."""
        self._allowance.settle(settlement)
        # Of a limited request something waits for what it did not need: the next request, or the look of ``resume``.
        self._delivery.owe(Item(self._steps.settle(settlement), self._settled), patient=settlement.limitless)

    def charge(self, settlement: Settlement) -> Awaitable[bool]:
        """As ``settle``, not final: a failed attempt cost money. Whether the hold still covers a further attempt.

        With the store away: yes where the hold was granted in this outage and by this process, else no.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        away = partial(self._charge_away, settlement.hold_id, future)
        self._owe(self._steps.settle(settlement, ask=True), partial(self._charged, future), away)
        return future

    async def resume(self, hold_id: str, attempts: Sequence[int]) -> bool:
        """A further attempt begins, and nobody said how these earlier ones ended: whether the hold covers it.

        Their settlements may come from other processes, a moment later. With the store away: as for ``charge``. Raises
        ``StoreUnavailable`` where they do not come: the process may hang.
        """
        for _ in range(_PATIENT_LOOKS):
            covered = await self._look(hold_id, attempts)
            if covered is not None:
                return covered
            await asyncio.sleep(_LOOK_SECONDS)
        raise StoreUnavailable(
            "What an earlier attempt of this request has cost is not known yet. Send it again.", retry_after=1.0
        )

    def _look(self, hold_id: str, attempts: Sequence[int]) -> Awaitable[bool | None]:
        future: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
        if self._delivery.down or self._delivery.ended:
            future.set_result(self._allowance.covers(hold_id))
            return future
        if self._delivery.full():
            future.set_result(None)
            return future
        early = self._delivery.behind()

        def answered(reply: object) -> None:
            self._swept(reply)
            covered = False if isinstance(reply, Exception) else read_covered(reply)
            if not future.done():
                # The hold itself may be among what is owed, where it was granted with the store away.
                future.set_result(None if early and not covered else covered)

        def away(_sent: bool) -> None:  # noqa: FBT001  a callback
            if not future.done():
                future.set_result(self._allowance.covers(hold_id))

        self._delivery.ask(Item(self._steps.cover(hold_id, attempts), answered, away))
        return future

    def close(self, hold_id: str, attempts: Sequence[int]) -> None:
        """Admission has seen the request's end, which no attempt answered; these attempts are known to have been sent."""
        if not attempts:
            self._allowance.close(hold_id)
        self._owe(self._steps.close(hold_id, attempts), self._swept)

    def keep(self, hold_id: str) -> None:
        """A request of this hold is under way in this process: renew it until ``drop``."""
        self._kept[hold_id] = self._kept.get(hold_id, 0) + 1

    def drop(self, hold_id: str) -> None:
        """This process has nothing more to do with the hold."""
        left = self._kept.get(hold_id, 0) - 1
        if left > 0:
            self._kept[hold_id] = left
        else:
            self._kept.pop(hold_id, None)

    # -- answers ------------------------------------------------------------------------------------------------------

    def _owe(self, call: Call, done: Callable[[object], object], away: Callable[[bool], None] | None = None) -> None:
        self._delivery.owe(Item(call, done, away))

    def _held(self, order: HoldOrder, future: asyncio.Future[Hold], reply: object) -> None:
        if isinstance(reply, Exception):
            _LOG.error("the store refuses an order: %s", reply)
            _fail(future, "The gateway's store failed. Try again.")
            return
        hold, expired = read_hold(reply)
        if expired:
            self._observer.expired(expired)
        if not future.done():
            future.set_result(hold)
        elif hold.granted:
            self._give_up(order.id)  # its request has gone away while it waited

    def _hold_away(self, order: HoldOrder, future: asyncio.Future[Hold], sent: bool) -> None:  # noqa: FBT001  a callback
        if future.done():
            if sent:
                self._give_up(order.id)
            return
        self._hold_offline(order, future, sent=sent)

    def _hold_offline(self, order: HoldOrder, future: asyncio.Future[Hold], *, sent: bool) -> None:
        try:
            hold = self._allowance.take(order, self._now_ns() // 1_000_000)
        except StoreUnavailable as error:
            future.set_exception(error)
            if sent:
                self._give_up(order.id)  # it may have been taken, and nobody will settle it
            return
        lines = tuple(line for line in order.lines if line.group not in hold.left_out)
        taken = HoldOrder(order.id, lines, hold.output, 0, order.facts)
        self._owe(self._steps.hold(taken, mode=OFFLINE), self._swept)
        future.set_result(hold)

    def _give_up(self, hold_id: str) -> None:
        self._owe(self._steps.close(hold_id, (), unseen=True), self._swept)

    def _charged(self, future: asyncio.Future[bool], reply: object) -> None:
        covered = self._settled(reply)
        if not future.done():
            future.set_result(covered)

    def _charge_away(self, hold_id: str, future: asyncio.Future[bool], _sent: bool) -> None:  # noqa: FBT001  a callback
        if not future.done():
            future.set_result(self._allowance.covers(hold_id))

    def _settled(self, reply: object) -> bool:
        if isinstance(reply, Exception):
            return False
        settled = read_settled(reply)
        if settled.expired:
            self._observer.expired(settled.expired)
        if settled.what in {"corrected", "late", "orphan"}:
            self._observer.late(settled.what)
        for meter_id in settled.exceeded:
            self._observer.bound_exceeded(meter_id)
        return settled.covered

    def _swept(self, reply: object) -> None:
        if not isinstance(reply, Exception) and (expired := read_expired(reply)):
            self._observer.expired(expired)

    # -- by itself ----------------------------------------------------------------------------------------------------

    async def _keep_house(self) -> None:
        renew_seconds = self._config.hold_seconds / 3
        renewed = -math.inf
        while True:
            now = time.monotonic()
            if now - renewed >= renew_seconds:
                renewed = now
                self._renew()
            keep_ms = self._config.keep_events_days * 86_400_000
            self._delivery.chore(Item(self._steps.sweep(_SWEEP_ROWS, keep_ms), self._swept))
            await asyncio.sleep(min(_SWEEP_SECONDS, renew_seconds))

    def _renew(self) -> None:
        kept = list(self._kept)
        for at in range(0, len(kept), _RENEWED):
            self._delivery.chore(Item(self._steps.renew(kept[at : at + _RENEWED]), self._swept))

    def _back(self) -> None:
        self._allowance.reset()
        self._renew()  # before anybody takes what was kept through the outage for orphans

    async def _adopt(self) -> None:
        while True:
            await self._delivery.adopt(self._orphaned)
            await asyncio.sleep(_ADOPT_SECONDS)


class _Watching:
    """What the delivery tells, for the observer and for the ledger."""

    def __init__(self, observer: Observer, back: Callable[[], None]) -> None:
        self._observer = observer
        self._back = back
        self.store_down = observer.store_down
        self.queue = observer.queue
        self.lost = observer.late

    def store_up(self) -> None:
        self._back()
        self._observer.store_up()


def _fail(future: asyncio.Future[Hold], message: str) -> None:
    if not future.done():
        future.set_exception(StoreUnavailable(message, retry_after=RETRY_SECONDS))
