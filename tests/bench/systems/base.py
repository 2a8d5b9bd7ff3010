"""What the bench knows of a system under test."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import processes
from tests.bench.processes import Children
from tests.bench.workload import Model, body, render

WORKERS = 2
"""Worker processes of every system that has them."""
ROOT = Path(__file__).resolve().parents[3]
INSTALLED = ROOT / ".bench"
"""Where peers are installed; ignored by git."""
START_SECONDS = 120.0
"""Until the first request is served; a peer imports for long on a busy machine."""


class Unavailable(Exception):
    """The system cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Lab:
    """What a system is started with. ``folder`` is for its files; ``install`` whether the network may be used."""

    children: Children
    folder: Path
    provider_port: int
    install: bool


@dataclass(frozen=True, slots=True)
class System:
    """A running system.

    ``parts``: words in command lines of its processes → names of its parts, the first that fits; the rest is ``rest``.
    ``headers`` are what its clients send beside the usual ones. ``models``: those it was set up for.
    """

    name: str
    title: str
    version: str
    port: int
    process: subprocess.Popen[bytes]
    models: Sequence[Model]
    headers: Mapping[str, str]
    path: str = "/v1/chat/completions"
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    rest: str = "all"

    def request(self, model: Model) -> bytes:
        """The request as this system's clients send it."""
        return render(self.port, self.path, self.headers, body(model))

    def pids(self) -> dict[str, list[int]]:
        """Its processes now, by part."""
        found: dict[str, list[int]] = {}
        for pid in processes.tree(self.process.pid):
            line = processes.command_line(pid)
            part = next((name for word, name in self.parts.items() if word in line), self.rest)
            found.setdefault(part, []).append(pid)
        return found
