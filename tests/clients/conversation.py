"""What every Python client does here, whichever its library; the counterpart of the runner, ``pairs``.

Standard input: one ``Job`` as JSON. Standard output: one line of JSON per run, a ``Heard`` with the names of its pair,
or the ``error`` that the library raised.
"""

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

INSTRUCTIONS = "You are a terse clerk."
TOOL = "Weather of the next days"
"""The tool's description."""


@dataclass(frozen=True)
class Run:
    """One conversation. ``client``: the dialect to speak; ``model``: of the gateway's catalogue; ``texts``: the user's, one by one."""

    client: str
    model: str
    texts: list[str]


@dataclass(frozen=True)
class Job:
    """All conversations of one library. ``url``: the gateway's root; ``weather``: what the tool answers."""

    url: str
    key: str
    weather: str
    runs: list[Run]


@dataclass
class Heard:
    """What an application gets of a conversation. Token counts are sums of all its requests; None: not told."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    """The arguments of each call of the tool, as the tool got them."""
    pieces: list[str] = field(default_factory=list)
    """The text, as it arrived."""
    input_tokens: int | None = None
    output_tokens: int | None = None

    def say(self, text: str) -> None:
        """Take down a piece of text."""
        if text:
            self.pieces.append(text)

    def count(self, input_tokens: int, output_tokens: int) -> None:
        """Add the usage of a request."""
        self.input_tokens = (self.input_tokens or 0) + input_tokens
        self.output_tokens = (self.output_tokens or 0) + output_tokens


Converse = Callable[[Job, Run, Heard], Awaitable[None]]
"""Holds a conversation with a client that is made for it."""


def main(clients: Mapping[str, Converse]) -> None:
    """Do the job on standard input."""
    job = json.load(sys.stdin)
    asyncio.run(_all(clients, Job(**{**job, "runs": [Run(**run) for run in job["runs"]]})))


async def _all(clients: Mapping[str, Converse], job: Job) -> None:
    for run in job.runs:
        heard, error = Heard(), None
        try:
            await clients[run.client](job, run, heard)
        except Exception:  # noqa: BLE001  whatever the library raises is this run's result
            error = traceback.format_exc()
        print(json.dumps({"client": run.client, "model": run.model, "error": error, **asdict(heard)}), flush=True)
