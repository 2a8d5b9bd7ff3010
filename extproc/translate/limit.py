"""An output limit put into a client's request, in its own dialect: what budgets can pay for, or a target's own limit."""

from collections.abc import Callable, Mapping
from typing import Literal

from extproc.domain.reading import Json, JsonObject
from extproc.translate.edit import DELETE, Changes, Delete

_OPENAI = "openai-chat"
_NAMES = ("max_completion_tokens", "max_tokens")
_SMALLEST_BUDGET = 1024
"""Of Anthropic's ``thinking.budget_tokens``, which must stay below ``max_tokens``.
https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""

_GEMINI_SETTINGS = ("generationConfig", "generation_config")
_GEMINI_LIMITS = ("maxOutputTokens", "max_output_tokens")
_GEMINI_THINKING = ("thinkingConfig", "thinking_config")
_GEMINI_BUDGETS = ("thinkingBudget", "thinking_budget")
_TAKEN_BY_ALL = 512
"""The smallest ``thinkingBudget`` that every model takes which takes one. https://ai.google.dev/gemini-api/docs/thinking"""


def limit_edits(
    dialect: str, parsed: JsonObject, limit: int, *, unsaid: int | None = None, older: bool = False
) -> Changes:
    """What to change so that no alternative of the answer is longer than ``limit`` tokens.

    A lower limit of the client's stays. Where it says none, the lower of ``limit`` and ``unsaid`` is written.
    ``older``: the provider heeds OpenAI's ``max_tokens`` only, and passes over its newer name or refuses it.
    """
    changes = _PLANS[dialect](parsed, limit, unsaid)
    return _in_older_words(parsed, changes) if older and dialect == _OPENAI else changes


def _in_older_words(parsed: JsonObject, changes: Changes) -> Changes:
    said: list[int | float] = []
    for name in _NAMES:
        value = changes.get(name, parsed.get(name))
        if isinstance(value, int | float) and not isinstance(value, bool):
            said.append(value)
    most = min(said, default=None)
    respelt: dict[str, Json | Literal[Delete.DELETE]] = {}
    if most != parsed.get("max_tokens"):
        respelt["max_tokens"] = most
    if "max_completion_tokens" in parsed:
        respelt["max_completion_tokens"] = DELETE
    return respelt


def _openai_chat(parsed: JsonObject, limit: int, unsaid: int | None) -> Changes:
    """Clients say the older ``max_tokens`` or the newer name; reasoning models know the newer one only."""
    said = {name: value for name in _NAMES if _is_count(value := parsed.get(name))}
    if said:
        return {name: limit for name, value in said.items() if _count(value) > limit}
    return {"max_completion_tokens": _lower(limit, unsaid)}


def _one_field(name: str, parsed: JsonObject, limit: int, unsaid: int | None) -> Changes:
    value = parsed.get(name)
    if _is_count(value):
        return {name: limit} if _count(value) > limit else {}
    return {name: _lower(limit, unsaid)}


def _openai_responses(parsed: JsonObject, limit: int, unsaid: int | None) -> Changes:
    """OpenAI takes 16 at least, for which admission has to see: here a limit is never raised."""
    return _one_field("max_output_tokens", parsed, limit, unsaid)


def _openai_completions(parsed: JsonObject, limit: int, unsaid: int | None) -> Changes:
    return _one_field("max_tokens", parsed, limit, unsaid)


def _anthropic_messages(parsed: JsonObject, limit: int, unsaid: int | None) -> Changes:
    value = parsed.get("max_tokens")
    if _is_count(value) and _count(value) <= limit:
        return {}
    most = limit if _is_count(value) else _lower(limit, unsaid)
    changes: dict[str, Json] = {"max_tokens": most}
    thinking = parsed.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    if isinstance(thinking, Mapping) and _is_count(budget) and _count(budget) >= most:
        changes["thinking"] = (
            {**thinking, "budget_tokens": most - 1} if most > _SMALLEST_BUDGET else {"type": "disabled"}
        )
    return changes


def _gemini(parsed: JsonObject, limit: int, unsaid: int | None) -> Changes:
    """Google's JSON has two spellings of each name.

    The settings are written anew in any case: a limit that stood in them twice would be read one way here and another
    way there.
    """
    given = {name: value for name in _GEMINI_SETTINGS if isinstance(value := parsed.get(name), Mapping)}
    said = any(_is_count(one.get(name)) for one in given.values() for name in _GEMINI_LIMITS)
    if not given:
        return {_GEMINI_SETTINGS[0]: {_GEMINI_LIMITS[0]: _lower(limit, unsaid)}}
    changes: dict[str, Json] = {}
    for name, settings in given.items():
        own = {field: _count(value) for field in _GEMINI_LIMITS if _is_count(value := settings.get(field))}
        lowered: dict[str, Json] = {field: limit for field, value in own.items() if value > limit}
        if not said:
            lowered = {_GEMINI_LIMITS[0]: _lower(limit, unsaid)}
        changes[name] = {**_less_thought(settings, lowered), **lowered}
        said = True
    return changes


def _less_thought(settings: JsonObject, lowered: Mapping[str, Json]) -> JsonObject:
    """Thinking counts in the limit: where a lowered one leaves nothing for the answer, half of it is for thinking."""
    most = min((value for value in lowered.values() if isinstance(value, int)), default=None)
    if most is None or most // 2 < _TAKEN_BY_ALL:
        return settings
    changed = dict(settings)
    for name in _GEMINI_THINKING:
        thinking = settings.get(name)
        if isinstance(thinking, Mapping):
            over = [field for field in _GEMINI_BUDGETS if _count(thinking.get(field)) >= most]
            changed[name] = {**thinking, **dict.fromkeys(over, most // 2)}
    return changed


def _lower(limit: int, unsaid: int | None) -> int:
    return limit if unsaid is None else min(limit, unsaid)


def _is_count(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value: Json) -> float:
    return value if isinstance(value, int | float) else 0


_PLANS: Mapping[str, Callable[[JsonObject, int, int | None], Changes]] = {
    _OPENAI: _openai_chat,
    "openai-responses": _openai_responses,
    "openai-completions": _openai_completions,
    "anthropic-messages": _anthropic_messages,
    "gemini": _gemini,
}
"""By client dialect."""
