"""The ledger's books as they stand in Redis, and an independent reckoning of what they should say.

``Books``      meters, holds and usage events of a gateway, read straight from its Redis
``reckon``     what the provider billed, priced from the price list below with fractions: shares no code with the gateway
``balanced``   the claim of every test here: at rest each meter is the sum of its events, and nothing is held
``Load``       many clients that ask in either dialect and keep what became of each request
"""

import asyncio
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, Self
from urllib.parse import unquote

import httpx
import orjson
from harness import Gateway, Simulator, eventually, new_id, sha256
from redis import Redis
from transfers import ANTHROPIC, OPENAI, Dialect, Transfer, transfer

NANOS = 1_000_000_000

PRICES: Mapping[str, Mapping[str, str]] = {
    "gpt-4o": {"input": "0.3777", "output": "1.1311", "cache_read": "0.1", "request": "0.000017"},
    "claude-sonnet-4-6": {
        "input": "0.3001",
        "output": "1.5003",
        "cache_read": "0.03",
        "cache_write": "0.37501",
        "cache_write_1h": "0.6",
    },
}
"""US dollars per million tokens, ``request`` each; so odd that rounding shows."""

_SNAPSHOT = """
local found = {}
for _, key in ipairs(redis.call('KEYS', KEYS[1] .. 'm:*')) do
  local got = redis.call('HMGET', key, 's', 't', 'h')
  found[#found + 1] = { key, got[1] or got[2] or '0', got[3] or '0' }
end
return found
"""
"""All meters at one moment."""


def price(model: str) -> dict[str, float]:
    """A target's price, as the configuration takes it."""
    return {name: float(amount) for name, amount in PRICES[model].items()}


def target(provider: str, **more: Any) -> dict[str, Any]:
    """A target of a model; providers are named by their dialect: ``o1`` speaks OpenAI's, ``a1`` Anthropic's."""
    model = "gpt-4o" if provider.startswith("o") else "claude-sonnet-4-6"
    return {"provider": provider, "model": model, "price": price(model), **more}


def provider(simulator: Simulator, name: str, **more: Any) -> dict[str, Any]:
    """A provider that the simulator plays."""
    base = f"{simulator.url}/p/{name}"
    if name.startswith("o"):
        return {"dialect": "openai", "base_url": f"{base}/v1", "api_key": f"sk-provider-{name}", **more}
    return {"dialect": "anthropic", "base_url": base, "api_key": f"sk-provider-{name}", **more}


def secret(name: str) -> str:
    """The virtual key of that name."""
    return f"sk-llmgw-ledger-{name}"


def key(name: str, **more: Any) -> dict[str, Any]:
    """A declared key."""
    return {"name": name, "sha256": sha256(secret(name)), **more}


# -- what the provider billed -------------------------------------------------------------------------------------------


def cost(bill: Mapping[str, Any]) -> int:
    """Nano-dollars of one call by the price list, rounded up."""
    prices = {name: Fraction(amount) for name, amount in PRICES[bill["model"]].items()}
    read, written = bill["cache_read_tokens"], bill["cache_write_tokens"]
    tokens = (
        (bill["input_tokens"] - read - written) * prices["input"]
        + read * prices["cache_read"]
        + written * prices.get("cache_write", prices["input"])
        + bill["output_tokens"] * prices["output"]
    )
    return math.ceil((tokens / 1_000_000 + prices.get("request", Fraction(0))) * NANOS)


def bills(simulator: Simulator) -> list[dict[str, Any]]:
    """Every call that a provider took, since the last ``forget``."""
    return [bill for bill in simulator.usage() if bill["status"] == 200]


# -- the books ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """A meter at a moment."""

    settled: int
    held: int


@dataclass(frozen=True)
class Entry:
    """A usage event; amounts are those that went on the meters."""

    state: str
    json: Mapping[str, Any]
    usd: int
    input_tokens: int
    output_tokens: int

    @property
    def request_id(self) -> str:
        return self.json["request_id"]

    def counts_for(self, scope: Iterable[tuple[str, str]]) -> bool:
        """Whether a meter of that scope counts it. A team's own account at a provider is not the gateway's."""
        for kind, value in scope:
            if kind.startswith("tag:"):
                mine = self.json.get("tags", {}).get(kind.removeprefix("tag:"))
            else:
                mine = self.json.get("key_id" if kind == "key" else kind)
            if mine != value or (kind == "provider" and self.json.get("byok")):
                return False
        return True

    def amount(self, unit: str) -> int:
        """What it adds to a meter of that unit; requests are counted by ``expected``."""
        return {
            "usd": self.usd,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "tokens": self.input_tokens + self.output_tokens,
        }[unit]


def split_meter(meter: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Unit, window and scope of a meter's id, as the key layout documents it."""
    unit, when, rest = meter.split(":", 2)
    return (
        unit,
        when,
        [(unquote(kind), unquote(value)) for kind, _, value in (p.partition("=") for p in rest.split("&"))],
    )


class Books:
    """One ledger, by its Redis."""

    def __init__(self, client: Redis, prefix: str = "llmgw") -> None:
        self.client = client
        self._root = f"{{{prefix}}}:"

    @classmethod
    def embedded(cls, gateway: Gateway) -> "Books":
        """Those of the store that a gateway brought along."""
        return cls(Redis(unix_socket_path=str(gateway.run_dir() / "store.sock"), protocol=2))

    def meters(self) -> dict[str, Standing]:
        """All meters at one moment, by id; calendar ones have their window's start behind it, but ``total``."""
        found: dict[str, Standing] = {}
        for name, settled, held in self.client.eval(_SNAPSHOT, 1, self._root):
            meter = name.decode().removeprefix(f"{self._root}m:")
            meter = meter.removesuffix(":0") if meter.split(":")[1] == "total" else meter
            found[meter] = Standing(int(settled), int(held))
        return found

    def holds(self) -> int:
        """Rows of holds, expiries without a row counted too."""
        rows = sum(1 for _ in self.client.scan_iter(f"{self._root}h:*", count=1000))
        return max(rows, self.client.zcard(f"{self._root}x"))

    def events(self) -> list[Entry]:
        """All usage events, in order."""
        found: list[Entry] = []
        for _, fields in self.client.xrange(f"{self._root}e"):
            event = orjson.loads(fields[b"e"])
            if b"usd" in fields:
                amounts = [int(fields[name]) for name in (b"usd", b"in", b"out")]
            else:
                amounts = [event.get(name, 0) for name in ("usd", "input_tokens", "output_tokens")]
            found.append(Entry(fields.get(b"state", b"").decode(), event, *amounts))
        return found

    def by_request(self) -> dict[str, list[Entry]]:
        """Events by the client's request id."""
        found: dict[str, list[Entry]] = {}
        for event in self.events():
            found.setdefault(event.request_id, []).append(event)
        return found

    def everything(self) -> bytes:
        """All keys and values, for a search."""
        parts: list[bytes] = []
        for name in self.client.scan_iter(count=1000):
            parts += [name, self.client.dump(name) or b""]
            if self.client.type(name) == b"string":
                parts.append(self.client.get(name) or b"")
            elif self.client.type(name) == b"hash":
                parts += [part for pair in self.client.hgetall(name).items() for part in pair]
            elif self.client.type(name) == b"stream":
                parts += [part for _, fields in self.client.xrange(name) for pair in fields.items() for part in pair]
        return b"\n".join(parts)


def expected(meter: str, events: Sequence[Entry]) -> int:
    """What a meter should have settled, by the events: a request counts once, however many attempts it had."""
    unit, _, scope = split_meter(meter)
    counted = [event for event in events if event.counts_for(scope)]
    if unit == "concurrent":
        return 0
    if unit == "requests":
        return len({event.json["hold_id"] for event in counted})
    return sum(event.amount(unit) for event in counted)


async def at_rest(books: Books, seconds: float = 15.0) -> None:
    """Until nothing is held: no row, and no amount on any meter."""
    await eventually(lambda: not books.holds(), "all holds to end", seconds)
    assert [name for name, meter in books.meters().items() if meter.held] == []


def balanced(books: Books, unit: str = "") -> None:
    """Each meter (of that unit) is the sum of its events, to the nano-dollar."""
    events, meters = books.events(), {name: m for name, m in books.meters().items() if name.startswith(unit)}
    sums = {name: (meter.settled, expected(name, events)) for name, meter in meters.items()}
    wrong = {name: pair for name, pair in sums.items() if pair[0] != pair[1]}
    assert not wrong, f"settled, and what the events come to: {wrong}; {Counter(event.state for event in events)}"


def reckon(books: Books, billed: Sequence[Mapping[str, Any]]) -> None:
    """The provider's own record, counted and priced here, is the ledger's, call by call."""
    events = books.by_request()
    told = {name: [(e.usd, e.input_tokens, e.output_tokens) for e in found] for name, found in events.items()}
    true: dict[str, list[tuple[int, int, int]]] = {}
    for bill in billed:
        true.setdefault(bill["request_id"], []).append((cost(bill), bill["input_tokens"], bill["output_tokens"]))
    assert told == true


class Watch:
    """Looks at the meters again and again, in a thread: none may ever stand above its limit, by settled and held together.

    ``of="settled"``: by that alone, for what a failed attempt has cost counts while its request still holds all of its
    bound. Leaving the context raises what was seen to be wrong.
    """

    def __init__(self, books: Books, limits: Mapping[str, int], *, of: Literal["both", "settled"] = "both") -> None:
        self._books = books
        self._limits = limits
        self._of = of
        self._done = threading.Event()
        self._watching: Future[None] | None = None
        self.samples = 0
        self.highest: Counter[str] = Counter()
        """The most that each meter ever stood at."""

    def look(self) -> None:
        """One sample."""
        self.samples += 1
        for meter, standing in self._books.meters().items():
            total = standing.settled + (standing.held if self._of == "both" else 0)
            assert total <= self._limits[meter], (meter, standing, self._limits[meter])
            assert min(standing.settled, standing.held) >= 0, (meter, standing)
            self.highest[meter] = max(self.highest[meter], total)

    def _run(self) -> None:
        while not self._done.wait(0.02):
            self.look()

    def __enter__(self) -> Self:
        pool = ThreadPoolExecutor(1)
        self._watching = pool.submit(self._run)
        pool.shutdown(wait=False)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._watching is not None
        self._done.set()
        self._watching.result()
        self.look()


# -- clients ------------------------------------------------------------------------------------------------------------

PROMPT = "Tell me, in as many words as you may use, what the river does when nobody looks at it. " * 4


@dataclass
class Asked:
    """A request and what became of it."""

    id: str
    key: str
    dialect: Dialect
    stream: bool
    got: Transfer = field(default_factory=Transfer)
    began: float = field(default_factory=time.monotonic)
    ended: float = math.inf

    @property
    def good(self) -> bool:
        """Answered, whole."""
        return self.got.status == 200 and self.got.complete and (not self.stream or self.got.finished)

    @property
    def code(self) -> str:
        """The error's code; empty where there is none, ``cut`` where the answer broke off."""
        if self.got.status == 200:
            return "" if self.good else "cut"
        if not self.got.body.startswith(b"{"):
            return f"status {self.got.status}"
        return self.dialect.error(self.got.json)[1]


class Load:
    """Clients of gateways, each asking one request after the other; ``seed`` decides who asks what."""

    def __init__(self, gateways: Sequence[Gateway], *, seed: int = 1) -> None:
        self._gateways = gateways
        self._dice = random.Random(seed)
        self.asked: list[Asked] = []

    def codes(self, key: str | None = None) -> Counter[tuple[int, str]]:
        """How often each status and error code came."""
        return Counter((one.got.status, one.code) for one in self.asked if key in {None, one.key})

    async def ask(self, http: httpx.AsyncClient, key: str, model: str, dialect: Dialect, **more: Any) -> Asked:
        """One request; ``leave``: after so many seconds its client goes away."""
        stream = more.pop("stream", False)
        one = Asked(new_id(), key, dialect, stream)
        self.asked.append(one)
        headers = {"authorization": f"Bearer {secret(key)}", "x-request-id": one.id}
        try:
            async with asyncio.timeout(more.pop("leave", None)):
                one.got = await transfer(
                    http, dialect.path, dialect.body(model, PROMPT, stream=stream, **more), headers
                )
        except (httpx.TransportError, TimeoutError):
            one.got = Transfer()
        one.ended = time.monotonic()
        return one

    async def run(
        self,
        clients: int,
        keys: Sequence[str],
        models: Sequence[str],
        more: Callable[[], bool],
        body: Callable[[Dialect, str, random.Random], Mapping[str, Any]],
    ) -> None:
        """All clients, until ``more`` says no; half of the requests are streams, half of either dialect.

        ``body``: what a request of that dialect for that model says besides.
        """

        async def client(number: int, http: httpx.AsyncClient) -> None:
            dice = random.Random(self._dice.random())
            turn = 0
            while more():
                dialect = (OPENAI, ANTHROPIC)[(number + turn) % 2]
                stream = (number // 2 + turn) % 2 == 0
                turn += 1
                model = dice.choice(models)
                extra = body(dialect, model, dice)
                one = await self.ask(http, keys[number % len(keys)], model, dialect, stream=stream, **extra)
                if not one.good:
                    await asyncio.sleep(dice.uniform(0.02, 0.2))  # a client that is refused does not hammer

        pools = [
            httpx.AsyncClient(
                base_url=self._gateways[at % len(self._gateways)].url,
                timeout=40.0,
                verify=False,  # noqa: S501  plain HTTP
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            )
            for at in range(max(len(self._gateways), clients // 50))
        ]
        try:
            await asyncio.gather(*(client(number, pools[number % len(pools)]) for number in range(clients)))
        finally:
            for pool in pools:
                await pool.aclose()


def turns(total: int) -> Callable[[], bool]:
    """True so many times, for all who ask together."""
    left = iter(range(total))
    return lambda: next(left, None) is not None
