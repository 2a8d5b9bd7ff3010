"""Alerts as the ledger raised them: what they say, and the record of them and of those that nobody took.

``scripts/books.lua`` writes the stream of alerts, in the step that carries a meter over a threshold, or that is the first
in its window to be turned away by a meter that has alerts: a budget may be too small for what is set aside for requests
long before it is spent. ``alerts`` sends them. Beside the ledger's keys (``layout``) there are those of the sending:

=================== ======= ============================================================================================
key                 type    holds
=================== ======= ============================================================================================
``{p}:a``           stream  alerts: ``meter start share settled limit at``; ``held needs`` of a request turned away; one
                            consumer group per webhook
``{p}:adl``         stream  dead letters: ``alert webhook reason tries buried``, and the alert's own fields
=================== ======= ============================================================================================
"""

import re
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from redis.exceptions import RedisError

from extproc.domain.meters import SHARE, Scope, Unit, Window, parse_meter_id
from extproc.domain.money import NANOS, usd_text
from extproc.domain.reading import Json
from extproc.domain.valueclass import valueclass
from extproc.state import layout
from extproc.state.lanes import StoreAway
from extproc.state.store import Store

Fields = Mapping[bytes, bytes]
"""Of an entry of a stream."""

_LONGEST_NAME = 80
"""Characters of a name in a sentence; scopes have few parts, so a sentence stays below Slack's 3000 characters."""
_CURSOR = re.compile(r"\d{1,20}-\d{1,20}")
_UNITS: Mapping[Unit, str] = {
    "usd": "USD",
    "tokens": "tokens",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "requests": "requests",
    "concurrent": "concurrent requests",
}


def dead_letters(prefix: str) -> str:
    """The stream of alerts that a webhook did not take."""
    return f"{layout.root(prefix)}adl"


@valueclass
class Alert:
    """A meter has reached a share of its limit, or turned a request away, for the first time in its window.

    Amounts are in the meter's unit.
    """

    id: str
    """The same in every repetition, and nobody else's: ``<prefix>-<entry of the stream>``."""
    time_ms: int
    """Unix milliseconds."""
    meter: str
    scope: Scope
    unit: Unit
    window: Window
    start: int
    """Of a calendar window, Unix seconds; 0 for the other kinds."""
    end: int
    share: int
    """The threshold, in ten-thousandths; all where a request was turned away."""
    settled: int
    limit: int
    held: int | None = None
    """A request was turned away: so much was set aside for others. None: a threshold was reached."""
    needs: int = 0
    """So much would have had to be set aside for it; 0: there may have been room, but the ladder says to refuse."""

    @property
    def text(self) -> str:
        """``Budget of team "search": 80 % used (1600.00 of 2000.00 USD, month from 2026-11-01).``, one sentence."""
        what = "Budget" if self.unit == "usd" else "Limit"
        whose = " and ".join(_named(kind, value) for kind, value in self.scope) or "the whole gateway"
        if self.held is not None:
            why = f"it needs {_rounded(self.unit, self.needs)}" if self.needs else "its ladder says so"
            return (
                f"{what} of {whose} turned a request away, for {why}: of {_rounded(self.unit, self.limit)}"
                f" {_UNITS[self.unit]}, {_rounded(self.unit, self.settled)} are used and {_rounded(self.unit, self.held)}"
                f" set aside for others ({self._when()})."
            )
        whole, rest = divmod(self.share * 100, SHARE)
        share = f"{whole}.{rest:04d}".rstrip("0").rstrip(".")
        amounts = f"{_rounded(self.unit, self.settled)} of {_rounded(self.unit, self.limit)} {_UNITS[self.unit]}"
        return f"{what} of {whose}: {share} % used ({amounts}, {self._when()})."

    def _when(self) -> str:
        window = self.window
        if window.kind == "rolling":
            return f"the last {window.seconds} s"
        if window.kind == "now":
            return "at this moment"
        if not self.start:
            return "in total"
        form = "%Y-%m-%d %H:%M" if window.span == "hour" else "%Y-%m-%d"
        zone = "" if window.timezone == "UTC" else f" {window.timezone}"
        return f"{window.span} from {self._local(self.start).strftime(form)}{zone}"

    def _local(self, seconds: int) -> datetime:
        return datetime.fromtimestamp(seconds, ZoneInfo(self.window.timezone))

    def document(self) -> dict[str, Json]:
        """As JSON, for receivers and the admin API. Money is in dollars, as decimal text; other amounts are numbers."""
        dated = self.start > 0
        held: dict[str, Json] = {}
        if self.held is not None:
            held = {"held": self._amount(self.held), "needs": self._amount(self.needs) if self.needs else None}
        return {
            "id": self.id,
            "type": "budget_alert" if self.held is None else "budget_exhausted",
            "time": datetime.fromtimestamp(self.time_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "meter": self.meter,
            "scope": dict(self.scope),
            "unit": self.unit,
            "window": {
                "kind": self.window.kind,
                "span": self.window.span if self.window.kind == "calendar" else None,
                "seconds": self.window.seconds or None,
                "start": self._local(self.start).isoformat() if dated else None,
                "end": self._local(self.end).isoformat() if dated else None,
                "timezone": self.window.timezone,
            },
            "share": self.share / SHARE,
            "settled": self._amount(self.settled),
            **held,
            "limit": self._amount(self.limit),
            "text": self.text,
        }

    def _amount(self, amount: int) -> Json:
        return usd_text(amount) if self.unit == "usd" else amount


@valueclass
class DeadLetter:
    """An alert that a webhook did not take."""

    id: str
    """Of the row."""
    alert_id: str
    webhook: str
    """Its host and a digest, as in logs: no token."""
    reason: str
    """``status 500``, or a kind of error: ``ConnectionRefusedError``."""
    tries: int
    time_ms: int
    """Of the burial, Unix milliseconds."""
    alert: Alert | None
    """None: it could not be read."""


def alert_id(prefix: str, entry: str) -> str:
    """The id under which receivers know an entry of the stream."""
    return f"{prefix}-{entry}"


def read_alert(prefix: str, entry: str, fields: Fields) -> Alert:
    """An entry of the stream. Raises ``ValueError``."""
    try:
        meter = fields[b"meter"].decode()
        scope, unit, window = parse_meter_id(meter)
        start = int(fields[b"start"])
        return Alert(
            id=alert_id(prefix, entry),
            time_ms=int(fields[b"at"]),
            meter=meter,
            scope=scope,
            unit=unit,
            window=window,
            start=start,
            end=_end(window, start),
            share=int(fields[b"share"]),
            settled=int(fields[b"settled"]),
            limit=int(fields[b"limit"]),
            held=int(fields[b"held"]) if b"held" in fields else None,
            needs=int(fields.get(b"needs", 0)),
        )
    except (KeyError, OverflowError, OSError) as error:  # a field, a time, a time zone (also ZoneInfo's) that is not
        raise ValueError(f"not an alert: {type(error).__name__}") from error


def _end(window: Window, start: int) -> int:
    """Unix seconds; 0: never. As ``extproc.policy.windows`` reckons, which made the start."""
    zone = ZoneInfo(window.timezone)
    if not start:
        return 0
    if window.span == "hour":
        return start + 3600
    day = datetime.fromtimestamp(start, zone).date()
    match window.span:
        case "day":
            after = day + timedelta(days=1)
        case "week":
            after = day + timedelta(days=7)
        case "month":
            after = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case _:
            after = day.replace(year=day.year + 1)
    return int(datetime(after.year, after.month, after.day, tzinfo=zone).timestamp())


def _named(kind: str, value: str) -> str:
    name = value if len(value) <= _LONGEST_NAME else f"{value[:_LONGEST_NAME]}…"
    return f'{kind.replace("tag:", "tag ", 1)} "{name}"'


def _rounded(unit: Unit, amount: int) -> str:
    """For the sentence: whole cents once it is a dollar. The document has it to the nano-dollar."""
    if unit != "usd":
        return str(amount)
    cent = NANOS // 100
    return usd_text(amount - amount % cent if amount >= NANOS else amount)


class AlertLog:
    """What was raised, and what was not taken, for the admin API. Raises ``StoreAway``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def alerts(self, count: int = 50, before: str | None = None) -> tuple[list[Alert], str | None]:
        """The newest first, and ``before`` of the next page; None: there is none. About the last 10,000 are kept.

        Raises ``ValueError`` where ``before`` is not of this making.
        """
        entries, after = await self._page(layout.alerts(self._store.prefix), count, before)
        found = [self._alert(entry, fields) for entry, fields in entries]
        return [alert for alert in found if alert is not None], after

    async def dead_letters(self, count: int = 50, before: str | None = None) -> tuple[list[DeadLetter], str | None]:
        """As ``alerts``, of what webhooks did not take. About the last 10,000 are kept."""
        entries, after = await self._page(dead_letters(self._store.prefix), count, before)
        return [self._dead(entry, fields) for entry, fields in entries], after

    async def _page(self, key: str, count: int, before: str | None) -> tuple[list[tuple[str, Fields]], str | None]:
        if before is not None and not _CURSOR.fullmatch(before):
            raise ValueError("not a position in the list")
        newest = "+" if before is None else f"({before}"
        try:
            read = await cast(
                "Awaitable[list[tuple[bytes, Fields]]]", self._store.client.xrevrange(key, newest, "-", count + 1)
            )
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreAway(f"the store cannot be read: {type(error).__name__}", sent=False) from error
        page = [(entry.decode(), fields) for entry, fields in read[:count]]
        return page, page[-1][0] if len(read) > count else None

    def _alert(self, entry: str, fields: Fields) -> Alert | None:
        try:
            return read_alert(self._store.prefix, entry, fields)
        except ValueError:
            return None

    def _dead(self, row: str, fields: Fields) -> DeadLetter:
        entry = fields[b"alert"].decode()
        return DeadLetter(
            id=row,
            alert_id=alert_id(self._store.prefix, entry),
            webhook=fields[b"webhook"].decode(),
            reason=fields[b"reason"].decode(),
            tries=int(fields[b"tries"]),
            time_ms=int(fields[b"buried"]),
            alert=self._alert(entry, fields),
        )
