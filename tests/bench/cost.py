"""CPU time of a call in process, and how a figure of it is written down."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

_BATCH = 0.03
"""Seconds; a batch is long against the clock's step and short against the machine's moods."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure."""

    what: str
    value: float
    unit: str


def cpu(call: Callable[[], object], batches: int) -> float:
    """Seconds of CPU for one call, median over batches."""
    began = time.process_time()
    call()
    once = max(time.process_time() - began, 1e-6)
    calls = max(1, int(_BATCH / once))
    times: list[float] = []
    for _ in range(batches):
        began = time.process_time()
        for _ in range(calls):
            call()
        times.append((time.process_time() - began) / calls)
    return median(times)
