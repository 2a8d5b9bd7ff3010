"""A deadline that counts only the time in which the process ran."""

import asyncio
import time

import pytest

from extproc.state.deadline import Deadline


async def test_it_ends_what_takes_too_long():
    with pytest.raises(TimeoutError):
        async with Deadline(0.02):
            await asyncio.Event().wait()


async def test_what_ends_in_time_is_left_alone():
    async with Deadline(30):
        await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)  # no timer is left that would cancel this


async def test_a_standstill_is_not_counted():
    """The answer is there when the process goes on, and so would a plain timer be: it would win."""
    for whole in (asyncio.timeout, Deadline):
        answer = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, answer.set_result, "there")
        waiting = asyncio.create_task(_wait(whole(0.05), answer))
        await asyncio.sleep(0)
        time.sleep(0.2)
        assert await waiting == ("there" if whole is Deadline else "late")


async def _wait(deadline, answer):
    try:
        async with deadline:
            got = await answer
            await asyncio.sleep(0.005)  # a reply is read in more than one step
            return got
    except TimeoutError:
        return "late"


async def test_a_cancellation_stays_one():
    waiting = asyncio.create_task(_wait(Deadline(30), asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
