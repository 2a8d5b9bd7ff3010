"""``GET /api/v1/usage/meters``: where budgets and limits stand, the fullest first.

``holder`` (key, org, team, user, provider, model, or meter: an entry of the file's ``meters``), ``name``, ``unit`` (usd,
tokens ...), ``over`` (a share: 0.8) narrow it; ``limit`` cuts it. Those with a ``*`` in their scope, which stand for any key
or user, are not among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from extproc.admin.asking import Query
from extproc.admin.directory_views import meters_view
from extproc.admin.entries import KeyFilter, Paging, PartyFilter
from extproc.admin.errors import InvalidField
from extproc.admin.replies import json_reply
from extproc.admin.service import DirectoryService
from extproc.config.meters import ANY
from extproc.config.snapshot import PartyKind
from extproc.domain.ledger import MeterState
from extproc.domain.meters import Meter, Unit
from extproc.domain.reading import Json, JsonObject

_EVERYTHING = Paging(limit=10**9)
_LIMIT, _LARGEST = 100, 1000
_AT_ONCE = 500
"""Meters of one question to the store: some milliseconds of Redis."""
_PARTIES: tuple[PartyKind, ...] = get_args(PartyKind)
_HOLDERS = ("key", *_PARTIES, "provider", "model", "meter")
_UNITS: tuple[str, ...] = get_args(Unit)


@dataclass(frozen=True, slots=True)
class _Held:
    kind: str
    ident: str
    name: str
    meter: Meter


@dataclass(frozen=True, slots=True)
class _Standing:
    held: _Held
    state: MeterState

    @property
    def share(self) -> Decimal:
        """Of the limit, settled and held together."""
        used, limit = self.state.settled + self.state.held, self.held.meter.limit
        return Decimal(used) / limit if limit else Decimal(1)

    def view(self) -> JsonObject:
        (meter,) = meters_view([self.held.meter], [self.state])
        return {
            "holder": {"kind": self.held.kind, "id": self.held.ident, "name": self.held.name},
            **cast("JsonObject", meter),
            "used": round(float(self.share), 4),
        }


class Standings:
    """The path."""

    def __init__(self, service: DirectoryService) -> None:
        self._service = service

    async def meters(self, request: Request) -> Response:
        """A list, and how many there are in all."""
        query = Query(request)
        query.only("holder", "name", "unit", "over", "limit")
        holder, unit, over = _one_of(query, "holder", _HOLDERS), _one_of(query, "unit", _UNITS), _share(query)
        limit = query.whole("limit", _LIMIT, 1, _LARGEST)
        wanted = [
            held for held in await self._held(holder, query.text("name")) if unit is None or held.meter.unit == unit
        ]
        standings = [one for one in await self._standings(wanted) if one.share >= over]
        standings.sort(key=lambda one: (-one.share, one.held.meter.id))
        items: list[Json] = [one.view() for one in standings[:limit]]
        return json_reply({"items": items, "total": len(standings)})

    async def _standings(self, held: Sequence[_Held]) -> list[_Standing]:
        found: list[_Standing] = []
        for at in range(0, len(held), _AT_ONCE):
            part = held[at : at + _AT_ONCE]
            states = await self._service.meter_states([one.meter for one in part])
            assert states is not None, "there are reports, so there is somebody who reads meters"
            found += [_Standing(one, state) for one, state in zip(part, states, strict=True)]
        return found

    async def _held(self, holder: str | None, name: str | None) -> list[_Held]:
        found: list[_Held] = []
        if holder in {None, "key"}:
            keys = (await self._service.list_keys(KeyFilter(name=name), _EVERYTHING)).items
            for entry in keys:
                key = entry.key
                found += [_Held("key", key.id or key.name, key.name, meter) for meter in key.meters]
        for kind in _PARTIES:
            if holder is not None and holder != kind:
                continue
            parties = (await self._service.list_parties(PartyFilter(kind, name), _EVERYTHING)).items
            for entry in parties:
                party = entry.party
                found += [_Held(kind, party.name, party.name, meter) for meter in party.meters]
        shared = (_shared(meter) for meter in self._service.shared_meters())
        found += [held for held in shared if holder in {None, held.kind} and (name is None or name in held.name)]
        return [held for held in found if all(value != ANY for _, value in held.meter.scope)]


def _shared(meter: Meter) -> _Held:
    """A meter that nobody holds: a provider's, a model's, or one of its own, named by its scope: ``tag:environment=qa``."""
    (kind, value), *more = meter.scope or (("", ""),)
    if kind in {"provider", "model"} and not more:
        return _Held(kind, value, value, meter)
    name = "&".join(f"{kind}={value}" for kind, value in meter.scope)
    return _Held("meter", name, name, meter)


def _one_of(query: Query, name: str, choices: Sequence[str]) -> str | None:
    value = query.text(name)
    if value is not None and value not in choices:
        raise InvalidField(f"{name} must be one of {', '.join(choices)}.", param=name)
    return value


def _share(query: Query) -> Decimal:
    text = query.text("over") or "0"
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or not 0 <= share <= 1:
        raise InvalidField("over must be a share from 0 to 1: 80 % is 0.8.", param="over")
    return share
