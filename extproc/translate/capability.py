"""Whether a provider's dialect can carry a request to a model, asked before anybody is called."""

from collections.abc import Mapping

from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, JsonObject
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, translate_request

_PLAIN = frozenset({"model", "messages", "system", "stream", "stream_options", "max_tokens", "max_completion_tokens"})
"""Request fields that every dialect has a word for."""
_PLAIN_TURN = frozenset({"role", "content"})
_PLAIN_ROLES = frozenset({"system", "user", "assistant"})


def carries(client_dialect: str, provider_dialect: str, model: str, parsed: JsonObject) -> InvalidRequest | None:
    """None where it can; else the refusal that names what it cannot carry. An equal dialect carries everything.

    ``model`` is the provider's name of it: what a vendor takes differs by model.
    """
    pair = PAIRS[client_dialect, provider_dialect]
    if pair.same or _is_plain(parsed):
        return None
    try:
        translate_request(pair.client, pair.provider, b"", parsed, RequestJob(model, stream=False, same_dialect=False))
    except InvalidRequest as refusal:
        return refusal
    return None


def _is_plain(parsed: JsonObject) -> bool:
    """Text turns and nothing else, as most requests are: a translation would tell no more."""
    messages = parsed.get("messages")
    return parsed.keys() <= _PLAIN and isinstance(messages, list) and all(map(_is_plain_turn, messages))


def _is_plain_turn(message: Json) -> bool:
    if not isinstance(message, Mapping) or not message.keys() <= _PLAIN_TURN:
        return False
    role, content = message.get("role"), message.get("content")
    return isinstance(role, str) and role in _PLAIN_ROLES and isinstance(content, str)
