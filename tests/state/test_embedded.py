"""The embedded server keeps what it was told, alone in its folder, and says in one line what keeps it from starting."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis_server import eventually

from extproc.app.children import Child, ChildSpec, until
from extproc.config import snapshot
from extproc.state import embedded
from extproc.state.embedded import EmbeddedError
from extproc.state.store import Call, Store, StoreAway, connect


class Embedded:
    """The server as the supervisor runs it, and a store on it."""

    def __init__(self, folder: Path, scripts: Path) -> None:
        self.directory = folder / "state" / "redis"
        self.socket = folder / "store.sock"
        self.said: list[str] = []
        self.store = connect(snapshot.Store(), f"unix://{self.socket}", scripts=scripts)
        self.child: Child | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Store]:
        """Raises ``EmbeddedError`` where it does not start."""
        lock = await embedded.take_directory(self.directory)
        argv = embedded.command(self.directory, self.socket)
        self.child = Child(ChildSpec("store", argv, pass_fds=(lock.fileno(),)), self.said.append)
        try:
            await self.child.start()
            if not await until(lambda: embedded.is_ready(self.socket), seconds=10.0, child=self.child):
                raise EmbeddedError(embedded.fault(self.directory))
            yield self.store
        finally:
            await self.child.stop(grace=5.0)
            lock.close()

    @property
    def aof(self) -> Path:
        return self.directory / embedded.AOF


@pytest.fixture
async def server(tmp_path, scripts) -> AsyncIterator[Embedded]:
    one = Embedded(tmp_path, scripts)
    yield one
    await one.store.close()


def add(amount: int) -> Call:
    return Call("add", ("{t}:n",), (amount,))


async def fill(store: Store) -> None:
    for n in range(2000):
        await store.client.set(f"key-{n}", "v" * 300)


async def test_what_it_was_told_is_there_after_a_restart(server):
    async with server.running() as store:
        assert await store.run([add(5)]) == [5]
    async with server.running() as store:
        assert await store.run([add(1)]) == [6]
    assert server.directory.stat().st_mode & 0o777 == 0o700


async def test_killed_it_comes_back_by_itself_with_all_it_had_acknowledged(server):
    async with server.running() as store:
        assert await store.run([add(1)] * 100) == list(range(1, 101))
        os.kill(server.child.pid, signal.SIGKILL)

        async def back() -> bool:
            with contextlib.suppress(StoreAway):
                return bool(await store.run([add(0)]))
            return False

        await eventually(back, "the server")
        assert await store.run([add(0)]) == [100]
        assert server.said == ["store ended with signal SIGKILL; starting it again"]


async def test_it_has_no_port_and_a_socket_for_its_user_only(server):
    async with server.running() as store:
        assert await store.client.config_get("port") == {"port": "0"}
        assert server.socket.stat().st_mode & 0o777 == 0o700
        for name, value in {"maxmemory-policy": "noeviction", "appendonly": "yes", "save": ""}.items():
            assert await store.client.config_get(name) == {name: value}


async def test_a_second_gateway_in_the_folder_is_told_so(server, monkeypatch):
    monkeypatch.setattr(embedded, "_LOCK_SECONDS", 0.1)
    async with server.running():
        with pytest.raises(EmbeddedError, match=r"another gateway keeps its state in .*store\.directory") as caught:
            await embedded.take_directory(server.directory)
        assert "\n" not in str(caught.value)


async def test_the_lock_lasts_as_long_as_the_server_does(server, monkeypatch):
    monkeypatch.setattr(embedded, "_LOCK_SECONDS", 0.1)
    lock = await embedded.take_directory(server.directory)
    orphan = await asyncio.to_thread(
        subprocess.Popen,
        embedded.command(server.directory, server.socket),
        pass_fds=(lock.fileno(),),
        stdout=subprocess.DEVNULL,
    )
    try:
        lock.close()  # as a killed supervisor's is
        with pytest.raises(EmbeddedError, match="another gateway"):
            await embedded.take_directory(server.directory)
    finally:
        orphan.kill()
        orphan.wait()
    (await embedded.take_directory(server.directory)).close()


async def test_a_torn_end_is_cut_off(server):
    async with server.running() as store:
        await store.run([add(1)])
        await store.client.set("whole", "1")
        await store.client.set("torn", "1")
    server.aof.write_bytes(server.aof.read_bytes()[:-5])
    async with server.running() as store:
        assert await store.run([add(0)]) == [1]
        assert await store.client.get("whole") == b"1"
        assert await store.client.get("torn") is None


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"*3\r\n$3\r\nSET\r\n$7\r\nkey-900", b"X3\r\n$3\r\nSET\r\n$7\r\nkey-900"),
        (b"key-900\r\n$300", b"key-900\r\n$99999999"),
    ],
    ids=["no command", "a length beyond the end"],
)
async def test_damage_in_the_middle_is_refused_with_the_mend_that_works(server, good, bad):
    async with server.running() as store:
        await fill(store)
    data = server.aof.read_bytes()
    assert data.count(good) == 1
    server.aof.write_bytes(data.replace(good, bad))
    with pytest.raises(EmbeddedError, match=r"appendonly\.aof is damaged") as caught:
        async with server.running():
            pass
    line = str(caught.value)
    assert "\n" not in line
    mend = line.split("'")[1].split()
    fixed = await asyncio.to_thread(subprocess.run, mend, input=b"y\n", capture_output=True, check=True)
    assert b"Successfully truncated" in fixed.stdout
    async with server.running() as store:
        assert await store.client.dbsize() == 900
    assert server.said == []


@pytest.mark.parametrize("tail", [b"\0" * 300, b"rubbish\r\n"], ids=["zeros", "rubbish"])
async def test_a_little_of_something_else_at_the_end_is_no_torn_step(server, tail):
    async with server.running() as store:
        await store.run([add(1)])
    server.aof.write_bytes(server.aof.read_bytes() + tail)
    with pytest.raises(EmbeddedError, match=r"appendonly\.aof is damaged"):
        await embedded.take_directory(server.directory)


async def test_damage_in_the_part_that_was_rewritten_is_refused(server):
    async with server.running() as store:
        await fill(store)
        await store.client.bgrewriteaof()

        async def rewritten() -> bool:
            return (await store.client.info("persistence"))["aof_rewrite_in_progress"] == 0

        await eventually(rewritten, "the rewriting")
        await store.run([add(1)])
    data = server.aof.read_bytes()
    assert data.startswith(b"REDIS")
    async with server.running() as store:
        assert await store.run([add(1)]) == [2]
    middle = data.index(b"key-")
    server.aof.write_bytes(data[:middle] + b"kex" + data[middle + 3 :])  # a value, which only the checksum tells
    with pytest.raises(EmbeddedError, match=r"appendonly\.aof is damaged"):
        await embedded.take_directory(server.directory)


async def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"cannot keep state in .*Not a directory; set store\.directory"):
        await embedded.take_directory(tmp_path / "file" / "redis")


async def test_an_old_log_is_no_reason(server):
    server.directory.mkdir(parents=True)
    (server.directory / "redis.log").write_text(
        "1:C # Redis is starting\n1:M # Bad file format reading the append only file\n"
        "2:C # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n2:M # Can't chdir: No space left on device\n"
    )
    assert "no space is left" in embedded.fault(server.directory)


CASES = {
    "as configured": (snapshot.Store(directory="/here"), {embedded.STATE_DIR_VARIABLE: "/there"}, "/here"),
    "by the environment": (snapshot.Store(), {embedded.STATE_DIR_VARIABLE: "/there", "XDG_STATE_HOME": "/x"}, "/there"),
    "in the platform's folder": (snapshot.Store(), {"XDG_STATE_HOME": "/x"}, "/x/llmgw"),
    "a relative one is none": (snapshot.Store(), {"XDG_STATE_HOME": "x"}, f"{Path.home()}/.local/state/llmgw"),
    "at home": (snapshot.Store(), {}, f"{Path.home()}/.local/state/llmgw"),
}


@pytest.mark.parametrize("case", CASES)
def test_where_state_is_kept(case):
    config, env, expected = CASES[case]
    assert embedded.state_directory(config, env) == Path(expected)
