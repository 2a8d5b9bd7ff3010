"""``/user/new`` and ``/user/info``. ``user_id`` is the user's name here; budget and limits hold for all of his keys."""

import contextlib
import uuid

from starlette.requests import Request
from starlette.responses import Response

from extproc.admin.asking import Query
from extproc.admin.bodies import PartyFields
from extproc.admin.entries import KeyFilter, Paging, PartyEntry
from extproc.admin.errors import AdminError, Conflict, InvalidField, NotFound
from extproc.admin.litellm.bodies import GenerateKey, NewUser
from extproc.admin.litellm.holders import holder_fields
from extproc.admin.litellm.keys import Keys
from extproc.admin.litellm.parts import Parts
from extproc.admin.litellm.reading import changed_by, ignored_query, read
from extproc.admin.litellm.replies import reply
from extproc.admin.litellm.teams import Teams
from extproc.admin.litellm.terms import in_litellm_terms
from extproc.admin.litellm.views import party_spender, user_view
from extproc.admin.reading import read_body
from extproc.domain.reading import Json, JsonObject

_EVERYTHING = Paging(limit=10**9)
_NOTED = ("user_email", "user_alias", "user_role")


class Users:
    """The paths of users."""

    def __init__(self, parts: Parts, keys: Keys, teams: Teams) -> None:
        self._parts = parts
        self._service = parts.service
        self._keys = keys
        self._teams = teams

    async def new(self, request: Request) -> Response:
        """A new user and, unless ``auto_create_key`` is false, a key of his: its plain text is in this answer alone."""
        asked = await read(request, NewUser)
        said, by = asked.body, changed_by(request)
        name = said.user_id or str(uuid.uuid4())
        with in_litellm_terms("user_id"):
            filled = await self._parts.with_template(said)
            fields = holder_fields(filled, None, {note: getattr(said, note) for note in _NOTED})
            if said.organizations:
                fields["org"] = said.organizations[0]
            user = read_body(PartyFields, {**fields, "revision": 0})
            try:
                entry = await self._service.put_party("user", name, user, by)
            except Conflict as conflict:
                if conflict.code != "changed_meanwhile":
                    raise
                raise Conflict(f"There is a user '{name}' already.", code="user_exists", param="user_id") from None
        if not said.auto_create_key:
            return reply({**await self._view(entry), "key": None}, asked.ignored)
        try:
            issued = await self._keys.make(_key_of(said, name, entry.party.org), by)
        except AdminError:
            with contextlib.suppress(AdminError):
                await self._service.delete_party("user", name, by)  # a script that mends its request comes again
            raise
        key = await self._keys.issued(issued)
        shown = {part: key[part] for part in ("key", "token", "token_id", "key_name", "key_alias", "expires")}
        return reply({**await self._view(entry), **shown, "team_id": said.team_id}, asked.ignored)

    async def info(self, request: Request) -> Response:
        """One user with his keys, and the teams that these belong to."""
        name = Query(request).text("user_id")
        if name is None:
            raise InvalidField("Say which user: /user/info?user_id=...", param="user_id")
        ignored = ignored_query(request, "user_id")
        with in_litellm_terms("user_id"):
            entry = await self._service.get_party("user", name)
        keys = (await self._service.list_keys(KeyFilter(user=name), _EVERYTHING)).items
        teams: list[PartyEntry] = []
        for team in dict.fromkeys(key.key.team for key in keys if key.key.team is not None):
            try:
                teams.append(await self._service.get_party("team", team))
            except NotFound:  # where no teams are kept, keys may still name some
                continue
        shown: list[Json] = [*await self._keys.views(keys)]
        named: list[Json] = [*await self._teams.views(teams)]
        return reply({"user_id": name, "user_info": await self._view(entry), "keys": shown, "teams": named}, ignored)

    async def _view(self, entry: PartyEntry) -> JsonObject:
        (spend,) = await self._parts.spends.of("user", [party_spender(entry)])
        return user_view(entry, spend)


def _key_of(said: NewUser, user: str, org: str | None) -> GenerateKey:
    named = said.model_fields_set & {"key_alias", "duration", "team_id", "models"}
    return GenerateKey.model_validate(
        {**{name: getattr(said, name) for name in named}, "user_id": user, "organization_id": org}
    )
