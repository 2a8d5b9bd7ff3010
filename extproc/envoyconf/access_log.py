"""Envoy's access log: one JSON line per request. No header that could hold a secret, no query, no body.

The service's own row (``extproc.telemetry``) says what a request meant; this one says what Envoy saw of it, also of
requests that never reached the service.
https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

from extproc.domain.names import METADATA_NAMESPACE
from extproc.domain.reading import JsonObject
from extproc.envoyconf.resources import extension

CLIENT_NAMESPACE = "llmgw.client"
"""Dynamic metadata of Envoy's own, not forwarded to the service."""

CLIENT_PATH = "path"
"""In ``CLIENT_NAMESPACE``: the path as the client sent it, without query, for attempts overwrite ``:path``."""

_FIELDS = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "method": "%REQ(:METHOD)%",
    "path": f"%DYNAMIC_METADATA({CLIENT_NAMESPACE}:{CLIENT_PATH})%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "route": "%ROUTE_NAME%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "hosts": "%UPSTREAM_HOSTS_ATTEMPTED%",
    "llmgw": f"%DYNAMIC_METADATA({METADATA_NAMESPACE})%",
}


def access_log(path: str | None) -> JsonObject:
    """The log to that file, or to standard output."""
    log_format: JsonObject = {
        "log_format": {"json_format": _FIELDS},
    }
    if path is None:
        return extension(
            "envoy.access_loggers.stdout", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", log_format
        )
    return extension(
        "envoy.access_loggers.file",
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        {"path": path, **log_format},
    )
