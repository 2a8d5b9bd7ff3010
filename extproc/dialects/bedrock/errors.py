"""A vendor's status and body, or an exception within a stream → ``ProviderError``.

Source: the exceptions of Converse and ConverseStream in the service model;
https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html. A body is ``{"message"}``; the
exception's name is in the header ``x-amzn-errortype``, and at some front ends in ``__type``.
"""

from collections.abc import Mapping

import orjson

from extproc.dialects.redact import without_keys
from extproc.domain.errors import (
    ContentPolicy,
    ContextLength,
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
from extproc.domain.reading import Json

MAX_MESSAGE_CHARS = 1000
"""Of a vendor's message: long enough for its longest explanations, short enough for a log row."""

_Kind = type[ProviderError]

_KIND_OF_STATUS: Mapping[int, _Kind] = {
    401: ProviderAuth,
    402: ProviderQuota,
    403: ProviderAuth,
    404: ProviderNotFound,
    408: ProviderTimeout,
    424: ProviderFailed,
    429: ProviderRateLimited,
    503: ProviderOverloaded,
    504: ProviderTimeout,
    529: ProviderOverloaded,
}

_STATUS_OF_EXCEPTION: Mapping[str, int] = {
    "accessdenied": 403,
    "expiredtoken": 403,
    "incompletesignature": 403,
    "invalidsignature": 403,
    "unrecognizedclient": 403,
    "missingauthenticationtoken": 403,
    "internalserver": 500,
    "modelerror": 424,
    "modelstreamerror": 424,
    "modelnotready": 429,
    "modeltimeout": 408,
    "resourcenotfound": 404,
    "servicequotaexceeded": 400,
    "serviceunavailable": 503,
    "throttling": 429,
    "validation": 400,
}
"""An exception's name, lower case and without ``Exception`` → the status it has outside of streams."""

# Only looked for in 4xx answers. Lower case. The words are Bedrock's own and those of the models behind it.
_KIND_OF_PHRASE: tuple[tuple[str, _Kind], ...] = (
    ("input is too long", ContextLength),
    ("prompt is too long", ContextLength),
    ("exceed context limit", ContextLength),
    ("exceeds the context window", ContextLength),
    ("maximum context length", ContextLength),
    ("context length exceeded", ContextLength),
    ("too many input tokens", ContextLength),
    ("input tokens exceeded", ContextLength),
    ("content filtering policy", ContentPolicy),
    ("blocked by our content filters", ContentPolicy),
)

# A model id that does not exist, or that only an inference profile serves, is a validation error at Bedrock.
_NO_SUCH_MODEL = ("model identifier is invalid", "on-demand throughput isn", "reached the end of its life")
_MODEL_NOT_READY = "model is not ready"


def parse_error(status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
    """The error behind a status of 400 and above. Never raises: the body may be HTML, empty or not UTF-8."""
    try:
        decoded: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        decoded = None
    return _error(status, message_of(decoded), retry_after)


def stream_error(exception: str, message: str) -> ProviderError:
    """The error of an exception within a stream, or of an error body under a status of 200 (then without a name)."""
    name = exception.rpartition("#")[2].lower().removesuffix("exception")
    return _error(_STATUS_OF_EXCEPTION.get(name, 500), message, None)


def message_of(body: Json) -> str:
    """``message``, which the front ends before the service spell with a capital."""
    if not isinstance(body, Mapping):
        return ""
    text = body.get("message") or body.get("Message")
    return text if isinstance(text, str) else ""


def _error(status: int, message: str, retry_after: float | None) -> ProviderError:
    kind = _kind(status, message.lower())
    if issubclass(kind, ProviderAuth):
        # The vendor's message names our account and role, which is nobody else's business.
        text = f"the provider refused the gateway's credential (HTTP {status})"
    elif message:
        text = without_keys(message)[:MAX_MESSAGE_CHARS]
    else:
        text = f"the provider answered HTTP {status} without a message"
    # The model failed, not the request, whatever the hundreds say: another try is worth it.
    counts_as = 500 if status == 424 and kind is ProviderFailed else status
    return kind(text, retry_after=retry_after, retry_status=counts_as)


def _kind(status: int, text: str) -> _Kind:
    if status in {400, 413, 422, 424}:
        for phrase, kind in _KIND_OF_PHRASE:
            if phrase in text:
                return kind
        if any(phrase in text for phrase in _NO_SUCH_MODEL):
            return ProviderNotFound
    if status == 429 and _MODEL_NOT_READY in text:
        return ProviderOverloaded
    named = _KIND_OF_STATUS.get(status)
    if named is not None:
        return named
    return ProviderRejected if 400 <= status < 500 else ProviderFailed
