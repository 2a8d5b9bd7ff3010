"""Whole requests below Envoy: the gateway's phases on one side, the simulator's real bytes on the other.

``PROVIDERS``  one provider of each wire, with the model that is asked of it there
``serve``      the simulator's answer to a request that an attempt has rendered, as pieces and an ending
``Play``       a request from end to end, and what the client has of it
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from extproc.config.snapshot import GcpLogin, Provider, Secret, Target
from extproc.phases.events import Respond
from extproc.simulator.app import answer
from extproc.simulator.behaviour import Behaviour
from extproc.simulator.call import World as Vendors
from extproc.simulator.player import perform
from extproc.simulator.script import Script
from extproc.simulator.wire import Plan, Request
from tests.judges.clients import CALLING, Client

KEY = Secret("key-of-the-provider")
GOOGLES = GcpLogin(Secret("ya29.sim-unit"))


def _provider(name: str, dialect: str, path: str = "", **rest: Any) -> Provider:
    key = None if "login" in rest else KEY
    return Provider(name, dialect, f"https://{name}.example{path}", key, **rest)


PROVIDERS: Mapping[str, tuple[Provider, str]] = {
    made.name: (made, model)
    for made, model in (
        (_provider("chat", "openai", "/v1", api="chat"), "gpt-5"),
        (_provider("responses", "openai", "/v1", api="responses"), "gpt-5"),
        (_provider("completions", "openai", "/v1", api="completions"), "gpt-3.5-turbo-instruct"),
        (_provider("azure", "azure-openai", api_version="2024-10-21"), "gpt-4o"),
        (_provider("anthropic", "anthropic"), "claude-sonnet-4-5"),
        (_provider("bedrock", "bedrock", region="us-east-1"), "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (
            _provider("bedrock-anthropic", "bedrock-anthropic", region="us-east-1"),
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (_provider("gemini", "gemini"), "gemini-3-pro-preview"),
        (
            _provider("vertex-anthropic", "vertex-anthropic", project="p", location="l", login=GOOGLES),
            "claude-sonnet-4-5",
        ),
    )
}


# -- the provider -------------------------------------------------------------------------------------------------------


class Outlet:
    """What the simulator writes, and how it ends: ``complete``, ``reset`` (the connection), ``silent`` (it stays open)."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.end = ""

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    async def drain(self) -> None:
        pass

    async def reset(self) -> None:
        self.end = "reset"

    async def never(self) -> None:
        self.end = "silent"

    def finish(self) -> None:
        self.end = "complete"


@dataclass(frozen=True)
class Served:
    """A provider's answer: ``pieces`` as they were written to the connection, after the head."""

    status: int
    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]
    end: str


def serve(
    headers: Mapping[str, str], body: bytes, behaviour: Behaviour, change: Callable[[Plan], Plan] = lambda plan: plan
) -> Served:
    """The simulator's answer to the request as an attempt has made it. ``change``: beyond what a behaviour can."""
    lines = [(name.encode(), value.encode()) for name, value in headers.items() if not name.startswith(":")]
    request = Request("POST", headers[":path"], lines, body, http11=False)
    plan, record = answer(Vendors(script=Script(behaviour)), request)
    assert record is not None
    outlet = Outlet()
    try:
        perform(outlet, change(plan), record, http11=False).send(None)
    except StopIteration:
        pass
    else:  # pragma: no cover
        raise AssertionError("nothing here is to be waited for")
    head, _, rest = outlet.pieces[0].partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    named = dict(line.split(": ", 1) for line in fields)
    pieces = tuple(piece for piece in (rest, *outlet.pieces[1:]) if piece)
    return Served(int(first.split(" ")[1]), {n: v for n, v in named.items() if n != "connection"}, pieces, outlet.end)


# -- the whole play -----------------------------------------------------------------------------------------------------


@dataclass
class Play:
    """One request of ``client`` to ``provider``: ``tools`` and reasoning offered and called, or plain text."""

    make_world: Callable[[], Any]
    client: Client
    provider: str
    stream: bool
    tools: bool = False
    text: str = "Hello"

    def run(self, behaviour: Behaviour, change: Callable[[Plan], Plan] = lambda plan: plan) -> "Came":
        """Through admission, attempt and simulator, to the end."""
        world = self.make_world()
        provider, model = PROVIDERS[self.provider]
        world.snapshot = replace(world.snapshot, providers={provider.name: provider})
        world.model("one", targets=(Target(provider.name, model),))
        text = CALLING if self.tools else self.text
        path, body = self.client.request("one", text, stream=self.stream, offer=self.tools)
        replies = world.ask(body, path)
        assert not any(isinstance(reply, Respond) for reply in replies), replies
        attempt = world.send()
        assert attempt.sent is not None, attempt.seen
        served = serve(world.headers, attempt.sent.body or b"", behaviour, change)
        attempt.headers(served.status, **{n.replace("-", "_"): v for n, v in served.headers.items()})
        for piece in served.pieces:
            if not over(attempt):
                attempt.body(piece)
        if served.end == "complete" and not over(attempt):
            attempt.body(b"", end=True)
        elif served.end == "silent" and not over(attempt):
            attempt.wait(1000)
        attempt.close()
        return Came(self.client, self.stream, served, attempt.seen, world.recorder)


def over(attempt: Any) -> bool:
    """Whether Envoy has reset the provider: by ``Abort``, or with an answer of our own."""
    return attempt.seen.aborted or attempt.seen.details is not None


@dataclass(frozen=True)
class Came:
    """What a request came to for its client."""

    client: Client
    stream: bool
    served: Served
    seen: Any
    recorder: Any

    @property
    def said(self) -> object:
        """What the client's SDK makes of the answer, but for ids and times."""
        return self.client.read(self.seen.body, stream=self.stream)

    @property
    def outcome(self) -> str:
        """The attempt's, as its row has it."""
        (row,) = self.recorder.attempts
        return row.outcome

    def verdict(self) -> str:
        """See ``Client.verdict``; fails where the row says otherwise."""
        seen = self.seen
        assert seen.status is not None or not seen.body
        kind = self.client.verdict(seen.status, seen.body, stream=self.stream, complete=seen.ended)
        assert (self.outcome == "ok") is (kind == "answer"), (kind, self.outcome)
        return kind
