"""An app over a configuration that is full of secrets, with parts that a test can turn bad."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from extproc.admin.app import AdminDeps, create_app
from extproc.admin.health import WorkerState
from extproc.config.snapshot import Model, Provider, Secret, Snapshot, Target, Telemetry, VirtualKey

TOKEN = "admin-CANARY-token"

SNAPSHOT = Snapshot(
    version="c0ffee",
    listen_host="0.0.0.0",
    listen_port=8080,
    admin_host="127.0.0.1",
    admin_port=9090,
    admin_token=Secret(TOKEN),
    workers=2,
    max_request_bytes=1024,
    providers={
        "openai": Provider(
            name="openai",
            dialect="openai",
            base_url="https://user:CANARY-pw@api.example.com:8443/acct-CANARY/v1",
            api_key=Secret("sk-CANARY"),
            headers={"x-org": "CANARY-header"},
            region="eu",
        )
    },
    models={
        "fast": Model(
            name="fast",
            targets=(Target(provider="openai", model="gpt-4o-mini", weight=80),),
            fallbacks=(Target(provider="openai", model="gpt-4o"),),
            aliases=("quick",),
        )
    },
    names={"fast": "fast", "quick": "fast"},
    keys={"CANARY-digest": VirtualKey(name="ci", sha256="CANARY-digest")},
    telemetry=Telemetry(otlp_endpoint="http://CANARY@collector:4318"),
)


async def two_workers():
    return [WorkerState("worker-0", serving=True, pid=7), WorkerState("worker-1", serving=True, pid=8)]


async def envoy_is_ready():
    return True


def metrics(accept: str):
    return b"metric 1\n", "text/plain" if "openmetrics" not in accept else "application/openmetrics-text"


DEPS = AdminDeps(
    version="1.2.3",
    snapshot=lambda: SNAPSHOT,
    worker_health=two_workers,
    metrics=metrics,
    envoy_ready=envoy_is_ready,
)


@pytest.fixture
def client() -> Callable[..., httpx.AsyncClient]:
    """A client of an app whose parts are as given, and good otherwise."""

    def make(*, token: str | None = None, **parts) -> httpx.AsyncClient:
        app = create_app(replace(DEPS, **parts))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://admin", headers=headers)

    return make


@pytest.fixture
def snapshot() -> Snapshot:
    return SNAPSHOT


@pytest.fixture
def token() -> str:
    return TOKEN
