"""Which Redis a process talks to, and where its journals are."""

from dataclasses import replace
from pathlib import Path

import pytest

from extproc.app.storage import (
    STORE_SOCKET_VARIABLE,
    embedded_directory,
    is_embedded,
    journal_directory,
    open_store,
)
from extproc.config.load import load_text
from extproc.config.snapshot import Secret, Snapshot, Store
from extproc.state.embedded import STATE_DIR_VARIABLE, EmbeddedError
from extproc.state.store import AddressError

CONFIG = """
providers: {p: {dialect: openai, base_url: "http://127.0.0.1:1/v1"}}
models: {m: {targets: [{provider: p, model: x}]}}
"""
"""Any; its store is replaced."""


def snapshot(**store: object) -> Snapshot:
    config = {name: Secret(value) if name == "url" else value for name, value in store.items()}
    return replace(load_text(CONFIG, source="gateway.yaml", env={}, base_dir=Path()), store=Store(**config))


async def test_none_is_no_store():
    assert open_store(snapshot(url="none"), {}) is None
    assert not is_embedded(snapshot(url="none"))


async def test_the_embedded_one_is_found_by_the_environment():
    store = open_store(snapshot(prefix="mine"), {STORE_SOCKET_VARIABLE: "/run/a b%.sock"})
    assert store is not None
    assert store.address.path == "/run/a b%.sock"
    assert store.prefix == "mine"
    await store.close()


async def test_the_embedded_one_that_nobody_has_started():
    with pytest.raises(EmbeddedError, match="not running"):
        open_store(snapshot(), {})


async def test_a_url_comes_before_an_embedded_one_that_runs():
    store = open_store(snapshot(url="redis://:pw@h:1"), {STORE_SOCKET_VARIABLE: "/run/s"})
    assert store is not None
    assert str(store.address) == "redis://h:1"
    await store.close()


async def test_a_url_that_cannot_be():
    with pytest.raises(AddressError, match="several hosts"):
        open_store(snapshot(url="redis://:pw@a,b"), {})


async def test_each_redis_and_prefix_has_its_own_journals():
    env = {STATE_DIR_VARIABLE: "/state", STORE_SOCKET_VARIABLE: "/run/one"}
    configs = [
        snapshot(),
        snapshot(prefix="other"),
        snapshot(url="redis://h:1"),
        snapshot(url="redis://h:1/2"),
        snapshot(url="redis://h:1", prefix="other"),
        snapshot(url="redis+sentinel://h:1/a"),
        snapshot(url="unix:///run/r.sock?db=0"),
        snapshot(url="unix:///run/r.sock?db=7"),
    ]
    folders = set()
    for config in configs:
        store = open_store(config, env)
        assert store is not None
        folders.add(journal_directory(config, env, store))
        await store.close()
    assert len(folders) == len(configs)
    assert {folder.parent for folder in folders} == {Path("/state")}
    assert embedded_directory(snapshot(), env) == Path("/state/redis")


async def test_journals_are_found_again_with_another_socket_or_password():
    env = {STATE_DIR_VARIABLE: "/state"}
    for first, second in (
        ((snapshot(), "/run/one"), (snapshot(), "/run/two")),
        ((snapshot(url="redis://:old@h"), ""), (snapshot(url="redis://u:new@h"), "")),
    ):
        folders = []
        for config, socket in (first, second):
            store = open_store(config, {STORE_SOCKET_VARIABLE: socket})
            assert store is not None
            folders.append(journal_directory(config, env, store))
            await store.close()
        assert folders[0] == folders[1]
