"""Redis goes away under load and comes back: the stated policy holds, and nothing is lost or counted twice.

``LLMGW_LEDGER_OUTAGE`` sets for how many seconds it is away.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from harness import Simulator, eventually
from ledger_lab import (
    NANOS,
    Books,
    Load,
    at_rest,
    balanced,
    bills,
    cost,
    key,
    provider,
    secret,
    target,
)
from redis_server import RedisServer
from transfers import ANTHROPIC, OPENAI

OUTAGE = float(os.environ.get("LLMGW_LEDGER_OUTAGE", "4"))
PACED = {"tokens": 12, "tokens_per_second": 40}
CLIENTS = 25
ALLOWANCE = 0.02
"""Dollars that a replica may grant while Redis is away: some hundred requests of up to 0.0003."""
LITTLE = 0.002
"""As much for a key that needs more than that."""


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path / "redis", "--appendonly", "yes")
    yield server
    server.close()


def config(simulator: Simulator, store: str) -> dict[str, Any]:
    """Limits so high that none is ever reached: only what is done without Redis matters here.

    Holds live through the outage: else they would be charged at their bound, and corrected by a second event.
    """
    return {
        "workers": 2,
        "store": {"url": store, "hold_timeout": f"{OUTAGE + 10:g}s"},
        "providers": {name: provider(simulator, name) for name in ("o1", "a1")},
        "models": {"gpt": {"targets": [target("o1")]}, "claude": {"targets": [target("a1")]}},
        "teams": {"red": {"budget": {"usd": 50, "per": "total", "when_down": {"allow": 10}}}},
        "keys": [
            key("denied", budget={"usd": 50, "per": "total"}),
            key("allowed", team="red", budget={"usd": 50, "per": "total", "when_down": {"allow": ALLOWANCE}}),
            key("poor", budget={"usd": 50, "rolling": "24h", "when_down": {"allow": LITTLE}}),
            key("unmetered"),
        ],
    }


def hang(server: RedisServer) -> Callable[[], None]:
    """Take it away, and how to bring it back."""
    server.signal(signal.SIGSTOP)
    return lambda: server.signal(signal.SIGCONT)


def kill(server: RedisServer) -> Callable[[], None]:
    """As ``hang``; it reads what it has on disk when it comes back."""
    server.kill()
    return server.start


@pytest.mark.parametrize("take_away", [hang, kill], ids=["hangs", "dies"])
async def test_redis_goes_and_comes_back(start_gateway, simulator, redis, measured, take_away):
    gateway = start_gateway(config(simulator, redis.url))
    simulator.forget()
    simulator.script(o1=PACED, a1=PACED)
    made = gateway.admin.post("/api/v1/keys", json={"name": "made", "key": secret("made")})
    assert made.status_code == 201, made.text
    load, done = Load([gateway]), asyncio.Event()
    keys = ("denied", "allowed", "poor", "unmetered", "made")
    running = asyncio.create_task(
        load.run(CLIENTS, keys, ("gpt", "claude"), lambda: not done.is_set(), lambda *_: {"max_tokens": 100})
    )
    await eventually(lambda: len(load.asked) > 3 * CLIENTS, "some rounds of answers")
    bring_back = take_away(redis)
    away = time.monotonic() + 1.0  # those under way find out
    await asyncio.sleep(OUTAGE)
    assert gateway.ready()
    back = time.monotonic()
    bring_back()
    await eventually(lambda: gateway.metric("llmgw_store_up") > 0, "the workers to notice that the store is back")
    await asyncio.sleep(1.0)
    recovered = time.monotonic()
    await eventually(
        lambda: sum(one.began > recovered and one.good for one in load.asked) > 2 * CLIENTS, "answers after it"
    )
    done.set()
    await running
    during = [one for one in load.asked if one.began > away and one.ended < back]
    after = [one for one in load.asked if one.began > recovered]

    # What clients saw while it was away.
    codes = {name: {(one.got.status, one.code) for one in during if one.key == name} for name in keys}
    assert codes["denied"] == {(503, "store_unavailable")}
    assert codes["unmetered"] == codes["made"] == {(200, "")}, "known keys go on, also those made at run time"
    assert (200, "") in codes["allowed"]
    assert codes["poor"] <= {(200, ""), (503, "store_unavailable")}
    assert (503, "store_unavailable") in codes["poor"], "its allowance should be used up"
    assert not any(one.got.status == 401 for one in load.asked)
    assert {(one.got.status, one.code) for one in after} == {(200, "")}
    measured("answers, and those during and after it", (len(load.asked), len(during), len(after)))
    measured("all answers", dict(load.codes()))

    books = Books(redis.admin())
    # A step that hung in the dying Redis may have left a hold behind that nobody knows of; it ends by itself.
    await at_rest(books, 40)
    balanced(books)
    events, billed = books.by_request(), bills(simulator)
    for bill in billed:
        found = events.pop(bill["request_id"])
        assert [(e.usd, e.output_tokens) for e in found] == [(cost(bill), bill["output_tokens"])], (bill, found)
    assert events == {}, "charged, and never sent"
    # Where another worker has told of the end before that of the beginning, the event says "orphan".
    offline = [event for event in books.events() if event.state]
    assert {event.state for event in offline} <= {"offline", "orphan"}
    offline = [event for event in offline if event.json["key"] not in {"unmetered", "made"}]
    for name, allowance in (("allowed", ALLOWANCE), ("poor", LITTLE)):
        spent = sum(event.usd for event in offline if event.json["key"] == name)
        assert 0 < spent <= allowance * NANOS
        measured(f"spent by {name} of its allowance of {allowance * NANOS:.0f}", spent)
    assert {event.json["key"] for event in offline} == {"allowed", "poor"}


async def test_a_gateway_that_ends_with_its_redis_away_tells_it_later(start_gateway, simulator, redis):
    """The journal of one run is delivered by the next one."""
    simulator.forget()
    simulator.script(o1=PACED, a1=PACED)
    gateway = start_gateway(config(simulator, redis.url))
    load = Load([gateway])
    async with gateway.http() as http:
        bring_back = kill(redis)
        for dialect, model in ((OPENAI, "gpt"), (ANTHROPIC, "claude")):
            assert (await load.ask(http, "allowed", model, dialect, stream=True, max_tokens=50)).good
    assert gateway.close() == 0
    bring_back()
    again = start_gateway(config(simulator, redis.url), folder=gateway.folder)
    books = Books(redis.admin())
    await eventually(lambda: len(books.events()) == 2, "the journal to be delivered", 45)
    await at_rest(books)
    balanced(books)
    assert {event.state for event in books.events()} <= {"offline", "orphan"}
    assert sum(event.usd for event in books.events()) == sum(cost(bill) for bill in bills(simulator))
    assert again.ready()


async def test_the_embedded_store_keeps_its_counts_through_restarts(start_gateway, simulator):
    simulator.script(o1=PACED)
    simulator.forget()
    configuration = config(simulator, "embedded")
    first = start_gateway(configuration)
    load = Load([first])
    async with first.http() as http:
        for _ in range(5):
            assert (await load.ask(http, "denied", "gpt", OPENAI, max_tokens=50)).good
    books = Books.embedded(first)
    await at_rest(books)
    stood = books.meters()
    assert stood["usd:total:key=denied"].settled == sum(cost(bill) for bill in bills(simulator)) > 0
    assert first.close() == 0
    second = start_gateway(configuration, folder=first.folder)
    books = Books.embedded(second)
    assert books.meters() == stood
    async with second.http() as http:
        await Load([second]).ask(http, "denied", "gpt", OPENAI, max_tokens=50)
    await at_rest(books)
    balanced(books)
    assert len(books.events()) == 6
