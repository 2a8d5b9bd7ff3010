"""Cohere's errors: ``{"message": ...}`` with an id.

Source: https://docs.cohere.com/reference/errors
"""

from collections.abc import Mapping

import orjson

from extproc.simulator.wire import Refused

_BY_STATUS: Mapping[int, str] = {
    400: "invalid request: simulated",
    401: "invalid api token",
    403: "Simulated: this API key has no access to this.",
    404: "model 'simulated' not found, make sure the correct model ID was used and that you have access to the model.",
    422: "Simulated: the request could not be processed.",
    429: "Simulated: you have exceeded the rate limit of your key. Please wait and try again later.",
    498: "Simulated: the provided token is blocked.",
    499: "Simulated: request cancelled by the client.",
    500: "internal server error, this has been reported to our developers. id simulated",
    503: "Simulated: the service is unavailable.",
    504: "Simulated: the request has timed out.",
}
_BY_NAME: Mapping[str, int] = {
    "invalid_api_key": 401,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
    "server_error": 500,
    "overloaded": 503,
}
_TOO_LONG = "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292."


def scripted(status: int, name: str) -> Refused:
    """See ``Manners.scripted``."""
    if name == "context_length_exceeded":
        return Refused(_TOO_LONG, status=400 if status == 200 else status)
    if status == 200:
        status = _BY_NAME.get(name, 500)
    return Refused(_BY_STATUS.get(status, f"Simulated: status {status}."), status=status)


def refusal(refused: Refused, token: str) -> bytes:
    """See ``Manners.refusal``."""
    return orjson.dumps({"id": token, "message": refused.message})


def invalid(message: str) -> Refused:
    """What a request says cannot be done."""
    return Refused(f"invalid request: {message}")


def wrong_type(name: str, got: str, wanted: str) -> Refused:
    """A field is of the wrong type."""
    return Refused(f"invalid type: parameter {name} is of type {got} but should be of type {wanted}.")
