"""Tags of a request: what the client says of it, under what the key says.

Four conventions are read, so that applications keep theirs: ours, and those of three gateways they may come from.
"""

from collections.abc import Mapping

import orjson

from extproc.domain.reading import Json, JsonObject

_OWN = "x-llmgw-tags"
"""``environment=qa, feature=search``"""
_LITELLM = "x-litellm-tags"
"""``environment:qa,batch``; a bare word is its own value. https://docs.litellm.ai/docs/proxy/request_headers"""
_PORTKEY = "x-portkey-metadata"
"""A JSON object of texts. https://portkey.ai/docs/product/observability/metadata"""
_HELICONE = "helicone-property-"
"""``Helicone-Property-Feature: search``. https://docs.helicone.ai/features/advanced-usage/custom-properties"""

_GEMINI = "gemini"

_MOST = 20
_LONGEST = 64
"""Tags ride on the hand-off with every chunk; more, or longer ones, are left out."""


def request_tags(
    headers: Mapping[str, str], pinned: Mapping[str, str], in_body: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The tags of a request: headers go before the body. Those of the key (``pinned``) cannot be overridden."""
    said: dict[str, str] = {}
    for name, value in headers.items():
        if name == _OWN:
            said.update(_pairs(value, "="))
        elif name == _LITELLM:
            said.update(_pairs(value, ":"))
        elif name == _PORTKEY:
            said.update(_object(value))
        elif name.startswith(_HELICONE):
            said[name.removeprefix(_HELICONE)] = value
    said |= {name: value for name, value in (in_body or {}).items() if name not in said}
    kept = {name: value for name, value in said.items() if name and _plain(name) and _plain(value)}
    return {**dict(list(kept.items())[:_MOST]), **pinned}


def body_tags(parsed: JsonObject, dialect: str) -> dict[str, str]:
    """The tags that a request says in its body, for ``request_tags``: Gemini's ``labels``.

    ``metadata`` of OpenAI's APIs is none: applications keep there what is to be found again with one answer.
    https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls
    """
    labels = parsed.get("labels") if dialect == _GEMINI else None
    if not isinstance(labels, Mapping):
        return {}
    return {name: value for name, value in labels.items() if isinstance(value, str)}


def end_user(parsed: JsonObject) -> str | None:
    """The application's own user.

    OpenAI's ``user`` and ``safety_identifier`` (Chat Completions, Responses, Completions, embeddings, images),
    ``metadata.user_id`` of Anthropic, which some write to OpenAI's APIs as well, and ``labels.user_id`` for Gemini.
    """
    inner = (_user_id(parsed.get(name)) for name in ("metadata", "labels"))
    for said in (parsed.get("safety_identifier"), parsed.get("user"), *inner):
        if isinstance(said, str) and _plain(said):
            return said
    return None


def _user_id(holder: Json) -> Json:
    return holder.get("user_id") if isinstance(holder, Mapping) else None


def _pairs(text: str, separator: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in text.split(","):
        name, _, value = item.strip().partition(separator)
        found[name.strip()] = value.strip() or name.strip()
    return found


def _object(text: str) -> dict[str, str]:
    try:
        data: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(data, Mapping):
        return {}
    return {name: value for name, value in data.items() if isinstance(value, str)}


def _plain(text: str) -> bool:
    return 0 < len(text) <= _LONGEST and text.isprintable()
