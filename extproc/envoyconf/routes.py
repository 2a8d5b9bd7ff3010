"""Envoy's routes: one per idle timeout, for Envoy takes that from the route only; and one for everything else.

Which providers are tried, and how often, admission says per request: the chain by typed metadata in
``ROUTE_NAMESPACE``, the rest by ``x-envoy-*`` headers. A request for which it said nothing reaches no provider.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto
"""

from extproc.config.routes import route_classes
from extproc.config.snapshot import Snapshot
from extproc.domain.names import CLUSTER_PREFIX, RETRY_STATUS, ROUTE_HEADER, ROUTE_NAMESPACE
from extproc.domain.reading import Json, JsonObject
from extproc.envoyconf.resources import duration, extension

ROUTES_NAME = "llmgw"

_UPLOAD_IDLE = 60.0
"""Seconds without a byte while the request still arrives: admission names the route when it has the whole body."""

_LONGEST_WAIT = 10.0
"""Seconds that a provider's Retry-After may hold a retry; one that says more is not waited for."""

NOBODY = f"{CLUSTER_PREFIX}"
"""A cluster that cannot exist, for a provider's name is never empty."""


def route_configuration(snapshot: Snapshot) -> JsonObject:
    """The route table: a route per class of ``extproc.config.routes``, and the default."""
    tries = _longest_chain(snapshot)
    routes: list[Json] = [_route(name, idle, tries) for name, idle in route_classes(snapshot).items()]
    return {
        "name": ROUTES_NAME,
        # Envoy would insist that NOBODY exists. Chains name clusters per request, so there is nothing else to check.
        "validate_clusters": False,
        "virtual_hosts": [
            {
                "name": "llmgw",
                "domains": ["*"],
                # One limit for what filters hold and for what a retry can send again.
                "request_body_buffer_limit": snapshot.max_request_bytes,
                "routes": [*routes, _default_route()],
            }
        ],
    }


def _longest_chain(snapshot: Snapshot) -> int:
    lengths = ((len(model.targets) + len(model.fallbacks)) * (1 + model.retries) for model in snapshot.models.values())
    return max(lengths, default=1)


def _route(name: str, idle: float, tries: int) -> JsonObject:
    return {
        "name": name,
        "match": {"prefix": "/", "headers": [{"name": ROUTE_HEADER, "string_match": {"exact": name}}]},
        "route": {
            "inline_cluster_specifier_plugin": _specifier(),
            # No end for an answer that goes on.
            "timeout": "0s",
            # Towards the client: silent through every attempt of the longest chain, and the waits between them. It
            # ends what no other timer can, a client that has stopped reading.
            "idle_timeout": duration(tries * (idle + _LONGEST_WAIT)),
            "retry_policy": _retry_policy(idle),
        },
    }


def _default_route() -> JsonObject:
    return {
        "name": "default",
        "match": {"prefix": "/"},
        "route": {
            "inline_cluster_specifier_plugin": _specifier(),
            "timeout": "0s",
            "idle_timeout": duration(_UPLOAD_IDLE),
        },
    }


def _specifier() -> JsonObject:
    return {
        "extension": extension(
            "envoy.router.cluster_specifier_plugin.priority_group",
            "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
            {
                "override_metadata_namespace": ROUTE_NAMESPACE,
                # Taken when admission named no chain, or one that Envoy cannot read: fail closed.
                "priority_groups": [{"name": "none", "clusters": [{"cluster_name": NOBODY, "weight": 1}]}],
            },
        )
    }


def _retry_policy(idle: float) -> JsonObject:
    return {
        # Admission adds reset and connect-failure per request (x-envoy-retry-on), where the model's retry_on has them.
        "retry_on": "retriable-status-codes",
        "retriable_status_codes": [RETRY_STATUS],
        # Admission says how many (x-envoy-max-retries, which replaces this number).
        "num_retries": 0,
        "refresh_cluster_on_retry": True,
        "per_try_idle_timeout": duration(idle),
        # The next attempt is mostly another provider, which has no need of a pause.
        "retry_back_off": {"base_interval": "0.01s", "max_interval": "0.1s"},
        # The attempt leaves retry-after in place where the same provider is next, and strips it otherwise.
        "rate_limited_retry_back_off": {
            "reset_headers": [{"name": "retry-after", "format": "SECONDS"}],
            "max_interval": duration(_LONGEST_WAIT),
        },
        # Where a provider's name has several addresses, a retry there takes another one.
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        "host_selection_retry_max_attempts": 3,
    }
