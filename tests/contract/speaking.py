"""The official SDK of each client dialect, put to one use: a conversation in which a tool is called and answers.

``SPEAKERS`` by name: each asks, streamed or whole, and gives a ``Turn``; sent back to it with the tool's result, a turn
carries all that the SDK got, reasoning and seals included.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from google.genai import Client as Gemini
from google.genai import types
from harness import KEY, Gateway
from openai import AsyncAzureOpenAI
from openai import DefaultAsyncHttpxClient as OpenAITransport
from openai.lib.streaming.chat import ChatCompletionStreamState

TOOL = "get_weather"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Zürich"]}, "days": {"type": "integer", "minimum": 2}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
ARGUMENTS = {"city": "Zürich", "days": 2}
RESULT = "sunny"


@dataclass(frozen=True)
class Turn:
    """What an application has of an answer. ``usage``: input and output tokens; ``own``: the SDK's, to be sent back."""

    text: str
    calls: list[tuple[str, Any]]
    usage: tuple[int, int]
    own: Any


@dataclass(frozen=True)
class Request:
    """``before``: the turn whose call is answered with ``RESULT``; ``offer``: the tool, and reasoning."""

    model: str
    request_id: str
    text: str = "Please call it"
    before: Turn | None = None
    offer: bool = True
    stream: bool = False


@asynccontextmanager
async def gemini_of(gateway: Gateway, key: str = KEY) -> AsyncIterator[Any]:
    """Google's SDK on the gateway."""
    plain = {"verify": False}  # without TLS there is nothing to verify
    options = types.HttpOptions(base_url=gateway.url, client_args=plain, async_client_args=plain, timeout=30_000)
    async with Gemini(api_key=key, http_options=options, vertexai=False).aio as client:
        yield client


def azure_of(gateway: Gateway, key: str = KEY) -> AsyncAzureOpenAI:
    """OpenAI's SDK for Azure on the gateway."""
    return AsyncAzureOpenAI(
        azure_endpoint=gateway.url,
        api_key=key,
        api_version="2024-10-21",
        max_retries=0,
        timeout=30.0,
        http_client=OpenAITransport(verify=False),
    )


# -- OpenAI's three, and Azure's client -----------------------------------------------------------------------------------


_FUNCTION = {"name": TOOL, "description": "Weather of the next days", "parameters": SCHEMA}


async def chat(sdk: Any, ask: Request) -> Turn:
    """Chat Completions."""
    messages: list[Any] = [{"role": "user", "content": ask.text}]
    if ask.before is not None:
        (call,) = ask.before.own["tool_calls"]
        messages += [ask.before.own, {"role": "tool", "tool_call_id": call["id"], "content": RESULT}]
    request: dict[str, Any] = {
        "model": ask.model,
        "messages": messages,
        "extra_headers": {"x-request-id": ask.request_id},
    }
    if ask.offer:
        request |= {"tools": [{"type": "function", "function": _FUNCTION}], "reasoning_effort": "high"}
    if ask.stream:
        state = ChatCompletionStreamState()
        options = {"include_usage": True}
        async for chunk in await sdk.chat.completions.create(**request, stream=True, stream_options=options):
            state.handle_chunk(chunk)
        completion: Any = state.current_completion_snapshot
    else:
        completion = await sdk.chat.completions.create(**request)
    (choice,) = completion.choices
    message = choice.message
    assert choice.finish_reason == ("tool_calls" if message.tool_calls else "stop")
    return Turn(
        text=message.content or "",
        calls=[(call.function.name, orjson.loads(call.function.arguments)) for call in message.tool_calls or ()],
        usage=(completion.usage.prompt_tokens, completion.usage.completion_tokens),
        own=_sent_back(message.to_dict(warnings=False)),
    )


def _sent_back(message: dict[str, Any]) -> dict[str, Any]:
    """As programs send it, with what the streaming helper has added: ``parsed``, and an index on calls."""
    return {name: value for name, value in message.items() if value is not None}


async def responses(sdk: Any, ask: Request) -> Turn:
    """Responses."""
    items: list[Any] = [{"role": "user", "content": ask.text}]
    if ask.before is not None:
        (call,) = [item for item in ask.before.own if item["type"] == "function_call"]
        items += [*ask.before.own, {"type": "function_call_output", "call_id": call["call_id"], "output": RESULT}]
    request: dict[str, Any] = {"model": ask.model, "input": items, "extra_headers": {"x-request-id": ask.request_id}}
    if ask.offer:
        request |= {
            "tools": [{"type": "function", **_FUNCTION, "strict": False}],
            "reasoning": {"effort": "high", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
            "store": False,
        }
    if ask.stream:
        async with sdk.responses.stream(**request) as stream:
            answer = await stream.get_final_response()
    else:
        answer = await sdk.responses.create(**request)
    assert answer.status == "completed"
    output = [item.to_dict(warnings=False) for item in answer.output]
    for item in output:
        item.pop("parsed_arguments", None)
    return Turn(
        text=answer.output_text,
        calls=[(item["name"], orjson.loads(item["arguments"])) for item in output if item["type"] == "function_call"],
        usage=(answer.usage.input_tokens, answer.usage.output_tokens),
        own=output,
    )


async def completions(sdk: Any, ask: Request) -> Turn:
    """Completions, which have neither tools nor turns."""
    assert not ask.offer
    request = {
        "model": ask.model,
        "prompt": ask.text,
        "max_tokens": 200,
        "extra_headers": {"x-request-id": ask.request_id},
    }
    if not ask.stream:
        whole = await sdk.completions.create(**request)
        return Turn(whole.choices[0].text, [], (whole.usage.prompt_tokens, whole.usage.completion_tokens), None)
    pieces, usage, finish = [], None, None
    async for chunk in await sdk.completions.create(**request, stream=True, stream_options={"include_usage": True}):
        pieces += [choice.text for choice in chunk.choices]
        finish = next((choice.finish_reason for choice in chunk.choices if choice.finish_reason), finish)
        usage = chunk.usage or usage
    assert finish == "stop"
    assert usage is not None
    return Turn("".join(pieces), [], (usage.prompt_tokens, usage.completion_tokens), None)


# -- Anthropic ------------------------------------------------------------------------------------------------------------


async def messages(sdk: Any, ask: Request) -> Turn:
    """Messages."""
    turns: list[Any] = [{"role": "user", "content": ask.text}]
    if ask.before is not None:
        (call,) = [block for block in ask.before.own if block["type"] == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": RESULT}
        turns += [{"role": "assistant", "content": ask.before.own}, {"role": "user", "content": [result]}]
    request: dict[str, Any] = {
        "model": ask.model,
        "max_tokens": 4000,
        "messages": turns,
        "extra_headers": {"x-request-id": ask.request_id},
    }
    if ask.offer:
        tool = {"name": TOOL, "description": "Weather of the next days", "input_schema": SCHEMA}
        request |= {"tools": [tool], "thinking": {"type": "enabled", "budget_tokens": 1024}}
    if ask.stream:
        async with sdk.messages.stream(**request) as stream:
            message = await stream.get_final_message()
    else:
        message = await sdk.messages.create(**request)
    own = [block.to_dict(warnings=False) for block in message.content]
    for block in own:
        block.pop("parsed_output", None)
    calls = [(block["name"], block["input"]) for block in own if block["type"] == "tool_use"]
    assert message.stop_reason == ("tool_use" if calls else "end_turn")
    usage = message.usage
    spent = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    text = "".join(block["text"] for block in own if block["type"] == "text")
    return Turn(text, calls, (spent, usage.output_tokens), own)


# -- Google ---------------------------------------------------------------------------------------------------------------


async def contents(sdk: Any, ask: Request) -> Turn:
    """``generateContent``."""
    turns = [types.Content(role="user", parts=[types.Part(text=ask.text)])]
    if ask.before is not None:
        (call,) = [part.function_call for part in ask.before.own.parts if part.function_call]
        answer = types.FunctionResponse(id=call.id, name=call.name, response={"result": RESULT})
        turns += [ask.before.own, types.Content(role="user", parts=[types.Part(function_response=answer)])]
    config: dict[str, Any] = {"http_options": types.HttpOptions(headers={"x-request-id": ask.request_id})}
    if ask.offer:
        function = types.FunctionDeclaration(name=TOOL, description="Weather", parameters_json_schema=SCHEMA)
        config |= {
            "tools": [types.Tool(function_declarations=[function])],
            "thinking_config": types.ThinkingConfig(include_thoughts=True, thinking_level="HIGH"),
        }
    request = {"model": ask.model, "contents": turns, "config": types.GenerateContentConfig(**config)}
    if ask.stream:
        chunks = [chunk async for chunk in await sdk.models.generate_content_stream(**request)]
    else:
        chunks = [await sdk.models.generate_content(**request)]
    candidates = [candidate for chunk in chunks for candidate in chunk.candidates or ()]
    parts = [part for each in candidates if each.content for part in each.content.parts or ()]
    assert [each.finish_reason for each in candidates if each.finish_reason] == [types.FinishReason.STOP]
    (usage,) = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1:]
    return Turn(
        text="".join(part.text or "" for part in parts if not part.thought),
        calls=[(part.function_call.name, part.function_call.args) for part in parts if part.function_call],
        usage=(usage.prompt_token_count, (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)),
        own=types.Content(role="model", parts=parts),
    )


@dataclass(frozen=True)
class Speaker:
    """A client dialect. ``connect``: its SDK on a gateway; ``ask``: one request; ``tools``: whether it has such things."""

    connect: Callable[[Gateway], AbstractAsyncContextManager[Any]]
    ask: Callable[[Any, Request], Any]
    tools: bool = True


SPEAKERS: Mapping[str, Speaker] = {
    "openai-chat": Speaker(lambda gateway: gateway.openai(), chat),
    "openai-responses": Speaker(lambda gateway: gateway.openai(), responses),
    "openai-completions": Speaker(lambda gateway: gateway.openai(), completions, tools=False),
    "azure": Speaker(azure_of, chat),
    "anthropic": Speaker(lambda gateway: gateway.anthropic(), messages),
    "gemini": Speaker(gemini_of, contents),
}
