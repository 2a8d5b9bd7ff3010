"""Has Envoy open its access log anew when the file was moved away, as logrotate does it.

Rows need none of this: ``telemetry.log`` looks at its file whenever it writes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

LOOK_SECONDS = 1.0


async def follow(path: Path, reopen: Callable[[], Awaitable[bool]], *, every: float = LOOK_SECONDS) -> None:
    """Look at the file until cancelled. ``reopen`` says whether it was done; if not, it is asked again."""
    known = _identity(path)
    while True:
        await asyncio.sleep(every)
        now = _identity(path)
        if (now is None or now != known) and await reopen():
            known = _identity(path)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        there = path.stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino
