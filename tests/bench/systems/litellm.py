"""The LiteLLM proxy, in the settings of its production checklist (https://docs.litellm.ai/docs/proxy/prod).

- ``litellm --num_workers 2`` on uvicorn (its default server, with uvloop), no database and no Redis, so nothing is
  written or looked up per request; a master key, which its clients send;
- ``LITELLM_MODE=PRODUCTION``, ``LITELLM_LOG=ERROR``, ``set_verbose: false``; its access log is off;
- nothing is fetched from the network: its lists of prices and headers are those of the package;
- models are named as OpenAI names them, so that it finds them in its list of prices.
"""

import sys
from pathlib import Path

import yaml

from tests.bench.processes import free_port, listens
from tests.bench.systems.base import INSTALLED, START_SECONDS, WORKERS, Lab, System, Unavailable
from tests.bench.systems.install import run
from tests.bench.systems.provider import KEY
from tests.bench.workload import MODELS

VERSION = "1.106.2"
_FOLDER = INSTALLED / "litellm"
_MASTER_KEY = "sk-litellm-bench"
_ENVIRONMENT = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MASTER_KEY": _MASTER_KEY,
    "LITELLM_DISABLE_ACCESS_LOG_PATHS": "/v1/chat/completions",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
}
_OPENAI = tuple(model for model in MODELS if model.dialect == "openai")


def start(lab: Lab) -> System:
    """Install and run it. Raises ``Unavailable``, ``StartError``."""
    program = _install(install=lab.install)
    file = lab.folder / "litellm.yaml"
    file.write_text(yaml.safe_dump(_config(lab.provider_port)))
    port = free_port()
    argv = (str(program), "--config", str(file), "--host", "127.0.0.1", "--port", str(port))
    process = lab.children.start("litellm", (*argv, "--num_workers", str(WORKERS)), env=_ENVIRONMENT, cwd=lab.folder)
    lab.children.wait("litellm", process, lambda: listens(port), seconds=START_SECONDS)
    return System(
        name="litellm",
        title="LiteLLM proxy",
        version=VERSION,
        port=port,
        process=process,
        models=_OPENAI,
        headers={"authorization": f"Bearer {_MASTER_KEY}"},
    )


def _install(*, install: bool) -> Path:
    program = _FOLDER / "bin" / "litellm"
    done = _FOLDER / f"installed-{VERSION}"
    if not done.exists():
        if not install:
            raise Unavailable("it is not installed (and --no-install was given)")
        INSTALLED.mkdir(exist_ok=True)
        run((sys.executable, "-m", "venv", "--clear", str(_FOLDER)), cwd=INSTALLED)
        run((str(_FOLDER / "bin" / "pip"), "install", "--quiet", f"litellm[proxy]=={VERSION}"), cwd=INSTALLED)
        done.touch()
    return program


def _config(provider: int) -> dict[str, object]:
    def entry(name: str) -> dict[str, object]:
        target = {"model": f"openai/{name}", "api_base": f"http://127.0.0.1:{provider}/v1", "api_key": KEY}
        return {"model_name": name, "litellm_params": target}

    return {
        "model_list": [entry(model.name) for model in _OPENAI],
        "general_settings": {"master_key": _MASTER_KEY},
        "litellm_settings": {"request_timeout": 600, "set_verbose": False, "json_logs": True},
    }
