"""The known ways to cheat with a JSON Web Token (RFC 8725), each tried with a real signature; and mere garbage."""

from datetime import UTC, datetime

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from signed_tokens import CLAIMS, ISSUER, NOW, SECOND, SOURCE, jwk, key_set, part, private, refusal, token, verifier

from extproc.config.snapshot import JwtIssuer
from extproc.domain.errors import Unauthenticated
from extproc.domain.keysets import HeldKeySets, KeySet, parse_key_set
from extproc.policy.tokens import looks_like_jwt


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"crit": ["exp"]}, "crit"),
        ({"crit": ["b64"], "b64": True}, "crit"),
        ({"crit": []}, "crit"),
        ({"typ": "logout+jwt"}, "typ"),
        ({"typ": "dpop+jwt"}, "typ"),
        ({"typ": 1}, "three parts"),
        ({"kid": 1}, "three parts"),
        ({"kid": ["rsa"]}, "three parts"),
        ({"kid": "../../dev/null"}, "signature"),
        ({"kid": "rsa' OR 1=1"}, "signature"),
        ({"kid": "p256"}, "signature"),
    ],
)
def test_headers_that_do_not_let_in(headers, says):
    assert says in refusal(token(headers=headers))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 1, ["RS256"], "HS256", "rs256", "RS256 "])
def test_an_algorithm_that_is_not_allowed(alg):
    text = f"{part({'alg': alg, 'kid': 'rsa', 'typ': 'JWT'})}.{part(CLAIMS)}."
    refusal(text)
    refusal(text + part(b"signature"))


@pytest.mark.parametrize("listed", [("HS256",), ("none",), ("RS256", "HS256", "none")])
def test_a_public_key_is_no_hmac_secret_even_if_the_configuration_allowed_it(listed):
    issuer = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, algorithms=listed)
    public = private("rsa").public_key()
    for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
        secret = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
        signed = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(CLAIMS)}"
        forged = jwt.get_algorithm_by_name("HS256").sign(signed.encode(), secret)
        refusal(f"{signed}.{part(forged)}", issuer)
    refusal(f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(CLAIMS)}.", issuer)


def test_a_symmetric_key_in_the_set_is_not_used():
    secret = b"s" * 32
    keys = HeldKeySets({SOURCE: key_set({"kty": "oct", "k": part(secret), "kid": "shared", "alg": "HS256"})})
    issuer = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, algorithms=("HS256",))
    refusal(jwt.encode(CLAIMS, secret, "HS256", {"kid": "shared"}), issuer, keys=keys)


def test_only_the_issuers_list_of_algorithms_counts():
    issuer = JwtIssuer(issuer=ISSUER.issuer, jwks=SOURCE, algorithms=("ES256",))
    assert "'alg'" in refusal(token(), issuer)
    assert verifier(issuer).verify(token(kind="p256", alg="ES256"), NOW * SECOND)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_the_token_brings_along_is_not_looked_at(name):
    other = jwk("rsa-other", kid="rsa")
    brought = {"jwk": other, "jku": "https://evil.example/keys", "x5u": "https://evil.example/c", "x5c": ["MII"]}[name]
    assert "signature" in refusal(token(kind="rsa-other", headers={"kid": "rsa", name: brought}))


def test_another_issuers_key_does_not_sign_for_this_one():
    other = JwtIssuer(issuer="https://other.example", jwks="https://other.example/keys")
    keys = HeldKeySets({SOURCE: key_set(jwk("rsa")), other.jwks: key_set(jwk("rsa-other"))})
    forged = token(kind="rsa-other", headers={"kid": "rsa-other"})
    assert "signature" in refusal(forged, ISSUER, other, keys=keys)


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "RS512"},
        {"alg": "RSA-OAEP"},
        {"alg": None},
        {"kty": "EC"},
        {"kid": 7},
        {"n": 7},
        {"n": "A" * 3000},
        {"e": "AQ"},
        {"d": "AQAB"},
    ],
)
def test_a_key_for_something_else_checks_no_token(members):
    refusal(token(), keys=HeldKeySets({SOURCE: key_set(jwk("rsa", **members))}))


@pytest.mark.parametrize("members", [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"alg": "RS256"}, {"x5c": ["MII"]}])
def test_a_key_for_signatures_does(members):
    assert verifier(keys=HeldKeySets({SOURCE: key_set(jwk("rsa", **members))})).verify(token(), NOW * SECOND)


def test_a_short_rsa_key_is_skipped_and_said():
    keyset = key_set(jwk("rsa-1024"))
    assert keyset.keys == ()
    assert keyset.skipped == ("keys[0] is an RSA key of 1024 bits; 2048 are the least",)
    refusal(token(kind="rsa-1024"), keys=HeldKeySets({SOURCE: keyset}))


def test_a_key_that_takes_long_to_check_with_is_skipped():
    odd = jwk("rsa", n=part(b"\xff" * 2100))
    assert key_set(odd).skipped == ("keys[0] has members of a wrong type or length",)


def test_a_key_checks_only_with_its_own_algorithms():
    (key,) = key_set(jwk("rsa", alg="RS256")).keys
    signed = {alg: jwt.get_algorithm_by_name(alg).sign(b"message", private("rsa")) for alg in ("RS256", "RS512")}
    assert key.verifies("RS256", b"message", signed["RS256"])
    assert not key.verifies("RS512", b"message", signed["RS512"])
    assert not key.verifies("none", b"message", b"")


def test_a_token_without_kid_is_tried_with_a_few_keys_and_not_with_many():
    few = HeldKeySets({SOURCE: key_set(*(jwk("rsa-other", kid=str(n)) for n in range(3)), jwk("rsa"))})
    assert verifier(keys=few).verify(token(headers={"kid": None}), NOW * SECOND)
    many = HeldKeySets({SOURCE: key_set(*(jwk("rsa-other", kid=str(n)) for n in range(4)), jwk("rsa"))})
    assert "'kid'" in refusal(token(headers={"kid": None}), keys=many)


def test_a_key_without_kid_may_have_signed_any_token():
    nameless = {name: value for name, value in jwk("rsa").items() if name != "kid"}
    keys = HeldKeySets({SOURCE: key_set(nameless)})
    assert verifier(keys=keys).verify(token(headers={"kid": "whatever"}), NOW * SECOND)


# ---- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("eyJh.eyJi.c_-9", True),
        ("eyJh.eyJi.", True),
        ("sk-llmgw-abc", False),
        ("eyJh.eyJi", False),
        ("eyJh.a.b.c.d", False),
        ("eyJh.eyJi.c=", False),
        ("eyJh.eyJi.c\n", False),
        ("abc.def.ghi", False),
        ("eyJ\u0660.eyJi.c", False),
        ("", False),
    ],
)
def test_what_looks_like_a_token(text, is_one):
    assert looks_like_jwt(text) is is_one


def test_a_token_of_more_than_8_kib_is_refused_before_it_is_read():
    assert "8192" in refusal(token(pad="x" * 9000))
    assert verifier().verify(token(pad="x" * 4000), NOW * SECOND)


@pytest.mark.parametrize(
    "text",
    [
        "\ud800",
        "eyJ\u00e9.a.b",
        f"{part({'alg': 'RS256'})}.{part(b'[1]')}.AAAA",
        f"{part({'alg': 'RS256'})}.{part(b'nothing')}.AAAA",
        f"{part({'alg': 'RS256'})}.A.AAAA",
        f"eyJ.{part(CLAIMS)}.AAAA",
        f"{part({'alg': 'RS256'})}.{part(b'[' * 5000)}.AAAA",
    ],
)
def test_garbage_is_refused_as_such(text):
    with pytest.raises(Unauthenticated, match="three parts"):
        verifier().verify(text, NOW * SECOND)


CHECK = verifier()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.text(st.characters(), max_size=60) | st.from_regex(r"eyJ[\w-]{0,20}\.[\w-]{0,20}\.[\w-]{0,20}", fullmatch=True)
)
def test_no_text_does_anything_but_be_refused(text):
    looks_like_jwt(text)
    with pytest.raises(Unauthenticated):
        CHECK.verify(text, NOW * SECOND)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk"]), json_values),
    st.dictionaries(st.sampled_from(["iss", "aud", "exp", "sub", "team"]), json_values),
    st.binary(max_size=70),
)
def test_no_unsigned_token_does_anything_but_be_refused(head, claims, signature):
    text = f"{part({'alg': 'RS256', 'kid': 'rsa', **head})}.{part({**CLAIMS, **claims})}.{part(signature)}"
    with pytest.raises(Unauthenticated):
        CHECK.verify(text, NOW * SECOND)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "team"]), json_values))
def test_signed_claims_of_any_shape_give_a_key_or_a_refusal(claims):
    try:
        key = CHECK.verify(token(claims, kind="ed25519", alg="EdDSA"), NOW * SECOND)
    except Unauthenticated:
        return
    assert key.name.isprintable()
    assert key.expires > datetime.fromtimestamp(NOW, UTC)


@given(st.binary(max_size=80) | json_values.map(orjson.dumps))
def test_any_bytes_are_a_key_set_or_a_known_error(document):
    try:
        keyset = parse_key_set(document)
    except ValueError:
        return
    assert isinstance(keyset, KeySet)
