"""Which key a request carries, whether it may pass, and what it may use."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.directory import Declared
from extproc.config.snapshot import JwtIssuer, Model, Party, Snapshot, Target, Telemetry, VirtualKey
from extproc.domain.errors import ModelNotAllowed, StoreUnavailable, Unauthenticated, UnknownModel, UnknownParty
from extproc.policy import keys
from extproc.policy.keys import KEY_HEADERS, presented_key, resolve_model, usable_models
from extproc.policy.meters import Principal

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def now_ns(moment: datetime = NOW) -> int:
    return round(moment.timestamp()) * 1_000_000_000


def snapshot(*keys: VirtualKey, models: int = 3) -> Snapshot:
    catalogue = {f"m{n}": Model(f"m{n}", (Target("p", "m"),), aliases=(f"alias{n}",)) for n in range(models)}
    catalogue["off"] = Model("off", (Target("p", "m"),), enabled=False)
    return Snapshot(
        version="v",
        listen_host="h",
        listen_port=1,
        admin_host="h",
        admin_port=2,
        admin_token=None,
        workers=1,
        max_request_bytes=1,
        providers={},
        models=catalogue,
        names={n: m.name for m in catalogue.values() for n in (m.name, *m.aliases)},
        keys={key.sha256: key for key in keys},
        telemetry=Telemetry(),
    )


def authenticate(config: Snapshot, headers, at: int) -> VirtualKey:
    return keys.authenticate(Declared(config), presented_key(headers), at).key


def who(key: VirtualKey, *parties: Party) -> Principal:
    return Principal(key, parties, None)


def key(plain: str, **more) -> VirtualKey:
    return VirtualKey(more.pop("name", "k"), hashlib.sha256(plain.encode()).hexdigest(), **more)


PRESENTED = [
    ({"authorization": "Bearer sk-1"}, "sk-1"),
    ({"authorization": "bearer   sk-1  "}, "sk-1"),
    ({"authorization": "BEARER sk-1", "x-api-key": "sk-2"}, "sk-1"),
    ({"x-api-key": " sk-2 "}, "sk-2"),
    ({"api-key": "sk-3"}, "sk-3"),
    ({"x-goog-api-key": "sk-4"}, "sk-4"),
    ({"authorization": "Bearer ", "x-api-key": "sk-2"}, "sk-2"),
    ({"authorization": "Basic dXNlcjpwdw==", "api-key": "sk-3"}, "sk-3"),
    ({"x-api-key": "  ", "api-key": "sk-3"}, "sk-3"),
    ({"authorization": "Bearer sk with spaces"}, "sk with spaces"),
]


@pytest.mark.parametrize(("headers", "plain"), PRESENTED)
def test_where_a_key_may_stand(headers, plain):
    assert presented_key(headers) == plain


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "sk-1"},
        {"x-api-key": " "},
        {"x-key": "k"},
    ],
)
def test_no_key(headers):
    with pytest.raises(Unauthenticated, match="No API key was given") as caught:
        authenticate(snapshot(key("sk-1")), headers, now_ns())
    assert caught.value.status == 401


@pytest.mark.parametrize("header", KEY_HEADERS)
def test_a_known_key_passes(header):
    known = key("sk-1")
    value = "Bearer sk-1" if header == "authorization" else "sk-1"
    assert authenticate(snapshot(known), {header: value}, now_ns()) is known


@pytest.mark.parametrize("plain", ["sk-2", "SK-1", "sk-1x", "sk-", hashlib.sha256(b"sk-1").hexdigest(), "\ufffd"])
def test_any_other_does_not(plain):
    with pytest.raises(Unauthenticated, match="not known here") as caught:
        authenticate(snapshot(key("sk-1")), {"x-api-key": plain}, now_ns())
    assert plain not in caught.value.message


def test_a_key_in_a_place_that_is_not_its_own_does_not_pass():
    """The lookup is by digest; the entry's own must be the same."""
    known = key("sk-1")
    config = snapshot(known)
    wrong = {hashlib.sha256(b"sk-2").hexdigest(): known}
    with pytest.raises(Unauthenticated):
        authenticate(
            Snapshot(**{**{f: getattr(config, f) for f in config.__slots__}, "keys": wrong}), {"api-key": "sk-2"}, 0
        )


def test_a_key_that_is_switched_off():
    with pytest.raises(Unauthenticated, match="switched off"):
        authenticate(snapshot(key("sk-1", enabled=False)), {"api-key": "sk-1"}, now_ns())


@pytest.mark.parametrize(
    ("expires", "passes"),
    [
        (NOW + timedelta(seconds=1), True),
        (NOW, False),
        (NOW - timedelta(days=1), False),
        (NOW.astimezone(timezone(timedelta(hours=9))) + timedelta(seconds=1), True),
        (NOW.astimezone(timezone(timedelta(hours=9))), False),
    ],
)
def test_a_key_expires_at_its_instant(expires, passes):
    config = snapshot(key("sk-1", expires=expires))
    if passes:
        assert authenticate(config, {"api-key": "sk-1"}, now_ns())
    else:
        with pytest.raises(Unauthenticated, match="expired at"):
            authenticate(config, {"api-key": "sk-1"}, now_ns())


@given(st.text(min_size=1).filter(lambda text: text.strip() == text), st.text(min_size=1))
def test_one_key_opens_and_no_other(plain, other):
    config = snapshot(key(plain))
    assert authenticate(config, {"x-api-key": plain}, 0).name == "k"
    if other.strip() != plain:
        with pytest.raises(Unauthenticated):
            authenticate(config, {"x-api-key": other}, 0)


# -- models -------------------------------------------------------------------------------------------------------------------

GONE = key("d", models=frozenset({"m99"}))
ALL, SOME, NONE = key("a"), key("b", models=frozenset({"m1", "off"})), key("c", models=frozenset())


@pytest.mark.parametrize(("key", "names"), [(ALL, ["m0", "m1", "m2"]), (SOME, ["m1"]), (NONE, [])])
def test_the_models_of_a_key(key, names):
    assert [model.name for model in usable_models(snapshot(), who(key))] == names


@pytest.mark.parametrize("asked", ["m1", "alias1"])
@pytest.mark.parametrize("key", [ALL, SOME])
def test_a_model_by_its_name_or_alias(asked, key):
    assert resolve_model(snapshot(), who(key), asked).name == "m1"


@pytest.mark.parametrize(
    ("key", "asked", "error", "message"),
    [
        (ALL, "m9", UnknownModel, "'m9' is not in the catalogue. This key may use: m0, m1, m2."),
        (ALL, "off", UnknownModel, "'off' is switched off. This key may use: m0, m1, m2."),
        (SOME, "off", UnknownModel, "'off' is switched off. This key may use: m1."),
        (SOME, "alias0", ModelNotAllowed, "may not use the model 'alias0'. This key may use: m1."),
        (GONE, "m0", ModelNotAllowed, "This key may use no model at present."),
        (ALL, "", UnknownModel, "'' is not in the catalogue"),
        (ALL, "x" * 5000, UnknownModel, f"'{'x' * 100}' is not in the catalogue"),
    ],
)
def test_what_may_not_be_used_names_what_may(key, asked, error, message):
    with pytest.raises(error) as caught:
        resolve_model(snapshot(), who(key), asked)
    assert message in caught.value.message
    assert caught.value.param == "model"


def test_a_token_that_may_use_nothing_names_the_claim_that_should_have_said_more():
    config = replace(
        snapshot(), issuers=(JwtIssuer("https://id.example", "file:keys", models_claim="entitlements.llm"),)
    )
    with pytest.raises(ModelNotAllowed, match=r"its claim 'entitlements\.llm' lists none, or is not there"):
        resolve_model(config, who(NONE), "m0")


def test_a_long_catalogue_is_not_listed_whole():
    with pytest.raises(UnknownModel, match=r"m18, m19 and 30 more \(GET /v1/models lists all\)"):
        resolve_model(snapshot(models=50), who(ALL), "nothing")


def test_parties_narrow_what_a_key_may_use():
    team = Party("team", "t", models=frozenset({"m0", "m1"}))
    user = Party("user", "u", models=frozenset({"m1", "m2"}))
    assert [model.name for model in usable_models(snapshot(), who(ALL, team, user))] == ["m1"]
    with pytest.raises(ModelNotAllowed):
        resolve_model(snapshot(), who(ALL, team, user), "m2")


def test_a_party_that_is_switched_off_takes_its_keys_with_it():
    config = replace(snapshot(key("sk-1", team="t")), parties={("team", "t"): Party("team", "t", enabled=False)})
    with pytest.raises(Unauthenticated, match='The team "t" of this API key is switched off'):
        authenticate(config, {"api-key": "sk-1"}, 0)


def test_an_unknown_key_is_no_401_while_nobody_can_tell():
    class Incomplete(Declared):
        complete = False

    with pytest.raises(StoreUnavailable) as caught:
        keys.authenticate(Incomplete(snapshot(key("sk-1"))), "sk-2", 0)
    assert (caught.value.status, caught.value.retry_after) == (503, 5.0)
    assert keys.authenticate(Incomplete(snapshot(key("sk-1"))), "sk-1", 0).key.name == "k"


def test_a_team_that_is_gone_takes_its_keys_with_it():
    """Else they would go on without the team's budgets. Where no teams are declared, their names are just names."""
    orphan = snapshot(key("sk-1", team="gone"))
    assert authenticate(orphan, {"api-key": "sk-1"}, 0).team == "gone"
    others = replace(orphan, parties={("team", "t"): Party("team", "t")})
    with pytest.raises(UnknownParty, match='The team "gone" of this API key is not known') as caught:
        authenticate(others, {"api-key": "sk-1"}, 0)
    assert caught.value.status == 403


def test_a_keys_tags_are_over_its_parties():
    user, team = (
        Party("user", "u", tags={"a": "user", "b": "user"}),
        Party("team", "t", tags={"b": "team", "c": "team"}),
    )
    assert who(key("sk-1", tags={"a": "key"}), user, team).tags == {"a": "key", "b": "user", "c": "team"}


def test_names_of_a_token_may_be_aliases():
    assert [m.name for m in usable_models(snapshot(), who(key("x", models=frozenset({"alias1", "nothing"}))))] == ["m1"]
