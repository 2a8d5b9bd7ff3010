"""Real Redis servers for tests: alone, behind TLS, with Sentinels, as a cluster. They end with the test.

The binary is the one that the embedded store runs.
"""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from extproc.state.embedded import server_program

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(ready: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Poll until ``ready`` is true; exceptions of the client count as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except (RedisError, OSError):
            pass
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


async def eventually(ask: Callable[[], Awaitable[object]], what: str, seconds: float = 20.0) -> None:
    """As ``wait_for``, for what is asked in the event loop."""
    deadline = time.monotonic() + seconds
    while not await ask():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.02)


class RedisServer:
    """One redis-server on a port of its own (unix socket as well), which can be killed, hung and started again."""

    def __init__(self, folder: Path, *options: str, sentinel: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.socket = folder / "s"
        self._options = options
        self._sentinel = sentinel
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Without credentials."""
        return f"redis://127.0.0.1:{self.port}"

    def admin(self, **options: str) -> Redis:
        """A blocking client."""
        return Redis(port=self.port, socket_timeout=2.0, protocol=2, **options)

    def ask(self, *command: str | int, **options: str) -> object:
        """One command, with a connection of its own."""
        with self.admin(**options) as client:
            return client.execute_command(*command)

    def start(self) -> None:
        """Start it, or start it again with what it has on disk; returns once it answers."""
        argv: list[str] = [str(server_program())]
        if self._sentinel is not None:
            file = self.folder / "sentinel.conf"  # it rewrites the file
            file.write_text(self._sentinel)
            argv += [str(file), "--sentinel"]
        argv += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        if self._sentinel is None:
            argv += ["--unixsocket", str(self.socket), "--save", ""]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*argv, *self._options],
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  no threads yet
            )
        wait_for(self._answers, f"the server in {self.folder}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        with socket.create_connection(("127.0.0.1", self.port), 1.0) as probe:
            probe.sendall(b"PING\r\n")
            return probe.recv(100).startswith((b"+PONG", b"-NOAUTH"))

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP hangs it, SIGCONT wakes it."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, hung or not."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


def _die_with_parent() -> None:
    """A test run that is killed leaves no servers behind."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def make_cluster(folder: Path, count: int) -> list[RedisServer]:
    """Masters that share the slots evenly."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    nodes = [RedisServer(folder / str(index), *options) for index in range(count)]
    bounds = [16384 * index // count for index in range(count + 1)]
    for node, first, end in zip(nodes, bounds, bounds[1:], strict=False):
        node.ask("CLUSTER", "ADDSLOTS", *range(first, end))
        node.ask("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
    for node in nodes:
        wait_for(lambda one=node: cluster_is_ok(one, count), "the cluster")
    return nodes


def cluster_is_ok(node: RedisServer, count: int) -> bool:
    """Whether a node takes commands, and knows of as many masters."""
    with node.admin() as client:
        state = client.execute_command("CLUSTER INFO")["cluster_state"]
        return state == "ok" and len(client.execute_command("CLUSTER SLOTS")) >= count


def stop_all(servers: Sequence[RedisServer]) -> None:
    """End all of them."""
    for server in servers:
        server.close()
