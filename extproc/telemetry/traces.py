"""OpenTelemetry spans: one for admission, one for each attempt as its child, all under the client's trace.

The phases run in different processes, so the parent goes from one to the other as text: ``start_admission`` takes the
client's ``traceparent`` header, its handle's ``traceparent`` travels in the hand-off, ``start_attempt`` takes it there.
Without a collector in the configuration ``NullTracer`` makes no span, but passes the client's trace on just the same,
so that log rows carry its id.

A client that decided not to sample is obeyed (the SDK's default sampler asks the parent; OTEL_TRACES_SAMPLER changes
it). Spans hold names, counts and outcomes, as the log's rows do; no content.

=========================================== ======================================= ==================================
attribute                                   admission                               attempt
=========================================== ======================================= ==================================
gen_ai.operation.name                       yes                                     yes
gen_ai.provider.name                        of the provider that answered           yes
gen_ai.request.model                        the catalogue's name                    the name sent to the provider
gen_ai.response.model, .finish_reasons      yes                                     yes
gen_ai.usage.*                              yes                                     yes
error.type                                  the outcome, unless ok                  the outcome, unless ok
http.response.status_code                   the client's                            the provider's
server.address, server.port                 no                                      the provider's
llmgw.request_id, .key, .team, .model, .provider, .outcome, .committed, .usage_estimated, .config_version: both;
llmgw.attempt: the attempt; llmgw.attempts (their number): admission
=========================================== ======================================= ==================================
"""

import threading
from typing import Final, Protocol

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, set_span_in_context
from opentelemetry.util.types import AttributeValue

from extproc.telemetry import traceparent as w3c
from extproc.telemetry.conventions import provider_kind
from extproc.telemetry.records import ASKS_NO_MODEL, OK, AttemptRecord, Record, is_failure

_EXPORT_PATH: Final = "/v1/traces"
"""What OTLP/HTTP adds to a collector's base URL: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request."""

_TEXT_LIMIT: Final = 200
"""Longest attribute, in characters: a request id can be anything a client sends."""

_CLOSE_TIMEOUT: Final = 3.0
"""Seconds a collector that does not answer may delay the process's end."""


class SpanHandle(Protocol):
    """A span under way."""

    @property
    def traceparent(self) -> str | None:
        """What names this span as a parent; None where there is no trace."""
        ...

    @property
    def trace_id(self) -> str | None:
        """32 hex digits, for the record."""
        ...

    @property
    def recording(self) -> bool:
        """Whether anybody will see what ``end`` is told."""
        ...

    def end(self, record: Record) -> None:
        """Close the span with what the record says, ``duration_ms`` after its start. Once for each span."""
        ...


class Tracer(Protocol):
    """Makes spans. Times are nanoseconds since 1970."""

    def start_admission(self, traceparent: str | None, start_ns: int) -> SpanHandle:
        """Begin a request's span; ``traceparent`` is the client's header."""
        ...

    def start_attempt(self, traceparent: str | None, start_ns: int) -> SpanHandle:
        """Begin an attempt's span; ``traceparent`` is the admission handle's, from the hand-off."""
        ...

    def close(self) -> None:
        """Send what waits. Takes some seconds at most."""
        ...


def make_tracer(otlp_endpoint: str | None, *, version: str) -> Tracer:
    """A tracer that sends to the OTLP/HTTP collector at this base URL, or one that does nothing where it is None.

    Headers and time limits of the exporter are taken from the standard OTEL_EXPORTER_OTLP_* variables.
    """
    if otlp_endpoint is None:
        return NullTracer()
    ours: dict[str, AttributeValue] = {"service.name": "llmgw", "service.version": version}
    provider = TracerProvider(
        # The operator's OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last and win.
        resource=Resource.create(ours).merge(OTELResourceDetector().detect()),
        span_limits=SpanLimits(max_span_attribute_length=_TEXT_LIMIT),
        shutdown_on_exit=False,
    )
    base = otlp_endpoint.rstrip("/")
    endpoint = base if base.endswith(_EXPORT_PATH) else base + _EXPORT_PATH
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return OtelTracer(provider)


class NullTracer:
    """Makes no spans and passes traces on."""

    def start_admission(self, traceparent: str | None, start_ns: int) -> SpanHandle:  # noqa: ARG002 the protocol's
        """See ``Tracer``."""
        return _Passing(w3c.parse(traceparent))

    def start_attempt(self, traceparent: str | None, start_ns: int) -> SpanHandle:  # noqa: ARG002 the protocol's
        """See ``Tracer``."""
        return _Passing(w3c.parse(traceparent))

    def close(self) -> None:
        """Nothing waits."""


class OtelTracer:
    """Makes spans with the SDK. The provider is the tracer's own: closing the one closes the other."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("llmgw")

    def start_admission(self, traceparent: str | None, start_ns: int) -> SpanHandle:
        """See ``Tracer``."""
        return self._start(SpanKind.SERVER, traceparent, start_ns)

    def start_attempt(self, traceparent: str | None, start_ns: int) -> SpanHandle:
        """See ``Tracer``."""
        return self._start(SpanKind.CLIENT, traceparent, start_ns)

    def close(self) -> None:
        """See ``Tracer``."""
        # The SDK waits for a silent collector longer than a pod is given to end, and offers no limit.
        closing = threading.Thread(target=self._provider.shutdown, name="trace-shutdown", daemon=True)
        closing.start()
        closing.join(_CLOSE_TIMEOUT)

    def _start(self, kind: SpanKind, traceparent: str | None, start_ns: int) -> SpanHandle:
        parent = w3c.parse(traceparent)
        # An invalid parent stands for "none": a missing one would be looked for in the thread's own context.
        above = set_span_in_context(NonRecordingSpan(parent or _NO_PARENT))
        # The name needs the model, which admission reads later: set when the span ends.
        return _Recording(self._tracer.start_span("request", above, kind, start_time=start_ns), start_ns)


_NO_PARENT: Final = SpanContext(0, 0, is_remote=False)


class _Passing:
    """No span: the parent's own names, unchanged."""

    __slots__ = ("_parent",)

    def __init__(self, parent: SpanContext | None) -> None:
        self._parent = parent

    @property
    def traceparent(self) -> str | None:
        return w3c.render(self._parent) if self._parent else None

    @property
    def trace_id(self) -> str | None:
        return f"{self._parent.trace_id:032x}" if self._parent else None

    @property
    def recording(self) -> bool:
        return False

    def end(self, record: Record) -> None:
        """Nothing was begun."""


class _Recording:
    """A span of the SDK, or its stand-in where the trace is not sampled."""

    __slots__ = ("_span", "_start_ns")

    def __init__(self, span: Span, start_ns: int) -> None:
        self._span = span
        self._start_ns = start_ns

    @property
    def traceparent(self) -> str | None:
        context = self._span.get_span_context()
        # OTEL_SDK_DISABLED makes spans of no trace.
        return w3c.render(context) if context.is_valid else None

    @property
    def trace_id(self) -> str | None:
        context = self._span.get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None

    @property
    def recording(self) -> bool:
        return self._span.is_recording()

    def end(self, record: Record) -> None:
        if not self.recording:
            return
        attributes = _attributes(record)
        model = attributes.get("gen_ai.request.model")
        self._span.update_name(f"{record.operation} {model}" if model else record.operation)
        self._span.set_attributes(attributes)
        if is_failure(record.outcome):
            self._span.set_status(StatusCode.ERROR)
        self._span.end(self._start_ns + round(record.duration_ms * 1_000_000))


def _attributes(record: Record) -> dict[str, AttributeValue]:
    usage = record.usage
    found: dict[str, AttributeValue | None] = {
        "gen_ai.operation.name": None if record.operation in ASKS_NO_MODEL else record.operation,
        "gen_ai.provider.name": provider_kind(record.provider_dialect) or None,
        "gen_ai.response.model": record.model_served,
        "gen_ai.response.finish_reasons": (record.finish_reason,) if record.finish_reason else None,
        "error.type": None if record.outcome == OK else record.outcome,
        "http.response.status_code": record.status,
        "llmgw.request_id": record.request_id,
        "llmgw.key": record.key,
        "llmgw.team": record.team,
        "llmgw.model": record.model,
        "llmgw.provider": record.provider,
        "llmgw.outcome": record.outcome,
        "llmgw.committed": record.committed,
        "llmgw.config_version": record.config_version,
    }
    if usage.total:
        found["gen_ai.usage.input_tokens"] = usage.prompt
        found["gen_ai.usage.output_tokens"] = usage.output
        found["gen_ai.usage.cache_read.input_tokens"] = usage.cache_read or None
        found["gen_ai.usage.cache_creation.input_tokens"] = usage.cache_write or None
        found["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning or None
        found["llmgw.usage_estimated"] = record.usage_estimated
    if isinstance(record, AttemptRecord):
        found["gen_ai.request.model"] = record.provider_model
        found["server.address"] = record.server_address
        found["server.port"] = record.server_port
        found["llmgw.attempt"] = record.attempt
    else:
        found["gen_ai.request.model"] = record.model
        found["llmgw.attempts"] = len(record.attempts)
    return {name: value for name, value in found.items() if value is not None}
