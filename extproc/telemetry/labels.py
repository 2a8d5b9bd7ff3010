"""Label values of metrics, kept to a bounded number: every new one is a time series for ever, in every worker's file."""

OTHER = "_OTHER"
"""Stands in for values past the limit; the word is the semantic conventions' own fallback."""

UNKNOWN = "unknown"
"""A model that the catalogue does not have. What the client wrote is in the log, not in a label."""

_LENGTH = 128
"""Characters of a value that are kept; vendors' model names are shorter."""


class Bounded:
    """Lets the first ``limit`` different values through, and turns all later ones into ``OTHER``. None is empty.

    Most labels are bounded by the configuration already. A model's name in an answer is the vendor's to choose, and a
    mistake anywhere else must not grow memory either.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[str | None, str] = {None: ""}

    def __call__(self, value: str | None) -> str:
        """The value to use as the label."""
        known = self._known.get(value)
        if known is not None:
            return known
        if value is None or len(self._known) > self._limit:
            return OTHER
        kept = value[:_LENGTH]
        self._known[value] = kept
        return kept
