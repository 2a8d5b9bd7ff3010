"""Every crossing of a threshold is told to every webhook, by a real Redis and over real HTTP, once unless somebody died."""

import asyncio
import contextlib
import dataclasses
import hashlib
import hmac
import os
import random
import signal
import subprocess
import sys
import threading
import time

import orjson
import pytest
from key_server import self_signed
from receiver import Answer, Receiver
from redis_server import RedisServer, eventually, make_cluster

from extproc.config import snapshot
from extproc.config.snapshot import Secret, Webhook
from extproc.domain.ledger import Charge, HoldLine, HoldOrder, Settlement
from extproc.domain.meters import Meter, Window, meter_id
from extproc.state import layout
from extproc.state.alert_log import AlertLog, dead_letters
from extproc.state.alerts import (
    AlertBuried,
    AlertDelivered,
    AlertFailed,
    AlertSender,
    AlertsStalled,
    Pace,
    Ports,
)
from extproc.state.steps import Steps
from extproc.state.store import connect
from extproc.state.webhooks import Message, Poster, webhook_name

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


@pytest.fixture
def receiver():
    made: list[Receiver] = []

    def make(answer=lambda _: Answer(), tls=None) -> Receiver:
        made.append(Receiver(answer, tls))
        return made[-1]

    yield make
    for one in made:
        one.close()


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
    if not await store.client.exists(STREAM):
        return not webhooks
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


# -- once per crossing


async def test_a_meter_that_crosses_two_thresholds_is_told_twice_though_two_senders_run(store, receiver):
    server = receiver()
    scope, window = (("team", "search"),), Window("calendar", "month")
    meter = Meter(meter_id(scope, "usd", window), scope, "usd", window, 1000, alert_at=(5000, 8000))
    steps = Steps("llmgw")

    async def spend(index, usd):
        now = int(time.time_ns() // 10**9)
        order = HoldOrder(f"h{index}", (HoldLine(meter, now - 100, now + 100, usd),), 1, 1)
        settle = Settlement(f"h{index}", 1, "p", Charge(usd=usd, requests=1), b"{}", final=True)
        await store.run([steps.hold(order), steps.settle(settle)])

    async with sending(store, hook(server)), sending(store, hook(server)):
        for index in range(10):
            await spend(index, 100)
        await eventually(lambda: settled(store, hook(server)), "the alerts")
    documents = [orjson.loads(got.body) for got in server.got]
    assert sorted((one["share"], one["settled"], one["limit"]) for one in documents) == [
        (0.5, "0.0000005", "0.000001"),
        (0.8, "0.0000008", "0.000001"),
    ]
    assert {orjson.dumps(one["scope"]) for one in documents} == {b'{"team":"search"}'}


async def test_two_senders_share_the_alerts_and_repeat_none(store, receiver):
    one, two = receiver(), receiver()
    hooks = (hook(one), hook(two))
    async with sending(store, *hooks) as first, sending(store, *hooks) as second:
        raised = [f"llmgw-{await raise_alert(store)}" for _ in range(40)]
        await eventually(lambda: settled(store, *hooks), "the alerts")
    assert sorted(ids(one)) == sorted(ids(two)) == sorted(raised)
    assert len(of(first, AlertDelivered)) + len(of(second, AlertDelivered)) == 80
    assert await store.client.xlen(DEAD) == 0


async def test_a_webhook_written_twice_is_told_once(store, receiver):
    server = receiver()
    async with sending(store, hook(server), hook(server)):
        await raise_alert(store)
        await eventually(lambda: settled(store, hook(server)), "the alert")
    assert len(server.got) == 1


async def test_without_webhooks_it_waits_to_be_closed(store):
    async with sending(store) as told:
        await raise_alert(store)
    assert told == []


async def test_a_new_webhook_hears_of_the_last_minute_and_not_of_before(store, receiver):
    server = receiver()
    now = time.time_ns() // 1_000_000
    fields = {"meter": "usd:month:team=a", "start": 1, "share": 1, "settled": 1, "limit": 1, "at": now}
    await store.client.xadd(STREAM, fields, id=f"{now - 70_000}-0")
    await store.client.xadd(STREAM, fields, id=f"{now - 20_000}-0")
    async with sending(store, hook(server)):
        await eventually(lambda: settled(store, hook(server)), "the alert")
    assert ids(server) == [f"llmgw-{now - 20_000}-0"]


# -- what is sent


async def test_the_signature_holds_for_what_arrived(store, receiver):
    server = receiver()
    webhook = hook(server, secret=Secret("whsec"))
    async with sending(store, webhook):
        await raise_alert(store)
        await eventually(lambda: settled(store, webhook), "the alert")
    (got,) = server.got
    stamp, _, digest = got.headers["x-llmgw-signature"].removeprefix("t=").partition(",v1=")
    assert digest == hmac.new(b"whsec", f"{stamp}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-llmgw-id"] == orjson.loads(got.body)["id"]


async def test_slack_gets_its_own_shape(store, receiver):
    server = receiver()
    webhook = hook(server, format="slack")
    async with sending(store, webhook):
        await raise_alert(store)
        await eventually(lambda: settled(store, webhook), "the alert")
    sent = orjson.loads(server.got[0].body)
    assert sent["text"] == 'Budget of team "search": 80 % used (1600.00 of 2000.00 USD, month from 2026-11-01).'
    assert [block["type"] for block in sent["blocks"]] == ["section", "context"]


# -- again, and when to give up


async def test_after_a_500_it_is_sent_again_under_the_same_id(store, receiver):
    server = receiver(lambda before: Answer(500 if before == 0 else 200))
    async with sending(store, hook(server)) as told:
        entry = await raise_alert(store)
        await eventually(lambda: settled(store, hook(server)), "the alert")
    assert ids(server) == [f"llmgw-{entry}"] * 2
    assert server.got[0].body == server.got[1].body
    failed, delivered = told
    assert (failed.reason, failed.tries, delivered.tries) == ("status 500", 1, 2)
    assert 1.5 <= failed.wait <= 2.5


async def test_it_waits_as_long_as_it_is_asked_to(store, receiver):
    server = receiver(lambda before: Answer(429, {"Retry-After": "120"}) if before == 0 else Answer())
    clock = FakeTime()
    async with sending(store, hook(server), clock=clock):
        await raise_alert(store)
        await eventually(lambda: settled(store, hook(server)), "the alert")
    assert clock.pauses == [120]


async def test_after_about_an_hour_it_is_a_dead_letter(store, receiver):
    server = receiver(lambda _: Answer(503))
    clock = FakeTime()
    async with sending(store, hook(server), clock=clock) as told:
        entry = await raise_alert(store)
        await eventually(lambda: settled(store, hook(server)), "the burial")
    assert 12 <= len(server.got) <= 20
    assert len(set(ids(server))) == 1
    assert 2700 < sum(clock.pauses) <= 3600
    assert all(later > earlier for earlier, later in zip(clock.pauses, clock.pauses[1:8], strict=False))
    name = webhook_name(hook(server))
    assert told[-1] == AlertBuried(f"llmgw-{entry}", name, "status 503", len(server.got))
    (letter,), after = await AlertLog(store).dead_letters()
    assert after is None
    assert (letter.alert_id, letter.webhook, letter.reason) == (f"llmgw-{entry}", name, "status 503")
    assert (letter.tries, letter.time_ms) == (len(server.got), clock.now // 1_000_000)
    assert letter.alert is not None
    assert letter.alert.text.startswith('Budget of team "search": 80 % used')


async def test_a_wait_beyond_the_hour_is_not_begun(store, receiver):
    server = receiver(lambda _: Answer(429, {"Retry-After": "7200"}))
    async with sending(store, hook(server)) as told:
        await raise_alert(store)
        await eventually(lambda: settled(store, hook(server)), "the burial")
    assert [event.reason for event in of(told, AlertBuried)] == ["status 429"]
    assert len(server.got) == 1


@pytest.mark.parametrize("status", [400, 410, 413, 422])
async def test_who_has_read_the_alert_and_will_not_have_it_is_not_asked_again(store, receiver, status):
    server = receiver(lambda _: Answer(status))
    async with sending(store, hook(server)) as told:
        await raise_alert(store)
        await eventually(lambda: settled(store, hook(server)), "the burial")
    assert [(event.reason, event.tries) for event in of(told, AlertBuried)] == [(f"status {status}", 1)]


async def test_nobody_there_is_said_by_the_kind_of_error(store, receiver):
    gone = Receiver()
    webhook = hook(gone)
    gone.close()
    async with sending(store, webhook) as told:
        await raise_alert(store)
        await eventually(lambda: settled(store, webhook), "the burial")
    assert {event.reason for event in told} == {"ConnectionRefusedError"}


async def test_alerts_of_yesterday_are_not_told(store, receiver):
    server = receiver()
    async with sending(store, hook(server)):
        await raise_alert(store, at_ns=time.time_ns() - 86_500 * 10**9)
        await eventually(lambda: settled(store, hook(server)), "the burial")
    (letter,), _ = await AlertLog(store).dead_letters()
    assert (letter.reason, letter.tries, server.got) == ("too old", 0, [])


async def test_what_cannot_be_read_is_a_dead_letter_and_stops_nothing(store, receiver):
    server = receiver()
    async with sending(store, hook(server)):
        await raise_alert(store, meter="eur:month:team=search")
        fine = await raise_alert(store)
        await eventually(lambda: settled(store, hook(server)), "the alerts")
    (letter,), _ = await AlertLog(store).dead_letters()
    assert (letter.reason, letter.alert, ids(server)) == ("unreadable", None, [f"llmgw-{fine}"])


# -- one webhook does not hold up the other


async def test_a_webhook_that_hangs_holds_up_no_other_and_repeats_nothing(store, receiver):
    gate = threading.Event()
    slow, quick = receiver(lambda _: Answer(hold=gate)), receiver()
    hooks = (hook(slow), hook(quick))
    async with sending(store, *hooks):
        raised = [f"llmgw-{await raise_alert(store)}" for _ in range(12)]
        await eventually(lambda: settled(store, hooks[1]), "the alerts to the quick one")
        assert sorted(ids(quick)) == sorted(raised)
        assert not await settled(store, hooks[0])
        gate.set()
        await eventually(lambda: settled(store, *hooks), "the alerts to the slow one")
    assert sorted(ids(slow)) == sorted(ids(quick)) == sorted(raised)


async def test_beyond_what_it_keeps_under_way_alerts_wait_in_the_stream(store, receiver):
    gate = threading.Event()
    server = receiver(lambda _: Answer(hold=gate))
    async with sending(store, hook(server), pace=dataclasses.replace(QUICK, most=2)):
        raised = [f"llmgw-{await raise_alert(store)}" for _ in range(7)]
        await eventually(lambda: asyncio.sleep(0.05, len(server.got) == 2), "the first two")
        (group,) = await store.client.xinfo_groups(STREAM)
        assert group["pending"] == 2
        gate.set()
        await eventually(lambda: settled(store, hook(server)), "the others")
    assert sorted(ids(server)) == sorted(raised)


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
    victim = subprocess.Popen([sys.executable, "-c", _VICTIM, redis_server.url, server.url()])
    try:
        await eventually(lambda: asyncio.sleep(0, bool(server.got)), "the victim's post")
    finally:
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
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


# -- the log


async def test_alerts_and_dead_letters_are_read_page_by_page_newest_first(store, receiver):
    server = receiver(lambda _: Answer(410))
    async with sending(store, hook(server)):
        raised = [f"llmgw-{await raise_alert(store, settled=index)}" for index in range(5)]
        await eventually(lambda: settled(store, hook(server)), "the burials")
    log = AlertLog(store)
    for read in (log.alerts, log.dead_letters):
        first, after = await read(2)
        second, then = await read(2, after)
        third, last = await read(2, then)
        assert [len(page) for page in (first, second, third)] == [2, 2, 1]
        assert last is None
    pages, before = [], None
    while True:
        page, before = await log.alerts(2, before)
        pages += page
        if before is None:
            break
    assert [alert.id for alert in pages] == raised[::-1]
    with pytest.raises(ValueError, match="position"):
        await log.alerts(2, "(+ 5")


# -- over HTTP


def to(server, path="/hook", login="") -> Message:
    return Message("test", Secret(server.url(path, login)), {"content-type": "application/json"}, b"{}")


async def test_no_redirect_is_followed(receiver):
    other = receiver()
    for status in (301, 302, 303, 307, 308):
        server = receiver(lambda _, status=status: Answer(status, {"Location": other.url()}))
        assert (await Poster()(to(server))).status == status
    assert other.got == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, receiver, monkeypatch):
    context, path = self_signed(tmp_path)
    server = receiver(tls=context)
    url = Secret(server.url().replace("127.0.0.1", "localhost"))
    with pytest.raises(OSError, match=r"CERTIFICATE_VERIFY_FAILED") as raised:
        await Poster()(Message("test", url, {}, b"{}"))
    assert type(raised.value).__name__ == "SSLCertVerificationError"
    assert server.got == []
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert (await Poster()(Message("test", url, {}, b"{}"))).status == 200


async def test_a_login_in_the_url_is_sent_as_one(receiver):
    server = receiver()
    await Poster()(to(server, login="ann:p%40ss@"))
    assert server.got[0].headers["authorization"] == "Basic YW5uOnBAc3M="


async def test_the_url_may_be_nothing_but_http(tmp_path):
    file = tmp_path / "file"
    file.write_text("secret")
    with pytest.raises(ValueError, match="not an HTTP URL"):
        await Poster()(Message("test", Secret(f"file://{file}"), {}, b"{}"))


async def test_who_answers_byte_by_byte_is_not_waited_for():
    async def drip(_, writer):
        with contextlib.suppress(ConnectionError):
            for byte in b"HTTP/1.1 200 " + b"x" * 10_000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    message = Message("test", Secret(f"http://127.0.0.1:{port}/"), {}, b"{}")
    with pytest.raises(TimeoutError):
        await Poster(socket_seconds=2.0, whole_seconds=0.2)(message)
    server.close()


async def test_an_endless_body_is_not_read():
    async def flood(_, writer):
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    server = await asyncio.start_server(flood, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    reply = await Poster()(Message("test", Secret(f"http://127.0.0.1:{port}/"), {}, b"{}"))
    assert reply.status == 200
    server.close()
