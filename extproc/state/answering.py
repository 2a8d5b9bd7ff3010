"""Commands that the client sends by itself, beside the scripts that ``store`` runs: its errors as ours."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from extproc.state.lanes import StoreAway


@asynccontextmanager
async def answering(seconds: float) -> AsyncGenerator[None]:
    """``async with``: what fails of the connection, or takes longer, raises ``StoreAway``."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreAway(f"the store does not answer: {type(error).__name__}", sent=True) from error
