"""Usage and alerts, under ``/api/v1``: what was asked, what it cost, and who was told.

========================== ==============================================================================================
path                       answer
========================== ==============================================================================================
GET /usage/events          attempts, newest first: ``from to org team user key model provider tag limit before``;
                           ``tag`` is ``name=value``
GET /usage/sums            added up: ``by`` (of org, team, user, key, model, provider, and one of hour, day, month),
                           ``from to tz format`` (json or csv) and the same filters
GET /usage/meters          where budgets and limits stand: see ``standings``
GET /alerts                thresholds that were reached, newest first: ``limit before``
GET /alerts/dead-letters   alerts that a webhook did not take
========================== ==============================================================================================

With ``key`` in ``by`` there is ``key_name`` too, empty for a key that is gone: keys are known by their ids for ever.
``from`` and ``to`` are days or times; a day as ``to`` is included. Without them: the last 30 days. Days are those of
``tz``, or else of the configuration's ``timezone``, in which budgets count them. Money is a text of
dollars. Events are kept as long as ``store.keep_events_days`` says, sums for 400 days.
"""

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from extproc.admin.asking import Query, span_seconds, store_answers
from extproc.admin.cells import cell
from extproc.admin.entries import KeyFilter, Paging
from extproc.admin.errors import InvalidField, NotFound
from extproc.admin.replies import json_reply
from extproc.admin.service import DirectoryService
from extproc.admin.standings import Standings
from extproc.domain.money import usd_text
from extproc.domain.reading import Json, JsonObject
from extproc.state.alert_log import AlertLog, DeadLetter
from extproc.state.reports import Party, Reports, Span, StoredEvent, Sum, Wanted

_ROOT = "/api/v1"
_LAST = timedelta(days=30)
_LIMIT, _LARGEST = 100, 1000
_NEXT = "'next' of the page before"
_MOST_HOURS = 400 * 24
_FILTERS = ("org", "team", "user", "key", "model", "provider")
_BY: Mapping[str, Party] = {
    "org": "org", "team": "team", "user": "user", "key": "key_id", "model": "model", "provider": "provider",
}  # fmt: skip
_SPANS: Mapping[str, Span] = {"hour": "hour", "day": "day", "month": "month"}
_AMOUNTS = ("usd", "input_tokens", "output_tokens", "requests", "failed")


@dataclass(frozen=True, slots=True)
class Books:
    """What is read. ``now_ns``: the clock."""

    service: DirectoryService
    reports: Reports
    alerts: AlertLog | None = None
    now_ns: Callable[[], int] = time.time_ns


def usage_routes(books: Books | None) -> list[Route]:
    """The routes; none where the configuration has no store, for which ``api`` answers."""
    if books is None:
        return []
    usage = _Usage(books)
    routes = [
        Route(f"{_ROOT}/usage/events", usage.events),
        Route(f"{_ROOT}/usage/sums", usage.sums),
        Route(f"{_ROOT}/usage/meters", Standings(books.service).meters),
    ]
    if books.alerts is not None:
        alerts = _Alerts(books.alerts)
        routes += [
            Route(f"{_ROOT}/alerts", alerts.list),
            Route(f"{_ROOT}/alerts/dead-letters", alerts.dead_letters),
        ]
    return routes


class _Usage:
    def __init__(self, books: Books) -> None:
        self._books = books

    async def events(self, request: Request) -> Response:
        query = Query(request)
        query.only(*_FILTERS, "tag", "from", "to", "limit", "before")
        start, end = self._span(query, ZoneInfo(self._books.service.timezone))
        limit = query.whole("limit", _LIMIT, 1, _LARGEST)
        before = query.place("before", _NEXT)
        wanted = replace(await self._wanted(query), tag=query.pair("tag"))
        with store_answers():
            page = await self._books.reports.events(start * 1000, end * 1000, wanted, limit=limit, before=before)
        return json_reply({"items": [event_view(stored) for stored in page.events], "next": page.before})

    async def sums(self, request: Request) -> Response:
        query = Query(request)
        query.only(*_FILTERS, "from", "to", "by", "tz", "format")
        zone, form = _zone(query, self._books.service.timezone), query.text("format") or "json"
        if form not in {"json", "csv"}:
            raise InvalidField("format must be json or csv.", param="format")
        span, names = _by(query)
        start, end = self._span(query, zone)
        if (end - start) // 3600 > _MOST_HOURS:
            raise InvalidField(
                "from and to are more than 400 days apart, which is as long as sums are kept.", param="from"
            )
        wanted = await self._wanted(query)
        with store_answers():
            found = await self._books.reports.sums(
                start, end, span, [_BY[name] for name in names], wanted=wanted, zone=zone
            )
        rows = [_sum_view(each, span, names, zone) for each in found]
        columns = list(names)
        if "key" in names:
            titles = await self._titles()
            rows = [{**row, "key_name": titles.get(str(row["key"]), "")} for row in rows]
            columns.insert(columns.index("key") + 1, "key_name")
        if form == "csv":
            head = [*(() if span == "all" else (span,)), *columns, *_AMOUNTS]
            return Response(_csv(head, rows), headers={"Cache-Control": "no-store"}, media_type="text/csv")
        return json_reply({"items": [*rows], "from": _iso(start, zone), "to": _iso(end, zone)})

    def _span(self, query: Query, zone: tzinfo) -> tuple[int, int]:
        now = datetime.fromtimestamp(self._books.now_ns() // 1_000_000_000 + 1, zone)
        end = query.moment("to", zone, last=True) or now
        return span_seconds(query.moment("from", zone) or end - _LAST, end, "to")

    async def _titles(self) -> dict[str, str]:
        keys = (await self._books.service.list_keys(KeyFilter(), Paging(limit=10**9))).items
        return {entry.key.id or entry.key.name: entry.key.name for entry in keys}

    async def _wanted(self, query: Query) -> Wanted:
        wanted = Wanted(
            org=query.text("org"),
            team=query.text("team"),
            user=query.text("user"),
            model=query.text("model"),
            provider=query.text("provider"),
        )
        ref = query.text("key")
        if ref is None:
            return wanted
        try:
            key = (await self._books.service.get_key(ref)).key
        except NotFound:  # usage outlives its key, which is known by its id then
            return replace(wanted, key_id=ref)
        return replace(wanted, key_id=key.id or key.name)


class _Alerts:
    def __init__(self, log: AlertLog) -> None:
        self._log = log

    async def list(self, request: Request) -> Response:
        query = Query(request)
        query.only("limit", "before")
        with store_answers():
            alerts, after = await self._log.alerts(
                query.whole("limit", _LIMIT, 1, _LARGEST), query.place("before", _NEXT)
            )
        return json_reply({"items": [alert.document() for alert in alerts], "next": after})

    async def dead_letters(self, request: Request) -> Response:
        query = Query(request)
        query.only("limit", "before")
        with store_answers():
            letters, after = await self._log.dead_letters(
                query.whole("limit", _LIMIT, 1, _LARGEST), query.place("before", _NEXT)
            )
        return json_reply({"items": [_letter_view(letter) for letter in letters], "next": after})


def event_view(stored: StoredEvent) -> JsonObject:
    """An attempt. ``charged``: what the entry added to the books, which is not what the attempt cost where ``state`` says so."""
    event = stored.event
    plain: dict[str, Json] = {
        name: value for name, value in asdict(event).items() if name not in {"time_ns", "usd", "tags"}
    }
    return {
        "id": stored.id,
        "time": _iso_ms(event.time_ns),
        **plain,
        "tags": dict(event.tags),
        "usd": usd_text(event.usd),
        "state": stored.state or "settled",
        "charged": {
            "usd": usd_text(stored.usd),
            "input_tokens": stored.input_tokens,
            "output_tokens": stored.output_tokens,
        },
    }


def _sum_view(each: Sum, span: Span, names: Sequence[str], zone: tzinfo) -> JsonObject:
    begin: JsonObject = {} if span == "all" else {span: _iso(each.start, zone)}
    return {
        **begin,
        **dict(zip(names, each.names, strict=True)),
        "usd": usd_text(each.usd),
        "input_tokens": each.input_tokens,
        "output_tokens": each.output_tokens,
        "requests": each.requests,
        "failed": each.failed,
    }


def _letter_view(letter: DeadLetter) -> JsonObject:
    return {
        "id": letter.id,
        "alert_id": letter.alert_id,
        "webhook": letter.webhook,
        "reason": letter.reason,
        "tries": letter.tries,
        "time": _iso_ms(letter.time_ms * 1_000_000),
        "alert": letter.alert.document() if letter.alert else None,
    }


def _by(query: Query) -> tuple[Span, list[str]]:
    named = [name.strip() for name in (query.text("by") or "").split(",") if name.strip()]
    spans = [name for name in named if name in _SPANS]
    names = [name for name in named if name not in _SPANS]
    if len(spans) > 1 or len(set(names)) < len(names) or not set(names) <= set(_BY):
        raise InvalidField(f"by must be some of {', '.join(_BY)}, and at most one of {', '.join(_SPANS)}.", param="by")
    return (_SPANS[spans[0]] if spans else "all"), names


def _zone(query: Query, default: str) -> tzinfo:
    name = query.text("tz") or default
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidField("tz must be a time zone of the IANA database, such as Europe/Berlin.", param="tz") from None


def _csv(head: Sequence[str], rows: Sequence[JsonObject]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([[cell(row[name]) for name in head] for row in rows])
    return text.getvalue()


def _iso(seconds: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(seconds, zone).isoformat().replace("+00:00", "Z")


def _iso_ms(nanos: int) -> str:
    moment = datetime.fromtimestamp(nanos // 1_000_000 / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
