"""Spans: parent and child across processes, names and attributes of the conventions, no content."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, http_attributes
from opentelemetry.semconv.attributes import error_attributes, server_attributes
from opentelemetry.trace import SpanKind, StatusCode

from extproc.domain.errors import ProviderTimeout
from extproc.domain.usage import Usage
from extproc.telemetry.traces import NullTracer, OtelTracer, make_tracer

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CLIENT = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{TRACE}-{SPAN}-00"
START = 1_769_860_800_000_000_000


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def new_tracer(exporter):
    """One tracer for each process; all send to the same collector."""
    tracers = []

    def make() -> OtelTracer:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracers.append(OtelTracer(provider))
        return tracers[-1]

    yield make
    for tracer in tracers:
        tracer.close()


def test_an_attempt_in_another_process_is_the_child_of_its_admission(exporter, new_tracer, attempt, request_record):
    admission = new_tracer().start_admission(CLIENT, START)
    tried = new_tracer().start_attempt(admission.traceparent, START + 1_000_000)
    tried.end(attempt())
    admission.end(request_record())
    child, parent = exporter.get_finished_spans()
    assert f"{parent.context.trace_id:032x}" == f"{child.context.trace_id:032x}" == TRACE
    assert f"{parent.parent.span_id:016x}" == SPAN
    assert child.parent.span_id == parent.context.span_id
    assert (parent.kind, child.kind) == (SpanKind.SERVER, SpanKind.CLIENT)


def test_spans_are_named_by_operation_and_model(exporter, new_tracer, attempt, request_record):
    tracer = new_tracer()
    tracer.start_attempt(None, START).end(attempt())
    tracer.start_admission(None, START).end(request_record())
    tracer.start_admission(None, START).end(request_record(model=None, model_asked="made-up"))
    assert [span.name for span in exporter.get_finished_spans()] == [
        "chat claude-haiku-4-5",
        "chat fast-classify",
        "chat",
    ]


def test_a_span_lasts_as_long_as_its_record_says(exporter, new_tracer, request_record):
    new_tracer().start_admission(CLIENT, START).end(request_record(duration_ms=1500.5))
    (span,) = exporter.get_finished_spans()
    assert (span.start_time, span.end_time) == (START, START + 1_500_500_000)


def test_what_an_attempts_span_says(exporter, new_tracer, attempt):
    new_tracer().start_attempt(CLIENT, START).end(attempt(usage_estimated=True))
    (span,) = exporter.get_finished_spans()
    assert dict(span.attributes) == {
        gen_ai_attributes.GEN_AI_OPERATION_NAME: "chat",
        gen_ai_attributes.GEN_AI_PROVIDER_NAME: "anthropic",
        gen_ai_attributes.GEN_AI_REQUEST_MODEL: "claude-haiku-4-5",
        gen_ai_attributes.GEN_AI_RESPONSE_MODEL: "claude-haiku-4-5-20251001",
        gen_ai_attributes.GEN_AI_RESPONSE_FINISH_REASONS: ("stop",),
        gen_ai_attributes.GEN_AI_USAGE_INPUT_TOKENS: 116,
        gen_ai_attributes.GEN_AI_USAGE_OUTPUT_TOKENS: 21,
        gen_ai_attributes.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 100,
        gen_ai_attributes.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: 6,
        gen_ai_attributes.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 7,
        http_attributes.HTTP_RESPONSE_STATUS_CODE: 200,
        server_attributes.SERVER_ADDRESS: "api.example.com",
        server_attributes.SERVER_PORT: 443,
        "llmgw.request_id": "req-1",
        "llmgw.key": "ci",
        "llmgw.team": "search",
        "llmgw.model": "fast-classify",
        "llmgw.provider": "claude-eu",
        "llmgw.outcome": "ok",
        "llmgw.committed": True,
        "llmgw.config_version": "c0ffee",
        "llmgw.usage_estimated": True,
        "llmgw.attempt": 2,
    }
    assert span.status.status_code is StatusCode.UNSET


def test_a_requests_span_counts_its_attempts(exporter, new_tracer, request_record):
    new_tracer().start_admission(CLIENT, START).end(request_record())
    (span,) = exporter.get_finished_spans()
    assert span.attributes[gen_ai_attributes.GEN_AI_REQUEST_MODEL] == "fast-classify"
    assert span.attributes["llmgw.attempts"] == 2


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("provider:provider_timeout", StatusCode.ERROR),
        ("gateway:internal_error", StatusCode.ERROR),
        ("caller:invalid_api_key", StatusCode.UNSET),
        ("policy:model_not_allowed", StatusCode.UNSET),
    ],
)
def test_only_failures_of_the_platform_or_a_provider_are_errors(exporter, new_tracer, request_record, outcome, status):
    new_tracer().start_admission(CLIENT, START).end(request_record(outcome=outcome))
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is status
    assert span.attributes[error_attributes.ERROR_TYPE] == outcome


def test_an_error_leaves_its_code_and_nothing_of_its_message(exporter, new_tracer, attempt):
    error = ProviderTimeout("no token for the prompt CANARY-93aa")
    new_tracer().start_attempt(CLIENT, START).end(attempt(outcome=error.outcome, usage=Usage()))
    (span,) = exporter.get_finished_spans()
    assert "CANARY" not in span.to_json()
    assert not span.events
    assert span.status.description is None


def test_a_client_that_does_not_sample_is_obeyed_in_both_phases(exporter, new_tracer, attempt, request_record):
    admission = new_tracer().start_admission(UNSAMPLED, START)
    assert admission.trace_id == TRACE
    assert admission.traceparent.endswith("-00")
    tried = new_tracer().start_attempt(admission.traceparent, START)
    tried.end(attempt())
    admission.end(request_record())
    assert not exporter.get_finished_spans()


@pytest.mark.parametrize("header", [None, "garbage", f"00-{'0' * 32}-{SPAN}-01"])
def test_without_a_usable_parent_a_new_trace_begins(exporter, new_tracer, request_record, header):
    handle = new_tracer().start_admission(header, START)
    handle.end(request_record())
    (span,) = exporter.get_finished_spans()
    assert span.parent is None
    assert handle.trace_id == f"{span.context.trace_id:032x}" != TRACE


def test_without_a_collector_the_clients_trace_is_passed_on(attempt):
    tracer = make_tracer(None, version="1")
    assert isinstance(tracer, NullTracer)
    admission = tracer.start_admission(CLIENT, START)
    assert (admission.traceparent, admission.trace_id) == (CLIENT, TRACE)
    tried = tracer.start_attempt(admission.traceparent, START)
    assert tried.trace_id == TRACE
    tried.end(attempt())
    tracer.close()


def test_without_a_collector_and_a_trace_there_is_none():
    handle = NullTracer().start_admission("garbage", START)
    assert (handle.traceparent, handle.trace_id) == (None, None)


def test_an_sdk_that_is_switched_off_names_no_trace(monkeypatch, new_tracer, request_record):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracer = new_tracer()
    handle = tracer.start_admission(None, START)
    assert (handle.traceparent, handle.trace_id) == (None, None)
    handle.end(request_record())
    assert tracer.start_admission(CLIENT, START).traceparent == CLIENT
