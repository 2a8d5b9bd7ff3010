"""What becomes of the rounds of a row."""

import subprocess
from collections.abc import Sequence

import pytest

from tests.bench.driver import Cell
from tests.bench.load import LoadResult
from tests.bench.matrix import cases, summary
from tests.bench.systems.base import System
from tests.bench.workload import CHAT, MODELS, Model


def _cell(*, completed: int, p50: float, cpu: float, others: float, error: str | None = None) -> Cell:
    load = LoadResult(
        seconds=2.0,
        started=completed,
        completed=completed,
        errors=1 if error else 0,
        error_samples=[error] if error else [],
        p50=p50,
        p99=p50,
        mean=p50,
        first_p50=0.0,
        first_p99=0.0,
        events=0,
        chunks=0,
    )
    return Cell(load, {"all": cpu}, provider_cpu=0.0, load_cpu=0.0, others=others, rss=1)


_CALM = [
    _cell(completed=200, p50=1.0, cpu=0.2, others=0.0),
    _cell(completed=300, p50=2.0, cpu=0.2, others=0.05),
    _cell(completed=400, p50=3.0, cpu=0.5, others=0.1),
]
_DISTURBED = _cell(completed=20, p50=90.0, cpu=0.2, others=0.6, error="status 503")


def test_latencies_and_rates_are_medians_and_cpu_is_pooled():
    row = summary("a system", _CALM)
    assert (row.rate, row.p50, row.rounds) == (150.0, 2.0, 3)
    assert row.cpu == {"all": pytest.approx(1.0)}  # 0.9 s for 900 answers
    assert not row.disturbed


def test_disturbed_rounds_are_left_out_but_never_their_errors():
    row = summary("a system", [*_CALM, _DISTURBED])
    assert (row.rate, row.rounds, row.disturbed) == (150.0, 3, False)
    assert (row.errors, row.error_samples) == (1, ["status 503"])


def test_where_all_rounds_are_disturbed_the_row_says_so():
    row = summary("a system", [_DISTURBED])
    assert (row.rate, row.rounds, row.disturbed) == (10.0, 1, True)


def test_systems_that_serve_no_streams_are_asked_for_none():
    with subprocess.Popen(("true",)) as nobody:

        def system(name: str, models: Sequence[Model]) -> System:
            return System(name, name, "", 0, nobody, models, {})

        listed = cases([system("gateway", MODELS), system("meters", (CHAT,))])
    labels = {case.name: [row.label for row in case.rows] for case in listed}
    assert labels["chat-16"] == ["gateway", "meters"]
    assert labels["stream-paced"] == labels["stream-burst"] == ["gateway", "gateway translating"]
