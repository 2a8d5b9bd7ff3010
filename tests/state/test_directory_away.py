"""Redis killed and back: known keys go on, unknown ones are not said to be wrong, and nothing is forgotten."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest
from directory_world import ANN, DECLARED, NEVER, directory, service, until
from redis_server import RedisServer, make_cluster, stop_all

from extproc.admin.bodies import KeyCreate, KeyPatch
from extproc.admin.errors import Unavailable
from extproc.config.digest import hash_key
from extproc.config.snapshot import Secret, Store
from extproc.state import directory as directory_module
from extproc.state.directory import Memory, Timing
from extproc.state.store import connect


@pytest.fixture
def server(tmp_path) -> Iterator[RedisServer]:
    """One that keeps what it was told over a kill."""
    one = RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always")
    yield one
    one.close()


@pytest.fixture
async def store(server) -> AsyncIterator:
    one = connect(Store(url=Secret(server.url)))
    yield one
    await one.close()


async def test_known_keys_outlive_a_kill_and_news_come_when_it_is_back(server, store):
    clock = [100.0]
    worker = directory(store, timing=Timing(clock=lambda: clock[0], poll=0.05))
    here = directory(store)
    keys = service(here)
    assert not worker.complete
    assert not worker.known
    assert worker.staleness == float("inf")
    issued = await keys.create_key(KeyCreate(name="k"), ANN)
    sha256 = hash_key(issued.plain.reveal())
    await worker.start()
    assert (worker.complete, worker.known, worker.staleness) == (True, True, 0.0)

    server.kill()
    clock[0] += 1.0
    assert worker.complete  # a blink is no outage
    clock[0] += 1.5
    assert not worker.complete  # so that a key made elsewhere is not called unknown
    assert worker.staleness == 2.5
    assert worker.known  # all the same: no other replica would know more
    assert worker.key(sha256).name == "k"
    assert worker.key(DECLARED.sha256) == DECLARED
    with pytest.raises(Unavailable) as refusal:
        await keys.update_key("k", KeyPatch(user="eve"), ANN)
    assert refusal.value.status == 503

    server.start()
    await until(lambda: worker.complete)
    assert worker.key(sha256).name == "k"
    # The subscription is there again too.
    await keys.revoke_key("k", ANN)
    await until(lambda: worker.key(sha256) is None)
    await worker.stop()


async def test_a_start_without_redis_goes_on_from_the_file(server, store, tmp_path):
    file = tmp_path / "directory.json"
    here = directory(store, memory=Memory(file, writes=True))
    await here.start()
    keys = service(here)
    issued = await keys.create_key(KeyCreate(name="k", budgets=[{"usd": 1, "per": "day"}]), ANN)
    await until(file.exists)
    await keys.block_key("ci", ANN)
    await here.stop()  # the last state, however young

    plain = issued.plain.reveal()
    assert file.stat().st_mode & 0o777 == 0o600
    assert plain not in file.read_text()
    assert plain.removeprefix("sk-llmgw-") not in file.read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".directory")] == []

    server.kill()
    told: list[str] = []
    again = directory(store, memory=Memory(file), tell=told.append)
    await again.start()
    assert (again.complete, again.known) == (False, True)
    assert again.key(hash_key(plain)) == issued.entry.key
    assert not again.key(DECLARED.sha256).enabled
    assert "the store is away" in told[0]
    server.start()
    await until(lambda: again.complete)
    assert again.key(hash_key(plain)) == issued.entry.key
    await again.stop()


async def test_what_the_file_remembers_gives_way_to_what_the_store_says(server, store, tmp_path):
    file = tmp_path / "directory.json"
    here = directory(store, memory=Memory(file, writes=True))
    await here.start()
    issued = await service(here).create_key(KeyCreate(name="k"), ANN)
    await here.stop()
    server.kill()
    again = directory(store, memory=Memory(file))
    await again.start()
    assert again.key(hash_key(issued.plain.reveal())) is not None
    server.start()
    server.ask("FLUSHALL")
    await until(lambda: again.key(hash_key(issued.plain.reveal())) is None)
    await again.stop()


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "prefix": "llmgw", "records": [1]}'],
)
async def test_a_file_that_is_no_use_leaves_the_declared_keys(server, store, tmp_path, content):
    server.kill()
    file, told = tmp_path / "directory.json", []
    if content is not None:
        file.write_bytes(content)
    one = directory(store, memory=Memory(file), tell=told.append)
    await one.start()
    assert one.key(DECLARED.sha256) == DECLARED
    assert len(told) == 1
    assert not one.known
    server.start()
    await until(lambda: one.known)
    await one.stop()


async def test_the_file_of_another_gateway_is_not_read(server, store, tmp_path):
    server.kill()
    file, told = tmp_path / "directory.json", []
    file.write_bytes(orjson.dumps({"format": 1, "prefix": "other", "records": {}}))
    one = directory(store, memory=Memory(file), tell=told.append)
    await one.start()
    assert "cannot be used" in told[0]
    await one.stop()


async def test_a_redis_that_hangs_holds_nobody_up(server, store, monkeypatch):
    monkeypatch.setattr(directory_module, "_START_PATIENCE", 0.2)
    server.signal(signal.SIGSTOP)
    one = directory(store)
    await asyncio.wait_for(one.start(), 30.0)
    assert one.key(DECLARED.sha256) == DECLARED
    assert not one.complete
    server.signal(signal.SIGCONT)
    await until(lambda: one.complete)
    await one.stop()


async def test_a_change_whose_answer_is_lost_is_not_called_undone(server, store):
    here = directory(store)
    keys = service(here)
    await keys.create_key(KeyCreate(name="k"), ANN)

    changing = keys._changes._write

    async def hang_then_write(*args):
        server.signal(signal.SIGSTOP)  # after the record was read, before it is written
        return await changing(*args)

    keys._changes._write = hang_then_write
    with pytest.raises(Unavailable) as refusal:
        await keys.update_key("k", KeyPatch(user="eve"), ANN)
    assert refusal.value.code == "outcome_unknown"
    server.signal(signal.SIGCONT)


async def test_on_a_cluster_all_of_it_is_one_slot_and_news_come_at_once(tmp_path):
    nodes = make_cluster(tmp_path / "cluster", 3)
    store = connect(Store(url=Secret(f"redis+cluster://127.0.0.1:{nodes[0].port}")))
    here, worker = directory(store), directory(store, timing=NEVER)
    try:
        keys = service(here)
        await worker.start()
        issued = await keys.create_key(KeyCreate(name="k"), ANN)
        sha256 = hash_key(issued.plain.reveal())
        await until(lambda: worker.key(sha256))
        await keys.revoke_key("k", ANN)
        await until(lambda: worker.key(sha256) is None)
        assert [entry.action for entry in await keys.audit()] == ["revoke", "create"]
    finally:
        await worker.stop()
        await store.close()
        stop_all(nodes)
