"""Token usage, normalised once: every dialect's reader fills this, every dialect's writer renders it.

Vendors disagree on what ``prompt_tokens`` holds. Here the parts are disjoint, so that nothing is counted twice:
``input`` excludes cached tokens, ``cache_write`` is split by lifetime, and ``reasoning`` is the part *within* ``output``.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of one answer, in tokens unless said otherwise. All parts are disjoint but the details of ``output``."""

    input: int = 0
    """Prompt tokens neither read from nor written to a prompt cache."""
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    """All tokens produced, reasoning and audio included."""
    reasoning: int = 0
    """The part of ``output`` spent on reasoning."""
    audio_input: int = 0
    """The part of all input that is audio."""
    audio_output: int = 0
    """The part of ``output`` that is audio."""
    accepted_prediction: int = 0
    rejected_prediction: int = 0
    web_searches: int = 0
    """Server-side tool calls that carry a fee each (not tokens)."""
    file_searches: int = 0
    """Likewise: searches of stored files (``file_search_call`` items of OpenAI's Responses)."""
    audio_cache_read: int = 0
    """The part of ``cache_read`` that is audio, where the vendor says so (Gemini)."""

    image_input: int = 0
    """The part of all input that is images, where the vendor says so (OpenAI's image models)."""
    image_output: int = 0
    """The part of ``output`` that is images, likewise."""
    audio_seconds: int = 0
    """Seconds of audio in, each begun one counted, where the vendor bills by duration and counts no tokens (Whisper)."""
    search_units: int = 0
    """What reranking is billed by: a query with up to 100 documents is one."""

    @property
    def cache_write(self) -> int:
        """Prompt tokens written to a cache, whatever their lifetime."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def prompt(self) -> int:
        """All prompt tokens, as OpenAI's ``prompt_tokens`` counts them."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        """Prompt and output together."""
        return self.prompt + self.output

    def merged(self, later: "Usage") -> "Usage":
        """The larger of each count: vendors repeat running totals over a stream, and never lower one."""
        return Usage(*(max(getattr(self, f.name), getattr(later, f.name)) for f in fields(Usage)))
