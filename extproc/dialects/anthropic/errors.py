"""``GatewayError`` → error body and stream event; a vendor's status and body → ``ProviderError``.

Source: https://platform.claude.com/docs/en/api/errors and ``anthropic.types.shared``.
"""

from collections.abc import Mapping

import orjson

from extproc.dialects.redact import without_keys
from extproc.dialects.sse import render_event
from extproc.domain.errors import (
    ContentPolicy,
    ContextLength,
    GatewayError,
    ProviderAuth,
    ProviderError,
    ProviderFailed,
    ProviderMissing,
    ProviderNotFound,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
)
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

MAX_MESSAGE_CHARS = 1000
"""Of a vendor's message: long enough for its longest explanations, short enough for a log row."""

_TYPE_OF_STATUS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

# In a stream there is no status: the one that the type has outside of streams.
_STATUS_OF_TYPE: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_Kind = type[ProviderError]

_KIND_OF_TYPE: Mapping[str, _Kind] = {
    "authentication_error": ProviderAuth,
    "billing_error": ProviderQuota,
    "permission_error": ProviderAuth,
    "not_found_error": ProviderNotFound,
    "request_too_large": ProviderRejected,
    "rate_limit_error": ProviderRateLimited,
    "timeout_error": ProviderTimeout,
    "overloaded_error": ProviderOverloaded,
}

_KIND_OF_STATUS: Mapping[int, _Kind] = {
    401: ProviderAuth,
    402: ProviderQuota,
    403: ProviderAuth,
    404: ProviderNotFound,
    408: ProviderTimeout,
    429: ProviderRateLimited,
    503: ProviderOverloaded,
    504: ProviderTimeout,
    529: ProviderOverloaded,
}

# ``error.details.error_code`` names the cause and is stable, unlike the message (anthropic.types.shared.ErrorDetails).
_KIND_OF_CODE: Mapping[str, _Kind] = {
    "contract_spend_limit_reached": ProviderQuota,
    "enforced_spend_limit_reached": ProviderQuota,
    "linked_organization_billing_unavailable": ProviderQuota,
    "linked_organization_spend_limit_reached": ProviderQuota,
    "user_profile_billing_not_authorized": ProviderQuota,
    "user_profile_not_billable": ProviderQuota,
    "ramp_limit_exceeded": ProviderRateLimited,
    "organization_on_hold": ProviderAuth,
    "organization_type_not_supported": ProviderAuth,
}

_OF_THREADS = "thread_"
"""How the codes begin that an SDK acts on: ``thread_not_found`` and others (anthropic.types.shared.ErrorDetails)."""
_NO_THREADS = "thread_unsupported_request"
"""The one of a request that is to be sent again without ``thread``."""

# Causes that have no code of their own; only looked for in 4xx answers. Lower case.
_KIND_OF_PHRASE: tuple[tuple[str, _Kind], ...] = (
    ("prompt is too long", ContextLength),
    ("exceed context limit", ContextLength),
    ("exceeds the context window", ContextLength),
    ("credit balance is too low", ProviderQuota),
    ("reached your specified api usage limits", ProviderQuota),
    ("content filtering policy", ContentPolicy),
    ("file not found", ProviderMissing),
)


def render_error(error: GatewayError) -> JsonObject:
    """The error body.

    The gateway's stable code is in ``error.details.error_code``, where the vendor puts its own and the SDKs read it
    (``exception.error_code``), and in ``error.code``, where clients of other dialects look for it. Only of threads,
    earlier turns that the vendor keeps, the first is the vendor's code: by it the SDKs know that they have to send the
    whole conversation instead, and they do (its tool runner begins a thread without being asked).
    """
    details: dict[str, Json] = {"error_code": _error_code(error)}
    if error.param is not None:
        details["param"] = error.param
    body: dict[str, Json] = {
        "type": _type_of(error.status),
        "message": error.message,
        "code": error.code,
        "details": details,
    }
    return {"type": "error", "error": body}


def _error_code(error: GatewayError) -> str:
    if isinstance(error, ProviderError):
        code = error.vendor_code or ""
        return code if code.startswith(_OF_THREADS) else error.code
    return _NO_THREADS if error.param == "thread" else error.code


def render_error_event(error: GatewayError) -> bytes:
    """The error as an ``error`` event, after which the stream ends."""
    return render_event(orjson.dumps(render_error(error)), name="error")


@valueclass
class _Report:
    """What a vendor's error body says; empty strings where it does not."""

    type: str = ""
    message: str = ""
    code: str = ""


def parse_error(status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
    """The error behind a status of 400 and above. Never raises: the body may be HTML, empty or not UTF-8."""
    try:
        decoded: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    return _error(status, _report(decoded), retry_after)


def stream_error(event: JsonObject) -> ProviderError:
    """The error of an ``error`` event, or of an error body under a status of 200."""
    report = _report(event)
    return _error(_STATUS_OF_TYPE.get(report.type, 500), report, None)


def _error(status: int, report: _Report, retry_after: float | None) -> ProviderError:
    kind = _kind(status, report)
    if issubclass(kind, ProviderAuth):
        # The vendor's message is about our account, which is nobody else's business.
        message = f"the provider refused the gateway's credential (HTTP {status})"
    elif report.message:
        message = without_keys(report.message)[:MAX_MESSAGE_CHARS]
    else:
        message = f"the provider answered HTTP {status} without a message"
    code = report.code if report.code.startswith(_OF_THREADS) else None
    return kind(message, retry_after=retry_after, retry_status=status, vendor_code=code)


def _kind(status: int, report: _Report) -> _Kind:
    """The most specific word wins: code, then phrase, then type, then status."""
    by_code = _KIND_OF_CODE.get(report.code)
    if by_code is not None:
        return by_code
    if 400 <= status < 500 and status not in {401, 403}:
        text = report.message.lower()
        for phrase, kind in _KIND_OF_PHRASE:
            if phrase in text:
                return kind
    by_name = _KIND_OF_TYPE.get(report.type) or _KIND_OF_STATUS.get(status)
    if by_name is not None:
        return by_name
    return ProviderRejected if 400 <= status < 500 else ProviderFailed


def _report(body: Json) -> _Report:
    """Also of bodies that are only like the vendor's: clouds and compatible servers leave the type or the frame out."""
    if not isinstance(body, Mapping):
        return _Report()
    error = body.get("error")
    if isinstance(error, Mapping):
        details = error.get("details")
        code = details.get("error_code") if isinstance(details, Mapping) else None
        return _Report(_text(error.get("type")), _text(error.get("message")), _text(code))
    return _Report("", _text(error) or _text(body.get("message")))


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _type_of(status: int) -> str:
    named = _TYPE_OF_STATUS.get(status)
    if named is not None:
        return named
    # The vendor, too, says invalid_request_error for every other 4xx.
    return "invalid_request_error" if status < 500 else "api_error"
