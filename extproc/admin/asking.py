"""Questions about usage: what a query may hold, the days and hours it names, and the store that may be away.

Counterparts: ``usage`` and ``litellm``. ``api`` has a stricter reader of its own for the directory's lists.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from starlette.requests import Request

from extproc.admin.errors import InvalidField, Unavailable
from extproc.state.store import StoreAway

_SWITCH = {"true": True, "1": True, "false": False, "0": False}
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
"""Beyond them Unix times are negative, or a day or a time zone leads out of the calendar."""


class Query:
    """The values of a query, read one by one. Every method raises ``InvalidField``."""

    def __init__(self, request: Request) -> None:
        self._values = request.query_params

    def only(self, *known: str) -> None:
        """There is nothing but these: a misspelt filter would tell too much."""
        for name in self._values:
            if name not in known:
                raise InvalidField(f"The query has no '{name[:100]}'; there are: {', '.join(known)}.", param=name[:100])

    def text(self, name: str) -> str | None:
        """A value; None: it is not there, or empty."""
        return self._values.get(name) or None

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.text(name)
        if value is None:
            return default
        number = int(value) if value.lstrip("-").isdecimal() and value.isascii() and len(value) < 12 else None
        if number is None or not least <= number <= most:
            raise InvalidField(f"{name} must be a whole number from {least} to {most}.", param=name)
        return number

    def switch(self, name: str, *, default: bool) -> bool:
        """``true`` or ``false``."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in _SWITCH:
            raise InvalidField(f"{name} must be true or false.", param=name)
        return _SWITCH[value.lower()]

    def moment(self, name: str, zone: tzinfo, *, last: bool = False) -> datetime | None:
        """A day or a time, of ``zone`` where it names none; ``last``: a day means its end."""
        value = self.text(name)
        if value is None:
            return None
        try:
            if len(value) == len("2026-01-31"):
                day = date.fromisoformat(value)
                moment = datetime.combine(day + timedelta(days=1) if last else day, time(), zone)
            else:
                moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            raise InvalidField(
                f"{name} must be a day or a time: 2026-01-31, 2026-01-31T12:00:00Z.", param=name
            ) from None
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise InvalidField(f"{name} must be of a year from {_FIRST_YEAR} to {_LAST_YEAR}.", param=name)
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)

    def pair(self, name: str) -> tuple[str, str] | None:
        """``name=value``."""
        value = self.text(name)
        if value is None:
            return None
        left, sign, right = value.partition("=")
        if not sign:
            raise InvalidField(f"{name} must be written as name=value.", param=name)
        return left, right

    def place(self, name: str, source: str) -> str | None:
        """Where a page begins, ``<number>-<number>`` as the store knows it. ``source``: what said it, for the message."""
        value = self.text(name)
        if value is None:
            return None
        parts = value.split("-")
        # The store's numbers have 64 bits, and there is nothing before its first place.
        if (
            len(parts) != 2
            or not all(part.isascii() and part.isdecimal() and len(part) < 20 for part in parts)
            or not any(map(int, parts))
        ):
            raise InvalidField(f"{name} must be what {source} said.", param=name)
        return value


def span_seconds(start: datetime, end: datetime, param: str) -> tuple[int, int]:
    """A span in Unix seconds. Raises ``InvalidField`` where it ends before it starts."""
    first, last = int(start.astimezone(UTC).timestamp()), int(end.astimezone(UTC).timestamp())
    if last < first:
        raise InvalidField(f"{param} is before the start.", param=param)
    return first, last


@contextmanager
def store_answers() -> Generator[None]:
    """A store that is away as ``Unavailable``."""
    try:
        yield
    except StoreAway:
        raise Unavailable("The store (Redis) cannot be reached; try again.") from None
