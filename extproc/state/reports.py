"""What was used: events, sums by party and time, and where meters stand. Reads only; ``ledger`` writes.

Every method raises ``StoreAway``.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import fields
from datetime import datetime, tzinfo
from typing import Literal, cast

from redis.exceptions import ResponseError

from extproc.domain.ledger import MeterState, UsageEvent
from extproc.domain.meters import Meter
from extproc.domain.valueclass import valueclass
from extproc.state import layout
from extproc.state.answering import answering
from extproc.state.events import PARTIES, decode_event, parties
from extproc.state.steps import Steps, read_states
from extproc.state.store import Store

_CHUNK = 500
"""Events per round trip: a quarter of a megabyte."""
_MOST_READ = 20_000
"""Events looked at for one page, however few of them are wanted."""
_HOURS = 100
"""Hours of sums per round trip."""
_HOUR = 3600
_PATIENCE = 5.0
"""Seconds for one round trip: a person waits."""

Party = Literal["org", "team", "user", "key_id", "model", "provider"]
Span = Literal["hour", "day", "month", "all"]


@valueclass
class Wanted:
    """Whose usage; None: anybody's. ``tag``: a name and its value, of events only: sums know no tags."""

    org: str | None = None
    team: str | None = None
    user: str | None = None
    key_id: str | None = None
    model: str | None = None
    provider: str | None = None
    tag: tuple[str, str] | None = None


@valueclass
class StoredEvent:
    """An entry of the ledger. ``id``: its place, ``<Unix milliseconds>-<number>``.

    ``state``: empty for an attempt that settled as it should; ``offline`` (granted with the store away), ``late`` (after
    the hold had ended), ``orphan`` (on no meter, as nothing was known of the hold), ``expired`` (nobody settled: the
    bound was charged), ``corrected`` (settled after that). The amounts are what the entry added to the books, in
    nano-dollars and tokens; of a corrected one the difference to the bound, which may be negative. What an attempt cost
    by itself says the event.
    """

    id: str
    state: str
    event: UsageEvent
    usd: int
    input_tokens: int
    output_tokens: int


@valueclass
class Page:
    """Events, newest first; ``before`` asks for the next page, None: there is none."""

    events: tuple[StoredEvent, ...]
    before: str | None


@valueclass
class Sum:
    """What was added to the books in a span that began at ``start`` (Unix seconds), by the names asked for.

    ``usd`` nano-dollars; ``failed``: attempts that failed by a provider's or the platform's fault.
    """

    start: int
    names: tuple[str, ...]
    usd: int
    input_tokens: int
    output_tokens: int
    requests: int
    failed: int


class Reports:
    """Reads one gateway's ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._prefix = store.prefix
        self._steps = Steps(store.prefix)

    async def states(self, meters: Sequence[tuple[Meter, int]]) -> list[MeterState]:
        """Where meters stand, each with the start of its calendar window (0 for others). No reset is told."""
        if not meters:
            return []
        (reply,) = await self._store.run([self._steps.states(meters)])
        if isinstance(reply, ResponseError):
            raise reply
        return read_states(reply)

    async def events(
        self, start_ms: int, end_ms: int, wanted: Wanted | None = None, *, limit: int = 100, before: str | None = None
    ) -> Page:
        """Events written in [start, end), newest first. ``before``: of the page before this one."""
        if end_ms <= 0:
            return Page((), None)
        start_ms, wanted = max(0, start_ms), wanted or Wanted()
        last = f"({before}" if before else f"({end_ms}-0"
        found: list[StoredEvent] = []
        for _ in range(_MOST_READ // _CHUNK):
            entries = await self._read(last, f"{start_ms}-0")
            for ident, entry in entries:
                stored = _stored(ident, entry)
                if stored is not None and _matches(stored.event, wanted) and _is_tagged(stored.event, wanted.tag):
                    found.append(stored)
                    if len(found) == limit:
                        return Page(tuple(found), stored.id)
            if len(entries) < _CHUNK:
                return Page(tuple(found), None)
            last = f"({entries[-1][0].decode()}"
        return Page(tuple(found), last[1:])

    async def _read(self, last: str, first: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        async with answering(_PATIENCE):
            return await cast(
                "Awaitable[list[tuple[bytes, dict[bytes, bytes]]]]",
                self._store.client.xrevrange(layout.events(self._prefix), last, first, _CHUNK),
            )

    async def sums(
        self, start: int, end: int, span: Span, by: Sequence[Party] = (), *, wanted: Wanted | None = None, zone: tzinfo
    ) -> list[Sum]:
        """Sums of the hours that begin in [start, end), Unix seconds; by span of the zone's calendar, then by names.

        Kept are 400 days. An hour belongs to the day in which it begins.
        """
        wanted = wanted or Wanted()
        assert wanted.tag is None
        sums: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        hours = range(-(-start // _HOUR), -(-end // _HOUR))
        for at in range(0, len(hours), _HOURS):
            part = hours[at : at + _HOURS]
            for hour, texts in zip(part, await self._hours(part), strict=True):
                begin = _begin(hour * _HOUR, span, zone) if span != "all" else start
                for text, amounts in texts.items():
                    names = parties(text.decode())
                    if _matches(names, wanted):
                        key = (begin, tuple(names[name] for name in by))
                        old = sums.get(key, [0] * 5)
                        sums[key] = [one + int(other) for one, other in zip(old, amounts.split(), strict=True)]
        return [Sum(begin, names, *amounts) for (begin, names), amounts in sorted(sums.items())]

    async def _hours(self, hours: Sequence[int]) -> list[dict[bytes, bytes]]:
        async with answering(_PATIENCE):
            pipeline = self._store.client.pipeline(transaction=False)
            for hour in hours:
                pipeline.hgetall(layout.rollup(self._prefix, hour))
            return cast("list[dict[bytes, bytes]]", await pipeline.execute())


def _stored(ident: bytes, entry: dict[bytes, bytes]) -> StoredEvent | None:
    try:
        event = decode_event(entry[b"e"])
    except (ValueError, KeyError):
        return None  # facts without a name: nobody asked for them to be written
    state = entry.get(b"state", b"").decode()
    if b"usd" in entry:
        amounts = int(entry[b"usd"]), int(entry[b"in"]), int(entry[b"out"])
    else:
        amounts = event.usd, event.input_tokens, event.output_tokens
    return StoredEvent(ident.decode(), state, event, *amounts)


def _matches(names: UsageEvent | dict[str, str], wanted: Wanted) -> bool:
    for party in PARTIES:
        name = getattr(wanted, party)
        if name is not None:
            has = names[party] if isinstance(names, dict) else getattr(names, party)
            if has != name:
                return False
    return True


def _is_tagged(event: UsageEvent, tag: tuple[str, str] | None) -> bool:
    return tag is None or event.tags.get(tag[0]) == tag[1]


def _begin(at: int, span: Span, zone: tzinfo) -> int:
    if span == "hour":
        return at
    moment = datetime.fromtimestamp(at, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int((moment.replace(day=1) if span == "month" else moment).timestamp())


assert tuple(each.name for each in fields(Wanted)) == (*PARTIES, "tag")
