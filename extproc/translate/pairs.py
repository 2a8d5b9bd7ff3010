"""The dialects by name, and which of them are the same on both sides. A new dialect is a line here and there."""

import re
from collections.abc import Mapping

from extproc.dialects.anthropic.dialect import AnthropicClient, AnthropicProvider
from extproc.dialects.base import ClientDialect, ProviderDialect
from extproc.dialects.bedrock.dialect import BedrockProvider
from extproc.dialects.gemini.dialect import GeminiClient, GeminiProvider
from extproc.dialects.openai_chat.dialect import OpenAIChatClient, OpenAIProvider
from extproc.dialects.openai_completions.dialect import OpenAICompletionsClient, OpenAICompletionsProvider
from extproc.dialects.openai_responses.dialect import OpenAIResponsesClient, OpenAIResponsesProvider
from extproc.domain.errors import ProviderError
from extproc.domain.valueclass import valueclass

CLIENT_DIALECTS: Mapping[str, ClientDialect] = {
    "openai-chat": OpenAIChatClient(),
    "openai-responses": OpenAIResponsesClient(),
    "openai-completions": OpenAICompletionsClient(),
    "anthropic-messages": AnthropicClient(),
    "gemini": GeminiClient(),
}
"""As requests are received: by the route they came on."""

PROVIDER_DIALECTS: Mapping[str, ProviderDialect] = {
    "openai": OpenAIProvider(),
    "openai-responses": OpenAIResponsesProvider(),
    "openai-completions": OpenAICompletionsProvider(),
    "anthropic": AnthropicProvider(),
    "bedrock": BedrockProvider(),
    "gemini": GeminiProvider(),
}
"""Wire formats of conversations; which provider speaks which is ``extproc.providers.wire``'s to know."""

ERROR_READERS: Mapping[str, ProviderDialect] = {**PROVIDER_DIALECTS, "cohere": PROVIDER_DIALECTS["bedrock"]}
"""Whose error bodies are read by whom. Cohere's are those of AWS: a status, and ``{"message"}``."""


def read_error(whose: str, spoken: str | None, status: int, body: bytes, retry_after: float | None) -> ProviderError:
    """What an error status means. ``whose``: a key of ``ERROR_READERS``; ``spoken``: the format of the conversation.

    A cloud that serves Anthropic's models has error bodies of its own, and hands Anthropic's through at times.
    """
    own = spoken == "anthropic" and whose != spoken and _ANTHROPICS.match(body) is not None
    return ERROR_READERS["anthropic" if own else whose].parse_error(status, body, retry_after=retry_after)


_ANTHROPICS = re.compile(rb'\s*\{\s*"type"\s*:\s*"error"')

_SAME = frozenset(
    {
        ("openai-chat", "openai"),
        ("openai-responses", "openai-responses"),
        ("openai-completions", "openai-completions"),
        ("anthropic-messages", "anthropic"),
        ("gemini", "gemini"),
    }
)
"""(client, provider) with one wire format: bytes are edited, never translated."""


def is_same(client_dialect: str, spoken: str) -> bool:
    """Whether a client's dialect and a provider's format are the same bytes."""
    return (client_dialect, spoken) in _SAME


@valueclass
class Pair:
    """Who talks to whom."""

    client: ClientDialect
    provider: ProviderDialect
    same: bool


PAIRS: Mapping[tuple[str, str], Pair] = {
    (client_name, provider_name): Pair(client, provider, (client_name, provider_name) in _SAME)
    for client_name, client in CLIENT_DIALECTS.items()
    for provider_name, provider in PROVIDER_DIALECTS.items()
}
"""By (client dialect, provider dialect)."""
