"""``GatewayError`` → error body and stream event; a vendor's status and body → ``ProviderError``.

Sources: https://ai.google.dev/gemini-api/docs/troubleshooting, https://google.aip.dev/193 and ``google.rpc``
(``ErrorInfo``, ``RetryInfo``, ``QuotaFailure``, ``BadRequest``). The Gemini API and Vertex share the shape.
"""

import re
from collections.abc import Iterator, Mapping

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

_TYPE = "type.googleapis.com/google.rpc."

_WORD_OF_STATUS: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",  # a budget; the vendor has no word of its own for it
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

_STATUS_OF_WORD: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""In a stream there is no HTTP status: the one that the word has outside. Others: 500."""

_Kind = type[ProviderError]

_KIND_OF_REASON: Mapping[str, _Kind] = {
    "API_KEY_INVALID": ProviderAuth,  # a 400
    "API_KEY_SERVICE_BLOCKED": ProviderAuth,
    "API_KEY_HTTP_REFERRER_BLOCKED": ProviderAuth,
    "API_KEY_IP_ADDRESS_BLOCKED": ProviderAuth,
    "ACCESS_TOKEN_EXPIRED": ProviderAuth,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": ProviderAuth,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": ProviderAuth,
    "CREDENTIALS_MISSING": ProviderAuth,
    "CONSUMER_INVALID": ProviderAuth,
    "CONSUMER_SUSPENDED": ProviderAuth,
    "SERVICE_DISABLED": ProviderAuth,
    "IAM_PERMISSION_DENIED": ProviderAuth,
    "USER_PROJECT_DENIED": ProviderAuth,
    "BILLING_DISABLED": ProviderQuota,
    "RATE_LIMIT_EXCEEDED": ProviderRateLimited,
    "MODEL_CAPACITY_EXHAUSTED": ProviderOverloaded,
}
"""``ErrorInfo.reason`` (``google.api.ErrorReason``), which is stable, unlike the message."""

_KIND_OF_PHRASE: tuple[tuple[str, _Kind], ...] = (
    ("exceeds the maximum number of tokens allowed", ContextLength),
    ("exceeds the context window", ContextLength),
    ("but the model only supports up to", ContextLength),  # Vertex: "The input token count is … but …"
    ("prompt is too long", ContextLength),
    ("api key not valid", ProviderAuth),
    ("api key expired", ProviderAuth),
    ("user location is not supported", ProviderAuth),
    ("free tier is not available", ProviderAuth),
    ("access the file", ProviderRejected),  # a 403 about a file that the request names
    ("credits are depleted", ProviderQuota),
    ("spending cap", ProviderQuota),
    ("limit: 0", ProviderQuota),  # the account has no share of this model at all
    ("prohibited use policy", ContentPolicy),
)
"""Causes that have no reason of their own; only looked for in 4xx answers. Lower case."""

_KIND_OF_WORD: Mapping[str, _Kind] = {
    "UNAUTHENTICATED": ProviderAuth,
    "PERMISSION_DENIED": ProviderAuth,
    "NOT_FOUND": ProviderNotFound,
    "RESOURCE_EXHAUSTED": ProviderRateLimited,
    "UNAVAILABLE": ProviderOverloaded,
    "DEADLINE_EXCEEDED": ProviderTimeout,
    # Claude on Vertex answers in this shape, or in Anthropic's with a type in place of the word.
    "overloaded_error": ProviderOverloaded,
    "rate_limit_error": ProviderRateLimited,
    "timeout_error": ProviderTimeout,
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

_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def render_error(error: GatewayError) -> JsonObject:
    """The error body. The gateway's stable code is the ``reason`` of an ``ErrorInfo``, as the vendor puts its own."""
    details: list[Json] = [
        {
            "@type": f"{_TYPE}ErrorInfo",
            "reason": error.code.upper(),
            "domain": "llmgw",
            "metadata": {"code": error.code},
        }
    ]
    if error.param is not None:
        violation: Json = {"field": error.param, "description": error.message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if error.retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after:g}s"})
    word = _WORD_OF_STATUS.get(error.status) or ("INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    return {"error": {"code": error.status, "message": error.message, "status": word, "details": details}}


def render_error_event(error: GatewayError) -> bytes:
    """The error as an event of a stream: the SDKs raise on a chunk that begins with ``error``."""
    return render_event(orjson.dumps(render_error(error)))


@valueclass
class _Report:
    """What a vendor's error body says; empty or None where it does not."""

    message: str = ""
    word: str = ""
    code: int | None = None
    reason: str = ""
    retry_delay: float | None = None
    per_day: bool = False
    param: str | None = None


def parse_error(status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
    """The error behind a status of 400 and above. Never raises: the body may be HTML, empty or not UTF-8."""
    try:
        decoded: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    return _error(status, _report(decoded), retry_after)


def stream_error(event: Json) -> ProviderError:
    """The error of an event inside a stream, or of an error body under a status of 200."""
    report = _report(event)
    status = report.code if report.code is not None and 400 <= report.code < 600 else None
    return _error(status or _STATUS_OF_WORD.get(report.word, 500), report, None)


def is_error(value: Json) -> bool:
    """Whether a decoded body or event reports an error; a list of one is looked into."""
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    return isinstance(value, Mapping) and value.get("error") is not None


def _error(status: int, report: _Report, retry_after: float | None) -> ProviderError:
    kind = _kind(status, report)
    if issubclass(kind, ProviderAuth):
        # The vendor's message is about our account, which is nobody else's business.
        message = f"the provider refused the gateway's credential (HTTP {status})"
    elif report.message:
        message = without_keys(report.message)[:MAX_MESSAGE_CHARS]
    else:
        message = f"the provider answered HTTP {status} without a message"
    if retry_after is None and not issubclass(kind, ProviderQuota):
        retry_after = report.retry_delay
    return kind(message, param=report.param, retry_after=retry_after, retry_status=status)


def _kind(status: int, report: _Report) -> _Kind:
    """The most specific word wins: reason, then phrase, then the vendor's word, then the status."""
    by_reason = _KIND_OF_REASON.get(report.reason)
    if by_reason is not None and by_reason is not ProviderRateLimited:
        return by_reason
    if 400 <= status < 500:
        if report.per_day:
            return ProviderQuota
        text = report.message.lower()
        for phrase, kind in _KIND_OF_PHRASE:
            if phrase in text:
                return kind
    by_name = by_reason or _KIND_OF_WORD.get(report.word) or _KIND_OF_STATUS.get(status)
    if by_name is not None:
        return by_name
    return ProviderRejected if 400 <= status < 500 else ProviderFailed


def _report(body: Json) -> _Report:
    if isinstance(body, list) and len(body) == 1:  # as the streaming endpoint answers without `alt=sse`
        body = body[0]
    if not isinstance(body, Mapping):
        return _Report()
    error = body.get("error")
    if not isinstance(error, Mapping):
        return _Report(_text(error) or _text(body.get("message")))
    code = error.get("code")
    details = list(_details(error))
    violations = [item for detail in details for item in _objects(detail, "violations")]
    fields = [item for detail in details for item in _objects(detail, "fieldViolations")]
    return _Report(
        message=_text(error.get("message")),
        word=_text(error.get("status")) or _text(error.get("type")),
        code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        reason=next((reason for detail in details if (reason := _text(detail.get("reason")))), ""),
        retry_delay=next((delay for detail in details if (delay := _delay(detail)) is not None), None),
        per_day=any("PerDay" in _text(item.get("quotaId")) for item in violations),
        param=next((name for item in fields if (name := _text(item.get("field")))), None),
    )


def _details(error: JsonObject) -> Iterator[JsonObject]:
    yield from _objects(error, "details")


def _objects(value: JsonObject, name: str) -> Iterator[JsonObject]:
    items = value.get(name)
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, Mapping))


def _delay(detail: JsonObject) -> float | None:
    match = _DELAY.fullmatch(_text(detail.get("retryDelay")))
    return float(match[1]) if match else None


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
