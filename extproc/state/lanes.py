"""Connections that carry batches: packed once, sent in one write, answered in order, under one deadline.

The client's own pipeline costs three times as much a command: it packs in Python and sets a timer for every reply. What
it knows of connecting (TLS, users, Sentinels) is still its own: a lane is one of its connections.

A connection on which a batch did not end well is closed, always: replies to what was sent may still come, and would
be taken for replies to the next batch.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Protocol, cast

from redis.exceptions import AskError, ClusterDownError, ConnectionError, RedisError, ResponseError  # noqa: A004

from extproc.state.deadline import Deadline

REPLY_SECONDS = 0.5
"""For a whole batch. A script takes well below a millisecond; a caller waits with a request in its hands."""
CONNECT_SECONDS = 1.0
"""With TLS, login and asking Sentinels, of which some may be dead."""
_MOST = 8
"""Lanes to one server. A server runs one script at a time, so more of them only queue there instead of here."""

_AWAY = frozenset(
    {
        "LOADING",  # it reads its files after a start
        "BUSY",  # a script, whose ever, runs for seconds
        "READONLY",  # it has become a replica; its successor is asked for at the next connecting
        "MASTERDOWN",  # a replica that has lost its master
        "NOREPLICAS",  # min-replicas-to-write is not met
        "CLUSTERDOWN",  # slots without a server, or a node cut off from the majority
        "TRYAGAIN",  # the slot is being moved, and keys of the call are on both sides
        "MISCONF",  # its disk refuses what has to be written
        "OOM",  # maxmemory is reached
        "NOAUTH",  # the user was removed or its password changed; new connections will say it
        "WRONGPASS",
        "NOPERM",  # the user's rights were cut: every call fails until somebody mends it
    }
)
"""Error codes of a server that cannot serve now, whatever is asked. All others (``ERR``, ``WRONGTYPE``, ``CROSSSLOT``, a
script's own) are of the one call: the same call would fail again."""
_INSIDE_SCRIPT = re.compile(r"Error running script .*?: -([A-Z]+) ", re.DOTALL)
"""Redis 6 wraps what a command inside a script is refused with; Redis 7 passes its code on."""


class StoreAway(Exception):
    """Redis could not be reached, did not answer in time, or cannot serve now.

    ``sent``: the calls, or some of them, may have been run. False: certainly none was.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Connection(Protocol):
    """What a lane needs of the client's connection."""

    @property
    def is_connected(self) -> bool:
        """Whether it was connected and was not disconnected by us."""
        ...

    async def connect(self) -> None:
        """Connect and log in, where it is not connected."""
        ...

    async def can_read(self) -> bool:
        """Whether bytes have come, or the other side has closed it. Does not wait."""
        ...

    async def send_packed_command(self, command: bytes, *, check_health: bool) -> None:
        """Send bytes."""
        ...

    async def read_response(self) -> object:
        """Wait for a reply. Raises ``ResponseError`` for an error reply, another ``RedisError`` for a broken connection."""
        ...

    async def disconnect(self, *, nowait: bool) -> None:
        """Close it; ``nowait``: do not wait for the goodbye."""
        ...


class Lanes:
    """Up to ``_MOST`` connections to one server, made when needed, the last used one first."""

    def __init__(self, make: Callable[[], Connection], reply_seconds: float, connect_seconds: float) -> None:
        self._make = make
        self._reply_seconds = reply_seconds
        self._connect_seconds = connect_seconds
        self._free: list[Connection] = []
        self._room = asyncio.Semaphore(_MOST)
        self._closed = False

    async def exchange(self, data: bytes, count: int) -> list[object]:
        """Send packed commands and read as many replies; error replies are in the list. Raises ``StoreAway``."""
        lane = await self._take()
        refused = False
        try:
            async with Deadline(self._reply_seconds):
                await lane.send_packed_command(data, check_health=False)
                replies: list[object] = []
                for _ in range(count):
                    try:
                        replies.append(await lane.read_response())
                    except ResponseError as error:
                        replies.append(error)
                        refused = refused or away(error)
        except (TimeoutError, RedisError, OSError) as error:
            await self._discard(lane, others=True)
            raise StoreAway(_why(error, self._reply_seconds), sent=True) from error
        except BaseException:
            await self._discard(lane)
            raise
        if refused or self._closed:
            await self._discard(lane, others=True)  # the name may lead to a better server by the next time
        else:
            self._free.append(lane)
            self._room.release()
        return replies

    async def _take(self) -> Connection:
        await self._wait_for_room()
        lane = self._free.pop() if self._free else self._make()
        try:
            # Closed by the other side since it was last used, or with bytes that nobody asked for.
            if lane.is_connected and await lane.can_read():
                await lane.disconnect(nowait=True)
            if not lane.is_connected:
                async with Deadline(self._connect_seconds):
                    await lane.connect()
        except (TimeoutError, RedisError, OSError) as error:
            await self._discard(lane, others=True)
            raise StoreAway(_why(error, self._connect_seconds), sent=False) from error
        except BaseException:
            await self._discard(lane)
            raise
        return lane

    async def _wait_for_room(self) -> None:
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with Deadline(self._reply_seconds):
                await self._room.acquire()
        except TimeoutError:
            raise StoreAway("all connections to the store wait for replies", sent=False) from None

    async def _discard(self, lane: Connection, *, others: bool = False) -> None:
        """``others``: the idle ones too. They may lead to a server that was replaced and does not know it yet."""
        # It does not wait (``nowait``), so that a second cancellation cannot keep the connection open.
        try:
            await lane.disconnect(nowait=True)
            if others:
                await self._drop_idle()
        finally:
            self._room.release()

    async def close(self) -> None:
        """Close those that nobody uses, and each of the others when its batch has ended."""
        self._closed = True
        await self._drop_idle()

    async def _drop_idle(self) -> None:
        free, self._free = self._free, []
        for lane in free:
            await lane.disconnect(nowait=True)


def away(reply: object) -> bool:
    """Whether a reply says that the server cannot serve now."""
    if not isinstance(reply, ResponseError):
        return False
    text = str(reply)
    code = reply.status_code or text.partition(" ")[0]
    inside = _INSIDE_SCRIPT.search(text)
    return code in _AWAY or isinstance(reply, ClusterDownError) or (inside is not None and inside[1] in _AWAY)


def redirected(reply: object) -> bool:
    """Whether a cluster's node says that another one has the slot (MOVED, ASK)."""
    return isinstance(reply, AskError)


def _why(error: BaseException, seconds: float) -> str:
    """What the client says names host and port, and no credential."""
    if isinstance(error, TimeoutError):
        return f"the store did not answer within {seconds:g} s"
    return f"the store cannot be reached: {error}" if isinstance(error, (ConnectionError, OSError)) else f"{error}"


def as_connection(connection: object) -> Connection:
    """The client's classes are typed loosely; what is relied on stands in ``Connection``."""
    return cast("Connection", connection)
