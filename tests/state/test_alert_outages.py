"""Senders die, Redis goes away, receivers fail in every way: no alert is lost, and no token is seen."""

import asyncio
import dataclasses
import os
import signal
import sys
import threading

import pytest
from alert_world import (
    CANARY,
    QUICK,
    STREAM,
    SUCCESSION,
    FakeTime,
    hook,
    ids,
    joined,
    of,
    raise_alert,
    sending,
    settled,
)
from receiver import Answer, Receiver, receivers
from redis_server import RedisServer, eventually, make_cluster

from extproc.config import snapshot
from extproc.config.snapshot import Secret, Webhook
from extproc.state.alert_log import AlertLog
from extproc.state.alerts import (
    AlertBuried,
    AlertDelivered,
    AlertsStalled,
)
from extproc.state.store import connect
from extproc.state.webhooks import Message, Poster, webhook_name


@pytest.fixture
def receiver():
    yield from receivers()


@pytest.fixture
def own_server(tmp_path):
    """One that a test may kill, or whose files it reads."""
    server = RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always")
    yield server
    server.close()


@pytest.fixture
async def own_store(own_server):
    one = connect(snapshot.Store(url=Secret(own_server.url)))
    yield one
    await one.close()


# -- somebody dies


_VICTIM = """
import asyncio, sys
from extproc.config import snapshot
from extproc.config.snapshot import Secret, Webhook
from extproc.state.alerts import AlertSender
from extproc.state.store import connect

async def main():
    store = connect(snapshot.Store(url=Secret(sys.argv[1])))
    await AlertSender(store, [Webhook(Secret(sys.argv[2]))], lambda event: None).run()

asyncio.run(main())
"""


async def test_a_sender_killed_before_its_note_is_succeeded_and_the_repetition_has_the_same_id(
    store, redis_server, receiver
):
    gate = threading.Event()
    server = receiver(lambda before: Answer(hold=gate if before == 0 else None))
    entry = await raise_alert(store)
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", _VICTIM, redis_server.url, server.url())
    try:
        await eventually(lambda: asyncio.sleep(0, bool(server.got)), "the victim's post")
    finally:
        os.kill(victim.pid, signal.SIGKILL)
        await victim.wait()
        gate.set()
    async with sending(store, hook(server), pace=SUCCESSION) as told:
        await eventually(lambda: settled(store, hook(server)), "the successor")
    assert ids(server) == [f"llmgw-{entry}"] * 2
    assert server.got[0].headers["x-llmgw-id"] == server.got[1].headers["x-llmgw-id"]
    assert [event.tries for event in of(told, AlertDelivered)] == [1]


async def test_a_living_sender_keeps_its_alert_for_longer_than_a_lease(store, receiver):
    gate = threading.Event()
    server = receiver(lambda _: Answer(hold=gate))
    async with sending(store, hook(server), pace=SUCCESSION), sending(store, hook(server), pace=SUCCESSION):
        await raise_alert(store)
        await asyncio.sleep(4 * SUCCESSION.lease)  # the lease is Redis' time
        gate.set()
        await eventually(lambda: settled(store, hook(server)), "the alert")
    assert len(server.got) == 1


async def test_what_was_trimmed_from_the_stream_before_it_was_sent_is_a_dead_letter(store, receiver):
    server = receiver()
    async with sending(store, hook(server)):
        pass
    entry = await raise_alert(store)
    await store.client.xreadgroup(f"webhook:{webhook_name(hook(server))}", "dead", {STREAM: ">"})
    await store.client.xtrim(STREAM, maxlen=0)
    async with sending(store, hook(server), pace=SUCCESSION) as told:
        await eventually(lambda: asyncio.sleep(0.02, bool(of(told, AlertBuried))), "the burial")
    (letter,), _ = await AlertLog(store).dead_letters()
    assert (letter.reason, letter.alert, server.got) == ("trimmed before it was sent", None, [])
    assert letter.alert_id == f"llmgw-{entry}"


async def test_close_lets_a_post_under_way_end(store, receiver):
    gate = threading.Event()
    server = receiver(lambda _: Answer(hold=gate))
    async with sending(store, hook(server)):
        await raise_alert(store)
        await eventually(lambda: asyncio.sleep(0, bool(server.got)), "the post")
        threading.Timer(0.2, gate.set).start()
    assert await settled(store, hook(server))
    assert await store.client.xinfo_consumers(STREAM, f"webhook:{webhook_name(hook(server))}") == []


async def test_close_leaves_to_others_what_waits_for_its_next_try(store, receiver):
    server = receiver(lambda before: Answer(500 if before == 0 else 200))
    clock = FakeTime()
    clock.pause = asyncio.sleep  # 2 s
    async with sending(store, hook(server), clock=clock) as told:
        await raise_alert(store)
        await eventually(lambda: asyncio.sleep(0, bool(told)), "the first try")
    assert not await settled(store, hook(server))
    async with sending(store, hook(server), pace=SUCCESSION):
        await eventually(lambda: settled(store, hook(server)), "the successor")
    assert len(set(ids(server))) == 1
    assert len(server.got) == 2


# -- Redis goes away


async def test_it_starts_without_redis_and_goes_on_when_redis_comes(own_server, own_store, receiver):
    server = receiver()
    own_server.kill()
    async with sending(own_store, hook(server)) as told:
        await asyncio.sleep(0.2)
        assert len(of(told, AlertsStalled)) == 1
        own_server.start()
        await eventually(lambda: joined(own_store, [hook(server)]), "the group")
        entry = await raise_alert(own_store)
        await eventually(lambda: settled(own_store, hook(server)), "the alert")
    assert ids(server) == [f"llmgw-{entry}"]


async def test_a_note_that_redis_could_not_take_is_made_later_and_nothing_is_repeated(own_server, own_store, receiver):
    server = receiver()
    poster = Poster()

    async def post(message: Message):
        reply = await poster(message)
        own_server.kill()
        return reply

    async with sending(own_store, hook(server), post=post) as told:
        await raise_alert(own_store)
        await eventually(lambda: asyncio.sleep(0, bool(of(told, AlertsStalled))), "the outage")
        own_server.start()
        await eventually(lambda: settled(own_store, hook(server)), "the note")
    assert len(server.got) == 1
    assert len(of(told, AlertDelivered)) == 1


async def test_an_outage_longer_than_a_lease_repeats_no_post_under_way(own_server, own_store, receiver):
    gate = threading.Event()
    server = receiver(lambda _: Answer(hold=gate))
    async with sending(own_store, hook(server), pace=SUCCESSION) as told:
        await raise_alert(own_store)
        await eventually(lambda: asyncio.sleep(0, bool(server.got)), "the post")
        own_server.kill()
        await asyncio.sleep(2 * SUCCESSION.lease)  # the lease is Redis' time
        own_server.start()
        next_one = await raise_alert(own_store)
        await eventually(lambda: asyncio.sleep(0, f"llmgw-{next_one}" in ids(server)), "the sender's return")
        gate.set()
        await eventually(lambda: settled(own_store, hook(server)), "the notes")
    assert len(server.got) == 2
    assert len(of(told, AlertDelivered)) == 2


async def test_it_can_be_closed_while_redis_is_away(own_server, own_store, receiver):
    server = receiver()
    poster = Poster()

    async def post(message: Message):
        reply = await poster(message)
        own_server.kill()
        return reply

    async with asyncio.timeout(30):
        async with sending(own_store, hook(server), post=post, pace=dataclasses.replace(QUICK, farewell=0.1)) as told:
            await raise_alert(own_store)
            await eventually(lambda: asyncio.sleep(0, bool(of(told, AlertsStalled))), "the outage")
    assert of(told, AlertDelivered) == []
    own_server.start()
    assert not await settled(own_store, hook(server))


async def test_a_store_that_was_emptied_gets_its_groups_again(store, redis_server, receiver):
    server = receiver()
    async with sending(store, hook(server)) as told:
        redis_server.ask("FLUSHALL")
        entry = await raise_alert(store)
        await eventually(lambda: asyncio.sleep(0.02, bool(server.got)), "the alert")
    assert ids(server) == [f"llmgw-{entry}"]
    assert [event.problem for event in of(told, AlertsStalled)] == ["ResponseError"]


async def test_a_cluster_does_as_well(tmp_path, receiver):
    server = receiver()
    (node,) = make_cluster(tmp_path, 1)
    one = connect(snapshot.Store(url=Secret(f"redis+cluster://127.0.0.1:{node.port}")))
    try:
        async with sending(one, hook(server)) as told:
            await raise_alert(one, meter="unreadable")
            await raise_alert(one)
            await eventually(lambda: settled(one, hook(server)), "the alerts")
        assert len(server.got) == 1
        assert [event.reason for event in of(told, AlertBuried)] == ["unreadable"]
    finally:
        await one.close()
        node.close()


# -- what nobody may see


async def test_no_token_of_a_url_is_in_redis_or_in_what_is_told(own_server, own_store, receiver, caplog, capfd):
    server = receiver(lambda _: Answer(500))
    moved = receiver(lambda _: Answer(302, {"Location": f"{server.url()}/{CANARY}"}))
    gone = Receiver()
    urls = [
        server.url(f"/{CANARY}?token={CANARY}"),
        moved.url(f"/{CANARY}"),
        gone.url(f"/{CANARY}"),
        f"http://127.0.0.1:99999/{CANARY}",
        f"http://{CANARY}.invalid/\n{CANARY}",
        server.url(f"/sp ace/{CANARY}", login=f"user:{CANARY}@"),
    ]
    gone.close()
    hooks = [Webhook(Secret(url), secret=Secret(CANARY)) for url in urls[:4]] + [
        Webhook(Secret(url)) for url in urls[5:]
    ]
    async with sending(own_store, *hooks) as told:
        await raise_alert(own_store)
        await eventually(lambda: settled(own_store, *hooks), "the burials")
    letters, _ = await AlertLog(own_store).dead_letters()
    assert len(letters) == len(hooks)
    assert CANARY not in repr(told) + repr(letters) + caplog.text + "".join(capfd.readouterr())
    written = (own_server.folder / "appendonly.aof").read_bytes()
    assert b"status 302" in written
    assert CANARY.encode() not in written
    assert len(server.got) == len([event for event in told if "status 500" in event.reason])  # no redirect followed
