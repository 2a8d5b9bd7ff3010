"""What the records say arrives in the right series; names and buckets are the conventions' own."""

import pytest
from prometheus_client.exposition import generate_latest

from extproc.domain.usage import Usage
from extproc.telemetry import metrics as metrics_module
from extproc.telemetry.labels import OTHER, UNKNOWN
from extproc.telemetry.metrics import Metrics
from extproc.telemetry.records import AttemptSummary

SERVED = "claude-haiku-4-5-20251001"
GEN_AI = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "anthropic",
    "gen_ai_response_model": SERVED,
    "llmgw_provider": "claude-eu",
}
AS_CLIENT = {**GEN_AI, "gen_ai_request_model": "claude-haiku-4-5"}
AS_SERVER = {**GEN_AI, "gen_ai_request_model": "fast-classify"}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3")


@pytest.fixture
def value(metrics):
    def get(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    return get


def series(metrics: Metrics, family: str) -> list[str]:
    return [text for text in generate_latest(metrics.registry).decode().splitlines() if text.startswith(family)]


def buckets(metrics: Metrics, family: str) -> list[float]:
    samples = [sample for metric in metrics.registry.collect() if metric.name == family for sample in metric.samples]
    return [float(sample.labels["le"]) for sample in samples if sample.name.endswith("_bucket")][:-1]


def test_an_attempt_counts_as_a_client_operation(metrics, value, attempt):
    metrics.attempt(attempt(duration_ms=1500))
    assert value("gen_ai_client_operation_duration_seconds_sum", **AS_CLIENT, error_type="") == 1.5
    assert value("llmgw_attempts_total", outcome="ok", provider="claude-eu", model="fast-classify") == 1


def test_a_failed_attempt_has_its_outcome_as_error_type(metrics, value, attempt):
    metrics.attempt(attempt(outcome="provider:provider_timeout", model_served=None, usage=Usage()))
    labels = {**AS_CLIENT, "gen_ai_response_model": ""}
    count = value("gen_ai_client_operation_duration_seconds_count", **labels, error_type="provider:provider_timeout")
    assert count == 1
    assert not series(metrics, "gen_ai_client_token_usage_")


def test_token_usage_counts_cached_tokens_as_input(metrics, value, attempt):
    metrics.attempt(attempt())
    assert value("gen_ai_client_token_usage_sum", **AS_CLIENT, gen_ai_token_type="input") == 116
    assert value("gen_ai_client_token_usage_sum", **AS_CLIENT, gen_ai_token_type="output") == 21


def test_token_types_of_our_own_counter_add_up_to_the_total(metrics, value, attempt):
    record = attempt()
    metrics.attempt(record)
    where = {"provider": "claude-eu", "model": "fast-classify", "team": "search"}
    counts = {
        kind: value("llmgw_tokens_total", type=kind, **where)
        for kind in ("input", "cache_read", "cache_write", "output")
    }
    assert counts == {"input": 10, "cache_read": 100, "cache_write": 6, "output": 21}
    assert sum(counts.values()) == record.usage.total
    assert len(series(metrics, "llmgw_tokens_total{")) == 4


def test_a_negative_count_of_a_vendor_is_not_counted(metrics, value, attempt):
    metrics.attempt(attempt(usage=Usage(input=-5, output=20)))
    where = {"provider": "claude-eu", "model": "fast-classify", "team": "search"}
    assert value("llmgw_tokens_total", type="input", **where) == 0
    assert value("llmgw_tokens_total", type="output", **where) == 20


def test_a_request_counts_as_a_server_request(metrics, value, request_record):
    metrics.request(request_record(duration_ms=1500))
    metrics.request(request_record(duration_ms=500))
    assert value("gen_ai_server_request_duration_seconds_sum", **AS_SERVER, error_type="") == 2
    assert value("llmgw_requests_total", outcome="ok", model="fast-classify", key="ci", team="search") == 2


@pytest.mark.parametrize("operation", ["models", "none"])
def test_what_asks_no_model_is_in_no_genai_metric(metrics, value, request_record, operation):
    metrics.request(request_record(operation=operation, model=None, model_asked=None))
    assert value("llmgw_requests_total", outcome="ok", model="", key="ci", team="search") == 1
    assert series(metrics, "gen_ai_server_request_duration_seconds_") == []


def test_a_streams_pace(metrics, value, request_record):
    metrics.request(request_record(first_token_ms=500, duration_ms=1500, usage=Usage(output=21)))
    assert value("gen_ai_server_time_to_first_token_seconds_sum", **AS_SERVER) == 0.5
    assert value("gen_ai_server_time_per_output_token_seconds_sum", **AS_SERVER) == pytest.approx(1.0 / 20)


@pytest.mark.parametrize(
    "fields",
    [
        {"stream": False},
        {"first_token_ms": None},
        {"outcome": "provider:provider_truncated"},
    ],
)
def test_what_is_not_a_successful_stream_has_no_pace(metrics, request_record, fields):
    metrics.request(request_record(**fields))
    assert not series(metrics, "gen_ai_server_time_to_first_token_seconds_")
    assert not series(metrics, "gen_ai_server_time_per_output_token_seconds_")


def test_one_token_has_no_pace_after_the_first(metrics, value, request_record):
    metrics.request(request_record(usage=Usage(output=1)))
    assert value("gen_ai_server_time_to_first_token_seconds_count", **AS_SERVER) == 1
    assert value("gen_ai_server_time_per_output_token_seconds_count", **AS_SERVER) == 0


def test_a_move_to_another_target_is_a_fallback_a_retry_of_the_same_is_not(metrics, value, request_record):
    def tried(provider, reason):
        return AttemptSummary(provider=provider, model="m", reason=reason, duration_ms=1.0)

    limited, slow = "provider:provider_rate_limited", "provider:provider_timeout"
    metrics.request(request_record(attempts=(tried("a", limited), tried("a", slow), tried("b", "ok"))))
    assert value("llmgw_fallbacks_total", from_provider="a", to_provider="b", reason=slow) == 1
    assert len(series(metrics, "llmgw_fallbacks_total{")) == 1


def test_a_model_that_the_catalogue_lacks_is_labelled_unknown(metrics, value, request_record):
    for number in range(50):
        metrics.request(
            request_record(
                model=None,
                model_asked=f"made-up-{number}",
                outcome="caller:model_not_found",
                provider=None,
                attempts=(),
            )
        )
    labels = {"outcome": "caller:model_not_found", "model": UNKNOWN, "key": "ci", "team": "search"}
    assert value("llmgw_requests_total", **labels) == 50
    assert "made-up" not in generate_latest(metrics.registry).decode()


def test_a_request_refused_before_its_model_was_read_has_no_model(metrics, value, request_record):
    metrics.request(
        request_record(model=None, model_asked=None, key=None, team=None, outcome="caller:invalid_api_key", attempts=())
    )
    assert value("llmgw_requests_total", outcome="caller:invalid_api_key", model="", key="", team="") == 1


def test_names_that_a_vendor_makes_up_are_bounded(metrics, attempt):
    for number in range(1_000):
        metrics.attempt(attempt(model_served=f"model-{number}"))
    served = {
        sample.labels["gen_ai_response_model"]
        for metric in metrics.registry.collect()
        if metric.name == "gen_ai_client_operation_duration_seconds"
        for sample in metric.samples
    }
    assert len(served) == 201
    assert OTHER in served


def test_open_streams_go_up_and_down(metrics, value):
    metrics.stream_opened("admission")
    metrics.stream_opened("attempt")
    metrics.stream_opened("attempt")
    metrics.stream_closed("attempt")
    assert value("llmgw_open_streams", phase="admission") == 1
    assert value("llmgw_open_streams", phase="attempt") == 1


def test_admission_time_and_lost_rows(metrics, value):
    metrics.admitted(0.0004)
    metrics.rows_dropped(3)
    assert value("llmgw_admission_duration_seconds_bucket", le="0.0005") == 1
    assert value("llmgw_admission_duration_seconds_bucket", le="0.00025") == 0
    assert value("llmgw_log_rows_dropped_total") == 3


def test_the_configuration_in_force_is_one_the_one_before_nought(metrics, value):
    metrics.config_loaded("aaa")
    metrics.config_loaded("bbb")
    assert value("llmgw_config_version_info", version="aaa") == 0
    assert value("llmgw_config_version_info", version="bbb") == 1


def test_the_build_is_named(value):
    assert value("llmgw_build_info", version="1.2.3") == 1


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("gen_ai_client_token_usage", [4**n for n in range(14)]),
        ("gen_ai_client_operation_duration_seconds", [0.01 * 2**n for n in range(14)]),
        ("gen_ai_server_request_duration_seconds", [0.01 * 2**n for n in range(14)]),
        (
            "gen_ai_server_time_to_first_token_seconds",
            [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
        ),
        (
            "gen_ai_server_time_per_output_token_seconds",
            [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
        ),
    ],
)
def test_buckets_are_those_that_the_conventions_advise(metrics, attempt, request_record, family, expected):
    metrics.attempt(attempt())
    metrics.request(request_record())
    got = buckets(metrics, family)
    assert got[: len(expected)] == pytest.approx(expected)


STORE = {"llmgw_store_up", "llmgw_ledger_queue", "llmgw_directory_staleness_seconds"}


def test_without_a_store_there_is_nothing_that_would_say_it_is_down(metrics):
    assert not {family for family in STORE if series(metrics, family)}


def test_what_there_is_to_tell_of_a_store(metrics, value):
    metrics.store_up(up=True)
    metrics.ledger_queue(3)
    metrics.directory_age(1.5)
    assert value("llmgw_store_up") == 1
    assert value("llmgw_ledger_queue") == 3
    assert value("llmgw_directory_staleness_seconds") == 1.5
    metrics.store_up(up=False)
    assert value("llmgw_store_up") == 0


def test_every_metric_is_in_the_modules_table(metrics):
    metrics.store_up(up=True)
    names = {metric.name + ("_total" if metric.type == "counter" else "") for metric in metrics.registry.collect()}
    table = metrics_module.__doc__.split("=\n")[2]
    listed = {text.split()[0] for text in table.splitlines() if text.startswith(("gen_ai_", "llmgw_"))}
    assert names | {"llmgw_worker_restarts_total"} == listed


def test_a_worker_started_without_the_directory_says_so():
    with pytest.raises(RuntimeError, match="PROMETHEUS_MULTIPROC_DIR"):
        Metrics(version="1", multiprocess=True)
