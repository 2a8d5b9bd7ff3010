"""``GatewayError`` → error body and events; a vendor's status and body → ``ProviderError``.

Bodies are those of all of OpenAI's APIs (``extproc.dialects.openai_errors``). In a stream OpenAI sends an ``error`` event
(openai.types.responses.ResponseErrorEvent), whose details it nests in ``error``, too: its SDKs raise on that member.
"""

from collections.abc import Mapping

import orjson

from extproc.dialects.openai_errors import parse_error, render_error, stream_error, vendor_error
from extproc.dialects.sse import render_event
from extproc.domain.errors import GatewayError, ProviderError, ProviderFailed
from extproc.domain.reading import Json, JsonObject

__all__ = [
    "failed_response",
    "is_failed",
    "parse_error",
    "render_error",
    "render_error_event",
    "response_error",
    "stream_error",
    "vendor_error",
]

_RESPONSE_CODES: Mapping[str, str] = {
    "provider_rate_limited": "rate_limit_exceeded",
    "provider_quota_exhausted": "rate_limit_exceeded",
    "rate_limited": "rate_limit_exceeded",
    "content_policy_violation": "invalid_prompt",
    "context_length_exceeded": "invalid_prompt",
    "provider_rejected_request": "invalid_prompt",
    "provider_resource_not_found": "invalid_prompt",
}
"""Our code → one of the closed list that ``response.error.code`` may be (openai.types.responses.ResponseError)."""


def render_error_event(error: GatewayError, *, sequence_number: int = 0) -> bytes:
    """The error as an ``error`` event. Without a writer nobody knows its number, which no SDK looks at."""
    body = render_error(error)["error"]
    event: JsonObject = {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "sequence_number": sequence_number,
        "error": body,
    }
    return render_event(orjson.dumps(event), name="error")


def response_error(error: GatewayError) -> JsonObject:
    """``error`` of a ``response`` that failed."""
    return {"code": _RESPONSE_CODES.get(error.code, "server_error"), "message": error.message}


def is_failed(response: JsonObject) -> bool:
    """Whether the status of a ``response`` is one of those that have no answer."""
    return response.get("status") in ("failed", "cancelled")


def failed_response(response: Json) -> ProviderError:
    """The error behind a ``response`` whose status is ``failed`` or ``cancelled``."""
    if isinstance(response, dict):
        if response.get("status") == "cancelled":
            return ProviderFailed("the provider cancelled the answer", retry_status=500)
        error = response.get("error")
        if isinstance(error, dict):
            return stream_error({"error": error})
    return ProviderFailed("the provider's answer failed without a reason", retry_status=500)
