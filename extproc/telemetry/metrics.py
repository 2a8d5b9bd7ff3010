"""A worker's side of ``/metrics``: counts what the records say. ``exposition`` is the reading side.

``prometheus_client`` decides **when it is imported** whether values live in this process or in files shared by all
workers: it looks for PROMETHEUS_MULTIPROC_DIR in the environment. So whoever starts a worker puts the directory into
the child's environment (``exposition.worker_environment``); setting it later, inside the worker, does nothing, and
``Metrics(multiprocess=True)`` then raises instead of losing the numbers in silence.

GenAI metrics follow OpenTelemetry's semantic conventions, spelt for Prometheus (dots to underscores, the unit last):
https://github.com/open-telemetry/semantic-conventions/blob/v1.37.0/docs/gen-ai/gen-ai-metrics.md. The gateway is both
sides of them: a *client* of providers, once for each attempt (its request model is the name sent to the provider), and
the *server* of applications, once for each request (its request model is the catalogue's name). ``llmgw_provider`` is
ours: the provider's name in the configuration, for ``gen_ai_provider_name`` tells only the kind.

================================================ ========= =========================================================
metric                                           kind      labels
================================================ ========= =========================================================
gen_ai_client_token_usage                        histogram the GenAI labels, gen_ai_token_type=input|output
gen_ai_client_operation_duration_seconds         histogram the GenAI labels, error_type
gen_ai_server_request_duration_seconds           histogram the GenAI labels, error_type
gen_ai_server_time_to_first_token_seconds        histogram the GenAI labels
gen_ai_server_time_per_output_token_seconds      histogram the GenAI labels
llmgw_requests_total                             counter   outcome, model, key, team
llmgw_attempts_total                             counter   outcome, provider, model
llmgw_fallbacks_total                            counter   from_provider, to_provider, reason
llmgw_tokens_total                               counter   type=input|cache_read|cache_write|output, provider, model,
                                                           team; the types share no token, so their sum is the total
llmgw_admission_duration_seconds                 histogram
llmgw_open_streams                               gauge     phase=admission|attempt
llmgw_log_rows_dropped_total                     counter
llmgw_cost_usd_total                             counter   provider, model, team
llmgw_unusual_settlements_total                  counter   kind=expired|corrected|late|orphan|bound_exceeded|full|rejected
llmgw_store_up                                   gauge     1 while every worker reaches the store; absent without one
llmgw_ledger_queue                               gauge     absent without a store
llmgw_directory_staleness_seconds                gauge     absent without a store
llmgw_config_version_info                        gauge     version; 1 while some worker uses it, else 0
llmgw_build_info                                 gauge     version; always 1
llmgw_worker_restarts_total                      counter   reason; ``exposition`` counts it
================================================ ========= =========================================================

The GenAI labels: gen_ai_operation_name, gen_ai_provider_name, gen_ai_request_model, gen_ai_response_model,
llmgw_provider. ``error_type`` and ``outcome`` are of the closed vocabulary of ``extproc.domain.errors``; error_type is
empty, which Prometheus takes as absent, where all went well. Tokens are counted by attempt, so what failed attempts
used is in them.
"""

from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, values

from extproc.domain.money import NANOS
from extproc.telemetry.batch import Batch, Spread, Tally
from extproc.telemetry.conventions import provider_kind
from extproc.telemetry.instruments import GatewayInstruments, GenAiInstruments, StoreInstruments
from extproc.telemetry.labels import UNKNOWN, Bounded
from extproc.telemetry.records import ASKS_NO_MODEL, OK, AttemptRecord, Record, RequestRecord

Phase = Literal["admission", "attempt"]

_KEYS = 2_000
"""Different key names that get series of their own in one worker; further ones share one."""

_NAMES = 2_000
"""The same for teams, models, providers and outcomes together."""

_VENDOR_NAMES = 200
"""Different model names in answers. Vendors add a date to a name now and then; a broken one may add a request id."""


class _AttemptSeries(NamedTuple):
    """What an attempt adds to, found once for each combination: a look-up by labels costs more than the adding."""

    total: Tally
    duration: Spread


class _UsageSeries(NamedTuple):
    """What an attempt's tokens add to."""

    prompt: Spread
    produced: Spread
    cost: Tally
    input: Tally
    cache_read: Tally
    cache_write: Tally
    output: Tally


class _RequestSeries(NamedTuple):
    """What a request adds to."""

    total: Tally
    duration: Spread | None


class _PaceSeries(NamedTuple):
    """What a successful stream adds to."""

    first_token: Spread
    per_token: Spread


class Metrics:
    """A worker's counters. Adding to them takes microseconds and touches memory only; it is for one thread.

    Two that add to the same series at once could lose a count (``batch``). Only ``rows_dropped`` may come from any.

    ``multiprocess`` says that the values must be in shared files; ``RuntimeError`` where they would not be. They are
    written there by ``flush``. The first record of a new combination of labels makes its series, which raises
    ``OSError`` when shared files cannot grow.
    """

    def __init__(self, *, version: str, registry: CollectorRegistry | None = None, multiprocess: bool = False) -> None:
        if multiprocess and values.ValueClass is values.MutexValue:
            raise RuntimeError(
                "PROMETHEUS_MULTIPROC_DIR was not in the environment when this worker started: its metrics would be lost"
            )
        self.registry = CollectorRegistry() if registry is None else registry
        self._gen_ai = GenAiInstruments.register(self.registry)
        self._own = GatewayInstruments.register(self.registry)
        self._key = Bounded(_KEYS)
        self._name = Bounded(_NAMES)
        self._served = Bounded(_VENDOR_NAMES)
        self._attempts: dict[tuple[str, ...], _AttemptSeries] = {}
        self._usages: dict[tuple[str, ...], _UsageSeries] = {}
        self._requests: dict[tuple[str, ...], _RequestSeries] = {}
        self._paces: dict[tuple[str, ...], _PaceSeries] = {}
        self._batch = Batch(immediate=not multiprocess)
        self._admission = Spread(self._batch, self._own.admission_duration)
        self._open = {
            phase: Tally(self._batch, self._own.open_streams.labels(phase)) for phase in ("admission", "attempt")
        }
        self._config_version: str | None = None
        self._own.build.labels(version).set(1)

    def attempt(self, record: AttemptRecord) -> None:
        """Count an attempt and the tokens it used."""
        gen_ai = self._gen_ai_labels(record, record.provider_model)
        outcome = self._name(record.outcome)
        model = self._model(record)
        key = (*gen_ai, outcome, model)
        series = self._attempts.get(key)
        if series is None:
            series = self._attempts[key] = _AttemptSeries(
                Tally(self._batch, self._own.attempts.labels(outcome, gen_ai[-1], model)),
                Spread(self._batch, self._gen_ai.operation_duration.labels(*gen_ai, _error_type(outcome))),
            )
        series.total.inc()
        series.duration.observe(record.duration_ms / 1000)
        if record.usage.total > 0:
            self._count_tokens(record, gen_ai, model, self._name(record.team))

    def request(self, record: RequestRecord) -> None:
        """Count a request, its fallbacks, and the pace of its stream."""
        gen_ai = self._gen_ai_labels(record, self._model(record))
        outcome, name, team = self._name(record.outcome), self._key(record.key), self._name(record.team)
        key = (*gen_ai, outcome, name, team)
        series = self._requests.get(key)
        if series is None:
            series = self._requests[key] = _RequestSeries(
                Tally(self._batch, self._own.requests.labels(outcome, gen_ai[2], name, team)),
                None
                if record.operation in ASKS_NO_MODEL
                else Spread(self._batch, self._gen_ai.request_duration.labels(*gen_ai, _error_type(outcome))),
            )
        series.total.inc()
        if series.duration is not None:
            series.duration.observe(record.duration_ms / 1000)
        if record.stream and record.first_token_ms is not None and record.outcome == OK:
            self._time_stream(record, record.first_token_ms, gen_ai)
        if len(record.attempts) > 1:
            self._count_fallbacks(record)

    def admitted(self, seconds: float) -> None:
        """Count the gateway's own time before a request goes on to a provider, or is refused."""
        self._admission.observe(seconds)

    def stream_opened(self, phase: Phase) -> None:
        """A gRPC stream of Envoy has begun."""
        self._open[phase].inc()

    def stream_closed(self, phase: Phase) -> None:
        """It has ended, whatever ended it."""
        self._open[phase].inc(-1)

    def flush(self) -> None:
        """Write what is held back for the files; call it a few times a second, and at the end."""
        self._batch.flush()

    def rows_dropped(self, rows: int) -> None:
        """Log rows were lost."""
        self._own.log_rows_dropped.inc(rows)

    def settlement(self, kind: str, count: int = 1) -> None:
        """So many settlements were out of the ordinary."""
        self._own.settlements.labels(self._name(kind)).inc(count)

    def store_up(self, *, up: bool) -> None:
        """Whether this worker reaches the store."""
        self._store.up.set(int(up))

    def ledger_queue(self, length: int) -> None:
        """This worker owes so many steps to the store."""
        self._store.ledger_queue.set(length)

    def directory_age(self, seconds: float) -> None:
        """What this worker knows of keys is so old."""
        self._store.directory_age.set(seconds)

    def config_loaded(self, version: str) -> None:
        """This worker now uses the configuration ``version``."""
        if self._config_version is not None:
            self._own.config_version.labels(self._config_version).set(0)
        self._own.config_version.labels(version).set(1)
        self._config_version = version

    @cached_property
    def _store(self) -> StoreInstruments:
        """Made by the first that tells something of a store."""
        return StoreInstruments.register(self.registry)

    def _model(self, record: Record) -> str:
        if record.model is None and record.model_asked is not None:
            return UNKNOWN
        return self._name(record.model)

    def _gen_ai_labels(self, record: Record, model: str | None) -> tuple[str, str, str, str, str]:
        return (
            record.operation,
            self._name(provider_kind(record.provider_dialect)),
            self._name(model),
            self._served(record.model_served),
            self._name(record.provider),
        )

    def _count_tokens(
        self, record: AttemptRecord, gen_ai: tuple[str, str, str, str, str], model: str, team: str
    ) -> None:
        usage = record.usage
        key = (*gen_ai, model, team)
        series = self._usages.get(key)
        if series is None:
            where = (gen_ai[-1], model, team)
            series = self._usages[key] = _UsageSeries(
                Spread(self._batch, self._gen_ai.token_usage.labels(*gen_ai, "input")),
                Spread(self._batch, self._gen_ai.token_usage.labels(*gen_ai, "output")),
                Tally(self._batch, self._own.cost.labels(*where)),
                *(
                    Tally(self._batch, self._own.tokens.labels(kind, *where))
                    for kind in ("input", "cache_read", "cache_write", "output")
                ),
            )
        series.prompt.observe(usage.prompt)
        series.produced.observe(usage.output)
        if record.cost:
            series.cost.inc(record.cost / NANOS)
        # A vendor's count may be negative by mistake, which a counter refuses.
        if usage.input > 0:
            series.input.inc(usage.input)
        if usage.cache_read > 0:
            series.cache_read.inc(usage.cache_read)
        if usage.cache_write > 0:
            series.cache_write.inc(usage.cache_write)
        if usage.output > 0:
            series.output.inc(usage.output)

    def _time_stream(self, record: RequestRecord, first_token_ms: float, gen_ai: tuple[str, ...]) -> None:
        series = self._paces.get(gen_ai)
        if series is None:
            series = self._paces[gen_ai] = _PaceSeries(
                Spread(self._batch, self._gen_ai.time_to_first_token.labels(*gen_ai)),
                Spread(self._batch, self._gen_ai.time_per_output_token.labels(*gen_ai)),
            )
        series.first_token.observe(first_token_ms / 1000)
        if record.usage.output > 1:
            rest = (record.duration_ms - first_token_ms) / 1000
            series.per_token.observe(rest / (record.usage.output - 1))

    def _count_fallbacks(self, record: RequestRecord) -> None:
        for failed, following in pairwise(record.attempts):
            if (failed.provider, failed.model) != (following.provider, following.model):
                labels = map(self._name, (failed.provider, following.provider, failed.reason))
                self._own.fallbacks.labels(*labels).inc()


def _error_type(outcome: str) -> str:
    return "" if outcome == OK else outcome
