"""A file that changes under keys made at run time: a team that is gone from it, a name that it takes."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from directory_world import ANN, DECLARED, catalogue, directory, service

from extproc.admin.bodies import KeyCreate
from extproc.admin.directory_views import key_view
from extproc.admin.entries import KeyFilter
from extproc.admin.errors import Conflict
from extproc.admin.slips import slips
from extproc.config.snapshot import Party

SEARCH, OPS = Party("team", "search"), Party("team", "ops")


@asynccontextmanager
async def gateway(store, snapshot):
    """One that runs with this file: the service of its admin port, and what it logs at its start."""
    live = directory(store, snapshot=snapshot)
    await live.start()
    try:
        yield service(live, snapshot), list(slips(live, snapshot))
    finally:
        await live.stop()


async def test_keys_whose_team_left_the_file_say_so_and_so_does_the_log(store):
    async with gateway(store, catalogue(parties=(SEARCH, OPS))) as (keys, logged):
        for name in ("ci", "cd"):
            await keys.create_key(KeyCreate(name=name, team="search"), ANN)
        await keys.create_key(KeyCreate(name="fine", team="ops"), ANN)
        await keys.create_key(KeyCreate(name="off", team="search", enabled=False), ANN)
        assert (await keys.get_key("ci")).status(keys.now()) == "active"
    assert logged == []
    async with gateway(store, catalogue(parties=(OPS,))) as (keys, logged):
        assert {e.key.name: e.status(keys.now()) for e in (await keys.list_keys()).items} == {
            "ci": "unknown_party",
            "cd": "unknown_party",
            "fine": "active",
            "off": "blocked",
        }
        assert (await keys.list_keys(KeyFilter(status="unknown_party"))).total == 2
        assert logged == [
            "keys made at run time are refused, for nobody declares their team 'search' any more: cd, ci, off"
        ]
    async with gateway(store, catalogue()) as (keys, logged):  # where there are no teams, a name only serves reports
        assert (await keys.get_key("ci")).status(keys.now()) == "active"
    assert logged == []


async def test_a_name_that_the_file_takes_means_its_key_and_the_other_is_named(store):
    async with gateway(store, catalogue()) as (keys, _):
        other = (await keys.create_key(KeyCreate(name="clash"), ANN)).entry.key.id
    async with gateway(store, catalogue(replace(DECLARED, name="clash", id="clash"))) as (keys, logged):
        assert logged == [
            f"the key 'clash' of the file has the name of one made at run time, which only its id means now: {other}"
        ]
        shown = key_view(await keys.get_key("clash"), keys.now())
        assert (shown["declared"], shown["namesake"]) == (True, other)
        with pytest.raises(Conflict, match=f"The one made at run time by that name is {other}"):
            await keys.revoke_key("clash", ANN)
        assert (await keys.revoke_key(other, ANN)).key.id == other
        assert (await keys.get_key("clash")).namesake is None
