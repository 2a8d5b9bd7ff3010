"""The paths the gateway serves, written out: method and path → what is asked, in which dialect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from extproc.domain.errors import UnknownRoute

OPENAI, ANTHROPIC = "openai-chat", "anthropic-messages"

_ANTHROPIC_PREFIX = "/anthropic"
_MODELS = "/v1/models"

_CHAT = {"/v1/chat/completions": OPENAI, "/v1/messages": ANTHROPIC}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a request asks: an answer of a model (``chat``), the catalogue (``models``), or one entry (``model``)."""

    kind: Literal["chat", "models", "model"]
    dialect: str
    model: str | None = None


def dialect_of(path: str, headers: Mapping[str, str]) -> str:
    """The dialect to speak to a client of whom only path and headers are known, also when the path is wrong."""
    if path.startswith((_ANTHROPIC_PREFIX, "/v1/messages")) or "anthropic-version" in headers:
        return ANTHROPIC
    return OPENAI


def find_endpoint(method: str, target: str, headers: Mapping[str, str]) -> Endpoint:
    """The endpoint of a request. ``target`` is ``:path``, query included. Raises ``UnknownRoute`` naming what there is."""
    path = target.partition("?")[0]
    dialect = dialect_of(path, headers)
    served = path.removeprefix(_ANTHROPIC_PREFIX) if dialect == ANTHROPIC else path
    if chat := _CHAT.get(served):
        if method == "POST":
            return Endpoint("chat", chat)
        raise UnknownRoute(f"{path} takes POST, not {method}.")
    if served == _MODELS or served.startswith(f"{_MODELS}/"):
        if method != "GET":
            raise UnknownRoute(f"{path} takes GET, not {method}.")
        name = unquote(served[len(_MODELS) + 1 :])
        return Endpoint("model", dialect, name) if name else Endpoint("models", dialect)
    raise UnknownRoute(
        f"There is nothing at {method} {path[:200]}. This gateway serves POST /v1/chat/completions, POST /v1/messages "
        "and GET /v1/models; an OpenAI SDK's base_url ends in /v1, an Anthropic SDK's does not."
    )
