"""The response object: what was asked, what was said, how it ended, what it cost.

Source: https://platform.openai.com/docs/api-reference/responses/object
"""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.dialect import Exchange
from extproc.simulator.openai_responses.prompt import uses_breakpoints
from extproc.simulator.openai_responses.seal import Sealed, seal

_TIERS: Mapping[Json, str] = {"auto": "default", "fast": "priority"}
_ENDED = frozenset({"", "completed", "stop", "refusal", "tool_calls"})
"""Scripted ends that leave it to the answer whether it is complete."""


class Ending(NamedTuple):
    """How a response ends: its status, why it is not complete, what has failed."""

    status: str
    details: Json = None
    error: Json = None


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    return orjson.dumps(document(exchange))


def document(exchange: Exchange) -> JsonObject:
    """The response when it has ended."""
    end = ending(exchange)
    tier = exchange.body.get("service_tier") or "auto"
    return {
        **opened(exchange, end.status),
        "completed_at": exchange.created if end.status == "completed" else None,
        "error": end.error,
        "incomplete_details": end.details,
        "output": list[Json](output(exchange)),
        "service_tier": _TIERS.get(tier, tier) if isinstance(tier, str) else "default",
        "usage": None if end.status == "failed" else _usage(exchange),
    }


def opened(exchange: Exchange, status: str) -> JsonObject:
    """The response before it has ended: it repeats the request, with defaults."""
    body = exchange.body
    return {
        "id": response_id(exchange),
        "object": "response",
        "created_at": exchange.created,
        "status": status,
        "background": body.get("background") is True,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "model": exchange.model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "prompt_cache_retention": body.get("prompt_cache_retention"),
        "reasoning": _reasoning(body),
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": body.get("service_tier") or "auto",
        "store": body.get("store") is not False,
        "temperature": _default(body.get("temperature"), 1.0),
        "text": _text(body),
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": _tools(body),
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": _default(body.get("top_p"), 1.0),
        "truncation": body.get("truncation") or "disabled",
        "usage": None,
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }


def ending(exchange: Exchange) -> Ending:
    """A scripted finish is ``failed``, ``refusal``, or a reason for being incomplete."""
    finish = exchange.finish
    if finish == "failed":
        message = "Simulated: the server had an error while processing your request."
        return Ending("failed", error={"code": "server_error", "message": message})
    if finish not in _ENDED:
        return Ending("incomplete", {"reason": finish})
    if exchange.said[0].finish == "length":
        return Ending("incomplete", {"reason": "max_output_tokens"})
    return Ending("completed")


def output(exchange: Exchange) -> list[dict[str, Json]]:
    """The items of an answer, complete."""
    said = exchange.said[0]
    items: list[dict[str, Json]] = []
    if said.thinking:
        items.append(thought(exchange, said.thinking))
    if said.text or not (said.calls or said.finish == "length"):
        items.append(message(exchange, said.text))
    items.extend(call(exchange, at) for at in range(len(said.calls)))
    return items


def thought(exchange: Exchange, thinking: tuple[str, ...]) -> dict[str, Json]:
    """A reasoning item; its summary is all that was thought, if one is asked for."""
    text = "".join(thinking)
    summary: list[Json] = [{"type": "summary_text", "text": text}] if thinking and wants_summary(exchange) else []
    item: dict[str, Json] = {"id": item_id(exchange, "rs"), "type": "reasoning", "summary": summary}
    if included(exchange, "reasoning.encrypted_content"):
        item["encrypted_content"] = seal(Sealed(item_id(exchange, "rs"), exchange.label, text))
    return item


def message(exchange: Exchange, text: tuple[str, ...]) -> dict[str, Json]:
    """A message item."""
    cut = ending(exchange).status == "incomplete"
    return {
        "id": item_id(exchange, "msg"),
        "type": "message",
        "status": "incomplete" if cut else "completed",
        "role": "assistant",
        "content": [part(exchange, text)],
    }


def part(exchange: Exchange, text: tuple[str, ...]) -> dict[str, Json]:
    """The content of a message: text, or a refusal where that is scripted."""
    if exchange.finish == "refusal":
        return {"type": "refusal", "refusal": "".join(text)}
    return {"type": "output_text", "annotations": [], "logprobs": logprobs(exchange, text), "text": "".join(text)}


def call(exchange: Exchange, at: int) -> dict[str, Json]:
    """The item of the call with that number."""
    made = exchange.said[0].calls[at]
    return {
        "id": item_id(exchange, "fc", at),
        "type": "function_call",
        "status": "completed",
        "arguments": made.text,
        "call_id": f"call_{exchange.token[4:]}{at:04x}",
        "name": made.name,
    }


def logprobs(exchange: Exchange, pieces: tuple[str, ...]) -> list[Json]:
    """Of these pieces, where they are asked for."""
    if not included(exchange, "message.output_text.logprobs"):
        return []
    return [
        {"token": piece, "bytes": list[Json](piece.encode()), "logprob": -0.25, "top_logprobs": []} for piece in pieces
    ]


def included(exchange: Exchange, what: str) -> bool:
    """Whether the request wants more in its response."""
    include = exchange.body.get("include")
    return isinstance(include, list) and what in include


def wants_summary(exchange: Exchange) -> bool:
    """Whether the reasoning is to be told about."""
    reasoning = exchange.body.get("reasoning")
    asked: JsonObject = reasoning if isinstance(reasoning, Mapping) else {}
    return bool(asked.get("summary") or asked.get("generate_summary"))


def response_id(exchange: Exchange) -> str:
    """The id of the response."""
    return f"resp_{exchange.token}"


def item_id(exchange: Exchange, prefix: str, at: int = 0) -> str:
    """The id of an output item."""
    return f"{prefix}_{exchange.token}{at:04x}"


def _usage(exchange: Exchange) -> JsonObject:
    spent = exchange.spent
    explicit = uses_breakpoints(exchange.body)
    # Only multiples of 128 count as read: https://platform.openai.com/docs/guides/prompt-caching
    read = spent.cache_read if explicit else spent.cache_read // 128 * 128
    return {
        "input_tokens": spent.input,
        "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": spent.cache_written if explicit else 0},
        "output_tokens": spent.output,
        "output_tokens_details": {"reasoning_tokens": spent.thinking},
        "total_tokens": spent.input + spent.output,
    }


def _reasoning(body: JsonObject) -> JsonObject:
    reasoning = body.get("reasoning")
    asked: JsonObject = reasoning if isinstance(reasoning, Mapping) else {}
    return {"effort": asked.get("effort"), "summary": asked.get("summary") or asked.get("generate_summary")}


def _text(body: JsonObject) -> JsonObject:
    text = body.get("text")
    asked: JsonObject = text if isinstance(text, Mapping) else {}
    form = asked.get("format") or {"type": "text"}
    if isinstance(form, Mapping) and form.get("type") == "json_schema":
        form = {"description": None, "strict": True, **form}
    return {"format": form, "verbosity": asked.get("verbosity") or "medium"}


def _tools(body: JsonObject) -> list[Json]:
    tools = body.get("tools")
    listed = tools if isinstance(tools, list) else []
    defaults: JsonObject = {"description": None, "parameters": None, "strict": True}
    return [
        {**defaults, **tool} if isinstance(tool, Mapping) and tool.get("type") == "function" else tool
        for tool in listed
    ]


def _default(value: Json, default: float) -> Json:
    return default if value is None else value
