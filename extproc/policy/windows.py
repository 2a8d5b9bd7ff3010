"""When a meter's calendar window began and when it ends, in its own time zone, daylight saving included."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from extproc.domain.meters import Window

_NEVER = (0, 0)


class Windows:
    """Answers for the present, and remembers: a window of a day is reckoned once a day."""

    def __init__(self) -> None:
        self._current: dict[Window, tuple[int, int]] = {}

    def around(self, window: Window, now_ns: int) -> tuple[int, int]:
        """Start and end in Unix seconds, the end excluded; zeros where the window knows neither."""
        if window.kind != "calendar" or window.span == "total":
            return _NEVER
        now = now_ns // 1_000_000_000
        known = self._current.get(window)
        if known is None or not known[0] <= now < known[1]:
            known = self._current[window] = _reckon(window, now)
        return known


def _reckon(window: Window, now: int) -> tuple[int, int]:
    zone = ZoneInfo(window.timezone)
    moment = datetime.fromtimestamp(now, zone)
    if window.span == "hour":
        # In UTC, for an hour of the clock may come twice; zones are off by whole quarters of an hour.
        offset = moment.utcoffset() or timedelta()
        start = now - (now + int(offset.total_seconds())) % 3600
        return start, start + 3600
    day = moment.date()
    match window.span:
        case "day":
            first, after = day, day + timedelta(days=1)
        case "week":
            first = day - timedelta(days=day.weekday())
            after = first + timedelta(days=7)
        case "month":
            first = day.replace(day=1)
            after = (first + timedelta(days=32)).replace(day=1)
        case _:
            first = day.replace(month=1, day=1)
            after = first.replace(year=first.year + 1)
    return _midnight(first.year, first.month, first.day, zone), _midnight(after.year, after.month, after.day, zone)


def _midnight(year: int, month: int, day: int, zone: tzinfo) -> int:
    """Where the clocks skip midnight this is the instant at which they do."""
    return int(datetime(year, month, day, tzinfo=zone).astimezone(UTC).timestamp())
