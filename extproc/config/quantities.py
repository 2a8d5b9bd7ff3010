"""The quantities of budgets, limits and prices: amounts of money, shares, token counts, rates, windows, time zones.

Like ``scalars``: each raises ``wrong(...)`` with the words for the user, and the admin API reads the same types.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import PlainValidator, ValidatorFunctionWrapHandler, WithJsonSchema, WrapValidator

from extproc.config.problems import closest
from extproc.config.scalars import seconds_of, wrong
from extproc.domain.meters import SHARE
from extproc.domain.money import MAX_USD

T = TypeVar("T")

_COUNT = 10**15  # of tokens or requests: more than all providers serve, and the store's doubles are whole up to 2^53
_TOKENS = 100_000_000  # ten times the longest context of any model
_DAY = 86400
_LONGEST = 366 * _DAY  # a leap year
_DECIMALS = 9  # a nano-dollar

_AMOUNT = re.compile(r"\d{1,12}(?:\.\d{1,30})?")
_TOKEN_COUNT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([kM])?")
_RATE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([kM])?/(s|min|h|day)")
_ROLLING = re.compile(r"(\d{1,9})\s*(s|m|h|d)?")
_THOUSANDS = {"k": 1000, "M": 1_000_000, None: 1}
_PER = {"s": 1, "min": 60, "h": 3600, "day": _DAY}
_ROLLING_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": _DAY, None: 1}


@dataclass(frozen=True, slots=True)
class RateAmount:
    """So many in so many seconds, whichever seconds these are: a rolling window."""

    amount: int
    seconds: int


def one_or_more(read: Callable[[object], T], json_schema: object) -> WrapValidator:
    """For ``Annotated[tuple[X, ...], ...]``: one X alone is as good as a list of it, and has no index in messages.

    ``json_schema``: the type that editors are told of, ``X | tuple[X, ...]``.
    """

    def wrap(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        return handler(value) if isinstance(value, list | tuple) else (read(value),)

    return WrapValidator(wrap, json_schema_input_type=json_schema)


def _decimal(value: object) -> Decimal | None:
    """A float's shortest text is what was written."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        return number if number.is_finite() else None
    return Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value.strip()) else None


def _usd(value: object) -> Decimal:
    amount = _decimal(value)
    if amount is None:
        raise wrong("must be an amount in US dollars", "Write it as a number, such as 50 or 0.25", show=True)
    if not 0 <= amount <= MAX_USD:
        raise wrong(f"must be from 0 to {MAX_USD}", show=True)
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_DECIMALS:
        raise wrong(f"must have at most {_DECIMALS} decimals", "A nano-dollar is the smallest amount", show=True)
    return amount


def _share(value: object) -> int:
    share = _decimal(value)
    if share is None or not 0 < share <= 1:
        raise wrong("must be a share, more than 0 and at most 1", "80 % is 0.8", show=True)
    if share * SHARE % 1:
        raise wrong("must have at most 4 decimals", show=True)
    return int(share * SHARE)


def _token_count(value: object) -> int:
    count = _decimal(value)
    if isinstance(value, str) and (match := _TOKEN_COUNT.fullmatch(value.strip())):
        count = Decimal(match[1]) * _THOUSANDS[match[2]]
    if count is None or count % 1:
        raise wrong("must be a whole number of tokens", "Write 200000 or 200k", show=True)
    if not 1 <= count <= _TOKENS:
        raise wrong(f"must be from 1 to {_TOKENS}", show=True)
    return int(count)


def _rate(value: object) -> RateAmount:
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong("must be a rate", "Write 100/min or 200k/min; the units are s, min, h and day", show=True)
    amount = Decimal(match[1]) * _THOUSANDS[match[2]]
    if amount % 1 or not 1 <= amount <= _COUNT:
        raise wrong("must be a whole number of at least 1, and a unit of time", show=True)
    return RateAmount(int(amount), _PER[match[3]])


def _rates(value: object, handler: ValidatorFunctionWrapHandler) -> tuple[RateAmount, ...]:
    rates: tuple[RateAmount, ...] = handler(value) if isinstance(value, list | tuple) else (_rate(value),)
    if len({rate.seconds for rate in rates}) < len(rates):
        raise wrong("has two rates for the same unit of time", "Keep one of them")
    return rates


def _rolling(value: object) -> int:
    seconds = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str) and (match := _ROLLING.fullmatch(value.strip())):
        seconds = int(match[1]) * _ROLLING_SECONDS[match[2]]
    if seconds is None:
        raise wrong("must be a span of time", "Write 90m, 24h, 30d or a number of seconds", show=True)
    if not 60 <= seconds <= _LONGEST:
        raise wrong("must be from 1m to 366d", show=True)
    return seconds


def _time_zone(value: object) -> str:
    known = False
    if isinstance(value, str):
        try:
            known = ZoneInfo(value).key == value
        except (KeyError, ValueError, OSError):  # no such file; not a relative path; a folder (Europe)
            known = False
    if isinstance(value, str) and known:
        return value
    near = closest(str(value).title(), available_timezones()) if isinstance(value, str) else None
    mend = f'Did you mean "{near}"?' if near else "Write it as in Europe/Berlin, America/New_York or UTC"
    raise wrong("must be a time zone of the IANA database", mend, show=True)


def seconds_between(least: float, most: float, span: str) -> PlainValidator:
    """A duration within bounds; ``span`` says them: ``from 10s to 1h``."""

    def read(value: object) -> float:
        seconds = seconds_of(value)
        if not least <= seconds <= most:
            raise wrong(f"must be {span}", show=True)
        return seconds

    return PlainValidator(read)


_COUNT_TEXT = r"^\d+(\.\d+)?[kM]?"

Usd = Annotated[Decimal, PlainValidator(_usd), WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_USD})]
"""US dollars, to the nano-dollar."""
Share = Annotated[int, PlainValidator(_share), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1})]
"""Ten-thousandths (``SHARE``)."""
TokenCount = Annotated[
    int,
    PlainValidator(_token_count),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": _COUNT_TEXT + "$"}]}),
]
Rate = Annotated[
    RateAmount,
    PlainValidator(_rate),
    WithJsonSchema({"type": "string", "pattern": _COUNT_TEXT + "/(s|min|h|day)$"}),
]
Rates = Annotated[tuple[Rate, ...], WrapValidator(_rates, json_schema_input_type=Rate | tuple[Rate, ...])]
"""One rate, or a list of rates for different units of time."""
Rolling = Annotated[
    int,
    PlainValidator(_rolling),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^\d+\s*[smhd]?$"}, {"type": "integer", "minimum": 60}]}),
]
"""Seconds."""
TimeZone = Annotated[str, PlainValidator(_time_zone), WithJsonSchema({"type": "string"})]
