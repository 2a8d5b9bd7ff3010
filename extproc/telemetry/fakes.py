"""The recorder's double: keeps what it is told, for tests of whoever tells."""

from collections import Counter

from extproc.telemetry.metrics import Phase
from extproc.telemetry.recorder import Recorder
from extproc.telemetry.records import AttemptRecord, RequestRecord


class RecordingFake(Recorder):
    """A ``Recorder`` whose lists a test reads."""

    def __init__(self) -> None:
        self.attempts: list[AttemptRecord] = []
        self.requests: list[RequestRecord] = []
        self.admissions: list[float] = []
        self.open: Counter[Phase] = Counter()
        """Streams open now, by phase."""
        self.opened: Counter[Phase] = Counter()
        """Streams opened in all, by phase."""

    def attempt(self, record: AttemptRecord) -> None:
        """Keep it."""
        self.attempts.append(record)

    def request(self, record: RequestRecord) -> None:
        """Keep it."""
        self.requests.append(record)

    def admitted(self, seconds: float) -> None:
        """Keep it."""
        self.admissions.append(seconds)

    def stream_opened(self, phase: Phase) -> None:
        """Count it."""
        self.open[phase] += 1
        self.opened[phase] += 1

    def stream_closed(self, phase: Phase) -> None:
        """Count it. Raises ``AssertionError`` where none was open."""
        assert self.open[phase] > 0, f"{phase} stream closed that was not open"
        self.open[phase] -= 1
