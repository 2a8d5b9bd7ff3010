"""A world to play requests in, its vendors' streams, and meters: see ``world``, ``streams`` and ``catalogue``."""

import asyncio
from collections.abc import Callable, Iterator

import orjson
import pytest

from extproc.domain.meters import Meter
from tests.unit.phases.catalogue import make_meter
from tests.unit.phases.streams import Claude, Stream
from tests.unit.phases.world import LOOP, World


@pytest.fixture(scope="session", autouse=True)
def event_loop_of_worlds() -> Iterator[None]:
    """Worlds run what waits for a ledger on one loop."""
    loop = asyncio.new_event_loop()
    LOOP.append(loop)
    yield
    LOOP.remove(loop)
    loop.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    """For tests that play many times."""
    return World


@pytest.fixture(scope="session")
def claude() -> Claude:
    return Claude()


@pytest.fixture(scope="session")
def meter() -> Callable[..., Meter]:
    return make_meter


@pytest.fixture(scope="session")
def sse() -> Stream:
    return Stream()


@pytest.fixture
def completion() -> bytes:
    """A whole OpenAI answer."""
    message = {"role": "assistant", "content": "Hello"}
    return orjson.dumps(
        {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "m1-2026",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }
    )
