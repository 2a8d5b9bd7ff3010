"""Keys and parties change while others change them: rotation, expiry, revisions, and what is refused."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from directory_world import ANN, digest, directory, service, until

from extproc.admin.bodies import KeyCreate, KeyPatch, KeyRotate, PartyFields
from extproc.admin.changes import Sources
from extproc.admin.errors import Conflict, InvalidField, NotFound
from extproc.domain.money import NANOS
from extproc.state import directory_layout as layout


async def test_names_are_unique_and_free_again_after_a_revocation(keys):
    first = await keys.create_key(KeyCreate(name="ann"), ANN)
    for name in ("ann", "ci"):
        with pytest.raises(Conflict) as refusal:
            await keys.create_key(KeyCreate(name=name), ANN)
        assert (refusal.value.code, refusal.value.param) == ("name_taken", "name")
    await keys.update_key("ann", KeyPatch(name="bob"), ANN)
    assert (await keys.get_key("bob")).key.id == first.entry.key.id
    await keys.create_key(KeyCreate(name="ann"), ANN)
    await keys.revoke_key("bob", ANN)
    with pytest.raises(NotFound):
        await keys.get_key("bob")
    await keys.create_key(KeyCreate(name="bob"), ANN)


async def test_of_many_who_want_one_name_one_gets_it(store, here):
    many = [service(here) for _ in range(2)]
    answers = await asyncio.gather(
        *(many[n % 2].create_key(KeyCreate(name="the-one"), ANN) for n in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Conflict)} == {"name_taken"}


async def test_rotation_with_grace(store, here, worker):
    clock = [datetime(2026, 3, 1, 12, tzinfo=UTC)]
    keys = service(here, sources=Sources(now_ns=lambda: int(clock[0].timestamp()) * 10**9))
    first = await keys.create_key(KeyCreate(name="k", budgets=[{"usd": 1, "per": "day"}]), ANN)
    second = await keys.rotate_key("k", KeyRotate(grace="24h"), ANN)
    await until(lambda: worker.key(digest(second)))
    new, old = worker.key(digest(second)), worker.key(digest(first))
    assert new.expires is None
    assert old.expires == clock[0] + timedelta(hours=24)
    # Same identity, same meters: the budget is not doubled.
    assert (old.id, old.meters) == (new.id, new.meters)
    assert old.sha256 == digest(first)

    clock[0] += timedelta(hours=1)
    third = await keys.rotate_key("k", KeyRotate(grace="24h"), ANN)
    await until(lambda: worker.key(digest(third)))
    assert worker.key(digest(first)).expires == clock[0] + timedelta(hours=23)
    assert worker.key(digest(second)).expires == clock[0] + timedelta(hours=24)

    clock[0] += timedelta(hours=23)  # the first one's grace is over
    fourth = await keys.rotate_key("k", KeyRotate(grace="24h"), ANN)
    await until(lambda: worker.key(digest(fourth)))
    assert worker.key(digest(first)) is None
    assert worker.key(digest(second)) is not None

    fifth = await keys.rotate_key("k", KeyRotate(), ANN)
    await until(lambda: worker.key(digest(fifth)))
    assert [worker.key(digest(old)) for old in (first, second, third, fourth)] == [None] * 4
    assert await store.client.hkeys(layout.digests(store.prefix)) == [digest(fifth).encode()]


async def test_a_grace_does_not_outlive_the_key(keys, worker):
    until_then = keys.now() + timedelta(hours=1)
    first = await keys.create_key(KeyCreate(name="k", expires=until_then.isoformat()), ANN)
    second = await keys.rotate_key("k", KeyRotate(grace="24h"), ANN)
    await until(lambda: worker.key(digest(second)))
    assert worker.key(digest(first)).expires == until_then


async def test_of_two_rotations_at_once_one_fails(keys, here):
    await keys.create_key(KeyCreate(name="k"), ANN)
    answers = await asyncio.gather(*(keys.rotate_key("k", KeyRotate(), ANN) for _ in range(5)), return_exceptions=True)
    done = [answer for answer in answers if not isinstance(answer, Exception)]
    assert len(done) == 1
    assert {answer.code for answer in answers if isinstance(answer, Conflict)} == {"changed_meanwhile"}
    assert here.key(digest(done[0])) is not None


async def test_expiry(keys, worker):
    issued = await keys.create_key(KeyCreate(name="k", expires_in="30d"), ANN)
    record = issued.entry.record
    assert record.expires == record.created + timedelta(days=30)
    now = keys.now()
    ended = await keys.update_key("k", KeyPatch(expires=now.isoformat()), ANN)
    assert ended.status(keys.now()) == "expired"
    await until(lambda: worker.key(digest(issued)).expires == now)
    assert (await keys.update_key("k", KeyPatch(expires=None), ANN)).status(keys.now()) == "active"


async def test_concurrent_updates_lose_nothing(store, keys):
    """Twelve writers of two processes each set a tag of their own by reading, adding and writing with the revision."""
    there = directory(store)
    await there.start()
    other = service(there)
    await keys.create_key(KeyCreate(name="k"), ANN)

    async def add(which, name):
        while True:
            entry = await which.get_key("k")
            tags = {**entry.record.tags, name: "1"}
            with suppress(Conflict):
                await which.update_key("k", KeyPatch(tags=tags, revision=entry.record.revision), ANN)
                return

    await asyncio.gather(*(add((keys, other)[n % 2], f"t{n}") for n in range(12)))
    assert set((await keys.get_key("k")).record.tags) == {f"t{n}" for n in range(12)}
    await there.stop()


async def test_updates_of_different_fields_without_a_revision_all_hold(keys):
    await keys.create_key(KeyCreate(name="k"), ANN)
    await asyncio.gather(
        keys.update_key("k", KeyPatch(tags={"a": "1"}), ANN),
        keys.update_key("k", KeyPatch(team="search"), ANN),
        keys.update_key("k", KeyPatch(models=["fast"]), ANN),
        keys.block_key("k", ANN),
    )
    record = (await keys.get_key("k")).record
    assert (record.tags, record.team, record.models, record.enabled) == ({"a": "1"}, "search", ("fast",), False)


async def test_a_revision_that_has_passed_is_refused(keys):
    revision = (await keys.create_key(KeyCreate(name="k"), ANN)).entry.record.revision
    await keys.update_key("k", KeyPatch(user="eve", revision=revision), ANN)
    for late in (
        keys.update_key("k", KeyPatch(user="bob", revision=revision), ANN),
        keys.rotate_key("k", KeyRotate(revision=revision), ANN),
        keys.block_key("k", ANN, revision=revision),
        keys.revoke_key("k", ANN, revision=revision),
    ):
        with pytest.raises(Conflict) as refusal:
            await late
        assert refusal.value.code == "changed_meanwhile"


async def test_a_change_leaves_what_it_does_not_name_and_null_empties(keys):
    await keys.create_key(
        KeyCreate(name="k", team="search", tags={"a": "1"}, budgets=[{"usd": 1, "per": "day"}], expires_in="1d"), ANN
    )
    entry = await keys.update_key("k", KeyPatch(budgets=[{"usd": 2, "per": "day"}]), ANN)
    assert (entry.record.team, entry.record.tags) == ("search", {"a": "1"})
    assert entry.key.meters[0].limit == 2 * NANOS
    entry = await keys.update_key("k", KeyPatch(team=None, tags=None, budgets=None, expires=None), ANN)
    assert (entry.record.team, entry.record.tags, entry.key.meters, entry.key.expires) == (None, {}, (), None)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"models": ["fst"]}, "models[0]"),
        ({"budgets": [{"usd": 1, "per": "day"}, {"usd": 2, "per": "day"}]}, "budgets"),
        ({"budgets": [{"usd": 1, "per": "day", "ladder": [{"at": 0.9, "use": "fst"}]}]}, "budgets"),
        ({"expires": "2001-01-01"}, "expires"),
        ({"expires": "2101-01-01", "expires_in": "1d"}, "expires_in"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field(keys, fields, param):
    with pytest.raises(InvalidField) as refusal:
        await keys.create_key(KeyCreate(**fields), ANN)
    assert refusal.value.param == param


async def test_a_misspelt_team_is_refused_where_teams_are_kept(keys):
    await keys.create_key(KeyCreate(team="anything"), ANN)
    await keys.put_party("team", "search", PartyFields(), ANN)
    with pytest.raises(InvalidField) as refusal:
        await keys.create_key(KeyCreate(team="serch"), ANN)
    assert (refusal.value.param, refusal.value.code) == ("team", "unknown_team")
    assert "search" in refusal.value.message


async def test_parties_come_change_and_go(keys, worker):
    await keys.put_party("org", "acme", PartyFields(budgets=[{"usd": 100, "per": "month"}]), ANN)
    await keys.put_party("team", "finding", PartyFields(org="acme", limits={"tokens": "1k/min"}), ANN)
    await until(lambda: worker.party("team", "finding"))
    assert worker.party("team", "finding").org == "acme"
    assert worker.party("team", "finding").meters[0].scope == (("team", "finding"),)
    assert worker.party("org", "acme").meters[0].limit == 100 * NANOS

    await keys.update_party("team", "finding", PartyFields(enabled=False), ANN)
    await until(lambda: not worker.party("team", "finding").enabled)
    assert worker.party("team", "finding").meters[0].limit == 1000

    replaced = await keys.put_party("team", "finding", PartyFields(org="acme"), ANN)
    assert (replaced.party.enabled, replaced.party.meters) == (True, ())
    assert replaced.record.revision > 2

    key = await keys.create_key(KeyCreate(team="finding"), ANN)
    for kind, name in (("team", "finding"), ("org", "acme")):
        with pytest.raises(Conflict) as refusal:
            await keys.delete_party(kind, name, ANN)
        assert refusal.value.code == "in_use"
    await keys.revoke_key(key.entry.key.id, ANN)
    await keys.delete_party("team", "finding", ANN)
    await keys.delete_party("org", "acme", ANN)
    await until(lambda: worker.party("org", "acme") is None)
    with pytest.raises(NotFound):
        await keys.get_party("team", "finding")


async def test_put_with_revision_0_only_makes(keys):
    await keys.put_party("team", "search", PartyFields(revision=0), ANN)
    with pytest.raises(Conflict):
        await keys.put_party("team", "search", PartyFields(revision=0), ANN)
