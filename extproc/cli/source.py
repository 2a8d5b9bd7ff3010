"""Which configuration a command works on: the file given, ``gateway.yaml`` here, or one of the built-in catalogues."""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from extproc.config.load import load, load_file
from extproc.config.loaded import Loaded
from extproc.config.snapshot import Snapshot

DEFAULT_FILE = "gateway.yaml"
TOKEN_VARIABLE = "LLMGW_ADMIN_TOKEN"  # noqa: S105  the name of the variable
DEMO_KEY = "sk-llmgw-demo"
"""Opens nothing but the simulator on this machine, so it may be known."""

_VENDORS = {"OPENAI_API_KEY": "demo-openai", "ANTHROPIC_API_KEY": "demo-anthropic"}


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration and what goes with it.

    ``path`` is its name in messages; ``demo_key`` and ``simulator_port`` are set where the catalogue is built in, the
    latter where the simulator stands in for all providers. ``admin_token`` is set where it was made up here, so that only
    the gateway of this very source takes it.
    """

    loaded: Loaded
    path: str
    demo_key: str | None = None
    simulator_port: int | None = None
    admin_token: str | None = None

    @property
    def snapshot(self) -> Snapshot:
        """What the gateway reads of it."""
        return self.loaded.snapshot


def read_source(path: str | None, *, simulator_port: int) -> Source:
    """The configuration to run. Raises ``ConfigError``. ``simulator_port``: where it may listen should it be needed."""
    if path is None and Path(DEFAULT_FILE).exists():
        path = DEFAULT_FILE
    if path is not None:
        return Source(load_file(Path(path), os.environ), path)
    vendors = [name for variable, name in _VENDORS.items() if os.environ.get(variable)]
    if vendors:
        key = os.environ.get("LLMGW_DEMO_KEY") or f"sk-llmgw-{secrets.token_urlsafe(18)}"
        return _built_in(vendors, {"LLMGW_DEMO_KEY": key}, key, None)
    env = {"LLMGW_DEMO_KEY": DEMO_KEY, "LLMGW_SIM_URL": f"http://127.0.0.1:{simulator_port}"}
    return _built_in(["demo"], env, DEMO_KEY, simulator_port)


def _built_in(names: Iterable[str], env: dict[str, str], key: str, simulator_port: int | None) -> Source:
    """Built-in catalogues, joined. They listen on loopback only, for their key is printed."""
    token = None
    if not os.environ.get(TOKEN_VARIABLE):
        token = env[TOKEN_VARIABLE] = secrets.token_urlsafe(18)
    document: dict[str, object] = {
        "listen": {"host": "127.0.0.1"},
        "admin": {"token": f"${{{TOKEN_VARIABLE}}}"},
        "teams": {"demo": {}},
        # Whoever finds the printed key cannot spend more with it.
        "keys": [
            {
                "name": "demo",
                "team": "demo",
                "key": "${LLMGW_DEMO_KEY}",
                "budget": {"usd": 5, "per": "day"},
            }
        ],
    }
    parts: list[dict[str, dict[str, object]]] = [
        yaml.safe_load((files("extproc.config") / f"{name}.yaml").read_text()) for name in names
    ]
    for section in ("providers", "models"):
        document[section] = {name: entry for part in parts for name, entry in part[section].items()}
    text = yaml.safe_dump(document, sort_keys=False)
    name = "built-in catalogue"
    return Source(load(text, source=name, env={**os.environ, **env}), name, key, simulator_port, token)
