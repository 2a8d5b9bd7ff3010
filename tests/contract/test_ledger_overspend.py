"""Many clients, a provider that always takes the most it may, meters of every kind: no limit is ever exceeded.

``LLMGW_LEDGER_CLIENTS`` sets how many clients there are; 1,000 is the number that the README promises.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from harness import Gateway, Simulator
from ledger_lab import (
    NANOS,
    PROMPT,
    Books,
    Load,
    Watch,
    at_rest,
    balanced,
    bills,
    expected,
    key,
    provider,
    reckon,
    split_meter,
    target,
    turns,
)
from redis_server import RedisServer
from transfers import ANTHROPIC, OPENAI, Dialect

CLIENTS = int(os.environ.get("LLMGW_LEDGER_CLIENTS", "300"))
MOST = {"most": True, "tokens_per_second": 150, "first_token_delay": 0.05}
OUTPUT = 30
"""Tokens of every answer: a stream of a quarter of a second."""

KEYS = ("r1", "r2", "b1", "b2", "free")
MODELS = ("gpt", "claude", "both")

SIZE = CLIENTS / 300
"""Budgets grow with the number of clients, so that they are used up at about the same time."""


def usd(amount: float) -> float:
    """A budget, to the nano-dollar."""
    return round(amount * SIZE, 9)


def config(simulator: Simulator, store: str = "embedded") -> dict[str, Any]:
    """A request may cost up to 0.0003 dollars and 900 tokens; about 300 of 900 are to be paid for."""
    return {
        "workers": 2,
        "store": {"url": store},
        "money": {"output_floor": 5},
        "providers": {
            "o1": provider(simulator, "o1", limits={"tokens": f"{int(160_000 * SIZE)}/day"}),
            "a1": provider(simulator, "a1", budget={"usd": usd(0.03), "per": "total"}),
        },
        "models": {
            "gpt": {"targets": [target("o1")], "budget": {"usd": usd(0.02), "rolling": "24h"}},
            "claude": {"targets": [target("a1")], "limits": {"requests": f"{int(90 * SIZE)}/day"}},
            "both": {"targets": [target("o1", weight=50), target("a1", weight=50)]},
        },
        "orgs": {"acme": {"budget": {"usd": usd(0.05), "per": "total"}, "limits": {"concurrent": int(80 * SIZE)}}},
        "teams": {
            "red": {"org": "acme", "budget": {"usd": usd(0.03), "per": "total"}, "limits": {"concurrent": 40}},
            "blue": {"org": "acme", "limits": {"requests": f"{int(120 * SIZE)}/day", "output_tokens": "1M/day"}},
        },
        "keys": [
            key("r1", team="red", budget={"usd": usd(0.012), "per": "total"}, tags={"env": "qa"}),
            key("r2", team="red", limits={"tokens": f"{int(60_000 * SIZE)}/day", "concurrent": 25}),
            key("b1", team="blue", limits={"input_tokens": f"{int(40_000 * SIZE)}/h"}, tags={"env": "qa"}),
            key("b2", team="blue", budget={"usd": usd(0.011), "rolling": "7d"}),
            key("free", tags={"env": "qa"}, limits={"concurrent": 30}),
        ],
        "meters": [
            {"scope": {"tags": {"env": "qa"}}, "budget": {"usd": usd(0.025), "per": "total"}},
            {"scope": {"key": "*", "model": "both"}, "limits": {"requests": f"{int(30 * SIZE)}/day"}},
        ],
    }


def limits() -> Mapping[str, int]:
    """What the configuration says, by meter; written out, for a test that derives it with the gateway's code is none."""
    money = {
        "usd:total:provider=a1": 0.03,
        "usd:86400s:model=gpt": 0.02,
        "usd:total:org=acme": 0.05,
        "usd:total:team=red": 0.03,
        "usd:total:key=r1": 0.012,
        "usd:604800s:key=b2": 0.011,
        "usd:total:tag:env=qa": 0.025,
    }
    counts = {
        "tokens:86400s:provider=o1": int(160_000 * SIZE),
        "requests:86400s:model=claude": int(90 * SIZE),
        "concurrent:now:org=acme": int(80 * SIZE),
        "concurrent:now:team=red": 40,
        "requests:86400s:team=blue": int(120 * SIZE),
        "output_tokens:86400s:team=blue": 1_000_000,
        "tokens:86400s:key=r2": int(60_000 * SIZE),
        "concurrent:now:key=r2": 25,
        "input_tokens:3600s:key=b1": int(40_000 * SIZE),
        "concurrent:now:key=free": 30,
        **{f"requests:86400s:key={name}&model=both": int(30 * SIZE) for name in KEYS},
    }
    return {**{meter: round(usd(amount) * NANOS) for meter, amount in money.items()}, **counts}


def body(dialect: Dialect, model: str, dice: random.Random) -> dict[str, Any]:
    """Every request says how long its answer may be; some ask for two answers, or have their prompt cached."""
    if model == "gpt" and dialect is OPENAI and dice.random() < 0.3:
        return {"max_tokens": OUTPUT // 2, "n": 2}
    if model == "claude" and dialect is ANTHROPIC and dice.random() < 0.5:
        block = {"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral"}}
        return {"max_tokens": OUTPUT, "messages": [{"role": "user", "content": [block]}]}
    return {"max_tokens": OUTPUT}


async def overspend(gateways: list[Gateway], books: Books, simulator: Simulator, measured) -> None:
    """All clients ask three times; then everything is counted."""
    simulator.forget()
    simulator.script(o1=MOST, a1=MOST)
    load = Load(gateways)
    begun = time.monotonic()
    with Watch(books, limits()) as watch:
        await load.run(CLIENTS, KEYS, MODELS, turns(CLIENTS * 3), body)
    measured("seconds", round(time.monotonic() - begun, 1))
    await at_rest(books)
    watch.look()
    balanced(books)
    billed = bills(simulator)
    reckon(books, billed)
    measured("requests", len(load.asked))
    measured("answered", len(billed))
    measured("samples of all meters", watch.samples)

    codes = load.codes()
    measured("answers", dict(codes))
    assert set(codes) == {(200, ""), (402, "budget_exceeded"), (429, "rate_limited")}
    assert len(billed) == codes[200, ""] > CLIENTS / 2
    assert max(bill["output_tokens"] for bill in billed) == OUTPUT
    assert any(bill["cache_write_tokens"] for bill in billed)
    used_up = [meter for meter, most in watch.highest.items() if most > 0.9 * limits()[meter]]
    measured("meters that came within a tenth of their limit", len(used_up))
    assert {split_meter(meter)[0] for meter in used_up} >= {"usd", "requests", "concurrent"}
    assert expected("usd:total:org=acme", books.events()) > 0


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path / "redis", "--appendonly", "yes")
    yield server
    server.close()


async def test_nothing_is_overspent(start_gateway, simulator, measured):
    gateway = start_gateway(config(simulator))
    await overspend([gateway], Books.embedded(gateway), simulator, measured)


async def test_nothing_is_overspent_by_two_replicas_on_one_redis(start_gateway, simulator, redis, measured):
    gateways = [start_gateway(config(simulator, redis.url)) for _ in range(2)]
    await overspend(gateways, Books(redis.admin()), simulator, measured)
    answered = [sum(row["type"] == "request" and row["outcome"] == "ok" for row in one.all_rows()) for one in gateways]
    assert min(answered) > 0, f"one replica answered nothing: {answered}"


BAD_DAYS = [
    {**MOST, "status": 529},
    MOST,
    {**MOST, "fault": "error_event", "fault_at": 2},
    {**MOST, "fault": "malformed", "fault_at": 9},
    {**MOST, "fault": "early_end", "fault_at": 12},
    {**MOST, "status": 429, "retry_after": 0},
    {**MOST, "fault": "cut", "fault_at": 14},
    MOST,
    {**MOST, "drop_connection": True},
    {**MOST, "fault": "html"},
] * 200
"""One behaviour per call. No cut before the first token: Envoy goes on to the next provider by itself then."""


async def test_nothing_is_overspent_on_a_bad_day(start_gateway, simulator, measured):
    """Providers fail in every way, others stand in, clients leave: still no limit is exceeded, and the books are right."""
    configuration = config(simulator)
    chain = {"targets": [target("a1")], "fallbacks": [target("o1")]}
    configuration["models"]["both"] = chain
    gateway = start_gateway(configuration)
    books = Books.embedded(gateway)
    simulator.forget()
    simulator.script(o1=BAD_DAYS[1:], a1=BAD_DAYS)
    load = Load([gateway])

    def impatient(dialect: Dialect, model: str, dice: random.Random) -> dict[str, Any]:
        return body(dialect, model, dice) | ({"leave": dice.uniform(0.0, 0.4)} if dice.random() < 0.3 else {})

    with Watch(books, limits(), of="settled") as watch:
        await load.run(CLIENTS // 3, KEYS, MODELS, turns(CLIENTS), impatient)
    await at_rest(books, 45)
    watch.look()
    balanced(books)
    called, events = {bill["request_id"] for bill in simulator.usage()}, books.by_request()
    assert called <= events.keys(), "each call has an event"
    # Its client had left before Envoy had a connection.
    assert {event.usd for name, found in events.items() if name not in called for event in found} <= {0}
    measured("answers", dict(load.codes()))
    measured("calls", len(simulator.usage()))
    measured("events by outcome", dict(Counter(event.json["outcome"] for event in books.events())))
