"""Holds back what is added to metrics, until ``flush``.

In multi-process mode every addition is a write into a file shared with other processes, some four microseconds; a
request adds two dozen times, and under load most of them to the same few series. Held back, an addition costs a tenth,
and a flush writes each series once. What is held when a worker is killed is lost: flush often.

Nothing here is locked: adding and flushing are the event loop's.
"""

from bisect import bisect_left
from typing import Protocol, cast

from prometheus_client import Counter, Gauge, Histogram


class _Held(Protocol):
    def flush(self) -> None: ...


class _Value(Protocol):
    def inc(self, amount: float) -> None: ...


class _Parts(Protocol):
    """What a ``Histogram`` is made of; not public, so a test compares the outcome with its own ``observe``."""

    _upper_bounds: list[float]
    _buckets: list[_Value]
    _sum: _Value


class Batch:
    """What is held. ``immediate``: nothing is, for values that live in this process only cost nothing to add to."""

    def __init__(self, *, immediate: bool) -> None:
        self.immediate = immediate
        self._held: list[_Held] = []

    def hold(self, item: _Held) -> None:
        """Remember that ``item`` has something to write, or write it."""
        if self.immediate:
            item.flush()
        else:
            self._held.append(item)

    def flush(self) -> None:
        """Write all that is held."""
        held, self._held = self._held, []
        for item in held:
            item.flush()


class Tally:
    """A counter or a gauge of one series."""

    __slots__ = ("_batch", "_by", "_queued", "_series")

    def __init__(self, batch: Batch, series: Counter | Gauge) -> None:
        self._batch = batch
        self._series = series
        self._by = 0.0
        self._queued = False

    def inc(self, amount: float = 1) -> None:
        """Add; a gauge may also be added something negative to."""
        self._by += amount
        if not self._queued:
            self._queued = True
            self._batch.hold(self)

    def flush(self) -> None:
        """Write the sum of what was added."""
        by, self._by, self._queued = self._by, 0.0, False
        if by:
            self._series.inc(by)


class Spread:
    """A histogram of one series."""

    __slots__ = ("_batch", "_series", "_values")

    def __init__(self, batch: Batch, series: Histogram) -> None:
        self._batch = batch
        self._series = series
        self._values: list[float] = []

    def observe(self, value: float) -> None:
        """Add a value."""
        self._values.append(value)
        if len(self._values) == 1:
            self._batch.hold(self)

    def flush(self) -> None:
        """Write sum and buckets, each once, where ``Histogram.observe`` would write twice for every value."""
        values, self._values = self._values, []
        if len(values) == 1:
            self._series.observe(values[0])
            return
        parts = cast("_Parts", self._series)
        bounds, buckets = parts._upper_bounds, parts._buckets  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        counts: dict[int, int] = {}
        for value in values:
            # The first bound that is not below the value; the last bound is +Inf.
            at = bisect_left(bounds, value)
            counts[at] = counts.get(at, 0) + 1
        for at, count in counts.items():
            buckets[at].inc(count)
        parts._sum.inc(sum(values))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
