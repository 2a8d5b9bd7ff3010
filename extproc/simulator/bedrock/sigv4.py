"""Who asks: AWS's Signature Version 4, computed again from what arrived; or a Bedrock API key.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; the words of the
refusals are those that clients report.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, unquote

from extproc.simulator.bedrock.errors import refuse
from extproc.simulator.credentials.issued import aws_secret, aws_session, expired, now
from extproc.simulator.wire import Refused, Request

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = 300
"""Seconds that a signature's time may be away from the server's."""

_PARTS = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]*)")
_HOST = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?::\d+)?")
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class _Claim(NamedTuple):
    """What the Authorization header claims."""

    access_key: str
    scope: tuple[str, str, str, str]
    """Date, region, service, ``aws4_request``."""
    signed: tuple[str, ...]
    """Names of the signed headers, as listed."""
    signature: str


def verify(request: Request, service: str = "bedrock") -> str:
    """The access key id, or the API key, of a request that is what it says. Raises ``Refused`` as AWS does."""
    authorization = request.header(b"authorization") or ""
    kind, _, rest = authorization.strip().partition(" ")
    if kind.lower() == "bearer" and rest.strip():
        return rest.strip()
    if kind != ALGORITHM:
        raise refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
    claim = _claim(rest)
    stamp = _stamp(request)
    _check_scope(claim, stamp, request, service)
    secret = _secret(claim, request)
    if not hmac.compare_digest(_signature(request, claim, stamp, secret).encode(), claim.signature.encode()):
        raise refuse("InvalidSignatureException", _MISMATCH)
    _check_time(stamp)
    return claim.access_key


def _claim(text: str) -> _Claim:
    parts = {found[1]: found[2] for found in _PARTS.finditer(text)}
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            raise refuse("IncompleteSignatureException", f"Authorization header requires '{name}' parameter.")
    access_key, *scope = parts["Credential"].split("/")
    if len(scope) != 4:
        raise refuse(
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
        )
    date, region, service, term = scope
    signed = tuple(parts["SignedHeaders"].split(";"))
    return _Claim(access_key, (date, region, service, term), signed, parts["Signature"])


def _stamp(request: Request) -> str:
    stamp = request.header(b"x-amz-date")
    if stamp is None or not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
        raise refuse(
            "IncompleteSignatureException",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    return stamp


def _check_scope(claim: _Claim, stamp: str, request: Request, service: str) -> None:
    date, region, named, term = claim.scope
    if named != service:
        raise refuse("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'.")
    if term != "aws4_request":
        raise refuse("InvalidSignatureException", "Credential should be scoped with a valid terminator: 'aws4_request'")
    if date != stamp[:8]:
        raise refuse("InvalidSignatureException", f"Date in Credential scope does not match YYYYMMDD: {date}")
    host = _HOST.fullmatch(request.header(b"host") or "")
    if not region or (host is not None and host[1] != region):
        raise refuse("InvalidSignatureException", "Credential should be scoped to a valid region.")
    listed = list(claim.signed)
    if "host" not in listed or listed != sorted(listed):
        raise refuse("InvalidSignatureException", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    unsigned = [name for name in _amazon_headers(request) if name not in listed]
    if unsigned:
        raise refuse("InvalidSignatureException", f"'{unsigned[0]}' must be a 'SignedHeader' in the AWS Authorization.")


def _amazon_headers(request: Request) -> list[str]:
    """Those that AWS wants signed wherever they are."""
    names = (name.decode("latin-1").lower() for name, _ in request.headers)
    return [name for name in names if name.startswith("x-amz-")]


def _secret(claim: _Claim, request: Request) -> str:
    secret = aws_secret(claim.access_key)
    given, wanted = request.header(b"x-amz-security-token"), aws_session(claim.access_key)
    if secret is None or given != wanted:
        raise refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
    if expired(claim.access_key):
        raise refuse("ExpiredTokenException", "The security token included in the request is expired")
    return secret


def _check_time(stamp: str) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise refuse(
            "IncompleteSignatureException", f"Date must be in ISO-8601 'basic format'. Got '{stamp}'."
        ) from error
    clock = now()
    if abs(clock - signed) <= MAX_SKEW:
        return
    here = datetime.fromtimestamp(clock, UTC).strftime("%Y%m%dT%H%M%SZ")
    if signed < clock:
        raise refuse("InvalidSignatureException", f"Signature expired: {stamp} is now earlier than {here} - 5 min.")
    raise refuse("InvalidSignatureException", f"Signature not yet current: {stamp} is still later than {here} + 5 min.")


def _signature(request: Request, claim: _Claim, stamp: str, secret: str) -> str:
    canonical = "\n".join(
        (
            request.method,
            # The path as it came, encoded once more: every service but S3 signs it so.
            quote(request.path, safe="/~-_."),
            _query(request.query),
            *_headers(request, claim.signed),
            "",
            ";".join(claim.signed),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    hashed = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = "\n".join((ALGORITHM, stamp, "/".join(claim.scope), hashed))
    key = f"AWS4{secret}".encode()
    for part in claim.scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _query(query: str) -> str:
    pairs = [item.partition("=") for item in query.split("&") if item]
    encoded = [(quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _headers(request: Request, signed: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for name in signed:
        values = [
            " ".join(value.decode("utf-8", "surrogateescape").split())
            for known, value in request.headers
            if known.decode("latin-1").lower() == name
        ]
        if not values:
            raise _unfit(name)
        lines.append(f"{name}:{','.join(values)}")
    return lines


def _unfit(name: str) -> Refused:
    return refuse("InvalidSignatureException", f"{_MISMATCH} The signed header '{name}' did not arrive.")
