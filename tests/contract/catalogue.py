"""The configuration that most contract tests share. Providers are all played by the one simulator.

Model names say what they are for; a chain is named by the providers on it: ``o1-a2-o3``.
"""

from typing import Any

from harness import DISABLED_KEY, EXPIRED_KEY, KEY, SCOPED_KEY, sha256

MODELS = {"o": "gpt-4o", "a": "claude-sonnet-4-6", "d": "gpt-4o"}
"""The model's name at a provider, by the provider's first letter."""

OPENAI_PROVIDERS, ANTHROPIC_PROVIDERS = ("o1", "o2", "o3"), ("a1", "a2", "a3")
ORGANIZATION = "org-of-o2"
"""A header that only provider ``o2`` may see."""

MAX_BODY = 32 * 1024 * 1024


def provider_key(provider: str) -> str:
    """The credential of a provider."""
    return f"sk-provider-{provider}-secret"


def chain(names: str, **policy: Any) -> dict[str, Any]:
    """A model served by these providers in this order: ``o1-a2-o3``."""
    first, *rest = [{"provider": name, "model": MODELS[name[0]]} for name in names.split("-")]
    return {"targets": [first], "fallbacks": rest, **policy}


def providers(simulator_url: str, dead_port: int) -> dict[str, Any]:
    """``o1``..``o3``, ``a1``..``a3``, and ``d1``, ``d2`` where nobody listens."""
    found: dict[str, Any] = {
        name: {"dialect": "openai", "base_url": f"{simulator_url}/p/{name}/v1", "api_key": provider_key(name)}
        for name in OPENAI_PROVIDERS
    }
    found |= {
        name: {"dialect": "anthropic", "base_url": f"{simulator_url}/p/{name}", "api_key": provider_key(name)}
        for name in ANTHROPIC_PROVIDERS
    }
    found |= {
        name: {"dialect": "openai", "base_url": f"http://127.0.0.1:{dead_port}/v1", "api_key": provider_key(name)}
        for name in ("d1", "d2")
    }
    found["o2"]["headers"] = {"OpenAI-Organization": ORGANIZATION}
    return found


QUICK = {"first_token_timeout": "1s", "stall_timeout": "1s"}


def models() -> dict[str, Any]:
    """The catalogue."""
    return {
        "gpt": chain("o1"),
        "claude": chain("a1"),
        "gpt-thinks": {"targets": [{"provider": "o1", "model": "gpt-5"}]},
        "meta/llama-3": {**chain("o1"), "aliases": ["llama"], "display_name": "Llama 3"},
        "switched-off": {**chain("o1"), "enabled": False},
        # Failover: every mix of dialects.
        **{
            name: chain(name)
            for name in ("o1-o2-o3", "a1-a2-a3", "o1-a2-o3", "a1-o2-a3", "o1-o2", "a1-a2", "o1-a2", "a1-o2")
        },
        "o2-a1-o1": chain("o2-a1-o1"),
        "d1-o1": chain("d1-o1"),
        "d1-d2": chain("d1-d2"),
        "retries": chain("o1-o2", retries=2),
        "never-retries": chain("o1-o2", retry_on=[]),
        "weighted": {
            "targets": [
                {"provider": "o1", "model": "gpt-4o", "weight": 80},
                {"provider": "o2", "model": "gpt-4o", "weight": 20},
            ],
            "fallbacks": [{"provider": "o3", "model": "gpt-4o"}, {"provider": "a1", "model": "claude-sonnet-4-6"}],
        },
        # Timeouts that a test can wait for.
        "quick-gpt": chain("o1", **QUICK, timeout="2s"),
        "quick-claude": chain("a1", **QUICK, timeout="2s"),
        "quick-o1-o2": chain("o1-o2", **QUICK),
        "quick-a1-o2": chain("a1-o2", **QUICK),
        # Commit.
        "whole-o1-o2": chain("o1-o2", **QUICK, commit="whole"),
        "whole-a1-a2": chain("a1-a2", **QUICK, commit="whole"),
        "whole-o1-a2": chain("o1-a2", **QUICK, commit="whole"),
        "events-o1-o2": chain("o1-o2", **QUICK, commit={"events": 5}),
        "events-a1-a2": chain("a1-a2", **QUICK, commit={"events": 5}),
        "after-o1-o2": chain("o1-o2", **QUICK, commit={"after": "500ms"}),
        "after-a1-a2": chain("a1-a2", **QUICK, commit={"after": "500ms"}),
    }


def keys() -> list[dict[str, Any]]:
    """Virtual keys, one of each kind."""
    return [
        {"name": "all", "team": "contract", "sha256": sha256(KEY), "tags": {"environment": "test"}},
        {"name": "scoped", "sha256": sha256(SCOPED_KEY), "models": ["gpt", "meta/llama-3"]},
        {"name": "expired", "sha256": sha256(EXPIRED_KEY), "expires": "2020-01-01"},
        {"name": "disabled", "sha256": sha256(DISABLED_KEY), "enabled": False},
    ]


def config(simulator_url: str, dead_port: int) -> dict[str, Any]:
    """The whole file, without ports."""
    return {
        "listen": {"max_body": MAX_BODY},
        "workers": 2,
        "providers": providers(simulator_url, dead_port),
        "models": models(),
        "keys": keys(),
    }
