"""A deadline that does not count the time in which this process itself stood still.

A worker that gets no processor for half a second (a throttled container, a laptop's lid) finds its timer due and the
reply of Redis there at once, and the timer would win: the store would be called away, which it never was.
"""

import asyncio
from types import TracebackType

_STEPS = 5
"""A standstill, however long, counts as one of them."""


class Deadline:
    """``async with Deadline(0.5):`` raises ``TimeoutError`` as ``asyncio.timeout`` does, after seconds that were ours."""

    __slots__ = ("_left", "_scope", "_step", "_timer")

    def __init__(self, seconds: float) -> None:
        self._step = seconds / _STEPS
        self._left = _STEPS

    async def __aenter__(self) -> None:
        self._scope = asyncio.timeout(None)
        await self._scope.__aenter__()
        self._timer = asyncio.get_running_loop().call_later(self._step, self._tick)

    def _tick(self) -> None:
        self._left -= 1
        loop = asyncio.get_running_loop()
        if self._left:
            self._timer = loop.call_later(self._step, self._tick)
        else:
            self._scope.reschedule(loop.time())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._timer.cancel()
        return await self._scope.__aexit__(kind, error, trace)
