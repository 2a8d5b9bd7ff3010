"""A request played through both phases by hand: what Envoy would ask, and what would come of the replies.

``World``  configuration, clock, dice and recorder of one test; carries the metadata from phase to phase as Envoy does
``Try``    one attempt: its events, and the answer as the client would see it
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from extproc.accounting.tariffs import TariffBook
from extproc.config.directory import Declared
from extproc.config.snapshot import Model, Party, Price, Target
from extproc.credentials.keeper import CredentialKeeper
from extproc.domain.ledger import UsageEvent
from extproc.domain.meters import Meter
from extproc.phases.admission import Admission, AdmissionDeps
from extproc.phases.attempt import Attempt, AttemptDeps
from extproc.phases.booking import Bookkeeper
from extproc.phases.events import (
    Replies,
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    Respond,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
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
from tests.unit.phases.catalogue import CHEAP, KEY, SNAPSHOT, digest
from tests.unit.phases.seen import Seen

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CHAT = "/v1/chat/completions"
LOOP: list[asyncio.AbstractEventLoop] = []
"""The one on which worlds run what waits for a ledger; a fixture puts it there."""


def run(call: Callable[[], Replies | Awaitable[Replies]]) -> Replies:
    """What a phase says, waited for to its end. The phase is called within the loop, as it is by the transport."""

    async def inside() -> Replies:
        result = call()
        return result if isinstance(result, tuple) else await result

    return LOOP[0].run_until_complete(inside())


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
