"""What "ready" means: a configuration is loaded, it is known who may ask, a worker answers, and our Envoy takes requests."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from extproc.domain.reading import JsonObject

PROBE_TIMEOUT = 0.8
"""Seconds a part may take: less than the second that kubelet's probes wait by default, so the reason is still seen."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker as its gRPC health check sees it. ``detail`` says why it does not serve."""

    name: str
    serving: bool
    pid: int | None = None
    detail: str | None = None


WorkerHealth = Callable[[], Awaitable[Sequence[WorkerState]]]
"""Asks every worker. A worker that does not answer is one that does not serve; no error is raised."""

EnvoyReady = Callable[[], Awaitable[bool]]
"""Whether Envoy takes requests; False where it does not answer. No error is raised."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things that must hold, and what to show of it."""

    ready: bool
    shown: JsonObject


async def workers_part(health: WorkerHealth) -> Part:
    """Ready with one worker that serves: the others are being restarted, and Envoy goes round them."""
    states = await _in_time(health())
    if states is None:
        return Part(ready=False, shown={"ready": False, "detail": f"no answer within {PROBE_TIMEOUT:g} s"})
    serving = sum(state.serving for state in states)
    failing = [_shown(state) for state in states if not state.serving]
    shown: JsonObject = {"ready": serving > 0, "serving": serving, "total": len(states), "failing": list(failing)}
    return Part(ready=serving > 0, shown=shown)


async def envoy_part(ready: EnvoyReady) -> Part:
    """Ready when Envoy says so."""
    answer = await _in_time(ready())
    if answer:
        return Part(ready=True, shown={"ready": True})
    detail = f"no answer within {PROBE_TIMEOUT:g} s" if answer is None else "Envoy does not take requests"
    return Part(ready=False, shown={"ready": False, "detail": detail})


def config_part(version: str | None) -> Part:
    """Ready once a configuration is loaded."""
    if version is None:
        return Part(ready=False, shown={"ready": False, "detail": "no configuration is loaded"})
    return Part(ready=True, shown={"ready": True, "version": version})


def store_part(*, known: bool) -> Part:
    """Ready once the keys made at run time were read.

    From then on they are in memory, and an outage of the store is no reason to send requests elsewhere. Before, a new
    replica cannot stand in for an old one.
    """
    if known:
        return Part(ready=True, shown={"ready": True})
    detail = "the store was never reached and there is no last state: keys made at run time are not known here"
    return Part(ready=False, shown={"ready": False, "detail": detail})


async def _in_time(question: Awaitable[Answer]) -> Answer | None:
    try:
        return await asyncio.wait_for(question, PROBE_TIMEOUT)
    except TimeoutError:
        return None


def _shown(state: WorkerState) -> JsonObject:
    return {"name": state.name, "pid": state.pid, "detail": state.detail}
