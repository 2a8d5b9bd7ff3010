"""The Portkey gateway as its image runs it: ``node build/start-server.js``, one process (it has no worker processes).

https://github.com/Portkey-AI/gateway/blob/main/docs/installation-deployments.md

- ``NODE_ENV=production`` and ``--headless``: no console, and so no log of requests kept for it;
- it has no catalogue and no keys of its own: the request's headers name the provider and its host, and the client sends
  the provider's key, which is passed on. It does less than the others: no authentication, no lookup, no usage.
- its libraries are those of the lock file that its image is built with: with newer ones its streams fail
  (https://github.com/Portkey-AI/gateway/issues/1389);
- it cannot be told an address to listen on: it listens on all of them while the bench runs.
"""

from pathlib import Path

from tests.bench.processes import free_port, listens
from tests.bench.systems.base import INSTALLED, START_SECONDS, Lab, System, Unavailable
from tests.bench.systems.install import run
from tests.bench.systems.provider import KEY
from tests.bench.workload import MODELS

VERSION = "1.15.2"
_PACKAGES = (
    f"@portkey-ai/gateway@{VERSION}",
    "hono@4.9.7",
    "@hono/node-server@1.13.5",
    "@hono/node-ws@1.2.0",
    "ws@8.18.3",
)
_FOLDER = INSTALLED / "portkey"
_PROGRAM = _FOLDER / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


def start(lab: Lab) -> System:
    """Install and run it. Raises ``Unavailable``, ``StartError``."""
    program = _install(install=lab.install)
    port = free_port()
    argv = ("node", str(program), "--headless", f"--port={port}")
    try:
        process = lab.children.start("portkey", argv, env={"NODE_ENV": "production"}, cwd=lab.folder)
    except FileNotFoundError:
        raise Unavailable("node is not on this machine") from None
    lab.children.wait("portkey", process, lambda: listens(port), seconds=START_SECONDS)
    return System(
        name="portkey",
        title="Portkey gateway",
        version=VERSION,
        port=port,
        process=process,
        models=tuple(model for model in MODELS if model.dialect == "openai"),
        headers={
            "authorization": f"Bearer {KEY}",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{lab.provider_port}/v1",
        },
    )


def _install(*, install: bool) -> Path:
    done = _FOLDER / f"installed-{VERSION}"
    if not done.exists():
        if not install:
            raise Unavailable("it is not installed (and --no-install was given)")
        _FOLDER.mkdir(parents=True, exist_ok=True)
        (_FOLDER / "package.json").write_text('{"private": true}\n')
        # Its install script applies patches, of which the published package holds none.
        run(("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *_PACKAGES), cwd=_FOLDER)
        done.touch()
    return _PROGRAM
