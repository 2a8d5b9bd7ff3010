"""Which meters count a request, and what it may take of each."""

from dataclasses import replace

import pytest

from extproc.config.directory import Declared
from extproc.config.load import load_text
from extproc.config.snapshot import Party, VirtualKey
from extproc.domain.meters import LadderStep, Meter, Window, meter_id
from extproc.policy.meters import MeterBook, Principal, Subject, Worst, hold_line, principal
from extproc.policy.windows import Windows

MINUTE = Window("rolling", seconds=60)
NOW = 1_795_000_000_000_000_000
WORST = Worst(fixed_usd=700, usd_per_output=30, input_tokens=90, fixed_output=5, choices=2)


def meter(*scope, unit="requests", window=MINUTE, limit=10, **more):
    return Meter(meter_id(tuple(scope), unit, window), tuple(scope), unit, window, limit, **more)


@pytest.fixture
def snapshot():
    text = "providers: {p: {api_key: k}}\nmodels: {m: {targets: [{provider: p}]}}\n"
    return load_text(text, source="gateway.yaml", env={})


def key(*meters, **more):
    return VirtualKey("ci", "0" * 64, id="k1", meters=meters, **more)


def ids(found):
    return [(one.id, group) for one, group in found]


SUBJECT = Subject("m", ("p", "q"), {"environment": "qa"}, prompt="abc")


def test_the_meters_of_the_key_and_of_its_parties(snapshot):
    own, team, org = meter(("key", "k1")), meter(("team", "t")), meter(("org", "o"))
    parties = {
        ("team", "t"): Party("team", "t", org="o", meters=(team,)),
        ("org", "o"): Party("org", "o", meters=(org,)),
        ("org", "other"): Party("org", "other", meters=(meter(("org", "other")),)),
    }
    snapshot = replace(snapshot, parties=parties)
    who = principal(Declared(snapshot), key(own, team="t"))
    assert (who.org, [party.name for party in who.parties]) == ("o", ["t", "o"])
    assert ids(MeterBook(snapshot).applicable(who, SUBJECT)) == [(one.id, None) for one in (own, team, org)]


def test_the_organisation_is_the_keys_else_the_teams_else_the_users(snapshot):
    parties = {
        ("user", "u"): Party("user", "u", org="other"),
        ("team", "t"): Party("team", "t", org="o"),
        ("org", "o"): Party("org", "o"),
        ("org", "other"): Party("org", "other"),
    }
    directory = Declared(replace(snapshot, parties=parties))

    def whose(**more):
        who = principal(directory, key(**more))
        return who.org, [party.name for party in who.parties]

    assert whose(user="u", team="t") == ("o", ["u", "t", "o"])
    assert whose(user="u") == ("other", ["u", "other"])
    assert whose(user="u", team="t", org="other") == ("other", ["u", "t", "other"])


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ([("model", "m")], [("requests:60s:model=m", None)]),
        ([("model", "other")], []),
        ([("model", "*")], [("requests:60s:model=m", None)]),
        ([("tag:environment", "qa")], [("requests:60s:tag:environment=qa", None)]),
        ([("tag:feature", "*")], []),
        ([("key", "*"), ("model", "m")], [("requests:60s:key=k1&model=m", None)]),
        ([("team", "*")], []),
        ([("provider", "q")], [("requests:60s:provider=q", "q")]),
        ([("provider", "*")], [("requests:60s:provider=p", "p"), ("requests:60s:provider=q", "q")]),
        ([("key", "*"), ("prompt", "*")], [("requests:60s:key=k1&prompt=abc", None)]),
    ],
)
def test_a_scope_counts_who_fits_it(snapshot, scope, found):
    book = MeterBook(replace(snapshot, meters=(meter(*scope),)))
    who = Principal(key(), (), None)
    assert ids(book.applicable(who, SUBJECT)) == found
    assert ids(book.applicable(who, SUBJECT)) == found  # and again, from memory


def test_a_changed_limit_is_taken_for_a_star_too(snapshot):
    who = Principal(key(), (), None)
    book = MeterBook(snapshot)
    for limit in (10, 20):
        ((found, _),) = book.applicable(replace(who, key=key(meter(("key", "*"), limit=limit))), SUBJECT)
        assert found.limit == limit


def test_of_two_meters_with_one_id_the_nearer_one_holds(snapshot):
    near, far = meter(("key", "k1"), limit=5), meter(("key", "k1"), limit=50)
    ((found, _),) = MeterBook(replace(snapshot, meters=(far,))).applicable(Principal(key(near), (), None), SUBJECT)
    assert found.limit == 5


def test_the_digest_of_a_prompt_is_only_made_where_a_guard_wants_it(snapshot):
    guard = meter(("key", "*"), ("prompt", "*"), guard=True)
    plain, guarded = Principal(key(), (), None), Principal(key(guard), (), None)
    assert not MeterBook(snapshot).wants_prompt(plain)
    assert MeterBook(snapshot).wants_prompt(guarded)
    assert MeterBook(snapshot).wants_prompt(Principal(key(), (Party("team", "t", meters=(guard,)),), None))
    assert MeterBook(replace(snapshot, meters=(guard,))).wants_prompt(plain)


def test_guards_end_at_whoever_has_them_off(snapshot):
    own, team, everybody = (
        meter((kind, "*"), window=Window("rolling", seconds=n), guard=True)
        for n, kind in ((61, "key"), (62, "key"), (63, "key"))
    )
    budget = meter(("team", "t"))
    book = MeterBook(replace(snapshot, meters=(everybody, meter(("model", "m")))))
    for key_off, team_off, count in ((False, False, 5), (True, False, 3), (False, True, 4)):
        who = Principal(
            key(own, team="t", unguarded=key_off),
            (Party("team", "t", meters=(team, budget), unguarded=team_off),),
            None,
        )
        assert len(book.applicable(who, SUBJECT)) == count


@pytest.mark.parametrize(
    ("unit", "fixed", "per_output"),
    [
        ("usd", 700, 30),
        ("tokens", 95, 2),
        ("input_tokens", 90, 0),
        ("output_tokens", 5, 2),
        ("requests", 1, 0),
        ("concurrent", 1, 0),
    ],
)
def test_what_a_request_may_take(unit, fixed, per_output):
    line = hold_line(meter(("key", "k1"), unit=unit), None, WORST, Windows(), now_ns=NOW, honoured=0)
    assert (line.fixed, line.per_output, line.start, line.gate) == (fixed, per_output, 0, None)


def test_the_gate_is_the_next_step_of_the_ladder():
    ladder = (LadderStep(9000, use="cheap"), LadderStep(9999, refuse=True))
    month = meter(("key", "k1"), unit="usd", window=Window("calendar", "month"), limit=1001, ladder=ladder)
    gates = [hold_line(month, None, WORST, Windows(), now_ns=NOW, honoured=n).gate for n in range(3)]
    assert gates == [901, 1001, None]  # rounded up: below it the share is not reached
    line = hold_line(month, "p", WORST, Windows(), now_ns=NOW, honoured=0)
    assert line.start < NOW // 10**9 < line.end
    assert line.group == "p"
