"""Hears of changes of the directory: at once by pub/sub, and by looking again and again, for pub/sub may lose messages."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from extproc.state.directory_layout import changed
from extproc.state.store import Store, StoreAway

POLL_SECONDS = 0.5
"""So that a change is known within a second everywhere, even where its message was lost and Redis takes its time."""
_LISTEN_SECONDS = 30.0
"""One wait for messages; after it comes the next. A connection that is dead and does not say so is what polling is for."""


class Watch:
    """Runs ``look`` after every message, after every ``poll`` seconds, and after the channel was joined anew.

    ``look`` may raise ``StoreAway``: then it is tried again at the next turn. ``tell`` hears of all that it raises else.
    """

    def __init__(
        self,
        store: Store,
        look: Callable[[], Awaitable[None]],
        *,
        tell: Callable[[str], None],
        poll: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._look = look
        self._tell = tell
        self._poll = poll
        self._hint = asyncio.Event()

    async def look_again(self) -> None:
        """Look for news whenever it is time; until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            turn = loop.time() + self._poll
            try:
                async with asyncio.timeout_at(turn):
                    await self._hint.wait()
            except TimeoutError:
                pass
            self._hint.clear()  # before the look: a message during it asks for another one
            try:
                await self._look()
            except StoreAway:
                pass
            except Exception as error:  # noqa: BLE001  whatever is wrong there: a revocation must still come through
                self._tell(f"the directory's news cannot be read ({type(error).__name__}); trying again")
            else:
                continue
            # A hint that comes at once would make this a busy loop.
            await asyncio.sleep(max(0.0, turn - loop.time()))

    def _subscriber(self) -> object:
        return self._store.client.pubsub()  # pyright: ignore[reportUnknownMemberType]  the library leaves options untyped

    async def listen(self) -> None:
        """Ask for a look whenever somebody says that there is news; until cancelled."""
        while True:
            try:
                async with cast("PubSub", self._subscriber()) as channel:
                    await channel.subscribe(changed(self._store.prefix))
                    while True:
                        # Also of the subscription itself: what was said before it is found by a look.
                        if await channel.get_message(timeout=_LISTEN_SECONDS) is not None:
                            self._hint.set()
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(self._poll)
