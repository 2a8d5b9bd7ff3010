"""Bodies → records: what a request says becomes what is kept. Nothing is checked here that ``checks`` can check."""

from datetime import datetime, timedelta

from extproc.admin.bodies import HolderFields, KeyCreate, KeyFields, KeyPatch, PartyFields
from extproc.admin.errors import Conflict, InvalidField
from extproc.config.digest import hash_key
from extproc.config.snapshot import PartyKind
from extproc.state.audit import Actor
from extproc.state.records import KeyRecord, PartyRecord, Previous

MAX_PREVIOUS = 10
"""Digests of a key that are in their grace at once: more is a script that runs wild."""

_EMPTY: dict[str, object] = {"tags": {}, "budgets": (), "limits": {}, "metadata": {}}
"""What null means in a body, where it is not null in the record."""
_COMMON = frozenset(HolderFields.model_fields)


def created_key(new: KeyCreate, ident: str, plain: str, now: datetime, by: Actor) -> KeyRecord:
    """The record of a new key."""
    fields = _said(new, _COMMON | {"team", "user"})
    return KeyRecord.model_validate(
        {
            **fields,
            "id": ident,
            "name": new.name or ident,
            "sha256": hash_key(plain),
            "hint": _hint(plain),
            "expires": _expires(new, None, now),
            "created": now,
            "updated": now,
            "created_by": by.name,
        }
    )


def patched_key(record: KeyRecord, changes: KeyPatch, now: datetime) -> KeyRecord:
    """The record after a change. A name cannot be emptied."""
    fields = _said(changes, _COMMON | {"team", "user"})
    if changes.name is not None:
        fields["name"] = changes.name
    return record.model_copy(update={**fields, "expires": _expires(changes, record.expires, now), "updated": now})


def rotated_key(record: KeyRecord, plain: str, grace: timedelta, now: datetime) -> KeyRecord:
    """The record with another digest. What is past its grace is forgotten here. Raises ``Conflict``, ``InvalidField``."""
    sha256 = hash_key(plain)
    if sha256 == record.sha256:
        raise InvalidField("This is the key as it is: give another one, or leave it out.", param="key")
    previous = [old for old in record.previous if old.until > now and old.sha256 != sha256]
    if grace:
        previous.append(Previous(sha256=record.sha256, until=now + grace))
    if len(previous) > MAX_PREVIOUS:
        raise Conflict(
            f"{MAX_PREVIOUS} earlier texts of this key are in their grace: wait for one to end, or rotate without grace.",
            code="too_many_previous",
            param="grace",
        )
    kept = tuple(previous) if grace else ()
    return record.model_copy(update={"sha256": sha256, "hint": _hint(plain), "previous": kept, "updated": now})


def created_party(kind: PartyKind, name: str, fields: PartyFields, now: datetime, by: Actor) -> PartyRecord:
    """The record of a new party."""
    said = _said(fields, _COMMON)
    return PartyRecord.model_validate(
        {**said, "kind": kind, "name": name, "created": now, "updated": now, "created_by": by.name}
    )


def replaced_party(record: PartyRecord, fields: PartyFields, now: datetime) -> PartyRecord:
    """The record with exactly these fields; its age stays."""
    by = Actor(record.created_by, "")
    fresh = created_party(record.kind, record.name, fields, now, by)
    return fresh.model_copy(update={"created": record.created, "revision": record.revision})


def patched_party(record: PartyRecord, changes: PartyFields, now: datetime) -> PartyRecord:
    """The record after a change."""
    return record.model_copy(update={**_said(changes, _COMMON), "updated": now})


def _said(fields: HolderFields, names: frozenset[str]) -> dict[str, object]:
    """What the body names, in the record's form."""
    said = {name: getattr(fields, name) for name in names & fields.model_fields_set}
    return {name: _EMPTY.get(name) if value is None else value for name, value in said.items()}


def _expires(fields: KeyFields, before: datetime | None, now: datetime) -> datetime | None:
    if fields.expires is not None and fields.expires_in is not None:
        raise InvalidField("Give expires or expires_in, not both.", param="expires_in")
    if fields.expires_in is not None:
        return now + timedelta(seconds=fields.expires_in)
    return fields.expires if {"expires", "expires_in"} & fields.model_fields_set else before


def _hint(plain: str) -> str:
    # Of a random key four characters are nothing; of one that a caller chose at least twelve are left.
    return f"...{plain[-4:]}"
