"""Keys and parties made at run time reach every process, and what reaches it is what requests are judged by."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from directory_world import ANN, DECLARED, SNAPSHOT, directory, service, until

from extproc.admin.bodies import KeyCreate, KeyPatch, KeyRotate, PartyFields
from extproc.admin.changes import Sources
from extproc.admin.entries import KeyFilter, Paging, PartyFilter
from extproc.admin.errors import Conflict, InvalidField, NotFound
from extproc.admin.meter_reader import MeterStates
from extproc.admin.service import DirectoryService
from extproc.config.digest import hash_key
from extproc.config.snapshot import Secret, Store
from extproc.domain.ledger import HoldLine, HoldOrder
from extproc.domain.money import NANOS
from extproc.policy.windows import Windows
from extproc.state import directory_layout as layout
from extproc.state.directory import LiveDirectory, Timing
from extproc.state.reports import Reports
from extproc.state.steps import Steps
from extproc.state.store import connect

NEVER = Timing(poll=60.0)
"""News by pub/sub only."""


@pytest.fixture
async def here(store) -> AsyncIterator[LiveDirectory]:
    """The directory of the process that administers."""
    one = directory(store)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def worker(store) -> AsyncIterator[LiveDirectory]:
    """The directory of a worker that hears of changes by pub/sub only."""
    one = directory(store, timing=NEVER)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
def keys(here) -> DirectoryService:
    return service(here)


def digest(issued) -> str:
    return hash_key(issued.plain.reveal())


async def test_a_new_key_is_known_to_every_worker(keys, worker):
    issued = await keys.create_key(
        KeyCreate(
            name="batch",
            team="search",
            user="eve",
            org="acme",
            models=["fast-alias"],
            tags={"environment": "qa"},
            budgets=[{"usd": 12.5, "per": "month", "alert_at": [0.8]}],
            limits={"requests": "100/min", "concurrent": 3},
            metadata={"ticket": 7},
        ),
        ANN,
    )
    await until(lambda: worker.key(digest(issued)))
    key = worker.key(digest(issued))
    assert key == issued.entry.key
    assert (key.name, key.team, key.user, key.org) == ("batch", "search", "eve", "acme")
    assert key.id.startswith("key_")
    assert key.models == {"fast"}
    assert key.tags == {"environment": "qa"}
    assert [(m.unit, m.limit, m.scope) for m in key.meters] == [
        ("usd", 12_500_000_000, (("key", key.id),)),
        ("requests", 100, (("key", key.id),)),
        ("concurrent", 3, (("key", key.id),)),
    ]
    assert worker.complete


async def test_a_plain_key_is_long_and_random(keys):
    plain = [(await keys.create_key(KeyCreate(), ANN)).plain.reveal() for _ in range(3)]
    assert len(set(plain)) == 3
    for text in plain:
        assert text.startswith("sk-llmgw-")
        assert len(text) == len("sk-llmgw-") + 43
        assert text[9:].isalnum()


async def test_a_key_without_a_name_is_called_by_its_id(keys):
    entry = (await keys.create_key(KeyCreate(), ANN)).entry
    assert entry.key.name == entry.key.id


async def test_a_caller_may_bring_its_own_key(keys, here):
    issued = await keys.create_key(KeyCreate(key="sk-brought-along-1"), ANN)
    assert issued.plain.reveal() == "sk-brought-along-1"
    assert here.key(hash_key("sk-brought-along-1")) is not None
    assert (await keys.key_of_plain("sk-brought-along-1")).key.id == issued.entry.key.id
    with pytest.raises(Conflict) as refusal:
        await keys.create_key(KeyCreate(key="sk-brought-along-1"), ANN)
    assert (refusal.value.code, refusal.value.param) == ("key_taken", "key")


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


async def test_a_revocation_reaches_a_worker_by_pub_sub_within_a_second(keys, worker):
    issued = await keys.create_key(KeyCreate(), ANN)
    await until(lambda: worker.key(digest(issued)))
    await keys.revoke_key(issued.entry.key.id, ANN)
    assert await until(lambda: worker.key(digest(issued)) is None) < 1.0


async def test_a_revocation_reaches_a_worker_by_polling_within_a_second(here, keys, redis_server, store, tmp_path):
    """Pub/sub loses messages with a connection; here none is sent at all."""
    issued = await keys.create_key(KeyCreate(), ANN)
    script = (files("extproc.state") / "scripts" / "directory_change.lua").read_text()
    mute, lines = re.subn(r"redis\.call\('PUBLISH'.*", "", script)
    assert lines == 1
    (tmp_path / "directory_change.lua").write_text(mute)
    silent = connect(Store(url=Secret(redis_server.url)), scripts=tmp_path)
    elsewhere, worker = directory(silent, timing=NEVER), directory(store)
    await worker.start()
    try:
        assert worker.key(digest(issued)) is not None
        await service(elsewhere).revoke_key(issued.entry.key.id, ANN)
        assert await until(lambda: worker.key(digest(issued)) is None) < 1.0
    finally:
        await worker.stop()
        await silent.close()


async def test_block_and_unblock(keys, worker):
    issued = await keys.create_key(KeyCreate(name="k"), ANN)
    blocked = await keys.block_key("k", ANN)
    assert blocked.status(keys.now()) == "blocked"
    await until(lambda: (key := worker.key(digest(issued))) is not None and not key.enabled)
    again = await keys.block_key("k", ANN)
    assert again.record.revision == blocked.record.revision  # nothing to do, nothing written
    await keys.unblock_key("k", ANN)
    await until(lambda: worker.key(digest(issued)).enabled)


async def test_a_declared_key_can_be_blocked_and_nothing_else(keys, worker):
    entry = await keys.block_key("ci", ANN)
    assert (entry.declared, entry.status(keys.now()), entry.block.created_by) == (True, "blocked", "ann")
    await until(lambda: not worker.key(DECLARED.sha256).enabled)
    for refused in (
        keys.update_key("ci", KeyPatch(name="x"), ANN),
        keys.rotate_key("ci", KeyRotate(), ANN),
        keys.revoke_key("ci", ANN),
    ):
        with pytest.raises(Conflict) as refusal:
            await refused
        assert refusal.value.code == "declared"
    assert (await keys.unblock_key("ci", ANN)).status(keys.now()) == "active"
    await until(lambda: worker.key(DECLARED.sha256) == DECLARED)


async def test_a_declared_key_wins_over_one_made_at_run_time(store):
    """The file may come to declare what was made before."""
    before = directory(store, snapshot=replace(SNAPSHOT, keys={}))
    await before.start()
    plain = "sk-known-to-both-12"
    await service(before, replace(SNAPSHOT, keys={})).create_key(KeyCreate(name="made", key=plain), ANN)
    await before.stop()
    declared = replace(DECLARED, sha256=hash_key(plain))
    after = directory(store, snapshot=replace(SNAPSHOT, keys={declared.sha256: declared}))
    await after.start()
    assert after.key(declared.sha256) == declared
    await after.stop()


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


async def test_lists_are_filtered_and_paged(keys):
    for n in range(5):
        await keys.create_key(KeyCreate(name=f"k{n}", team="even" if n % 2 == 0 else "odd"), ANN)
    await keys.block_key("k4", ANN)
    whole = await keys.list_keys()
    assert [entry.key.name for entry in whole.items] == ["ci", "k0", "k1", "k2", "k3", "k4"]
    even = await keys.list_keys(KeyFilter(team="even", status="active"))
    assert [entry.key.name for entry in even.items] == ["k0", "k2"]
    first = await keys.list_keys(KeyFilter(declared=False), Paging(2))
    assert ([entry.key.name for entry in first.items], first.total) == (["k0", "k1"], 5)
    await keys.revoke_key("k1", ANN)  # the last of that page: the next one begins behind where it was
    second = await keys.list_keys(KeyFilter(declared=False), Paging(2, first.next))
    assert [entry.key.name for entry in second.items] == ["k2", "k3"]
    last = await keys.list_keys(KeyFilter(declared=False), Paging(2, second.next))
    assert ([entry.key.name for entry in last.items], last.next) == (["k4"], None)
    with pytest.raises(InvalidField):
        await keys.list_keys(paging=Paging(2, "nonsense"))
    parties = await keys.list_parties(PartyFilter("team"))
    assert parties.items == []


async def test_the_audit_trail_says_who_changed_what(keys):
    await keys.create_key(KeyCreate(name="k", budgets=[{"usd": 5, "per": "day"}]), ANN)
    await keys.update_key("k", KeyPatch(budgets=[{"usd": 9, "per": "day"}]), ANN)
    await keys.rotate_key("k", KeyRotate(grace="1h"), ANN)
    await keys.block_key("ci", ANN)
    await keys.revoke_key("k", ANN)
    trail = await keys.audit()
    assert [(entry.action, entry.kind, entry.name, entry.actor) for entry in trail] == [
        ("revoke", "key", "k", "ann"),
        ("block", "block", "ci", "ann"),
        ("rotate", "key", "k", "ann"),
        ("update", "key", "k", "ann"),
        ("create", "key", "k", "ann"),
    ]
    assert trail[3].changes == {"budgets": [[{"usd": 5, "per": "day"}], [{"usd": 9, "per": "day"}]]}
    older = await keys.audit(before=trail[2].version, limit=1)
    assert [entry.action for entry in older] == ["update"]


async def test_no_plain_key_and_no_digest_is_said_where_it_should_not_be(store, redis_server, keys, caplog, capsys):
    plain = [
        (await keys.create_key(KeyCreate(name="made"), ANN)).plain.reveal(),
        (await keys.create_key(KeyCreate(name="brought", key="sk-CANARY-brought-along"), ANN)).plain.reveal(),
        (await keys.rotate_key("made", KeyRotate(grace="1h"), ANN)).plain.reveal(),
        (await keys.rotate_key("brought", KeyRotate(key="sk-CANARY-another-one"), ANN)).plain.reveal(),
    ]
    with pytest.raises(Conflict) as conflict:
        await keys.create_key(KeyCreate(key=plain[0]), ANN)
    await keys.revoke_key("brought", ANN)
    with redis_server.admin() as client:
        dump = b"".join(name + client.dump(name) for name in client.keys("*"))
        everything = repr([_whole(client, name) for name in client.keys("*")])
    said = "\n".join([everything, caplog.text, *capsys.readouterr(), conflict.value.message, repr(plain and keys)])
    assert "made" in everything
    for text in plain:
        assert text not in said
        assert text.removeprefix("sk-llmgw-") not in said
        assert text.encode() not in dump
    trail = repr(await keys.audit())
    assert not any(hash_key(text) in trail for text in plain)


async def test_more_changes_than_are_kept_lead_to_a_full_load(store, keys, here):
    """Also a store that was emptied, or put back to an older state."""
    worker = directory(store, timing=NEVER)
    await keys.create_key(KeyCreate(name="first"), ANN)
    await worker.refresh()
    issued = await keys.create_key(KeyCreate(name="second"), ANN)
    await keys.revoke_key("first", ANN)
    await store.client.xtrim(layout.audit(store.prefix), maxlen=1, approximate=False)
    await worker.refresh()
    assert worker.key(digest(issued)) is not None
    assert worker.roll.key_record("first") is None
    await store.client.flushall()
    await worker.refresh()
    assert worker.key(digest(issued)) is None
    assert len(worker.roll) == 0


async def test_a_store_put_back_to_the_same_version_is_noticed(store, keys, here):
    worker = directory(store, timing=NEVER)
    await keys.create_key(KeyCreate(name="lost"), ANN)
    await worker.refresh()
    await store.client.flushall()
    await here.refresh()
    issued = await keys.create_key(KeyCreate(name="other"), ANN)
    await worker.refresh()
    assert worker.roll.key_record("lost") is None
    assert worker.key(digest(issued)) is not None


async def test_a_record_that_cannot_be_acted_on_is_switched_off(store, keys):
    told: list[str] = []
    issued = await keys.create_key(KeyCreate(name="k", budgets=[{"usd": 1, "per": "day"}]), ANN)
    name = layout.field("key", issued.entry.key.id)
    text = await store.client.hget(layout.records(store.prefix), name)
    await store.client.hset(layout.records(store.prefix), name, text.replace(b'"day"', b'"fortnight"'))
    await store.client.hset(layout.records(store.prefix), "team/broken", b"1 {not json")
    worker = directory(store, tell=told.append)
    await worker.refresh()
    assert not worker.key(digest(issued)).enabled
    assert len(told) == 2


def _whole(client, name):
    match client.type(name):
        case b"hash":
            return name, client.hgetall(name)
        case b"stream":
            return name, client.xrange(name)
        case b"set":
            return name, client.smembers(name)
        case b"zset":
            return name, client.zrange(name, 0, -1)
        case b"list":
            return name, client.lrange(name, 0, -1)
        case _:
            return name, client.get(name)


async def test_news_that_cannot_be_read_do_not_end_the_watch(store, keys):
    """A worker that stopped looking would never hear of a revocation again."""
    told: list[str] = []
    worker = directory(store, tell=told.append, timing=Timing(poll=0.02))
    await worker.start()
    issued = await keys.create_key(KeyCreate(), ANN)
    await until(lambda: worker.key(digest(issued)))
    number = await store.client.hget(layout.version(store.prefix), "n")
    await store.client.hset(layout.version(store.prefix), "n", "nonsense")
    await until(lambda: told)
    await store.client.hset(layout.version(store.prefix), "n", number)
    await keys.revoke_key(issued.entry.key.id, ANN)
    await until(lambda: worker.key(digest(issued)) is None)
    await worker.stop()


async def test_meters_are_read_from_the_ledger(store, here):
    keys = service(here, meters=MeterStates(Reports(store)))
    entry = (await keys.create_key(KeyCreate(budgets=[{"usd": 1, "per": "day"}], limits={"concurrent": 3}), ANN)).entry
    budget, concurrent = entry.key.meters
    start, end = Windows().around(budget.window, time.time_ns())
    call = Steps(store.prefix).hold(
        HoldOrder("h", (HoldLine(budget, start, end, fixed=7), HoldLine(concurrent, 0, 0, fixed=1)), output=0, floor=0)
    )
    await store.run([call])
    states = await keys.meter_states(entry.key.meters)
    assert [(state.settled, state.held) for state in states] == [(0, 7), (0, 1)]
    assert 0 < states[0].reset_seconds <= 86_400
    assert states[1].reset_seconds == 0
    assert list(await keys.meter_states(())) == []
    assert await service(here).meter_states(entry.key.meters) is None
