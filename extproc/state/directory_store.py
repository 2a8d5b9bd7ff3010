"""The directory in Redis: changes, one atomic step each, and what is read of it. ``directory_layout`` says where it lies."""

import uuid
from collections.abc import Awaitable, Mapping, Sequence
from typing import cast

from redis.exceptions import ResponseError

from extproc.domain.valueclass import valueclass
from extproc.state import directory_layout as layout
from extproc.state.answering import answering
from extproc.state.audit import AuditEntry
from extproc.state.records import BlockRecord, BudgetRecord, KeyRecord, PartyRecord, Record
from extproc.state.store import Call, Store

AUDIT_LENGTH = 100_000
"""Entries kept; at half a kilobyte each, 50 MB of Redis. Who must keep more reads the trail and stores it."""
_SCAN = 500
"""Records per round trip of a full load: about a quarter of a megabyte, a few milliseconds of Redis."""
_NEWS = 1000
"""Changes read at most at once; who has missed more loads everything."""
_PATIENCE = 2.0
"""Seconds for one command here: a dead connection must not hold up a worker's news longer."""


class Refused(Exception):
    """A change was not made. ``reason``: what stood against it; ``holder``: id of the key that has the name or digest."""

    def __init__(self, reason: str, holder: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.holder = holder


@valueclass
class Change:
    """One record put in place of another. ``before`` None: it must not be there yet; ``after`` None: it is removed."""

    kind: layout.Kind
    ident: str
    before: Record | None
    after: Record | None
    audit: AuditEntry
    at: int | None = None
    """Only if the directory as a whole still is at this version."""
    needs: tuple[str, ...] = ()
    """Fields of records that must be there."""


@valueclass
class Stamp:
    """Which state of the directory one has seen. ``change``: the random id of the last change in it."""

    version: int
    change: str


@valueclass
class News:
    """What changed since a stamp: the fields to read again. ``fields`` None: too much is unknown, read everything."""

    stamp: Stamp
    fields: tuple[str, ...] | None


class DirectoryStore:
    """Reads and changes. Every method raises ``StoreAway``; of a change it is then not known whether it was made."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._prefix = store.prefix

    async def change(self, change: Change) -> int:
        """Make it and tell everybody; the record's new revision.

        Raises ``Refused``: ``missing`` (there is no such record), ``changed`` (its revision, or what it rests on, is another), ``name`` or
        ``digest`` (another key has it).
        """
        old_name, released = _known_by(change.before)
        new_name, claimed = _known_by(change.after)
        args = (
            layout.field(change.kind, change.ident),
            change.before.revision if change.before else 0,
            change.after.encoded() if change.after else "",
            change.ident,
            uuid.uuid4().hex,
            change.audit.model_dump_json(exclude={"version"}),
            layout.changed(self._prefix),
            AUDIT_LENGTH,
            old_name,
            new_name,
            "" if change.at is None else change.at,
            len(change.needs),
            len(released),
            *change.needs,
            *released,
            *claimed,
        )
        keys = (
            layout.records(self._prefix),
            layout.names(self._prefix),
            layout.digests(self._prefix),
            layout.version(self._prefix),
            layout.audit(self._prefix),
        )
        (answer,) = await self._store.run([Call("directory_change", keys, args)])
        if isinstance(answer, ResponseError):
            raise answer
        word, *rest = cast("list[bytes | int]", answer)
        if word == b"done":
            return int(rest[0])
        holder = rest[0] if rest else b""
        raise Refused(cast("bytes", word).decode(), holder.decode() if isinstance(holder, bytes) else "")

    async def stamp(self) -> Stamp:
        """Where the directory is now."""
        async with answering(_PATIENCE):
            values = await cast(
                "Awaitable[list[bytes | None]]", self._store.client.hmget(layout.version(self._prefix), ["n", "c"])
            )
        number, change = values
        return Stamp(int(number or 0), (change or b"").decode())

    async def news(self, since: Stamp | None) -> News:
        """What changed since; None: nothing is known. Costs one small read where nothing changed."""
        now = await self.stamp()
        if now == since:
            return News(now, ())
        if since is None or since.version == 0 or now.version <= since.version:  # the last: the store was put back
            return News(now, None)
        async with answering(_PATIENCE):
            entries = await cast(
                "Awaitable[list[tuple[bytes, dict[bytes, bytes]]]]",
                self._store.client.xrange(layout.audit(self._prefix), f"{since.version}-0", "+", _NEWS),
            )
        stamps = [Stamp(int(ident.partition(b"-")[0]), entry[b"c"].decode()) for ident, entry in entries]
        # The one that is known must be there: else some after it may be gone too, or it was another store's.
        if len(entries) == _NEWS or not stamps or stamps[0] != since:
            return News(now, None)
        return News(stamps[-1], tuple(dict.fromkeys(entry[b"f"].decode() for _, entry in entries[1:])))

    async def read(self, fields: Sequence[str]) -> dict[str, bytes | None]:
        """The stored text of records; None: not there."""
        if not fields:
            return {}
        async with answering(_PATIENCE):
            values = await cast(
                "Awaitable[list[bytes | None]]",
                self._store.client.hmget(layout.records(self._prefix), list(fields)),
            )
        return dict(zip(fields, values, strict=True))

    async def read_all(self) -> dict[str, bytes]:
        """The stored text of all records. Changes meanwhile may be in it or not: take the stamp first."""
        found: dict[str, bytes] = {}
        cursor = 0
        while True:
            async with answering(_PATIENCE):
                cursor, part = await cast(
                    "Awaitable[tuple[int, dict[bytes, bytes]]]",
                    self._store.client.hscan(layout.records(self._prefix), cursor, count=_SCAN),
                )
            found |= {name.decode(): value for name, value in part.items()}
            if not cursor:
                return found

    async def audit(self, before: int | None, count: int) -> list[AuditEntry]:
        """The newest ``count`` entries of a version below ``before``, newest first."""
        last = "+" if before is None else f"({before}-0"
        async with answering(_PATIENCE):
            entries = await cast(
                "Awaitable[list[tuple[bytes, dict[bytes, bytes]]]]",
                self._store.client.xrevrange(layout.audit(self._prefix), last, "-", count),
            )
        return [_entry(ident, entry) for ident, entry in entries]


_MODELS: Mapping[str, type[KeyRecord | PartyRecord | BlockRecord | BudgetRecord]] = {
    "key": KeyRecord,
    "org": PartyRecord,
    "team": PartyRecord,
    "user": PartyRecord,
    "block": BlockRecord,
    "budget": BudgetRecord,
}


def decode(field: str, text: bytes) -> KeyRecord | PartyRecord | BlockRecord | BudgetRecord:
    """A stored record. Raises ``ValueError`` where it is none."""
    revision, _, body = text.partition(b" ")
    kind = field.partition("/")[0]
    model = _MODELS.get(kind)
    if model is None:
        raise ValueError(f"no kind of record: {kind}")
    return model.model_validate_json(body).model_copy(update={"revision": int(revision)})


def _known_by(record: Record | None) -> tuple[str, tuple[str, ...]]:
    """The name and the digests that no other key may have."""
    return (record.name, record.digests) if isinstance(record, KeyRecord) else ("", ())


def _entry(ident: bytes, entry: dict[bytes, bytes]) -> AuditEntry:
    version = int(ident.partition(b"-")[0])
    return AuditEntry.model_validate_json(entry[b"e"]).model_copy(update={"version": version})
