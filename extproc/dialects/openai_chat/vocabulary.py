"""Words that the readers and writers of this dialect share: finish reasons, service tiers, thinking, ids."""

from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.answer import FinishReason
from extproc.domain.errors import ProviderError, ProviderFailed, ProviderOverloaded
from extproc.domain.reading import Json

CALLS: Mapping[str, str] = {"function": "arguments", "custom": "input"}
"""Types of tool calls, and the members that hold them → what says with what.

Only clients of OpenAI's APIs have custom tools, whose input is no JSON: nobody translates these calls, but they are
counted. openai.types.chat.ChatCompletionMessageCustomToolCall
"""

FINISH_READ: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",  # the legacy spelling of a single call
    "model_length": "context_window",  # Mistral: the window, not the limit of the request
    "eos": "stop",  # Together, older models
    "end_turn": "stop",
    "max_tokens": "length",
}
"""``finish_reason`` → neutral; what is not listed is ``stop``, for the vendor did end the choice.

Sources: openai.types.chat.chat_completion.Choice; https://docs.mistral.ai/api/#tag/chat;
https://docs.together.ai/docs/chat-overview.
"""

FINISH_FAILED: Mapping[str, tuple[type[ProviderError], int]] = {
    "error": (ProviderFailed, 500),  # Mistral, OpenRouter
    "insufficient_system_resource": (ProviderOverloaded, 503),  # DeepSeek: the inference was interrupted
}
"""``finish_reason`` values that mean that the answer is broken → the error, and the status it counts as."""

FINISH_WRITTEN: Mapping[FinishReason, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    # Anthropic's `refusal` comes from its classifiers, and may cut an answer short: that is OpenAI's content filter.
    "refusal": "content_filter",
    # The turn is not complete and OpenAI has no word for it. `stop` would say that it is.
    "pause": "length",
    "context_window": "length",
}

SERVICE_TIERS_ANSWERED = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
"""What ``service_tier`` of a request or an answer may be (openai.types.chat.ChatCompletion)."""

SERVICE_TIER_OF: Mapping[str, str] = {
    "standard": "default",  # Anthropic's answers
    "standard_only": "default",  # Anthropic's requests
}
"""Other vendors' tiers that mean the same."""


def finish_reason(reason: str, *, called: bool) -> FinishReason:
    """The neutral word for a ``finish_reason``; ``called``: the choice calls a tool.

    OpenAI says ``stop`` of a call that ``tool_choice`` forced, and some servers say it of every call; other vendors'
    clients run a tool only where the reason is the call. Raises the error that some words stand for.
    """
    if (failed := FINISH_FAILED.get(reason)) is not None:
        kind, status = failed
        raise kind(f"the provider broke its answer off: {reason}", retry_status=status)
    neutral = FINISH_READ.get(reason, "stop")
    return "tool_calls" if called and neutral == "stop" else neutral


def service_tier(name: str | None) -> str | None:
    """The tier in OpenAI's words; None where OpenAI has no word for it."""
    if name is None:
        return None
    name = SERVICE_TIER_OF.get(name, name)
    return name if name in SERVICE_TIERS_ANSWERED else None


def completion_id(vendor_id: str, created: int) -> str:
    """An id that starts with ``chatcmpl-``, as clients know it, and holds the vendor's, for tracing."""
    if vendor_id.startswith("chatcmpl-"):
        return vendor_id
    return f"chatcmpl-{vendor_id or created}"


def made_call_id(place: str, index: int) -> str:
    """An id for a tool call that came without one.

    ``place`` is the answer's id and the choice: two turns of one conversation must not make the same id, for a tool's
    result names its call by it.
    """
    return f"call_{place}_{index}"


def json_text(value: Json) -> str:
    """The JSON text of a value that a vendor sent as it is; "" where it is nested deeper than anything real."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return ""


def list_content(content: list[Json]) -> Iterator[tuple[str, str]]:
    """``(kind, text)`` of an answer's content where it is a list, kind being ``text`` or ``thinking``.

    Mistral's reasoning models answer so (https://docs.mistral.ai/capabilities/reasoning), thinking being a list of texts
    in turn; other kinds of part are references and the like, which OpenAI's clients have no place for.
    """
    for part in content:
        if not isinstance(part, dict):
            continue
        text, thinking = part.get("text"), part.get("thinking")
        if part.get("type") == "text" and isinstance(text, str):
            yield "text", text
        elif part.get("type") == "thinking":
            inner = thinking if isinstance(thinking, list) else [{"text": thinking}]
            texts = (piece.get("text") for piece in inner if isinstance(piece, dict))
            yield "thinking", "".join(text for text in texts if isinstance(text, str))
