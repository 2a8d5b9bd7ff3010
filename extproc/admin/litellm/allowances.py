"""LiteLLM's ``max_budget`` and limits ↔ budgets and limits of the directory.

A record may have several budgets; LiteLLM's is the first of them. Where LiteLLM sets spend back at midnight, on Monday or
on the first (https://docs.litellm.ai/docs/proxy/budget_reset_and_tz), the budget here is the calendar's:

=================== ==========================================================================================
budget_duration     budget
=================== ==========================================================================================
24h, 1d             per day
7d, 1w              per week, from Monday
30d, 1mo            per month
365d, 12mo, 1y      per year
others              of the last so many: ``1h``, ``14d``, ``3mo`` (31 days each). Never more than LiteLLM lets through in
                    any span of that length. From 1m to 366d.
none                total: it never starts anew
=================== ==========================================================================================

``tpm_limit`` and ``rpm_limit`` are rates per minute, in any 60 seconds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, InvalidOperation

from pydantic import JsonValue

from extproc.admin.errors import InvalidField
from extproc.admin.litellm.bodies import Spending
from extproc.admin.litellm.notes import text_note
from extproc.domain.meters import SHARE, Meter, Window
from extproc.domain.money import dollars
from extproc.state.records import JsonDict

_DURATION = re.compile(r"(\d{1,10})(s|m|hr?|d|w|mo|y)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "hr": 3600, "d": 86_400, "w": 7 * 86_400}
_CALENDAR = {86_400: "day", 7 * 86_400: "week", 30 * 86_400: "month", 365 * 86_400: "year"}
_MONTHS = {1: "month", 12: "year"}
_LONGEST_MONTH = 31
_SAID = {"hour": "1h", "day": "1d", "week": "7d", "month": "30d", "year": "365d"}
_MINUTE = 60
_BUDGET = frozenset({"max_budget", "soft_budget", "budget_duration"})
_WINDOW = frozenset({"per", "rolling", "timezone"})
_RATES = {"tpm_limit": "tokens", "rpm_limit": "requests"}


@dataclass(frozen=True, slots=True)
class Allowance:
    """Budget and limits in LiteLLM's words. ``meter``: what counts the budget."""

    max_budget: Decimal | None = None
    soft_budget: Decimal | None = None
    budget_duration: str | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    max_parallel_requests: int | None = None
    meter: Meter | None = None


def allowance_of(meters: Sequence[Meter], notes: Mapping[str, JsonValue]) -> Allowance:
    """What meters of one scope come to."""
    budget = next((meter for meter in meters if meter.unit == "usd" and not meter.guard), None)
    return Allowance(
        max_budget=None if budget is None else dollars(budget.limit),
        soft_budget=_soft_budget(budget, notes),
        budget_duration=_duration_of(budget, notes),
        tpm_limit=_limit(meters, "tokens", Window("rolling", seconds=_MINUTE)),
        rpm_limit=_limit(meters, "requests", Window("rolling", seconds=_MINUTE)),
        max_parallel_requests=_limit(meters, "concurrent", Window("now")),
        meter=budget,
    )


def says_budget(said: Spending) -> bool:
    """Whether a body says anything of the budget."""
    return bool(_BUDGET & said.model_fields_set)


def says_limits(said: Spending) -> bool:
    """Whether a body says anything of limits."""
    return bool({*_RATES, "max_parallel_requests"} & said.model_fields_set)


def budget_notes(said: Spending) -> dict[str, JsonValue]:
    """What is to be noted of the budget: the words."""
    words: dict[str, JsonValue] = {}
    if "budget_duration" in said.model_fields_set:
        words["budget_duration"] = said.budget_duration
    if "soft_budget" in said.model_fields_set:
        words["soft_budget"] = None if said.soft_budget is None else str(said.soft_budget)
    return words


def budgets_after(
    before: Sequence[JsonDict], said: Spending, notes: Mapping[str, JsonValue]
) -> list[dict[str, JsonValue]]:
    """The budgets after a change. ``notes``: those after it. Raises ``InvalidField``."""
    first = dict(before[0]) if before else {}
    rest = [dict(budget) for budget in before[1:]]
    if "max_budget" in said.model_fields_set:
        first["usd"] = said.max_budget
    soft = text_note(notes, "soft_budget")
    if first.get("usd") is None:
        if soft is not None:
            raise InvalidField("soft_budget: needs a max_budget, of which it is a share.", param="soft_budget")
        return rest
    if "budget_duration" in said.model_fields_set or not before:
        kept = {name: value for name, value in first.items() if name not in _WINDOW}
        first = {**kept, **_window(text_note(notes, "budget_duration"))}
    if "soft_budget" in said.model_fields_set:
        first.pop("alert_at", None)
    if soft is not None:
        first["alert_at"] = [_share(soft, first["usd"])]
    return [first, *rest]


def limits_after(before: Mapping[str, JsonValue], said: Spending) -> dict[str, JsonValue]:
    """The limits after a change; rates over other spans than a minute stay."""
    limits = dict(before)
    for field, name in _RATES.items():
        if field in said.model_fields_set:
            old = limits.pop(name, [])
            rates = [rate for rate in (old if isinstance(old, list) else [old]) if not str(rate).endswith("/min")]
            wanted: int | None = getattr(said, field)
            rates = rates if wanted is None else [f"{wanted}/min", *rates]
            if rates:
                limits[name] = rates
    if "max_parallel_requests" in said.model_fields_set:
        limits.pop("concurrent", None)
        if said.max_parallel_requests is not None:
            limits["concurrent"] = said.max_parallel_requests
    return limits


def _window(duration: str | None) -> dict[str, JsonValue]:
    if duration is None:
        return {"per": "total"}
    match = _DURATION.fullmatch(duration.strip())
    if match is None:
        raise InvalidField("budget_duration: must be a span such as 1h, 24h, 7d or 30d.", param="budget_duration")
    count, unit = int(match[1]), match[2]
    if unit in {"mo", "y"}:
        months = count * 12 if unit == "y" else count
        return {"per": _MONTHS[months]} if months in _MONTHS else {"rolling": f"{months * _LONGEST_MONTH}d"}
    seconds = count * _SECONDS[unit]
    return {"per": _CALENDAR[seconds]} if seconds in _CALENDAR else {"rolling": f"{seconds}s"}


def _duration_of(budget: Meter | None, notes: Mapping[str, JsonValue]) -> str | None:
    words = text_note(notes, "budget_duration")
    if budget is None:
        return words
    window = budget.window
    if words is not None:
        said = _window_or_none(words)
        rolling = window.kind == "rolling" and _as_seconds(said.get("rolling")) == window.seconds
        if rolling or (window.kind == "calendar" and said.get("per") == window.span):
            return words
    return f"{window.seconds}s" if window.kind == "rolling" else _SAID.get(window.span)


def _window_or_none(words: str) -> dict[str, JsonValue]:
    """Of a note, which somebody may have changed."""
    try:
        return _window(words)
    except InvalidField:
        return {}


def _as_seconds(rolling: JsonValue) -> int:
    text = str(rolling)
    return int(text[:-1]) * _SECONDS[text[-1]] if rolling is not None else 0


def _share(soft: str, hard: JsonValue) -> str:
    amount, limit = _amount(soft, "soft_budget"), _amount(hard, "max_budget")
    if not 0 < amount <= limit:
        raise InvalidField("soft_budget: must be more than 0 and at most max_budget.", param="soft_budget")
    share = int((amount / limit * SHARE).to_integral_value(ROUND_FLOOR))  # rather told too early
    if share == 0:
        raise InvalidField("soft_budget: must be at least a ten-thousandth of max_budget.", param="soft_budget")
    return str(Decimal(share) / SHARE)


def _amount(value: JsonValue, field: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InvalidField(f"{field}: must be an amount in US dollars.", param=field)
    return amount


def _soft_budget(budget: Meter | None, notes: Mapping[str, JsonValue]) -> Decimal | None:
    if budget is None or not budget.alert_at:
        return None
    share = budget.alert_at[0]
    words = text_note(notes, "soft_budget")
    try:
        if words is not None and Decimal(_share(words, str(dollars(budget.limit)))) * SHARE == share:
            return Decimal(words)
    except InvalidField:  # a note that somebody changed
        pass
    return dollars(budget.limit) * share / SHARE


def _limit(meters: Sequence[Meter], unit: str, window: Window) -> int | None:
    return next((meter.limit for meter in meters if meter.unit == unit and meter.window == window), None)
