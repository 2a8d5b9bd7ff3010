"""Per provider dialect: whose format it speaks, where its endpoints are, what its bodies and headers want besides.

The only place that knows; ``paths`` and ``credential`` are its parts. Sources: as in ``paths``, and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html,
https://docs.anthropic.com/en/api/claude-on-vertex-ai.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, Literal, TypeAlias

from extproc.config.snapshot import Api, Provider, Target
from extproc.dialects.openai_models import traits_of
from extproc.domain.reading import Json
from extproc.domain.valueclass import valueclass
from extproc.providers import paths
from extproc.providers.betas import ON_BEDROCK, ON_VERTEX, known_betas, split_betas
from extproc.providers.paths import Ask, Path

__all__ = ["REMOVE", "WIRES", "Ask", "Members", "ProviderWire", "Remove", "api_for", "wire_for"]


class Remove(enum.Enum):
    """The type of ``REMOVE``: this member is not sent. JSON's ``null`` is a value like any other."""

    REMOVE = "remove"


REMOVE: Final = Remove.REMOVE

Members: TypeAlias = Mapping[str, Json | Literal[Remove.REMOVE]]
"""Top-level members of a body → their values, or ``REMOVE``."""
Changed: TypeAlias = Callable[[bool, Mapping[str, str]], Members]


def _unchanged(stream: bool, client_headers: Mapping[str, str]) -> Members:  # noqa: FBT001 - the signature of Changed
    del stream, client_headers
    return {}


_BETA = "anthropic-beta"


@valueclass
class ProviderWire:
    """How one kind of provider is spoken to.

    ``format``: the wire format of conversations, as in ``extproc.translate.pairs``; None: it has none.
    ``errors``: whose error bodies come back, a format or ``cohere``.
    ``path``: what goes behind the base URL, by provider and ask.
    """

    format: str | None
    errors: str
    path: Path
    defaults: Mapping[str, str]
    """Headers it wants where the client sent none of its own."""
    from_client: frozenset[str]
    """Headers of a client of the same dialect that are passed on."""
    default_output: int | None = None
    """Output limit, in tokens, where the dialect demands one and nobody names it: small enough for every model."""
    changes: Changed = _unchanged
    """(stream, the client's headers of its dialect) → what becomes of a conversation's finished body."""
    framing: Literal["plain", "anthropic-over-bedrock"] = "plain"
    """How events of a stream are packed; ``plain``: as the format has them."""
    betas: Mapping[str, str] | None = None
    """Values of a client's ``anthropic-beta`` that it knows → as it spells them; None: whatever the client sends."""
    call_ids: bool = True
    """As ``extproc.dialects.base.RenderOptions`` has it, like the next."""
    automatic_cache: bool = True

    def from_clients(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What is passed on of the headers of a client of its dialect."""
        passed = {name: value for name, value in headers.items() if name in self.from_client}
        if self.betas is not None and (sent := passed.pop(_BETA, None)) is not None:
            known = known_betas(sent, self.betas)
            return {**passed, _BETA: ",".join(known)} if known else passed
        return passed


_CHAT_PATHS: Mapping[Api, str] = {
    "chat": "/chat/completions",
    "responses": "/responses",
    "completions": "/completions",
}
_FORMATS: Mapping[Api, str] = {
    "chat": "openai",
    "responses": "openai-responses",
    "completions": "openai-completions",
}
_CLIENT_APIS: Mapping[str, Api] = {"openai-responses": "responses", "openai-completions": "completions"}
"""Client dialect → the API that takes its requests as they are. All others are best served by chat."""

_ANTHROPIC_OUTPUT = 4096
"""Anthropic demands ``max_tokens``; the smallest output limit of a model it ever served."""


def _bedrock_anthropic(configured: str | None, stream: bool, client_headers: Mapping[str, str]) -> Members:  # noqa: FBT001 - the signature of Changed
    """The path says model and stream, and what is a header elsewhere is a member."""
    del stream
    sent = client_headers.get(_BETA, "")
    names: list[Json] = [*(split_betas(configured) if configured else known_betas(sent, ON_BEDROCK))]
    version: Members = {"anthropic_version": "bedrock-2023-05-31", "model": REMOVE, "stream": REMOVE}
    return {**version, "anthropic_beta": names} if names else version


def _vertex_anthropic(stream: bool, client_headers: Mapping[str, str]) -> Members:  # noqa: FBT001 - the signature of Changed
    """The path says the model; ``stream`` stays in the body."""
    del stream, client_headers
    return {"anthropic_version": "vertex-2023-10-16", "model": REMOVE}


def _openai(api: Api) -> ProviderWire:
    return ProviderWire(_FORMATS[api], _FORMATS[api], paths.openai(_CHAT_PATHS[api]), {}, frozenset({"openai-beta"}))


def _azure(api: Api) -> ProviderWire:
    return replace(_openai(api), path=paths.azure(_CHAT_PATHS[api]))


_OPENAI: Mapping[Api, ProviderWire] = {api: _openai(api) for api in _FORMATS}
_AZURE: Mapping[Api, ProviderWire] = {api: _azure(api) for api in _FORMATS}
_BY_API: Mapping[str, Mapping[Api, ProviderWire]] = {"openai": _OPENAI, "azure-openai": _AZURE}

WIRES: Mapping[str, ProviderWire] = {
    "openai": _OPENAI["chat"],
    "azure-openai": _AZURE["chat"],
    "anthropic": ProviderWire(
        "anthropic",
        "anthropic",
        paths.anthropic,
        {"anthropic-version": "2023-06-01"},
        frozenset({"anthropic-version", _BETA}),
        default_output=_ANTHROPIC_OUTPUT,
    ),
    "bedrock": ProviderWire("bedrock", "bedrock", paths.bedrock, {}, frozenset()),
    "bedrock-anthropic": ProviderWire(
        "anthropic",
        "bedrock",
        paths.bedrock_anthropic,
        {},
        frozenset(),
        default_output=_ANTHROPIC_OUTPUT,
        changes=partial(_bedrock_anthropic, None),
        framing="anthropic-over-bedrock",
        automatic_cache=False,
    ),
    "gemini": ProviderWire("gemini", "gemini", paths.gemini, {}, frozenset()),
    "vertex-gemini": ProviderWire("gemini", "gemini", paths.vertex_gemini, {}, frozenset(), call_ids=False),
    "vertex-anthropic": ProviderWire(
        "anthropic",
        "gemini",
        paths.vertex_anthropic,
        {},
        frozenset({_BETA}),
        default_output=_ANTHROPIC_OUTPUT,
        changes=_vertex_anthropic,
        betas=ON_VERTEX,
        automatic_cache=False,
    ),
    "cohere": ProviderWire(None, "cohere", paths.cohere, {}, frozenset()),
}
"""By the dialect's name in the configuration, with the first of its conversation APIs."""


def wire_for(provider: Provider, api: Api | None, client_dialect: str) -> ProviderWire:
    """How to speak to a provider for a client. ``api``: the target's own choice among OpenAI's, before the provider's."""
    by_api = _BY_API.get(provider.dialect)
    if by_api is not None:
        return by_api[api or provider.api or _api(provider, client_dialect)]
    wire = WIRES[provider.dialect]
    configured = (provider.headers or {}).get(_BETA)
    if wire.framing == "anthropic-over-bedrock" and configured is not None:
        return replace(wire, changes=partial(_bedrock_anthropic, configured))
    return wire


def api_for(provider: Provider, target: Target, client_dialect: str, *, tools: bool) -> Api | None:
    """The target's own choice of API, as ``wire_for`` takes it; where it has none, that of OpenAI's model, if any.

    What would be translated to Chat Completions goes by Responses instead where the model is served by that alone, or
    takes no ``tools`` beside it while it reasons. A client of Chat Completions gets what it asks for.
    """
    if target.api is not None or provider.api is not None or client_dialect == "openai-chat":
        return target.api
    if not provider.quirks.model_rules or "responses" not in provider.apis or _api(provider, client_dialect) != "chat":
        return None
    traits = traits_of(target.known_as or target.model)
    by_chat = traits.chat and (traits.chat_tools or not tools)
    return None if by_chat else "responses"


def _api(provider: Provider, client_dialect: str) -> Api:
    """The client's own API where the provider has it, for nothing is lost then; else chat, where it has that."""
    own = _CLIENT_APIS.get(client_dialect, "chat")
    preferred: tuple[Api, ...] = (own, "chat", "responses", "completions")
    for api in preferred:
        if api in provider.apis:
            return api
    return "chat"
