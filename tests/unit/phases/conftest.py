"""A request played through both phases by hand: what Envoy would ask, and what would come of the replies.

``World``  configuration, clock, dice and recorder of one test; carries the metadata from phase to phase as Envoy does
``Try``    one attempt: its events, and the answer as the client would see it
``Claude`` pieces of Anthropic's streams, as ``Stream`` has those of OpenAI's
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from extproc.accounting.tariffs import TariffBook
from extproc.config.directory import Declared
from extproc.config.snapshot import Model, Party, Price, Provider, Secret, Snapshot, Target, Telemetry, VirtualKey
from extproc.credentials.keeper import CredentialKeeper
from extproc.domain.ledger import UsageEvent
from extproc.domain.meters import Meter, Unit, Window, meter_id
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
from extproc.phases.exchange import Parties
from extproc.phases.fakes import FakeClock, FixedDice
from extproc.phases.settlement import Accounts, Lessons
from extproc.phases.worst import Reckoner
from extproc.policy.keys import TokenCheck
from extproc.policy.meters import MeterBook
from extproc.policy.windows import Windows
from extproc.providers.credential import Credentials
from extproc.state.counters import Counter
from extproc.state.events import decode_event
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
    max_request_bytes=64 * 1024 * 1024,
    providers=PROVIDERS,
    models=MODELS,
    names={n: m.name for m in MODELS.values() for n in (m.name, *m.aliases)},
    keys={
        key.sha256: key
        for key in (
            VirtualKey("ci", digest(KEY), id="ci", team="search", tags={"env": "qa"}),
            VirtualKey("scoped", digest("sk-scoped"), id="scoped", models=frozenset({"two"})),
            VirtualKey("old", digest("sk-old"), id="old", enabled=False),
        )
    },
    telemetry=Telemetry(),
)

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"

DAY = Window("calendar", "day")
MINUTE = Window("rolling", seconds=60)
NOW = Window("now")
CHEAP = Price(Decimal(1), Decimal(10))
"""A prompt token costs 1000 nano-dollars, one of the answer 10,000."""

_LOOP: list[asyncio.AbstractEventLoop] = []


@pytest.fixture(scope="session", autouse=True)
def event_loop_of_worlds() -> Iterator[None]:
    """Worlds run what waits for a ledger on one loop."""
    loop = asyncio.new_event_loop()
    _LOOP.append(loop)
    yield
    _LOOP.remove(loop)
    loop.close()


def run(call: Callable[[], Replies | Awaitable[Replies]]) -> Replies:
    """What a phase says, waited for to its end. The phase is called within the loop, as it is by the transport."""

    async def inside() -> Replies:
        result = call()
        return result if isinstance(result, tuple) else await result

    return _LOOP[0].run_until_complete(inside())


def make_meter(
    unit: Unit, limit: int, window: Window = DAY, scope: Mapping[str, str] | None = None, **rest: Any
) -> Meter:
    """A meter; of the key's where no scope is given."""
    parts = tuple((scope or {"key": "ci"}).items())
    return Meter(meter_id(parts, unit, window), parts, unit, window, limit, **rest)


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
        return self._take(self._world.run(lambda: self.phase.handle(event)))

    def body(self, data: bytes = b"", *, end: bool = False) -> Replies:
        return self._take(self._world.run(lambda: self.phase.handle(ResponseBody(data, end))))

    def trailers(self) -> Replies:
        return self._take(self._world.run(lambda: self.phase.handle(ResponseTrailers())))

    def wait(self, seconds: float) -> Replies:
        """Let time pass; the phase is woken where its deadline passes."""
        replies: Replies = ()
        clock, end = self._world.clock, self._world.clock.monotonic() + seconds
        while self.phase.deadline is not None and self.phase.deadline <= end:
            clock.advance(max(0.0, self.phase.deadline - clock.monotonic()))
            replies += self._take(self._world.run(self.phase.wake))
        clock.advance(end - clock.monotonic())
        if self._world.ledger is not None:
            self._world.ledger.renew()
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
        self.tokens: TokenCheck | None = None
        """None: no identity provider."""
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

    def run(self, call: Callable[[], Replies | Awaitable[Replies]]) -> Replies:
        """What a phase says. Without a ledger or identity provider there is nothing to wait for."""
        if self.ledger is not None or self.tokens is not None:
            return run(call)
        replies = call()
        assert isinstance(replies, tuple)
        return replies

    def another(self) -> "World":
        """A further request, to the same gateway."""
        world = World()
        for name in ("snapshot", "clock", "dice", "recorder", "ledger", "tokens", "lessons"):
            setattr(world, name, getattr(self, name))
        return world

    def key(self, **changes: Any) -> None:
        """Change the key that requests are made with."""
        keys = {**self.snapshot.keys, digest(KEY): replace(self.snapshot.keys[digest(KEY)], **changes)}
        self.snapshot = replace(self.snapshot, keys=keys)

    def party(self, kind: Any, name: str, **rest: Any) -> None:
        """Declare an organisation, team or user."""
        parties = {**self.snapshot.parties, (kind, name): Party(kind, name, **rest)}
        self.snapshot = replace(self.snapshot, parties=parties)

    def provider(self, name: str, **changes: Any) -> None:
        """Change a provider."""
        known = self.snapshot.providers[name]
        self.snapshot = replace(self.snapshot, providers={**self.snapshot.providers, name: replace(known, **changes)})

    def priced(self, price: Price | None = CHEAP) -> None:
        """One price for every target of the catalogue, and a ledger to book with."""
        for model in self.snapshot.models.values():
            self.model(
                model.name,
                targets=tuple(replace(target, price=price) for target in model.targets),
                fallbacks=tuple(replace(target, price=price) for target in model.fallbacks),
            )
        self.ledger = self.ledger or MemoryLedger(self.clock.now_ns)

    def meters(self, *meters: Meter) -> None:
        """Those of models, providers, tags and combinations."""
        self.snapshot = replace(self.snapshot, meters=meters)

    def money(self, **changes: Any) -> None:
        """Change the rules of money."""
        self.snapshot = replace(self.snapshot, money=replace(self.snapshot.money, **changes))

    def stand(self, meter: Meter) -> Counter:
        """Where a meter stands."""
        assert self.ledger is not None
        found = [
            counter
            for key, counter in self.ledger.books.counters.counters.items()
            if f"m:{meter.id}" in {key, key.rpartition(":")[0]}
        ]
        assert len(found) == 1, f"{meter.id} was counted {len(found)} times"
        return found[0]

    def settle(self) -> None:
        """Let the grace of whatever has ended pass; fails where a hold is still there, or had to expire."""
        assert self.ledger is not None
        self.clock.advance(31)
        books = self.ledger.books
        books.sweep(1000, self.clock.now_ns() // 1_000_000)
        assert books.rows == {}, "a hold that nobody has ended"
        assert self.ledger.kept == {}, "a hold that is renewed for ever"
        assert "expired" not in {entry.state for entry in books.events}, "a hold that nobody has settled"
        for key, counter in books.counters.counters.items():
            assert counter.held == 0, key

    @property
    def events(self) -> list[UsageEvent]:
        """What the ledger has written."""
        assert self.ledger is not None
        return [decode_event(entry.event) for entry in self.ledger.books.events]

    def bookkeeper(self) -> Bookkeeper | None:
        """What makes bookings, where there is a ledger."""
        if self.ledger is None:
            return None
        return Bookkeeper(
            snapshot=self.snapshot,
            meters=MeterBook(self.snapshot),
            reckoner=Reckoner(self.snapshot, TariffBook(self.snapshot)),
            windows=Windows(),
            ledger=self.ledger,
            dice=self.dice,
        )

    def credentials(self) -> Credentials:
        """Those that stand in the configuration."""
        return CredentialKeeper(self.snapshot, lambda _: None, self.clock)

    def admit(self, path: str = CHAT, *, method: str = "POST", end: bool = False, **headers: str | None) -> Replies:
        """The request's headers."""
        deps = AdmissionDeps(
            snapshot=self.snapshot,
            directory=Declared(self.snapshot),
            credentials=self.credentials(),
            bookkeeper=self.bookkeeper(),
            tokens=self.tokens,
            clock=self.clock,
            dice=self.dice,
            recorder=self.recorder,
            tracer=NullTracer(),
        )
        admission = self.admission = Admission(deps)
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
        event = RequestHeaders(dict(self.headers), {}, None, 0, end)
        return self.run(lambda: admission.handle(event))

    def ask(self, body: Mapping[str, Any] | bytes, path: str = CHAT, **headers: str | None) -> Replies:
        """Headers and body."""
        self.request = body if isinstance(body, bytes) else orjson.dumps(body)
        replies = self.admit(path, **headers)
        if any(isinstance(reply, Respond) for reply in replies):
            return replies
        admission = self.admission
        assert admission is not None
        replies = self.run(lambda: admission.handle(RequestBody(self.request)))
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
            parties=Parties(self.snapshot, Declared(self.snapshot), self.credentials()),
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
        (reply,) = run(lambda: attempt.phase.handle(RequestBody(self.request)))
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


def _named(value: Mapping[str, Any]) -> bytes:
    return b"event: " + str(value["type"]).encode() + b"\n" + _data(value)


class Claude:
    """Pieces of an Anthropic stream, and a whole answer."""

    def start(self, *, input: int = 5, output: int = 1, **usage: int) -> bytes:  # noqa: A002  the vendor's words
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "c1",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": input, "output_tokens": output, **usage},
        }
        opened = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        return _named({"type": "message_start", "message": message}) + _named(opened)

    def text(self, text: str) -> bytes:
        return _named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})

    def stop(self, *, output: int = 2) -> bytes:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return (
            _named({"type": "content_block_stop", "index": 0})
            + _named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": output}})
            + _named({"type": "message_stop"})
        )

    def error(self) -> bytes:
        return _named({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})

    def whole(self, *, input: int = 5, output: int = 2) -> bytes:  # noqa: A002  the vendor's words
        return orjson.dumps(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "c1",
                "content": [{"type": "text", "text": "Hello"}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": input, "output_tokens": output},
            }
        )


@pytest.fixture(scope="session")
def claude() -> Claude:
    return Claude()


@pytest.fixture(scope="session")
def meter() -> Callable[..., Meter]:
    return make_meter


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
