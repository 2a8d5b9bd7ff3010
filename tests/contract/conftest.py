"""One gateway and one simulator for the whole session; further gateways on demand. Their logs are shown on failure only."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dialects_catalogue
import httpx
import pytest
from anthropic import AsyncAnthropic
from catalogue import config
from harness import Gateway, Simulator
from openai import AsyncOpenAI

_TAIL = 2_500
"""Characters of a log that a failure shows."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Put the gateways' last words into the report of a test that failed."""
    report = yield
    if report.failed:
        for gateway in Gateway.running:
            for file in (gateway.log, gateway.rows_file):
                if file.exists():
                    tail = file.read_bytes()[-_TAIL:].decode(errors="replace")  # Envoy's last words may be any bytes
                    report.sections.append((f"{gateway.folder.name}: {file.name}", tail))
    return report


_MEASURED: list[str] = []


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Take down a number that a test has measured; all of them are listed behind the results."""

    def note(what: str, value: object) -> None:
        _MEASURED.append(f"{request.node.name}: {what} {value}")

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was measured."""
    if _MEASURED:
        terminalreporter.section("measured")
        for line in _MEASURED:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def dead_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else can take meanwhile: bound, but not listening."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture(scope="session")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator") / "log")
    yield simulator
    simulator.close()


@pytest.fixture
def simulator(providers: Simulator) -> Iterator[Simulator]:
    """All providers, answering well until they are told otherwise."""
    providers.script()
    yield providers
    providers.script()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, providers: Simulator, dead_port: int) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("gateway"), config(providers.url, dead_port))
    yield running
    running.close()


StartGateway = Callable[..., Gateway]


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[StartGateway]:
    """Start another gateway, for tests that break one, or that need a configuration of their own.

    In the ``folder`` of one that has ended, it finds what that one left there.
    """
    started: list[Gateway] = []

    def start(
        configuration: Mapping[str, Any], env: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> Gateway:
        started.append(Gateway(folder or tmp_path / f"gateway-{len(started) + 1}", configuration, env))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.close()


@pytest.fixture
async def openai(gateway: Gateway) -> AsyncIterator[AsyncOpenAI]:
    async with gateway.openai() as client:
        yield client


@pytest.fixture
async def anthropic(gateway: Gateway) -> AsyncIterator[AsyncAnthropic]:
    async with gateway.anthropic() as client:
        yield client


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.http() as client:
        yield client


@pytest.fixture(scope="session")
def dialects(tmp_path_factory: pytest.TempPathFactory, providers: Simulator) -> Iterator[Gateway]:
    """The gateway with a provider of every dialect."""
    running = Gateway(tmp_path_factory.mktemp("dialects"), dialects_catalogue.config(providers.url))
    yield running
    running.close()
