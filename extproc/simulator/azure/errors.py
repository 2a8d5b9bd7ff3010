"""Azure's errors: its own front answers ``{"error": {code, message}}``, what the model refuses looks as at OpenAI.

Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference, and for content filtering
https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
"""

from collections.abc import Mapping

import orjson

from extproc.domain.reading import JsonObject
from extproc.simulator.azure.filters import SAFE
from extproc.simulator.wire import Refused

_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active "
    "subscription and use a correct regional API endpoint for your resource."
)
_EXPIRED = "Unauthorized. Access token is missing, invalid, audience is incorrect, or have expired."
_LIMITED = "Simulated: requests have exceeded the call rate limit of your current tier. Please retry after 1 second."
_NO_DEPLOYMENT = (
    "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
    "please wait a moment and try again."
)
_BY_STATUS: Mapping[int, tuple[str, str]] = {
    401: ("401", _DENIED),
    403: ("403", "Simulated: access denied due to Virtual Network/Firewall rules."),
    404: ("404", "Resource not found"),
    408: ("Timeout", "The operation was timeout."),
    429: ("429", _LIMITED),
    500: ("InternalServerError", "Simulated: the server had an error while processing your request."),
    503: ("ServiceUnavailable", "Simulated: the service is temporarily unable to process your request."),
}
_BY_NAME: Mapping[str, tuple[int, str, str]] = {
    "DeploymentNotFound": (404, "DeploymentNotFound", _NO_DEPLOYMENT),
    "expired_token": (401, "401", _EXPIRED),
    "insufficient_quota": (403, "QuotaExceeded", "Simulated: out of call volume quota."),
}
_STATUSES: Mapping[str, int] = {
    "invalid_api_key": 401,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "overloaded": 503,
}
"""Of OpenAI's names for what Azure's front answers by itself."""
FILTERED = "content_filter"
"""The name of the error with which Azure refuses a prompt."""


class Fronted(Refused):
    """A refusal of Azure's front; the model has not been asked."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message, status=status, code=code)


def fronted(status: int) -> Fronted:
    """The front's words for a status."""
    code, message = _BY_STATUS.get(status, (str(status), f"Simulated: status {status}."))
    return Fronted(status, code, message)


def scripted(status: int, name: str) -> Refused | None:
    """The error of this status or name, where it is one of Azure's own; see ``Dialect.scripted``."""
    if name == FILTERED:
        return Fronted(
            400 if status == 200 else status,
            FILTERED,
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please "
            "modify your prompt and retry.",
        )
    if name in _BY_NAME:
        natural, code, message = _BY_NAME[name]
        return Fronted(natural if status == 200 else status, code, message)
    if name in _STATUSES:
        return fronted(_STATUSES[name] if status == 200 else status)
    return None if name or status == 400 else fronted(500 if status == 200 else status)


def refusal(refused: Fronted) -> bytes:
    """The JSON body of a refusal of the front's."""
    error: JsonObject = {"code": refused.code, "message": refused.message}
    if refused.code == FILTERED:
        found: JsonObject = {**SAFE, "violence": {"filtered": True, "severity": "medium"}}
        inner: JsonObject = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": found}
        error = {**error, "param": "prompt", "type": None, "status": refused.status, "innererror": inner}
    return orjson.dumps({"error": error})
