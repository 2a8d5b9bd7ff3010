"""Google's errors: ``{"error": {code, message, status, details}}``.

Source: https://cloud.google.com/apis/design/errors and https://ai.google.dev/gemini-api/docs/troubleshooting
"""

from collections.abc import Mapping, Sequence

import orjson

from extproc.domain.reading import Json
from extproc.simulator.wire import Refused

_STATUSES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)
_MESSAGES: Mapping[int, str] = {
    400: "Simulated: Request contains an invalid argument.",
    401: "Simulated: Request had invalid authentication credentials.",
    403: "Simulated: The caller does not have permission.",
    404: "Simulated: models/unknown is not found for API version v1beta, or is not supported for generateContent.",
    429: _QUOTA,
    500: "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}
_BY_NAME: Mapping[str, tuple[int, str]] = {
    "context_length_exceeded": (
        400,
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
    ),
    "content_policy_violation": (400, "Simulated: the prompt violates the usage policy."),
    "invalid_api_key": (400, "API key not valid. Please pass a valid API key."),
    "model_not_found": (404, _MESSAGES[404]),
    "rate_limit_exceeded": (429, _QUOTA),
    "insufficient_quota": (429, _QUOTA),
    "server_error": (500, _MESSAGES[500]),
    "overloaded": (503, _MESSAGES[503]),
}


class GoogleRefused(Refused):
    """A refusal with Google's details; ``kind`` is its status."""

    def __init__(self, message: str, *, status: int = 400, details: Sequence[Json] = (), listed: bool = False) -> None:
        super().__init__(message, status=status, kind=_STATUSES.get(status, "UNKNOWN"))
        self.details = list(details)
        self.listed = listed
        """Whether it is the only item of an array, as in streams that are one."""

    @property
    def headers(self) -> bytes:
        """See ``Refused.headers``."""
        if self.status != 401:
            return b""
        return b'www-authenticate: Bearer realm="https://accounts.google.com/", error="invalid_token"\r\n'

    @property
    def content_type(self) -> bytes:
        """See ``Refused.content_type``."""
        return b"application/json; charset=UTF-8"


def invalid(message: str) -> GoogleRefused:
    """``INVALID_ARGUMENT``."""
    return GoogleRefused(message)


def violations(found: Sequence[tuple[str, str]]) -> GoogleRefused:
    """``INVALID_ARGUMENT`` for fields at fault: each its path (empty at the top) and what is wrong with it."""
    listed: list[Json] = [
        {"field": path, "description": text} if path else {"description": text} for path, text in found
    ]
    detail: Json = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": listed}
    return GoogleRefused("\n".join(text for _, text in found), details=[detail])


def info(reason: str, service: str, **metadata: str) -> Json:
    """An ``ErrorInfo`` for the details."""
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": service, **metadata},
    }


def listed(refused: Refused) -> GoogleRefused:
    """The same refusal, as the only item of an array."""
    details = refused.details if isinstance(refused, GoogleRefused) else []
    return GoogleRefused(refused.message, status=refused.status, details=details, listed=True)


def scripted(status: int, name: str) -> Refused:
    """See ``Dialect.scripted``. An unknown name becomes the reason in the details."""
    natural, message = _BY_NAME.get(name, (500, ""))
    status = natural if status == 200 else status
    message = message or _MESSAGES.get(status, f"Simulated: status {status}.")
    details: list[Json] = []
    if name == "invalid_api_key":
        details.append(info("API_KEY_INVALID", "generativelanguage.googleapis.com"))
    elif name and name not in _BY_NAME:
        details.append(info(name, "generativelanguage.googleapis.com"))
    if status == 429:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"})
    return GoogleRefused(message, status=status, details=details)


def refusal(refused: Refused, token: str) -> bytes:
    """See ``Dialect.refusal``."""
    del token
    status = _STATUSES.get(refused.status, "UNKNOWN")
    error: dict[str, Json] = {"code": refused.status, "message": refused.message, "status": status}
    if isinstance(refused, GoogleRefused) and refused.details:
        error["details"] = refused.details
    document = {"error": error}
    if isinstance(refused, GoogleRefused) and refused.listed:
        return orjson.dumps([document], option=orjson.OPT_INDENT_2)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def failure_event(token: str) -> bytes:
    """An error in the middle of a stream: an event with an ``error`` object in place of a response."""
    refused = scripted(503, "")
    del token
    error = {"code": refused.status, "message": refused.message, "status": refused.kind}
    return b"data: " + orjson.dumps({"error": error}) + b"\r\n\r\n"
