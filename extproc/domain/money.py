"""Money: a whole number of nano-dollars, so that no sum is ever rounded. Floats never touch it."""

from decimal import ROUND_CEILING, Decimal
from typing import NewType

NanoUsd = NewType("NanoUsd", int)
"""10^-9 US dollars."""

NANOS = 1_000_000_000
"""In a dollar."""

MAX_USD = 9_000_000
"""The largest limit, in dollars. The store compares amounts as doubles, which are whole up to 2^53 nano-dollars."""


def nano_usd(dollars: Decimal) -> NanoUsd:
    """Dollars as nano-dollars; what is finer is rounded up."""
    return NanoUsd(int((dollars * NANOS).to_integral_value(ROUND_CEILING)))


def dollars(nanos: int) -> Decimal:
    """Nano-dollars as dollars, exactly."""
    return Decimal(nanos).scaleb(-9)


def usd_text(nanos: int) -> str:
    """For people and headers: ``1.25``, ``0.000000001``; no exponent, no needless zeros, two decimals at least."""
    whole, fraction = divmod(abs(nanos), NANOS)
    digits = f"{fraction:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nanos < 0 else ''}{whole}.{digits}"
