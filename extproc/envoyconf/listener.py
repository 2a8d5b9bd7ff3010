"""The client's side: limits, timeouts, what clients may not send, and the filters in their order.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto
"""

from extproc.config.snapshot import Snapshot
from extproc.domain.names import CODED_HEADER, INTERNAL_HEADER_PREFIXES
from extproc.domain.reading import Json, JsonObject
from extproc.envoyconf.access_log import CLIENT_NAMESPACE, CLIENT_PATH, access_log
from extproc.envoyconf.filters import admission_filter
from extproc.envoyconf.local_replies import local_reply_config
from extproc.envoyconf.placement import Placement, RenderError
from extproc.envoyconf.resources import extension, socket_address

HEADERS_KB = 96
"""Of all headers of a message together. Tags and trace baggage ride in them; HTTP clients and proxies mostly stop at 64."""

_LAST_BYTES = "300s"
"""For a client to take what is left of a complete answer."""

_CODINGS = {"gzip": "Gzip", "zstd": "Zstd"}
"""Codings of request bodies (Codex has one, as an option), and what Envoy calls their libraries.

What comes out is bounded like any body. From a hundredfold on Envoy cuts it short: admission finds it broken, and says so.
"""

HEADERS = 200
"""Of one message, either way: meshes, tracers and vendors' edges add theirs, and by default there may be a hundred."""

BUFFER = 96 * 1024 * 1024
"""Bytes that wait for a client before its provider is paused: more than any whole answer, and most streams.

Envoy 1.40 crashes when a client's buffer fills up behind a provider that has ended, while the service still speaks: it
pauses a stream that is gone. One event of more than the buffer is enough, or a slow reader. So only an answer that is
larger than this, read slowly, is held back at all; and nothing is held that a provider has not sent.
"""


def listener(snapshot: Snapshot, placement: Placement, render_error: RenderError, routes: JsonObject) -> JsonObject:
    """The one listener; ``routes`` is where its routes come from (``route_config`` or ``rds``)."""
    manager = extension(
        "envoy.filters.network.http_connection_manager",
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        {
            "stat_prefix": "llmgw",
            "codec_type": "AUTO",
            **routes,
            "http_filters": _http_filters(),
            **_client_headers(),
            **_limits(),
            "access_log": [access_log(placement.access_log)] if placement.log_requests else [],
            "local_reply_config": local_reply_config(snapshot.max_request_bytes, render_error),
        },
    )
    return {
        "name": "llmgw",
        "address": _address(snapshot.listen_host, snapshot.listen_port),
        "per_connection_buffer_limit_bytes": BUFFER,
        # A client whose machine is gone sends no FIN; its provider would be paid to the end.
        "tcp_keepalive": {"keepalive_time": 60, "keepalive_interval": 15, "keepalive_probes": 3},
        "filter_chains": [{"filters": [manager]}],
    }


def _address(host: str, port: int) -> JsonObject:
    if host != "::":
        return socket_address(host, port)
    return {"socket_address": {"address": host, "port_value": port, "ipv4_compat": True}}


def _http_filters() -> list[Json]:
    return [
        extension(
            "envoy.filters.http.header_to_metadata",
            "envoy.extensions.filters.http.header_to_metadata.v3.Config",
            {
                "request_rules": [
                    {
                        "header": ":path",
                        "on_header_present": {
                            "metadata_namespace": CLIENT_NAMESPACE,
                            "key": CLIENT_PATH,
                            "regex_value_rewrite": {"pattern": {"regex": r"^([^?]*).*$"}, "substitution": r"\1"},
                        },
                    }
                ]
            },
        ),
        *(_decompressor(coding, library) for coding, library in _CODINGS.items()),
        admission_filter(),
        extension(
            "envoy.filters.http.router",
            "envoy.extensions.filters.http.router.v3.Router",
            # Neither clients nor providers learn of Envoy's inner life.
            {"suppress_envoy_headers": True},
        ),
    ]


def _decompressor(coding: str, library: str) -> JsonObject:
    """Takes this coding off a request's body; other requests pass through, and answers are not looked at."""
    off = {"common_config": {"enabled": {"default_value": False, "runtime_key": "llmgw.decompress_answers"}}}
    return extension(
        f"envoy.filters.http.decompressor.{coding}",
        "envoy.extensions.filters.http.decompressor.v3.Decompressor",
        {
            "decompressor_library": extension(
                f"envoy.compression.{coding}.decompressor",
                f"envoy.extensions.compression.{coding}.decompressor.v3.{library}",
            ),
            # Clients of this gateway shall not be told to compress: on a local network it costs more than it spares.
            "request_direction_config": {"advertise_accept_encoding": False},
            "response_direction_config": off,
        },
    )


def _client_headers() -> JsonObject:
    mutations: list[Json] = [
        *({"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in INTERNAL_HEADER_PREFIXES),
        {"append": {"header": {"key": CODED_HEADER, "value": "%REQ(content-encoding)%"}}},
    ]
    return {
        "early_header_mutation_extensions": [
            extension(
                "envoy.http.early_header_mutation.header_mutation",
                "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                {"mutations": mutations},
            )
        ],
        "use_remote_address": True,
        # No caller counts as internal, whatever its address; the one named here is nobody's.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "normalize_path": True,
        # SDKs append /chat/completions to a base URL that may end in a slash.
        "merge_slashes": True,
        # Not refused: SDKs send model names with a slash as %2F (/v1/models/meta%2Fllama).
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
        "server_name": "llmgw",
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
    }


def _limits() -> JsonObject:
    return {
        "max_request_headers_kb": HEADERS_KB,
        "request_headers_timeout": "10s",
        # Bodies of tens of MiB come over slow lines; a stalled one is ended by the route's idle timeout.
        "request_timeout": "0s",
        # Until a route is known; then the route's counts.
        "stream_idle_timeout": "60s",
        "stream_flush_timeout": _LAST_BYTES,
        "common_http_protocol_options": {"idle_timeout": "3600s", "max_headers_count": HEADERS},
        # Proxies in front still speak 1.0 where nobody told them otherwise (nginx).
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": "llmgw"},
        "http2_protocol_options": {
            "max_concurrent_streams": 1000,
            # Of a stream's window Envoy makes the buffer for what it sends as well, see ``BUFFER``.
            "initial_stream_window_size": BUFFER,
            "initial_connection_window_size": 2 * BUFFER,
        },
    }
