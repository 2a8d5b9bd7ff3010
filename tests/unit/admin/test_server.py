"""The app on a real socket of the loopback: port conflicts are told plainly, an end is clean, signals are left alone."""

import asyncio
import signal
import socket

import httpx
import pytest

from extproc.admin.app import AdminDeps, create_app
from extproc.admin.server import PortInUse, bind, serve_on


@pytest.fixture
def app(snapshot):
    async def health():
        return []

    return create_app(
        AdminDeps(version="1", snapshot=lambda: snapshot, worker_health=health, metrics=lambda _: (b"", "text/plain"))
    )


async def test_it_serves_until_cancelled_and_then_lets_go_of_the_port(app):
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(serve_on(app, listener))
    async with httpx.AsyncClient() as caller:
        answer = await caller.get(f"http://127.0.0.1:{port}/healthz")
    assert answer.json()["status"] == "alive"
    assert "server" not in answer.headers
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    bind("127.0.0.1", port).close()


async def test_signals_stay_with_the_process(app):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    listener = bind("127.0.0.1", 0)
    serving = asyncio.create_task(serve_on(app, listener))
    async with httpx.AsyncClient() as caller:
        await caller.get(f"http://127.0.0.1:{listener.getsockname()[1]}/healthz")
    assert {number: signal.getsignal(number) for number in before} == before
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


def test_a_taken_port_has_an_error_of_its_own():
    with bind("127.0.0.1", 0) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"port {port} on 127\.0\.0\.1 is already in use: set admin\.port"):
            bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_an_os_error():
    with pytest.raises(OSError, match=r"192\.0\.2\.1|assign"):
        bind("192.0.2.1", 0)


def test_ipv6_addresses_work():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = bind("::1", 0)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with listener:
        assert listener.family is socket.AF_INET6
