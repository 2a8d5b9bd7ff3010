"""Keys, teams, users and organisations made at run time: all of the rules, and nothing of HTTP.

``api`` puts this on paths of its own. Every method that changes something takes the ``Actor`` for the audit trail, and
does it in one atomic step. Two changes of one record at once never undo each other: a change without ``revision`` is
made anew on what the other left, one with a ``revision`` that has passed raises ``Conflict`` (``changed_meanwhile``).

Reads see every change that was answered before, also one made through another replica. Errors, of all methods:
``InvalidField``, ``NotFound``, ``Conflict``, and ``Unavailable`` while the store is away.

A key is named by ``ref``: its id or its name, which cannot be mistaken for each other. Bodies are built from keyword
arguments in the form of JSON: ``KeyCreate(name="ci", expires_in="30d", budgets=[{"usd": 50, "per": "month"}])``; a
caller that is not sure of its values uses ``reading.read_body``, which turns mistakes into ``InvalidField``.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from extproc.admin.bodies import KeyCreate, KeyPatch, KeyRotate, PartyFields
from extproc.admin.changes import Changes, Doing, Sources
from extproc.admin.checks import check_key, check_new_key, check_party, declared_conflict
from extproc.admin.entries import IssuedKey, KeyEntry, KeyFilter, Page, Paging, PartyEntry, PartyFilter, cut
from extproc.admin.errors import Conflict, NotFound, Unavailable
from extproc.admin.fields import created_key, created_party, patched_key, patched_party, replaced_party, rotated_key
from extproc.config.digest import hash_key
from extproc.config.snapshot import PartyKind, Secret, Snapshot, VirtualKey
from extproc.domain.ledger import MeterState
from extproc.domain.meters import Meter
from extproc.policy.keys import unknown_party
from extproc.state.audit import Actor, AuditEntry
from extproc.state.directory import LiveDirectory
from extproc.state.records import BlockRecord, KeyRecord, PartyRecord, Record, now_utc
from extproc.state.store import StoreAway

MeterReader = Callable[[Sequence[Meter]], Awaitable[Sequence[MeterState]]]
"""Where meters stand now, in order. Raises ``StoreAway``."""


_ALL, _FIRST = KeyFilter(), Paging()


class DirectoryService:
    """See the module. ``snapshot`` gives the configuration in force; ``meters`` None: budget states are not known here."""

    def __init__(
        self,
        directory: LiveDirectory,
        snapshot: Callable[[], Snapshot],
        *,
        meters: MeterReader | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._directory = directory
        self._snapshot = snapshot
        self._meters = meters
        self._sources = sources or Sources()
        self._changes = Changes(directory, self._sources)

    @property
    def known(self) -> bool:
        """Whether this gateway can know who was made at run time: see ``LiveDirectory.known``."""
        return self._directory.known

    @property
    def timezone(self) -> str:
        """The IANA name of the configuration's own, in which its budgets count days."""
        return self._snapshot().timezone

    # Keys

    async def create_key(self, new: KeyCreate, by: Actor) -> IssuedKey:
        """A new key, with its plain text: this is the only time that it is said.

        ``Conflict``: ``name_taken``, ``key_taken`` (its plain text is in use).
        """
        await self._changes.fresh()
        plain = new.key or Secret(self._sources.new_plain())
        fresh = created_key(new, self._sources.new_id(), plain.reveal(), self.now(), by)

        def altered(_: KeyRecord | None) -> KeyRecord:
            return check_new_key(fresh, self._snapshot(), self._directory)

        await self._changes.edit("key", lambda: None, altered, Doing("create", by))
        return IssuedKey(self._entry(fresh.id), plain)

    async def get_key(self, ref: str) -> KeyEntry:
        """The key of an id or a name. A name both declared and made at run time is the declared one's."""
        await self._changes.fresh()
        return self._find(ref)

    async def key_of_plain(self, plain: str) -> KeyEntry:
        """The key of a plain text, also of one in its grace."""
        return await self.key_of_digest(hash_key(plain))

    async def key_of_digest(self, sha256: str) -> KeyEntry:
        """The key of a SHA-256 (lower-case hex), also of one in its grace."""
        await self._changes.fresh()
        key = self._directory.key(sha256)
        if key is None:
            raise NotFound("There is no such key.", param="key")
        return self._find(key.id or key.name)

    async def list_keys(self, which: KeyFilter = _ALL, paging: Paging = _FIRST) -> Page[KeyEntry]:
        """Declared keys and those made at run time, by name."""
        await self._changes.fresh()
        now = self.now()
        entries = [self._declared(key) for key in self._snapshot().keys.values()]
        entries += [
            self._entry(record.id) for record in self._directory.roll.records() if isinstance(record, KeyRecord)
        ]
        return cut([((e.key.name, e.key.id), e) for e in entries if which.holds(e, now)], paging)

    async def update_key(self, ref: str, changes: KeyPatch, by: Actor) -> KeyEntry:
        """Change the fields that ``changes`` names; null empties one. Declared keys are changed in the file."""

        def altered(record: KeyRecord) -> KeyRecord:
            after = patched_key(record, changes, self.now())
            return check_key(after, changes.model_fields_set, self._snapshot(), self._directory)

        return await self._edit_key(ref, altered, Doing("update", by, changes.revision))

    async def rotate_key(self, ref: str, rotation: KeyRotate, by: Actor, changes: KeyPatch | None = None) -> IssuedKey:
        """Give a key a new plain text; id and meters stay. ``changes`` are made with it, both or none.

        The old text works on for ``rotation.grace`` seconds; without grace it ends at once, and so do earlier ones that
        were in their grace. Of two rotations at the same time one is a ``Conflict``.
        """
        await self._changes.fresh()
        plain = rotation.key or Secret(self._sources.new_plain())
        # Of two rotations at once one fails: else its caller would hold a key that is over before it is used.
        revision = self._own(ref).revision if rotation.revision is None else rotation.revision
        said: frozenset[str] = frozenset(changes.model_fields_set) if changes else frozenset()

        def altered(record: KeyRecord) -> KeyRecord:
            changed = record if changes is None else patched_key(record, changes, self.now())
            after = rotated_key(changed, plain.reveal(), timedelta(seconds=rotation.grace), self.now())
            return check_key(after, said | {"key"}, self._snapshot(), self._directory)

        return IssuedKey(await self._edit_key(ref, altered, Doing("rotate", by, revision)), plain)

    async def block_key(self, ref: str, by: Actor, *, revision: int | None = None) -> KeyEntry:
        """Refuse the key from now on; also one that the file declares. Nothing changes where it is blocked already."""
        await self._changes.fresh()
        found = self._find(ref)
        if found.record is None:
            ident = found.key.id or found.key.name
            block = BlockRecord(key_id=ident, created=self.now(), created_by=by.name)
            return await self._edit_block(ident, lambda old: old or block, Doing("block", by, revision))
        return await self._edit_key(ref, _switched(self.now(), enabled=False), Doing("block", by, revision))

    async def unblock_key(self, ref: str, by: Actor, *, revision: int | None = None) -> KeyEntry:
        """The opposite of ``block_key``. ``Conflict`` (``declared``) where the file itself switches the key off."""
        await self._changes.fresh()
        found = self._find(ref)
        if found.record is None:
            if found.block is None and not found.key.enabled:
                raise declared_conflict("key", found.key.name)
            ident = found.key.id or found.key.name
            return await self._edit_block(ident, lambda _: None, Doing("unblock", by, revision))
        return await self._edit_key(ref, _switched(self.now(), enabled=True), Doing("unblock", by, revision))

    async def revoke_key(self, ref: str, by: Actor, *, revision: int | None = None) -> KeyEntry:
        """Remove a key for good; what it was. Its name is free again, its meters and usage stay under its id."""
        await self._changes.fresh()
        gone = self._entry(self._own(ref).id)
        await self._changes.edit("key", lambda: self._own(gone.key.id), lambda _: None, Doing("revoke", by, revision))
        return gone

    # Organisations, teams, users

    async def get_party(self, kind: PartyKind, name: str) -> PartyEntry:
        """The party of a name; a declared one comes first."""
        await self._changes.fresh()
        return self._find_party(kind, name)

    async def list_parties(self, which: PartyFilter, paging: Paging = _FIRST) -> Page[PartyEntry]:
        """Declared parties of a kind and those made at run time, by name."""
        await self._changes.fresh()
        names = {name for kind, name in self._snapshot().parties if kind == which.kind}
        names |= {r.name for r in self._directory.roll.records() if isinstance(r, PartyRecord) and r.kind == which.kind}
        entries = [self._find_party(which.kind, name) for name in names]
        return cut([((e.party.name,), e) for e in entries if which.holds(e)], paging)

    async def put_party(self, kind: PartyKind, name: str, fields: PartyFields, by: Actor) -> PartyEntry:
        """Make a party, or give an existing one exactly these fields. ``fields.revision`` 0: it must be new."""
        everything = frozenset({"org", "models", "budgets", "limits"})

        def altered(record: PartyRecord | None) -> PartyRecord:
            if record is None:
                after = created_party(kind, name, fields, self.now(), by)
            else:
                after = replaced_party(record, fields, self.now())
            return check_party(after, everything, self._snapshot(), self._directory)

        roll = self._directory.roll
        action = "create" if roll.party_record(kind, name) is None else "update"
        await self._changes.edit(kind, lambda: self._stored(kind, name), altered, Doing(action, by, fields.revision))
        return self._find_party(kind, name)

    async def update_party(self, kind: PartyKind, name: str, changes: PartyFields, by: Actor) -> PartyEntry:
        """Change the fields that ``changes`` names; null empties one. ``enabled`` false blocks all keys of the party."""

        def altered(record: PartyRecord | None) -> PartyRecord:
            after = patched_party(record or self._own_party(kind, name), changes, self.now())
            return check_party(after, changes.model_fields_set, self._snapshot(), self._directory)

        doing = Doing("update", by, changes.revision)
        await self._changes.edit(kind, lambda: self._own_party(kind, name), altered, doing)
        return self._find_party(kind, name)

    async def delete_party(self, kind: PartyKind, name: str, by: Actor, *, revision: int | None = None) -> PartyEntry:
        """Remove a party; what it was.

        ``Conflict`` (``in_use``) while keys or parties belong to it: without it they would be free of its budgets.
        """
        await self._changes.fresh()
        gone = self._find_party(kind, name)

        def altered(_: PartyRecord | None) -> None:
            if users := self._belonging(kind, name):
                raise Conflict(
                    f"{users} keys or parties belong to the {kind} '{name}': revoke or move them first.", code="in_use"
                )

        doing = Doing("delete", by, revision)
        await self._changes.edit(kind, lambda: self._own_party(kind, name), altered, doing)
        return gone

    # What happened, and where meters stand

    async def audit(self, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
        """The newest changes, newest first; ``before``: only those of a smaller version (the last of the page before)."""
        try:
            return await self._directory.source.audit(before, limit)
        except StoreAway:
            raise _away() from None

    async def meter_states(self, meters: Sequence[Meter]) -> Sequence[MeterState] | None:
        """Where meters stand, in order; None: nobody here reads them."""
        if self._meters is None:
            return None
        try:
            return await self._meters(meters)
        except StoreAway:
            raise _away() from None

    def shared_meters(self) -> Sequence[Meter]:
        """Those of the file that no key and no party holds."""
        return self._snapshot().meters

    def now(self) -> datetime:
        """The time by which keys are judged here."""
        return now_utc(self._sources.now_ns())

    # Inside: everything below is about what is in memory now

    def _find(self, ref: str) -> KeyEntry:
        for key in self._snapshot().keys.values():
            if ref in {key.id, key.name}:
                return self._declared(key)
        record = self._directory.roll.key_record(ref)
        if record is None:
            raise _no_key(ref)
        return self._entry(record.id)

    def _own(self, ref: str) -> KeyRecord:
        found = self._find(ref)
        if found.record is None:
            raise declared_conflict("key", found.key.name, found.namesake)
        return found.record

    def _entry(self, ident: str) -> KeyEntry:
        key, record = self._directory.roll.key_by_id(ident), self._directory.roll.key_record(ident)
        if key is None or record is None:
            raise _no_key(ident)
        return KeyEntry(key, record, unknown=unknown_party(self._directory, key))

    def _declared(self, key: VirtualKey) -> KeyEntry:
        now, roll = self._directory.key(key.sha256) or key, self._directory.roll
        namesake = roll.key_record(key.name)
        return KeyEntry(
            now,
            block=roll.block(key.id or key.name),
            unknown=unknown_party(self._directory, now),
            namesake=namesake.id if namesake else None,
        )

    async def _edit_key(self, ref: str, alter: Callable[[KeyRecord], KeyRecord], doing: Doing) -> KeyEntry:
        await self._changes.fresh()
        ident = self._own(ref).id  # the name may be changed by what runs at the same time
        await self._changes.edit("key", lambda: self._own(ident), lambda old: alter(old or self._own(ident)), doing)
        return self._entry(ident)

    async def _edit_block(
        self, ident: str, alter: Callable[[BlockRecord | None], BlockRecord | None], doing: Doing
    ) -> KeyEntry:
        await self._changes.edit("block", lambda: self._directory.roll.block(ident), alter, doing)
        return self._find(ident)

    def _stored(self, kind: PartyKind, name: str) -> PartyRecord | None:
        return self._directory.roll.party_record(kind, name)

    def _find_party(self, kind: PartyKind, name: str) -> PartyEntry:
        declared, party = self._directory.declared.party(kind, name), self._directory.party(kind, name)
        if party is None:
            raise NotFound(f"There is no {kind} '{name}'.", param="name")
        return PartyEntry(party, None if declared else self._stored(kind, name))

    def _own_party(self, kind: PartyKind, name: str) -> PartyRecord:
        record = self._find_party(kind, name).record
        if record is None:
            raise declared_conflict(kind, name)
        return record

    def _belonging(self, kind: PartyKind, name: str) -> int:
        made = sum(_belongs(record, kind, name) for record in self._directory.roll.records())
        declared = sum(_of(key, kind) == name for key in self._snapshot().keys.values())
        return made + declared + sum(kind == "org" and one.org == name for one in self._snapshot().parties.values())


def _belongs(record: Record, kind: PartyKind, name: str) -> bool:
    match record:
        case KeyRecord():
            return _of(record, kind) == name
        case PartyRecord():
            return kind == "org" and record.org == name
        case _:
            return False


def _of(key: KeyRecord | VirtualKey, kind: PartyKind) -> str | None:
    match kind:
        case "org":
            return key.org
        case "team":
            return key.team
        case "user":
            return key.user


def _switched(now: datetime, *, enabled: bool) -> Callable[[KeyRecord], KeyRecord]:
    return lambda record: (
        record if record.enabled == enabled else record.model_copy(update={"enabled": enabled, "updated": now})
    )


def _no_key(ref: str) -> NotFound:
    return NotFound(f"There is no key '{ref}'.", param="key")


def _away() -> Unavailable:
    return Unavailable("The store (Redis) cannot be reached; try again.")
