"""The two ext_proc filters: admission on the client's side, attempt on the provider's side of the router.

Counterparts: ``extproc.phases``, which answers their messages, and ``extproc.transport``, which receives them.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/ext_proc/v3/ext_proc.proto
"""

from extproc.domain.names import ATTRIBUTE_ATTEMPT, ATTRIBUTE_CLUSTER, METADATA_NAMESPACE, ROUTE_NAMESPACE
from extproc.domain.reading import JsonObject
from extproc.envoyconf.resources import duration, extension

WORKERS_CLUSTER = "llmgw-workers"

_MESSAGE_TIMEOUT = 30.0
"""Seconds for one answer of the service. It answers in milliseconds, or within some seconds when many large bodies meet
on one event loop; what takes this long hangs. Not the bound of a provider's answer: the streamed response is exempt."""

_PICKS = 30
"""Draws for a worker other than the dead one. Having no streams it looks the least loaded, so most draws fall on it."""

_CONNECT_RETRIES = 3
"""Times to look for a living worker when a stream cannot be opened."""


def _ext_proc(fields: JsonObject) -> JsonObject:
    return extension(
        "envoy.filters.http.ext_proc",
        "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        {
            "grpc_service": _grpc_service(),
            # An unprocessed request would be one that nobody authenticated.
            "failure_mode_allow": False,
            "message_timeout": duration(_MESSAGE_TIMEOUT),
            # Admission asks for the response's headers by it.
            "allow_mode_override": True,
            # Without these, changes of :path, :authority and x-envoy-* are dropped silently.
            "mutation_rules": {"allow_all_routing": True, "allow_envoy": True},
            **fields,
        },
    )


def _grpc_service() -> JsonObject:
    # No timeout here: it would bound the whole stream, that is the whole answer.
    return {
        "envoy_grpc": {"cluster_name": WORKERS_CLUSTER, "authority": "llmgw", "skip_envoy_headers": True},
        # This outer policy reopens a stream on another worker; the one inside envoy_grpc has no effect here.
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset,unavailable",
            "num_retries": _CONNECT_RETRIES,
            "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.05s"},
            "retry_host_predicate": [
                extension(
                    "envoy.retry_host_predicates.previous_hosts",
                    "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                )
            ],
            "host_selection_retry_max_attempts": _PICKS,
        },
    }


def admission_filter() -> JsonObject:
    """Once per request: headers, then the whole body; later the headers of the answer."""
    return _ext_proc(
        {
            "stat_prefix": "admission",
            "processing_mode": {
                "request_header_mode": "SEND",
                "request_body_mode": "BUFFERED",
                "request_trailer_mode": "SKIP",
                # Admission asks for them once it knows the request. A reply to what Envoy could not even read must not
                # wait for an answer of ours: the connection is closed meanwhile, and the client would get nothing.
                "response_header_mode": "SKIP",
                "response_body_mode": "NONE",
                "response_trailer_mode": "SKIP",
            },
            "metadata_options": {
                "forwarding_namespaces": {"untyped": [METADATA_NAMESPACE]},
                "receiving_namespaces": {"untyped": [METADATA_NAMESPACE], "typed": [ROUTE_NAMESPACE]},
            },
        }
    )


def attempt_filter() -> JsonObject:
    """Once per attempt: headers and whole body of the request; the answer as a stream, its headers withheld at will."""
    return _ext_proc(
        {
            "stat_prefix": "attempt",
            "processing_mode": {
                # Not SKIP, though the body could tell all that is needed: the headers would go on to the provider as they
                # are, before the body is asked about, and what the answer to it changes in them would be lost.
                "request_header_mode": "SEND",
                # Streamed request bodies are sent twice on a retry (envoy issues 36119 and 45470).
                "request_body_mode": "BUFFERED",
                "request_trailer_mode": "SKIP",
                "response_header_mode": "SEND",
                # The only mode in which the service may hold many chunks and may speak unasked.
                "response_body_mode": "FULL_DUPLEX_STREAMED",
                "response_trailer_mode": "SEND",
            },
            # Leaves only: xds.cluster_metadata arrives as text, and xds.node weighs 80 kB a message.
            "request_attributes": [ATTRIBUTE_CLUSTER, ATTRIBUTE_ATTEMPT],
            "metadata_options": {
                "forwarding_namespaces": {"untyped": [METADATA_NAMESPACE]},
                "receiving_namespaces": {"untyped": [METADATA_NAMESPACE]},
            },
        }
    )
