"""Budgets, limits and guards as meters, from the file and at run time."""

import itertools

import orjson
import pytest
from pydantic import ValidationError

from extproc.config.load import load_text
from extproc.config.meters import Context, budget_meter, guard_meters, is_off, ladder_models, limit_meters
from extproc.config.sections import BudgetSpec, GuardSpec, LimitsSpec, MeterSpec
from extproc.domain.meters import LadderStep, Window, meter_id

SCOPE = (("team", "search"),)
MINIMAL = {
    "providers": {"p": {}},
    "models": {"m": {"targets": [{"provider": "p"}], "aliases": ["quick"]}},
}


def load(**more):
    text = orjson.dumps({**MINIMAL, **more}).decode()
    return load_text(text, source="gateway.yaml", env={})


def key(name="ci", **more):
    return {"name": name, "sha256": f"{len(name):064x}", **more}


def budget(**spec):
    return BudgetSpec.model_validate(spec)


def test_a_budget_is_a_meter_in_nano_dollars():
    meter = budget_meter(SCOPE, budget(usd="0.000000001", per="month"))
    assert (meter.id, meter.unit, meter.limit) == ("usd:month:team=search", "usd", 1)
    assert meter.window == Window("calendar", "month")
    assert meter.when_down == "deny"
    assert budget_meter(SCOPE, budget(usd=9_000_000, per="total")).limit == 9_000_000 * 10**9 < 2**53


def test_the_time_zone_is_the_budgets_own_or_that_of_the_file_and_total_has_none():
    context = Context("Europe/Berlin")
    assert budget_meter(SCOPE, budget(usd=1, per="day"), context).window.timezone == "Europe/Berlin"
    own = budget_meter(SCOPE, budget(usd=1, per="day", timezone="Asia/Tokyo"), context)
    assert own.id == "usd:day:Asia/Tokyo:team=search"
    assert budget_meter(SCOPE, budget(usd=1, per="total"), context).id == "usd:total:team=search"
    assert budget_meter(SCOPE, budget(usd=1, rolling="24h"), context).window == Window("rolling", seconds=86_400)


def test_a_ladder_keeps_its_steps_and_names_models_as_the_catalogue_does():
    spec = budget(
        usd=1,
        per="day",
        alert_at=[0.9, 0.5, 0.9],
        ladder=[{"at": 0.8, "use": "quick"}, {"at": 0.8, "max_output_tokens": 500}, {"at": 1, "refuse": True}],
    )
    assert ladder_models(spec) == ("quick",)
    meter = budget_meter(SCOPE, spec, Context(names={"quick": "m", "m": "m"}))
    assert meter.ladder == (LadderStep(8000, use="m"), LadderStep(8000, max_output_tokens=500), LadderStep(10_000, refuse=True))  # fmt: skip
    assert meter.alert_at == (5000, 9000)
    assert budget_meter(SCOPE, spec).ladder[0].use == "quick"


def test_a_budget_says_what_goes_on_while_the_store_is_away():
    meter = budget_meter(SCOPE, budget(usd=1, per="day", when_down={"allow": 0.25}))
    assert (meter.when_down, meter.allowance) == ("allow", 250_000_000)
    assert budget_meter(SCOPE, budget(usd=1, per="day", when_down="deny")).when_down == "deny"


def test_limits_are_rolling_meters_and_one_of_what_is_under_way():
    spec = LimitsSpec.model_validate({"requests": ["100/min", "5k/day"], "tokens": "1M/h", "concurrent": 20})
    meters = limit_meters(SCOPE, spec)
    assert {meter.id: meter.limit for meter in meters} == {
        "requests:60s:team=search": 100,
        "requests:86400s:team=search": 5000,
        "tokens:3600s:team=search": 1_000_000,
        "concurrent:now:team=search": 20,
    }
    assert {meter.when_down for meter in meters} == {"allow"}
    strict = LimitsSpec.model_validate({"input_tokens": "1/s", "output_tokens": "1/s", "when_down": "deny"})
    assert {(meter.unit, meter.when_down) for meter in limit_meters(SCOPE, strict)} == {("input_tokens", "deny"), ("output_tokens", "deny")}  # fmt: skip
    assert limit_meters(SCOPE, LimitsSpec()) == ()


def test_a_guard_counts_money_and_equal_prompts_of_a_minute():
    money, prompts = guard_meters((("key", "*"),), GuardSpec(usd_per_minute=5, same_prompt_per_minute=30))
    assert (money.id, money.limit, money.guard) == ("usd:60s:key=*", 5 * 10**9, True)
    assert (money.when_down, money.allowance) == ("allow", 5 * 10**9)
    assert (prompts.id, prompts.limit, prompts.guard) == ("requests:60s:key=*&prompt=*", 30, True)
    assert guard_meters((("key", "*"),), None) == ()


def test_the_file_puts_each_meter_where_it_belongs():
    snapshot = load(
        keys=[key(budget={"usd": 1, "per": "day"}, limits={"concurrent": 2})],
        teams={"search": {"budget": [{"usd": 1, "per": "day"}, {"usd": 5, "per": "month"}]}},
        users={"ada": {"limits": {"requests": "5/s"}}},
        orgs={"acme": {"budget": {"usd": 9, "rolling": "30d"}}},
        meters=[{"scope": {"key": "*"}, "budget": {"usd": 3, "per": "day"}}],
        timezone="Europe/Berlin",
    )
    (ci,) = snapshot.keys.values()
    assert ids(ci.meters) == ["usd:day:Europe/Berlin:key=ci", "concurrent:now:key=ci"]
    assert ids(snapshot.parties["team", "search"].meters) == ["usd:day:Europe/Berlin:team=search", "usd:month:Europe/Berlin:team=search"]  # fmt: skip
    assert ids(snapshot.parties["user", "ada"].meters) == ["requests:1s:user=ada"]
    assert ids(snapshot.parties["org", "acme"].meters) == ["usd:2592000s:org=acme"]
    assert ids(snapshot.meters) == ["usd:day:Europe/Berlin:key=*"]
    assert snapshot.timezone == "Europe/Berlin"


def test_shared_meters_with_an_exact_scope_come_before_those_of_any_value_and_guards_are_last():
    """The first meter of an id holds, so the nearer one must come first."""
    snapshot = load(
        keys=[key()],
        guard={"usd_per_minute": 5},
        meters=[
            {"scope": {"model": "*", "team": "*"}, "limits": {"concurrent": 1}},
            {"scope": {"key": "*"}, "limits": {"concurrent": 2}},
            {"scope": {"key": "ci"}, "limits": {"concurrent": 3}},
        ],
    )
    assert ids(snapshot.meters) == [
        "concurrent:now:key=ci",
        "concurrent:now:key=*",
        "concurrent:now:team=*&model=*",
        "usd:60s:key=*",
    ]


def test_a_scope_has_one_id_however_it_is_written():
    kinds = {"tags": {"b": "1", "a": "2"}, "model": "quick", "provider": "p", "team": "t"}
    found = set()
    for order in itertools.permutations(kinds):
        scope = {kind: kinds[kind] for kind in order}
        found.update(ids(load(meters=[{"scope": scope, "limits": {"concurrent": 1}}]).meters))
    assert found == {"concurrent:now:team=t&provider=p&model=m&tag:a=2&tag:b=1"}


def test_different_scopes_never_have_the_same_id():
    values = ["a", "a&user=b", "a=b", "a%26b", "a&b", "a b", "ä", "%", "*"]
    scopes = [(("team", one), ("user", two)) for one in values for two in values]
    scopes += [(("team", one),) for one in values] + [((f"tag:{one}", "x"),) for one in values]
    window = Window("now")
    made = {meter_id(scope, "concurrent", window) for scope in scopes}
    assert len(made) == len(scopes)
    assert all(one.isascii() and " " not in one for one in made)


def test_the_guard_of_a_key_or_team_stands_in_for_the_one_of_all_or_switches_it_off():
    snapshot = load(
        guard={"usd_per_minute": 5, "same_prompt_per_minute": 30},
        keys=[key("own", guard={"usd_per_minute": 1}), key("free", guard="off"), key("plain")],
        teams={"search": {"guard": {"same_prompt_per_minute": 3}}, "lab": {"guard": "off"}},
    )
    found = {one.name: one for one in snapshot.keys.values()}
    assert ids(found["own"].meters) == ["usd:60s:key=own"]
    assert [found[name].unguarded for name in ("own", "free", "plain")] == [False, True, False]
    assert ids(snapshot.parties["team", "search"].meters) == ["requests:60s:key=*&prompt=*"]
    assert [snapshot.parties["team", name].unguarded for name in ("search", "lab")] == [False, True]
    assert load(guard="off").meters == ()
    assert not is_off(None)


def test_what_the_admin_api_is_sent_is_checked_like_the_file():
    for spec in ({"usd": 5}, {"usd": 5, "per": "month", "rolling": "24h"}, {"per": "day"}, {"usd": 5, "per": "day", "x": 1}):  # fmt: skip
        with pytest.raises(ValidationError):
            BudgetSpec.model_validate(spec)
    with pytest.raises(ValidationError):
        MeterSpec.model_validate({"scope": {"team": "a"}})


def ids(meters):
    return [meter.id for meter in meters]
