"""Errors of OpenAI's APIs, one shape for all: ``GatewayError`` → error body; a vendor's body → ``ProviderError``.

Sources: https://developers.openai.com/api/docs/guides/error-codes, openai.types.shared.ErrorObject,
https://openrouter.ai/docs/api/reference/errors-and-debugging. Compatible servers use OpenAI's shape with types and codes
of their own, so the words are tables, and what no table knows is judged by its status.
"""

import re
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
"""A vendor's message is shown up to here: the longest real ones (schema errors) fit, a whole HTML page does not."""

_TYPE_OF_CODE: Mapping[str, str] = {
    "provider_quota_exhausted": "insufficient_quota",
    "model_not_allowed": "permission_error",
}
_TYPE_OF_STATUS: Mapping[int, str] = {
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}
"""Other statuses: OpenAI says ``invalid_request_error`` below 500 (401 and 404 too), ``server_error`` from there on."""


def render_error(error: GatewayError) -> JsonObject:
    """The error body.

    A refusal by the platform's policy has its code as its type (``budget_exceeded``), for clients tell these apart by
    type; all others have the type that OpenAI's API gives this status.
    """
    return {
        "error": {
            "message": error.message,
            "type": _type_of(error),
            "param": error.param,
            "code": error.code,
        }
    }


def render_error_event(error: GatewayError) -> bytes:
    """The error as an event of a stream: a data line without a name, on which OpenAI's SDKs raise ``APIError``."""
    return render_event(orjson.dumps(render_error(error)))


def _type_of(error: GatewayError) -> str:
    if (known := _TYPE_OF_CODE.get(error.code)) is not None:
        return known
    if error.fault == "policy":
        return error.code
    if (known := _TYPE_OF_STATUS.get(error.status)) is not None:
        return known
    return "server_error" if error.status >= 500 else "invalid_request_error"


_Kind = type[ProviderError]

_KIND_OF_WORD: Mapping[str, _Kind] = {
    "context_length_exceeded": ContextLength,
    "exceed_context_size_error": ContextLength,  # llama.cpp
    "1261": ContextLength,  # Zhipu
    "content_filter": ContentPolicy,  # Azure
    "content_policy_violation": ContentPolicy,
    "responsibleaipolicyviolation": ContentPolicy,  # Azure, in innererror
    "invalid_prompt": ContentPolicy,  # OpenAI's reasoning models: the prompt was flagged
    "bio_policy": ContentPolicy,  # this and what follows: openai.types.responses.ResponseError
    "misalignment_policy_violation": ContentPolicy,
    "image_content_policy_violation": ContentPolicy,
    "vector_store_timeout": ProviderTimeout,
    "data_residency_mismatch": ProviderRejected,
    "invalid_image": ProviderRejected,
    "invalid_image_format": ProviderRejected,
    "invalid_base64_image": ProviderRejected,
    "invalid_image_url": ProviderRejected,
    "invalid_image_mode": ProviderRejected,
    "image_too_large": ProviderRejected,
    "image_too_small": ProviderRejected,
    "image_parse_error": ProviderRejected,
    "image_file_too_large": ProviderRejected,
    "unsupported_image_media_type": ProviderRejected,
    "empty_image_file": ProviderRejected,
    "failed_to_download_image": ProviderRejected,
    "image_file_not_found": ProviderRejected,
    "model_not_found": ProviderNotFound,
    "deploymentnotfound": ProviderNotFound,  # Azure
    "insufficient_quota": ProviderQuota,
    "credit_balance_exhausted": ProviderQuota,
    "billing_hard_limit_reached": ProviderQuota,
    "billing_not_active": ProviderQuota,
    "invalid_api_key": ProviderAuth,
    "authentication_error": ProviderAuth,
    "rate_limit_exceeded": ProviderRateLimited,
    "rate_limit_error": ProviderRateLimited,
    "slow_down": ProviderRateLimited,
    "overloaded_error": ProviderOverloaded,
    "server_is_overloaded": ProviderOverloaded,
    "service_unavailable_error": ProviderOverloaded,
    "timeout": ProviderTimeout,
}
"""Error codes and types, in lower case. Code is looked up before type: quota errors have the type of rate limits.

Not here is ``server_error``, which says less than a status: OpenAI's 503 for an overloaded model has it, too.
"""

_KIND_OF_STATUS: Mapping[int, _Kind] = {
    401: ProviderAuth,
    402: ProviderQuota,  # DeepSeek, OpenRouter, Together: no balance
    403: ProviderAuth,
    404: ProviderNotFound,
    408: ProviderTimeout,
    429: ProviderRateLimited,
    498: ProviderOverloaded,  # Groq: the flex tier has no capacity
    503: ProviderOverloaded,
    504: ProviderTimeout,
    524: ProviderTimeout,  # Cloudflare in front of a vendor
    529: ProviderOverloaded,
}

# Last the phrases of xAI and Moonshot, DashScope and Zhipu, TGI, Gemini and Vertex.
_TOO_LONG = r"""maximum context length|context window|context length|prompt is too long
|maximum prompt length is|exceeded model token limit|range of input length should be|prompt exceeds max length
|`inputs` tokens \+ `max_new_tokens` must be|input token count.{0,40}?(?:exceeds the maximum|only supports up to)"""

_KIND_OF_MESSAGE: tuple[tuple[re.Pattern[str], _Kind], ...] = (
    (re.compile(_TOO_LONG.replace("\n", ""), re.IGNORECASE), ContextLength),
    (
        re.compile(r"api key (?:is )?(?:not valid|invalid|expired)|(?:invalid|incorrect) api key", re.IGNORECASE),
        ProviderAuth,
    ),
)
"""For a 400 without a telling code, as vLLM (context) and Gemini (key) answer."""

_STATUS_IN_STREAM: Mapping[_Kind, int] = {
    ProviderRateLimited: 429,
    ProviderQuota: 429,
    ProviderOverloaded: 503,
    ProviderTimeout: 504,
    ProviderNotFound: 404,
    ProviderAuth: 401,
    ContextLength: 400,
    ContentPolicy: 400,
    ProviderRejected: 400,
}
"""What an error inside a 200 counts as, where it names no status itself. Others: 500."""

_AUTH_MESSAGE: Mapping[int, str] = {
    403: "the provider does not allow the gateway's account to make this request",
}


@valueclass
class VendorError:
    """What a vendor's error body says; empty strings where it does not."""

    message: str = ""
    code: str = ""
    type: str = ""
    inner_code: str = ""
    param: str | None = None

    @property
    def status(self) -> int | None:
        """The status in a numeric code (OpenRouter, vLLM), for an error inside a 200."""
        return int(self.code) if self.code in _STATUS_CODES else None


_STATUS_CODES = frozenset(str(status) for status in range(400, 600))


def parse_error(status: int, body: bytes, *, retry_after: float | None) -> ProviderError:
    """The error behind a status of 400 and above. Never raises: the body may be HTML, cut, empty, or not UTF-8."""
    said = _read_body(body)
    kind = _kind_of(said, status)
    return _make(kind, said, status, retry_after)


def stream_error(value: Json) -> ProviderError:
    """The error that an event inside a 200 stream, or a 200 body, holds. ``value`` is its decoded JSON."""
    said = vendor_error(value) or VendorError()
    kind = _kind_of(said, said.status)
    return _make(kind, said, said.status or _STATUS_IN_STREAM.get(kind, 500), None)


def vendor_error(value: Json) -> VendorError | None:
    """What the body says, in any of the shapes that OpenAI and compatible servers use; None where it is no error.

    ``{"error": {...}}``; ``{"error": "text"}``; ``[{"error": {...}}]`` (Gemini); ``{"object": "error", ...}`` (vLLM,
    Mistral); ``{"detail": ...}`` (FastAPI); ``{"statusCode": 401, "message": ...}`` (Azure's front door).
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if isinstance(error, dict):
        return _from_object(error)
    if isinstance(error, str) and error:
        return VendorError(message=error, code=_word(value.get("code")), type=_word(value.get("type")))
    if value.get("object") == "error" or value.get("type") == "error" or "statusCode" in value:
        return _from_object(value)
    if "detail" in value and "choices" not in value:
        return VendorError(message=_sentence(value["detail"]))
    return None


def _from_object(error: JsonObject) -> VendorError:
    inner = error.get("innererror")
    param = error.get("param")
    metadata = error.get("metadata")
    flagged = isinstance(metadata, dict) and "flagged_input" in metadata  # OpenRouter's moderation, a 403
    return VendorError(
        message=_sentence(error.get("message")),
        code=_word(error.get("code")),
        type=_word(error.get("type")),
        inner_code="content_filter" if flagged else _word(inner.get("code")) if isinstance(inner, dict) else "",
        param=param if isinstance(param, str) else None,
    )


def _word(value: Json) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _sentence(value: Json) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than anything real
        return ""


def _read_body(body: bytes) -> VendorError:
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        # A proxy's plain text is worth showing ("upstream connect error ..."), its HTML is not.
        text = body[: MAX_MESSAGE_CHARS * 4].decode("utf-8", "replace").strip()
        return VendorError() if text.startswith("<") else VendorError(message=text)
    said = vendor_error(value)
    if said is None and isinstance(value, dict) and "message" in value:  # proxies and gateways in front of a vendor
        said = _from_object(value)
    return said or VendorError()


def _kind_of(said: VendorError, status: int | None) -> _Kind:
    for word in (said.inner_code, said.code, said.type):
        if (kind := _KIND_OF_WORD.get(word.lower())) is not None:
            return kind
    if status is not None and (kind := _KIND_OF_STATUS.get(status)) is not None:
        return kind
    if status is None or status < 500:
        for pattern, kind in _KIND_OF_MESSAGE:
            if pattern.search(said.message):
                return kind
    if said.type == "invalid_request_error" or (status is not None and status < 500):
        return ProviderRejected
    return ProviderFailed


def _make(kind: _Kind, said: VendorError, status: int, retry_after: float | None) -> ProviderError:
    if issubclass(kind, ProviderAuth):
        # Never the vendor's words: they hold a part of the key.
        message = _AUTH_MESSAGE.get(status, "the provider does not accept the gateway's credential") + f" ({status})"
    else:
        message = without_keys(said.message)[:MAX_MESSAGE_CHARS]
    return kind(
        message or f"the provider reported an error ({status}) without a message",
        param=said.param,
        retry_after=retry_after,
        retry_status=status,
    )
