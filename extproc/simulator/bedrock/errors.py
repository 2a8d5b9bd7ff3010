"""AWS's errors: ``{"message"}``, and the error's name in the header ``x-amzn-errortype``.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html and the errors of each operation
"""

from collections.abc import Mapping

import orjson

from extproc.simulator.bedrock.eventstream import exception
from extproc.simulator.wire import Refused

STATUSES: Mapping[str, int] = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InternalServerException": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "SerializationException": 400,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}
"""Of the service model, but for those that the front of every AWS service has."""

_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("ValidationException", "Simulated: the request is not valid."),
    403: ("AccessDeniedException", "Simulated: You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "Simulated: Could not resolve the foundation model from the model identifier."),
    408: ("ModelTimeoutException", "Simulated: the model took too long."),
    424: ("ModelErrorException", "Simulated: the model failed while it processed the request."),
    429: ("ThrottlingException", "Simulated: Too many requests, please wait before trying again."),
    500: ("InternalServerException", "Simulated: The system encountered an unexpected error during processing."),
    503: ("ServiceUnavailableException", "Simulated: Bedrock is unable to process your request."),
}

_BY_NAME: Mapping[str, tuple[str, str]] = {
    "context_length_exceeded": (
        "ValidationException",
        "The model returned the following errors: prompt is too long: 214000 tokens > 200000 maximum",
    ),
    "content_policy_violation": (
        "ValidationException",
        "The model returned the following errors: Output blocked by content filtering policy",
    ),
    "invalid_api_key": ("UnrecognizedClientException", "The security token included in the request is invalid."),
    "insufficient_quota": ("ThrottlingException", "Too many tokens per day, please wait before trying again."),
    "model_not_found": ("ValidationException", "The provided model identifier is invalid."),
    "rate_limit_exceeded": ("ThrottlingException", "Too many tokens, please wait before trying again."),
    "server_error": ("InternalServerException", "The system encountered an unexpected error during processing."),
    "overloaded": ("ServiceUnavailableException", "Bedrock is unable to process your request."),
    "not_ready": ("ModelNotReadyException", "Model is not ready for inference."),
}


class AwsRefused(Refused):
    """A refusal with AWS's name for it as its ``kind``, which goes into a header."""

    @property
    def headers(self) -> bytes:
        """See ``Refused.headers``."""
        return f"x-amzn-errortype: {self.kind}\r\n".encode()


def refuse(kind: str, message: str, status: int | None = None) -> AwsRefused:
    """The error called ``kind``, with its own status unless another is wanted."""
    return AwsRefused(message, kind=kind, status=STATUSES.get(kind, 400) if status is None else status)


def invalid(message: str) -> AwsRefused:
    """``ValidationException``, the error of nearly every bad request."""
    return refuse("ValidationException", message)


def scripted(status: int, name: str) -> Refused:
    """See ``Dialect.scripted``. An unknown name becomes the error's type as it is."""
    if name in _BY_NAME:
        kind, message = _BY_NAME[name]
        return refuse(kind, message, None if status == 200 else status)
    if name in STATUSES:
        return refuse(name, f"Simulated: {name}.", None if status == 200 else status)
    status = 500 if status == 200 else status
    fallback = ("InternalServerException" if status >= 500 else "ValidationException", f"Simulated: status {status}.")
    kind, message = _BY_STATUS.get(status, fallback)
    return refuse(name or kind, message, status)


def refusal(refused: Refused, token: str) -> bytes:
    """See ``Dialect.refusal``. The request's id is in a header only."""
    del token
    return orjson.dumps({"message": refused.message})


def failure_event(token: str) -> bytes:
    """``modelStreamErrorException``, which the service model has for failures in the middle of a stream."""
    del token
    document = {
        "message": "Simulated: the model failed while it was answering.",
        "originalStatusCode": 500,
        "originalMessage": "Simulated.",
    }
    return exception("modelStreamErrorException", orjson.dumps(document))
