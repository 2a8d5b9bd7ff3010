"""A snapshot by hand, and a renderer of error bodies whose output shows what it was given."""

from dataclasses import replace

import pytest

from extproc.config.snapshot import Model, Provider, Secret, Snapshot, Target, Telemetry
from extproc.envoyconf.placement import Placement

PROVIDERS = (
    Provider("openai", "openai", "https://api.openai.com/v1", api_key=Secret("sk-never-here")),
    Provider("local", "openai", "http://vllm.default.svc:8000/v1"),
    Provider("lab", "anthropic", "http://127.0.0.1:9101"),
)
MODELS = (
    Model("fast", (Target("openai", "gpt"),), first_token_timeout=10, stall_timeout=20, timeout=100),
    Model("slow", (Target("openai", "gpt"),), (Target("lab", "claude"),), retries=1, timeout=300),
)


def render_error(shape, error):
    return {"shape": shape, "code": error.code, "message": error.message}


@pytest.fixture
def placement():
    return Placement(("/run/llmgw/worker-0.sock", "/run/llmgw/worker-1.sock"), 9901, xds_dir="/run/llmgw/xds")


@pytest.fixture
def snapshot():
    return Snapshot(
        version="1",
        listen_host="0.0.0.0",
        listen_port=8080,
        admin_host="127.0.0.1",
        admin_port=9090,
        admin_token=None,
        workers=2,
        max_request_bytes=8 * 1024 * 1024,
        providers={provider.name: provider for provider in PROVIDERS},
        models={model.name: model for model in MODELS},
        names={model.name: model.name for model in MODELS},
        keys={},
        telemetry=Telemetry(),
    )


@pytest.fixture
def with_models(snapshot):
    return lambda *models: replace(snapshot, models={model.name: model for model in models})


@pytest.fixture
def render():
    return render_error
