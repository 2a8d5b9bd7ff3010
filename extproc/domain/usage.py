"""Token usage, normalised once: every dialect's reader fills this, every dialect's writer renders it.

Vendors disagree on what ``prompt_tokens`` holds. Here the parts are disjoint, so that nothing is counted twice:
``input`` excludes cached tokens, ``cache_write`` is split by lifetime, and ``reasoning`` is the part *within* ``output``.
"""

from dataclasses import fields

from extproc.domain.valueclass import valueclass


@valueclass
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
        """A stream's running totals after one more report.

        What is produced, and what has a fee, only grows: the larger count stands. The prompt does not change, but a later
        report may split it another way (cached tokens told at the end only), and parts of two splits are no prompt: the
        later one stands whole, unless it says nothing of the prompt.
        """
        prompt = later if later.prompt else self
        counts: dict[str, int] = {}
        for name in _NAMES:
            mine, others = getattr(self, name), getattr(later, name)
            counts[name] = getattr(prompt, name) if name in _OF_THE_PROMPT else max(mine, others)
        return Usage(**counts)

    def plus(self, other: "Usage") -> "Usage":
        """Both together: of two calls that one answer took."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in _NAMES})


_NAMES = tuple(each.name for each in fields(Usage))
_OF_THE_PROMPT = frozenset(
    {"input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "audio_cache_read", "image_input"}
)
"""Parts of the prompt, and parts of its parts."""
