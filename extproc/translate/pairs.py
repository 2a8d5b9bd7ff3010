"""The dialects by name, and which of them are the same on both sides. A new dialect is a line here and there."""

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.dialects.anthropic.dialect import AnthropicClient, AnthropicProvider
from extproc.dialects.base import ClientDialect, ProviderDialect
from extproc.dialects.openai_chat.dialect import OpenAIChatClient, OpenAIProvider

CLIENT_DIALECTS: Mapping[str, ClientDialect] = {
    "openai-chat": OpenAIChatClient(),
    "anthropic-messages": AnthropicClient(),
}
"""As requests are received: by the route they came on."""

PROVIDER_DIALECTS: Mapping[str, ProviderDialect] = {
    "openai": OpenAIProvider(),
    "anthropic": AnthropicProvider(),
}
"""As the configuration spells them."""

_SAME = frozenset({("openai-chat", "openai"), ("anthropic-messages", "anthropic")})
"""(client, provider) with one wire format: bytes are edited, never translated."""


@dataclass(frozen=True, slots=True)
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
