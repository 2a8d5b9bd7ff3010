"""What the service answers: keys and parties, declared or made at run time, and pages of them."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

import orjson

from extproc.admin.errors import InvalidField
from extproc.config.snapshot import Party, PartyKind, Secret, VirtualKey
from extproc.state.records import BlockRecord, KeyRecord, PartyRecord

Item = TypeVar("Item")
KeyStatus = Literal["active", "blocked", "expired", "unknown_party"]


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as the workers know it, blocks included; ``record`` is None where the file declares it.

    ``unknown`` is the party of it that is gone. ``namesake``: the id of a key made at run time that has the name of this
    declared one, which the file took later; only its id means it.
    """

    key: VirtualKey
    record: KeyRecord | None = None
    block: BlockRecord | None = None
    unknown: tuple[PartyKind, str] | None = None
    namesake: str | None = None

    @property
    def declared(self) -> bool:
        """Whether it is of the configuration file: then it can be blocked here, and nothing else."""
        return self.record is None

    def status(self, now: datetime) -> KeyStatus:
        """The first that holds, where several do, of: blocked, expired, unknown_party. None of them: active."""
        if not self.key.enabled:
            return "blocked"
        if self.key.expires is not None and now >= self.key.expires:
            return "expired"
        return "active" if self.unknown is None else "unknown_party"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with its plain text, which nobody can ask for again."""

    entry: KeyEntry
    plain: Secret


@dataclass(frozen=True, slots=True)
class PartyEntry:
    """An organisation, team or user; ``record`` is None where the file declares it."""

    party: Party
    record: PartyRecord | None = None

    @property
    def declared(self) -> bool:
        """Whether it is of the configuration file: then it is changed there."""
        return self.record is None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFilter:
    """Which keys to list; all that are set must hold. ``name``: a part of it. ``tag``: name and value."""

    name: str | None = None
    org: str | None = None
    team: str | None = None
    user: str | None = None
    model: str | None = None
    """Keys that may use it."""
    tag: tuple[str, str] | None = None
    status: KeyStatus | None = None
    declared: bool | None = None

    def holds(self, entry: KeyEntry, now: datetime) -> bool:
        """Whether the entry is to be listed."""
        key = entry.key
        return (
            (self.name is None or self.name in key.name)
            and all(
                wanted is None or wanted == found
                for wanted, found in (
                    (self.org, key.org),
                    (self.team, key.team),
                    (self.user, key.user),
                    (self.status, entry.status(now)),
                    (self.declared, entry.declared),
                )
            )
            and (self.model is None or key.models is None or self.model in key.models)
            and (self.tag is None or (key.tags or {}).get(self.tag[0]) == self.tag[1])
        )


@dataclass(frozen=True, slots=True)
class PartyFilter:
    """Which parties to list."""

    kind: PartyKind
    name: str | None = None
    org: str | None = None

    def holds(self, entry: PartyEntry) -> bool:
        """Whether the entry is to be listed."""
        party = entry.party
        return (
            party.kind == self.kind
            and (self.name is None or self.name in party.name)
            and (self.org is None or self.org == party.org)
        )


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list: ``limit`` items behind ``cursor``, which is what the page before said."""

    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list. ``next`` is the cursor of the part behind it, None at the end; ``total`` counts the whole."""

    items: Sequence[Item]
    next: str | None
    total: int


def cut(items: Sequence[tuple[tuple[str, ...], Item]], paging: Paging) -> Page[Item]:
    """A page of items with their places (what they are sorted by, unique). Raises ``InvalidField``."""
    ordered = sorted(items, key=lambda item: item[0])
    after = _place(paging.cursor) if paging.cursor else ()
    rest = [item for item in ordered if item[0] > after]
    part = rest[: paging.limit]
    more = _cursor(part[-1][0]) if len(rest) > len(part) and part else None
    return Page([item for _, item in part], more, len(ordered))


def _cursor(place: tuple[str, ...]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _place(cursor: str) -> tuple[str, ...]:
    try:
        place: object = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        place = None
    if isinstance(place, list):
        return tuple(str(step) for step in place)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- text of whatever it holds
    raise InvalidField("The cursor is not one that this API gave: take it from 'next'.", param="cursor")
