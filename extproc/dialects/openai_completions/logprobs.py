"""Log probabilities: parallel lists in Completions, a list of objects in Chat Completions, which is the neutral form.

Sources: openai.types.completion_choice.Logprobs, openai.types.chat.chat_completion_token_logprob.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject


def parse_logprobs(value: Json) -> JsonObject | None:
    """Chat Completions' shape of a choice's ``logprobs``; None where there are none.

    A token without a probability, which is how the first one of an echoed prompt comes, is left out.
    """
    if not isinstance(value, Mapping):
        return None
    tokens, chances, tops = (_items(value, name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    content: list[Json] = []
    for index, (token, chance) in enumerate(zip(tokens, chances, strict=False)):
        if isinstance(token, str) and isinstance(chance, int | float):
            top = tops[index] if index < len(tops) else None
            content.append({**_entry(token, chance), "top_logprobs": _alternatives(top)})
    return {"content": content, "refusal": None} if content else None


def render_logprobs(value: JsonObject | None, offset: int) -> JsonObject | None:
    """The lists of Completions; ``offset`` (characters) is where in the choice's text the first token stands."""
    entries = [entry for entry in _items(value or {}, "content") if isinstance(entry, Mapping)]
    if not entries:
        return None
    tokens: list[Json] = []
    chances: list[Json] = []
    offsets: list[Json] = []
    tops: list[Json] = []
    for entry in entries:
        token = entry.get("token")
        text = token if isinstance(token, str) else ""
        tokens.append(text)
        chances.append(entry.get("logprob"))
        offsets.append(offset)
        offset += len(text)
        tops.append(_by_token(_items(entry, "top_logprobs")))
    return {
        "tokens": tokens,
        "token_logprobs": chances,
        "top_logprobs": tops if any(tops) else None,
        "text_offset": offsets,
    }


def _items(value: JsonObject, name: str) -> list[Json]:
    items = value.get(name)
    return items if isinstance(items, list) else []


def _entry(token: str, chance: float) -> dict[str, Json]:
    return {"token": token, "logprob": chance, "bytes": None}


def _alternatives(top: Json) -> list[Json]:
    if not isinstance(top, Mapping):
        return []
    return [_entry(token, chance) for token, chance in top.items() if isinstance(chance, int | float)]


def _by_token(alternatives: list[Json]) -> JsonObject:
    return {
        token: one.get("logprob")
        for one in alternatives
        if isinstance(one, Mapping) and isinstance(token := one.get("token"), str)
    }
