"""What each part of a usage costs, as whole numbers: the one unit that ``tariffs``, ``cost`` and ``bounds`` share."""

from collections.abc import Iterable
from dataclasses import astuple, fields, replace
from decimal import ROUND_CEILING, Decimal
from typing import TypeAlias

from extproc.domain.valueclass import valueclass

PER = 1_000_000
"""Rates are for so many units, be they tokens, requests or searches."""

_NANOS_PER_USD = Decimal(1_000_000_000)


@valueclass
class Rates:
    """Nano-USD for a million: of tokens, but for requests and searches. The parts are those of ``Usage``."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    audio_input: int = 0
    audio_cache_read: int = 0
    output: int = 0
    reasoning: int = 0
    audio_output: int = 0
    request: int = 0
    web_search: int = 0
    file_search: int = 0

    def dearest(self, other: "Rates") -> "Rates":
        """The higher of each."""
        return self if other is self else Rates(*map(max, astuple(self), astuple(other)))

    def dearer_by(self, percent: int) -> "Rates":
        """Tokens at so many hundredths of the rate, rounded up; fees as they are."""
        if percent == 100:
            return self
        tokens = {name: -(-getattr(self, name) * percent // 100) for name in _TOKENS}
        return replace(self, **tokens)


_FEES = frozenset({"request", "web_search", "file_search"})
_TOKENS = tuple(one.name for one in fields(Rates) if one.name not in _FEES)

Steps: TypeAlias = tuple[tuple[int, Rates], ...]
"""Rates by the length of the prompt: with more than so many prompt tokens, all of the request costs this.

Ascending; the first is ``(-1, ...)``, which every request exceeds.
"""


def at(steps: Steps, prompt: int) -> Rates:
    """The rates of a request with so many prompt tokens, cached ones included."""
    found = steps[0][1]
    for above, rates in steps:
        if prompt <= above:
            break
        found = rates
    return found


def dearest_steps(several: Iterable[Steps]) -> Steps:
    """Steps that are nowhere cheaper than any of these. Raises ``ValueError`` for none."""
    merged, *rest = several
    for steps in rest:
        if steps == merged:
            continue
        starts = sorted({above for above, _ in (*merged, *steps)})
        merged = tuple((above, at(merged, above + 1).dearest(at(steps, above + 1))) for above in starts)
    return merged


def dearer_steps(steps: Steps, percent: int) -> Steps:
    """Each of the steps, its tokens at so many hundredths of the rate."""
    return tuple((above, rates.dearer_by(percent)) for above, rates in steps)


def rate(usd: Decimal, units: int = PER) -> int:
    """US dollars for ``units`` as nano-USD for a million; what is finer than a nano-dollar is rounded up."""
    return int((usd * _NANOS_PER_USD * PER / units).to_integral_value(ROUND_CEILING))
