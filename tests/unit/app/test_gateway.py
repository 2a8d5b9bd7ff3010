"""The supervisor, as far as it starts no process."""

import logging
import os
from pathlib import Path

import pytest

from extproc.app.gateway import Gateway
from extproc.app.plan import Plan, StartError
from extproc.app.worker import load_snapshot
from extproc.config.load import load
from extproc.telemetry.events import Bridge

CONFIG = """
admin: {host: 192.0.2.1}
store: {url: none}
providers: {p: {dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: "file:key"}}
models: {m: {targets: [{provider: p, model: x}]}}
"""
"""Its admin address is another machine's: the start goes no further than that."""


@pytest.fixture(autouse=True)
def logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def secret(tmp_path) -> Path:
    path = tmp_path / "key"
    path.write_text("sk-old")
    return path


@pytest.fixture
async def gateway(secret):
    loaded = load(CONFIG, source="gateway.yaml", env={}, base_dir=secret.parent).changed(workers=7)
    gateway = Gateway(Plan(loaded, None), lambda _: None)
    yield gateway
    await gateway.stop()


async def test_a_worker_that_is_restarted_has_the_configuration_of_the_first(gateway, secret):
    """Also what the command line said of the number of workers: it divides what they may grant while the store is away."""
    descriptor = gateway._config.fileno()
    first = load_snapshot(descriptor)
    secret.write_text("sk-new")
    second = load_snapshot(descriptor)
    secret.unlink()
    assert first == second == load_snapshot(descriptor) == gateway._plan.snapshot
    assert first.workers == 7
    key = first.providers["p"].api_key
    assert key is not None
    assert key.reveal() == "sk-old"


async def test_libraries_log_in_our_form_from_the_beginning(gateway):
    """What they print themselves of an exception may quote a request of the admin API."""
    with pytest.raises(StartError):
        await gateway.start()
    assert [type(handler) for handler in logging.getLogger().handlers] == [Bridge]


async def test_the_run_folder_holds_no_configuration_and_goes(gateway):
    root = gateway._run.root
    with pytest.raises(StartError):
        await gateway.start()
    found = [path for path in root.rglob("*") if path.is_file()]
    assert found
    assert not [path for path in found if b"sk-old" in path.read_bytes()]
    await gateway.stop()
    assert not root.exists()


async def test_it_goes_whatever_happens_at_the_end(gateway, monkeypatch):
    async def fail() -> None:
        raise RuntimeError("unforeseen")

    with monkeypatch.context() as patched:
        patched.setattr(gateway, "_stop_processes", fail)
        with pytest.raises(RuntimeError, match="unforeseen"):
            await gateway.stop()
    assert not gateway._run.root.exists()
    with pytest.raises(ValueError, match="closed"):
        os.fstat(gateway._config.fileno())
