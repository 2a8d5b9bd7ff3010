"""Output items and their parts, as ``render_answer`` and ``stream_writer`` send them.

Source: openai.types.responses.ResponseOutputItem.
"""

from collections.abc import Sequence
from typing import Literal

from extproc.dialects.openai_responses.namespaces import named
from extproc.dialects.openai_responses.tool_search import NAME, search_item
from extproc.domain.reading import Json, JsonObject

Status = Literal["in_progress", "completed", "incomplete"]


def text_part(text: str, annotations: Sequence[JsonObject] = (), logprobs: Sequence[Json] = ()) -> JsonObject:
    """A part ``output_text`` of a message."""
    return {"type": "output_text", "annotations": [*annotations], "logprobs": [*logprobs], "text": text}


def refusal_part(text: str) -> JsonObject:
    """A part ``refusal`` of a message."""
    return {"type": "refusal", "refusal": text}


def message_item(item_id: str, status: Status, content: Sequence[JsonObject]) -> JsonObject:
    """An item ``message``."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": [*content]}


def summary_part(text: str) -> JsonObject:
    """A part of a reasoning item's summary."""
    return {"type": "summary_text", "text": text}


def reasoning_item(item_id: str, text: str | None, encrypted: str | None) -> JsonObject:
    """An item ``reasoning``; an empty text has no part of its own."""
    summary: list[Json] = [summary_part(text)] if text else []
    item: dict[str, Json] = {"id": item_id, "type": "reasoning", "summary": summary}
    if encrypted is not None:
        item["encrypted_content"] = encrypted
    return item


def call_item(item_id: str, status: Status, call_id: str, name: str, arguments: str) -> JsonObject:
    """An item ``function_call``, or that of a search of tools."""
    if name == NAME:
        return search_item(item_id, status, call_id, arguments)
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        **named(name),
        "arguments": arguments,
    }


def custom_call_item(item_id: str, call_id: str, name: str, text: str) -> JsonObject:
    """An item ``custom_tool_call``."""
    return {"id": item_id, "type": "custom_tool_call", "call_id": call_id, **named(name), "input": text}


def output_logprobs(logprobs: JsonObject | None) -> list[Json]:
    """``logprobs`` of a text part, of Chat's shape: there a token's bytes may be null, and the likeliest left out."""
    content = logprobs.get("content") if logprobs is not None else None
    if not isinstance(content, list):
        return []
    return [_logprob(token) for token in content if isinstance(token, dict)]


def _logprob(token: JsonObject) -> JsonObject:
    top = token.get("top_logprobs")
    others: list[Json] = [_token(other) for other in top if isinstance(other, dict)] if isinstance(top, list) else []
    return {**_token(token), "top_logprobs": others}


def _token(token: JsonObject) -> dict[str, Json]:
    text, number, raw = token.get("token"), token.get("logprob"), token.get("bytes")
    text = text if isinstance(text, str) else ""
    return {
        "token": text,
        "bytes": raw if isinstance(raw, list) else [*text.encode("utf-8", "replace")],
        "logprob": float(number) if isinstance(number, int | float) else 0.0,
    }
