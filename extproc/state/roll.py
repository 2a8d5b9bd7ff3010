"""The directory in memory: records as they are stored, and what requests ask of them, made when a record comes in.

No I/O: ``directory`` feeds it. A record that cannot be acted on (a newer gateway wrote what this one does not know)
becomes a key or party that is switched off: to let it pass without its budget would be worse.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from extproc.config.meters import Context
from extproc.config.snapshot import Party, PartyKind, VirtualKey
from extproc.state.directory_layout import field
from extproc.state.directory_store import decode
from extproc.state.members import key_without_meters, party, party_without_meters, virtual_key
from extproc.state.records import BlockRecord, BudgetRecord, KeyRecord, PartyRecord, Record


class Roll:
    """Everybody made at run time. ``context``: what budgets refer to; ``tell`` hears of records that cannot be read."""

    def __init__(self, context: Context, tell: Callable[[str], None]) -> None:
        self._context = context
        self._tell = tell
        self._records: dict[str, Record] = {}
        self._keys: dict[str, VirtualKey] = {}
        self._by_id: dict[str, VirtualKey] = {}
        self._parties: dict[tuple[PartyKind, str], Party] = {}
        self._names: dict[str, str] = {}
        self._blocked: dict[str, BlockRecord] = {}

    def put(self, name: str, text: bytes | None) -> None:
        """A record's stored text came in; None: it is gone. ``name``: its field (``directory_layout.field``)."""
        self._forget(name)
        if text is None:
            return
        try:
            record = decode(name, text)
        except ValueError:
            self._tell(f"the directory's record {name} cannot be read; it is left out")
            return
        self._records[name] = record
        match record:
            case KeyRecord():
                self._put_key(record)
            case PartyRecord():
                self._parties[record.kind, record.name] = self._party(record)
            case BlockRecord():
                self._blocked[record.key_id] = record
            case BudgetRecord():
                pass  # requests ask nothing of it

    def key(self, sha256: str) -> VirtualKey | None:
        """The key with this digest; under one of before a rotation, a key that expires with its grace."""
        return self._keys.get(sha256)

    def key_by_id(self, ident: str) -> VirtualKey | None:
        """The key with this id, under its present digest."""
        return self._by_id.get(ident)

    def party(self, kind: PartyKind, name: str) -> Party | None:
        """A party made at run time."""
        return self._parties.get((kind, name))

    def lists(self, kind: PartyKind) -> bool:
        """Whether there are any parties of this kind."""
        return any(known == kind for known, _ in self._parties)

    def block(self, key_id: str) -> BlockRecord | None:
        """The block of a declared key."""
        return self._blocked.get(key_id)

    def key_record(self, ref: str) -> KeyRecord | None:
        """By id or by name."""
        record = self._records.get(field("key", ref)) or self._records.get(field("key", self._names.get(ref, "")))
        return record if isinstance(record, KeyRecord) else None

    def party_record(self, kind: PartyKind, name: str) -> PartyRecord | None:
        """As stored."""
        record = self._records.get(field(kind, name))
        return record if isinstance(record, PartyRecord) else None

    def records(self) -> Iterable[Record]:
        """All of them."""
        return self._records.values()

    def by_field(self) -> Mapping[str, Record]:
        """All of them by field, as they are now: the mapping does not change with the directory."""
        return dict(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def _forget(self, name: str) -> None:
        match self._records.pop(name, None):
            case KeyRecord() as record:
                del self._by_id[record.id]
                for digest in record.digests:
                    self._drop(digest, record.id)
                if self._names.get(record.name) == record.id:
                    del self._names[record.name]
            case PartyRecord() as record:
                del self._parties[record.kind, record.name]
            case BlockRecord() as record:
                del self._blocked[record.key_id]
            case _:
                pass

    def _drop(self, digest: str, key_id: str) -> None:
        # News may come in another order than the changes were made: another key may have it by now.
        if (key := self._keys.get(digest)) is not None and key.id == key_id:
            del self._keys[digest]

    def _put_key(self, record: KeyRecord) -> None:
        self._names[record.name] = record.id
        key = self._by_id[record.id] = self._key(record)
        self._keys[record.sha256] = key
        for old in record.previous:
            until = old.until if key.expires is None else min(old.until, key.expires)
            self._keys[old.sha256] = replace(key, sha256=old.sha256, expires=until)

    def _key(self, record: KeyRecord) -> VirtualKey:
        try:
            return virtual_key(record, self._context)
        except ValueError:
            self._tell_of_meters(record)
            return replace(key_without_meters(record), enabled=False)

    def _party(self, record: PartyRecord) -> Party:
        try:
            return party(record, self._context)
        except ValueError:
            self._tell_of_meters(record)
            return replace(party_without_meters(record), enabled=False)

    def _tell_of_meters(self, record: Record) -> None:
        self._tell(f"the budgets or limits of {record.ident} cannot be read; it is switched off until they can")
