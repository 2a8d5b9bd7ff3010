"""Records → what requests are judged by. ``roll`` keeps them."""

from dataclasses import replace

from extproc.config.meters import Context, budget_meter, ladder_models, limit_meters
from extproc.config.sections import BudgetSpec, LimitsSpec
from extproc.config.snapshot import Party, VirtualKey
from extproc.domain.meters import Meter, Scope
from extproc.state.records import Holder, KeyRecord, PartyRecord


def virtual_key(record: KeyRecord, context: Context) -> VirtualKey:
    """A key made at run time. Raises ``ValueError`` where its budgets or limits cannot be read."""
    return replace(key_without_meters(record), meters=meters_of((("key", record.id),), record, context))


def party(record: PartyRecord, context: Context) -> Party:
    """A party made at run time. Raises ``ValueError`` where its budgets or limits cannot be read."""
    return replace(party_without_meters(record), meters=meters_of(((record.kind, record.name),), record, context))


def key_without_meters(record: KeyRecord) -> VirtualKey:
    """All but what it may spend and ask for."""
    return VirtualKey(
        name=record.name,
        sha256=record.sha256,
        id=record.id,
        org=record.org,
        team=record.team,
        user=record.user,
        models=None if record.models is None else frozenset(record.models),
        expires=record.expires,
        enabled=record.enabled,
        tags=record.tags or None,
    )


def party_without_meters(record: PartyRecord) -> Party:
    """All but what it may spend and ask for."""
    return Party(
        kind=record.kind,
        name=record.name,
        org=record.org,
        models=None if record.models is None else frozenset(record.models),
        enabled=record.enabled,
        tags=record.tags or None,
    )


def meters_of(scope: Scope, holder: Holder, context: Context) -> tuple[Meter, ...]:
    """The meters of a record's budgets and limits. Raises ``ValueError`` where they cannot be read."""
    budgets = (budget_meter(scope, spec, context) for spec in _budgets(holder))
    return (*budgets, *limit_meters(scope, LimitsSpec.model_validate(holder.limits)))


def models_of(holder: Holder) -> tuple[str, ...]:
    """The models that its budgets name."""
    return tuple(name for spec in _budgets(holder) for name in ladder_models(spec))


def _budgets(holder: Holder) -> list[BudgetSpec]:
    return [BudgetSpec.model_validate(budget) for budget in holder.budgets]
