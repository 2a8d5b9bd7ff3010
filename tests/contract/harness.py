"""The gateway as a user starts it, and the providers behind it.

``Simulator``  one process that plays every provider, ``/p/<label>/...`` each; told what to do and asked what it got
``Gateway``    ``llmgw up -c FILE``: a real Envoy and real workers; its rows, access log, metrics and processes
``eventually`` what is not there yet is polled for, never slept for
``sha256``     as the configuration knows keys, and the simulator bodies

Beside it: ``catalogue`` (what is configured), ``asking`` (the SDKs), ``transfers`` (bare HTTP).

Providers are named as their labels: ``o1``, ``o2``... speak OpenAI, ``a1``, ``a2``... Anthropic.
"""

import asyncio
import hashlib
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson
import psutil
import pytest
import yaml
from anthropic import AsyncAnthropic
from anthropic import DefaultAsyncHttpxClient as AnthropicTransport
from openai import AsyncOpenAI
from openai import DefaultAsyncHttpxClient as OpenAITransport
from prometheus_client.parser import text_string_to_metric_families

T = TypeVar("T")

KEY = "sk-llmgw-contract-all"
SCOPED_KEY = "sk-llmgw-contract-scoped"
EXPIRED_KEY = "sk-llmgw-contract-expired"
DISABLED_KEY = "sk-llmgw-contract-disabled"
ADMIN_TOKEN = "admin-contract-token"

_START_SECONDS = 40.0
_STOP_SECONDS = 45.0
"""Longer than the gateway's own drain time."""


def new_id() -> str:
    """A request id: it reaches the provider, the rows and the access log."""
    return f"test-{uuid.uuid4()}"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def sha256(data: bytes | str) -> str:
    """Hex digest."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


async def eventually(ask: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """The first true answer. Fails, saying what was waited for, when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain for {what}")
        await asyncio.sleep(0.01)
    return answer


def wait_until(ask: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """``eventually`` for code that is not in an event loop."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.02)
    return answer


def llmgw(*arguments: str, env: Mapping[str, str] | None = None, log: Path) -> subprocess.Popen[bytes]:
    """The command, as installed; its output goes to ``log``, its state beside it: started again it finds both."""
    state = {"LLMGW_STATE_DIR": str(log.with_name(f"{log.name}-state").absolute())}
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("llmgw")), *arguments],
            env={**os.environ, **state, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def stop(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM, as an operator would; what does not end is killed, with its children, and fails the test."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        return process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for child in children:
            if child.is_running():
                child.kill()
        process.kill()
        process.wait()
        pytest.fail(f"llmgw did not end within {_STOP_SECONDS:g} s of SIGTERM")


# -- providers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Received:
    """A request as a provider got it, and the fate of its answer."""

    record: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.record[name]

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        return orjson.loads(self.record["body"])

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name; a header that came twice fails the test."""
        names = [name.lower() for name, _ in self.record["headers"]]
        assert len(set(names)) == len(names), f"a header came twice: {names}"
        return {name.lower(): value for name, value in self.record["headers"]}


class Simulator:
    """All providers, in a process of their own."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = llmgw("simulate", "--port", str(self.port), log=log)
        self._http = httpx.Client(base_url=self.url)
        wait_until(self._listens, "the simulator to listen", _START_SECONDS)

    def _listens(self) -> bool:
        try:
            return self._http.get("/sim/stats").status_code == 200
        except httpx.TransportError:
            assert self._process.poll() is None, "the simulator has ended"
            return False

    def script(self, **providers: object) -> None:
        """What each provider does from now on; those not named answer well. A list is used up call by call."""
        answer = self._http.put("/sim/script", json={f"{label}:*": steps for label, steps in providers.items()})
        assert answer.status_code == 200, answer.text

    def requests(self, request_id: str, limit: int = 60) -> list[Received]:
        """What providers got of this request, in order."""
        return [one for one in self.latest(limit) if one.headers.get("x-request-id") == request_id]

    def latest(self, count: int) -> list[Received]:
        """The last requests, whose ever they are, in order."""
        return [Received(one) for one in self._http.get("/sim/requests", params={"limit": count}).json()["requests"]]

    def usage(self) -> list[dict[str, Any]]:
        """What was billed for every request, in order, many more of them than ``latest`` has."""
        return self._http.get("/sim/usage").json()["usage"]

    def only(self, request_id: str) -> Received:
        """What the one provider got that was asked."""
        (received,) = self.requests(request_id)
        return received

    def counts(self) -> dict[str, int]:
        """Requests by provider, since the last ``forget``."""
        totals: dict[str, int] = {}
        for entry in self._http.get("/sim/stats").json()["counts"]:
            totals[entry["label"]] = totals.get(entry["label"], 0) + entry["count"]
        return totals

    def in_progress(self) -> int:
        """Answers that have not ended."""
        return self._http.get("/sim/stats").json()["in_progress"]

    def forget(self) -> None:
        """Forget what was received."""
        self._http.delete("/sim/requests")

    def close(self) -> None:
        """Stop it."""
        self._http.close()
        stop(self._process)


# -- the gateway --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worker:
    """A worker process. A restarted worker is another one with the same index."""

    index: int
    process: psutil.Process

    @property
    def pid(self) -> int:
        return self.process.pid


class Gateway:
    """One running gateway, started with a configuration as ``gateway.yaml`` has it (``listen`` and ``admin`` are added)."""

    running: list["Gateway"] = []  # noqa: RUF012  those whose logs are shown when a test fails

    def __init__(self, folder: Path, config: Mapping[str, Any], env: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port, self.admin_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log, self.rows_file, self.access_file = folder / "log", folder / "rows", folder / "access"
        listen = {"host": "127.0.0.1", "port": self.port, **config.get("listen", {})}
        admin = {"port": self.admin_port, "token": ADMIN_TOKEN}
        file = folder / "gateway.yaml"
        file.write_text(yaml.safe_dump({**config, "listen": listen, "admin": admin}, sort_keys=False))
        self.process = llmgw(
            *("up", "-c", str(file), "--rows", str(self.rows_file), "--access-log", str(self.access_file)),
            env=env,
            log=self.log,
        )
        self.admin = httpx.Client(
            base_url=f"http://127.0.0.1:{self.admin_port}", headers={"authorization": f"Bearer {ADMIN_TOKEN}"}
        )
        self.running.append(self)
        try:
            wait_until(self.ready, "the gateway to be ready", _START_SECONDS)
        except BaseException:
            print(self.log.read_text())
            self.close()
            raise

    def ready(self) -> bool:
        """Whether it says that it would serve a request."""
        assert self.process.poll() is None, f"llmgw has ended: {self.log.read_text()}"
        try:
            return self.admin.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> int:
        """Stop it as an operator would; its exit code."""
        self.admin.close()
        if self in self.running:
            self.running.remove(self)
        return stop(self.process)

    # -- clients; verify=False: there is no TLS here, and loading its roots is most of what making a client costs

    def openai(self, key: str = KEY, **options: Any) -> AsyncOpenAI:
        """An OpenAI SDK that hides nothing by retrying."""
        options = {"max_retries": 0, "timeout": 15.0, "http_client": OpenAITransport(verify=False), **options}
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, **options)

    def anthropic(self, key: str = KEY, path: str = "", **options: Any) -> AsyncAnthropic:
        """An Anthropic SDK that hides nothing by retrying."""
        options = {"max_retries": 0, "timeout": 15.0, "http_client": AnthropicTransport(verify=False), **options}
        return AsyncAnthropic(base_url=f"{self.url}{path}", api_key=key, **options)

    def http(self, key: str | None = KEY) -> httpx.AsyncClient:
        """A bare HTTP client."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30.0, verify=False)  # noqa: S501  plain HTTP

    # -- what it tells

    def all_rows(self) -> list[dict[str, Any]]:
        """Every row so far."""
        return _json_lines(self.rows_file)

    async def rows(self, request_id: str) -> list[dict[str, Any]]:
        """The rows of a request, its own last, once that is there."""
        path = self.rows_file

        def found() -> list[dict[str, Any]]:
            rows = [row for row in _json_lines(path, request_id) if row["request_id"] == request_id]
            return rows if any(row["type"] == "request" for row in rows) else []

        rows = await eventually(found, f"the row of {request_id}")
        return sorted(rows, key=lambda row: (row["type"] == "request", row.get("attempt", 0)))

    async def row(self, request_id: str) -> dict[str, Any]:
        """The row of the request itself; there is one."""
        (row,) = [row for row in await self.rows(request_id) if row["type"] == "request"]
        return row

    def access_lines(self) -> list[dict[str, Any]]:
        """Envoy's access log so far."""
        return _json_lines(self.access_file)

    async def access(self, request_id: str) -> dict[str, Any]:
        """The line of Envoy's access log."""
        path = self.access_file
        (line,) = await eventually(
            lambda: [one for one in _json_lines(path, request_id) if one["request_id"] == request_id],
            f"the access log of {request_id}",
            15.0,
        )
        return line

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Name and labels → value."""
        families = text_string_to_metric_families(self.admin.get("/metrics").text)
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    def metric(self, name: str, **labels: str) -> float:
        """The sum over all series of that name that have these labels."""
        return sum(
            value for (n, have), value in self.metrics().items() if n == name and labels.items() <= dict(have).items()
        )

    # -- its processes

    def _children(self) -> Iterator[tuple[psutil.Process, list[str]]]:
        for child in psutil.Process(self.process.pid).children():
            try:
                yield child, child.cmdline()
            except psutil.Error:
                continue  # it has ended since it was listed

    def workers(self) -> list[Worker]:
        """The worker processes alive, by index."""
        found = [
            Worker(int(argv[-1]), child)
            for child, argv in self._children()
            if "extproc.app.worker" in argv and child.status() != psutil.STATUS_ZOMBIE
        ]
        return sorted(found, key=lambda worker: worker.index)

    def envoy(self) -> psutil.Process:
        """The Envoy."""
        (found,) = [child for child, argv in self._children() if argv and argv[0].endswith("envoy")]
        return found

    def run_dir(self) -> Path:
        """The folder that its processes share."""
        return Path(self.workers()[0].process.environ()["LLMGW_RUN_DIR"])


def _json_lines(path: Path, holding: str = "") -> list[dict[str, Any]]:
    """The whole lines of a file that is being written."""
    if not path.exists():
        return []
    lines = path.read_bytes().splitlines(keepends=True)
    wanted = orjson.dumps(holding)[1:-1]
    return [orjson.loads(line) for line in lines if line.endswith(b"\n") and wanted in line]
