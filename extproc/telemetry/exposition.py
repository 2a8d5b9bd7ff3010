"""The reading side of ``/metrics``: the sum over all workers, in the process that starts and reaps them.

Workers write their values into files of one directory, named by kind and process id (``metrics``). This side makes the
directory, tells workers of it, adds the files up at each scrape, and takes care of the dead: a worker's counts outlive
it, its gauges do not.

The directory belongs on a memory file system: the files are mapped, and writing to a mapped page that a full disk
cannot back kills the process (SIGBUS).
"""

import struct
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol, cast

from prometheus_client import CollectorRegistry, mmap_dict
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""``prometheus_client`` reads it once, when it is first imported."""

_SUMMED: Final = ("counter", "histogram")
"""Kinds of file whose values add up, so that a dead worker's can be folded into one file."""

_RETIRED: Final = "retired"
"""Stands where live workers' files have a process id."""


def worker_environment(directory: Path) -> dict[str, str]:
    """What must be in a worker's environment before its interpreter starts."""
    return {DIRECTORY_VARIABLE: str(directory)}


class Exposition:
    """Renders ``/metrics``, and is told of workers' ends. Any thread may call it; calls wait for a scrape under way.

    Makes ``directory`` if need be and empties it: values of an earlier run would be counted again. Raises ``OSError``.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for stale in directory.glob("*.db"):
            stale.unlink()
        self._directory = directory
        self._lock = threading.Lock()
        self._restarts: Counter[str] = Counter()
        self._registry = CollectorRegistry()
        MultiProcessCollector(self._registry, path=str(directory))
        self._registry.register(_Restarts(self._restarts))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The sum over all workers and its content type: OpenMetrics where ``accept`` asks for it, else plain text.

        Reads files: some 60 ms for a worker with a hundred combinations of labels. Call it on a thread.
        """
        encode, content_type = choose_encoder(accept)
        with self._lock:
            try:
                return encode(self._registry), content_type
            except struct.error:
                # A file in the instant between its creation and its header; the next read finds it whole.
                return encode(self._registry), content_type

    def worker_died(self, pid: int) -> None:
        """Keep the counts of a worker that has ended, drop its gauges. Call it only once the process is gone."""
        with self._lock:
            for kind in _SUMMED:
                dead = self._directory / f"{kind}_{pid}.db"
                if dead.exists():
                    _fold(dead, self._directory / f"{kind}_{_RETIRED}.db")
                    dead.unlink()
            for gauge in self._directory.glob(f"gauge_live*_{pid}.db"):
                gauge.unlink()

    def worker_restarted(self, reason: str) -> None:
        """Count a restart. ``reason`` is a word of the supervisor's own small vocabulary."""
        with self._lock:
            self._restarts[reason] += 1


class _Restarts(Collector):
    """``llmgw_worker_restarts_total``, kept here because the supervisor is no worker and has no shared file."""

    def __init__(self, restarts: Mapping[str, int]) -> None:
        self._restarts = restarts

    def collect(self) -> Iterable[Metric]:
        """The family, with nothing in it until a first restart."""
        family = CounterMetricFamily("llmgw_worker_restarts", "Workers started again.", labels=["reason"])
        for reason, count in self._restarts.items():
            family.add_metric([reason], count)
        return [family]


class _ValueFile(Protocol):
    """The part of ``MmapedDict`` that is used: values by opaque key, with a timestamp that only gauges have."""

    def read_value(self, key: str) -> tuple[float, float]: ...

    def write_value(self, key: str, value: float, timestamp: float) -> None: ...

    def close(self) -> None: ...


def _fold(dead: Path, into: Path) -> None:
    """Add the values of one file to another. Without it every restart would leave files that each scrape reads."""
    try:
        read = mmap_dict.MmapedDict.read_all_values_from_file  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] it has no type hints
        rows = list(cast("Iterable[tuple[str, float, float, int]]", read(str(dead))))
    except (struct.error, RuntimeError, UnicodeDecodeError):
        # Killed in the middle of making the file. What it holds is lost; kept, it would break every scrape.
        return
    total = cast("_ValueFile", mmap_dict.MmapedDict(str(into)))
    try:
        for key, value, _, _ in rows:
            before, _ = total.read_value(key)
            total.write_value(key, before + value, 0.0)
    finally:
        total.close()
