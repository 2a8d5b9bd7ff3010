"""Every crossing of a threshold is told to every webhook, by a real Redis and over real HTTP, once unless somebody died."""

import asyncio
import dataclasses
import hashlib
import hmac
import threading
import time

import orjson
import pytest
from alert_world import DEAD, QUICK, STREAM, FakeTime, hook, ids, of, raise_alert, sending, settled
from receiver import Answer, Receiver, receivers
from redis_server import eventually

from extproc.config.snapshot import Secret
from extproc.domain.ledger import Charge, HoldLine, HoldOrder, Settlement
from extproc.domain.meters import Meter, Window, meter_id
from extproc.state.alert_log import AlertLog
from extproc.state.alerts import (
    AlertBuried,
    AlertDelivered,
)
from extproc.state.steps import Steps
from extproc.state.webhooks import webhook_name


@pytest.fixture
def receiver():
    yield from receivers()


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
