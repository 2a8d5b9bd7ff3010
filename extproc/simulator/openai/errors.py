"""OpenAI's errors: ``{"error": {message, type, param, code}}``.

Source: https://platform.openai.com/docs/guides/error-codes
"""

from collections.abc import Mapping

import orjson

from extproc.simulator.wire import Refused

_BY_STATUS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "Simulated: the request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "Simulated: incorrect API key provided."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Simulated: not available here."),
    404: ("invalid_request_error", None, "Simulated: not found."),
    413: ("invalid_request_error", "request_too_large", "Simulated: the request is too large."),
    429: (
        "requests",
        "rate_limit_exceeded",
        "Simulated: Rate limit reached for requests per min. Please try again in 1s.",
    ),
    500: ("server_error", None, "Simulated: the server had an error while processing your request."),
    503: ("server_error", "service_unavailable", "Simulated: the engine is currently overloaded."),
}

_BY_NAME: Mapping[str, tuple[int, str, str | None, str]] = {
    "context_length_exceeded": (
        400,
        "invalid_request_error",
        "messages",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    ),
    "content_policy_violation": (400, "invalid_request_error", None, "Simulated: rejected by the safety system."),
    "invalid_api_key": (401, "invalid_request_error", None, "Simulated: incorrect API key provided."),
    "model_not_found": (
        404,
        "invalid_request_error",
        None,
        "The model does not exist or you do not have access to it.",
    ),
    "rate_limit_exceeded": (429, "tokens", None, "Simulated: Rate limit reached for tokens per min."),
    "insufficient_quota": (
        429,
        "insufficient_quota",
        None,
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "server_error": (500, "server_error", None, "Simulated: the server had an error."),
    "overloaded": (503, "server_error", None, "Simulated: that model is currently overloaded with other requests."),
}


def scripted(status: int, name: str) -> Refused:
    """See ``Dialect.scripted``. An unknown name becomes the error's code as it is."""
    if name in _BY_NAME:
        natural, kind, param, message = _BY_NAME[name]
        return Refused(message, status=natural if status == 200 else status, kind=kind, param=param, code=name)
    fallback = ("server_error", None, f"Simulated: status {status}.")
    kind, code, message = _BY_STATUS.get(500 if status == 200 else status, fallback)
    return Refused(message, status=500 if status == 200 else status, kind=kind, code=name or code)


def refusal(refused: Refused, token: str) -> bytes:
    """See ``Dialect.refusal``. OpenAI's body carries no request id; its header does."""
    del token
    kind = "invalid_request_error" if refused.kind == "not_found_error" else refused.kind
    return orjson.dumps(
        {"error": {"message": refused.message, "type": kind, "param": refused.param, "code": refused.code}}
    )


def failure_event(token: str) -> bytes:
    """An error in the middle of a stream: a data line with an ``error`` object, and no ``[DONE]`` behind it."""
    return b"data: " + refusal(scripted(500, ""), token) + b"\n\n"


def missing(name: str) -> Refused:
    """A required field is not there."""
    return Refused(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def wrong_type(path: str, wanted: str, got: str) -> Refused:
    """A field is of the wrong type."""
    return Refused(
        f"Invalid type for '{path}': expected {wanted}, but got {got} instead.", param=path, code="invalid_type"
    )


def wrong_value(path: str, value: object, allowed: tuple[str, ...]) -> Refused:
    """A field is not one of the values it may have."""
    listed = ", ".join(f"'{one}'" for one in allowed)
    return Refused(f"Invalid value: '{value}'. Supported values are: {listed}.", param=path, code="invalid_value")
