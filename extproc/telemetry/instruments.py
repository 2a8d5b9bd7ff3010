"""The Prometheus instruments of a worker: names, help, labels, buckets. ``metrics`` says what adds to them.

Help texts are short for a reason: in multi-process mode every series repeats its help in every worker's file.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from extproc.domain.valueclass import valueclass

TOKEN_BUCKETS: Final = tuple(float(4**n) for n in range(14))
"""1 to 67,108,864, as the conventions advise for token usage."""

DURATION_BUCKETS: Final = tuple(round(0.01 * 2**n, 2) for n in range(14))
"""10 ms to 81.92 s, as the conventions advise for operation and request durations."""

FIRST_TOKEN_BUCKETS: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""As the conventions advise for the time to the first token."""

PER_TOKEN_BUCKETS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
"""As the conventions advise for the time per output token."""

ADMISSION_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
"""Admission is the gateway's own work: a fraction of a millisecond, unless something is wrong."""

_GEN_AI: Final = (
    "gen_ai_operation_name",
    "gen_ai_provider_name",
    "gen_ai_request_model",
    "gen_ai_response_model",
    "llmgw_provider",
)


@valueclass
class GenAiInstruments:
    """The metrics of the GenAI conventions. Label order: the five of ``_GEN_AI``, then the metric's own."""

    token_usage: Histogram
    operation_duration: Histogram
    request_duration: Histogram
    time_to_first_token: Histogram
    time_per_output_token: Histogram

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "GenAiInstruments":
        """Make them in ``registry``."""
        return cls(
            token_usage=Histogram(
                "gen_ai_client_token_usage",
                "Tokens of one provider call.",
                (*_GEN_AI, "gen_ai_token_type"),
                buckets=TOKEN_BUCKETS,
                registry=registry,
            ),
            operation_duration=Histogram(
                "gen_ai_client_operation_duration_seconds",
                "One provider call, to its last byte.",
                (*_GEN_AI, "error_type"),
                buckets=DURATION_BUCKETS,
                registry=registry,
            ),
            request_duration=Histogram(
                "gen_ai_server_request_duration_seconds",
                "One client request, to its last byte.",
                (*_GEN_AI, "error_type"),
                buckets=DURATION_BUCKETS,
                registry=registry,
            ),
            time_to_first_token=Histogram(
                "gen_ai_server_time_to_first_token_seconds",
                "First content of successful streams.",
                _GEN_AI,
                buckets=FIRST_TOKEN_BUCKETS,
                registry=registry,
            ),
            time_per_output_token=Histogram(
                "gen_ai_server_time_per_output_token_seconds",
                "Pace of successful streams after the first token.",
                _GEN_AI,
                buckets=PER_TOKEN_BUCKETS,
                registry=registry,
            ),
        )


@valueclass
class GatewayInstruments:
    """The gateway's own metrics. Label order as listed in ``metrics``.

    Gauges are of the ``live`` kinds: a dead worker has no open streams and uses no configuration.
    """

    requests: Counter
    attempts: Counter
    fallbacks: Counter
    tokens: Counter
    admission_duration: Histogram
    open_streams: Gauge
    log_rows_dropped: Counter
    cost: Counter
    settlements: Counter
    config_version: Gauge
    build: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "GatewayInstruments":
        """Make them in ``registry``."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        return cls(
            requests=counter("llmgw_requests_total", "Client requests.", "outcome", "model", "key", "team"),
            attempts=counter("llmgw_attempts_total", "Provider calls.", "outcome", "provider", "model"),
            fallbacks=counter(
                "llmgw_fallbacks_total",
                "Moves to the next target within one request.",
                "from_provider",
                "to_provider",
                "reason",
            ),
            tokens=counter("llmgw_tokens_total", "Tokens, each in one type.", "type", "provider", "model", "team"),
            admission_duration=Histogram(
                "llmgw_admission_duration_seconds",
                "The gateway's own work before a request goes on.",
                buckets=ADMISSION_BUCKETS,
                registry=registry,
            ),
            open_streams=Gauge(
                "llmgw_open_streams",
                "Streams that Envoy has open to the workers.",
                ("phase",),
                multiprocess_mode="livesum",
                registry=registry,
            ),
            log_rows_dropped=counter("llmgw_log_rows_dropped_total", "Log rows lost."),
            cost=counter("llmgw_cost_usd_total", "US dollars spent.", "provider", "model", "team"),
            settlements=counter("llmgw_unusual_settlements_total", "Settlements out of the ordinary.", "kind"),
            config_version=Gauge(
                "llmgw_config_version_info",
                "1 while a worker uses this configuration.",
                ("version",),
                multiprocess_mode="livemax",
                registry=registry,
            ),
            build=Gauge("llmgw_build_info", "Always 1.", ("version",), multiprocess_mode="livemax", registry=registry),
        )


@valueclass
class StoreInstruments:
    """What only a worker with a store has to tell. A gauge without labels shows 0 from the moment it is made."""

    up: Gauge
    ledger_queue: Gauge
    directory_age: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> "StoreInstruments":
        """Make them in ``registry``."""
        return cls(
            up=Gauge(
                "llmgw_store_up",
                "1 while every worker reaches the store.",
                multiprocess_mode="livemin",
                registry=registry,
            ),
            ledger_queue=Gauge(
                "llmgw_ledger_queue",
                "Steps that workers owe to the store.",
                multiprocess_mode="livesum",
                registry=registry,
            ),
            directory_age=Gauge(
                "llmgw_directory_staleness_seconds",
                "Age of what the workers know of keys.",
                multiprocess_mode="livemax",
                registry=registry,
            ),
        )
