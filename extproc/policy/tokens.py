"""Identity from JSON Web Tokens: a bearer token of an identity provider → the virtual key that it stands for.

What the provider signed counts, what the token's header proposes does not: the algorithm must be one of the issuer's
list and of the key, the key comes from the issuer's own set (``extproc.state.jwks``), and ``jwk``, ``jku``, ``x5u`` and
``x5c`` are not read. RFC 7519, RFC 8725.
"""

import base64
import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import orjson

from extproc.config.snapshot import JwtIssuer, VirtualKey
from extproc.domain.errors import GatewayError, IdentityUnavailable, Unauthenticated
from extproc.domain.keysets import KeySets
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass
from extproc.policy.claims import models_of, number_of, text_of

_SHAPE = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
"""``eyJ`` is how a JSON object begins in base64url. The signature may be empty here, so that a token without one is
refused as what it is."""
_LONGEST = 8192
"""Providers keep tokens below what common servers take as one header."""
_TYPES = frozenset({"jwt", "at+jwt"})
"""RFC 9068 and RFC 8725 section 3.11: a logout or DPoP token of the same issuer is no proof of identity."""
_MOST_TRIED = 4
"""Checks for a token that does not name its key; each takes up to 0.1 ms, and strangers may ask for it."""
_CACHED = 4096
"""Entries of about 1 KiB."""
_RECHECK_NS = 60_000_000_000
"""How long one check of a signature is relied on."""
_SECOND_NS = 1_000_000_000
_NAME_LENGTH = 200
_RETRY_AFTER = 5.0

_MEND = "Get a new one from your identity provider."


@valueclass
class _Token:
    """A token taken apart; nothing of it is to be trusted yet."""

    algorithm: str
    kid: str | None
    claims: JsonObject
    signed: bytes
    signature: bytes


@valueclass
class _Seen:
    key: VirtualKey
    expires_ns: int
    checked_ns: int
    source: str
    version: int


class _KeyMissing(Exception):
    """The set has no key for this token, or there is no set: a refresh may help. ``error`` is what to say if not."""

    def __init__(self, source: str, error: GatewayError) -> None:
        super().__init__(source)
        self.source: Final = source
        self.error: Final = error


def looks_like_jwt(token: str) -> bool:
    """Whether a bearer token has the shape of a signed JWT: three base64url parts, the first a JSON object."""
    return _SHAPE.fullmatch(token) is not None


class TokenVerifier:
    """Checks tokens of these issuers, each listed once. A token that comes again costs a digest and a look-up."""

    def __init__(self, issuers: Sequence[JwtIssuer], keys: KeySets) -> None:
        self._keys = keys
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    def verify(self, token: str, now_ns: int) -> VirtualKey:
        """The identity of a token; a missing key is asked for, but not waited for.

        The key's ``id`` is of issuer and user, not of the token, so a new token goes on where the last one stood.
        Raises ``Unauthenticated``, or ``IdentityUnavailable`` while the issuer's key set was never loaded.
        """
        try:
            return self._verify(token, now_ns)
        except _KeyMissing as missing:
            raise missing.error from None

    async def identify(self, token: str, now_ns: int) -> VirtualKey:
        """As ``verify``, but the first token signed with a new key waits for the key set, for about a second."""
        try:
            return self._verify(token, now_ns)
        except _KeyMissing as missing:
            if not await self._keys.refreshed(missing.source):
                raise missing.error from None
        return self.verify(token, now_ns)

    def _verify(self, token: str, now_ns: int) -> VirtualKey:
        if len(token) > _LONGEST:
            raise Unauthenticated(f"The token is longer than {_LONGEST} bytes. Ask for one with fewer claims.")
        try:
            text = token.encode("ascii")
        except UnicodeEncodeError:
            raise _malformed() from None
        digest = hashlib.sha256(text).digest()
        seen = self._seen.get(digest)
        if seen is not None and self._still_good(seen, now_ns):
            self._seen.move_to_end(digest)
            return seen.key
        self._seen.pop(digest, None)
        parts = _take_apart(token)
        issuer = self._issuer_of(parts)
        version = self._keys.version(issuer.jwks)
        self._check_signature(parts, issuer)
        expires = _check_times(parts.claims, issuer, now_ns)
        _check_audience(parts.claims, issuer)
        key = _virtual_key(parts.claims, issuer, expires)
        self._seen[digest] = _Seen(key, expires * _SECOND_NS, now_ns, issuer.jwks, version)
        if len(self._seen) > _CACHED:
            self._seen.popitem(last=False)
        return key

    def _still_good(self, seen: _Seen, now_ns: int) -> bool:
        return (
            now_ns < seen.expires_ns
            and now_ns - seen.checked_ns < _RECHECK_NS
            and self._keys.version(seen.source) == seen.version
        )

    def _issuer_of(self, token: _Token) -> JwtIssuer:
        name = token.claims.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise Unauthenticated("The token is of an issuer ('iss') that this gateway does not take. " + _MEND)
        return issuer

    def _check_signature(self, token: _Token, issuer: JwtIssuer) -> None:
        source = issuer.jwks
        if token.algorithm not in issuer.algorithms:
            raise Unauthenticated("The token is signed with an algorithm ('alg') that is not allowed for its issuer.")
        if not self._keys.loaded(source):
            self._keys.wanted(source)
            raise _KeyMissing(
                source,
                IdentityUnavailable(
                    "The token cannot be checked at present: its issuer's keys are not to be had. Try again shortly.",
                    retry_after=_RETRY_AFTER,
                ),
            )
        found = self._keys.find(source, token.kid)
        fitting = [key for key in found if token.algorithm in key.algorithms]
        if len(fitting) > _MOST_TRIED:
            raise Unauthenticated(
                "The token does not say which of its issuer's keys signed it. It needs a 'kid' header."
            )
        if any(key.verifies(token.algorithm, token.signed, token.signature) for key in fitting):
            return
        error = Unauthenticated("The token's signature is not that of its issuer. " + _MEND)
        if token.kid is None or all(key.kid != token.kid for key in found):
            self._keys.wanted(source)
            raise _KeyMissing(source, error)
        raise error


def _malformed() -> Unauthenticated:
    return Unauthenticated("The token is not a signed JSON Web Token of three parts. Send it whole, as it was issued.")


def _take_apart(token: str) -> _Token:
    if not looks_like_jwt(token):
        raise _malformed()
    signed, _, signature = token.rpartition(".")
    header, _, claims = signed.partition(".")
    head = _object(header)
    algorithm, kid, kind = head.get("alg"), head.get("kid"), head.get("typ", "JWT")
    if "crit" in head:
        raise Unauthenticated("The token asks for extensions ('crit') that this gateway does not have.")
    if not isinstance(algorithm, str) or not isinstance(kid, str | None) or not isinstance(kind, str):
        raise _malformed()
    if kind.lower().removeprefix("application/") not in _TYPES:
        raise Unauthenticated(
            "The token is of a type ('typ') that is no proof of identity. Send an access or ID token."
        )
    return _Token(algorithm, kid, _object(claims), signed.encode(), _decode(signature))


def _object(part: str) -> JsonObject:
    try:
        data: Json = orjson.loads(_decode(part))
    except orjson.JSONDecodeError:
        raise _malformed() from None
    if not isinstance(data, Mapping):
        raise _malformed()
    return data


def _decode(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise _malformed() from None


def _check_times(claims: JsonObject, issuer: JwtIssuer, now_ns: int) -> int:
    """The Unix second at which the token expires. No leeway there: a virtual key's ``expires`` is exact."""
    expires = number_of(claims, "exp")
    if expires is None:
        raise Unauthenticated("The token has no expiry ('exp'). Only tokens that expire are taken.")
    if now_ns >= expires * _SECOND_NS:
        raise Unauthenticated(f"The token expired at {datetime.fromtimestamp(expires, UTC).isoformat()}. {_MEND}")
    latest = now_ns + int(issuer.leeway_seconds * _SECOND_NS)
    for name in ("nbf", "iat"):
        begins = number_of(claims, name)
        if begins is not None and begins * _SECOND_NS > latest:
            raise Unauthenticated(f"The token is not valid yet ('{name}' lies ahead). Check the clock of its issuer.")
    return expires


def _check_audience(claims: JsonObject, issuer: JwtIssuer) -> None:
    said = claims.get("aud")
    named = said if isinstance(said, list) else [said]
    if issuer.audiences and not any(isinstance(name, str) and name in issuer.audiences for name in named):
        wanted = " or ".join(f"'{name}'" for name in issuer.audiences)
        raise Unauthenticated(f"The token is meant for somebody else. Ask for one with the audience ('aud') {wanted}.")


def _virtual_key(claims: JsonObject, issuer: JwtIssuer, expires: int) -> VirtualKey:
    user = text_of(claims, issuer.user_claim)
    team = text_of(claims, issuer.team_claim)
    subject = user or text_of(claims, "sub")
    if subject is None:
        wanted = " or ".join(f"'{name}'" for name in dict.fromkeys((issuer.user_claim or "sub", "sub")))
        raise Unauthenticated(f"The token names nobody: it has no {wanted}.")
    if team is None and issuer.team_required:
        claim = issuer.team_claim or "team_claim is not set"
        raise Unauthenticated(f"The token names no team ({claim}). Ask the platform team to put you into one.")
    tags = {name: text_of(claims, path) for name, path in (issuer.tags_claims or {}).items()}
    where = issuer.issuer.partition("://")[2] or issuer.issuer
    return VirtualKey(
        name=f"jwt:{subject}"[:_NAME_LENGTH],
        sha256="",
        # No colon within the issuer's part, so that issuer and user cannot be shifted against each other.
        id=f"jwt:{where.replace(':', '%3A')}:{subject}",
        org=text_of(claims, issuer.org_claim),
        team=team,
        user=user,
        models=models_of(claims, issuer.models_claim) if issuer.models_claim is not None else None,
        expires=datetime.fromtimestamp(expires, UTC),
        tags={name: value for name, value in tags.items() if value is not None} or None,
    )
