"""``/user/daily/activity``: usage by day with what it was made of.

A page is so many days, the newest first, and its totals are those of the page. Sums know the catalogue's names of models,
so ``models`` and ``model_groups`` are the same; they do not know cached tokens, which are left out. ``failed_requests``
counts failed attempts, also those that another provider stood in for, so ``successful_requests`` may be too low.
https://docs.litellm.ai/docs/proxy/cost_tracking#daily-spend-breakdown-api
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

from starlette.requests import Request
from starlette.responses import Response

from extproc.admin.asking import Query, span_seconds, store_answers
from extproc.admin.entries import KeyFilter, Paging
from extproc.admin.errors import InvalidField
from extproc.admin.litellm.parts import Parts
from extproc.admin.litellm.reading import ignored_query
from extproc.admin.litellm.replies import reply
from extproc.admin.litellm.spend import Spend
from extproc.admin.litellm.views import usd
from extproc.domain.reading import JsonObject
from extproc.state.reports import Sum

_PAGE, _LARGEST_PAGE = 50, 1000
_MOST_DAYS = 400
_MOST_OFFSET = 14 * 60
_EVERYTHING = Paging(limit=10**9)
_BY = ("key_id", "model", "provider")
_NAMED: Mapping[str, Callable[[Sum], str]] = {
    "models": lambda each: each.names[1],
    "model_groups": lambda each: each.names[1],
    "providers": lambda each: each.names[2],
}


@dataclass(slots=True)
class _Metrics:
    usd: int = 0
    prompt: int = 0
    completion: int = 0
    requests: int = 0
    failed: int = 0

    def add(self, each: Sum) -> None:
        self.usd += each.usd
        self.prompt += each.input_tokens
        self.completion += each.output_tokens
        self.requests += each.requests
        self.failed += each.failed

    def view(self) -> JsonObject:
        return {
            "spend": usd(self.usd),
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "api_requests": self.requests,
            "successful_requests": max(0, self.requests - self.failed),
            "failed_requests": self.failed,
        }


@dataclass(frozen=True, slots=True)
class _Key:
    alias: str | None = None
    team: str | None = None

    def view(self) -> JsonObject:
        return {"key_alias": self.alias, "team_id": self.team}


class Activity:
    """The path."""

    def __init__(self, parts: Parts, spend: Spend) -> None:
        self._parts = parts
        self._spend = spend

    async def daily(self, request: Request) -> Response:
        """Days with usage, of one user, key or model where the query names it."""
        query = Query(request)
        ignored = ignored_query(
            request, "start_date", "end_date", "user_id", "api_key", "model", "page", "page_size", "timezone"
        )
        zone = _zone(query)
        page, size = query.whole("page", 1, 1, 10**6), query.whole("page_size", _PAGE, 1, _LARGEST_PAGE)
        start, end = _span(query, zone)
        with store_answers():
            sums = await self._parts.reports.sums(
                start, end, "day", _BY, wanted=await self._spend.wanted(query), zone=zone
            )
        days: dict[date, list[Sum]] = {}
        for each in sums:
            days.setdefault(datetime.fromtimestamp(each.start, zone).date(), []).append(each)
        shown = sorted(days, reverse=True)[(page - 1) * size : page * size]
        keys = await self._keys()
        total, pages = _sum(each for day in shown for each in days[day]), max(1, -(-len(days) // size))
        return reply(
            {
                "results": [_day(day, days[day], keys) for day in shown],
                "metadata": {
                    **{name if name == "total_tokens" else f"total_{name}": n for name, n in total.view().items()},
                    "page": page,
                    "total_pages": pages,
                    "has_more": page < pages,
                },
            },
            ignored,
        )

    async def _keys(self) -> dict[str, _Key]:
        entries = (await self._parts.service.list_keys(KeyFilter(), _EVERYTHING)).items
        return {entry.key.id or entry.key.name: _Key(entry.key.name, entry.key.team) for entry in entries}


def _day(day: date, sums: list[Sum], keys: Mapping[str, _Key]) -> JsonObject:
    breakdown: dict[str, JsonObject] = {
        part: {name: _part(of, keys) for name, of in _groups(sums, named).items()} for part, named in _NAMED.items()
    }
    return {
        "date": day.isoformat(),
        "metrics": _sum(sums).view(),
        "breakdown": {
            **breakdown,
            "api_keys": _by_key(sums, keys),
            "endpoints": {},
            "mcp_servers": {},
            "entities": {},
        },
    }


def _part(sums: list[Sum], keys: Mapping[str, _Key]) -> JsonObject:
    return {"metrics": _sum(sums).view(), "metadata": {}, "api_key_breakdown": _by_key(sums, keys)}


def _by_key(sums: Iterable[Sum], keys: Mapping[str, _Key]) -> JsonObject:
    groups = _groups(sums, lambda each: each.names[0])
    return {
        ident: {"metrics": _sum(of).view(), "metadata": keys.get(ident, _Key()).view()} for ident, of in groups.items()
    }


def _groups(sums: Iterable[Sum], named: Callable[[Sum], str]) -> dict[str, list[Sum]]:
    groups: dict[str, list[Sum]] = {}
    for each in sums:
        groups.setdefault(named(each), []).append(each)
    return groups


def _sum(sums: Iterable[Sum]) -> _Metrics:
    metrics = _Metrics()
    for each in sums:
        metrics.add(each)
    return metrics


def _zone(query: Query) -> tzinfo:
    """Minutes behind UTC, as JavaScript's ``getTimezoneOffset`` tells them."""
    minutes = query.whole("timezone", 0, -_MOST_OFFSET, _MOST_OFFSET)
    return timezone(timedelta(minutes=-minutes)) if minutes else UTC


def _span(query: Query, zone: tzinfo) -> tuple[int, int]:
    start, end = query.moment("start_date", zone), query.moment("end_date", zone, last=True)
    if start is None or end is None:
        raise InvalidField("Say start_date and end_date: 2026-01-01.", param="end_date" if start else "start_date")
    first, last = span_seconds(datetime.combine(start, time(), zone), end, "end_date")
    if last - first > _MOST_DAYS * 86_400:
        raise InvalidField(f"There are no more than {_MOST_DAYS} days in one answer.", param="start_date")
    return first, last
