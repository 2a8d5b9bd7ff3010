"""The whole configuration: in one piece, or as a fixed part and the files that Envoy watches.

The dynamic form lets providers and models change without a restart. Routes have a file of their own, so that a model's
timeouts do not touch the listener: a changed listener drains its connections.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto
"""

from extproc.config.snapshot import Snapshot
from extproc.domain.reading import Json, JsonObject
from extproc.envoyconf.clusters import provider_cluster
from extproc.envoyconf.listener import listener
from extproc.envoyconf.placement import Placement, RenderError
from extproc.envoyconf.resources import extension, socket_address, typed
from extproc.envoyconf.routes import ROUTES_NAME, route_configuration
from extproc.envoyconf.workers import workers_cluster

LISTENERS_FILE = "lds.yaml"
ROUTES_FILE = "rds.yaml"
CLUSTERS_FILE = "cds.yaml"

_MAX_CONNECTIONS = 20_000
"""Open client connections; more are closed at once, before file descriptors and memory run out."""


def bootstrap(snapshot: Snapshot, placement: Placement, render_error: RenderError) -> JsonObject:
    """Everything in one piece."""
    routes: JsonObject = {"route_config": route_configuration(snapshot)}
    return {
        **_process(placement),
        "static_resources": {
            "listeners": [listener(snapshot, placement, render_error, routes)],
            "clusters": [workers_cluster(placement.sockets), *_provider_clusters(snapshot, placement)],
        },
    }


def dynamic_bootstrap(placement: Placement) -> JsonObject:
    """The part that stays: admin, workers, and where the files are. Raises ``ValueError`` without ``xds_dir``."""
    return {
        **_process(placement),
        "static_resources": {"clusters": [workers_cluster(placement.sockets)]},
        "dynamic_resources": {
            "lds_config": _watched(placement, LISTENERS_FILE),
            "cds_config": _watched(placement, CLUSTERS_FILE),
        },
    }


def listeners(snapshot: Snapshot, placement: Placement, render_error: RenderError) -> JsonObject:
    """The content of ``LISTENERS_FILE``. Raises ``ValueError`` without ``xds_dir``."""
    routes: JsonObject = {"rds": {"route_config_name": ROUTES_NAME, "config_source": _watched(placement, ROUTES_FILE)}}
    content = listener(snapshot, placement, render_error, routes)
    return {"resources": [typed("envoy.config.listener.v3.Listener", content)]}


def routes(snapshot: Snapshot) -> JsonObject:
    """The content of ``ROUTES_FILE``."""
    return {"resources": [typed("envoy.config.route.v3.RouteConfiguration", route_configuration(snapshot))]}


def clusters(snapshot: Snapshot, placement: Placement) -> JsonObject:
    """The content of ``CLUSTERS_FILE``."""
    return {"resources": [typed("envoy.config.cluster.v3.Cluster", c) for c in _provider_clusters(snapshot, placement)]}


def _provider_clusters(snapshot: Snapshot, placement: Placement) -> list[JsonObject]:
    return [provider_cluster(provider, placement.trusted_ca) for provider in snapshot.providers.values()]


def _process(placement: Placement) -> JsonObject:
    return {
        "node": {"id": "llmgw", "cluster": "llmgw"},
        "admin": {
            "address": socket_address(placement.admin_host, placement.admin_port),
            "ignore_global_conn_limit": True,
        },
        "overload_manager": {
            "resource_monitors": [
                extension(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    {"max_active_downstream_connections": _MAX_CONNECTIONS},
                )
            ]
        },
        # Every cluster's counters again, for callers that are not internal, that is for all of ours.
        "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [{"contains": ".external."}]}}},
        # A provider that nobody calls costs no memory for its counters.
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
    }


def _watched(placement: Placement, name: str) -> Json:
    if placement.xds_dir is None:
        raise ValueError("placement.xds_dir: the dynamic form needs a folder for the files that Envoy watches")
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": f"{placement.xds_dir}/{name}",
            # Also where a file is replaced by way of a symbolic link, as Kubernetes does for mounted volumes.
            "watched_directory": {"path": placement.xds_dir},
        },
    }
