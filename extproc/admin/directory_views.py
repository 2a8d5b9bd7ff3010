"""Keys, parties, meters and the audit trail as JSON. Digests are not shown: who sees one could try keys against it.

Money is a text of dollars (``"12.50"``), for JSON's numbers are not exact; tokens and requests are numbers.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from extproc.admin.entries import KeyEntry, Page, PartyEntry
from extproc.config.snapshot import Party, VirtualKey
from extproc.domain.ledger import MeterState
from extproc.domain.meters import SHARE, Meter
from extproc.domain.money import usd_text
from extproc.domain.reading import Json, JsonObject
from extproc.state.audit import AuditEntry
from extproc.state.records import Holder


def key_view(entry: KeyEntry, now: datetime) -> JsonObject:
    """A key. Of a declared one only what the gateway keeps of the file is known; its meters say its budgets."""
    key, record = entry.key, entry.record
    return {
        "id": key.id or key.name,
        "name": key.name,
        "declared": entry.declared,
        "status": entry.status(now),
        "hint": record.hint if record else None,
        "team": key.team,
        "user": key.user,
        **_common(key, record),
        "expires": _time(key.expires),
        "previous": [{"until": _time(old.until)} for old in record.previous if old.until > now] if record else [],
        "blocked_by": entry.block.created_by if entry.block else None,
        "namesake": entry.namesake,
    }


def party_view(entry: PartyEntry) -> JsonObject:
    """An organisation, team or user."""
    party = entry.party
    return {"kind": party.kind, "name": party.name, "declared": entry.declared, **_common(party, entry.record)}


def page_view(page: Page[Any], items: Sequence[JsonObject]) -> JsonObject:
    """A part of a list."""
    return {"items": list(items), "next": page.next, "total": page.total}


def meters_view(meters: Sequence[Meter], states: Sequence[MeterState] | None) -> list[Json]:
    """Limits, and where they stand if that is known."""
    if states is None:
        return [_meter(meter) for meter in meters]
    return [{**_meter(meter), **_state(meter, state)} for meter, state in zip(meters, states, strict=True)]


def audit_view(entry: AuditEntry) -> JsonObject:
    """A change."""
    return {
        "version": entry.version,
        "time": _time(entry.time),
        "actor": entry.actor,
        "role": entry.role,
        "action": entry.action,
        "kind": entry.kind,
        "id": entry.id,
        "name": entry.name,
        "changes": cast("JsonObject", entry.changes),
    }


def _common(holder: VirtualKey | Party, record: Holder | None) -> JsonObject:
    models: list[Json] | None = None if holder.models is None else [*sorted(holder.models)]
    return {
        "org": holder.org,
        "models": models,
        "tags": dict(holder.tags or {}),
        "budgets": cast("list[Json]", list(record.budgets)) if record else None,
        "limits": cast("JsonObject", record.limits) if record else None,
        "enabled": holder.enabled,
        "metadata": cast("JsonObject", record.metadata) if record else {},
        "created": _time(record.created) if record else None,
        "updated": _time(record.updated) if record else None,
        "created_by": record.created_by if record else None,
        "revision": record.revision if record else None,
    }


def _meter(meter: Meter) -> JsonObject:
    return {
        "id": meter.id,
        "scope": dict(meter.scope),
        "unit": meter.unit,
        "window": _window(meter),
        "limit": _amount(meter, meter.limit),
        "alert_at": [share / SHARE for share in meter.alert_at],
    }


def _window(meter: Meter) -> JsonObject:
    window = meter.window
    match window.kind:
        case "calendar":
            return {"kind": "calendar", "span": window.span, "timezone": window.timezone}
        case "rolling":
            return {"kind": "rolling", "seconds": window.seconds}
        case _:
            return {"kind": "now"}


def _state(meter: Meter, state: MeterState) -> JsonObject:
    return {
        "settled": _amount(meter, state.settled),
        "held": _amount(meter, state.held),
        "remaining": _amount(meter, meter.limit - state.settled - state.held),
        "reset_seconds": state.reset_seconds,
    }


def _amount(meter: Meter, amount: int) -> Json:
    return usd_text(amount) if meter.unit == "usd" else amount


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
