"""Models that write less than the default output limit: they refuse requests that name a higher one.

Newer models write 16,384 tokens at least. Sources: https://platform.openai.com/docs/models (each model's page),
https://platform.claude.com/docs/en/about-claude/models/overview, https://ai.google.dev/gemini-api/docs/models,
https://docs.aws.amazon.com/nova/latest/userguide/what-is-nova.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html.
"""

import re
from collections.abc import Mapping

_SHORT: Mapping[str, int] = {
    "gpt-3.5": 4096,
    "gpt-4-": 4096,
    "gpt-4o-2024-05-13": 4096,
    "claude-3-opus": 4096,
    "claude-3-sonnet": 4096,
    "claude-3-haiku": 4096,
    "claude-3-5": 8192,
    "gemini-1.": 8192,
    "gemini-2.0": 8192,
    "amazon.nova-micro": 10_000,
    "amazon.nova-lite": 10_000,
    "amazon.nova-pro": 10_000,
    "amazon.nova-premier": 10_000,
    "meta.llama3": 2048,
}
"""By the beginning of the name."""
_PLACE = re.compile(r"(.*/)?((us|eu|apac|jp|au|ca|us-gov|global)\.)?(anthropic\.)?")
"""What clouds put before it: an ARN or a path, an inference profile, and before Claude its maker."""
_EXACT: Mapping[str, int] = {
    "gpt-4": 4096
}  # of a window of 8,192; whoever asks for all of it leaves none for the prompt


def most_output(model: str) -> int | None:
    """The longest answer of a model that is known to be short, in tokens; None for all others."""
    name = _PLACE.sub("", model, count=1)
    exact = _EXACT.get(name)
    return exact or next((most for beginning, most in _SHORT.items() if name.startswith(beginning)), None)
