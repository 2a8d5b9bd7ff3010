"""The one object that the phases tell what happened. ``fakes.RecordingFake`` is its double."""

from collections.abc import Callable
from typing import Protocol

from extproc.telemetry.events import EventLog
from extproc.telemetry.log import RowLog
from extproc.telemetry.metrics import Metrics, Phase
from extproc.telemetry.records import AttemptRecord, RequestRecord


class Recorder(Protocol):
    """What the phases call. Nothing here blocks, awaits or raises: telemetry never fails a request."""

    def attempt(self, record: AttemptRecord) -> None:
        """An upstream try has ended."""
        ...

    def request(self, record: RequestRecord) -> None:
        """A client's request has ended. Told once for each, by the phase that answered it."""
        ...

    def admitted(self, seconds: float) -> None:
        """Admission has decided; ``seconds`` is its own work, without the wait for the body."""
        ...

    def stream_opened(self, phase: Phase) -> None:
        """A gRPC stream of Envoy has begun."""
        ...

    def stream_closed(self, phase: Phase) -> None:
        """It has ended, whatever ended it."""
        ...


class LiveRecorder(Recorder):
    """Writes a row and counts, for each record. Metrics that cannot be counted are reported once."""

    def __init__(self, rows: RowLog, metrics: Metrics, events: EventLog) -> None:
        self._rows = rows
        self._metrics = metrics
        self._events = events
        self._failures = 0

    def attempt(self, record: AttemptRecord) -> None:
        """See ``Recorder``."""
        self._rows.write(record)
        self._count(lambda: self._metrics.attempt(record))

    def request(self, record: RequestRecord) -> None:
        """See ``Recorder``."""
        self._rows.write(record)
        self._count(lambda: self._metrics.request(record))

    def admitted(self, seconds: float) -> None:
        """See ``Recorder``."""
        self._metrics.admitted(seconds)

    def stream_opened(self, phase: Phase) -> None:
        """See ``Recorder``."""
        self._metrics.stream_opened(phase)

    def stream_closed(self, phase: Phase) -> None:
        """See ``Recorder``."""
        self._metrics.stream_closed(phase)

    def flush(self) -> None:
        """Write the counts that are held back; call it a few times a second, and at the end."""
        self._count(self._metrics.flush)

    def _count(self, add: Callable[[], None]) -> None:
        try:
            add()
        except (OSError, ValueError, IndexError) as error:
            # A new series, and the shared file cannot grow. OSError the first time; then prometheus_client believes
            # that the file did grow, and writes past the end of its map. Series that are there still count.
            self._failures += 1
            if self._failures == 1:
                self._events.event("error", "metrics cannot be counted; not reported again", reason=str(error))
