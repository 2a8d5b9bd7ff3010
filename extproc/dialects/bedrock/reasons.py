"""Stop reasons. Source: ``StopReason`` of the service model."""

from collections.abc import Mapping

from extproc.domain.answer import FinishReason
from extproc.domain.errors import ProviderFailed

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "model_context_window_exceeded": "context_window",
    "refusal": "refusal",  # Claude's own word, should Converse hand it on: the service model does not list it
}

_BROKEN = frozenset({"malformed_model_output", "malformed_tool_use"})
"""The model wrote what Bedrock could not read: there is no answer to hand on, and another try may give one."""


def finish_of(stop_reason: str) -> FinishReason:
    """The neutral reason; one of the future counts as a natural end, for the message is complete.

    Raises ``ProviderFailed`` where the answer is broken.
    """
    if stop_reason in _BROKEN:
        raise ProviderFailed(f"the model's answer was broken ({stop_reason})", retry_status=500)
    return _FINISH.get(stop_reason, "stop")
