"""What a conversation has kept of other vendors, taken out of a request that is otherwise passed on as it is.

Clients send an answer's reasoning back. Where the answer came from one vendor, and the next turn goes to another one
whose dialect is the client's own, nobody translates the request; but what only the first can read is a 400 of the
second. ``extproc.domain.sealed`` marks it.
"""

from collections.abc import Callable, Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.domain.sealed import PREFIX
from extproc.translate.edit import Changes

_SEAL = f'"{PREFIX}'.encode()
_UNSIGNED = (b'"signature":""', b'"signature": ""')
"""Of reasoning that came from a model which signs nothing, as this gateway hands it to clients of Anthropic's dialect."""


def without_foreign(dialect: str, body: bytes, parsed: JsonObject) -> Changes:
    """The top-level members that have to change; mostly none, which costs a search or two."""
    if _SEAL in body or (dialect == _ANTHROPIC and any(sign in body for sign in _UNSIGNED)):
        clean = _CLEANERS.get(dialect)
        return {} if clean is None else clean(parsed)
    return {}


def _anthropic(parsed: JsonObject) -> Changes:
    return _cleaned(parsed, "messages", "content", _is_foreign_block)


def _is_foreign_block(block: Json) -> bool:
    if not isinstance(block, Mapping):
        return False
    match block.get("type"):
        case "thinking":
            return not block.get("signature") or _is_sealed(block["signature"])
        case "redacted_thinking":
            return _is_sealed(block.get("data"))
        case _:
            return False


def _responses(parsed: JsonObject) -> Changes:
    items = parsed.get("input")
    if not isinstance(items, list):
        return {}
    return {"input": [item for item in items if not _is_foreign_item(item)]}


def _is_foreign_item(item: Json) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "reasoning" and _is_sealed(item.get("encrypted_content"))


def _gemini(parsed: JsonObject) -> Changes:
    def is_foreign(part: Json) -> bool:
        return isinstance(part, Mapping) and (
            _is_sealed(part.get("thoughtSignature")) or _is_sealed(part.get("thought_signature"))
        )

    return _cleaned(parsed, "contents", "parts", is_foreign)


def _cleaned(parsed: JsonObject, turns: str, parts: str, is_foreign: Callable[[Json], bool]) -> Changes:
    """Turns without the parts that are foreign, and without turns of which nothing is left."""
    listed = parsed.get(turns)
    if not isinstance(listed, list):
        return {}
    kept: list[Json] = []
    for turn in listed:
        content = turn.get(parts) if isinstance(turn, Mapping) else None
        if not isinstance(turn, Mapping) or not isinstance(content, list):
            kept.append(turn)
            continue
        own = [part for part in content if not is_foreign(part)]
        if own or not content:
            kept.append({**turn, parts: own} if len(own) < len(content) else turn)
    return {turns: kept}


def _is_sealed(value: Json) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


_ANTHROPIC = "anthropic-messages"
_CLEANERS: Mapping[str, Callable[[JsonObject], Changes]] = {
    _ANTHROPIC: _anthropic,
    "openai-responses": _responses,
    "gemini": _gemini,
}
"""By client dialect."""
