"""The client libraries: how each is started, and which dialects it speaks. Counterpart: ``conversation``.

Their environments are made by ``make test-clients``; none of this is installed for the other tests.
"""

import os
import shutil
import subprocess
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

STORED = "openai-responses-stored"
"""The Vercel AI SDK by default: what it was told it sends back as references, to be looked up where answers are stored.

This gateway keeps none, so such a client cannot go on after an answer in words, but has its tools called.
"""


@dataclass(frozen=True)
class Library:
    """A library: the programme that speaks with it, and the client dialects that this one knows, by their variants."""

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
    "pydantic-ai": Library("with_pydantic_ai.py", ("openai-chat", "openai-responses", "anthropic-messages", "gemini")),
    "vercel": Library(
        "with_vercel.mjs",
        ("openai-chat", "openai-responses", STORED, "anthropic-messages", "gemini"),
    ),
}


@dataclass(frozen=True)
class Held:
    """What came of a library's conversations. ``results``: by (client dialect, model)."""

    results: Mapping[tuple[str, str], dict[str, Any]]
    log: str
    """What it wrote besides."""


def hold(library: Library, job: Mapping[str, Any]) -> Held:
    """Have a library hold its conversations. Where it does not come to an end, there are those that it has held."""
    output = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(library.command(), env=_environment(), **output) as process:
        try:
            told, log = process.communicate(orjson.dumps(job), SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            told, log = process.communicate()
    lines = [orjson.loads(line) for line in told.splitlines(keepends=True) if line.endswith(b"}\n")]
    results = {(line["client"], line["model"]): line for line in lines}
    return Held(results, f"exit code {process.returncode}\n{log.decode(errors='replace')[-4000:]}")


def _environment() -> dict[str, str]:
    """No credentials of anybody's, no telemetry, and for those in Python no way out: but for loopback, the proxy is dead."""
    nowhere = dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
    )
    loopback = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, **nowhere, **loopback, "PYTHONUTF8": "1", "LANGSMITH_TRACING": "false"}
