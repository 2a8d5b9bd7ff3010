"""Sends alerts to webhooks: each alert to each of them at least once, by one of all the gateway's processes.

``scripts/books.lua`` raises alerts, ``alert_group`` shares them out, ``webhooks`` knows what goes over the wire.

Each webhook has a consumer group of its own on the stream of alerts, shared by all replicas, so what one of them owes to
one webhook is a pending entry of one group, and a webhook that is down or slow holds up no other::

    raised ─read──► pending ─2xx────────────────────────► acknowledged
                    pending ─another answer, an error───► pending, tried again later, for about an hour
                    pending ─hour over, or refused──────► acknowledged, dead letter
                    pending ─sender died────────────────► pending with another one, who begins anew

A sender renews what it has; what nobody has renewed for ``Pace.lease`` belongs to whoever takes it. Who is told twice, for
a sender died between the answer and its note of it, knows the repetition by the alert's id.
"""

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field
from typing import TypeAlias

from extproc.config.snapshot import Webhook
from extproc.domain.valueclass import valueclass
from extproc.state.alert_group import AWAY, AlertGroup
from extproc.state.alert_log import Alert, Fields, alert_id, read_alert
from extproc.state.store import Store
from extproc.state.webhooks import SEND_ERRORS, Post, Poster, message, retry_after_seconds, webhook_name

_FINAL = frozenset({400, 410, 413, 422})
"""Statuses of a receiver that has read the alert and will not have it: the same bytes will not please it later. All
others may be of something between us and it, and an alert that is lost is worse than a post in vain."""
_JOIN_BACK_MS = 60_000
"""A new webhook hears of the last minute: alerts may be raised before its group is there, and older ones are not news."""


@valueclass
class AlertDelivered:
    """A webhook has taken an alert."""

    alert_id: str
    webhook: str
    tries: int


@valueclass
class AlertFailed:
    """A webhook has not taken an alert; it is tried again in ``wait`` seconds."""

    alert_id: str
    webhook: str
    reason: str
    tries: int
    wait: float


@valueclass
class AlertBuried:
    """A webhook was given up on with an alert, which is a dead letter now."""

    alert_id: str
    webhook: str
    reason: str
    tries: int


@valueclass
class AlertsStalled:
    """Sending to a webhook stands still; it goes on by itself. Said once until it has gone on."""

    webhook: str
    problem: str
    """The kind of error."""


AlertEvent: TypeAlias = AlertDelivered | AlertFailed | AlertBuried | AlertsStalled
Observer: TypeAlias = Callable[[AlertEvent], None]
"""Told on the event loop; it must not raise. No event holds a URL."""


@valueclass
class Pace:
    """Seconds, but for ``most``."""

    first_retry: float = 2.0
    """Doubled with each try, up to ``longest_retry``: about 14 tries in ``give_up``."""
    longest_retry: float = 600.0
    give_up: float = 3600.0
    """From when a sender took the alert on."""
    too_old: float = 86_400.0
    """Nobody is told of what was raised so long ago; it is a dead letter at once."""
    lease: float = 60.0
    renew: float = 10.0
    """Also how often leases of others are looked at."""
    block: float = 2.0
    """One wait for news. Below the client's patience of 5 s."""
    away: float = 1.0
    """Between two tries to reach the store."""
    farewell: float = 3.0
    """How long ``close`` waits for posts under way."""
    most: int = 2000
    """Alerts under way to one webhook; further ones wait in the stream."""


@valueclass
class Ports:
    """The world: posting, the clock (Unix nanoseconds), waiting for the next try, and dice."""

    post: Post = field(default_factory=Poster)
    now_ns: Callable[[], int] = time.time_ns
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: random.Random = field(default_factory=random.SystemRandom)


class AlertSender:
    """Sends the alerts of a gateway for as long as ``run`` runs. Any number of processes may have one, on one store.

    It keeps one connection of ``store.client`` per webhook, and takes others for moments. Without webhooks it does nothing.
    """

    def __init__(
        self,
        store: Store,
        webhooks: Sequence[Webhook],
        observer: Observer,
        ports: Ports | None = None,
        pace: Pace | None = None,
    ) -> None:
        ports, pace = ports or Ports(), pace or Pace()
        name = f"{socket.gethostname()}-{os.getpid()}-{ports.dice.getrandbits(32):08x}"
        # The same webhook written twice is one.
        distinct = {webhook_name(webhook): webhook for webhook in webhooks}
        self._lanes = [_Lane(AlertGroup(store, hook, name), hook, observer, ports, pace) for hook in distinct.values()]
        self._closing = asyncio.Event()

    async def run(self) -> None:
        """Until ``close``, or until cancelled. Redis may be away, at the start too: it goes on when Redis is back."""
        tasks = [asyncio.create_task(lane.run(), name=f"alerts to {lane.name}") for lane in self._lanes]
        try:
            await self._closing.wait()
        finally:
            for lane, task in zip(self._lanes, tasks, strict=True):
                lane.stop()
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(lane.leave() for lane in self._lanes))

    async def close(self) -> None:
        """Make ``run`` end, which waits a little for posts under way; what is not sent yet others take over."""
        self._closing.set()


class _Lane:
    """What one sender does for one webhook."""

    def __init__(self, group: AlertGroup, webhook: Webhook, observer: Observer, ports: Ports, pace: Pace) -> None:
        self.name = group.webhook
        self._group = group
        self._webhook = webhook
        self._observer = observer
        self._ports = ports
        self._pace = pace
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._waiting: set[str] = set()
        """Of those under way, the ones between two tries: only they may be cancelled at no risk."""
        self._stalled = False
        # Cancelling is not enough: the store's client swallows a cancellation now and then, and answers instead.
        self._stopped = False
        self._abandoned = False

    def stop(self) -> None:
        """Make ``run`` end before its next step; cancel it too, so that it does not wait for news."""
        self._stopped = True

    async def run(self) -> None:
        """Until stopped."""
        while not self._stopped:
            try:
                await self._group.join(self._ports.now_ns() // 1_000_000 - _JOIN_BACK_MS)
                await self._follow()
            except AWAY as error:  # also NOGROUP, where the store was emptied
                self._stall(type(error).__name__)
                await asyncio.sleep(self._pace.away)

    async def leave(self) -> None:
        """End what is under way, giving posts a little time. After ``run``."""
        for entry in self._waiting:
            self._under_way[entry].cancel()
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=self._pace.farewell)
        self._abandoned = True
        rest = list(self._under_way.values())
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        try:
            await self._group.leave()
        except AWAY:
            return  # others forget us after a day

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        look = loop.time()
        while not self._stopped:
            if loop.time() >= look:
                await self._look()
                look = loop.time() + self._pace.renew
            room = self._pace.most - len(self._under_way)
            if room <= 0:
                await asyncio.sleep(self._pace.away)
                continue
            for entry, fields in await self._group.read(room, self._pace.block):
                self._take(entry, fields)
            self._stalled = False

    async def _look(self) -> None:
        """Renew what we have, let go what others have taken, and take what others have left."""
        have = list(self._under_way)
        if have:
            kept = await self._group.renew(have, 2 * self._pace.most)
            for entry in self._waiting.intersection(have) - kept:
                self._under_way[entry].cancel()
        room = self._pace.most - len(self._under_way)
        if room > 0:
            for entry, fields in await self._group.take_over(self._pace.lease, room):
                self._take(entry, fields)

    def _take(self, entry: str, fields: Fields | None) -> None:
        if entry in self._under_way:
            return
        task = asyncio.create_task(self._deliver(entry, fields), name=f"alert {entry} to {self.name}")
        self._under_way[entry] = task
        task.add_done_callback(lambda done: self._ended(entry, done))

    def _ended(self, entry: str, task: asyncio.Task[None]) -> None:
        self._under_way.pop(entry, None)
        self._waiting.discard(entry)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._stall(type(error).__name__)  # it is taken up again when its lease is over

    def _stall(self, problem: str) -> None:
        if not self._stalled:
            self._stalled = True
            self._observer(AlertsStalled(self.name, problem))

    async def _deliver(self, entry: str, fields: Fields | None) -> None:
        """One alert, to its end."""
        if fields is None:
            await self._bury(entry, {}, "trimmed before it was sent", 0)
            return
        try:
            alert = read_alert(self._group.prefix, entry, fields)
        except ValueError:
            await self._bury(entry, fields, "unreadable", 0)
            return
        taken = self._ports.now_ns()
        if taken / 1e9 - alert.time_ms / 1e3 > self._pace.too_old:
            await self._bury(entry, fields, "too old", 0)
            return
        tries = 0
        while True:
            tries += 1
            reason, asked = await self._try(alert)
            if reason is None:
                await self._surely(lambda: self._group.acknowledge(entry))
                self._observer(AlertDelivered(alert.id, self.name, tries))
                return
            wait = self._wait(tries, asked)
            if asked is None or (self._ports.now_ns() - taken) / 1e9 + wait > self._pace.give_up:
                await self._bury(entry, fields, reason, tries)
                return
            self._observer(AlertFailed(alert.id, self.name, reason, tries, wait))
            self._waiting.add(entry)
            await self._ports.pause(wait)
            self._waiting.discard(entry)

    async def _try(self, alert: Alert) -> tuple[str | None, float | None]:
        """Why it failed (None: it did not), and how long the receiver asks to wait (None: for ever)."""
        try:
            reply = await self._ports.post(message(self._webhook, alert, self._ports.now_ns()))
        except SEND_ERRORS as error:
            return type(error).__name__, 0.0
        if 200 <= reply.status < 300:
            return None, 0.0
        asked = retry_after_seconds(reply.retry_after, self._ports.now_ns())
        return f"status {reply.status}", None if reply.status in _FINAL else asked

    def _wait(self, tries: int, asked: float | None) -> float:
        # The exponent is bounded, for 2.0 ** 1024 is an error.
        pause = min(self._pace.first_retry * 2.0 ** min(tries - 1, 30), self._pace.longest_retry)
        return max(pause * self._ports.dice.uniform(0.75, 1.25), asked or 0.0)

    async def _bury(self, entry: str, fields: Fields, reason: str, tries: int) -> None:
        row: list[str | bytes | int] = ["alert", entry, "webhook", self.name, "reason", reason, "tries", tries]
        row += ["buried", self._ports.now_ns() // 1_000_000]
        for name, value in fields.items():
            row += [name, value]
        if await self._surely(lambda: self._group.bury(entry, row)):
            self._observer(AlertBuried(alert_id(self._group.prefix, entry), self.name, reason, tries))

    async def _surely(self, act: Callable[[], Awaitable[bool | None]]) -> bool | None:
        """Until it is done. What is done twice does nothing the second time."""
        while True:
            try:
                return await act()
            except AWAY as error:
                if self._abandoned:
                    raise asyncio.CancelledError from error
                self._stall(type(error).__name__)
                await asyncio.sleep(self._pace.away)
