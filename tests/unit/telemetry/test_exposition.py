"""The reading side: earlier runs are forgotten, the dead are remembered, a broken file spoils nothing."""

from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from extproc.telemetry.exposition import Exposition, worker_environment


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "metrics"


def put(directory: Path, file: str, sample: str, value: float) -> None:
    """What a worker's process writes: a value under its key."""
    labels = {"phase": "attempt"} if sample == "llmgw_open_streams" else {"key": "ci"}
    values = MmapedDict(str(directory / file))
    family = sample.removesuffix("_total")
    values.write_value(mmap_key(family, sample, list(labels), list(labels.values()), "Help."), value, 0.0)
    values.close()


def sample(exposition: Exposition, name: str) -> float | None:
    body, _ = exposition.render()
    for family in parse_text(body.decode()):
        for found in family.samples:
            if found.name == name:
                return found.value
    return None


def test_a_worker_learns_the_directory_from_its_environment(directory):
    assert worker_environment(directory) == {"PROMETHEUS_MULTIPROC_DIR": str(directory)}


def test_values_of_an_earlier_run_are_forgotten(directory):
    directory.mkdir()
    put(directory, "counter_7.db", "llmgw_requests_total", 5)
    assert sample(Exposition(directory), "llmgw_requests_total") is None


def test_workers_are_summed(directory):
    exposition = Exposition(directory)
    put(directory, "counter_7.db", "llmgw_requests_total", 5)
    put(directory, "counter_8.db", "llmgw_requests_total", 6)
    assert sample(exposition, "llmgw_requests_total") == 11


def test_the_dead_keep_their_counts_and_lose_their_gauges(directory):
    exposition = Exposition(directory)
    put(directory, "counter_7.db", "llmgw_requests_total", 5)
    put(directory, "gauge_livesum_7.db", "llmgw_open_streams", 3)
    put(directory, "counter_8.db", "llmgw_requests_total", 6)
    put(directory, "gauge_livesum_8.db", "llmgw_open_streams", 1)
    exposition.worker_died(7)
    assert sample(exposition, "llmgw_requests_total") == 11
    assert sample(exposition, "llmgw_open_streams") == 1


def test_however_many_workers_die_the_files_stay_few(directory):
    exposition = Exposition(directory)
    for pid in range(100):
        put(directory, f"counter_{pid}.db", "llmgw_requests_total", 1)
        put(directory, f"histogram_{pid}.db", "llmgw_admission_duration_seconds_sum", 0.5)
        exposition.worker_died(pid)
    assert len(list(directory.glob("*.db"))) == 2
    assert sample(exposition, "llmgw_requests_total") == 100


def test_a_process_id_that_comes_again_is_not_counted_twice(directory):
    exposition = Exposition(directory)
    put(directory, "counter_7.db", "llmgw_requests_total", 5)
    exposition.worker_died(7)
    put(directory, "counter_7.db", "llmgw_requests_total", 1)
    assert sample(exposition, "llmgw_requests_total") == 6


@pytest.mark.parametrize("rubbish", [b"", b"\x00\x01", b"\xff" * 64, b"\x40\x00\x00\x00" + b"\x00" * 4 + b"\xff" * 56])
def test_a_file_that_a_killed_worker_left_half_made_is_given_up(directory, rubbish):
    exposition = Exposition(directory)
    (directory / "counter_7.db").write_bytes(rubbish)
    put(directory, "counter_8.db", "llmgw_requests_total", 6)
    exposition.worker_died(7)
    exposition.worker_died(8)
    assert sample(exposition, "llmgw_requests_total") == 6
    assert not (directory / "counter_7.db").exists()


def test_a_worker_that_counted_nothing_may_die(directory):
    exposition = Exposition(directory)
    put(directory, "counter_8.db", "llmgw_requests_total", 6)
    exposition.worker_died(7)
    assert sample(exposition, "llmgw_requests_total") == 6


def test_restarts_are_counted_by_reason(directory):
    exposition = Exposition(directory)
    exposition.worker_restarted("crashed")
    exposition.worker_restarted("crashed")
    assert sample(exposition, "llmgw_worker_restarts_total") == 2


def test_openmetrics_where_it_is_asked_for(directory):
    exposition = Exposition(directory)
    exposition.worker_restarted("crashed")
    put(directory, "counter_7.db", "llmgw_requests_total", 5)
    body, content_type = exposition.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in parse_openmetrics(body.decode())}
    assert names == {"llmgw_requests", "llmgw_worker_restarts"}


def test_plain_text_otherwise(directory):
    _, content_type = Exposition(directory).render("*/*")
    assert content_type.startswith("text/plain; version=0.0.4")
