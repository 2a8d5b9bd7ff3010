"""An Envoy that hangs does not hang those that ask it."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from extproc.app import envoy as envoys


@pytest.fixture
def hanging(monkeypatch):
    """The port of one whose process stands still: the kernel takes connections, nobody answers."""
    monkeypatch.setattr(envoys, "_ADMIN_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_one_that_hangs_does_not_answer(hanging):
    async with asyncio.timeout(30):
        assert await envoys.ask_admin(hanging, "/drain_listeners", method="POST") is None
        assert await envoys.active_requests(hanging) is None


async def test_one_that_is_not_there_does_not_answer():
    assert await envoys.ask_admin(envoys.free_port(), "/ready") is None


async def test_a_look_at_a_configuration_comes_to_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(envoys, "_VALIDATE_SECONDS", 0.2)
    envoy, pid = tmp_path / "envoy", tmp_path / "pid"
    envoy.write_text(f"#!/bin/sh\necho $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 60\n")
    envoy.chmod(0o755)
    async with asyncio.timeout(30):
        fault = await envoys.validate(envoy, Path("any.yaml"))
    assert fault == "it does not come to an end within 0.2 seconds"
    assert not pid.exists() or not Path(f"/proc/{pid.read_text().strip()}").exists()


async def test_what_it_finds_wrong(tmp_path):
    envoy = tmp_path / "envoy"
    envoy.write_text("#!/bin/sh\necho 'a mistake'; exit 1\n")
    envoy.chmod(0o755)
    assert await envoys.validate(envoy, Path(os.devnull)) == "a mistake"
    envoy.write_text("#!/bin/sh\necho 'all is well'\n")
    assert await envoys.validate(envoy, Path(os.devnull)) is None
