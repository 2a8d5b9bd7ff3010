"""One change of a record, from what is there now to what shall be: the loop of compare-and-set around ``alter``."""

import secrets
import string
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from extproc.admin.bodies import KEY_ID_PREFIX
from extproc.admin.errors import Conflict, Unavailable
from extproc.config.snapshot import PartyKind
from extproc.state.audit import Action, Actor, AuditEntry, differences
from extproc.state.directory import LiveDirectory
from extproc.state.directory_layout import Kind, field
from extproc.state.directory_store import Change, Refused
from extproc.state.records import KeyRecord, PartyRecord, Record, now_utc
from extproc.state.store import StoreAway

R = TypeVar("R", bound=Record)

PLAIN_PREFIX = "sk-llmgw-"
_PLAIN_BYTES = 32
_PLAIN_CHARS = 43
"""Base 62 digits that any 32 bytes fit in: 62^43 > 2^256 > 62^42."""
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_TRIES = 20
"""Somebody wins every round, so only as many can lose this often as change the same record at the same moment."""


def new_plain() -> str:
    """``sk-llmgw-`` and 32 random bytes in base 62."""
    number, text = int.from_bytes(secrets.token_bytes(_PLAIN_BYTES)), ""
    for _ in range(_PLAIN_CHARS):
        number, digit = divmod(number, 62)
        text += _DIGITS[digit]
    return PLAIN_PREFIX + text


def new_id() -> str:
    """``key_`` and a random UUID in hex."""
    return f"{KEY_ID_PREFIX}{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Sources:
    """Clock and randomness."""

    now_ns: Callable[[], int] = time.time_ns
    new_plain: Callable[[], str] = new_plain
    new_id: Callable[[], str] = new_id


@dataclass(frozen=True, slots=True)
class Doing:
    """What is being done, by whom; ``revision``: only if the record still is at it."""

    action: Action
    by: Actor
    revision: int | None = None


class Changes:
    """Makes changes in the store, and lets the directory here know them at once."""

    def __init__(self, directory: LiveDirectory, sources: Sources) -> None:
        self._directory = directory
        self._sources = sources

    async def fresh(self) -> None:
        """Take in all changes until now. Raises ``Unavailable``."""
        try:
            await self._directory.refresh()
        except StoreAway:
            raise _away() from None

    async def edit(
        self, kind: Kind, find: Callable[[], R | None], alter: Callable[[R | None], R | None], doing: Doing
    ) -> R | None:
        """Put ``alter(what find finds)`` in its place, None being no record; the record as it is then.

        Both may raise ``AdminError``, and run again after somebody else's change. What is the same as before is not
        written.
        """
        for _ in range(_TRIES):
            await self.fresh()
            before = find()
            if doing.revision is not None and doing.revision != (before.revision if before else 0):
                raise _changed_meanwhile(before)
            after = alter(before)
            if before is after or (before is not None and after is not None and not differs(before, after)):
                return before
            try:
                revision = await self._write(kind, before, after, doing)
            except Refused as refusal:
                if refusal.reason not in {"changed", "missing"}:
                    raise _taken(refusal, after) from None
                continue
            await self.fresh()
            return None if after is None else after.model_copy(update={"revision": revision})
        raise Conflict("Others change this record all the time; try again.", code="changed_meanwhile")

    def _checked_at(self, before: Record | None, after: Record | None) -> int | None:
        """That nothing belongs to a party that goes is known of this version of the directory."""
        return self._directory.version if after is None and isinstance(before, PartyRecord) else None

    def _needs(self, after: Record | None) -> tuple[str, ...]:
        """The parties above a record, of which its budgets are: they must not go while it comes."""
        if not isinstance(after, KeyRecord | PartyRecord):
            return ()
        above: tuple[tuple[PartyKind, str | None], ...] = (
            ("org", after.org),
            ("team", after.team if isinstance(after, KeyRecord) else None),
            ("user", after.user if isinstance(after, KeyRecord) else None),
        )
        return tuple(
            field(kind, name) for kind, name in above if name and self._directory.roll.party_record(kind, name)
        )

    async def _write(self, kind: Kind, before: Record | None, after: Record | None, doing: Doing) -> int:
        record = after or before
        assert record is not None
        entry = AuditEntry(
            time=now_utc(self._sources.now_ns()),
            actor=doing.by.name,
            role=doing.by.role,
            action=doing.action,
            kind=kind,
            id=record.ident,
            name=record.title,
            changes=differences(before, after),
        )
        try:
            return await self._directory.source.change(
                Change(
                    kind,
                    record.ident,
                    before,
                    after,
                    entry,
                    at=self._checked_at(before, after),
                    needs=self._needs(after),
                )
            )
        except StoreAway as error:
            if not error.sent:
                raise _away() from None
            raise Unavailable(
                "The store (Redis) did not answer in time: the change may have been made or not. Look, then try again.",
                code="outcome_unknown",
            ) from None


def differs(before: Record, after: Record) -> bool:
    """Whether anything but the time of the change is another."""
    unsaid = {"updated", "revision"}
    return before.model_dump(exclude=unsaid) != after.model_dump(exclude=unsaid)


def _away() -> Unavailable:
    return Unavailable(
        "The store (Redis) cannot be reached, so nothing can be listed or changed. Keys that exist go on working; try again."
    )


def _changed_meanwhile(record: Record | None) -> Conflict:
    now = "is gone" if record is None else f"is at revision {record.revision}"
    return Conflict(
        f"The record was changed meanwhile and {now}: read it again, then change it.",
        code="changed_meanwhile",
        param="revision",
    )


def _taken(refusal: Refused, record: Record | None) -> Conflict:
    if refusal.reason == "name" and isinstance(record, KeyRecord):
        return Conflict(
            f"The name '{record.name}' is taken by {refusal.holder}: choose another.", code="name_taken", param="name"
        )
    return Conflict("This key is in use already: choose another, or leave it out.", code="key_taken", param="key")
