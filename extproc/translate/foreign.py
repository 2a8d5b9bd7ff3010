"""What a conversation has kept of other vendors, taken out of a request that is otherwise passed on as it is.

Clients send an answer's reasoning and citations back. Where the answer came from one vendor, and the next turn goes to another one
whose dialect is the client's own, nobody translates the request; but what only the first can read is a 400 of the
second. ``extproc.domain.sealed`` marks it.
"""

from collections.abc import Callable, Mapping

from extproc.dialects.gemini.signatures import WRAPPED_PREFIX, unwrap
from extproc.domain.reading import Json, JsonObject
from extproc.domain.sealed import PREFIX
from extproc.translate.edit import Changes

_SEAL = f'"{PREFIX}'.encode()
_WRAPPED_SEAL = f'"{WRAPPED_PREFIX}'.encode()
_EMPTY = tuple(f'"{name}":{blank}""'.encode() for name in ("signature", "encrypted_index") for blank in ("", " "))
"""As this gateway hands them to clients of Anthropic's dialect: reasoning of a model which signs nothing, and citations of
a search that another vendor made. Anthropic refuses both."""


def without_foreign(dialect: str, body: bytes, parsed: JsonObject) -> Changes:
    """The top-level members that have to change; mostly none, which costs a search or two."""
    if any(mark in body for mark in _MARKS.get(dialect, ())):
        return _CLEANERS[dialect](parsed)
    return {}


def _anthropic(parsed: JsonObject) -> Changes:
    return _cleaned(parsed, "messages", "content", _own_block)


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


def _responses(parsed: JsonObject) -> Changes:
    items = parsed.get("input")
    if not isinstance(items, list):
        return {}
    return {"input": [item for item in items if not _is_foreign_item(item)]}


def _is_foreign_item(item: Json) -> bool:
    return isinstance(item, Mapping) and item.get("type") == "reasoning" and _is_sealed(item.get("encrypted_content"))


def _gemini(parsed: JsonObject) -> Changes:
    return _cleaned(parsed, "contents", "parts", _own_part)


def _own_part(part: Json) -> list[Json]:
    """A thought goes as a whole; of a text or a call, which nobody else signs, the signature would."""
    if not isinstance(part, Mapping):
        return [part]
    foreign = [name for name in ("thoughtSignature", "thought_signature") if _is_wrapped(part.get(name))]
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
    return {turns: kept}


def _same(some: list[Json], others: list[Json]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _is_sealed(value: Json) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


_ANTHROPIC = "anthropic-messages"
_CLEANERS: Mapping[str, Callable[[JsonObject], Changes]] = {
    _ANTHROPIC: _anthropic,
    "openai-responses": _responses,
    "gemini": _gemini,
}
"""By client dialect."""
_MARKS: Mapping[str, tuple[bytes, ...]] = {
    _ANTHROPIC: (_SEAL, *_EMPTY),
    "openai-responses": (_SEAL,),
    "gemini": (_WRAPPED_SEAL,),
}
"""What a body holds that may have to change, likewise: a search or two in bytes that nobody reads otherwise."""
