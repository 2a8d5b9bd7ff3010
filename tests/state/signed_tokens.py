"""An identity provider in a few functions: its keys, its key set, the tokens that it signs, and a verifier for them."""

import base64
import json
from functools import cache

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from extproc.config.snapshot import JwtIssuer
from extproc.domain.errors import Unauthenticated
from extproc.domain.keysets import ALGORITHMS, HeldKeySets, parse_key_set
from extproc.policy.tokens import TokenVerifier

NOW = 1_800_000_000
SECOND = 1_000_000_000
SOURCE = "https://id.example/keys"
ISSUER = JwtIssuer(
    issuer="https://id.example/realms/acme",
    jwks=SOURCE,
    audiences=("gateway",),
    algorithms=tuple(sorted(ALGORITHMS)),
    team_claim="team",
)
CLAIMS = {"iss": ISSUER.issuer, "aud": "gateway", "sub": "ann", "exp": NOW + 600}


@cache
def private(kind):
    match kind:
        case "rsa" | "rsa-other":
            return rsa.generate_private_key(65537, 2048)
        case "rsa-1024":
            return rsa.generate_private_key(65537, 1024)  # noqa: S505  the point of the test
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ed448":
            return ed448.Ed448PrivateKey.generate()
        case _:
            return ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[kind]())


def jwk(kind, **members):
    public = private(kind).public_key()
    if kind.startswith("rsa"):
        data = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif kind.startswith("p"):
        data = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        data = OKPAlgorithm.to_jwk(public, as_dict=True)
    return {**data, "kid": kind, **members}


def key_set(*jwks):
    return parse_key_set(orjson.dumps({"keys": list(jwks)}))


def part(data):
    raw = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(claims=None, *, kind="rsa", alg="RS256", headers=None, drop=(), **changes):
    """A token as a provider issues it, signed with the private key of ``kind``."""
    said = {**CLAIMS, **(claims or {}), **changes}
    said = {name: value for name, value in said.items() if name not in drop}
    name = "EdDSA" if alg.startswith("Ed") else alg
    head = {"alg": alg, "typ": "JWT", "kid": kind, **(headers or {})}
    signed = ".".join((part({k: v for k, v in head.items() if v is not None}), part(said)))
    return f"{signed}.{part(jwt.get_algorithm_by_name(name).sign(signed.encode(), private(kind)))}"


def verifier(*issuers, keys=None):
    sets = keys or HeldKeySets({SOURCE: key_set(*(jwk(kind) for kind in ("rsa", "p256", "p384", "p521", "ed25519")))})
    return TokenVerifier(issuers or (ISSUER,), sets)


def refusal(text, *issuers, keys=None, now=NOW):
    with pytest.raises(Unauthenticated) as caught:
        verifier(*issuers, keys=keys).verify(text, now * SECOND)
    message = caught.value.message
    assert caught.value.status == 401
    assert all(piece not in message for piece in text.split(".") if len(piece) > 8)
    return message
