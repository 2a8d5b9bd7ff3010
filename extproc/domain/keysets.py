"""Key sets: the public keys with which an identity provider's tokens are checked (JWKS, RFC 7517).

``extproc.state.jwks`` fetches and keeps them, ``extproc.policy.tokens`` checks tokens with them. Only public-key
algorithms exist here, so neither ``none`` nor a public key taken for an HMAC secret can pass.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError, get_algorithm_by_name
from jwt.algorithms import AllowedPublicKeys

from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

_FITS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
    ("OKP", "Ed448"): ("EdDSA", "Ed448"),
}
"""Key type and curve → what such a key signs. RFC 7518 section 3.1, RFC 8037, RFC 9864."""
_LIBRARY_NAMES = {"Ed25519": "EdDSA", "Ed448": "EdDSA"}
"""The library has both under their old name; the curve comes from the key."""

ALGORITHMS = frozenset(name for names in _FITS.values() for name in names)
"""Every signature algorithm that can be allowed."""
_CHECKS = {name: get_algorithm_by_name(_LIBRARY_NAMES.get(name, name)) for name in ALGORITHMS}

_PUBLIC_MEMBERS = ("kty", "crv", "n", "e", "x", "y")
_SECRET_MEMBERS = frozenset({"d", "k"})
_RSA_LEAST_BITS = 2048
"""RFC 7518 section 3.3."""
_RSA_LONGEST_MODULUS = 2731
"""16,384 bits in base64url; a check with a longer key takes milliseconds."""
_MOST_KEYS = 200
"""Identity providers publish two to ten; one that has a key per client may have dozens."""


class KeySetError(ValueError):
    """A document or a source that is none; the message says why and holds nothing of its content."""


@valueclass
class SigningKey:
    """A public key, and what it may check."""

    kid: str | None
    algorithms: frozenset[str]
    public: AllowedPublicKeys

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Whether the signature is of this key and the message. False for an algorithm that is not of this key."""
        return algorithm in self.algorithms and _CHECKS[algorithm].verify(message, self.public, signature)


@valueclass
class KeySet:
    """The usable keys of one document; ``skipped`` says why the others are not."""

    keys: tuple[SigningKey, ...] = ()
    skipped: tuple[str, ...] = ()

    def candidates(self, kid: str | None) -> tuple[SigningKey, ...]:
        """Those that may have signed a token with this ``kid`` header: of that name, else those without a name.

        None: all. ``kid`` only compares; it is never a path, a URL or a query.
        """
        if kid is None:
            return self.keys
        named = tuple(key for key in self.keys if key.kid == kid)
        return named or tuple(key for key in self.keys if key.kid is None)


class KeySets(Protocol):
    """The key sets by source (``JwtIssuer.jwks``), from memory: only ``refreshed`` waits."""

    def find(self, source: str, kid: str | None) -> tuple[SigningKey, ...]:
        """See ``KeySet.candidates``; nothing for a source that is not known or not loaded."""
        ...

    def version(self, source: str) -> int:
        """Grows with each change of the set; 0 while it was never loaded."""
        ...

    def loaded(self, source: str) -> bool:
        """Whether there is a set, however old."""
        return self.version(source) > 0

    def wanted(self, source: str) -> None:
        """A key is missing: refresh early, unless that was asked for a moment ago or the source is failing."""
        ...

    async def refreshed(self, source: str) -> bool:
        """Wait for the refresh that is due or under way, for about a second; whether it changed the set."""
        ...


class HeldKeySets(KeySets):
    """Sets given by hand, for tests: ``put`` changes one at once, ``coming`` are those that a refresh brings."""

    def __init__(self, sets: Mapping[str, KeySet] | None = None) -> None:
        self.asked: list[str] = []
        """The sources of which a refresh was wanted."""
        self.coming: dict[str, KeySet] = {}
        self._sets: dict[str, KeySet] = {}
        self._versions: dict[str, int] = {}
        for source, keyset in (sets or {}).items():
            self.put(source, keyset)

    def put(self, source: str, keyset: KeySet) -> None:
        """Hold this set from now on."""
        self._sets[source] = keyset
        self._versions[source] = self.version(source) + 1

    def find(self, source: str, kid: str | None) -> tuple[SigningKey, ...]:
        """See ``KeySets``."""
        return self._sets.get(source, KeySet()).candidates(kid)

    def version(self, source: str) -> int:
        """See ``KeySets``."""
        return self._versions.get(source, 0)

    def wanted(self, source: str) -> None:
        """See ``KeySets``."""
        self.asked.append(source)

    async def refreshed(self, source: str) -> bool:
        """See ``KeySets``."""
        keyset = self.coming.pop(source, None)
        if keyset is not None:
            self.put(source, keyset)
        return keyset is not None


def parse_key_set(document: bytes) -> KeySet:
    """Read a JWKS document. Keys that cannot check signatures are skipped, as RFC 7517 section 5 wants it.

    A set without keys is a set: so all can be withdrawn. Raises ``KeySetError``.
    """
    try:
        data: Json = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise KeySetError("it is not JSON") from error
    keys = data.get("keys") if isinstance(data, Mapping) else None
    if not isinstance(keys, list):
        raise KeySetError("it is not a key set: a JSON object with a list 'keys'")
    if len(keys) > _MOST_KEYS:
        raise KeySetError(f"it has {len(keys)} keys, more than {_MOST_KEYS}")
    usable: list[SigningKey] = []
    skipped: list[str] = []
    for index, jwk in enumerate(keys):
        try:
            usable.append(_signing_key(jwk))
        except KeySetError as error:
            skipped.append(f"keys[{index}] {error}")
    return KeySet(tuple(usable), tuple(skipped))


def source_problem(source: str) -> str | None:
    """What is wrong with a ``jwks`` value, with the mend; None: nothing.

    Plain HTTP is for loopback only: who can change the answer on its way can sign any identity.
    """
    if source.startswith("file:"):
        return None if source.removeprefix("file:") else "names no file: write file:path"
    try:
        url = urlsplit(source)
        host = url.hostname
        url.port  # noqa: B018  it raises where the port is no number
    except ValueError:
        return "is not a URL"
    if url.scheme not in {"https", "http"} or not host:
        return "must be https://... or file:path"
    if url.username is not None or url.password is not None:
        return "must not hold a user name or password"
    if url.scheme == "http" and not is_loopback(host):
        return "must be https: whoever can change the key set on its way can sign any token"
    return None


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _signing_key(jwk: Json) -> SigningKey:
    if not isinstance(jwk, Mapping):
        raise KeySetError("is not an object")
    kid = jwk.get("kid")
    if not isinstance(kid, str | None):
        raise KeySetError("has a 'kid' that is not a text")
    if jwk.get("use", "sig") != "sig":
        raise KeySetError("is not for signatures ('use')")
    operations = jwk.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        raise KeySetError("is not for checking signatures ('key_ops')")
    if _SECRET_MEMBERS & jwk.keys():
        raise KeySetError("is a secret key: whoever reads the set can sign with it")
    fits = _FITS.get((str(jwk.get("kty")), str(jwk.get("crv", ""))), ())
    if "alg" in jwk:
        fits = tuple(name for name in fits if name == jwk["alg"])
    if not fits:
        raise KeySetError("is of a type, curve or algorithm that is not supported")
    return SigningKey(kid, frozenset(fits), _public_key(jwk, fits[0]))


def _public_key(jwk: JsonObject, algorithm: str) -> AllowedPublicKeys:
    members = {name: jwk[name] for name in _PUBLIC_MEMBERS if name in jwk}
    modulus = members.get("n", "")
    if not all(isinstance(value, str) for value in members.values()) or len(str(modulus)) > _RSA_LONGEST_MODULUS:
        raise KeySetError("has members of a wrong type or length")
    try:
        public: AllowedPublicKeys = PyJWK(members, _LIBRARY_NAMES.get(algorithm, algorithm)).key
    except (PyJWTError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeySetError("is not a valid public key") from error
    if isinstance(public, RSAPublicKey) and public.key_size < _RSA_LEAST_BITS:
        raise KeySetError(f"is an RSA key of {public.key_size} bits; {_RSA_LEAST_BITS} are the least")
    return public
