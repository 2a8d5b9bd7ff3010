"""Which of Claude's models refuses which request field, on whatever cloud: newer ones answer 400 to what older ones require.

Shared by the dialects that speak to them. Sources, read in October 2026: https://platform.claude.com/docs/en/build-with-claude/thinking,
https://platform.claude.com/docs/en/build-with-claude/effort,
https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages and the migration guides under
https://platform.claude.com/docs/en/models/ (Opus 4.7, Sonnet 5, Opus 5.5, Sonnet 5.5, Haiku 5.5).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from extproc.domain.valueclass import valueclass


@valueclass
class Traits:
    """What a model takes. The defaults are those of a model that is not listed, such as another vendor's."""

    adaptive: bool = False
    """``thinking: {type: adaptive}``."""
    budget: bool = True
    """``thinking: {type: enabled, budget_tokens}``."""
    thought_first: bool = False
    """With such a budget, an answer that goes on behind tool results must have begun with thinking.

    Not with ``adaptive`` (https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking).
    """
    off: Literal["disabled", "between_tools"] | None = "disabled"
    """The ``thinking.type`` that turns thinking off; None: it is always on."""
    efforts: frozenset[str] = frozenset()
    """Values of ``output_config.effort``."""
    sampling: Literal["free", "one", "default"] = "free"
    """``one``: temperature or top_p, not both; ``default``: none of temperature, top_p, top_k but at its default."""
    forced_tools: bool = True
    """``tool_choice`` of type ``any`` or ``tool``."""
    prefill: bool = True
    """Goes on from a final assistant's message (https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6)."""
    system_turns: bool = False
    """Messages of role ``system`` behind a user's."""


_COMMON = frozenset({"low", "medium", "high"})

_UNLISTED = Traits()
_BUDGET = Traits(thought_first=True)
_ONE_SAMPLER = replace(_BUDGET, sampling="one")
_V4_5_OPUS = replace(_ONE_SAMPLER, efforts=_COMMON)
_V4_6 = replace(_ONE_SAMPLER, prefill=False, adaptive=True, efforts=_COMMON | {"max"})
_V4_7 = replace(_V4_6, budget=False, sampling="default", efforts=_COMMON | {"xhigh", "max"})
_V4_8 = replace(_V4_7, system_turns=True)
_ALWAYS_ON = replace(_V4_8, off=None)
_V5_5 = replace(_ALWAYS_ON, forced_tools=False)
_V5_5_SONNET = replace(_V5_5, off="between_tools")

Version = tuple[int, int]

# Newest first: a model has the traits of the first row that is not newer, so a future version has those of the newest.
_SINCE: Mapping[str, tuple[tuple[Version, Traits], ...]] = {
    "opus": (
        ((5, 5), _V5_5),
        ((4, 8), _V4_8),
        ((4, 7), _V4_7),
        ((4, 6), _V4_6),
        ((4, 5), _V4_5_OPUS),
        ((4, 1), _ONE_SAMPLER),
        ((0, 0), _BUDGET),
    ),
    "sonnet": (
        ((5, 5), _V5_5_SONNET),
        ((5, 0), _V4_7),
        ((4, 6), _V4_6),
        ((4, 5), _ONE_SAMPLER),
        ((0, 0), _BUDGET),
    ),
    "haiku": (((5, 0), _V4_8), ((4, 5), _ONE_SAMPLER), ((0, 0), _BUDGET)),
    "fable": (((5, 1), _V5_5), ((0, 0), _ALWAYS_ON)),
    "mythos": (((5, 1), _V5_5), ((0, 0), _ALWAYS_ON)),
}

_FAMILIES = "|".join(_SINCE)
_FAMILY_FIRST = re.compile(rf"claude-({_FAMILIES})-(\d{{1,2}})(?:[-.](\d{{1,2}}))?(?!\d)")
_VERSION_FIRST = re.compile(rf"claude-(\d)(?:[-.](\d))?-({_FAMILIES})")


@lru_cache(maxsize=1024)
def version_of(model: str) -> tuple[str, Version] | None:
    """Family and version behind a model's name, whatever a cloud puts around it; None where it is not Claude's.

    ``us.anthropic.claude-opus-4-6-v1`` → ``("opus", (4, 6))``.
    """
    if match := _FAMILY_FIRST.search(model):
        family, major, minor = match.groups()
    elif match := _VERSION_FIRST.search(model):
        major, minor, family = match.groups()
    else:
        return None
    return family, (int(major), int(minor or 0))


@lru_cache(maxsize=1024)
def traits_of(model: str) -> Traits:
    """The traits behind a model's name; the defaults where it is not Claude's."""
    known = version_of(model)
    if known is None:
        return _UNLISTED
    family, version = known
    return next(traits for since, traits in _SINCE[family] if since <= version)
