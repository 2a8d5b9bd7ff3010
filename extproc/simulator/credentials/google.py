"""Google's credentials for machines: the metadata server of Compute Engine, and OAuth's token endpoint.

Source: https://cloud.google.com/compute/docs/metadata/overview and
https://developers.google.com/identity/protocols/oauth2/service-account
"""

import jwt
import orjson

from extproc.domain.reading import JsonObject
from extproc.simulator.call import Call
from extproc.simulator.credentials.issued import new_google, now
from extproc.simulator.credentials.issuer import Issuer, form, lifetime
from extproc.simulator.credentials.oauth import error, refuse
from extproc.simulator.wire import Refused, Reply, Request, Whole

EMAIL = "simulator@sim-project.iam.gserviceaccount.com"
PROJECT = "sim-project"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_ASSERTION = 3600
"""Seconds that an assertion may be good for."""
_SKEW = 300

_TEXT = b"application/text"
_HTML = b"text/html; charset=UTF-8"
_SCOPES = "https://www.googleapis.com/auth/cloud-platform"


class _MetadataRefused(Refused):
    @property
    def content_type(self) -> bytes:
        return _HTML


def metadata(call: Call) -> Reply:
    """``/computeMetadata/v1/...``, for those who say ``Metadata-Flavor: Google``."""
    _check_flavour(call.request)
    path = call.params.get("path", "")
    account = "instance/service-accounts/default/"
    if path == f"{account}token":
        seconds = lifetime(call)
        return _json(call, _access_token(call, seconds))
    if path == account and "recursive=true" in call.request.query:
        return _json(call, {"aliases": ["default"], "email": EMAIL, "scopes": [_SCOPES]})
    texts = {
        "": "instance/\nproject/\n",
        f"{account}email": EMAIL,
        f"{account}scopes": f"{_SCOPES}\n",
        "project/project-id": PROJECT,
        "project/numeric-project-id": "123456789012",
        "universe/universe-domain": "googleapis.com",
    }
    if path not in texts:
        raise _metadata_refusal(404, "", "The requested URL was not found on this server.")
    return Whole(200, call.manners.headers(call.token), texts[path].encode(), content_type=_TEXT)


def root(call: Call) -> Reply:
    """``GET /``, by which Google's libraries find out whether they run on its machines."""
    _check_flavour(call.request)
    return Whole(200, call.manners.headers(call.token), b"computeMetadata/\n", content_type=_TEXT)


def token(call: Call) -> Reply:
    """``POST /token``: a signed assertion of a service account, or a refresh token, for an access token."""
    fields = form(call)
    match fields.get("grant_type"):
        case grant if grant == JWT_GRANT:
            _check_assertion(fields.get("assertion", ""))
        case "refresh_token":
            for name in ("refresh_token", "client_id", "client_secret"):
                if not fields.get(name):
                    raise refuse(400, "invalid_request", f"Missing required parameter: {name}")
        case None:
            raise refuse(400, "invalid_request", "Required parameter is missing: grant_type")
        case grant:
            raise refuse(400, "unsupported_grant_type", f"Invalid grant_type: {grant}")
    return _json(call, _access_token(call, lifetime(call)))


def _check_assertion(assertion: str) -> None:
    """Whose key signed it is not known here; all else is checked."""
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError as fault:
        raise refuse(400, "invalid_grant", "Bad Request: the assertion is no JWT") from fault
    if header.get("alg") != "RS256":
        raise refuse(400, "invalid_grant", "Invalid JWT: Failed signature verification: RS256 is required")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(expires, int):
        raise refuse(400, "invalid_grant", "Invalid JWT: iat and exp are required")
    clock = now()
    if expires - issued > MAX_ASSERTION or issued > clock + _SKEW or expires < clock:
        raise refuse(
            400,
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat "
            "and exp values in the JWT claim.",
        )
    if not str(claims.get("aud", "")).endswith("/token"):
        raise refuse(400, "invalid_grant", "Invalid JWT: aud must be the token endpoint")
    if not claims.get("iss"):
        raise refuse(400, "invalid_grant", "Invalid JWT: iss is required")
    if not claims.get("scope"):
        raise refuse(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")


def _check_flavour(request: Request) -> None:
    if request.header(b"metadata-flavor") != "Google":
        raise _metadata_refusal(403, "", "Missing required header: Metadata-Flavor: Google")
    if request.header(b"x-forwarded-for") is not None:
        raise _metadata_refusal(403, "", "Requests with X-Forwarded-For are refused")


def _metadata_refusal(status: int, name: str, message: str) -> Refused:
    return _MetadataRefused(f"{name} {message}".strip(), status=status)


def _metadata_error(refused: Refused, unique: str) -> bytes:
    del unique
    return f"<!DOCTYPE html>\n<html><title>Error {refused.status}</title><p>{refused.message}</p></html>\n".encode()


def _access_token(call: Call, seconds: float) -> JsonObject:
    return {"access_token": new_google(call.token, seconds), "expires_in": int(seconds), "token_type": "Bearer"}


def _json(call: Call, document: JsonObject) -> Whole:
    headers = call.manners.headers(call.token) + b"cache-control: no-store\r\n"
    return Whole(200, headers, orjson.dumps(document))


METADATA = Issuer(_metadata_error, _metadata_refusal, b"metadata-flavor: Google\r\nserver: Metadata Server for VM\r\n")
OAUTH = Issuer(error, refuse)
