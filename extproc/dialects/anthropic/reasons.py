"""Stop reasons, both ways.

Source: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons.
"""

from collections.abc import Mapping

from extproc.domain.answer import FinishReason

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "compaction": "pause",  # beta: the context was summarised, the turn is to be sent back as after pause_turn
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
}

_STOP_REASON: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "context_window": "model_context_window_exceeded",
}


def finish_of(stop_reason: str) -> FinishReason:
    """The neutral reason; a reason of the future counts as a natural end, for the message is complete."""
    return _FINISH.get(stop_reason, "stop")


def stop_reason_of(finish: FinishReason | None, *, stop_sequence: str | None, called_tools: bool, refused: bool) -> str:
    """The vendor's reason, never null: clients loop on ``tool_use``, so an answer that calls tools says so.

    Some OpenAI-compatible servers finish tool calls with ``stop``, and OpenAI finishes a refusal with it.
    """
    if finish is not None and finish != "stop":
        return _STOP_REASON[finish]
    if called_tools:
        return "tool_use"
    if refused:
        return "refusal"
    return "end_turn" if stop_sequence is None else "stop_sequence"
