"""Finish reasons and block reasons, both ways.

Source: https://ai.google.dev/api/generate-content#FinishReason and ``google.genai.types.FinishReason``, ``BlockedReason``.
"""

from collections.abc import Mapping

from extproc.domain.answer import FinishReason
from extproc.domain.errors import ProviderAuth, ProviderError, ProviderFailed, ProviderRejected

_FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",  # the limit of one request: more would need the vendor's continuation token
    "TOO_MANY_TOOL_CALLS": "length",  # the server's own tool loop stopped before the answer was complete
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    # Cut for a reason that the vendor does not give: `stop` would say that the answer is whole.
    "OTHER": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "NO_IMAGE": "stop",
}

_FAILED: Mapping[str, tuple[type[ProviderError], int, str]] = {
    "MALFORMED_FUNCTION_CALL": (ProviderFailed, 500, "the model wrote a function call that is not valid"),
    "MALFORMED_RESPONSE": (ProviderFailed, 500, "the model's answer is malformed"),
    "UNEXPECTED_TOOL_CALL": (ProviderFailed, 500, "the model called a function that it was not given"),
    "MISSING_THOUGHT_SIGNATURE": (ProviderRejected, 400, "a function call of the history lacks its thought signature"),
    "PUP_LIMITED_DISABLED": (ProviderAuth, 403, "the provider has limited the gateway's account"),
}
"""Reasons that mean that there is no answer → the error, the status that it counts as, and what to say."""

_WRITTEN: Mapping[FinishReason, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",  # the calls are among the parts
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    # The turn is not complete, and STOP would say that it is.
    "pause": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
}


def finish_of(reason: str, *, called: bool) -> FinishReason:
    """The neutral word; ``called``: the candidate calls a function. A reason of the future counts as a natural end.

    Raises the error that some reasons stand for, so that another provider may be asked.
    """
    if (failed := _FAILED.get(reason)) is not None:
        kind, status, message = failed
        raise kind(f"{message} ({reason})", retry_status=status)
    neutral = _FINISH.get(reason, "stop")
    return "tool_calls" if called and neutral == "stop" else neutral


def finish_reason_of(finish: FinishReason | None) -> str:
    """The vendor's word."""
    return "STOP" if finish is None else _WRITTEN[finish]


def block_message(reason: str, message: str) -> str:
    """What to say of a prompt that was blocked."""
    said = f"The provider blocked the prompt ({reason})"
    return f"{said}: {message}" if message else f"{said}."
