"""Contents without the ids of calls, which Vertex AI does not know: ``Unknown name "id" at 'contents[1].parts[0].function_call'``.

It tells results apart by the function's name and, of several calls of one function, by their order. Sources:
https://github.com/vercel/ai/issues/15664, https://github.com/googleapis/python-genai (whose requests to Vertex have none).
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject

_CALLS = ("functionCall", "function_call")
_RESULTS = ("functionResponse", "function_response")


def without_call_ids(contents: list[Json]) -> list[Json]:
    """New contents; a turn's results stand in the order of the calls they answer. The given ones are not changed."""
    order: dict[str, int] = {}
    return [_content(content, order) for content in contents]


def _content(content: Json, order: dict[str, int]) -> Json:
    parts = content.get("parts") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(parts, list):
        return content
    for part in parts:
        called = _id_of(part, _CALLS)
        if called is not None:
            order.pop(called, None)  # some clients count from 0 again in every turn
            order[called] = len(order)
    ranks = {called: rank for rank, called in enumerate(order)}
    return {**content, "parts": [_without_id(part) for part in _in_order(parts, ranks)]}


def _in_order(parts: list[Json], ranks: Mapping[str, int]) -> list[Json]:
    """The results among the parts change places with each other; all else stays where it is."""
    found: list[tuple[int, int]] = []
    for at, part in enumerate(parts):
        rank = ranks.get(_id_of(part, _RESULTS) or "")
        if rank is not None:
            found.append((rank, at))
    moved = list(parts)
    for (_, source), (_, place) in zip(sorted(found), found, strict=True):
        moved[place] = parts[source]
    return moved


def _holder(part: Json, names: tuple[str, ...]) -> tuple[str, JsonObject] | None:
    if isinstance(part, Mapping):
        for name in names:
            value = part.get(name)
            if isinstance(value, Mapping):
                return name, value
    return None


def _id_of(part: Json, names: tuple[str, ...]) -> str | None:
    found = _holder(part, names)
    called = found[1].get("id") if found else None
    return called if isinstance(called, str) else None


def _without_id(part: Json) -> Json:
    found = _holder(part, (*_CALLS, *_RESULTS))
    if not isinstance(part, Mapping) or found is None or "id" not in found[1]:
        return part
    name, value = found
    return {**part, name: {key: inner for key, inner in value.items() if key != "id"}}
