"""Whole requests below Envoy: the gateway's phases on one side, the simulator's real bytes on the other.

``PROVIDERS``  one provider of each wire, with the model that is asked of it there
``CLIENTS``    how a client of each dialect asks and reads: its own judge's object, brought to what was said
``serve``      the simulator's answer to a request that an attempt has rendered, as pieces and an ending
``Play``       a request from end to end, and what the client has of it
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from extproc.config.snapshot import GcpLogin, Provider, Secret, Target
from extproc.phases.events import Respond
from extproc.simulator.app import answer
from extproc.simulator.behaviour import Behaviour
from extproc.simulator.call import World as Vendors
from extproc.simulator.player import perform
from extproc.simulator.script import Script
from extproc.simulator.wire import Plan, Request
from tests.judges.registry import READ_ANSWER

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

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Zürich"]}, "days": {"type": "integer", "minimum": 2}},
    "required": ["city", "days"],
}
DONE = b"[DONE]"
CALLING = "Please call it"


# -- clients ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Client:
    """A client of one dialect. ``said`` reads the judge's object; ``marker``: what only a finished stream holds."""

    name: str
    path: str
    ask: Callable[[str], dict[str, Any]]
    offer: Mapping[str, Any] | None
    """One tool and some reasoning; None: the dialect has no such thing."""
    said: Callable[[Any], object]
    marker: bytes
    is_error: Callable[[str, Any], bool]

    def request(self, text: str, *, stream: bool, more: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Path and body."""
        body = self.ask(text) | more
        if self.name == "gemini":
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1beta/models/one:{verb}", body
        return self.path, body | {"model": "one", "stream": stream}

    def events(self, body: bytes) -> list[tuple[str, Any]]:
        """Name (empty: none) and decoded data of a stream's events, comments left out."""
        found = []
        for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
            lines = [line for line in block.split(b"\n") if line and not line.startswith(b":")]
            name = b"".join(line[6:].strip() for line in lines if line.startswith(b"event:")).decode()
            data = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
            if lines:
                found.append((name, data.decode() if data == b"[DONE]" else orjson.loads(data)))
        return found

    def check_error(self, body: bytes) -> None:
        """A whole error is of the dialect's shape, and says something."""
        document = orjson.loads(body)
        error = document["error"]
        assert error["message"]
        match self.name:
            case "anthropic-messages":
                assert document["type"] == "error"
                assert error["type"]
            case "gemini":
                assert isinstance(error["code"], int)
                assert error["status"]
            case _:
                assert set(error) == {"message", "type", "param", "code"}


def _chat(answer: Any) -> object:
    (choice,) = answer.choices
    message = choice.message
    calls = [(call.function.name, orjson.loads(call.function.arguments)) for call in message.tool_calls or ()]
    return choice.finish_reason, message.content or "", getattr(message, "reasoning_content", None) or "", calls


def _responses(answer: Any) -> object:
    calls = [(item.name, orjson.loads(item.arguments)) for item in answer.output if item.type == "function_call"]
    thoughts = [part.text for item in answer.output if item.type == "reasoning" for part in item.summary]
    texts = [part.text for item in answer.output if item.type == "message" for part in item.content]
    return answer.status, texts, thoughts, calls


def _completions(answer: Any) -> object:
    (choice,) = answer.choices
    return choice.finish_reason, choice.text


def _anthropic(answer: Any) -> object:
    blocks = [block.model_dump(exclude_none=True) for block in answer.content]
    kept = {"type", "text", "thinking", "name", "input"}
    return answer.stop_reason, [{name: block[name] for name in kept & block.keys()} for block in blocks]


def _gemini(answer: Any) -> object:
    (candidate,) = answer.candidates
    parts = candidate.content.parts or []
    texts = ["".join(part.text or "" for part in parts if bool(part.thought) is kind) for kind in (False, True)]
    calls = [(part.function_call.name, part.function_call.args) for part in parts if part.function_call]
    return candidate.finish_reason, texts, calls


def _has_error(name: str, data: Any) -> bool:
    return isinstance(data, Mapping) and "error" in data


def _named_error(name: str, data: Any) -> bool:
    return name == "error"


def _messages(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


_FUNCTION = {"name": "get_weather", "description": "Weather", "parameters": SCHEMA}

CLIENTS: Mapping[str, Client] = {
    client.name: client
    for client in (
        Client(
            "openai-chat",
            "/v1/chat/completions",
            _messages,
            {"tools": [{"type": "function", "function": _FUNCTION}], "reasoning_effort": "high"},
            _chat,
            DONE,
            _has_error,
        ),
        Client(
            "openai-responses",
            "/v1/responses",
            lambda text: {"input": text},
            {"tools": [{"type": "function", **_FUNCTION}], "reasoning": {"effort": "high", "summary": "auto"}},
            _responses,
            b"event: response.completed",
            _named_error,
        ),
        Client(
            "openai-completions",
            "/v1/completions",
            lambda text: {"prompt": text, "max_tokens": 500},
            None,
            _completions,
            DONE,
            _has_error,
        ),
        Client(
            "anthropic-messages",
            "/v1/messages",
            lambda text: _messages(text) | {"max_tokens": 4000},
            {
                "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
                "thinking": {"type": "enabled", "budget_tokens": 1024},
            },
            _anthropic,
            b"event: message_stop",
            _named_error,
        ),
        Client(
            "gemini",
            "",
            lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
            {
                "tools": [
                    {"functionDeclarations": [{"name": "get_weather", "description": "W", "parametersJsonSchema": SCHEMA}]}
                ],
                "generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"}},
            },
            _gemini,
            b'"finishReason"',
            _has_error,
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
    model: Mapping[str, Any] = field(default_factory=dict)

    def run(self, behaviour: Behaviour, change: Callable[[Plan], Plan] = lambda plan: plan) -> "Came":
        """Through admission, attempt and simulator, to the end."""
        world = self.make_world()
        provider, model = PROVIDERS[self.provider]
        world.snapshot = replace(world.snapshot, providers={provider.name: provider})
        world.model("one", targets=(Target(provider.name, model),), **self.model)
        more = self.client.offer if self.tools else {}
        path, body = self.client.request(CALLING if self.tools else "Hello", stream=self.stream, more=more or {})
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
        body = self.seen.body
        if self.stream and self.client.marker == DONE and DONE not in body:
            body += b"data: [DONE]\n\n"  # some servers never send it, and the finish reason says the same
        return self.client.said(READ_ANSWER[self.client.name](body, ".sse" if self.stream else ".json"))

    def verdict(self) -> str:
        """``answer``, ``error`` or ``cut``; fails where it is none of them, or where the SDK or the row says otherwise."""
        kind = self._kind()
        outcomes = [row.outcome for row in self.recorder.attempts]
        assert len(outcomes) == 1, outcomes
        assert (outcomes == ["ok"]) is (kind == "answer"), (kind, outcomes)
        return kind

    def _kind(self) -> str:
        seen = self.seen
        if seen.status is None:
            assert not seen.body
            return "cut"
        if seen.status != 200:
            assert seen.ended
            self.client.check_error(seen.body)
            return "error"
        if not self.stream:
            assert seen.ended
            return "answer"
        events = self.client.events(seen.body)
        at = [index for index, event in enumerate(events) if self.client.is_error(*event)]
        if at:
            (first,) = at
            # OpenAI closes the response that has failed behind the error.
            assert [name for name, _ in events[first + 1 :]] in ([], ["response.failed"]), "one error, and nothing behind it"
            assert self.client.marker not in seen.body
            return "error"
        if not seen.ended:
            return "cut"
        assert seen.body.count(self.client.marker) <= 1
        return "answer"
