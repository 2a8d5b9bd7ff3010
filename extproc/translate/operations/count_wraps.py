"""How each vendor is asked to count a conversation's tokens: its chat request, wrapped, and where the count is told.

Sources: botocore's model of CountTokens (``ConverseTokensRequest``, ``InvokeModelTokensRequest``);
https://ai.google.dev/api/tokens; google-genai's ``count_tokens`` for Vertex AI, which has no ``generateContentRequest``;
anthropic.types.message_count_tokens_params; openai.types.responses.input_token_count_params.
"""

import base64
from collections.abc import Callable, Mapping

import orjson

from extproc.dialects.gemini.call_ids import without_call_ids
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass
from extproc.translate.operations.embed_google import resource_name


@valueclass
class CountWrap:
    """``wrap``: (chat request, model) → the body that asks for a count; ``told``: the member of the answer with it."""

    wrap: Callable[[JsonObject, str], JsonObject]
    told: str


def _picked(chat: JsonObject, names: tuple[str, ...]) -> dict[str, Json]:
    return {name: chat[name] for name in names if name in chat}


def _converse(chat: JsonObject, model: str) -> JsonObject:
    del model  # in the path
    names = ("messages", "system", "toolConfig", "additionalModelRequestFields")
    return {"input": {"converse": _picked(chat, names)}}


_INVOKE_VERSION = "bedrock-2023-05-31"
_NOT_INVOKED = frozenset({"model", "stream", "cache_control"})
"""The path says the first two; the last, which no count depends on, only Anthropic itself takes at the top."""


def _invoke(chat: JsonObject, model: str) -> JsonObject:
    """The body must be one that InvokeModel would take: it has a version and an output limit, and no model."""
    del model  # in the path
    limit: JsonObject = {"anthropic_version": _INVOKE_VERSION, "max_tokens": room_to_answer(chat)}
    body = {**limit, **{name: value for name, value in chat.items() if name not in _NOT_INVOKED}}
    return {"input": {"invokeModel": {"body": base64.b64encode(orjson.dumps(body)).decode()}}}


def _gemini(chat: JsonObject, model: str) -> JsonObject:
    names = ("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "cachedContent")
    return {"generateContentRequest": {"model": resource_name(model), **_picked(chat, names)}}


def _vertex(chat: JsonObject, model: str) -> JsonObject:
    del model  # in the path
    picked = _picked(chat, ("contents", "systemInstruction", "tools", "generationConfig"))
    contents = picked.get("contents")
    return {**picked, "contents": without_call_ids(contents)} if isinstance(contents, list) else picked


_ANTHROPIC_MEMBERS = ("messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control")


def _anthropic(chat: JsonObject, model: str) -> JsonObject:
    return {"model": model, **_picked(chat, _ANTHROPIC_MEMBERS)}


def _vertex_anthropic(chat: JsonObject, model: str) -> JsonObject:
    """The path names no model here, so the body does."""
    return {"anthropic_version": VERTEX_VERSION, **_anthropic(chat, model)}


VERTEX_VERSION = "vertex-2023-10-16"


def _responses(chat: JsonObject, model: str) -> JsonObject:
    names = ("input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text")
    return {"model": model, **_picked(chat, names)}


COUNT_WRAPS: Mapping[str, CountWrap] = {
    "openai": CountWrap(_responses, "input_tokens"),
    "azure-openai": CountWrap(_responses, "input_tokens"),
    "anthropic": CountWrap(_anthropic, "input_tokens"),
    "vertex-anthropic": CountWrap(_vertex_anthropic, "input_tokens"),
    "bedrock": CountWrap(_converse, "inputTokens"),
    "bedrock-anthropic": CountWrap(_invoke, "inputTokens"),
    "gemini": CountWrap(_gemini, "totalTokens"),
    "vertex-gemini": CountWrap(_vertex, "totalTokens"),
}
"""By the configuration's dialect. What is wrapped is a chat request of ``COUNT_FORMATS``."""

COUNT_FORMATS: Mapping[str, str] = {
    "openai": "openai-responses",
    "azure-openai": "openai-responses",
    "anthropic": "anthropic",
    "vertex-anthropic": "anthropic",
    "bedrock": "bedrock",
    "bedrock-anthropic": "anthropic",
    "gemini": "gemini",
    "vertex-gemini": "gemini",
}
"""By the configuration's dialect: the format whose chat request is counted."""

_ANSWER_TOKENS = 4096


def room_to_answer(chat: JsonObject) -> int:
    """An output limit for an Anthropic request that is only counted, so has none: above its thinking budget."""
    thinking = chat.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    return _ANSWER_TOKENS + (int(budget) if isinstance(budget, int | float) and 0 < budget < 2**31 else 0)
