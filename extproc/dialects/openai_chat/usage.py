"""Usage JSON ↔ ``Usage``: as in legacy Completions."""

from extproc.dialects.openai_usage import parse_usage, render_usage

__all__ = ["parse_usage", "render_usage"]
