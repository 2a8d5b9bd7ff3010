"""Models that write less than the default output limit: they refuse requests that name a higher one.

Newer models write 16,384 tokens at least. Sources: https://platform.openai.com/docs/models (each model's page),
https://platform.claude.com/docs/en/about-claude/models/overview.
"""

from collections.abc import Mapping

_SHORT: Mapping[str, int] = {
    "gpt-3.5": 4096,
    "gpt-4-": 4096,
    "gpt-4o-2024-05-13": 4096,
    "claude-3-opus": 4096,
    "claude-3-sonnet": 4096,
    "claude-3-haiku": 4096,
    "claude-3-5": 8192,
}
"""By the beginning of the name."""
_EXACT: Mapping[str, int] = {
    "gpt-4": 4096
}  # of a window of 8,192; whoever asks for all of it leaves none for the prompt


def most_output(model: str) -> int | None:
    """The longest answer of a model that is known to be short, in tokens; None for all others."""
    exact = _EXACT.get(model)
    return exact or next((most for beginning, most in _SHORT.items() if model.startswith(beginning)), None)
