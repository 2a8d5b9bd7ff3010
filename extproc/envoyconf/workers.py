"""The cluster of our own worker processes: one unix socket each, balanced per gRPC stream."""

from extproc.domain.reading import JsonObject
from extproc.envoyconf.filters import WORKERS_CLUSTER
from extproc.envoyconf.resources import duration, endpoint, pipe_address, typed

_BUFFER = 32 * 1024 * 1024
"""Bytes towards one worker before the reading side is paused; bodies of tens of MiB cross in one message."""

_WINDOW = 16 * 1024 * 1024
"""HTTP/2 window of one stream from a worker to Envoy: a translated body comes back in one message."""

_CONNECTION_WINDOW = 64 * 1024 * 1024
"""All streams of one worker share it; a reader that is slow must not stop the others."""

UNLIMITED = 1_000_000
"""For circuit breakers: a full one ends the request without a retry. Limits are the service's business."""


def unlimited_breakers() -> JsonObject:
    """Circuit breakers that never open. Without this 1,024 streams and 3 retries at a time are the limit."""
    limits = {
        "max_connections": UNLIMITED,
        "max_pending_requests": UNLIMITED,
        "max_requests": UNLIMITED,
        "max_retries": UNLIMITED,
    }
    return {"thresholds": [{"priority": "DEFAULT", **limits}, {"priority": "HIGH", **limits}]}


def workers_cluster(sockets: tuple[str, ...]) -> JsonObject:
    """The cluster that both ext_proc filters call."""
    return {
        "name": WORKERS_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        # Streams live as long as an answer: the count of open ones is the load.
        "lb_policy": "LEAST_REQUEST",
        "per_connection_buffer_limit_bytes": _BUFFER,
        "load_assignment": {
            "cluster_name": WORKERS_CLUSTER,
            "endpoints": [{"lb_endpoints": [endpoint(pipe_address(path)) for path in sockets]}],
        },
        "common_lb_config": {
            # Below one percent, that is when no worker answers its health check, each is tried nevertheless.
            "healthy_panic_threshold": {"value": 1},
            # By default what a second worker's check finds within a second of a first one's is kept back for a second:
            # streams, and all their retries, would go to the one that is known to be gone.
            "update_merge_window": "0s",
        },
        "health_checks": [_health_check()],
        "circuit_breakers": unlimited_breakers(),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                {
                    "explicit_http_config": {
                        "http2_protocol_options": {
                            "initial_stream_window_size": _WINDOW,
                            "initial_connection_window_size": _CONNECTION_WINDOW,
                        }
                    }
                },
            )
        },
    }


def _health_check() -> JsonObject:
    # A dead worker is skipped by the stream's retry at once; this spares the later ones that detour, and sees a worker
    # that is there but hangs.
    second = duration(1)
    return {
        "grpc_health_check": {},
        # Longer than one large body keeps an event loop from answering.
        "timeout": "3s",
        "interval": second,
        # By default a cluster without traffic is looked at once a minute.
        "no_traffic_interval": second,
        "no_traffic_healthy_interval": second,
        "unhealthy_interval": "0.25s",
        "unhealthy_edge_interval": "0.25s",
        "healthy_edge_interval": second,
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
    }
