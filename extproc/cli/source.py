"""Which configuration a command works on: the file given, ``gateway.yaml`` here, or one of the built-in catalogues."""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import yaml

from extproc.config.load import load_text
from extproc.config.problems import ConfigError, Problem
from extproc.config.snapshot import Snapshot

DEFAULT_FILE = "gateway.yaml"
DEMO_KEY = "sk-llmgw-demo"
"""Opens nothing but the simulator on this machine, so it may be known."""

_VENDORS = {"OPENAI_API_KEY": "demo-openai", "ANTHROPIC_API_KEY": "demo-anthropic"}


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration and what goes with it.

    ``env``: what its references need beyond the environment; ``demo_key`` and ``simulator_port`` are set where the
    catalogue is built in, the latter where the simulator stands in for all providers.
    """

    snapshot: Snapshot
    text: str
    path: str
    env: dict[str, str] = field(default_factory=dict[str, str])
    demo_key: str | None = None
    simulator_port: int | None = None


def read_source(path: str | None, *, simulator_port: int) -> Source:
    """The configuration to run. Raises ``ConfigError``. ``simulator_port``: where it may listen should it be needed."""
    if path is None and Path(DEFAULT_FILE).exists():
        path = DEFAULT_FILE
    if path is not None:
        return _from_file(path)
    vendors = [name for variable, name in _VENDORS.items() if os.environ.get(variable)]
    if vendors:
        key = os.environ.get("LLMGW_DEMO_KEY") or f"sk-llmgw-{secrets.token_urlsafe(18)}"
        return _built_in(vendors, {"LLMGW_DEMO_KEY": key}, key, None)
    env = {"LLMGW_DEMO_KEY": DEMO_KEY, "LLMGW_SIM_URL": f"http://127.0.0.1:{simulator_port}"}
    return _built_in(["demo"], env, DEMO_KEY, simulator_port)


def _from_file(path: str) -> Source:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Problem(path, None, None, "", "no such file", "Name one with -c")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(path, None, None, "", f"cannot read it ({type(error).__name__})")]) from None
    snapshot = load_text(text, source=path, env=os.environ, base_dir=Path(path).absolute().parent)
    return Source(snapshot, text, path)


def _built_in(names: Iterable[str], env: dict[str, str], key: str, simulator_port: int | None) -> Source:
    """Built-in catalogues, joined. They listen on loopback only, for their key is printed."""
    document: dict[str, object] = {
        "listen": {"host": "127.0.0.1"},
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
    snapshot = load_text(text, source="built-in catalogue", env={**os.environ, **env})
    return Source(snapshot, text, "built-in catalogue", env, key, simulator_port)
