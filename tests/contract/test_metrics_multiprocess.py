"""``/metrics`` over real worker processes: summed, kept when a worker is killed, and never fatal when a disk is full."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from extproc.telemetry.exposition import Exposition, worker_environment

WORKER = """
import sys
from extproc.domain.usage import Usage
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.records import AttemptRecord, RequestRecord

metrics = Metrics(version="1.2.3", multiprocess=True)
metrics.config_loaded("c0ffee")
common = dict(time_ns=0, duration_ms=100.0, outcome="ok", model="m", provider="p", provider_dialect="openai",
              provider_model="pm", stream=True, first_token_ms=10.0, usage=Usage(input=3, output=11))
for number in range(int(sys.argv[1])):
    metrics.stream_opened("attempt")
    metrics.attempt(AttemptRecord(request_id=str(number), attempt=1, **common))
    metrics.request(RequestRecord(request_id=str(number), **common))
metrics.flush()
print("counted", flush=True)
sys.stdin.read()
"""

FULL_DISK = """
import io, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000))
from extproc.telemetry.events import EventLog
from extproc.telemetry.log import RowLog
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.recorder import LiveRecorder
from extproc.telemetry.records import AttemptRecord

class Null:
    def write(self, data): return len(data)
    def fileno(self): raise io.UnsupportedOperation

events = EventLog(sys.stdout, style="json")
rows = RowLog(Null(), events)
recorder = LiveRecorder(rows, Metrics(version="1", multiprocess=True), events)
for number in range(200):
    recorder.attempt(AttemptRecord(request_id="r", time_ns=0, duration_ms=1.0, outcome=f"o{number}", attempt=1))
rows.close()
print("survived", flush=True)
"""


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "metrics"


@pytest.fixture
def start(directory):
    """Start workers that count so many requests each, and stay until they are told to go."""
    started = []

    def run(requests: int) -> subprocess.Popen:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(requests)],
            env={**os.environ, **worker_environment(directory)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(worker)
        assert worker.stdout.readline() == "counted\n"
        return worker

    yield run
    for worker in started:
        worker.kill()
        worker.communicate()


def samples(exposition: Exposition) -> dict[tuple[str, str], float]:
    """Name and the one label that the tests tell series apart by → value."""
    body, _ = exposition.render()
    marks = ("gen_ai_token_type", "type", "phase", "version", "le")
    return {
        (sample.name, next((sample.labels[mark] for mark in marks if mark in sample.labels), "")): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_two_workers_are_one_gateway(directory, start):
    exposition = Exposition(directory)
    start(3)
    start(4)
    found = samples(exposition)
    assert found["llmgw_requests_total", ""] == 7
    assert found["llmgw_attempts_total", ""] == 7
    assert found["llmgw_tokens_total", "output"] == 77
    assert found["gen_ai_client_token_usage_sum", "input"] == 21
    assert found["gen_ai_server_request_duration_seconds_count", ""] == 7
    assert found["gen_ai_server_request_duration_seconds_bucket", "+Inf"] == 7
    assert found["gen_ai_server_time_to_first_token_seconds_bucket", "0.005"] == 0
    assert found["gen_ai_server_time_to_first_token_seconds_bucket", "0.01"] == 7
    assert found["llmgw_open_streams", "attempt"] == 7
    assert found["llmgw_build_info", "1.2.3"] == 1
    assert found["llmgw_config_version_info", "c0ffee"] == 1
    # They have no store, so none of them says that it does not reach it.
    assert not {name for name, _ in found if "store" in name or "ledger" in name or "staleness" in name}


def test_what_a_killed_worker_counted_is_kept_and_its_streams_are_closed(directory, start):
    exposition = Exposition(directory)
    killed = start(3)
    start(4)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert samples(exposition)["llmgw_requests_total", ""] == 7
    exposition.worker_died(killed.pid)
    exposition.worker_restarted("crashed")
    start(5)
    found = samples(exposition)
    assert found["llmgw_requests_total", ""] == 12
    assert found["gen_ai_server_request_duration_seconds_bucket", "+Inf"] == 12
    assert found["llmgw_open_streams", "attempt"] == 9
    assert found["llmgw_worker_restarts_total", ""] == 1


def test_the_reading_side_needs_no_environment(directory, start):
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    exposition = Exposition(directory)
    start(1)
    assert samples(exposition)["llmgw_requests_total", ""] == 1


def test_a_full_disk_costs_metrics_not_the_worker(directory):
    Exposition(directory)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK],
        env={**os.environ, **worker_environment(directory)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    report, last = done.stdout.splitlines()
    assert "metrics cannot be counted" in report
    assert last == "survived"
