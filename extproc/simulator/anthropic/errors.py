"""Anthropic's errors: ``{"type": "error", "error": {type, message}, "request_id"}``.

Source: https://platform.claude.com/docs/en/api/errors
"""

from collections.abc import Mapping

import orjson

from extproc.simulator.wire import Refused

_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "Simulated: the request is not valid."),
    401: ("authentication_error", "Simulated: invalid x-api-key"),
    402: ("billing_error", "Simulated: there is an issue with billing."),
    403: ("permission_error", "Simulated: this key may not use the resource."),
    404: ("not_found_error", "Simulated: not found."),
    413: ("request_too_large", "Simulated: Request exceeds the maximum size"),
    429: ("rate_limit_error", "Simulated: this request would exceed the organization's rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "Simulated: the request timed out."),
    529: ("overloaded_error", "Overloaded"),
}

_BY_NAME: Mapping[str, tuple[int, str, str]] = {
    "context_length_exceeded": (400, "invalid_request_error", "prompt is too long: 214000 tokens > 200000 maximum"),
    "content_policy_violation": (400, "invalid_request_error", "Output blocked by content filtering policy"),
    "invalid_api_key": (401, "authentication_error", "invalid x-api-key"),
    "insufficient_quota": (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
    ),
    "model_not_found": (404, "not_found_error", "model: simulated as unknown"),
    "rate_limit_exceeded": (
        429,
        "rate_limit_error",
        "Simulated: Number of input tokens has exceeded the per-minute rate limit.",
    ),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
}


def scripted(status: int, name: str) -> Refused:
    """See ``Dialect.scripted``. An unknown name becomes the error's type as it is."""
    if name in _BY_NAME:
        natural, kind, message = _BY_NAME[name]
        return Refused(message, status=natural if status == 200 else status, kind=kind)
    status = 500 if status == 200 else status
    fallback = ("api_error" if status >= 500 else "invalid_request_error", f"Simulated: status {status}.")
    kind, message = _BY_STATUS.get(status, fallback)
    return Refused(message, status=status, kind=name or kind)


def refusal(refused: Refused, token: str) -> bytes:
    """See ``Dialect.refusal``."""
    kind = "authentication_error" if refused.status == 401 else refused.kind
    error = {"type": kind, "message": refused.message}
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id(token)})


def failure_event(token: str) -> bytes:
    """``overloaded_error``, which Anthropic names as the error to expect in the middle of a stream."""
    return b"event: error\ndata: " + refusal(scripted(529, ""), token) + b"\n\n"


def request_id(token: str) -> str:
    """As in the ``request-id`` header."""
    return f"req_011{token}"


def invalid(path: str, message: str) -> Refused:
    """A field is at fault; ``path`` as Anthropic writes it (``messages.0.content``)."""
    return Refused(f"{path}: {message}", param=path)


def missing(path: str) -> Refused:
    """A required field is not there."""
    return invalid(path, "Field required")


def extra(path: str) -> Refused:
    """A field that does not belong there."""
    return invalid(path, "Extra inputs are not permitted")
