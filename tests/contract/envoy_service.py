"""A service for Envoy to call that does as each request's ``x-script`` says; counterpart of ``envoy_lab``.

The script is JSON: ``refuse`` (admission answers itself, with these details), ``chain``, ``retries``, ``retry_on``,
``per_try_ms`` (what admission says to the router) and ``attempts``, for each attempt the status it answers in place of
the provider's.
"""

from concurrent.futures import ThreadPoolExecutor

import grpc
import orjson

from extproc.config.routes import idle_timeout, route_class
from extproc.config.snapshot import Model, Target
from extproc.domain import names
from extproc.transport.pb import external_processor_pb2 as ext_proc
from extproc.transport.pb import health_pb2 as health
from extproc.transport.pb import priority_group_pb2 as groups

MODEL = Model("m", (Target("one", "x"),), (Target("two", "x"), Target("three", "x")), timeout=30)
ROUTE = route_class(idle_timeout(MODEL, stream=False))


class Service:
    """The gateway's side of ext_proc on one unix socket. ``seen`` lists what was received, phase by phase."""

    def __init__(self, path):
        self.path = path
        self.seen = []
        self._server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", -1)])
        process = grpc.stream_stream_rpc_method_handler(
            self._process, ext_proc.ProcessingRequest.FromString, ext_proc.ProcessingResponse.SerializeToString
        )
        check = grpc.unary_unary_rpc_method_handler(
            lambda request, context: health.HealthCheckResponse(status=1),
            health.HealthCheckRequest.FromString,
            health.HealthCheckResponse.SerializeToString,
        )
        for service, method, handler in (
            ("envoy.service.ext_proc.v3.ExternalProcessor", "Process", process),
            ("grpc.health.v1.Health", "Check", check),
        ):
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        self._server.add_insecure_port(f"unix:{path}")
        self._server.start()

    def stop(self):
        self._server.stop(0).wait()

    def _process(self, messages, context):
        stream = _Stream(self.seen)
        for message in messages:
            reply = ext_proc.ProcessingResponse()
            kind = message.WhichOneof("request")
            getattr(reply, kind).SetInParent()
            getattr(stream, kind)(message, reply)
            yield reply


class _Stream:
    """One phase of one request; a method for each kind of message."""

    def __init__(self, seen):
        self.seen = seen
        self.script = {}
        self.attempt = 0

    def request_headers(self, message, reply):
        headers = {h.key: h.raw_value.decode() for h in message.request_headers.headers.headers}
        if message.attributes:
            attributes = message.attributes["envoy.filters.http.ext_proc"]
            self.attempt = int(attributes[names.ATTRIBUTE_ATTEMPT])
            metadata = dict(message.metadata_context.filter_metadata[names.METADATA_NAMESPACE])
            self.script = orjson.loads(metadata[names.HANDOFF_KEY])
            self.seen.append((f"attempt {self.attempt}", headers, metadata))
            _set(reply.request_headers.response.header_mutation, ":path", "/providers/path")
            return
        self.script = orjson.loads(headers.get("x-script", "{}"))
        self.seen.append(("admission", headers, None))
        if "refuse" in self.script:
            _refuse(reply, self.script["refuse"])
        elif message.request_headers.end_of_stream:
            _admit(reply.request_headers.response, reply, self.script)

    def request_body(self, message, reply):
        if not self.attempt:
            _admit(reply.request_body.response, reply, self.script)

    def response_headers(self, message, reply):
        statuses = self.script.get("attempts", [])
        if self.attempt and len(statuses) >= self.attempt and statuses[self.attempt - 1]:
            _set(reply.response_headers.response.header_mutation, ":status", str(statuses[self.attempt - 1]))
            reply.dynamic_metadata.update({names.METADATA_NAMESPACE: {f"a{self.attempt}": "moved on"}})

    def response_body(self, message, reply):
        streamed = reply.response_body.response.body_mutation.streamed_response
        streamed.body = message.response_body.body
        streamed.end_of_stream = message.response_body.end_of_stream

    def response_trailers(self, message, reply):
        """Left as they are."""


def _set(mutation, name, value):
    option = mutation.set_headers.add()
    option.header.key = name
    option.header.raw_value = value.encode()
    option.append_action = 2


def _refuse(reply, details):
    reply.immediate_response.status.code = 503
    reply.immediate_response.details = details
    reply.immediate_response.body = b'{"the":"service"}'
    _set(reply.immediate_response.headers, "content-type", "application/json")


def _admit(common, reply, script):
    said = {
        names.ROUTE_HEADER: ROUTE,
        "x-envoy-max-retries": script.get("retries"),
        "x-envoy-retry-on": script.get("retry_on"),
        "x-envoy-upstream-rq-per-try-timeout-ms": script.get("per_try_ms"),
    }
    for name, value in said.items():
        if value is not None:
            _set(common.header_mutation, name, str(value))
    common.clear_route_cache = True
    if "chain" in script:
        override = groups.PriorityGroupsOverride()
        for provider in script["chain"]:
            cluster = override.priority_groups.add(name=provider).clusters.add()
            cluster.cluster_name = f"{names.CLUSTER_PREFIX}{provider}"
            cluster.weight.value = 1
        reply.typed_dynamic_metadata[names.ROUTE_NAMESPACE].Pack(override)
    reply.dynamic_metadata.update({names.METADATA_NAMESPACE: {names.HANDOFF_KEY: orjson.dumps(script).decode()}})
