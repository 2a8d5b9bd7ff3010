"""One cluster per provider: addresses, TLS, connections, and limits that never stand in a fallback's way.

Envoy ends a request without trying the next provider when a cluster has no usable host, or when a circuit breaker is
full. So nothing here marks hosts as unhealthy, breakers never open, and a name that does not resolve still has a host.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from extproc.config.snapshot import Provider
from extproc.domain.names import CLUSTER_PREFIX
from extproc.domain.reading import Json, JsonObject
from extproc.envoyconf.filters import attempt_filter
from extproc.envoyconf.listener import HEADERS, HEADERS_KB
from extproc.envoyconf.resources import duration, endpoint, extension, is_ip, socket_address, typed
from extproc.envoyconf.workers import unlimited_breakers

_DEAD_END = socket_address("127.0.0.1", 1)
"""Stands in while a provider's name does not resolve: the connection is refused, which the router retries elsewhere,
whereas a cluster without any host ends the request. Port 1 (tcpmux) is privileged and nobody's."""

_PUBLIC_IDLE = 50.0
"""Seconds after which an unused connection is closed: before the other side closes it, for a request that meets the
closing is lost. The load balancers before public APIs close after 60 seconds and more."""

_PRIVATE_IDLE = 4.0
"""The same for servers spoken to without TLS: uvicorn, which carries vLLM, and Node close after 5 seconds."""

_BUFFER = 1024 * 1024
"""Bytes per connection before the sending side is paused. Bodies wait in the request's own buffer, so more here would
only hold more of what a slow reader has not read yet."""

_STREAM_WINDOW = 1024 * 1024
_CONNECTION_WINDOW = 16 * 1024 * 1024
"""HTTP/2: of one answer, and of all answers that share a connection, so that a slow reader does not stop the others."""


@dataclass(frozen=True, slots=True)
class _Origin:
    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, base_url: str) -> "_Origin":
        parts = urlsplit(base_url)
        tls = parts.scheme == "https"
        if not parts.hostname or parts.scheme not in {"http", "https"}:
            raise ValueError(f"a provider's base_url is http:// or https:// and a host, not {base_url!r}")
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls)


def cluster_name(provider: str) -> str:
    """Envoy's name for the cluster of a provider."""
    return f"{CLUSTER_PREFIX}{provider}"


def provider_cluster(provider: Provider, trusted_ca: str) -> JsonObject:
    """The cluster of one provider; ``trusted_ca`` is the bundle of public roots. Raises ``ValueError`` on a bad URL."""
    origin = _Origin.of(provider.base_url)
    name = cluster_name(provider.name)
    return {
        "name": name,
        **_discovery(origin),
        "connect_timeout": duration(provider.connect_timeout),
        "lb_policy": "LEAST_REQUEST",
        "per_connection_buffer_limit_bytes": _BUFFER,
        "load_assignment": {"cluster_name": name, "endpoints": _endpoints(origin)},
        "circuit_breakers": unlimited_breakers(),
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 60, "keepalive_interval": 15, "keepalive_probes": 3}
        },
        **({"transport_socket": _tls(origin, provider.ca_file or trusted_ca)} if origin.tls else {}),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                {
                    **_protocol(origin),
                    "common_http_protocol_options": {
                        "idle_timeout": duration(_PUBLIC_IDLE if origin.tls else _PRIVATE_IDLE),
                        "max_headers_count": HEADERS,
                        "max_response_headers_kb": HEADERS_KB,
                    },
                    "http_filters": [
                        attempt_filter(),
                        extension(
                            "envoy.filters.http.upstream_codec",
                            "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
                        ),
                    ],
                },
            )
        },
    }


def _discovery(origin: _Origin) -> JsonObject:
    if is_ip(origin.host):
        return {"type": "STATIC"}
    return {
        "cluster_type": extension(
            "envoy.cluster.dns",
            "envoy.extensions.clusters.dns.v3.DnsCluster",
            {
                "dns_lookup_family": "V4_PREFERRED",
                "respect_dns_ttl": True,
                # Used where an answer has no TTL, and as the pace after a failure's first seconds.
                "dns_refresh_rate": "30s",
                # Some vendors answer with a TTL of some seconds and other addresses each time: not a new set of
                # connections for each of them.
                "dns_min_refresh_rate": "30s",
                "dns_failure_refresh_rate": {"base_interval": "1s", "max_interval": "10s"},
            },
        )
    }


def _endpoints(origin: _Origin) -> list[Json]:
    first: Json = {"lb_endpoints": [endpoint(socket_address(origin.host, origin.port))]}
    if is_ip(origin.host):
        return [first]
    return [first, {"priority": 1, "lb_endpoints": [endpoint(_DEAD_END)]}]


def _tls(origin: _Origin, trusted_ca: str) -> JsonObject:
    validation: JsonObject = {"trusted_ca": {"filename": trusted_ca}}
    # The SNI and the name to be found in the certificate are fixed here: derived from :authority, which the attempt
    # sets, they would be those of the first request on the connection.
    identity: JsonObject = {"sni": origin.host, "auto_sni_san_validation": True}
    if is_ip(origin.host):
        identity = {}
        validation = {
            **validation,
            "match_typed_subject_alt_names": [{"san_type": "IP_ADDRESS", "matcher": {"exact": origin.host}}],
        }
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        {
            **identity,
            "common_tls_context": {
                # Said, for Envoy's own default as a client stops at 1.2.
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
                "validation_context": validation,
            },
        },
    )


def _protocol(origin: _Origin) -> JsonObject:
    if not origin.tls:
        return {"explicit_http_config": {"http_protocol_options": {}}}
    return {
        # Offers h2 and http/1.1 by ALPN and takes what the vendor picks.
        "auto_config": {
            "http_protocol_options": {},
            "http2_protocol_options": {
                "initial_stream_window_size": _STREAM_WINDOW,
                "initial_connection_window_size": _CONNECTION_WINDOW,
                # A dead connection is noticed by a ping, not by the next request's timeout.
                "connection_keepalive": {"interval": "30s", "timeout": "10s", "connection_idle_interval": "15s"},
            },
        }
    }
