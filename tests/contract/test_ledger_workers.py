"""Workers killed by -9 in the middle of answers: nothing is overspent, and every provider call is in the books."""

import asyncio
import os
import signal
import time
from typing import Any

from harness import Gateway, Simulator, eventually
from ledger_lab import (
    NANOS,
    Books,
    Load,
    Watch,
    at_rest,
    balanced,
    bills,
    cost,
    key,
    provider,
    target,
)

KILLS = int(os.environ.get("LLMGW_LEDGER_KILLS", "3"))
EVERY = 2.0
"""Seconds from one kill to the next."""
HOLD = 10
"""Seconds after which the holds of the dead expire: the least that can be configured."""
OUTPUT = 40
PACED = {"most": True, "tokens_per_second": 40}
"""An answer of a second."""
CLIENTS = 40


def config(simulator: Simulator) -> dict[str, Any]:
    """Room for about 400 requests of up to 0.0005 dollars."""
    return {
        "workers": 2,
        "store": {"url": "embedded", "hold_timeout": f"{HOLD}s"},
        "providers": {name: provider(simulator, name) for name in ("o1", "a1")},
        "models": {
            "gpt": {"targets": [target("o1")]},
            "claude": {"targets": [target("a1")]},
        },
        "teams": {"red": {"budget": {"usd": 0.2, "per": "total"}, "limits": {"concurrent": 500}}},
        "keys": [
            key("k1", team="red", budget={"usd": 0.1, "rolling": "24h"}, limits={"requests": "10k/day"}),
            key("k2", team="red", limits={"tokens": "1M/day"}),
        ],
    }


LIMITS = {
    "usd:total:team=red": NANOS // 5,
    "concurrent:now:team=red": 500,
    "usd:86400s:key=k1": NANOS // 10,
    "requests:86400s:key=k1": 10_000,
    "tokens:86400s:key=k2": 1_000_000,
}


async def kill_now_and_then(gateway: Gateway, done: asyncio.Event) -> int:
    """SIGKILL to one worker after the other, each once the last one is back; how many died."""
    for turn in range(KILLS):
        await asyncio.sleep(EVERY)
        workers = await eventually(
            lambda: found if len(found := gateway.workers()) == 2 and gateway.ready() else None, "both workers", 20
        )
        workers[turn % 2].process.send_signal(signal.SIGKILL)
    await asyncio.sleep(EVERY)
    done.set()
    return KILLS


async def test_killed_workers_lose_no_call_and_overspend_nothing(start_gateway, simulator, measured):
    gateway = start_gateway(config(simulator))
    books = Books.embedded(gateway)
    simulator.forget()
    simulator.script(o1=PACED, a1=PACED)
    load, done = Load([gateway]), asyncio.Event()
    with Watch(books, LIMITS) as watch:
        killing = asyncio.create_task(kill_now_and_then(gateway, done))
        await load.run(
            CLIENTS, ("k1", "k2"), ("gpt", "claude"), lambda: not done.is_set(), lambda *_: {"max_tokens": OUTPUT}
        )
        await killing
    begun = time.monotonic()
    await at_rest(books, HOLD + 15)
    measured("seconds until the holds of the dead were gone", round(time.monotonic() - begun, 1))
    watch.look()
    balanced(books)

    events, billed = books.by_request(), bills(simulator)
    by_state: dict[str, int] = {}
    for bill in billed:
        (event,) = events.pop(bill["request_id"])
        by_state[event.state] = by_state.get(event.state, 0) + 1
        assert event.json["provider"] == bill["label"]
        if event.state == "expired":
            # At the bound, which is more than anything the provider could have asked for.
            assert event.usd >= cost(bill)
            assert event.json["estimated"]
            assert event.json["outcome"] == "gateway:never_settled"
        elif bill["outcome"] == "complete":
            assert (event.usd, event.output_tokens) == (cost(bill), bill["output_tokens"])
    # A hold whose request never reached its provider is charged all the same: nobody knows that it did not.
    assert {event.state for found in events.values() for event in found} <= {"expired"}
    assert by_state.get("expired", 0) > 0
    measured("calls by what became of them", by_state)
    measured("charged, and never sent", len(events))
    measured("answers", dict(load.codes()))
    assert load.codes()[200, ""] > CLIENTS
