"""``/spend/logs`` and ``/global/spend/report``: what was used, by day or row by row.

Days are those of UTC, and ``end_date`` is one of them. Amounts are added up in nano-dollars, and are numbers of dollars
in the answer alone. ``api_key`` is the key's id (its name, of a declared key), as ``token`` elsewhere.
https://docs.litellm.ai/docs/proxy/cost_tracking
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from extproc.admin.asking import Query, span_seconds, store_answers
from extproc.admin.errors import InvalidField, NotFound
from extproc.admin.litellm.parts import Parts
from extproc.admin.litellm.reading import ignored_query
from extproc.admin.litellm.replies import reply
from extproc.admin.litellm.views import time_text, usd
from extproc.domain.reading import Json, JsonObject
from extproc.state.reports import Party, StoredEvent, Sum, Wanted

NEXT_HEADER = "x-llmgw-next-before"
"""Where there are more rows than the answer has: ``before`` of the next request."""
_ROWS, _MOST_ROWS = 1000, 5000
_MOST_PAGES = 25
"""Of 20,000 events each: a report that reads more would hold the admin port for a minute."""
_MOST_DAYS = 400
_UNASSIGNED = "Unassigned Team"
_CALLS = {"anthropic-messages": "anthropic_messages"}
"""LiteLLM's names of calls; all others are ``acompletion``."""


@dataclass(frozen=True, slots=True)
class Days:
    """A span of whole days in UTC, the last one included. ``start`` and ``end``: Unix seconds."""

    start: int
    end: int

    def each(self) -> list[date]:
        """The days."""
        first = datetime.fromtimestamp(self.start, UTC).date()
        return [first + timedelta(days=n) for n in range(-(-(self.end - self.start) // 86_400))]


class Spend:
    """The paths of reports."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reports = parts.reports

    async def logs(self, request: Request) -> Response:
        """Sums by day where both dates are given, else rows; ``summarize=false``: rows anyway."""
        query = Query(request)
        ignored = ignored_query(request, *_LOGS_QUERY)
        days = days_of(query)
        wanted = await self.wanted(query)
        request_id = query.text("request_id")
        if days is not None and request_id is None and query.switch("summarize", default=True):
            return reply(await self._by_day(days, wanted), ignored)
        limit, before = query.whole("limit", _ROWS, 1, _MOST_ROWS), query.place("before", NEXT_HEADER)
        rows, after = await self._rows(days, wanted, request_id, limit, before)
        answer = reply([*rows], ignored)
        if after is not None:
            answer.headers[NEXT_HEADER] = after
        return answer

    async def report(self, request: Request) -> Response:
        """By team, customer (``user`` of a request) or key; of one key, user or team where the query names it."""
        query = Query(request)
        ignored = ignored_query(
            request, "start_date", "end_date", "group_by", "api_key", "internal_user_id", "team_id", "customer_id"
        )
        days = days_of(query)
        if days is None:
            raise InvalidField("Say start_date and end_date: 2026-01-01.", param="start_date")
        wanted = await self.wanted(query)
        customer = query.text("customer_id")
        alone = query.text("api_key") or query.text("internal_user_id")
        match query.text("group_by") or ("customer" if customer else "api_key" if alone else "team"):
            case "team":
                _no_customer(customer)
                return reply(await self._by_team(days, wanted), ignored)
            case "customer":
                return reply(await self._by_customer(days, wanted, customer), ignored)
            case "api_key":
                _no_customer(customer)
                return reply(await self._by_key(days, wanted), ignored)
            case _:
                raise InvalidField("group_by must be team, customer or api_key.", param="group_by")

    async def wanted(self, query: Query) -> Wanted:
        """Whose usage the query asks for. A key that is gone is known by its id."""
        wanted = Wanted(
            user=query.text("internal_user_id") or query.text("user_id"),
            team=query.text("team_id"),
            model=query.text("model"),
        )
        ref = query.text("api_key")
        if ref is None:
            return wanted
        try:
            key = (await self._parts.find_key(ref)).key
        except NotFound:
            return replace(wanted, key_id=ref)
        return replace(wanted, key_id=key.id or key.name)

    async def sums(self, days: Days, by: Sequence[Party], wanted: Wanted) -> list[Sum]:
        """Sums of days. Raises ``Unavailable``."""
        with store_answers():
            return await self._reports.sums(days.start, days.end, "day", by, wanted=wanted, zone=UTC)

    async def _by_day(self, days: Days, wanted: Wanted) -> list[Json]:
        spent: dict[str, dict[str, dict[str, int]]] = {}
        for each in await self.sums(days, ("key_id", "user", "model"), wanted):
            key, user, model = each.names
            day = spent.setdefault(_day(each), {"": {}, "keys": {}, "users": {}, "models": {}})
            for part, name in (("", ""), ("keys", key), ("users", user), ("models", model)):
                day[part][name] = day[part].get(name, 0) + each.usd
        found: list[Json] = []
        for name in (day.isoformat() for day in days.each()):
            if name in spent:
                day = spent[name]
                found.append({
                    **_dollars(day["keys"]),
                    "spend": usd(day[""][""]),
                    "users": _dollars(day["users"]),
                    "models": _dollars(day["models"]),
                    "startTime": name,
                })  # fmt: skip
            elif found:  # LiteLLM tells of empty days behind the first with usage
                found.append({"startTime": name, "spend": 0.0, "users": {}, "models": {}})
        return found

    async def _rows(
        self, days: Days | None, wanted: Wanted, request_id: str | None, limit: int, before: str | None
    ) -> tuple[list[JsonObject], str | None]:
        found: list[JsonObject] = []
        last = before
        try:
            async for stored in self._events(days, wanted, before):
                last = stored.id
                if request_id is not None and stored.event.request_id != request_id:
                    continue
                found.append(row(stored))
                if len(found) == limit:
                    return found, stored.id
        except _TooMuch:
            if not found:
                raise
            return found, last
        return found, None

    async def _events(
        self, days: Days | None, wanted: Wanted, before: str | None = None
    ) -> AsyncGenerator[StoredEvent]:
        start, end = (days.start * 1000, days.end * 1000) if days else (0, 2**53)
        for _ in range(_MOST_PAGES):
            with store_answers():
                page = await self._reports.events(start, end, wanted, limit=_MOST_ROWS, before=before)
            for stored in page.events:
                yield stored
            before = page.before
            if before is None:
                return
        raise _TooMuch(
            "There is too much usage in this time for one answer: ask for fewer days.",
            param="start_date",
            code="range_too_large",
        )

    async def _by_team(self, days: Days, wanted: Wanted) -> list[Json]:
        found: dict[str, dict[str, list[_Used]]] = {}
        names: dict[str, str] = {}
        for each in await self.sums(days, ("team", "key_id", "model"), wanted):
            team, key, model = each.names
            if team not in names:
                names[team] = await self._team_name(team)
            used = _Used(key, model, each.usd, each.input_tokens, each.output_tokens)
            found.setdefault(_day(each), {}).setdefault(names[team], []).append(used)
        return [
            {
                "group_by_day": _midnight(day),
                "teams": [{"team_name": name, **_total(used)} for name, used in of.items()],
            }
            for day, of in found.items()
        ]

    async def _team_name(self, team: str) -> str:
        if not team:
            return _UNASSIGNED
        try:
            record = (await self._parts.service.get_party("team", team)).record
        except NotFound:
            return team
        alias = record.metadata.get("litellm") if record else None
        named = alias.get("team_alias") if isinstance(alias, dict) else None
        return named if isinstance(named, str) else team

    async def _by_customer(self, days: Days, wanted: Wanted, customer: str | None) -> list[Json]:
        # Sums do not know customers, of whom there may be millions; events do, for as long as they are kept.
        found: dict[str, dict[str, dict[tuple[str, str], _Used]]] = {}
        async for stored in self._events(days, wanted):
            event = stored.event
            if customer is not None and event.end_user != customer:
                continue
            day = datetime.fromtimestamp(int(stored.id.partition("-")[0]) / 1000, UTC).date().isoformat()
            of = found.setdefault(day, {}).setdefault(event.end_user or "", {})
            place = event.key_id, event.model
            of[place] = of.get(place, _Used(*place)).plus(stored)
        return [
            {
                "group_by_day": _midnight(day),
                "customers": [
                    {"customer": name, **_total(list(used.values()))} for name, used in sorted(found[day].items())
                ],
            }
            for day in sorted(found)
        ]

    async def _by_key(self, days: Days, wanted: Wanted) -> list[Json]:
        with store_answers():
            sums = await self._reports.sums(days.start, days.end, "all", ("key_id", "model"), wanted=wanted, zone=UTC)
        keys: dict[str, list[Sum]] = {}
        for each in sums:
            keys.setdefault(each.names[0], []).append(each)
        return [
            {
                "api_key": key,
                "total_cost": usd(sum(each.usd for each in of)),
                "total_input_tokens": sum(each.input_tokens for each in of),
                "total_output_tokens": sum(each.output_tokens for each in of),
                "model_details": [
                    {
                        "model": each.names[1],
                        "total_cost": usd(each.usd),
                        "total_input_tokens": each.input_tokens,
                        "total_output_tokens": each.output_tokens,
                    }
                    for each in of
                ],
            }
            for key, of in keys.items()
        ]


class _TooMuch(InvalidField):
    """More events than one answer may read."""


@dataclass(frozen=True, slots=True)
class _Used:
    key: str
    model: str
    usd: int = 0
    input: int = 0
    output: int = 0

    def plus(self, stored: StoredEvent) -> "_Used":
        return replace(
            self,
            usd=self.usd + stored.usd,
            input=self.input + stored.input_tokens,
            output=self.output + stored.output_tokens,
        )


_LOGS_QUERY = (
    "start_date", "end_date", "api_key", "user_id", "team_id", "model", "request_id", "summarize", "limit", "before",
)  # fmt: skip


def days_of(query: Query) -> Days | None:
    """The dates of a query; None: neither is there. Raises ``InvalidField``."""
    start, end = query.moment("start_date", UTC), query.moment("end_date", UTC, last=True)
    if start is None and end is None:
        return None
    if start is None or end is None:
        missing = "start_date" if start is None else "end_date"
        raise InvalidField(f"Say {missing} as well.", param=missing)
    first, last = span_seconds(start, end, "end_date")
    if last - first > _MOST_DAYS * 86_400:
        raise InvalidField(f"There are no more than {_MOST_DAYS} days in one answer.", param="start_date")
    return Days(first, last)


def row(stored: StoredEvent) -> JsonObject:
    """One attempt as a row of LiteLLM's ``SpendLogs``. ``spend`` is what it added to the books."""
    event = stored.event
    start = datetime.fromtimestamp(event.time_ns // 1_000_000 / 1000, UTC)
    first = None if event.first_token_ms is None else start + timedelta(milliseconds=event.first_token_ms)
    tags: list[Json] = [f"{name}:{value}" for name, value in event.tags.items()]
    return {
        "request_id": event.request_id,
        "call_type": _CALLS.get(event.client_dialect, "acompletion"),
        "api_key": event.key_id,
        "spend": usd(stored.usd),
        "total_tokens": stored.input_tokens + stored.output_tokens,
        "prompt_tokens": stored.input_tokens,
        "completion_tokens": stored.output_tokens,
        "startTime": time_text(start),
        "endTime": time_text(start + timedelta(milliseconds=event.duration_ms)),
        "completionStartTime": time_text(first),
        "request_duration_ms": event.duration_ms,
        "model": event.provider_model,
        "model_group": event.model,
        "custom_llm_provider": event.provider,
        "user": event.user or "",
        "end_user": event.end_user or "",
        "team_id": event.team,
        "organization_id": event.org,
        "request_tags": tags,
        "cache_hit": "False",
        "status": "success" if event.outcome == "ok" else "failure",
        "metadata": _details(stored),
    }


def _details(stored: StoredEvent) -> JsonObject:
    event = stored.event
    return {
        "user_api_key_alias": event.key,
        "outcome": event.outcome,
        "attempt": event.attempt,
        "state": stored.state,
        "estimated": event.estimated,
        "cache_read_input_tokens": event.cache_read_tokens,
        "cache_creation_input_tokens": event.cache_write_tokens,
        "reasoning_tokens": event.reasoning_tokens,
    }


def _total(used: Sequence[_Used]) -> JsonObject:
    return {
        "total_spend": usd(sum(each.usd for each in used)),
        "metadata": [
            {
                "model": each.model,
                "spend": usd(each.usd),
                "total_tokens": each.input + each.output,
                "api_key": each.key,
            }
            for each in used
        ],
    }


def _dollars(amounts: Mapping[str, int]) -> dict[str, Json]:
    return {name: usd(amount) for name, amount in amounts.items()}


def _day(each: Sum) -> str:
    return datetime.fromtimestamp(each.start, UTC).date().isoformat()


def _midnight(day: str) -> str:
    return f"{day}T00:00:00+00:00"


def _no_customer(customer: str | None) -> None:
    if customer is not None:
        raise InvalidField("customer_id goes with group_by=customer.", param="customer_id")
