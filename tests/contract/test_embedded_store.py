"""``llmgw up`` brings its Redis along, keeps what is in it, and says in one line why it cannot."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from harness import Gateway, free_port, wait_until
from redis import Redis
from redis.exceptions import RedisError

CONFIG = {
    "providers": {"p": {"dialect": "openai", "base_url": "http://127.0.0.1:1/v1"}},
    "models": {"m": {"targets": [{"provider": "p", "model": "x"}]}},
}


@pytest.fixture
def up(tmp_path) -> Iterator[Callable[[], Gateway]]:
    """Starts it, always with the same folders."""
    started: list[Gateway] = []

    def start() -> Gateway:
        started.append(Gateway(tmp_path / "gateway", CONFIG))
        return started[-1]

    yield start
    for gateway in started:
        if gateway in Gateway.running:
            gateway.close()


def store_of(gateway: Gateway) -> Redis:
    """As a worker finds it."""
    return Redis(unix_socket_path=gateway.workers()[0].process.environ()["LLMGW_STORE_SOCKET"])


def server_of(gateway: Gateway) -> psutil.Process:
    return next(
        child for child in psutil.Process(gateway.process.pid).children() if child.name().startswith("redis-server")
    )


def test_its_redis_ends_with_it_and_what_is_in_it_is_there_again(up):
    gateway = up()
    with store_of(gateway) as store:
        store.set("k", "v")
    server = server_of(gateway)
    assert gateway.close() == 0
    assert not server.is_running()
    with store_of(up()) as store:
        assert store.get("k") == b"v"


def test_a_killed_redis_is_started_again_and_a_killed_gateway_frees_its_folder(up):
    gateway = up()
    with store_of(gateway) as store:
        store.set("k", "v")
        # While the file is being synced, what is new waits in memory.
        wait_until(lambda: store.info("persistence")["aof_buffer_length"] == 0, "the file to have it")
        server_of(gateway).kill()
        wait_until(lambda: "starting it again" in gateway.log.read_text(), "the supervisor to notice")
        wait_until(lambda: _get(store) == b"v", "the store")
    children = psutil.Process(gateway.process.pid).children(recursive=True)
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait()
    Gateway.running.remove(gateway)
    gateway.admin.close()
    with store_of(up()) as store:
        assert store.get("k") == b"v"
    psutil.wait_procs(children, 10)


def _get(store: Redis) -> bytes | None:
    with contextlib.suppress(RedisError, OSError):
        return store.get("k")
    return None


def refused(tmp_path: Path, **store: object) -> str:
    """What ``llmgw up`` says; one line."""
    file = tmp_path / "gateway.yaml"
    ports = {"listen": {"host": "127.0.0.1", "port": free_port()}, "admin": {"port": free_port()}}
    file.write_text(yaml.safe_dump({**CONFIG, **ports, "store": store}))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("llmgw")), "up", "-c", str(file)],
        env={**os.environ, "LLMGW_STATE_DIR": str(tmp_path / "elsewhere")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode not in {0, -signal.SIGKILL}
    assert done.stderr.strip().count("\n") == 0, done.stderr
    return done.stderr


def test_a_damaged_ledger_is_refused_in_one_line(tmp_path):
    folder = tmp_path / "state" / "redis"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof").write_bytes(b"*1\r\n$4\r\nPING\r\nrubbish\r\n")
    line = refused(tmp_path, directory=str(tmp_path / "state"))
    assert f"{folder}/appendonly.aof is damaged" in line
    assert "redis-check-aof --fix" in line
    assert "move it away" in line


def test_the_folder_of_another_gateway_is_refused_in_one_line(tmp_path, up):
    state = up().log.with_name("log-state")
    assert f"another gateway keeps its state in {state}" in refused(tmp_path, directory=str(state))


def test_a_url_that_cannot_be_is_refused_in_one_line_without_its_password(tmp_path):
    line = refused(tmp_path, url="redis://u:canary@a,b")
    assert "store.url: cannot be read: several hosts" in line
    assert "canary" not in line
