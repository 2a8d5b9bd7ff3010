"""The client libraries: how each is started, and which dialects it speaks. Counterpart: ``conversation``.

Their environments are made by ``make test-clients``; none of this is installed for the other tests.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".clients"
PYTHON = ENVIRONMENTS / "venv" / "bin" / "python"
NODE = ENVIRONMENTS / "venv" / "bin" / "node"
NODE_FOLDER = ENVIRONMENTS / "node"
"""Where ``node_modules`` are: a module finds those beside it only."""

SECONDS = 120.0
"""For all conversations of one library; a dozen is usual."""


@dataclass(frozen=True)
class Library:
    """A library: the programme that speaks with it, and the client dialects that this one knows."""

    programme: str
    dialects: tuple[str, ...]

    def command(self) -> list[str]:
        """How the programme is started."""
        if self.programme.endswith(".mjs"):
            return [str(NODE), shutil.copy(HERE / self.programme, NODE_FOLDER)]
        return [str(PYTHON), str(HERE / self.programme)]


LIBRARIES: Mapping[str, Library] = {
    "langchain": Library("with_langchain.py", ("openai-chat", "openai-responses", "anthropic-messages")),
    "llamaindex": Library("with_llamaindex.py", ("openai-chat", "openai-responses", "anthropic-messages")),
    "pydantic-ai": Library(
        "with_pydantic_ai.py", ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
    ),
    "vercel": Library("with_vercel.mjs", ("openai-chat", "openai-responses", "anthropic-messages", "gemini")),
}


@dataclass(frozen=True)
class Held:
    """What came of a library's conversations. ``results``: by (client dialect, model)."""

    results: Mapping[tuple[str, str], dict[str, Any]]
    log: str
    """What it wrote besides."""
    seconds: float


def hold(library: Library, job: Mapping[str, Any]) -> Held:
    """Have a library hold its conversations."""
    start = time.monotonic()
    done = subprocess.run(
        library.command(), input=orjson.dumps(job), capture_output=True, env=_environment(), timeout=SECONDS, check=False
    )
    lines = [orjson.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    log = f"exit code {done.returncode}\n{done.stderr.decode(errors='replace')[-4000:]}"
    return Held({(line["client"], line["model"]): line for line in lines}, log, time.monotonic() - start)


def _environment() -> dict[str, str]:
    """No credentials of anybody's, no telemetry, and no way out: every proxied address but loopback is dead."""
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    loopback = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, **nowhere, **loopback, "PYTHONUTF8": "1", "LANGSMITH_TRACING": "false"}
