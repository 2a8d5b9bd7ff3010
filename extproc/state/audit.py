"""The audit trail: who changed what of the directory, and when. Never a secret, not even a digest.

An entry is written in the same step as the change (``directory_store``), so there is no change without one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from extproc.domain.valueclass import valueclass
from extproc.state.directory_layout import Kind
from extproc.state.records import Record

Action = Literal["create", "update", "delete", "rotate", "revoke", "block", "unblock"]

_SILENT = frozenset({"sha256", "previous", "hint", "created", "updated", "created_by", "id", "kind", "key_id"})
"""Fields whose change is said by the action, or that nobody needs: digests are not shown to those who read the trail."""


@valueclass
class Actor:
    """Who asks for a change: ``name`` as the caller gave it, ``role`` as the token proved it."""

    name: str
    role: str


class AuditEntry(BaseModel):
    """One change. ``changes``: field → [before, after]; ``version`` is the directory's after it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = Field(default=0)
    time: datetime
    actor: str
    role: str
    action: Action
    kind: Kind
    id: str
    name: str
    changes: Mapping[str, Sequence[JsonValue]] = Field(default_factory=dict[str, list[JsonValue]])


def differences(before: Record | None, after: Record | None) -> dict[str, list[JsonValue]]:
    """What changes between two records, field by field; None: not there."""
    old, new = _shown(before), _shown(after)
    return {name: [old.get(name), new.get(name)] for name in sorted(old | new) if old.get(name) != new.get(name)}


def _shown(record: Record | None) -> dict[str, JsonValue]:
    if record is None:
        return {}
    fields: dict[str, JsonValue] = record.model_dump(mode="json", exclude_defaults=True, exclude=set(_SILENT))
    return fields
