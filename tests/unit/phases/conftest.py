"""A request played through both phases by hand: what Envoy would ask, and what would come of the replies.

``World``  configuration, clock, dice and recorder of one test; carries the metadata from phase to phase as Envoy does
``Try``    one attempt: its events, and the answer as the client would see it
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from extproc.accounting.tariffs import TariffBook
from extproc.config.directory import Declared
from extproc.config.snapshot import Model, Provider, Secret, Snapshot, Target, Telemetry, VirtualKey
from extproc.phases.admission import Admission, AdmissionDeps
from extproc.phases.attempt import Attempt, AttemptDeps
from extproc.phases.booking import Bookkeeper
from extproc.phases.events import (
    Abort,
    Replies,
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    Respond,
    ResponseBody,
    ResponseBodyReply,
    ResponseHeaders,
    ResponseHeadersReply,
    ResponseTrailers,
    ResponseTrailersReply,
)
from extproc.phases.fakes import FakeClock, FixedDice
from extproc.phases.settlement import Accounts, Lessons
from extproc.policy.meters import MeterBook
from extproc.policy.windows import Windows
from extproc.state.memory import MemoryLedger
from extproc.telemetry.fakes import RecordingFake
from extproc.telemetry.traces import NullTracer

KEY = "sk-test"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def provider(name: str, dialect: str = "openai") -> Provider:
    return Provider(name=name, dialect=dialect, base_url=f"https://{name}.example/v1", api_key=Secret(f"key-of-{name}"))


def digest(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


PROVIDERS = {p.name: p for p in (provider("o1"), provider("o2"), provider("o3"), provider("a1", "anthropic"))}
MODELS = {
    m.name: m
    for m in (
        Model("one", (Target("o1", "m1"),), retry_on=frozenset({429, 500, 502, 503, "connect", "timeout"})),
        Model(
            "two",
            (Target("o1", "m1"),),
            fallbacks=(Target("o2", "m2"),),
            aliases=("zwei",),
            retry_on=frozenset({429, 500, 502, 503, 504, "connect", "timeout"}),
            created=1_700_000_000,
            display_name="Model two",
        ),
        Model("claude", (Target("a1", "c1", max_output_tokens=77),)),
        Model("mixed", (Target("a1", "c1"),), fallbacks=(Target("o1", "m1"),), retry_on=frozenset({429})),
        Model("off", (Target("o1", "m1"),), enabled=False),
    )
}
SNAPSHOT = Snapshot(
    version="c0ffee",
    listen_host="0.0.0.0",
    listen_port=8080,
    admin_host="127.0.0.1",
    admin_port=9090,
    admin_token=None,
    workers=1,
    max_request_bytes=1024,
    providers=PROVIDERS,
    models=MODELS,
    names={n: m.name for m in MODELS.values() for n in (m.name, *m.aliases)},
    keys={
        key.sha256: key
        for key in (
            VirtualKey("ci", digest(KEY), team="search", tags={"env": "qa"}),
            VirtualKey("scoped", digest("sk-scoped"), models=frozenset({"two"})),
            VirtualKey("old", digest("sk-old"), enabled=False),
        )
    },
    telemetry=Telemetry(),
)

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"


@dataclass
class Seen:
    """What has reached the client, or Envoy's router, of one response."""

    status: int | None = None
    set_headers: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    body: bytes = b""
    ended: bool = False
    trailers: bool = False
    pieces: int = 0
    details: str | None = None
    aborted: bool = False

    def take(self, replies: Replies) -> None:
        """Add replies. Fails where they come in an order that Envoy does not allow."""
        for reply in replies:
            assert not self.aborted, "something behind the last reply"
            match reply:
                case ResponseHeadersReply():
                    assert self.status is None, "headers twice"
                    self.status = reply.status
                    self.set_headers = dict(reply.set_headers)
                    self.removed = set(reply.remove_headers)
                    if reply.body is not None:
                        self.body, self.ended = reply.body, True
                case ResponseBodyReply():
                    assert self.status is not None, "a body before the headers"
                    assert not self.ended, "a body behind its end"
                    self.body += reply.data
                    self.pieces += 1
                    self.ended = reply.end
                case ResponseTrailersReply():
                    assert not self.trailers, "trailers twice"
                    self.trailers = True
                case Respond():
                    assert self.status is None, "an answer of our own behind the headers"
                    self.status, self.body, self.ended = reply.status, reply.body, True
                    self.set_headers, self.details = dict(reply.set_headers), reply.details
                case Abort():
                    self.aborted = True
                case _:
                    raise AssertionError(f"{reply} is no response")

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of an error body."""
        error = self.json["error"]
        return error.get("code") or error["details"]["error_code"]


class Try:
    """One attempt under way. ``sent``: the reply that changed the request."""

    def __init__(self, world: "World", phase: Attempt) -> None:
        self._world = world
        self.phase = phase
        self.seen = Seen()
        self.sent: RequestBodyReply | None = None
        self.open = True

    def _take(self, replies: Replies) -> Replies:
        for reply in replies:
            metadata = getattr(reply, "metadata", None)
            self._world.metadata |= metadata or {}
        self.seen.take(replies)
        return replies

    def headers(self, status: int = 200, *, end: bool = False, **headers: str) -> Replies:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        event = ResponseHeaders(status, {"server": "vendor", **named}, dict(self._world.metadata), end)
        return self._take(self.phase.handle(event))

    def body(self, data: bytes = b"", *, end: bool = False) -> Replies:
        return self._take(self.phase.handle(ResponseBody(data, end)))

    def trailers(self) -> Replies:
        return self._take(self.phase.handle(ResponseTrailers()))

    def wait(self, seconds: float) -> Replies:
        """Let time pass; the phase is woken where its deadline passes."""
        replies: Replies = ()
        clock, end = self._world.clock, self._world.clock.monotonic() + seconds
        while self.phase.deadline is not None and self.phase.deadline <= end:
            clock.advance(max(0.0, self.phase.deadline - clock.monotonic()))
            replies += self._take(self.phase.wake())
        clock.advance(end - clock.monotonic())
        return replies

    def close(self, *, crashed: bool = False) -> None:
        assert self.open
        self.open = False
        self.phase.close(crashed=crashed)


class World:
    """See the module's docstring."""

    def __init__(self) -> None:
        self.snapshot = SNAPSHOT
        self.clock = FakeClock()
        self.dice = FixedDice()
        self.recorder = RecordingFake()
        self.ledger: MemoryLedger | None = None
        """None: there is no store."""
        self.lessons = Lessons()
        self.metadata: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.request = b""
        self.admission: Admission | None = None
        self.attempts = 0

    def model(self, name: str, **changes: Any) -> None:
        """Change a model of the catalogue; an unknown name makes a new one."""
        known = self.snapshot.models.get(name) or Model(name, (Target("o1", "m1"),))
        models = {**self.snapshot.models, name: replace(known, **changes)}
        self.snapshot = replace(self.snapshot, models=models, names={**self.snapshot.names, name: name})

    def bookkeeper(self) -> Bookkeeper | None:
        """What makes bookings, where there is a ledger."""
        if self.ledger is None:
            return None
        return Bookkeeper(
            snapshot=self.snapshot,
            meters=MeterBook(self.snapshot),
            tariffs=TariffBook(self.snapshot),
            windows=Windows(),
            ledger=self.ledger,
            dice=self.dice,
        )

    def admit(self, path: str = CHAT, *, method: str = "POST", end: bool = False, **headers: str | None) -> Replies:
        """The request's headers."""
        deps = AdmissionDeps(
            snapshot=self.snapshot,
            directory=Declared(self.snapshot),
            bookkeeper=self.bookkeeper(),
            tokens=None,
            clock=self.clock,
            dice=self.dice,
            recorder=self.recorder,
            tracer=NullTracer(),
        )
        self.admission = Admission(deps)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        base: dict[str, str | None] = {
            ":method": method,
            ":path": path,
            ":authority": "gateway",
            ":scheme": "http",
            "x-forwarded-proto": "http",
            "authorization": f"Bearer {KEY}",
            "x-request-id": "req-1",
            "content-type": "application/json",
            "traceparent": TRACE,
        }
        self.headers = {name: value for name, value in {**base, **named}.items() if value is not None}
        return self.admission.handle(RequestHeaders(dict(self.headers), {}, None, 0, end))

    def ask(self, body: Mapping[str, Any] | bytes, path: str = CHAT, **headers: str | None) -> Replies:
        """Headers and body."""
        self.request = body if isinstance(body, bytes) else orjson.dumps(body)
        replies = self.admit(path, **headers)
        if any(isinstance(reply, Respond) for reply in replies):
            return replies
        assert self.admission is not None
        replies = self.admission.handle(RequestBody(self.request))
        for reply in replies:
            if isinstance(reply, RequestBodyReply):
                self.metadata |= reply.metadata or {}
                kept = {n: v for n, v in self.headers.items() if n not in reply.remove_headers}
                self.headers = kept | dict(reply.set_headers)
        return replies

    def chat(self, model: str = "two", *, stream: bool = False, **body: Any) -> Replies:
        """Ask for a chat completion."""
        turns = [{"role": "user", "content": "Hi"}]
        return self.ask({"model": model, "messages": turns, **({"stream": True} if stream else {}), **body})

    def open(self, *, cluster: str | None = None, number: int | None = None) -> tuple[Try, Replies]:
        """The next attempt, up to its request headers; their reply is returned as it is."""
        self.attempts = number if number is not None else self.attempts + 1
        deps = AttemptDeps(
            snapshot=self.snapshot,
            directory=Declared(self.snapshot),
            accounts=Accounts(TariffBook(self.snapshot), self.lessons, self.ledger),
            clock=self.clock,
            recorder=self.recorder,
            tracer=NullTracer(),
        )
        attempt = Attempt(deps)
        if cluster is None:
            chain = orjson.loads(self.metadata["h"])[8]
            cluster = f"provider-{chain[min(self.attempts, len(chain)) - 1][0]}"
        event = RequestHeaders(dict(self.headers), dict(self.metadata), cluster, self.attempts, end=False)
        return Try(self, attempt), attempt.handle(event)

    def send(self) -> Try:
        """The next attempt, up to its request being on its way."""
        attempt, _ = self.open()
        (reply,) = attempt.phase.handle(RequestBody(self.request))
        if isinstance(reply, RequestBodyReply):
            attempt.sent = reply
            self.metadata |= reply.metadata or {}
            kept = {n: v for n, v in self.headers.items() if n not in reply.remove_headers}
            self.headers = kept | dict(reply.set_headers)
        else:
            attempt._take((reply,))
        return attempt

    def answer(self, status: int, **headers: str) -> Seen:
        """The response's headers on their way to the client, as admission sees them."""
        assert self.admission is not None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        replies = self.admission.handle(ResponseHeaders(status, named, dict(self.metadata), end=False))
        seen = Seen()
        seen.take(replies)
        return seen

    def leave(self, *, crashed: bool = False) -> None:
        """Admission's stream ends."""
        assert self.admission is not None
        self.admission.close(crashed=crashed)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    """For tests that play many times."""
    return World


def chunk(**delta: Any) -> bytes:
    finish = delta.pop("finish_reason", None)
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _data({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m1", "choices": [choice]})


def _data(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


@dataclass(frozen=True)
class Stream:
    """Pieces of an OpenAI stream."""

    role = staticmethod(lambda: chunk(role="assistant", content=""))
    text = staticmethod(lambda text: chunk(content=text))
    finish = staticmethod(lambda reason="stop": chunk(finish_reason=reason))
    usage = staticmethod(
        lambda: _data(
            {
                "id": "c1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "m1",
                "choices": [],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
            }
        )
    )
    error = staticmethod(lambda: _data({"error": {"message": "The server is on fire", "type": "server_error"}}))
    done = b"data: [DONE]\n\n"
    garbage = b'data: {"id": "c1", "choi\n\n'
    comment = b": keep-alive\n\n"


@pytest.fixture(scope="session")
def sse() -> Stream:
    return Stream()


@pytest.fixture
def completion() -> bytes:
    """A whole OpenAI answer."""
    message = {"role": "assistant", "content": "Hello"}
    return orjson.dumps(
        {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "m1-2026",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }
    )
