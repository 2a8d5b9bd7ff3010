"""What a worker's ledger has to tell: to metrics, and to the log where an operator should know."""

from extproc.telemetry.events import EventLog
from extproc.telemetry.metrics import Metrics

_LOST = frozenset({"full", "rejected"})
"""Settlements that never reached the books."""


class LedgerWatch:
    """Implements ``extproc.state.ledger.Observer``."""

    def __init__(self, metrics: Metrics, events: EventLog) -> None:
        self._metrics = metrics
        self._events = events

    def store_down(self) -> None:
        """See ``Observer``."""
        self._metrics.store_up(up=False)
        self._events.event("error", "the store is away; what it has to be told is kept")

    def store_up(self) -> None:
        """See ``Observer``."""
        self._metrics.store_up(up=True)
        self._events.event("info", "the store is back")

    def late(self, kind: str, count: int = 1) -> None:
        """See ``Observer``."""
        self._metrics.settlement(kind, count)
        if kind in _LOST:
            self._events.event("error", "settlements are lost to the ledger", reason=kind, settlements=count)

    def queue(self, length: int) -> None:
        """See ``Observer``."""
        self._metrics.ledger_queue(length)

    def expired(self, count: int) -> None:
        """See ``Observer``."""
        self._metrics.settlement("expired", count)
        self._events.event("warning", "holds that nobody settled were charged at their bound", holds=count)

    def bound_exceeded(self, meter_id: str) -> None:
        """See ``Observer``."""
        self._metrics.settlement("bound_exceeded")
        self._events.event("error", "an attempt cost more than was held for it", meter=meter_id)
