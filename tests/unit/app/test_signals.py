"""A signal ends the start too, and what was started is still there to be stopped."""

import asyncio
import os
import signal

import pytest

from extproc.app import signals
from extproc.app.signals import started, told_to_stop


@pytest.fixture(autouse=True)
def handlers():
    """The process's own, put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def done() -> None:
    """A start that takes no time."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_is_seen_from_the_beginning(number):
    told = told_to_stop()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(30):
        await told.wait()


async def test_a_start_that_comes_to_its_end():
    assert await started(done(), asyncio.Event())


async def test_a_start_that_fails():
    async def fail() -> None:
        raise RuntimeError("no room")

    with pytest.raises(RuntimeError, match="no room"):
        await started(fail(), asyncio.Event())


async def test_a_signal_during_the_start_gives_it_up():
    told, cleaned = told_to_stop(), []

    async def start() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    async with asyncio.timeout(30):
        assert not await started(start(), told)
    assert cleaned == [True]


async def test_a_signal_in_the_instant_in_which_the_start_ends():
    told = asyncio.Event()
    told.set()
    assert not await started(done(), told)


async def test_a_cancellation_that_gets_lost_is_repeated(monkeypatch):
    monkeypatch.setattr(signals, "_AGAIN_SECONDS", 0.001)
    told, lost = asyncio.Event(), []

    async def start() -> None:
        told.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.append(True)
        await asyncio.Event().wait()

    async with asyncio.timeout(30):
        assert not await started(start(), told)
    assert lost == [True]
