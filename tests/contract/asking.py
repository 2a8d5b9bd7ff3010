"""The official SDKs as clients: one call, streamed or not, to the same final object; and what the provider got of it."""

from dataclasses import dataclass
from typing import Any

from anthropic import AsyncAnthropic
from anthropic.types import Message
from catalogue import ORGANIZATION, provider_key
from harness import KEY, Received, Simulator, eventually, new_id
from openai import AsyncOpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion

_OPENAI_HEADERS = {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "x-request-id"}
_GATEWAY_WORDS = ("llmgw", "envoy", "stainless", "cookie", "forwarded", KEY)
"""What must be in no header that a provider sees."""


@dataclass
class OpenAIClient:
    """Asks with OpenAI's SDK."""

    sdk: AsyncOpenAI
    simulator: Simulator
    stream: bool

    async def ask(self, model: str, messages: Any, **options: Any) -> tuple[ChatCompletion, Received]:
        """The completion, and the request that the one provider got for it."""
        request_id = new_id()
        request = {"model": model, "messages": messages, "extra_headers": {"x-request-id": request_id}, **options}
        if self.stream:
            state = ChatCompletionStreamState()
            request.setdefault("stream_options", {"include_usage": True})
            async for chunk in await self.sdk.chat.completions.create(**request, stream=True):
                state.handle_chunk(chunk)
            # Not get_final_completion(): it raises where the finish reason is "length".
            completion: ChatCompletion = state.current_completion_snapshot
        else:
            completion = await self.sdk.chat.completions.create(**request)
        return completion, await complete(self.simulator, request_id)


@dataclass
class AnthropicClient:
    """Asks with Anthropic's SDK."""

    sdk: AsyncAnthropic
    simulator: Simulator
    stream: bool

    async def ask(self, model: str, messages: Any, **options: Any) -> tuple[Message, Received]:
        """The message, and the request that the one provider got for it."""
        request_id = new_id()
        request = {"model": model, "messages": messages, "extra_headers": {"x-request-id": request_id}, **options}
        request.setdefault("max_tokens", 500)
        if self.stream:
            async with self.sdk.messages.stream(**request) as stream:
                message = await stream.get_final_message()
        else:
            message = await self.sdk.messages.create(**request)
        return message, await complete(self.simulator, request_id)


async def complete(simulator: Simulator, request_id: str) -> Received:
    """The one request that providers got, once its answer has ended."""
    received = await eventually(
        lambda: [one for one in simulator.requests(request_id) if one.outcome != "in_progress"], "the answer to end"
    )
    assert len(received) == 1, [one.record for one in received]
    return received[0]


def check_addressed(received: Received, version: str = "2023-06-01") -> None:
    """The request went where it should, with this provider's credential, and with nothing that is not for it to see.

    ``version``: the API version that an Anthropic client asked for.
    """
    label, headers = received.label, received.headers
    allowed = set(_OPENAI_HEADERS)
    if label.startswith("a"):
        assert received.path == f"/p/{label}/v1/messages"
        assert headers["x-api-key"] == provider_key(label)
        assert headers["anthropic-version"] == version
        allowed |= {"x-api-key", "anthropic-version", "anthropic-beta"}
    else:
        assert received.path == f"/p/{label}/v1/chat/completions"
        assert headers["authorization"] == f"Bearer {provider_key(label)}"
        assert headers.get("openai-organization") == (ORGANIZATION if label == "o2" else None)
        allowed |= {"authorization", "openai-organization"}
    assert set(headers) <= allowed
    seen = " ".join(f"{name}: {value}" for name, value in headers.items()).lower()
    assert [word for word in _GATEWAY_WORDS if word.lower() in seen] == []
    assert KEY not in received.body
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == received.body_length
