"""Servers for the tests of this folder. A plain one is started once for a test file, and emptied before each test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from directory_world import NEVER, directory, service
from redis_server import RedisServer

from extproc.admin.service import DirectoryService
from extproc.config import snapshot
from extproc.state.directory import LiveDirectory
from extproc.state.store import Store, connect

_ON_UVLOOP = {"test_store", "test_arrangements", "test_embedded", "test_journal"}
_ECHO = "-- no units\nreturn ARGV"
_ADD = "-- units of the caller's choosing\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])"
_FAIL = "-- no units\nreturn redis.error_reply('LEDGER no such hold')"
_BROKEN = "-- no units\nthis is not Lua"


def pytest_asyncio_loop_factories(config, item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Connections are tried on the loop that workers run: it has timers, sockets and processes of its own."""
    if item.path.stem in _ON_UVLOOP:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.close()


@pytest.fixture
def redis_server(shared_server) -> RedisServer:
    """A server without keys and without scripts, for tests that leave it running."""
    shared_server.ask("FLUSHALL")
    shared_server.ask("SCRIPT", "FLUSH")
    return shared_server


@pytest.fixture
async def store(redis_server) -> AsyncIterator[Store]:
    """A store on that server, with the scripts of the package."""
    one = connect(snapshot.Store(url=snapshot.Secret(redis_server.url)))
    yield one
    await one.close()


@pytest.fixture
def scripts(tmp_path) -> Path:
    """Small scripts: ``echo`` its arguments, ``add`` to a counter, ``fail``, and one that does not compile."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name, text in {"echo": _ECHO, "add": _ADD, "fail": _FAIL, "broken": _BROKEN}.items():
        (folder / f"{name}.lua").write_text(text)
    return folder


@pytest.fixture
async def dial(scripts) -> AsyncIterator[Callable[..., Store]]:
    """Connects to a URL with these scripts; closes what it made."""
    made: list[Store] = []

    def connect_to(url: str, **options: object) -> Store:
        made.append(connect(snapshot.Store(url=snapshot.Secret(url), **options), scripts=scripts))
        return made[-1]

    yield connect_to
    for one in made:
        await one.close()


@pytest.fixture
async def here(store) -> AsyncIterator[LiveDirectory]:
    """The directory of the process that administers; ``keys`` is what it administers with."""
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
