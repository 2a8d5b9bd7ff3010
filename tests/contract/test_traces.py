"""The client's trace is continued: a span for admission under the client's, one for each attempt under admission's."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from catalogue import config
from harness import Gateway, eventually, new_id
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE, CLIENT_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Span]]]:
    """An OTLP/HTTP collector on the loopback: its URL, and the spans that it was sent."""
    spans: list[Span] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            spans.extend(
                s for resource in request.resource_spans for scope in resource.scope_spans for s in scope.spans
            )
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


async def test_attempts_hang_under_admission_and_admission_under_the_client(tmp_path, simulator, dead_port, collector):
    url, spans = collector
    settings = {**config(simulator.url, dead_port), "telemetry": {"otlp_endpoint": url}}
    gateway = Gateway(tmp_path, settings, env={"OTEL_BSP_SCHEDULE_DELAY": "200"})
    try:
        simulator.script(o1="status=429")
        request_id = new_id()
        async with gateway.openai() as client:
            answer = await client.chat.completions.create(
                model="o1-a2-o3",
                messages=[{"role": "user", "content": "a prompt that is nobody's business"}],
                extra_headers={"x-request-id": request_id, "traceparent": f"00-{TRACE}-{CLIENT_SPAN}-01"},
            )
        assert answer.choices[0].message.content

        def arrived() -> list[Span]:
            return spans if len(spans) >= 3 else []

        await eventually(arrived, "three spans")
        assert {span.trace_id.hex() for span in spans} == {TRACE}
        (admission,) = (span for span in spans if span.kind == Span.SPAN_KIND_SERVER)
        attempts = [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]
        assert admission.parent_span_id.hex() == CLIENT_SPAN
        assert {span.parent_span_id for span in attempts} == {admission.span_id}
        outcomes = sorted(_attribute(span, "llmgw.outcome") for span in attempts)
        assert outcomes == ["ok", "provider:provider_rate_limited"]
        assert {row["trace_id"] for row in await gateway.rows(request_id)} == {TRACE}
        assert "nobody's business" not in str(spans)
    finally:
        gateway.close()


def _attribute(span: Span, name: str) -> str:
    (value,) = (a.value.string_value for a in span.attributes if a.key == name)
    return value
