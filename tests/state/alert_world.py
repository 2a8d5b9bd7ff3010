"""What the tests of alerts share: a clock, senders that run, alerts as the ledger raises them."""

import asyncio
import contextlib
import dataclasses
import random
import time

import orjson
from redis.exceptions import RedisError
from redis_server import eventually

from extproc.config.snapshot import Secret, Webhook
from extproc.state import layout
from extproc.state.alert_log import dead_letters
from extproc.state.alerts import AlertSender, Pace, Ports
from extproc.state.webhooks import Poster, webhook_name

CANARY = "c4n4ry-t0ken"
QUICK = Pace(block=0.02, renew=0.05, lease=30.0, away=0.02, farewell=2.0)
"""Nothing is taken over in it."""
SUCCESSION = dataclasses.replace(QUICK, lease=0.3)
STREAM, DEAD = layout.alerts("llmgw"), dead_letters("llmgw")


class FakeTime:
    """A clock that moves when somebody waits for the next try, and at no other time."""

    def __init__(self, now_ns: int | None = None) -> None:
        self.now = now_ns or time.time_ns()
        self.pauses: list[float] = []

    def now_ns(self) -> int:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += round(seconds * 1e9)
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def sending(store, *webhooks, pace=QUICK, clock=None, post=None):
    """A sender that runs; gives what its observer was told."""
    told: list[object] = []
    clock = clock or FakeTime()
    ports = Ports(post or Poster(), clock.now_ns, clock.pause, random.Random(7))
    sender = AlertSender(store, webhooks, told.append, ports, pace)
    task = asyncio.create_task(sender.run())
    try:
        # The groups are there: what is raised from now on is heard of.
        await eventually(lambda: joined(store, webhooks) if not told else asyncio.sleep(0, True), "the groups")
        yield told
    finally:
        await sender.close()
        await task


async def joined(store, webhooks) -> bool:
    try:
        if not await store.client.exists(STREAM):
            return not webhooks
    except RedisError:
        return False
    names = {group["name"].decode() for group in await store.client.xinfo_groups(STREAM)}
    return names >= {f"webhook:{webhook_name(one)}" for one in webhooks}


async def raise_alert(store, at_ns: int | None = None, **fields) -> str:
    entry = {"meter": "usd:month:team=search", "start": 1793491200, "share": 8000, "settled": 1600 * 10**9}
    entry |= {"limit": 2000 * 10**9, "at": (at_ns or time.time_ns()) // 1_000_000} | fields
    return (await store.client.xadd(STREAM, entry)).decode()


async def settled(store, *webhooks) -> bool:
    """Whether nobody owes anything to these webhooks, and all that was raised was read."""
    groups = await store.client.xinfo_groups(STREAM)
    last = await store.client.xrevrange(STREAM, count=1)
    wanted = {f"webhook:{webhook_name(one)}".encode() for one in webhooks}
    states = [group for group in groups if group["name"] in wanted]
    return bool(states) and all(
        group["pending"] == 0 and (not last or group["last-delivered-id"] == last[0][0]) for group in states
    )


def hook(receiver, path="/hook", **options) -> Webhook:
    return Webhook(Secret(receiver.url(path)), **options)


def ids(receiver) -> list[str]:
    return [orjson.loads(got.body)["id"] for got in receiver.got]


def of(told, kind) -> list:
    return [event for event in told if isinstance(event, kind)]
