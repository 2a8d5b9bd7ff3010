"""What a conversation has kept of other vendors, taken out of a request that is otherwise passed on as it is.

Clients send an answer's reasoning and citations back. Where the answer came from one vendor, and the next turn goes to another one
whose dialect is the client's own, nobody translates the request; but what only the first can read is a 400 of the
second. ``extproc.domain.sealed`` marks it.
"""

import re
from collections.abc import Callable, Collection, Mapping

from extproc.dialects.gemini.models import generation_of, traits_of
from extproc.dialects.gemini.signatures import SKIP_VALIDATION, WRAPPED_PREFIX, unwrap
from extproc.domain.reading import Json, JsonObject
from extproc.domain.sealed import PREFIX
from extproc.domain.valueclass import valueclass
from extproc.translate.edit import Changes

_BLANKS = r"[ \t\r\n]*"
_SEAL = rf'"{re.escape(PREFIX)}'
_WRAPPED_SEAL = rf'"{re.escape(WRAPPED_PREFIX)}'
_EMPTY = rf'"(?:signature|encrypted_index)"{_BLANKS}:{_BLANKS}""'
"""As this gateway hands them to clients of Anthropic's dialect: reasoning of a model which signs nothing, and citations of
a search that another vendor made. Anthropic refuses both."""


@valueclass
class Server:
    """Who is asked."""

    model: str = ""
    """The name that says which model it is."""
    replay_reasoning: bool = False
    """It wants ``reasoning_content`` of earlier turns back."""


_ANYONE = Server()


def without_foreign(dialect: str, body: bytes, parsed: JsonObject, server: Server = _ANYONE) -> Changes:
    """The top-level members that have to change; mostly none, which costs a search or two."""
    mark = _MARKS.get(dialect)
    return _CLEANERS[dialect](parsed, server) if mark is not None and mark.search(body) else {}


def _chat(parsed: JsonObject, server: Server) -> Changes:
    """Reasoning and signatures go: many servers of the dialect refuse them, for OpenAI's API has no field for them.

    Some want their own back, as Gemini's OpenAI-compatible API does its signatures. Sources: https://github.com/QwenLM/qwen-code/issues/11045 (Cerebras), https://github.com/janhq/jan/issues/8136 (Groq),
    https://ai.google.dev/gemini-api/docs/thought-signatures#openai.
    """
    messages = parsed.get("messages")
    if not isinstance(messages, list):
        return {}
    removed = {"thinking_blocks"} if server.replay_reasoning else _THINKING
    signed = generation_of(server.model) > 0
    kept = [said for message in messages for said in _own_message(message, removed, signed=signed)]
    return {} if _same(kept, messages) else {"messages": kept}


def _own_message(message: Json, removed: Collection[str], *, signed: bool) -> list[Json]:
    """The message without what only others read; nothing where it was all of it."""
    if not isinstance(message, Mapping):
        return [message]
    calls = message.get("tool_calls")
    if isinstance(calls, list) and not signed:
        unsigned = [_unsigned(call) for call in calls]
        if not _same(unsigned, calls):
            message = {**message, "tool_calls": unsigned}
    if message.keys().isdisjoint(removed):
        return [message]
    rest = {name: value for name, value in message.items() if name not in removed}
    said = _SAID if "reasoning_content" in removed else (*_SAID, "reasoning_content")
    return [rest] if any(rest.get(name) for name in said) else []


def _unsigned(call: Json) -> Json:
    extra = call.get("extra_content") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(extra, Mapping) or "google" not in extra:
        return call
    return {name: value for name, value in call.items() if name != "extra_content"}


def _anthropic(parsed: JsonObject, _: Server) -> Changes:
    """Who thinks by a budget goes on only with an answer that began with thinking: without it, it goes on without.

    https://platform.claude.com/docs/en/build-with-claude/extended-thinking#preserving-thinking-blocks
    """
    cleaned = _cleaned(parsed, "messages", "content", _own_block)
    thinking, messages = parsed.get("thinking"), cleaned.get("messages")
    by_budget = isinstance(thinking, Mapping) and thinking.get("type") == "enabled"
    if by_budget and isinstance(messages, list) and _goes_on_unthought(messages):
        return {**cleaned, "thinking": {"type": "disabled"}}
    return cleaned


def _goes_on_unthought(messages: list[Json]) -> bool:
    """Whether the last turn is results of tools alone, and the answer they belong to did not begin with thinking."""
    first: Json = None
    for at, message in enumerate(reversed(messages)):
        content = message.get("content") if isinstance(message, Mapping) else None
        kinds = [part.get("type") for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
        if isinstance(message, Mapping) and message.get("role") == "assistant" and at:
            first = kinds[0] if kinds else "text"
        elif not kinds or any(kind != "tool_result" for kind in kinds):
            break
    return first is not None and first not in ("thinking", "redacted_thinking")


def _own_block(block: Json) -> list[Json]:
    if not isinstance(block, Mapping):
        return [block]
    match block.get("type"):
        case "thinking":
            foreign = not block.get("signature") or _is_sealed(block["signature"])
        case "redacted_thinking":
            foreign = _is_sealed(block.get("data"))
        case "text":
            return [_own_citations(block)]
        case _:
            foreign = False
    return [] if foreign else [block]


def _own_citations(block: JsonObject) -> JsonObject:
    citations = block.get("citations")
    if not isinstance(citations, list):
        return block
    own = [citation for citation in citations if not _is_foreign_citation(citation)]
    return block if len(own) == len(citations) else {**block, "citations": own or None}


def _is_foreign_citation(citation: Json) -> bool:
    return (
        isinstance(citation, Mapping)
        and citation.get("type") == "web_search_result_location"
        and not citation.get("encrypted_index")
    )


def _responses(parsed: JsonObject, _: Server) -> Changes:
    items = parsed.get("input")
    if not isinstance(items, list):
        return {}
    own = [item for item in items if not _is_foreign_item(item)]
    return {} if _same(own, items) else {"input": own}


def _is_foreign_item(item: Json) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "reasoning" and _is_sealed(item.get("encrypted_content"))


def _gemini(parsed: JsonObject, server: Server) -> Changes:
    cleaned = _cleaned(parsed, "contents", "parts", _own_part)
    contents = cleaned.get("contents", parsed.get("contents"))
    if not isinstance(contents, list) or not traits_of(server.model).signed_calls:
        return cleaned
    signed = _signed(contents)
    return cleaned if _same(signed, contents) else {"contents": signed}


def _signed(contents: list[Json]) -> list[Json]:
    """A step whose first call has no signature is of another vendor's model, or of an older one: these models refuse it.

    In every turn, as the renderer of this dialect does. A client that keeps a stream in pieces has several contents for
    one step.
    """
    signed: list[Json] = []
    begun = False
    for content in contents:
        parts = content.get("parts") if isinstance(content, Mapping) and content.get("role") == "model" else None
        if not isinstance(content, Mapping) or not isinstance(parts, list):
            begun = False
            signed.append(content)
            continue
        first = None if begun else next((at for at, part in enumerate(parts) if _is_call(part)), None)
        begun = begun or first is not None
        call = None if first is None else parts[first]
        if first is None or not isinstance(call, Mapping) or any(call.get(name) for name in _SIGNATURES):
            signed.append(content)
        else:
            marked = {**call, _SIGNATURES[0]: SKIP_VALIDATION}
            signed.append({**content, "parts": [*parts[:first], marked, *parts[first + 1 :]]})
    return signed


def _is_call(part: Json) -> bool:
    return isinstance(part, Mapping) and not _CALLS.isdisjoint(part)


def _own_part(part: Json) -> list[Json]:
    """A thought goes as a whole; of a text or a call, which nobody else signs, the signature would."""
    if not isinstance(part, Mapping):
        return [part]
    foreign = [name for name in _SIGNATURES if _is_wrapped(part.get(name))]
    if not foreign:
        return [part]
    return [] if part.get("thought") else [{name: value for name, value in part.items() if name not in foreign}]


def _is_wrapped(value: Json) -> bool:
    return isinstance(value, str) and unwrap(value)[1] != "gemini"


def _cleaned(parsed: JsonObject, turns: str, parts: str, own_of: Callable[[Json], list[Json]]) -> Changes:
    """Turns without what is foreign, and without turns of which nothing is left. ``own_of`` gives what stays of a part."""
    listed = parsed.get(turns)
    if not isinstance(listed, list):
        return {}
    kept: list[Json] = []
    for turn in listed:
        content = turn.get(parts) if isinstance(turn, Mapping) else None
        if not isinstance(turn, Mapping) or not isinstance(content, list):
            kept.append(turn)
            continue
        own = [each for part in content for each in own_of(part)]
        if own or not content:
            kept.append(turn if _same(own, content) else {**turn, parts: own})
    return {} if _same(kept, listed) else {turns: kept}


def _same(some: list[Json], others: list[Json]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _is_sealed(value: Json) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


_THINKING = frozenset({"thinking_blocks", "reasoning_content"})
_SAID = ("content", "refusal", "tool_calls", "function_call", "audio")
"""What can be in an assistant's message beside them."""

_SIGNATURES = ("thoughtSignature", "thought_signature")
_CALLS = frozenset({"functionCall", "function_call"})

_CLEANERS: Mapping[str, Callable[[JsonObject, Server], Changes]] = {
    "openai-chat": _chat,
    "anthropic-messages": _anthropic,
    "openai-responses": _responses,
    "gemini": _gemini,
}
"""By client dialect."""
_MARKS: Mapping[str, re.Pattern[bytes]] = {
    "openai-chat": re.compile(rb'"(?:thinking_blocks|reasoning_content|extra_content)"'),
    "anthropic-messages": re.compile(f"{_SEAL}|{_EMPTY}".encode()),
    "openai-responses": re.compile(_SEAL.encode()),
    "gemini": re.compile(rf'{_WRAPPED_SEAL}|"function(?:Call|_call)"'.encode()),
}
"""What a body holds that may have to change, likewise: one search in bytes that nobody reads otherwise."""
