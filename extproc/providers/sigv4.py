"""AWS Signature Version 4: a request → the headers that authenticate it. Pure: the time is an argument.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Only what no proxy on
the way changes is signed: the host, the content type and Amazon's own headers.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from extproc.config.snapshot import Secret
from extproc.domain.valueclass import valueclass

_ALGORITHM = "AWS4-HMAC-SHA256"
_TERMINATOR = "aws4_request"
_AMZ = "x-amz-"
_UNRESERVED = "-_.~"
_SIGNED = frozenset({"host", "content-type"})
_SET_HERE = frozenset({"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})


@valueclass
class AwsKeys:
    """Credentials of an AWS account or role; ``session_token`` goes with those that are temporary."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


@valueclass
class SignedParts:
    """What of a request is signed. ``path`` is as it goes on the wire (encoded once), ``query`` without ``?``.

    ``headers``: what is on the request, with ``host`` (Envoy's ``:authority``). Names may have any case; of the values
    only those of ``host``, ``content-type`` and ``x-amz-*`` count.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: str = ""


@valueclass
class SigningScope:
    """For which region and service a signature holds, and when it was made (Unix seconds)."""

    region: str
    service: str
    now: int


def sign(parts: SignedParts, keys: AwsKeys, scope: SigningScope) -> dict[str, str]:
    """The headers to set: ``authorization``, ``x-amz-date``, and ``x-amz-security-token`` of temporary credentials.

    Raises ``ValueError`` where there is no host to sign.
    """
    stamp = _stamp(scope.now)
    added = {"x-amz-date": stamp}
    if keys.session_token is not None:
        added["x-amz-security-token"] = keys.session_token.reveal()
    headers = _headers_to_sign(parts.headers) | added
    if "host" not in headers:
        raise ValueError("a request without a host cannot be signed")
    names = sorted(headers)
    signed_names = ";".join(names)
    canonical = "\n".join(
        (
            parts.method.upper(),
            canonical_path(parts.path),
            canonical_query(parts.query),
            *(f"{name}:{_trimmed(headers[name])}" for name in names),
            "",
            signed_names,
            sha256(parts.body).hexdigest(),
        )
    )
    day = stamp[:8]
    within = f"{day}/{scope.region}/{scope.service}/{_TERMINATOR}"
    to_sign = f"{_ALGORITHM}\n{stamp}\n{within}\n{sha256(canonical.encode()).hexdigest()}"
    key = _signing_key(keys.secret_access_key, day, scope.region, scope.service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    added["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key_id}/{within}, SignedHeaders={signed_names}, Signature={signature}"
    )
    return added


def canonical_path(path: str) -> str:
    """The path as all services but S3 sign it: without dot segments and double slashes, and encoded once more."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    trailing = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + trailing, safe="/" + _UNRESERVED)


def canonical_query(query: str) -> str:
    """The query's pairs in order; it is as it goes on the wire, so nothing is encoded anew."""
    if not query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _headers_to_sign(headers: Mapping[str, str]) -> dict[str, str]:
    lowered = ((name.lower(), value) for name, value in headers.items())
    return {
        name: value for name, value in lowered if name in _SIGNED or (name.startswith(_AMZ) and name not in _SET_HERE)
    }


def _trimmed(value: str) -> str:
    """Runs of blanks count as one."""
    return " ".join(value.split())


@lru_cache(maxsize=4)
def _stamp(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=64)
def _signing_key(secret: Secret, day: str, region: str, service: str) -> bytes:
    """Good for one day: four digests that need not be made for every request."""
    key = f"AWS4{secret.reveal()}".encode()
    for part in (day, region, service, _TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
