"""Per provider dialect: where its endpoint is and how it wants its credential. The only place that knows.

Sources: https://platform.openai.com/docs/api-reference, https://docs.anthropic.com/en/api/overview.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from extproc.config.snapshot import Provider


@dataclass(frozen=True, slots=True)
class ProviderWire:
    """``chat_path`` is appended to the path of the base URL; ``credential`` gives the headers that authenticate."""

    chat_path: str
    credential: Callable[[Provider], Mapping[str, str]]
    defaults: Mapping[str, str]
    """Headers it wants where the client sent none of its own."""
    from_client: frozenset[str]
    """Headers of a client of the same dialect that are passed on."""
    default_output: int | None = None
    """Output limit, in tokens, where the dialect demands one and nobody names it: small enough for every model."""


def _bearer(provider: Provider) -> Mapping[str, str]:
    return {"authorization": f"Bearer {provider.api_key.reveal()}"} if provider.api_key else {}


def _x_api_key(provider: Provider) -> Mapping[str, str]:
    return {"x-api-key": provider.api_key.reveal()} if provider.api_key else {}


WIRES: Mapping[str, ProviderWire] = {
    "openai": ProviderWire("/chat/completions", _bearer, {}, frozenset({"openai-beta"})),
    "anthropic": ProviderWire(
        "/v1/messages",
        _x_api_key,
        {"anthropic-version": "2023-06-01"},
        frozenset({"anthropic-version", "anthropic-beta"}),
        default_output=4096,
    ),
}
"""By the dialect's name in the configuration."""
