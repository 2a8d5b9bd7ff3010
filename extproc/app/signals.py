"""SIGINT and SIGTERM of a process with an event loop: a start that takes long is given up for them."""

import asyncio
import signal
from collections.abc import Coroutine

_AGAIN_SECONDS = 1.0


def told_to_stop() -> asyncio.Event:
    """Set by SIGINT or SIGTERM from now on. As process 1 of a container one would not even be ended by them otherwise."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    return told


async def started(start: Coroutine[object, object, None], told: asyncio.Event) -> bool:
    """Whether ``start`` came to its end before ``told`` was set; else it is cancelled. Raises what it raises."""
    starting = asyncio.create_task(start, name="start")
    waiting = asyncio.create_task(told.wait(), name="told to stop")
    try:
        await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
        while not starting.done():  # again and again: a cancellation can get lost in a command of redis-py 8.1
            starting.cancel()
            await asyncio.wait((starting,), timeout=_AGAIN_SECONDS)
        if starting.cancelled():
            return False
        starting.result()
        return not told.is_set()
    finally:
        starting.cancel()
        waiting.cancel()
