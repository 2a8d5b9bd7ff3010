"""What is measured, in which order: every round goes through all cases, and every case through all systems.

So a slow change of the machine hits all systems alike. A measurement during which other processes took part of the
machine is made again, as long as there is patience for it, and the least disturbed one counts, whatever its figures.
Rounds that stayed disturbed are left out where there are others.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench import processes
from tests.bench.driver import Bench, Cell, Shape
from tests.bench.systems.base import System
from tests.bench.workload import (
    BURST,
    CHAT,
    CROSS_BURST,
    CROSS_PACED_LONG,
    CROSS_PACED_SHORT,
    PACED_LONG,
    PACED_SHORT,
    Model,
)

LIGHT, BUSY = 8, 48
"""Streams at a time. Paced, the first are 800 events a second, which every system can bear: their latencies compare.
The second are 4,800, about half of what two cores can take from us: there the cost of an event is taken, for processes
that sleep between events pay two to three times as much, for caches that others have filled in the meantime."""


@dataclass(frozen=True, slots=True)
class Row:
    """A system asked for a model. ``cross``: the provider speaks another dialect than the client."""

    system: System
    model: Model

    @property
    def cross(self) -> bool:
        """Whether answers are translated."""
        return self.model.dialect != "openai"

    @property
    def label(self) -> str:
        """In the results: the system's name, marked where it translates."""
        return f"{self.system.name} translating" if self.cross else self.system.name


@dataclass(frozen=True, slots=True)
class Case:
    """One load for several rows."""

    name: str
    connections: int
    rows: Sequence[Row]


DISTURBED = 0.10
"""Share of the machine in other hands above which a measurement is made again."""
_GLANCE = 0.25


@dataclass(frozen=True, slots=True)
class Timing:
    """How long; times in seconds. ``patience``: for waiting and repeating, in the whole run."""

    rounds: int
    seconds: float
    warmup: float
    patience: float


class _Patience:
    """What is left of it."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def calm(self) -> None:
        """Wait until the machine is idle, or patience is gone."""
        while self._left > 0:
            busy = processes.machine_busy()
            time.sleep(_GLANCE)
            self._left -= _GLANCE
            if processes.machine_busy() - busy <= DISTURBED * _GLANCE * (os.cpu_count() or 1):
                return

    def measure(self, bench: Bench, row: Row, shape: Shape) -> Cell:
        """The first undisturbed measurement, or the least disturbed."""
        self.calm()
        best = bench.measure(row.system, row.model, shape)
        while best.others > DISTURBED and self._left > shape.warmup + shape.seconds:
            self._left -= shape.warmup + shape.seconds
            self.calm()
            best = min(best, bench.measure(row.system, row.model, shape), key=lambda cell: cell.others)
        return best


@dataclass(frozen=True, slots=True)
class Summary:
    """One row in one case, over ``rounds`` rounds: those that nobody disturbed, or all if there is none of them.

    Latencies (milliseconds), ``rate`` (answers per second) and ``event_rate`` are medians over the rounds; CPU is
    pooled, in milliseconds per answer, by part; ``answers``, ``events`` and ``cpu_seconds`` are the sums behind that.
    ``others``: the largest share of the machine that anybody else had in these. ``errors`` are of all rounds.
    """

    title: str
    rounds: int
    rate: float
    event_rate: float
    p50: float
    p99: float
    first_p50: float
    cpu: Mapping[str, float]
    cpu_seconds: Mapping[str, float]
    answers: float
    events: int
    events_per_chunk: float
    rss: int
    errors: int
    error_samples: Sequence[str]
    others: float

    @property
    def disturbed(self) -> bool:
        """Whether the figures are not this system's alone."""
        return self.others > DISTURBED


Results = Mapping[str, Mapping[str, Summary]]
"""Case name → row label → figures."""


def cases(systems: Sequence[System]) -> list[Case]:
    """The cases."""
    proxies = [system for system in systems if system.name != "direct"]
    streaming = [system for system in proxies if PACED_SHORT in system.models]
    translating = [system for system in proxies if CROSS_PACED_SHORT in system.models]

    def rows(same: Model, cross: Model, among: Sequence[System]) -> list[Row]:
        return [*(Row(system, same) for system in among), *(Row(system, cross) for system in translating)]

    chat = [Row(system, CHAT) for system in systems]
    listed = [
        Case("chat-1", 1, chat),
        Case("chat-16", 16, chat),
        Case("chat-64", 64, chat),
        Case("stream-paced", LIGHT, rows(PACED_SHORT, CROSS_PACED_SHORT, streaming)),
        # Only the difference of two lengths tells the cost of an event; it is asked of the system with a target for it.
        Case("stream-busy-100", BUSY, rows(PACED_SHORT, CROSS_PACED_SHORT, translating)),
        Case("stream-busy-300", BUSY, rows(PACED_LONG, CROSS_PACED_LONG, translating)),
        Case("stream-burst", LIGHT, rows(BURST, CROSS_BURST, streaming)),
    ]
    return [case for case in listed if case.rows]


def warm_up(bench: Bench, systems: Sequence[System], seconds: float) -> None:
    """Load everybody for a while: pools, caches, compilers. Nothing of it counts."""
    for system in systems:
        bench.measure(system, CHAT, Shape(16, 0.0, seconds))


def run(bench: Bench, listed: Sequence[Case], timing: Timing, tell: Callable[[str], None]) -> Results:
    """Measure everything. Raises ``RuntimeError`` when a system or the load generator dies."""
    cells: dict[str, dict[str, list[Cell]]] = {case.name: {row.label: [] for row in case.rows} for case in listed}
    patience = _Patience(timing.patience)
    titles = {row.label: row.system.title for case in listed for row in case.rows}
    for number in range(timing.rounds):
        for case in listed:
            # Each round begins with another system: who comes after whom shall not matter.
            turn = number % max(1, len(case.rows))
            for row in (*case.rows[turn:], *case.rows[:turn]):
                if row.system.process.poll() is not None:
                    raise RuntimeError(f"{row.system.title} has ended in the middle of the run")
                cell = patience.measure(bench, row, Shape(case.connections, timing.warmup, timing.seconds))
                cells[case.name][row.label].append(cell)
                tell(f"round {number + 1}/{timing.rounds} {case.name:<13} {row.label:<20} {_brief(cell)}")
    return {
        name: {label: summary(titles[label], found) for label, found in rows.items() if found}
        for name, rows in cells.items()
    }


def _brief(cell: Cell) -> str:
    load = cell.load
    faults = f"  {load.errors} ERRORS" if load.errors else ""
    what = f"{load.events / load.seconds:8.0f} events/s" if load.events else f"{cell.rate:8.1f} answers/s"
    return f"{what}  p50 {load.p50:8.2f} ms  others {cell.others:4.0%}{faults}"


def summary(title: str, measured: Sequence[Cell]) -> Summary:
    """The rounds of one row as one; ``measured`` is not empty."""
    cells = [cell for cell in measured if cell.others <= DISTURBED] or measured
    loads = [cell.load for cell in cells]
    answers = sum(cell.answers for cell in cells)
    spent = {part: sum(cell.cpu[part] for cell in cells if part in cell.cpu) for part in cells[0].cpu}
    chunks = sum(load.chunks for load in loads)
    events = sum(load.events for load in loads)
    return Summary(
        title=title,
        rounds=len(cells),
        rate=median(cell.rate for cell in cells),
        event_rate=median(load.events / load.seconds for load in loads),
        p50=median(load.p50 for load in loads),
        p99=median(load.p99 for load in loads),
        first_p50=median(load.first_p50 for load in loads),
        cpu={part: seconds / answers * 1000 for part, seconds in spent.items()} if answers else {},
        cpu_seconds=spent,
        answers=answers,
        events=events,
        events_per_chunk=events / chunks if chunks else 0.0,
        rss=max(cell.rss for cell in cells),
        errors=sum(cell.load.errors for cell in measured),
        error_samples=[sample for cell in measured for sample in cell.load.error_samples][:3],
        others=max(cell.others for cell in cells),
    )
