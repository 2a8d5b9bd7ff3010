"""This gateway as ``llmgw up`` runs it: Envoy, two workers, the supervisor.

Settings: a virtual key with its SHA-256 in the file, one target per model, no fallbacks; log rows go to a file, which
is what the command does by default on its standard output; no Envoy access log (the default); no trace exporter.
"""

import sys
from pathlib import Path

import yaml

from extproc.config.digest import hash_key
from extproc.version import VERSION
from tests.bench.processes import free_port, listens
from tests.bench.systems.base import START_SECONDS, WORKERS, Lab, System
from tests.bench.systems.provider import KEY
from tests.bench.workload import MODELS

PROGRAM = Path(sys.executable).with_name("llmgw")
_VIRTUAL_KEY = "sk-llmgw-bench"


def start(lab: Lab) -> System:
    """Run it. Raises ``StartError``."""
    port, admin = free_port(), free_port()
    file = lab.folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(config(lab.provider_port)))
    argv = (
        *(str(PROGRAM), "up", "-c", str(file), "--workers", str(WORKERS)),
        *("--port", str(port), "--admin-port", str(admin), "--rows", str(lab.folder / "gateway-rows.jsonl")),
    )
    process = lab.children.start("gateway", argv)
    lab.children.wait("gateway", process, lambda: listens(port), seconds=START_SECONDS)
    return System(
        name="gateway",
        title="this gateway",
        version=VERSION,
        port=port,
        process=process,
        models=MODELS,
        headers={"authorization": f"Bearer {_VIRTUAL_KEY}"},
        parts={"extproc.app.worker": "workers", "/envoy ": "envoy"},
        rest="supervisor",
    )


def config(provider: int) -> dict[str, object]:
    """``gateway.yaml`` in front of the simulator at this port, without ports of its own."""
    root = f"http://127.0.0.1:{provider}"
    return {
        "listen": {"host": "127.0.0.1"},
        "providers": {
            "openai": {"dialect": "openai", "base_url": f"{root}/v1", "api_key": KEY},
            "anthropic": {"dialect": "anthropic", "base_url": root, "api_key": KEY},
        },
        "models": {model.name: {"targets": [{"provider": model.dialect}]} for model in MODELS},
        "keys": [{"name": "bench", "team": "bench", "sha256": hash_key(_VIRTUAL_KEY)}],
    }
