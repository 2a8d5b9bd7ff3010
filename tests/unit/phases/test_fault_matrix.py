"""Whatever goes wrong at whichever provider, a client of each dialect gets one whole answer, one error, or a cut transfer.

Never what looks like an end and is none: an answer that is claimed to be whole is read by the client's official SDK, and
says word for word what it says without the fault. The bytes are the simulator's; a sample goes through a real Envoy in
``tests/contract/test_dialect_faults.py``.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import orjson
import pytest

from extproc.simulator.bedrock import eventstream
from extproc.simulator.behaviour import Behaviour
from extproc.simulator.wire import Event, Plan, Stream
from tests.judges.registry import READ_ANSWER
from tests.unit.phases.simulated import CLIENTS, PROVIDERS, Came, Play

PAIRS = [(client, provider) for client in CLIENTS for provider in PROVIDERS]
TOOLS = [(c, p) for c, p in PAIRS if CLIENTS[c].offer is not None and p != "completions"]
"""Pairs in which tools can be called."""
PLACES = (0, 1, 2, 4, 7, -3, -2, -1)
"""Events before the fault; negative ones from the end."""

SCENES = [(*pair, False) for pair in PAIRS] + [(*pair, True) for pair in TOOLS]
scenes = pytest.mark.parametrize(
    ("client", "provider", "tools"), SCENES, ids=[f"{c}-{p}-{'tools' if t else 'text'}" for c, p, t in SCENES]
)


@pytest.fixture(scope="session")
def good(make_world):
    """What the client's SDK says without any fault."""

    @cache
    def say(client: str, provider: str, tools: bool, stream: bool) -> object:
        came = Play(make_world, CLIENTS[client], provider, stream, tools).run(Behaviour())
        assert came.verdict() == "answer"
        return came.said

    return say


@pytest.fixture(scope="session")
def play(make_world, good):
    """One play under a fault: how it ended. A whole answer is the very one that comes without a fault."""

    def run(scene: tuple[str, str, bool], stream: bool, behaviour: Behaviour, change=lambda plan: plan) -> Came:
        client, provider, tools = scene
        came = Play(make_world, CLIENTS[client], provider, stream, tools).run(behaviour, change)
        if came.verdict() == "answer":
            assert came.said == good(client, provider, tools, stream)
        return came

    return run


@scenes
def test_without_a_fault_everything_is_said(good, client, provider, tools):
    for stream in (False, True):
        said = orjson.dumps(good(client, provider, tools, stream), default=str).decode()
        assert ("get_weather" if tools else "the river keeps its own slow time") in said
        assert not tools or "Zürich" in said


@pytest.mark.parametrize("fault", ["cut", "stall", "malformed", "error_event", "early_end"])
@scenes
def test_a_broken_stream(play, client, provider, tools, fault):
    kinds = []
    for place in PLACES:
        came = play((client, provider, tools), True, Behaviour(fault=fault, fault_at=place))
        kinds.append(came.verdict())
        if place in PLACES[:3]:
            assert kinds[-1] != "answer", place
    assert set(kinds) & {"error", "cut"}
