"""This gateway as ``llmgw up`` runs it: Envoy, two workers, the supervisor, and the Redis it brings along. Three forms.

``gateway``  without a ledger, as the peers are measured: they run without a database
``ledger``   every request is booked and settled in the embedded store, but nothing limits the key
``meters``   the same, and five meters count it: dollars of the key and of its team, tokens, requests, requests at a time

Settings: a virtual key with its SHA-256 in the file, one target per model, no fallbacks; log rows go to a file, which
is what the command does by default on its standard output; no Envoy access log (the default); no trace exporter.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import yaml

from extproc.config.digest import hash_key
from extproc.state.embedded import STATE_DIR_VARIABLE
from extproc.version import VERSION
from tests.bench.processes import free_port, listens
from tests.bench.systems.base import START_SECONDS, WORKERS, Lab, System
from tests.bench.systems.provider import KEY
from tests.bench.workload import CHAT, MODELS

PROGRAM = Path(sys.executable).with_name("llmgw")
_VIRTUAL_KEY = "sk-llmgw-bench"

_TITLES = {"gateway": "this gateway", "ledger": "this gateway, ledger", "meters": "this gateway, 5 meters"}
_PRICE = {"input": 0.15, "output": 0.6}
_BUDGET = {"usd": 1_000_000, "per": "month"}
_LIMITS = {"requests": "1000M/min", "tokens": "1000000M/min", "concurrent": 100_000}
"""Of the form ``meters``: far beyond what a run can use, for a refusal is cheaper than an answer."""


def _start(name: str, lab: Lab) -> System:
    port, admin = free_port(), free_port()
    file = lab.folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(config(lab.provider_port, name)))
    argv = (
        *(str(PROGRAM), "up", "-c", str(file), "--workers", str(WORKERS)),
        *("--port", str(port), "--admin-port", str(admin), "--rows", str(lab.folder / f"{name}-rows.jsonl")),
    )
    process = lab.children.start(name, argv, env={STATE_DIR_VARIABLE: str(lab.folder / f"{name}-state")})
    lab.children.wait(name, process, lambda: listens(port), seconds=START_SECONDS)
    return System(
        name=name,
        title=_TITLES[name],
        version=VERSION,
        port=port,
        process=process,
        # What a ledger costs is asked of whole answers: it has nothing to do with the events of a stream.
        models=MODELS if name == "gateway" else (CHAT,),
        headers={"authorization": f"Bearer {_VIRTUAL_KEY}"},
        parts={"extproc.app.worker": "workers", "/envoy ": "envoy", "redis-server": "store"},
        rest="supervisor",
    )


FORMS: Mapping[str, Callable[[Lab], System]] = {name: partial(_start, name) for name in _TITLES}
"""What starts each form, by its name. They raise ``StartError``."""


def config(provider: int, form: str = "gateway") -> dict[str, object]:
    """``gateway.yaml`` in front of the simulator at this port, without ports of its own."""
    root = f"http://127.0.0.1:{provider}"
    metered = form == "meters"
    price = {"price": _PRICE} if metered else {}
    key = {"name": "bench", "team": "bench", "sha256": hash_key(_VIRTUAL_KEY)}
    return {
        "listen": {"host": "127.0.0.1"},
        "store": {"url": "none" if form == "gateway" else "embedded"},
        "providers": {
            "openai": {"dialect": "openai", "base_url": f"{root}/v1", "api_key": KEY},
            "anthropic": {"dialect": "anthropic", "base_url": root, "api_key": KEY},
        },
        "models": {model.name: {"targets": [{"provider": model.dialect, **price}]} for model in MODELS},
        "teams": {"bench": {"budget": _BUDGET} if metered else {}},
        "keys": [{**key, "budget": _BUDGET, "limits": _LIMITS} if metered else key],
    }
