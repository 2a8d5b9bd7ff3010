"""Spans reach an OTLP/HTTP collector, and one that does not answer delays nobody for long."""

import http.server
import socket
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from extproc.telemetry.records import AttemptRecord, RequestRecord
from extproc.telemetry.traces import make_tracer

COMMON = {"request_id": "r", "time_ns": 0, "duration_ms": 1.0, "outcome": "ok"}


@pytest.fixture
def collector():
    """A collector on the loopback: its base URL, and what it received."""
    received: list[tuple[str, ExportTraceServiceRequest]] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("suffix", ["", "/", "/v1/traces"])
def test_spans_are_sent_when_the_tracer_closes(collector, suffix):
    base, received = collector
    tracer = make_tracer(base + suffix, version="1.2.3")
    admission = tracer.start_admission(None, 1)
    tracer.start_attempt(admission.traceparent, 1).end(AttemptRecord(**COMMON, attempt=1))
    admission.end(RequestRecord(**COMMON))
    tracer.close()
    ((path, request),) = received
    assert path == "/v1/traces"
    (resource_spans,) = request.resource_spans
    resource = {item.key: item.value.string_value for item in resource_spans.resource.attributes}
    assert (resource["service.name"], resource["service.version"]) == ("llmgw", "1.2.3")
    child, parent = resource_spans.scope_spans[0].spans
    assert child.parent_span_id == parent.span_id


def test_the_operator_names_the_service(collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "gateway-eu")
    base, received = collector
    tracer = make_tracer(base, version="1.2.3")
    tracer.start_admission(None, 1).end(RequestRecord(**COMMON))
    tracer.close()
    ((_, request),) = received
    resource = {item.key: item.value.string_value for item in request.resource_spans[0].resource.attributes}
    assert resource["service.name"] == "gateway-eu"


def test_a_collector_that_never_answers_does_not_hold_up_the_end():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tracer = make_tracer(f"http://127.0.0.1:{silent.getsockname()[1]}", version="1")
        tracer.start_admission(None, 1).end(RequestRecord(**COMMON))
        tracer.close()
        assert "trace-shutdown" in {thread.name for thread in threading.enumerate()}, "the SDK has been waited for"
