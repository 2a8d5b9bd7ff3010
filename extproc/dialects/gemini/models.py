"""Which model takes which request field.

Sources, read in November 2026: https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking (levels and
budgets by model), https://ai.google.dev/gemini-api/docs/thought-signatures (Gemini 3 refuses unsigned calls),
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/start/get-started-with-gemini-4 and
https://dev.to/aihubmix/gemini-4-neon-migration-default-high-thinking-400-errors-and-the-65k-cap-45gj (what Gemini 4
answers with a 400, and what it ignores), https://github.com/googleapis/python-genai/issues/706 (before Gemini 3,
"Function calling with a response mime type: 'application/json' is unsupported").
"""

import re
from dataclasses import replace
from functools import lru_cache

from extproc.domain.valueclass import valueclass


@valueclass
class Traits:
    """What a model takes. The defaults are those of the newest generation, which unknown names are taken for."""

    levels: tuple[str, ...] = ("LOW", "MEDIUM", "HIGH")
    """Values of ``thinkingLevel``, from least to most; none: the model knows budgets, or does not think."""
    budget: tuple[int, int] | None = None
    """Smallest and largest ``thinkingBudget`` (tokens) but 0 and -1."""
    can_stop_thinking: bool = False
    """``thinkingBudget: 0`` turns thinking off."""
    sampling: bool = True
    """Heeds ``temperature``, ``topP``, ``topK``."""
    penalties: bool = True
    """Takes ``presencePenalty`` and ``frequencyPenalty``."""
    candidates: bool = True
    """Takes a ``candidateCount`` above 1."""
    cached_content: bool = True
    signed_calls: bool = True
    """Answers 400 to function calls without a thought signature."""
    media_in_results: bool = True
    """Takes images and documents inside a ``functionResponse``."""
    validated_calls: bool = True
    """Takes the function calling mode ``VALIDATED``."""
    format_with_tools: bool = True
    """Takes an output format beside functions."""

    @property
    def thinks(self) -> bool:
        """Whether there is any way to tell it how much to think."""
        return bool(self.levels) or self.budget is not None


_LATEST = Traits()
_V4 = replace(_LATEST, sampling=False, penalties=False, candidates=False, cached_content=False)
_V3_PRO = replace(_LATEST, levels=("LOW", "HIGH"))
_V3_FLASH = replace(_LATEST, levels=("MINIMAL", "LOW", "MEDIUM", "HIGH"))
_V2_5 = Traits(
    levels=(),
    budget=(1, 24576),
    can_stop_thinking=True,
    signed_calls=False,
    media_in_results=False,
    format_with_tools=False,
)
_V2_5_LITE = replace(_V2_5, budget=(512, 24576))
_V2_5_PRO = replace(_V2_5, budget=(128, 32768), can_stop_thinking=False)
_OLD = replace(_V2_5, budget=None, can_stop_thinking=False, validated_calls=False)

_VERSION = re.compile(r"gemini-(\d{1,2})(?:[.-](\d{1,2})(?!\d))?(?:-([a-z]+))?(-lite)?")


@lru_cache(maxsize=1024)
def traits_of(model: str) -> Traits:
    """The traits behind a model's name, whatever a cloud puts around it (``publishers/google/models/gemini-3.6-flash``)."""
    match = _VERSION.search(model)
    if match is None:
        return _LATEST
    version = (int(match[1]), int(match[2] or 0))
    return _versioned(version, match[3] or "", is_lite=match[4] is not None)


def _versioned(version: tuple[int, int], family: str, *, is_lite: bool) -> Traits:
    if version >= (4, 0):
        return _V4
    if version >= (3, 0):
        if family == "pro":
            return _LATEST if version >= (3, 1) else _V3_PRO
        return _V3_FLASH if is_lite or version <= (3, 6) else _LATEST
    if version >= (2, 5):
        return _V2_5_PRO if family == "pro" else _V2_5_LITE if is_lite else _V2_5
    return _OLD


def generation_of(model: str) -> int:
    """The major version in a model's name; 0 where there is none."""
    match = _VERSION.search(model)
    return int(match[1]) if match else 0
