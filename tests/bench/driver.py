"""One measurement: load from ``tests.bench.load``, CPU time of everybody from ``/proc`` at the same two moments.

The counterpart of ``load``: this side runs in the bench's own process and does nothing while the load runs.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import orjson

from tests.bench import processes
from tests.bench.load import Job, LoadResult
from tests.bench.processes import Children
from tests.bench.systems.base import System
from tests.bench.workload import WORDS_BEGIN, Model

_PATIENCE = 30.0
"""Seconds that a line of the load generator may be late."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How much load, for how long; times in seconds."""

    connections: int
    warmup: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement of one system.

    ``cpu`` is in seconds, by part of the system; ``rss`` in bytes at the end. ``others`` is the share of the machine
    that went to processes which are no part of this measurement: what disturbed it.
    """

    load: LoadResult
    cpu: Mapping[str, float]
    provider_cpu: float
    load_cpu: float
    others: float
    rss: int

    @property
    def total_cpu(self) -> float:
        """CPU seconds of the whole system."""
        return sum(self.cpu.values())

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.load.completed / self.load.seconds

    @property
    def answers(self) -> float:
        """How many answers' work was done in the time: those that began or ended in it count half for each."""
        return (self.load.started + self.load.completed) / 2


class Bench:
    """Measures systems in front of one provider."""

    def __init__(self, children: Children, provider: System) -> None:
        self._provider = provider
        self._load = children.start_piped((sys.executable, "-m", "tests.bench.load"))

    def measure(self, system: System, model: Model, shape: Shape) -> Cell:
        """Load a system with requests for one model. Raises ``RuntimeError`` when the generator fails."""
        job = Job(
            port=system.port,
            request=system.request(model).decode("latin-1"),
            expect='"content"' if model.stream else WORDS_BEGIN,
            connections=shape.connections,
            warmup=shape.warmup,
            seconds=shape.seconds,
            min_events=model.tokens if model.stream else 0,
        )
        parts = {**system.pids(), " provider": self._provider.pids()["all"], " load": [self._load.pid]}
        parts[" bench"] = [os.getpid()]
        assert self._load.stdin is not None
        self._load.stdin.write(orjson.dumps(asdict(job)) + b"\n")
        self._load.stdin.flush()
        self._line("begin", shape.warmup)
        before = _sample(parts)
        self._line("end", shape.seconds)
        after = _sample(parts)
        fields = self._line("result", 10.0)
        return _cell(parts, before, after, LoadResult(**{k: v for k, v in fields.items() if k != "event"}), system)

    def _line(self, event: str, after: float) -> dict[str, object]:
        stream = self._load.stdout
        assert stream is not None
        ready, _, _ = select.select([stream], [], [], after + _PATIENCE)
        line = stream.readline() if ready else b""
        if not line:
            raise RuntimeError("the load generator has died" if ready else f"no '{event}' from the load generator")
        fields = orjson.loads(line)
        assert fields["event"] == event, fields
        return fields


@dataclass(frozen=True, slots=True)
class _Sample:
    clock: float
    busy: float
    cpu: Mapping[str, float]


def _sample(parts: Mapping[str, list[int]]) -> _Sample:
    cpu = {part: processes.cpu_seconds(pids) for part, pids in parts.items()}
    return _Sample(time.perf_counter(), processes.machine_busy(), cpu)


def _cell(parts: Mapping[str, list[int]], before: _Sample, after: _Sample, load: LoadResult, system: System) -> Cell:
    spent = {part: after.cpu[part] - before.cpu[part] for part in parts}
    capacity = (after.clock - before.clock) * (os.cpu_count() or 1)
    others = (after.busy - before.busy - sum(spent.values())) / capacity
    own = {part: cpu for part, cpu in spent.items() if not part.startswith(" ")}
    return Cell(
        load=load,
        cpu=own,
        provider_cpu=spent[" provider"] if system.name != "direct" else 0.0,
        load_cpu=spent[" load"],
        others=max(0.0, others),
        rss=sum(processes.resident_bytes(parts[part]) for part in own),
    )


def stopped(process: subprocess.Popen[bytes]) -> bool:
    """Whether a system has died in the middle of the run."""
    return process.poll() is not None
