"""``/team/...``: teams as LiteLLM's scripts make them. ``team_id`` is the team's name here."""

import uuid
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from extproc.admin.asking import Query
from extproc.admin.bodies import PartyFields
from extproc.admin.entries import KeyEntry, KeyFilter, Paging, PartyEntry, PartyFilter
from extproc.admin.errors import Conflict, InvalidField
from extproc.admin.litellm.bodies import NewTeam, SomeTeams, UpdateTeam
from extproc.admin.litellm.holders import holder_fields
from extproc.admin.litellm.keys import Keys
from extproc.admin.litellm.parts import Parts
from extproc.admin.litellm.reading import changed_by, ignored_query, read
from extproc.admin.litellm.replies import reply
from extproc.admin.litellm.terms import in_litellm_terms
from extproc.admin.litellm.views import party_spender, team_view
from extproc.admin.reading import read_body
from extproc.domain.reading import Json, JsonObject
from extproc.state.audit import Actor

_TRIES = 10
_EVERYTHING = Paging(limit=10**9)


class Teams:
    """The paths of teams."""

    def __init__(self, parts: Parts, keys: Keys) -> None:
        self._parts = parts
        self._service = parts.service
        self._keys = keys

    async def new(self, request: Request) -> Response:
        """A new team, with a random id if it has none."""
        asked = await read(request, NewTeam)
        name = asked.body.team_id or str(uuid.uuid4())
        with in_litellm_terms("team_id"):
            said = await self._parts.with_template(asked.body)
            fields = {**holder_fields(said, None, {"team_alias": asked.body.team_alias}), "revision": 0}
            try:
                entry = await self._service.put_party("team", name, read_body(PartyFields, fields), changed_by(request))
            except Conflict as conflict:
                if conflict.code != "changed_meanwhile":
                    raise
                raise InvalidField(
                    f"team_id: there is a team '{name}' already.", param="team_id", code="team_exists"
                ) from None
        return reply(await self._view(entry), asked.ignored)

    async def info(self, request: Request) -> Response:
        """One team with its keys."""
        name = Query(request).text("team_id")
        if name is None:
            raise InvalidField("Say which team: /team/info?team_id=...", param="team_id")
        ignored = ignored_query(request, "team_id")
        with in_litellm_terms("team_id"):
            entry = await self._service.get_party("team", name)
        keys: list[Json] = [*await self._keys.views(await self._keys_of(name))]
        return reply(
            {"team_id": name, "team_info": await self._view(entry), "keys": keys, "team_memberships": []}, ignored
        )

    async def update(self, request: Request) -> Response:
        """Change the fields that are named."""
        asked = await read(request, UpdateTeam)
        entry = await self._change(asked.body, changed_by(request))
        return reply({"team_id": entry.party.name, "data": await self._view(entry)}, asked.ignored)

    async def delete(self, request: Request) -> Response:
        """Remove teams and, as LiteLLM does, their keys. One that cannot be removed is an error before anything is done."""
        asked = await read(request, SomeTeams)
        by, names = changed_by(request), list(dict.fromkeys(asked.body.team_ids))
        with in_litellm_terms("team_id"):
            keys: list[KeyEntry] = []
            for name in names:
                if (await self._service.get_party("team", name)).declared:
                    raise Conflict(
                        f"The team '{name}' is declared in the configuration file: remove it there.",
                        code="declared",
                        param="team_ids",
                    )
                keys += await self._keys_of(name)
            await self._keys.end(keys, by)
            for name in names:
                await self._service.delete_party("team", name, by)
        return reply({"deleted_teams": [*names], "deleted_keys": [key.key.id for key in keys]}, asked.ignored)

    async def listing(self, request: Request) -> Response:
        """All teams with their keys, or those of an organisation, or those in which a user has keys."""
        query = Query(request)
        ignored = ignored_query(request, "organization_id", "user_id")
        which = PartyFilter("team", org=query.text("organization_id"))
        entries = list((await self._service.list_parties(which, _EVERYTHING)).items)
        keys = (await self._service.list_keys(KeyFilter(), _EVERYTHING)).items
        if user := query.text("user_id"):
            his = {key.key.team for key in keys if key.key.user == user}
            entries = [entry for entry in entries if entry.party.name in his]
        shown = [key for key in keys if key.key.team in {entry.party.name for entry in entries}]
        of_team: dict[str | None, list[Json]] = {}
        for key, view in zip(shown, await self._keys.views(shown), strict=True):
            of_team.setdefault(key.key.team, []).append(view)
        teams: list[Json] = [
            {**view, "keys": of_team.get(entry.party.name, []), "team_memberships": []}
            for entry, view in zip(entries, await self.views(entries), strict=True)
        ]
        return reply(teams, ignored)

    async def views(self, entries: Sequence[PartyEntry]) -> list[JsonObject]:
        """Teams with what they have spent."""
        spends = await self._parts.spends.of("team", [party_spender(entry) for entry in entries])
        return [team_view(entry, spend) for entry, spend in zip(entries, spends, strict=True)]

    async def _view(self, entry: PartyEntry) -> JsonObject:
        (view,) = await self.views([entry])
        return view

    async def _keys_of(self, team: str) -> Sequence[KeyEntry]:
        return (await self._service.list_keys(KeyFilter(team=team), _EVERYTHING)).items

    async def _change(self, said: UpdateTeam, by: Actor) -> PartyEntry:
        notes = {"team_alias": said.team_alias} if "team_alias" in said.model_fields_set else {}
        with in_litellm_terms("team_id"):
            filled = await self._parts.with_template(said)
            for tries in range(_TRIES):
                entry = await self._service.get_party("team", said.team_id)
                fields = holder_fields(filled, entry.record, notes)
                if entry.record is not None:
                    fields["revision"] = entry.record.revision
                try:
                    return await self._service.update_party("team", said.team_id, read_body(PartyFields, fields), by)
                except Conflict as conflict:
                    if conflict.code != "changed_meanwhile" or tries == _TRIES - 1:
                        raise
        raise AssertionError("the last try returns or raises")
