"""``/key/...``: made, looked at, changed and ended as LiteLLM's scripts do it."""

import contextlib
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from extproc.admin.asking import Query
from extproc.admin.bodies import KeyCreate, KeyPatch, KeyRotate
from extproc.admin.entries import IssuedKey, KeyEntry, KeyFilter, Paging
from extproc.admin.errors import Conflict, InvalidField, NotFound
from extproc.admin.litellm.bodies import GenerateKey, KeyFields, OneKey, RegenerateKey, SomeKeys, UpdateKey
from extproc.admin.litellm.holders import key_fields
from extproc.admin.litellm.parts import Parts
from extproc.admin.litellm.reading import changed_by, ignored_query, read
from extproc.admin.litellm.replies import reply
from extproc.admin.litellm.terms import in_litellm_terms
from extproc.admin.litellm.views import key_spender, key_view
from extproc.admin.reading import read_body
from extproc.domain.reading import Json, JsonObject
from extproc.state.audit import Actor

_TRIES = 10
"""Of a change that others forestall."""
_EVERYTHING = Paging(limit=10**9)
_LARGEST_PAGE = 100
_SORTS = ("created_at", "updated_at", "key_alias", "expires", "user_id", "team_id")


class Keys:
    """The paths of keys."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._service = parts.service

    async def generate(self, request: Request) -> Response:
        """A new key; its plain text is in this answer alone."""
        asked = await read(request, GenerateKey)
        issued = await self.make(asked.body, changed_by(request))
        return reply(await self.issued(issued), asked.ignored)

    async def make(self, said: GenerateKey, by: Actor) -> IssuedKey:
        """A new key. Raises ``AdminError`` in LiteLLM's words."""
        with in_litellm_terms():
            filled = await self._parts.with_template(said)
            fields = key_fields(filled, None)
            if said.key is not None:
                fields["key"] = said.key.reveal()
            return await self._service.create_key(read_body(KeyCreate, fields), by)

    async def info(self, request: Request) -> Response:
        """One key."""
        ref = Query(request).text("key")
        if ref is None:
            raise InvalidField("Say which key: /key/info?key=...", param="key")
        ignored = ignored_query(request, "key")
        view = await self._view(await self._parts.find_key(ref))
        return reply({"key": ref, "info": view}, ignored)

    async def update(self, request: Request) -> Response:
        """Change the fields that are named."""
        asked = await read(request, UpdateKey)
        entry = await self._change(asked.body.key, asked.body, changed_by(request))
        return reply({**await self._view(entry), "key": asked.body.key}, asked.ignored)

    async def delete(self, request: Request) -> Response:
        """End keys for good. One that is not there, or that the file declares, is an error before anything is done."""
        asked = await read(request, SomeKeys)
        by, refs = changed_by(request), (*(asked.body.keys or ()), *(asked.body.key_aliases or ()))
        if not refs:
            raise InvalidField("Say which keys: in keys, or in key_aliases.", param="keys")
        entries = [await self._parts.find_key(ref) for ref in refs]
        await self.end(entries, by)
        return reply({"deleted_keys": list(refs)}, asked.ignored)

    async def end(self, entries: Sequence[KeyEntry], by: Actor) -> None:
        """Remove keys. Raises ``Conflict`` before anything is done where the file declares one of them."""
        for entry in entries:
            if entry.declared:
                raise Conflict(
                    f"The key '{entry.key.name}' is declared in the configuration file: remove it there.",
                    code="declared",
                    param="keys",
                )
        for ident in dict.fromkeys(entry.key.id for entry in entries):
            with contextlib.suppress(NotFound):  # somebody else has ended it meanwhile
                await self._service.revoke_key(ident, by)

    async def block(self, request: Request) -> Response:
        """Refuse a key from now on."""
        asked = await read(request, OneKey)
        entry = await self._parts.find_key(asked.body.key)
        entry = await self._service.block_key(entry.key.id or entry.key.name, changed_by(request))
        return reply(await self._view(entry), asked.ignored)

    async def unblock(self, request: Request) -> Response:
        """Let it in again."""
        asked = await read(request, OneKey)
        entry = await self._parts.find_key(asked.body.key)
        entry = await self._service.unblock_key(entry.key.id or entry.key.name, changed_by(request))
        return reply(await self._view(entry), asked.ignored)

    async def regenerate(self, request: Request) -> Response:
        """A new plain text, after the changes that the body may name besides. Its id, budget and spend go on."""
        asked = await read(request, RegenerateKey)
        ref = request.path_params.get("key") or asked.body.key
        if ref is None:
            raise InvalidField("Say which key: in key, or in the path.", param="key")
        said = asked.body
        entry = await self._parts.find_key(ref)
        with in_litellm_terms():
            rotation: dict[str, object] = {
                "grace": said.grace_period or 0,
                "key": said.new_key.reveal() if said.new_key is not None else None,
            }
            changes = None
            if said.model_fields_set - {"key", "new_key", "grace_period"}:
                changes = read_body(KeyPatch, key_fields(await self._parts.with_template(said), entry.record))
                if entry.record is not None:  # the new budget is made of the old one, so it must still be the same
                    rotation["revision"] = entry.record.revision
            issued = await self._service.rotate_key(
                entry.key.id or entry.key.name, read_body(KeyRotate, rotation), changed_by(request), changes
            )
        return reply(await self.issued(issued), asked.ignored)

    async def listing(self, request: Request) -> Response:
        """A page of keys: their ids, or all of them with ``return_full_object``."""
        query = Query(request)
        page = query.whole("page", 1, 1, 10**9)
        size = query.whole("size", 10, 1, _LARGEST_PAGE)
        ignored = ignored_query(request, *_LIST_QUERY)
        which = KeyFilter(org=query.text("organization_id"), team=query.text("team_id"), user=query.text("user_id"))
        entries = self._sorted(query, (await self._service.list_keys(which, _EVERYTHING)).items)
        if alias := query.text("key_alias"):
            entries = [entry for entry in entries if entry.key.name == alias]
        if digest := query.text("key_hash"):
            entries = [entry for entry in entries if digest in {entry.key.id, entry.key.sha256}]
        shown = entries[(page - 1) * size : page * size]
        keys: list[Json] = [entry.key.id or entry.key.name for entry in shown]
        if query.switch("return_full_object", default=False):
            keys = [*await self.views(shown)]
        return reply(
            {
                "keys": keys,
                "total_count": len(entries),
                "current_page": page,
                "total_pages": -(-len(entries) // size),
            },
            ignored,
        )

    async def views(self, entries: Sequence[KeyEntry]) -> list[JsonObject]:
        """Keys with what they have spent."""
        spends = await self._parts.spends.of("key_id", [key_spender(entry) for entry in entries])
        return [key_view(entry, spend) for entry, spend in zip(entries, spends, strict=True)]

    async def issued(self, issued: IssuedKey) -> JsonObject:
        """A key with its plain text."""
        return {**await self._view(issued.entry), "key": issued.plain.reveal()}

    async def _view(self, entry: KeyEntry) -> JsonObject:
        (view,) = await self.views([entry])
        return view

    async def _change(self, ref: str, said: KeyFields, by: Actor) -> KeyEntry:
        with in_litellm_terms():
            filled = await self._parts.with_template(said)
            for tries in range(_TRIES):
                entry = await self._parts.find_key(ref)
                fields = key_fields(filled, entry.record)
                if entry.record is not None:  # the new budget is made of the old one, so it must still be the same
                    fields["revision"] = entry.record.revision
                try:
                    return await self._service.update_key(
                        entry.key.id or entry.key.name, read_body(KeyPatch, fields), by
                    )
                except Conflict as conflict:
                    if conflict.code != "changed_meanwhile" or tries == _TRIES - 1:
                        raise
        raise AssertionError("the last try returns or raises")

    @staticmethod
    def _sorted(query: Query, entries: Sequence[KeyEntry]) -> list[KeyEntry]:
        column = query.text("sort_by") or "created_at"
        order = query.text("sort_order") or "desc"
        if column not in _SORTS:
            raise InvalidField(f"sort_by must be one of {', '.join(_SORTS)}.", param="sort_by")
        if order not in {"asc", "desc"}:
            raise InvalidField("sort_order must be asc or desc.", param="sort_order")
        return sorted(entries, key=lambda entry: _place(entry, column), reverse=order == "desc")


_LIST_QUERY = (
    "page", "size", "organization_id", "team_id", "user_id", "key_alias", "key_hash", "return_full_object", "sort_by",
    "sort_order",
)  # fmt: skip


def _place(entry: KeyEntry, column: str) -> tuple[str, str]:
    key, record = entry.key, entry.record
    match column:
        case "created_at":
            value = record.created.isoformat() if record else ""
        case "updated_at":
            value = record.updated.isoformat() if record else ""
        case "expires":
            value = key.expires.isoformat() if key.expires else ""
        case "user_id":
            value = key.user or ""
        case "team_id":
            value = key.team or ""
        case _:
            value = key.name
    return value, key.id or key.name
