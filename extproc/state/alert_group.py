"""Who sends which alert to a webhook: its consumer group on the stream of alerts, which all replicas share.

``alerts`` sends what this gives it.
"""

from collections.abc import Iterable, Sequence
from typing import cast

from redis.exceptions import RedisError, ResponseError
from redis.typing import StreamIdT

from extproc.config.snapshot import Webhook
from extproc.state import layout
from extproc.state.alert_log import Fields, dead_letters
from extproc.state.store import Call, Store, StoreAway
from extproc.state.webhooks import webhook_name

AWAY = (RedisError, OSError, TimeoutError, StoreAway)
"""How the store says that it cannot serve."""

_FORGOTTEN_MS = 86_400_000
"""After a day without a sign a sender's name is removed from its group, if it owes nothing."""
_DEAD_LETTERS = 10_000
"""About as many as there are alerts kept; a row takes some 300 bytes."""


class AlertGroup:
    """One webhook's consumer group, as one sender uses it. Raises one of ``AWAY``."""

    def __init__(self, store: Store, webhook: Webhook, consumer: str) -> None:
        self.webhook = webhook_name(webhook)
        self.prefix = store.prefix
        self._store = store
        self._stream = layout.alerts(store.prefix)
        self._group = f"webhook:{self.webhook}"
        self._consumer = consumer

    async def join(self, since_ms: int) -> None:
        """Make the group where it is not there yet, and forget senders that are long gone."""
        client = self._store.client
        try:
            await client.xgroup_create(self._stream, self._group, id=f"{max(0, since_ms)}-0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        consumers = cast("list[dict[str, object]]", await client.xinfo_consumers(self._stream, self._group))
        for consumer in consumers:
            if consumer["pending"] == 0 and cast("int", consumer["idle"]) > _FORGOTTEN_MS:
                await client.xgroup_delconsumer(self._stream, self._group, cast("bytes", consumer["name"]))

    async def read(self, count: int, block: float) -> list[tuple[str, Fields]]:
        """Entries that no sender has had, waiting for them a little."""
        reply = cast(
            "list[tuple[bytes, list[tuple[bytes, Fields]]]]",
            await self._store.client.xreadgroup(
                self._group, self._consumer, {self._stream: ">"}, count=count, block=max(1, round(block * 1000))
            ),
        )
        return [(entry.decode(), fields) for _, entries in reply for entry, fields in entries]

    async def renew(self, entries: Iterable[str], most: int) -> set[str]:
        """Keep those of the entries that are still ours, and say which ones these are."""
        ours = await self._pending(most, consumer=self._consumer)
        kept: list[StreamIdT] = [entry for entry in entries if entry in ours]
        if kept:
            await self._store.client.xclaim(self._stream, self._group, self._consumer, 0, kept, justid=True)
        return ours.intersection(entries)

    async def take_over(self, lease: float, count: int) -> list[tuple[str, Fields | None]]:
        """Entries whose sender has not renewed them; ours too, where the reply that brought them was lost.

        None for the fields: the stream was trimmed, and they are gone.
        """
        idle = round(lease * 1000)
        stale: list[StreamIdT] = list(await self._pending(count, idle=idle))
        if not stale:
            return []
        client = self._store.client
        taken = cast(
            "list[bytes]", await client.xclaim(self._stream, self._group, self._consumer, idle, stale, justid=True)
        )
        found: list[tuple[str, Fields | None]] = []
        for entry in taken:
            read = cast("list[tuple[bytes, Fields]]", await client.xrange(self._stream, entry, entry))
            found.append((entry.decode(), read[0][1] if read else None))
        return found

    async def _pending(self, count: int, *, consumer: str | None = None, idle: int | None = None) -> set[str]:
        rows = cast(
            "list[dict[str, bytes]]",
            await self._store.client.xpending_range(
                self._stream, self._group, "-", "+", count, consumername=consumer, idle=idle
            ),
        )
        return {row["message_id"].decode() for row in rows}

    async def acknowledge(self, entry: str) -> None:
        """Nobody owes the entry to this webhook any more."""
        await self._store.client.xack(self._stream, self._group, entry)

    async def bury(self, entry: str, fields: Sequence[str | bytes | int]) -> bool:
        """Make it a dead letter; whether it was not one already, or acknowledged."""
        keys = (self._stream, dead_letters(self.prefix))
        (reply,) = await self._store.run([Call("alert_bury", keys, (self._group, entry, _DEAD_LETTERS, *fields))])
        if isinstance(reply, ResponseError):
            raise reply
        return reply == 1

    async def leave(self) -> None:
        """Take our name off the group if we owe nothing; else others will, when they have taken it over."""
        if not await self._pending(1, consumer=self._consumer):
            await self._store.client.xgroup_delconsumer(self._stream, self._group, self._consumer)
