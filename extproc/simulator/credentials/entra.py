"""Entra's token endpoint, for Azure: a client's secret or its assertion, for an access token.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from datetime import UTC, datetime

import orjson

from extproc.domain.reading import Json
from extproc.simulator.call import Call
from extproc.simulator.credentials.issued import new_entra, now
from extproc.simulator.credentials.issuer import Issuer, form, lifetime
from extproc.simulator.credentials.oauth import refuse
from extproc.simulator.wire import Refused, Reply, Whole

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def token(call: Call) -> Reply:
    """``POST /{tenant}/oauth2/v2.0/token``; scopes are those of a resource, and end with ``/.default``."""
    fields = form(call)
    if fields.get("grant_type") != "client_credentials":
        raise refuse(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
    if not fields.get("client_id"):
        raise refuse(400, "invalid_request", "AADSTS900144: The request body must contain the parameter: 'client_id'.")
    asserted = fields.get("client_assertion_type") == ASSERTION and fields.get("client_assertion", "").count(".") == 2
    if not fields.get("client_secret") and not asserted:
        raise refuse(
            401,
            "invalid_client",
            "AADSTS7000216: 'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' "
            "grant type.",
        )
    if not fields.get("scope", "").endswith("/.default"):
        raise refuse(400, "invalid_scope", "AADSTS1002012: The provided value for scope is not valid.")
    seconds = lifetime(call)
    document = {
        "token_type": "Bearer",
        "expires_in": int(seconds),
        "ext_expires_in": int(seconds),
        "access_token": new_entra(call.token, seconds),
    }
    return Whole(200, b"cache-control: no-store, no-cache\r\n", orjson.dumps(document))


def _error(refused: Refused, unique: str) -> bytes:
    code = refused.message.partition(":")[0].removeprefix("AADSTS")
    codes: list[Json] = [int(code)] if code.isdigit() else []
    document = {
        "error": refused.kind,
        "error_description": refused.message,
        "error_codes": codes,
        "timestamp": datetime.fromtimestamp(now(), UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
        "trace_id": unique,
        "correlation_id": unique,
    }
    return orjson.dumps(document)


ENTRA = Issuer(_error, refuse)
