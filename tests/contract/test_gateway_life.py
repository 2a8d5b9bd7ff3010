"""The supervisor's start and end, where something goes wrong in them."""

import asyncio
import fcntl
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from harness import ADMIN_TOKEN, eventually, free_port, llmgw, stop, wait_until

from extproc.app import envoy as envoys
from extproc.app import gateway as gateways
from extproc.app.gateway import Gateway
from extproc.app.plan import Plan
from extproc.config.load import load_file
from extproc.transport.health import is_serving

CONFIG = """
listen: {{host: 127.0.0.1, port: {port}}}
admin: {{port: {admin_port}, token: {token}}}
workers: 1
drain: 500ms
store: {{url: {store}}}
providers: {{p: {{dialect: openai, base_url: "http://127.0.0.1:1/v1", api_key: "file:key"}}}}
models: {{m: {{targets: [{{provider: p, model: x}}]}}}}
"""


@pytest.fixture
def temporary(monkeypatch, tmp_path):  # pytest makes its own folder first, elsewhere
    """A folder for temporary files, with a short path for the sockets in it."""
    folder = Path(tempfile.mkdtemp(prefix="t-"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def configured(tmp_path) -> Callable[..., Path]:
    """A configuration file, with the file of its provider's key beside it."""

    def write(store: str = "none") -> Path:
        (tmp_path / "key").write_text("sk-old")
        ports = {"port": free_port(), "admin_port": free_port()}
        path = tmp_path / "gateway.yaml"
        path.write_text(CONFIG.format(token=ADMIN_TOKEN, store=store, **ports))
        return path

    return write


@pytest.fixture
def children() -> Callable[[], list[psutil.Process]]:
    """Those of this process that were not there before the test: others belong to gateways of the whole session."""
    before = {child.pid for child in psutil.Process().children()}

    def found() -> list[psutil.Process]:
        return [
            child
            for child in psutil.Process().children()
            if child.pid not in before and child.status() != psutil.STATUS_ZOMBIE
        ]

    return found


@pytest.fixture
async def inside(children, temporary, configured):
    """Start a gateway in this process."""
    root, running = logging.getLogger(), []
    handlers, level = root.handlers[:], root.level

    async def start(**plan: object) -> Gateway:
        gateway = Gateway(Plan(load_file(configured(), os.environ), **plan), lambda _: None)
        running.append(gateway)
        await gateway.start()
        return gateway

    yield start
    for gateway in running:
        await gateway.stop()
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_an_envoy_and_a_worker_that_hang_are_killed(inside, children, monkeypatch):
    monkeypatch.setattr(envoys, "_ADMIN_SECONDS", 0.2)
    monkeypatch.setattr(gateways, "_KILL_SECONDS", 0.2)
    monkeypatch.setattr(gateways, "_SETTLE_SECONDS", 0.2)
    gateway = await inside(envoy=envoys.binary())
    hanging = children()
    assert any(child.name() == "envoy" for child in hanging)
    for child in hanging:
        child.suspend()
    async with asyncio.timeout(60):
        await gateway.stop()
    assert children() == []


async def test_a_worker_comes_back_though_a_file_of_the_configuration_has_gone(inside, children, tmp_path, temporary):
    await inside(envoy=None)
    (folder,) = temporary.glob("llmgw-*")
    (tmp_path / "key").unlink()
    (tmp_path / "gateway.yaml").write_text("no configuration at all")

    def workers() -> list[psutil.Process]:
        return [child for child in children() if "extproc.app.worker" in child.cmdline()]

    (first,) = workers()
    first.kill()
    await eventually(lambda: [one.pid for one in workers()] not in ([], [first.pid]), "another worker")
    async with asyncio.timeout(60):
        while not await is_serving(folder / "worker-0.sock"):  # noqa: ASYNC110  another process has no event here
            await asyncio.sleep(0.01)


async def test_logs_that_are_moved_away_are_followed_by_new_ones(inside, tmp_path):
    logs = tmp_path / "rows", tmp_path / "access"
    await inside(envoy=envoys.binary(), rows=logs[0], access_log=logs[1])
    port = load_file(tmp_path / "gateway.yaml", os.environ).snapshot.listen_port
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def asked(model: str) -> None:
            """Each log has a line of it: nobody has a key here, so it is refused."""
            answer = await client.post("/v1/chat/completions", json={"model": model, "messages": []})
            assert answer.status_code == 401
            await eventually(lambda: all(log.exists() and log.read_text().count("\n") == 1 for log in logs), "lines")

        await asked("before")
        for log in logs:
            log.rename(log.with_suffix(".old"))
        await eventually(logs[1].exists, "Envoy's new access log")
        await asked("after")
    assert all(log.with_suffix(".old").read_text().count("\n") == 1 for log in logs)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_leaves_nothing_behind(configured, temporary, tmp_path, number):
    """The state folder is somebody else's for now, and the gateway waits for it."""
    log, store = tmp_path / "log", tmp_path / "log-state" / "redis"
    store.mkdir(parents=True)
    with (store / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = llmgw("up", "-c", str(configured("embedded")), log=log)
        try:
            wait_until(lambda: [*temporary.glob("llmgw-*/lock")], "the run folder")
            process.send_signal(number)
            assert process.wait(60) == 0, log.read_text()
        finally:
            stop(process)
    assert not [*temporary.glob("llmgw-*")]
    assert "Traceback" not in log.read_text()
