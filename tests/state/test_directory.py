"""Keys made at run time reach every process, and what reaches it is what requests are judged by."""

import re
from dataclasses import replace
from importlib.resources import files

import pytest
from directory_world import ANN, DECLARED, NEVER, SNAPSHOT, digest, directory, service, until

from extproc.admin.bodies import KeyCreate, KeyPatch, KeyRotate
from extproc.admin.errors import Conflict
from extproc.config.digest import hash_key
from extproc.config.snapshot import Secret, Store
from extproc.state import directory_layout as layout
from extproc.state.directory import Timing
from extproc.state.store import connect


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


async def test_a_revocation_reaches_a_worker_by_pub_sub_at_once(keys, worker):
    issued = await keys.create_key(KeyCreate(), ANN)
    await until(lambda: worker.key(digest(issued)))
    await keys.revoke_key(issued.entry.key.id, ANN)
    await until(lambda: worker.key(digest(issued)) is None)


async def test_a_revocation_reaches_a_worker_by_polling_within_a_second(here, keys, redis_server, store, tmp_path):
    """Pub/sub loses messages with a connection; here none is sent at all."""
    assert Timing().poll < 1.0
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
        await until(lambda: worker.key(digest(issued)) is None)
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
