"""Whether a provider's dialect can carry a request to a model, asked before anybody is called."""

from collections.abc import Callable, Mapping

from extproc.dialects.base import RenderOptions
from extproc.domain.errors import InvalidRequest
from extproc.domain.quirks import OPENAI, ChatQuirks
from extproc.domain.reading import Json, JsonObject
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, translate_request

_WITHOUT_TURNS = "openai-completions"
"""The one format that has no word for a turn, so that not even plain text is plain."""


def carries(
    client_dialect: str, provider_dialect: str, model: str, parsed: JsonObject, quirks: ChatQuirks = OPENAI
) -> InvalidRequest | None:
    """None where it can; else the refusal that names what it cannot carry. An equal dialect carries everything.

    ``model`` is the provider's name of it, and ``quirks`` its ways: what is taken differs by model and server.
    """
    pair = PAIRS[client_dialect, provider_dialect]
    if pair.same or (provider_dialect != _WITHOUT_TURNS and _IS_PLAIN[client_dialect](parsed)):
        return None
    try:
        options = RenderOptions(quirks=quirks)
        job = RequestJob(model, stream=False, same_dialect=False, options=options)
        translate_request(pair.client, pair.provider, b"", parsed, job)
    except InvalidRequest as refusal:
        return refusal
    return None


# Text turns and nothing else, as most requests are: a translation would tell no more. What is wrong in one of them is wrong
# for every provider, and the first to be called says so.


def _is_plain_chat(parsed: JsonObject) -> bool:
    options = parsed.get("stream_options") or {}
    return (
        parsed.keys() <= _CHAT
        and isinstance(options, Mapping)
        and options.keys() <= {"include_usage"}
        and _asked(parsed.get("messages"), _is_plain_message)
    )


def _is_plain_response(parsed: JsonObject) -> bool:
    turns = parsed.get("input")
    return parsed.keys() <= _RESPONSE and (isinstance(turns, str) or _asked(turns, _is_plain_message))


def _is_plain_completion(parsed: JsonObject) -> bool:
    return parsed.keys() <= _COMPLETION and isinstance(parsed.get("prompt"), str)


def _is_plain_messages(parsed: JsonObject) -> bool:
    return (
        parsed.keys() <= _MESSAGES
        and isinstance(parsed.get("system", ""), str)
        and _asked(parsed.get("messages"), _is_plain_message)
    )


def _is_plain_gemini(parsed: JsonObject) -> bool:
    instruction = parsed.get("systemInstruction")
    return (
        parsed.keys() <= _GEMINI
        and (instruction is None or _is_plain_content(instruction))
        and _asked(parsed.get("contents"), _is_plain_content)
    )


def _is_plain_message(message: Json) -> bool:
    if not isinstance(message, Mapping) or not message.keys() <= _MESSAGE:
        return False
    role, content = message.get("role"), message.get("content")
    return isinstance(role, str) and role in _ROLES and isinstance(content, str)


def _is_plain_content(content: Json) -> bool:
    return isinstance(content, Mapping) and content.keys() <= _CONTENT and _all(content.get("parts"), _is_plain_part)


def _is_plain_part(part: Json) -> bool:
    return isinstance(part, Mapping) and len(part) == 1 and isinstance(part.get("text"), str)


def _all(items: Json, is_plain: Callable[[Json], bool]) -> bool:
    return isinstance(items, list) and all(map(is_plain, items))


def _asked(turns: Json, is_plain: Callable[[Json], bool]) -> bool:
    """As ``_all``, of turns: not every model goes on with an answer that the client has begun."""
    if not isinstance(turns, list) or not turns:
        return False
    last = turns[-1]
    begun = isinstance(last, Mapping) and last.get("role") in ("assistant", "model")
    return not begun and _all(turns, is_plain)


_CHAT = frozenset({"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"})
_RESPONSE = frozenset({"model", "input", "instructions", "stream", "store", "max_output_tokens"})
_COMPLETION = frozenset({"model", "prompt", "stream", "max_tokens"})
_MESSAGES = frozenset({"model", "messages", "system", "stream", "max_tokens"})
_GEMINI = frozenset({"contents", "systemInstruction"})
_MESSAGE = frozenset({"role", "content"})
_CONTENT = frozenset({"role", "parts"})
_ROLES = frozenset({"system", "user", "assistant"})

_IS_PLAIN: Mapping[str, Callable[[JsonObject], bool]] = {
    "openai-chat": _is_plain_chat,
    "openai-responses": _is_plain_response,
    "openai-completions": _is_plain_completion,
    "anthropic-messages": _is_plain_messages,
    "gemini": _is_plain_gemini,
}
"""By client dialect."""
