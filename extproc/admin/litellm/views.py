"""Keys, teams, users and budgets in LiteLLM's shapes. Money is a number of dollars, times are ISO 8601.

``token`` is the key's id and not its SHA-256, which is shown to nobody: who sees one could try keys against it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import cast

from pydantic import JsonValue

from extproc.admin.entries import KeyEntry, PartyEntry
from extproc.admin.litellm.allowances import allowance_of
from extproc.admin.litellm.bodies import Spending
from extproc.admin.litellm.holders import PLAIN_TAG, tags_of
from extproc.admin.litellm.notes import notes_of, text_note, without_notes
from extproc.admin.litellm.spending import Spend, Spender
from extproc.config.snapshot import Party, VirtualKey
from extproc.domain.money import dollars
from extproc.domain.reading import Json, JsonObject
from extproc.state.records import BudgetRecord, Holder


def usd(nanos: int) -> float:
    """The nearest number of dollars, for LiteLLM's clients read numbers; what is added up is added up before."""
    return float(dollars(nanos))


def key_view(entry: KeyEntry, spend: Spend) -> JsonObject:
    """A key as in ``/key/info``."""
    key, record = entry.key, entry.record
    ident = key.id or key.name
    return {
        "token": ident,
        "token_id": ident,
        "key_name": f"sk-{record.hint}" if record else None,
        "key_alias": key.name if key.name != ident or entry.declared else None,
        "user_id": key.user,
        "team_id": key.team,
        "expires": time_text(key.expires),
        **_holder(key, record, spend),
        "aliases": {},
        "config": {},
        "permissions": {},
        "allowed_routes": [],
    }


def team_view(entry: PartyEntry, spend: Spend) -> JsonObject:
    """A team as in ``/team/info``. Who belongs to it is known by the keys."""
    notes = notes_of(entry.record)
    return {
        "team_id": entry.party.name,
        "team_alias": text_note(notes, "team_alias") or entry.party.name,
        **_holder(entry.party, entry.record, spend),
        "admins": [],
        "members": [],
        "members_with_roles": [],
    }


def user_view(entry: PartyEntry, spend: Spend) -> JsonObject:
    """A user as in ``/user/info``."""
    notes = notes_of(entry.record)
    return {
        "user_id": entry.party.name,
        "user_email": text_note(notes, "user_email"),
        "user_alias": text_note(notes, "user_alias"),
        "user_role": text_note(notes, "user_role"),
        **_holder(entry.party, entry.record, spend),
    }


def budget_view(record: BudgetRecord) -> JsonObject:
    """A budget with a name."""
    terms = Spending.model_validate(record.terms)
    return {
        "budget_id": record.name,
        "max_budget": _number(terms.max_budget),
        "soft_budget": _number(terms.soft_budget),
        "budget_duration": terms.budget_duration,
        "tpm_limit": terms.tpm_limit,
        "rpm_limit": terms.rpm_limit,
        "max_parallel_requests": terms.max_parallel_requests,
        "model_max_budget": {},
        "created_at": time_text(record.created),
        "created_by": record.created_by,
        "updated_at": time_text(record.updated),
    }


def key_spender(entry: KeyEntry) -> Spender:
    """Whom to ask the spend of."""
    key, record = entry.key, entry.record
    return Spender(key.id or key.name, key.meters, record.created if record else None)


def party_spender(entry: PartyEntry) -> Spender:
    """Whom to ask the spend of. What a name has spent may be older than its record."""
    return Spender(entry.party.name, entry.party.meters, None)


def time_text(moment: datetime | None) -> str | None:
    """With ``Z``."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _holder(holder: VirtualKey | Party, record: Holder | None, spend: Spend) -> JsonObject:
    notes = notes_of(record)
    allowance = allowance_of(holder.meters, notes)
    models: list[Json] = [*sorted(holder.models or ())]
    return {
        "spend": usd(spend.usd),
        "max_budget": _number(allowance.max_budget),
        "soft_budget": _number(allowance.soft_budget),
        "budget_duration": allowance.budget_duration,
        "budget_reset_at": time_text(spend.reset_at),
        "budget_id": text_note(notes, "budget_id"),
        "tpm_limit": allowance.tpm_limit,
        "rpm_limit": allowance.rpm_limit,
        "max_parallel_requests": allowance.max_parallel_requests,
        "model_max_budget": {},
        "models": models,
        "organization_id": holder.org,
        "blocked": not holder.enabled,
        "tags": cast("list[Json]", _tags(holder.tags or {}, notes)),
        "metadata": cast("JsonObject", without_notes(record)),
        "created_at": time_text(record.created) if record else None,
        "created_by": record.created_by if record else None,
        "updated_at": time_text(record.updated) if record else None,
    }


def _tags(tags: Mapping[str, str], notes: Mapping[str, JsonValue]) -> Sequence[str]:
    words = notes.get("tags")
    if isinstance(words, list):
        said = [word for word in words if isinstance(word, str)]
        if len({word.partition(":")[0] for word in said}) == len(said) and tags_of(said) == tags:
            return said
    return [name if value == PLAIN_TAG else f"{name}:{value}" for name, value in tags.items()]


def _number(amount: Decimal | float | str | None) -> float | None:
    return None if amount is None else float(amount)
