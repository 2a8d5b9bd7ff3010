"""What is kept of keys and parties made at run time; ``directory_store`` keeps it, ``directory`` answers from it.

A record is a JSON object in Redis. Unknown fields are left alone on reading, so an older gateway can read what a newer
one wrote. No plain key is in any of them: a key is known by the SHA-256 of its text.
"""

from abc import ABC, abstractmethod
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from extproc.config.snapshot import PartyKind

JsonDict = dict[str, JsonValue]
"""A JSON object, decoded."""


class Record(BaseModel, ABC):
    """What all records have. ``revision`` is the directory's version at the record's last change; 0: not stored yet."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    revision: int = Field(default=0, exclude=True)

    @property
    @abstractmethod
    def ident(self) -> str:
        """By what it is known among its kind, for ever."""

    @property
    def title(self) -> str:
        """What people call it."""
        return self.ident

    def encoded(self) -> str:
        """The JSON text that is stored; the revision stands before it, put there by the store's own step."""
        return self.model_dump_json(exclude_defaults=True)


class Previous(BaseModel):
    """The digest that a key had before a rotation, good until ``until``."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    until: datetime


class Holder(Record):
    """What a key and a party have in common. ``budgets`` and ``limits`` are as written in the configuration file."""

    name: str
    org: str | None = None
    models: tuple[str, ...] | None = None
    """Catalogue names; None: all."""
    tags: dict[str, str] = Field(default_factory=dict)
    budgets: tuple[JsonDict, ...] = ()
    limits: JsonDict = Field(default_factory=dict)
    enabled: bool = True
    metadata: JsonDict = Field(default_factory=dict)
    """The caller's own notes; the gateway reads nothing of it."""
    created: datetime
    updated: datetime
    created_by: str = ""


class KeyRecord(Holder):
    """A virtual key. ``hint``: its last characters, for people to tell keys apart."""

    id: str
    sha256: str
    hint: str = ""
    team: str | None = None
    user: str | None = None
    expires: datetime | None = None
    previous: tuple[Previous, ...] = ()

    @property
    def ident(self) -> str:
        """Its id."""
        return self.id

    @property
    def title(self) -> str:
        """Its name."""
        return self.name

    @property
    def digests(self) -> tuple[str, ...]:
        """Every digest by which the key is or was known, also where the grace is over."""
        return (self.sha256, *(old.sha256 for old in self.previous))


class PartyRecord(Holder):
    """An organisation, team or user."""

    kind: PartyKind

    @property
    def ident(self) -> str:
        """Its name: parties are known by it everywhere."""
        return self.name


class BlockRecord(Record):
    """A key of the configuration file that was blocked at run time; ``key_id`` is its name there."""

    key_id: str
    created: datetime
    created_by: str = ""

    @property
    def ident(self) -> str:
        """The key's."""
        return self.key_id


class BudgetRecord(Record):
    """A named budget, for keys and parties to be made with; a change of it changes none of them.

    ``terms``: budget and limits, in the words of the API that made it.
    """

    name: str
    terms: JsonDict = Field(default_factory=dict)
    created: datetime
    updated: datetime
    created_by: str = ""

    @property
    def ident(self) -> str:
        """Its name."""
        return self.name


def now_utc(now_ns: int) -> datetime:
    """Unix nanoseconds as a time in UTC, to the millisecond: records need no more."""
    return datetime.fromtimestamp(now_ns // 1_000_000 / 1000, UTC)
