"""Paths of keys, parties and the audit trail, under ``/api/v1``; ``service`` has the rules.

============================ ======================= ==================================================================
path                         methods
============================ ======================= ==================================================================
/keys                        GET POST                list (name, org, team, user, model, tag, status, declared), create
/keys/{key}                  GET PATCH DELETE        one by id or name with its meters, change, revoke
/keys/{key}/rotate           POST                    ``{grace, key, revision}``; the reply has the plain text
/keys/{key}/block, /unblock  POST                    also of declared keys
/orgs, /teams, /users        GET                     list (name, org)
/orgs/{name} and so on       GET PUT PATCH DELETE    one
/audit                       GET                     newest first; ``before`` a version
/whoami                      GET                     role and actor
============================ ======================= ==================================================================

Lists take ``limit`` (1 to 500) and ``cursor``. The plain text of a key is in the replies to POST /keys and rotate alone.
"""

from collections.abc import Mapping
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from extproc.admin.access import actor_of
from extproc.admin.bodies import KeyCreate, KeyPatch, KeyRotate, PartyFields, Revision, check_party_name
from extproc.admin.directory_views import audit_view, key_view, meters_view, page_view, party_view
from extproc.admin.entries import IssuedKey, KeyEntry, KeyFilter, KeyStatus, Paging, PartyEntry, PartyFilter
from extproc.admin.errors import InvalidField, Unavailable
from extproc.admin.reading import read_body, read_json
from extproc.admin.replies import json_reply
from extproc.admin.service import DirectoryService
from extproc.config.snapshot import PartyKind
from extproc.domain.reading import Json, JsonObject

ROOT = "/api/v1"
MAX_PAGE = 500
_STATUSES: Mapping[str, KeyStatus] = {
    "active": "active",
    "blocked": "blocked",
    "expired": "expired",
    "unknown_party": "unknown_party",
}
_SWITCH = {"true": True, "false": False}
_PARTIES: Mapping[str, PartyKind] = {"orgs": "org", "teams": "team", "users": "user"}

T = TypeVar("T")


def api_routes(service: DirectoryService | None) -> list[Route]:
    """The routes; None where the configuration has no store: then each says so, and ``whoami`` answers."""
    routes = [Route(f"{ROOT}/whoami", _whoami)]
    if service is None:
        everything = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return [*routes, Route(f"{ROOT}/{{path:path}}", _no_store, methods=everything)]
    keys, audit = _Keys(service), _Audit(service)
    routes += [
        Route(f"{ROOT}/keys", keys.list, methods=["GET"]),
        Route(f"{ROOT}/keys", keys.create, methods=["POST"]),
        Route(f"{ROOT}/keys/{{key}}", keys.show, methods=["GET"]),
        Route(f"{ROOT}/keys/{{key}}", keys.update, methods=["PATCH"]),
        Route(f"{ROOT}/keys/{{key}}", keys.revoke, methods=["DELETE"]),
        Route(f"{ROOT}/keys/{{key}}/rotate", keys.rotate, methods=["POST"]),
        Route(f"{ROOT}/keys/{{key}}/block", keys.block, methods=["POST"]),
        Route(f"{ROOT}/keys/{{key}}/unblock", keys.unblock, methods=["POST"]),
        Route(f"{ROOT}/audit", audit.list, methods=["GET"]),
    ]
    for path, kind in _PARTIES.items():
        parties = _Parties(service, kind)
        routes += [
            Route(f"{ROOT}/{path}", parties.list, methods=["GET"]),
            Route(f"{ROOT}/{path}/{{name}}", parties.show, methods=["GET"]),
            Route(f"{ROOT}/{path}/{{name}}", parties.put, methods=["PUT"]),
            Route(f"{ROOT}/{path}/{{name}}", parties.update, methods=["PATCH"]),
            Route(f"{ROOT}/{path}/{{name}}", parties.delete, methods=["DELETE"]),
        ]
    return routes


class _Keys:
    def __init__(self, service: DirectoryService) -> None:
        self._service = service

    async def list(self, request: Request) -> Response:
        query = _Query(request, "name", "org", "team", "user", "model", "tag", "status", "declared")
        which = KeyFilter(
            name=query.text("name"),
            org=query.text("org"),
            team=query.text("team"),
            user=query.text("user"),
            model=query.text("model"),
            tag=query.pair("tag"),
            status=query.choice("status", _STATUSES),
            declared=query.choice("declared", _SWITCH),
        )
        page = await self._service.list_keys(which, query.paging())
        return json_reply(page_view(page, [self._view(entry) for entry in page.items]))

    async def create(self, request: Request) -> Response:
        issued = await self._service.create_key(read_body(KeyCreate, await read_json(request)), actor_of(request))
        return json_reply(self._issued(issued), 201)

    async def show(self, request: Request) -> Response:
        entry = await self._service.get_key(_name(request, "key"))
        return json_reply(await self._whole(entry))

    async def update(self, request: Request) -> Response:
        changes = read_body(KeyPatch, await read_json(request))
        entry = await self._service.update_key(_name(request, "key"), changes, actor_of(request))
        return json_reply(await self._whole(entry))

    async def revoke(self, request: Request) -> Response:
        revision = _Query(request, "revision").number("revision")
        entry = await self._service.revoke_key(_name(request, "key"), actor_of(request), revision=revision)
        return json_reply({**self._view(entry), "status": "revoked"})

    async def rotate(self, request: Request) -> Response:
        rotation = read_body(KeyRotate, await read_json(request))
        issued = await self._service.rotate_key(_name(request, "key"), rotation, actor_of(request))
        return json_reply(self._issued(issued))

    async def block(self, request: Request) -> Response:
        revision = read_body(Revision, await read_json(request)).revision
        entry = await self._service.block_key(_name(request, "key"), actor_of(request), revision=revision)
        return json_reply(self._view(entry))

    async def unblock(self, request: Request) -> Response:
        revision = read_body(Revision, await read_json(request)).revision
        entry = await self._service.unblock_key(_name(request, "key"), actor_of(request), revision=revision)
        return json_reply(self._view(entry))

    def _view(self, entry: KeyEntry) -> JsonObject:
        return key_view(entry, self._service.now())

    def _issued(self, issued: IssuedKey) -> JsonObject:
        return {"key": issued.plain.reveal(), **self._view(issued.entry)}

    async def _whole(self, entry: KeyEntry) -> JsonObject:
        states = await self._service.meter_states(entry.key.meters)
        return {**self._view(entry), "meters": meters_view(entry.key.meters, states)}


class _Parties:
    def __init__(self, service: DirectoryService, kind: PartyKind) -> None:
        self._service = service
        self._kind: PartyKind = kind

    async def list(self, request: Request) -> Response:
        query = _Query(request, "name", "org")
        which = PartyFilter(self._kind, query.text("name"), query.text("org"))
        page = await self._service.list_parties(which, query.paging())
        return json_reply(page_view(page, [party_view(entry) for entry in page.items]))

    async def show(self, request: Request) -> Response:
        return json_reply(await self._whole(await self._service.get_party(self._kind, _name(request, "name"))))

    async def put(self, request: Request) -> Response:
        fields, name = read_body(PartyFields, await read_json(request)), _name(request, "name")
        check_party_name(name)
        entry = await self._service.put_party(self._kind, name, fields, actor_of(request))
        new = entry.record is not None and entry.record.created == entry.record.updated
        return json_reply(await self._whole(entry), 201 if new else 200)

    async def update(self, request: Request) -> Response:
        changes = read_body(PartyFields, await read_json(request))
        entry = await self._service.update_party(self._kind, _name(request, "name"), changes, actor_of(request))
        return json_reply(await self._whole(entry))

    async def delete(self, request: Request) -> Response:
        revision = _Query(request, "revision").number("revision")
        name = _name(request, "name")
        entry = await self._service.delete_party(self._kind, name, actor_of(request), revision=revision)
        return json_reply({**party_view(entry), "status": "deleted"})

    async def _whole(self, entry: PartyEntry) -> JsonObject:
        states = await self._service.meter_states(entry.party.meters)
        return {**party_view(entry), "meters": meters_view(entry.party.meters, states)}


class _Audit:
    def __init__(self, service: DirectoryService) -> None:
        self._service = service

    async def list(self, request: Request) -> Response:
        query = _Query(request, "before")
        limit = query.paging().limit
        entries = await self._service.audit(before=query.number("before"), limit=limit)
        more = entries[-1].version if len(entries) == limit else None
        items: list[Json] = [audit_view(entry) for entry in entries]
        return json_reply({"items": items, "next": more})


class _Query:
    """The query, of which only ``known`` names and those of paging are allowed: a misspelt filter would list too much."""

    def __init__(self, request: Request, *known: str) -> None:
        self._values = request.query_params
        names = (*known, "limit", "cursor")
        for name in self._values:
            if name not in names:
                raise InvalidField(f"The query has no '{name[:100]}'; there are: {', '.join(names)}.", param=name[:100])

    def text(self, name: str) -> str | None:
        return self._values.get(name) or None

    def number(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if value.isascii() and value.isdecimal() and len(value) < 16:
            return int(value)
        raise InvalidField(f"{name} must be a whole number.", param=name)

    def choice(self, name: str, choices: Mapping[str, T]) -> T | None:
        value = self._values.get(name)
        if value is not None and value not in choices:
            raise InvalidField(f"{name} must be one of {', '.join(choices)}.", param=name)
        return None if value is None else choices[value]

    def pair(self, name: str) -> tuple[str, str] | None:
        value = self._values.get(name)
        if value is None:
            return None
        left, sign, right = value.partition("=")
        if not sign:
            raise InvalidField(f"{name} must be written as name=value.", param=name)
        return left, right

    def paging(self) -> Paging:
        limit = self.number("limit")
        if limit is not None and not 1 <= limit <= MAX_PAGE:
            raise InvalidField(f"limit must be from 1 to {MAX_PAGE}.", param="limit")
        return Paging(limit or Paging().limit, self.text("cursor"))


def _name(request: Request, part: str) -> str:
    name: str = request.path_params[part]
    return name


async def _whoami(request: Request) -> Response:
    actor = actor_of(request)
    return json_reply({"role": actor.role, "actor": actor.name})


async def _no_store(_: Request) -> Response:
    raise Unavailable(
        "This gateway has no store (store.url is none), so there is nothing to administer: set store.url in gateway.yaml.",
        code="no_store",
    )
