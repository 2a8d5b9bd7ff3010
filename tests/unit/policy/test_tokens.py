"""Which claims let in, for whom they speak, and which do not: real keys, real signatures."""

from datetime import UTC, datetime

import pytest
from signed_tokens import CLAIMS, ISSUER, NOW, SECOND, SOURCE, jwk, key_set, part, refusal, token, verifier

from extproc.config.snapshot import JwtIssuer
from extproc.domain.keysets import HeldKeySets

# ---- who is let in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "alg"),
    [
        *(("rsa", name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        ("p256", "ES256"),
        ("p384", "ES384"),
        ("p521", "ES512"),
        ("ed25519", "EdDSA"),
        ("ed25519", "Ed25519"),
        ("ed448", "EdDSA"),
        ("ed448", "Ed448"),
    ],
)
def test_each_algorithm_checks_a_real_signature_and_not_a_changed_one(kind, alg):
    keys = HeldKeySets({SOURCE: key_set(jwk(kind))})
    good = token(kind=kind, alg=alg)
    assert verifier(keys=keys).verify(good, NOW * SECOND).name == "jwt:ann"
    head, _, signature = good.split(".")
    assert "signature" in refusal(f"{head}.{part({**CLAIMS, 'sub': 'eve'})}.{signature}", keys=keys)


def test_the_key_says_who_and_until_when():
    issuer = JwtIssuer(
        issuer=ISSUER.issuer,
        jwks=SOURCE,
        org_claim="org.name",
        team_claim="groups",
        user_claim="email",
        models_claim="llm",
        tags_claims={"environment": "env", "cost-centre": "https://acme.example/centre", "absent": "nothing"},
    )
    said = {
        "org": {"name": "acme"},
        "groups": ["search"],
        "email": "ann@acme.example",
        "llm": ["fast", "generate"],
        "env": "qa",
        "https://acme.example/centre": 4711,
    }
    key = verifier(issuer).verify(token(said), NOW * SECOND)
    assert (key.org, key.team, key.user) == ("acme", "search", "ann@acme.example")
    assert key.models == {"fast", "generate"}
    assert key.tags == {"environment": "qa", "cost-centre": "4711"}
    assert key.expires == datetime.fromtimestamp(NOW + 600, UTC)
    assert key.name == "jwt:ann@acme.example"
    assert key.id == "jwt:id.example/realms/acme:ann@acme.example"
    assert (key.sha256, key.enabled, key.meters) == ("", True, ())


def test_a_new_token_of_the_same_user_has_the_same_id():
    check = verifier()
    first, second = (check.verify(token(exp=NOW + later), NOW * SECOND) for later in (10, 20))
    assert first.id == second.id
    assert first.expires != second.expires


def test_realms_of_one_host_are_apart():
    other = JwtIssuer(issuer="https://id.example/realms/other", jwks=SOURCE)
    check = verifier(ISSUER, other)
    ids = {check.verify(token(iss=issuer.issuer), NOW * SECOND).id for issuer in (ISSUER, other)}
    assert len(ids) == 2


def test_a_port_cannot_be_shifted_into_the_user():
    one, two = (JwtIssuer(issuer=name, jwks=SOURCE) for name in ("https://id.example", "https://id.example:8"))
    check = verifier(one, two)
    first = check.verify(token(iss=one.issuer, sub="8:ann"), NOW * SECOND)
    assert first.id != check.verify(token(iss=two.issuer, sub="ann"), NOW * SECOND).id


def test_without_the_user_claim_the_subject_names_it():
    key = verifier(JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, user_claim="email")).verify(token(), NOW * SECOND)
    assert (key.user, key.name) == (None, "jwt:ann")


def test_a_long_name_is_cut_and_the_id_is_not():
    key = verifier().verify(token(sub="a" * 200), NOW * SECOND)
    assert len(key.name) == 200
    assert key.id.endswith("a" * 200)


@pytest.mark.parametrize("aud", ["gateway", ["other", "gateway"]])
def test_one_fitting_audience_is_enough(aud):
    assert verifier().verify(token(aud=aud), NOW * SECOND)


def test_no_audience_is_asked_where_none_is_configured():
    issuer = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE)
    assert verifier(issuer).verify(token(drop=("aud",)), NOW * SECOND)


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_access_and_id_tokens_are_taken(typ):
    assert verifier().verify(token(headers={"typ": typ}), NOW * SECOND)


@pytest.mark.parametrize(("name", "ahead"), [("nbf", 30), ("iat", 30), ("nbf", 29.9), ("iat", -5)])
def test_the_issuers_clock_may_be_a_little_ahead(name, ahead):
    assert verifier().verify(token({name: NOW + ahead}), NOW * SECOND)


@pytest.mark.parametrize(
    ("said", "models"),
    [
        (["a", "b"], {"a", "b"}),
        ("a b", {"a", "b"}),
        ("a, b,c", {"a", "b", "c"}),
        (["a", 7], {"a"}),
        ([], set()),
        ("", set()),
        (None, set()),
        ("*", None),
        (["a", "*"], None),
    ],
)
def test_models_come_from_a_list_or_a_text_and_no_claim_means_no_model(said, models):
    issuer = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, models_claim="llm")
    assert verifier(issuer).verify(token(llm=said), NOW * SECOND).models == models


def test_without_a_models_claim_the_token_may_use_all():
    assert verifier().verify(token(), NOW * SECOND).models is None


@pytest.mark.parametrize(
    ("path", "said", "team"),
    [
        ("a.b.c", {"a": {"b": {"c": "x"}}}, "x"),
        ("a.b.c", {"a.b": {"c": "x"}}, "x"),
        ("a.b.c", {"a": {"b.c": "x"}}, "x"),
        ("a.b.c", {"a": {"b": "text"}}, None),
        ("a.b", {"a": ["b"]}, None),
        ("a.b", {"a.b": None, "a": {"b": "x"}}, None),
        ("a.", {"a": {"": "x"}}, "x"),
        ("t", {"t": ["x"]}, "x"),
        ("t", {"t": []}, None),
        ("t", {"t": ""}, None),
        ("t", {"t": 12}, "12"),
    ],
)
def test_claims_are_found_by_path(path, said, team):
    issuer = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, team_claim=path)
    assert verifier(issuer).verify(token(said), NOW * SECOND).team == team


# ---- who is not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iss": "https://id.example/realms/acme/"}, "issuer"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": [ISSUER.issuer]}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "other"}, "'gateway'"),
        ({"aud": ["other"]}, "audience"),
        ({"aud": {"gateway": 1}}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": None}, "no expiry"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW - 1}, "expired at 2027"),
        ({"exp": str(NOW + 60)}, "'exp'"),
        ({"exp": True}, "'exp'"),
        ({"exp": -1}, "'exp'"),
        ({"exp": 10**15}, "'exp'"),
        ({"exp": 1e300}, "'exp'"),
        ({"nbf": NOW + 31}, "'nbf'"),
        ({"iat": NOW + 31}, "'iat'"),
        ({"nbf": "now"}, "'nbf'"),
        ({"sub": None}, "names nobody"),
        ({"sub": ""}, "names nobody"),
        ({"sub": "a" * 201}, "'sub'"),
        ({"sub": "ann\nroot"}, "'sub'"),
        ({"sub": "ann\u202eroot"}, "'sub'"),
        ({"sub": {"name": "ann"}}, "'sub'"),
        ({"sub": True}, "'sub'"),
        ({"sub": 1.5}, "'sub'"),
        ({"team": ["search", "ads"]}, "2 values"),
        ({"team": [["search"]]}, "'team'"),
    ],
)
def test_signed_claims_that_do_not_let_in(changes, says):
    assert says in refusal(token(changes))


def test_a_missing_expiry_or_subject_is_as_a_null_one():
    assert "no expiry" in refusal(token(drop=("exp",)))
    assert refusal(token(drop=("sub",))) == "The token names nobody: it has no 'sub'."


def test_a_team_is_required_where_the_configuration_says_so():
    issuer = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, team_claim="team", team_required=True)
    assert "(team)" in refusal(token(), issuer)
    assert verifier(issuer).verify(token(team="search"), NOW * SECOND).team == "search"
    unset = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, team_required=True)
    assert "team_claim is not set" in refusal(token(), unset)


def test_a_models_claim_of_another_type_is_refused():
    issuer = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, models_claim="llm")
    assert "'llm'" in refusal(token(llm={"a": 1}), issuer)
