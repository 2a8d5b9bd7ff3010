"""The recorder tells log and metrics; its double keeps what it is told, through the same interface."""

import io

import pytest

from extproc.telemetry.fakes import RecordingFake
from extproc.telemetry.log import RowLog
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.recorder import LiveRecorder, Recorder


class Memory(io.BytesIO):
    """A stream that can be read after its log is closed."""

    def close(self) -> None:
        """Stay readable."""


@pytest.fixture
def sink() -> Memory:
    return Memory()


@pytest.fixture
def rows(sink, events):
    log = RowLog(sink, events, interval=3600)
    yield log
    log.close()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1")


def tell_all(recorder: Recorder, attempt, request_record) -> None:
    recorder.stream_opened("admission")
    recorder.admitted(0.001)
    recorder.stream_opened("attempt")
    recorder.attempt(attempt())
    recorder.stream_closed("attempt")
    recorder.request(request_record())


def test_the_live_one_writes_rows_and_counts(rows, metrics, events, sink, attempt, request_record):
    tell_all(LiveRecorder(rows, metrics, events), attempt, request_record)
    rows.close()
    assert sink.getvalue().count(b"\n") == 2
    get = metrics.registry.get_sample_value
    assert get("llmgw_attempts_total", {"outcome": "ok", "provider": "claude-eu", "model": "fast-classify"}) == 1
    assert get("llmgw_requests_total", {"outcome": "ok", "model": "fast-classify", "key": "ci", "team": "search"}) == 1
    assert get("llmgw_admission_duration_seconds_count") == 1
    assert get("llmgw_open_streams", {"phase": "admission"}) == 1
    assert get("llmgw_open_streams", {"phase": "attempt"}) == 0


def test_the_double_keeps_what_it_is_told(attempt, request_record):
    fake = RecordingFake()
    tell_all(fake, attempt, request_record)
    assert fake.attempts == [attempt()]
    assert fake.requests == [request_record()]
    assert fake.admissions == [0.001]
    assert fake.open == {"admission": 1, "attempt": 0}
    assert fake.opened == {"admission": 1, "attempt": 1}


def test_the_double_catches_a_stream_closed_twice():
    fake = RecordingFake()
    fake.stream_opened("attempt")
    fake.stream_closed("attempt")
    with pytest.raises(AssertionError, match="not open"):
        fake.stream_closed("attempt")


def test_rows_that_the_log_loses_are_counted(events, metrics, attempt):
    log = RowLog(Memory(), events, on_drop=metrics.rows_dropped)
    log.close()
    LiveRecorder(log, metrics, events).attempt(attempt())
    assert metrics.registry.get_sample_value("llmgw_log_rows_dropped_total") == 1
