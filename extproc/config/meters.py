"""Budgets, limits and guards → ``Meter``: for the file, and for the admin API at run time.

Where two meters of a request have the same id, the nearer one holds: a key's before its team's, both before those of the
snapshot. So ``{scope: {key: "*"}, ...}`` is a default that keys may replace with their own for the same window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from extproc.config.problems import DocPath
from extproc.config.quantities import RateAmount
from extproc.config.schema import GatewaySpec
from extproc.config.sections import BudgetSpec, GuardSpec, LimitsSpec, Metered, MeterScopeSpec
from extproc.domain.meters import LadderStep, Meter, Scope, Unit, Window, meter_id
from extproc.domain.money import nano_usd

ANY = "*"
"""As a value of a scope: each value has a meter of its own."""

_ORDER = ("org", "team", "user", "key", "provider", "model")
_MINUTE = Window("rolling", seconds=60)


@dataclass(frozen=True, slots=True)
class Context:
    """What budgets refer to. ``names``: what may be written for a model → its name in the catalogue."""

    timezone: str = "UTC"
    names: Mapping[str, str] = field(default_factory=dict[str, str])


def budget_meter(scope: Scope, spec: BudgetSpec, context: Context | None = None) -> Meter:
    """The meter of a budget. Names of models that the context does not know stay as they are: see ``ladder_models``."""
    context = context or Context()
    window = _window(spec, context.timezone)
    steps = (
        LadderStep(step.at, context.names.get(step.use or "", step.use), step.max_output_tokens, bool(step.refuse))
        for step in spec.ladder
    )
    return Meter(
        id=meter_id(scope, "usd", window),
        scope=scope,
        unit="usd",
        window=window,
        limit=nano_usd(spec.usd),
        alert_at=tuple(sorted(set(spec.alert_at))),
        ladder=tuple(steps),
        when_down="allow" if spec.when_down else "deny",
        allowance=nano_usd(spec.when_down.allow) if spec.when_down else 0,
    )


def limit_meters(scope: Scope, spec: LimitsSpec) -> tuple[Meter, ...]:
    """The meters of limits: one for each rate, and one for ``concurrent``."""
    return tuple(meter for _, meter in _limits(scope, spec))


def guard_meters(scope: Scope, spec: GuardSpec | None) -> tuple[Meter, ...]:
    """The meters of a guard on the keys that ``scope`` tells: ``(("key", "*"),)`` or one key.

    While the store is away each replica goes on up to one minute's worth: a guard is no reason to refuse everybody.
    """
    if spec is None:
        return ()
    found: list[Meter] = []
    if spec.usd_per_minute is not None:
        limit = nano_usd(spec.usd_per_minute)
        found.append(_guard(scope, "usd", limit, allowance=limit))
    if spec.same_prompt_per_minute is not None:
        found.append(_guard((*scope, ("prompt", ANY)), "requests", spec.same_prompt_per_minute, allowance=0))
    return tuple(found)


def is_off(spec: GuardSpec | None) -> bool:
    """Whether a guard is written as ``off``."""
    return spec is not None and not spec.model_fields_set


def ladder_models(spec: BudgetSpec) -> tuple[str, ...]:
    """The models that the ladder of a budget names, for a check against the catalogue."""
    return tuple(step.use for step in spec.ladder if step.use is not None)


def metered(scope: Scope, spec: Metered, context: Context) -> tuple[Meter, ...]:
    """The meters of whatever has budgets and limits."""
    return tuple(meter for _, meter in _located(scope, spec, context))


def product_scope(spec: MeterScopeSpec, names: Mapping[str, str]) -> Scope:
    """The scope of an entry of ``meters``, in one order however it is written, with the model's name in the catalogue."""
    values = {kind: getattr(spec, kind) for kind in _ORDER}
    if spec.model is not None:
        values["model"] = names.get(spec.model, spec.model)
    tags = ((f"tag:{name}", value) for name, value in sorted(spec.tags.items()))
    return (*((kind, value) for kind, value in values.items() if value is not None), *tags)


def shared_meters(spec: GatewaySpec, context: Context) -> tuple[Meter, ...]:
    """Those that no key and no party holds. Exact scopes come before those with ``*``, and guards are last."""
    found = [meter for path, meter in declared(spec, context) if path[0] in {"meters", "models", "providers"}]
    found.sort(key=lambda meter: sum(value == ANY for _, value in meter.scope))
    return (*found, *guard_meters((("key", ANY),), spec.guard))


def declared(spec: GatewaySpec, context: Context) -> Iterator[tuple[DocPath, Meter]]:
    """Every budget, limit and guard of the file, with the path of its line."""
    for index, key in enumerate(spec.keys):
        path: DocPath = ("keys", index)
        scope: Scope = (("key", key.name),)
        yield from _below(path, _located(scope, key, context))
        yield from (((*path, "guard"), meter) for meter in guard_meters(scope, key.guard))
    holders: tuple[tuple[str, str, Mapping[str, Metered]], ...] = (
        ("teams", "team", spec.teams),
        ("users", "user", spec.users),
        ("orgs", "org", spec.orgs),
        ("models", "model", spec.models),
        ("providers", "provider", spec.providers),
    )
    for section, kind, members in holders:
        for name, member in members.items():
            yield from _below((section, name), _located(((kind, name),), member, context))
    for name, team in spec.teams.items():
        yield from ((("teams", name, "guard"), meter) for meter in guard_meters((("key", ANY),), team.guard))
    for index, product in enumerate(spec.meters):
        scope = product_scope(product.scope, context.names)
        yield from _below(("meters", index), _located(scope, product, context))
    yield from ((("guard",), meter) for meter in guard_meters((("key", ANY),), spec.guard))


def _below(path: DocPath, found: Iterator[tuple[DocPath, Meter]]) -> Iterator[tuple[DocPath, Meter]]:
    return (((*path, *inner), meter) for inner, meter in found)


def _located(scope: Scope, spec: Metered, context: Context) -> Iterator[tuple[DocPath, Meter]]:
    for index, budget in enumerate(spec.budget):
        yield ("budget", index), budget_meter(scope, budget, context)
    for path, meter in _limits(scope, spec.limits):
        yield ("limits", *path), meter


def _limits(scope: Scope, spec: LimitsSpec) -> Iterator[tuple[DocPath, Meter]]:
    units: tuple[tuple[Unit, tuple[RateAmount, ...]], ...] = (
        ("requests", spec.requests),
        ("tokens", spec.tokens),
        ("input_tokens", spec.input_tokens),
        ("output_tokens", spec.output_tokens),
    )
    for unit, rates in units:
        for index, rate in enumerate(rates):
            window = Window("rolling", seconds=rate.seconds)
            yield (unit, index), _limit(scope, unit, window, rate.amount, spec)
    if spec.concurrent is not None:
        yield ("concurrent",), _limit(scope, "concurrent", Window("now"), spec.concurrent, spec)


def _limit(scope: Scope, unit: Unit, window: Window, limit: int, spec: LimitsSpec) -> Meter:
    return Meter(meter_id(scope, unit, window), scope, unit, window, limit, when_down=spec.when_down)


def _guard(scope: Scope, unit: Unit, limit: int, *, allowance: int) -> Meter:
    return Meter(
        id=meter_id(scope, unit, _MINUTE),
        scope=scope,
        unit=unit,
        window=_MINUTE,
        limit=limit,
        when_down="allow",
        allowance=allowance,
        guard=True,
    )


def _window(spec: BudgetSpec, timezone: str) -> Window:
    if spec.rolling is not None:
        return Window("rolling", seconds=spec.rolling)
    span = spec.per or "total"
    return Window("calendar", span, timezone="UTC" if span == "total" else spec.timezone or timezone)
