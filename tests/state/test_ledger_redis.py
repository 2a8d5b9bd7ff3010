"""What the ledger in Redis does beyond its words: several processes, time, alerts, sums, and what it leaves behind."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from ledger_world import END, MINUTE, MONTH, NOW, START, Watch, event, line, meter, order, settlement
from redis_server import eventually, make_cluster, stop_all

from extproc.config import snapshot
from extproc.domain.errors import StoreUnavailable
from extproc.domain.ledger import HoldLine
from extproc.domain.meters import LadderStep
from extproc.state import layout
from extproc.state.alert_log import AlertLog
from extproc.state.books import Books
from extproc.state.ledger import LedgerConfig, RedisLedger
from extproc.state.reports import Reports, Wanted
from extproc.state.steps import OPEN, Steps, read_hold, read_settled
from extproc.state.store import Call, Store, connect

BUDGET = meter("team", "search", "usd", MONTH, 1_000_000)


@pytest.fixture
async def start(redis_server) -> AsyncIterator[Callable]:
    """Makes ledgers, each with a connection of its own, as other processes have."""
    made: list[tuple[RedisLedger, Store]] = []

    async def begin(watch: Watch | None = None, **options: object) -> RedisLedger:
        store = connect(snapshot.Store(url=snapshot.Secret(redis_server.url)))
        ledger = RedisLedger(store, LedgerConfig(**options), watch or Watch())
        await ledger.start()
        made.append((ledger, store))
        return ledger

    yield begin
    for ledger, store in made:
        await ledger.stop()
        await store.close()


async def test_two_processes_and_two_hundred_clients_do_not_overspend_one_unit(start, store) -> None:
    ledgers = [await start(), await start()]
    budget = meter("team", "search", "usd", MONTH, 10_007)
    tokens = meter("key", "k1", "tokens", MINUTE, 1_000_000)
    granted = 0
    highest = 0

    async def client(number: int) -> None:
        nonlocal granted, highest
        ledger = ledgers[number % 2]
        for turn in range(10):
            ident = f"c{number}-{turn}"
            try:
                hold = await ledger.hold(order(ident, line(budget, 7, 1), line(tokens, 5), output=30, floor=3))
            except StoreUnavailable:
                continue  # the machine stood still for a moment: what may have been taken is given back
            highest = max(highest, hold.states[0].settled + hold.states[0].held)
            if hold.granted:
                granted += 7 + hold.output  # it always emits the maximum
                ledger.settle(settlement(ident, usd=7 + hold.output, tokens=5))

    await asyncio.gather(*(client(number) for number in range(200)))
    for ledger in ledgers:
        await ledger.stop()
    (state,) = await Reports(store).states([(budget, START)])
    assert (state.settled, state.held) == (granted, 0)
    assert 10_007 - 10 < granted <= 10_007, "what is left is less than the least that is worth having"
    assert highest <= 10_007


async def test_a_request_that_leaves_while_it_waits_holds_nothing(start, store) -> None:
    ledger = await start()
    waiting = asyncio.ensure_future(ledger.hold(order("a", line(BUDGET, 100))))
    await asyncio.sleep(0)
    waiting.cancel()
    await ledger.hold(order("b", line(BUDGET, 1)))
    reports = Reports(store)

    async def given_back() -> bool:
        (state,) = await reports.states([(BUDGET, START)])
        return (state.settled, state.held) == (0, 1)

    await eventually(given_back, "the hold to be given back")


async def test_what_is_kept_is_renewed_and_what_is_not_expires_at_its_bound(start, store) -> None:
    watch = Watch()
    ledger = await start(watch, hold_seconds=1)
    await ledger.hold(order("kept", line(BUDGET, 100)))
    ledger.keep("kept")
    await ledger.hold(order("left", line(BUDGET, 30)))
    reports = Reports(store)

    async def expired() -> bool:
        (state,) = await reports.states([(BUDGET, START)])
        return (state.settled, state.held) == (30, 100)

    await eventually(expired, "the hold that nobody keeps to expire")
    assert watch.seen["expired"] == 1
    page = await reports.events(0, 10**15)
    assert [(each.state, each.usd, each.event.outcome) for each in page.events] == [
        ("expired", 30, "gateway:never_settled")
    ]
    ledger.settle(settlement("left", usd=12))
    ledger.settle(settlement("kept", usd=40))
    await ledger.stop()
    (state,) = await reports.states([(BUDGET, START)])
    assert (state.settled, state.held) == (52, 0)
    assert watch.seen["corrected"] == 1
    page = await reports.events(0, 10**15)
    assert [(each.state, each.usd, each.event.usd) for each in page.events] == [
        ("", 40, 40),
        ("corrected", -18, 12),
        ("expired", 30, 0),
    ]
    assert sum(each.usd for each in page.events) == 52


async def test_a_bound_that_was_none_is_told(start) -> None:
    watch = Watch()
    ledger = await start(watch)
    await ledger.hold(order("a", line(BUDGET, 100), line(meter("key", "k1", "tokens", MINUTE, 50), 5)))
    ledger.settle(settlement("a", usd=101, tokens=5))
    await ledger.stop()
    assert watch.seen[f"exceeded {BUDGET.id}"] == 1
    assert not [name for name in watch.seen if name.startswith("exceeded tokens")]


async def test_a_threshold_is_told_once_a_window(start, store) -> None:
    ledger = await start()
    alerting = meter("team", "search", "usd", MONTH, 1000, alert_at=(5000, 8000))
    for ident, usd in (("a", 499), ("b", 1), ("c", 299), ("d", 1), ("e", 100)):
        await ledger.hold(order(ident, line(alerting, usd)))
        ledger.settle(settlement(ident, usd=usd))
    await ledger.stop()
    entries = await store.client.xrange(layout.alerts(store.prefix))
    assert [(entry[b"meter"].decode(), int(entry[b"share"]), int(entry[b"settled"])) for _, entry in entries] == [
        (alerting.id, 5000, 500),
        (alerting.id, 8000, 800),
    ]
    assert int(entries[0][1][b"start"]) == START
    assert int(entries[0][1][b"limit"]) == 1000


async def test_the_first_request_that_a_budget_turns_away_is_told_once_a_window(start, store) -> None:
    """What is set aside for requests under way fills a budget long before it is spent."""
    ledger = await start()
    alerting = meter("team", "search", "usd", MONTH, 1000, alert_at=(9000, 10_000))
    await ledger.hold(order("spent", line(alerting, 200)))
    ledger.settle(settlement("spent", usd=200))
    await ledger.hold(order("under way", line(alerting, 500)))
    for ident in "abc":
        assert not (await ledger.hold(order(ident, line(alerting, 300, 2), output=500, floor=50))).granted
    await ledger.stop()
    (alert,), _ = await AlertLog(store).alerts()
    assert (alert.meter, alert.start, alert.settled, alert.held, alert.limit) == (alerting.id, START, 200, 500, 1000)
    assert (alert.needs, alert.document()["type"]) == (400, "budget_exhausted")


async def test_a_meter_that_turns_its_first_request_away_does_not_stay_for_ever(start, store) -> None:
    ledger = await start()
    for window in (MONTH, MINUTE):
        alerting = meter("team", "search", "usd", window, 10, alert_at=(9000,))
        await ledger.hold(order(window.kind, line(alerting, 11)))
        start_of = START if window is MONTH else 0
        assert await store.client.pttl(layout.root(store.prefix) + layout.meter_name(alerting, start_of)) > 0


async def test_who_asks_for_no_alerts_is_told_of_no_request_turned_away(start, store) -> None:
    ledger = await start()
    assert not (await ledger.hold(order("a", line(BUDGET, 10_000_000)))).granted
    assert not await store.client.exists(layout.alerts(store.prefix))


@pytest.mark.parametrize(
    ("step", "told"), [({"use": "cheap"}, 0), ({"max_output_tokens": 9}, 0), ({"refuse": True}, 1)]
)
async def test_a_step_of_a_ladder_is_told_where_it_refuses(start, store, step, told) -> None:
    ledger = await start()
    ladder = (LadderStep(5000, **step), LadderStep(9000, refuse=True))
    alerting = meter("team", "search", "usd", MONTH, 1000, alert_at=(10_000,), ladder=ladder)
    books = Books()
    for ident, wanted in (("under way", line(alerting, 600)), ("a", line(alerting, 1, gate=500))):
        hold = await ledger.hold(order(ident, wanted))
        books.hold(order(ident, wanted), START * 1000)
    assert hold.gated
    assert [(held, needs) for _, _, held, needs in books.counters.alerts] == [(600, 0)] * told
    alerts, _ = await AlertLog(store).alerts()
    assert [(alert.held, alert.needs) for alert in alerts] == [(600, 0)] * told


async def test_a_rolling_budget_that_turns_requests_away_is_told_again_behind_a_whole_window(start, store) -> None:
    """The books say the same."""
    books, steps, began = Books(), Steps(store.prefix), START * 1000
    alerting = meter("team", "search", "usd", MINUTE, 10, alert_at=(9000,))
    told: list[int] = []
    for seconds in (0, 30, 60, 62, 90, 124, 20):  # the last: the clock is set back
        refused, now = order(f"at {seconds}", line(alerting, 11)), began + seconds * 1000
        books.hold(refused, now)
        await store.run([steps.hold(refused, now_ms=now)])
        told.append(len((await AlertLog(store).alerts())[0]))
        assert len(books.counters.alerts) == told[-1]
    assert told == [1, 1, 1, 2, 2, 3, 4]


async def test_a_providers_budget_is_told_too_though_another_provider_serves(start, store) -> None:
    ledger = await start()
    small = meter("provider", "A", "usd", MONTH, 10, alert_at=(9000,))
    hold = await ledger.hold(order("a", line(small, 11, group="A"), others=True))
    assert (hold.granted, hold.left_out) == (True, {"A"})
    (alert,), _ = await AlertLog(store).alerts()
    assert alert.meter == small.id


async def test_every_key_is_one_that_the_layout_names_and_none_stays_for_ever(start, store) -> None:
    ledger = await start()
    lines = [line(BUDGET, 10), line(meter("key", "k1", "requests", MINUTE, 9), 1)]
    lines += [line(meter("key", "k1", "concurrent", NOW, 9), 1)]
    for ident in ("a", "b"):
        await ledger.hold(order(ident, *lines))
    ledger.settle(settlement("a", usd=5))
    await ledger.stop()
    root = re.escape(layout.root(store.prefix))
    known = re.compile(root + r"(m:.+|h:b|d:a|x|e|r:\d+)")
    keys = [key.decode() for key in await store.client.keys("*")]
    assert not [key for key in keys if not known.fullmatch(key)]
    names = {layout.root(store.prefix) + layout.meter_name(each.meter, each.start) for each in lines}
    assert names <= set(keys)
    assert {layout.hold(store.prefix, "b"), layout.marker(store.prefix, "a")} <= set(keys)
    for key in keys:
        ends = await store.client.pttl(key) > 0
        assert ends == bool(re.match(root + r"(m:(usd|requests)|d:|r:)", key)), key
    assert await store.client.pttl(layout.root(store.prefix) + layout.meter_name(BUDGET, START)) > (END - START) * 1000


async def test_usage_is_summed_by_party_and_calendar(start, store) -> None:
    ledger = await start()
    for number, (team, model, outcome) in enumerate(
        [("search", "generate", "ok"), ("search", "generate", "provider:provider_error"), ("ads|1%", "classify", "ok")]
    ):
        ident = f"h{number}"
        ledger.open(order(ident))
        written = event(ident, 1, usd=10 + number, tokens=3, outcome=outcome, team=team, model=model)
        plain = settlement(ident, usd=10 + number, tokens=3)
        ledger.settle(type(plain)(ident, 1, "A", plain.charge, written, final=True))
    await ledger.stop()
    reports = Reports(store)
    hour = await _hour(store)
    span = (hour * 3600, (hour + 1) * 3600)
    teams = await reports.sums(*span, "hour", ["team"], zone=UTC)
    assert [(each.names, each.usd, each.input_tokens, each.requests, each.failed) for each in teams] == [
        (("ads|1%",), 12, 3, 1, 0),
        (("search",), 21, 6, 2, 1),
    ]
    assert {each.start for each in teams} == {hour * 3600}
    berlin = ZoneInfo("Europe/Berlin")
    (month,) = await reports.sums(*span, "month", zone=berlin, wanted=Wanted(team="search"))
    assert (month.names, month.usd) == ((), 21)
    assert month.start <= hour * 3600
    (everything,) = await reports.sums(span[0] - 500 * 3600, span[1], "all", ["org"], zone=UTC)
    assert (everything.usd, everything.names, everything.start) == (33, ("acme",), span[0] - 500 * 3600)


async def _hour(store: Store) -> int:
    (key,) = await store.client.keys(layout.root(store.prefix) + "r:*")
    return int(key.rpartition(b":")[2])


async def test_events_are_read_page_by_page_and_filtered(start, store) -> None:
    ledger = await start()
    for number in range(7):
        ident = f"h{number}"
        ledger.open(order(ident))
        ledger.settle(settlement(ident, usd=number, model="generate" if number % 2 else "classify"))
    await ledger.stop()
    reports = Reports(store)
    first = await reports.events(0, 10**15, limit=3)
    second = await reports.events(0, 10**15, limit=3, before=first.before)
    third = await reports.events(0, 10**15, limit=3, before=second.before)
    assert [each.usd for page in (first, second, third) for each in page.events] == [6, 5, 4, 3, 2, 1, 0]
    assert third.before is None
    odd = await reports.events(0, 10**15, Wanted(model="generate", team="search"))
    assert [each.event.hold_id for each in odd.events] == ["h5", "h3", "h1"]
    assert not (await reports.events(0, 1000)).events


async def test_events_beyond_the_limit_are_let_go(start, store) -> None:
    ledger = await start(keep_events_max=100)
    for number in range(600):
        ledger.settle(settlement(f"h{number}"))
    await ledger.stop()
    assert 100 <= await store.client.xlen(layout.events(store.prefix)) < 300, "trimmed by whole nodes of the stream"


async def test_too_many_waiting_are_refused_at_once(start, monkeypatch) -> None:
    monkeypatch.setattr("extproc.state.delivery.MAX_WAITING", 3)
    ledger = await start()
    answers = [ledger.hold(order(f"h{number}", line(BUDGET, 1))) for number in range(5)]
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert [isinstance(result, StoreUnavailable) for result in results] == [False] * 3 + [True] * 2


# -- the scripts, at times of the test's choosing ------------------------------------------------------------------------


class Desk:
    """Sends single steps at a given time."""

    def __init__(self, store: Store) -> None:
        self.steps = Steps(store.prefix)
        self.store = store
        self.now = 1_793_500_000_000

    async def run(self, call: Call) -> object:
        (reply,) = await self.store.run([call])
        assert not isinstance(reply, Exception), reply
        return reply

    async def hold(self, ident: str, *lines: HoldLine, **options):
        return read_hold(await self.run(self.steps.hold(order(ident, *lines, **options), now_ms=self.now)))[0]

    async def settle(self, ident: str, attempt: int = 1, *, again: bool = False, **options):
        made = settlement(ident, attempt, **options)
        return read_settled(await self.run(self.steps.settle(made, again=again, now_ms=self.now)))

    async def close(self, ident: str, *attempts: int) -> None:
        await self.run(self.steps.close(ident, attempts, now_ms=self.now))

    async def stand(self, on: HoldLine) -> tuple[int, int]:
        settled, held = await self.run(self.steps.states([(on.meter, on.start)], now_ms=self.now))
        return settled, held


@pytest.fixture
def desk(store) -> Desk:
    return Desk(store)


async def test_what_was_used_leaves_a_rolling_window_after_it_has_passed_and_not_before(desk) -> None:
    tokens = line(meter("key", "k1", "tokens", MINUTE, 100), 100)
    assert (await desk.hold("a", tokens)).granted
    await desk.settle("a", tokens=100)
    desk.now += 59_999
    refused = await desk.hold("b", tokens)
    assert not refused.granted
    assert refused.states[0].reset_seconds in {1, 2}
    desk.now += refused.states[0].reset_seconds * 1000
    assert (await desk.hold("b", tokens)).granted


async def test_the_charge_goes_to_the_time_of_the_hold(desk) -> None:
    tokens = line(meter("key", "k1", "tokens", MINUTE, 100), 50)
    await desk.hold("a", tokens)
    desk.now += 40_000
    await desk.settle("a", tokens=50)
    assert await desk.stand(tokens) == (50, 0)
    desk.now += 21_001
    assert await desk.stand(tokens) == (0, 0)


async def test_a_charge_at_the_very_end_of_the_window_still_counts_and_one_after_it_does_not(desk) -> None:
    desk.now -= desk.now % 1000
    for ident, later, expected in (("a", 60_999, 50), ("b", 61_000, 0)):
        tokens = line(meter("key", ident, "tokens", MINUTE, 100), 50)
        await desk.hold(ident, tokens)
        await desk.run(desk.steps.renew([ident], now_ms=desk.now + 30_000))
        await desk.run(desk.steps.settle(settlement(ident, tokens=50), now_ms=desk.now + later))
        settled, _ = await desk.run(desk.steps.states([(tokens.meter, 0)], now_ms=desk.now + later))
        assert settled == expected


async def test_a_closed_hold_does_not_gain_time_by_a_settlement(desk) -> None:
    budget = line(BUDGET, 100)
    await desk.hold("a", budget)
    await desk.close("a", 1, 2)
    await desk.settle("a", 1, usd=5, end="closing")
    desk.now += 5000
    await desk.hold("other")
    assert await desk.stand(budget) == (105, 0), "the second attempt never settled"


async def test_a_clock_set_back_keeps_a_rolling_meter_for_a_window_at_most(desk) -> None:
    tokens = line(meter("key", "k1", "tokens", MINUTE, 100), 50)
    await desk.hold("a", tokens)
    await desk.settle("a", tokens=50)
    desk.now -= 86_400_000
    assert await desk.stand(tokens) == (50, 0)
    desk.now += 61_001
    assert await desk.stand(tokens) == (0, 0)


async def test_a_hold_from_before_the_clock_was_set_back_still_expires(desk) -> None:
    budget = line(BUDGET, 50)
    await desk.hold("a", budget)
    desk.now -= 86_400_000
    await desk.run(desk.steps.sweep(100, 10**12, now_ms=desk.now))
    desk.now += 60_000
    await desk.run(desk.steps.sweep(100, 10**12, now_ms=desk.now))
    assert await desk.stand(budget) == (50, 0)


@pytest.mark.parametrize(
    ("known", "settled", "expected"),
    [((), (), 0), ((1,), (1,), 5), ((1, 2), (1,), 5 + 100)],
    ids=["nothing was sent", "all have settled", "one never settled"],
)
async def test_when_the_grace_is_over(desk, known, settled, expected) -> None:
    budget = line(BUDGET, 100)
    await desk.hold("a", budget)
    for attempt in settled:
        await desk.settle("a", attempt, usd=5, end="next")
    await desk.close("a", *known)
    desk.now += 4999
    assert await desk.stand(budget) == (5 * len(settled), 100)
    desk.now += 1
    await desk.hold("other")
    assert await desk.stand(budget) == (expected, 0)


async def test_an_attempt_that_follows_the_last_one_keeps_the_hold(desk) -> None:
    budget = line(BUDGET, 100)
    await desk.hold("a", budget)
    await desk.settle("a", 1, end="closing")
    desk.now += 20_000
    await desk.run(desk.steps.renew(["a"], now_ms=desk.now))
    desk.now += 40_000
    await desk.hold("other")
    assert await desk.stand(budget) == (0, 100)
    desk.now += 20_000
    await desk.hold("another")
    assert await desk.stand(budget) == (100, 0), "and where it dies, its bound is charged"


async def test_a_settlement_of_which_nothing_is_known(desk, store) -> None:
    assert (await desk.settle("new", usd=5)).what == "orphan"
    assert (await desk.settle("new", usd=5)).what == "again"
    assert (await desk.settle("old", usd=5, again=True)).what == "again", (
        "it was sent before, and has been forgotten since"
    )
    page = await Reports(store).events(0, 10**15)
    assert [(each.state, each.event.hold_id) for each in page.events] == [("orphan", "new")]


@pytest.mark.parametrize("end", ["final", "next"])
async def test_a_request_without_limits_may_be_settled_before_its_order_has_come(desk, store, end) -> None:
    # The order waits for company in one process, while the attempt of a fast provider has ended in another.
    made = replace(settlement("fast", 1, end=end), limitless=True)
    call = desk.steps.settle(made, now_ms=desk.now)
    assert read_settled(await desk.run(call)).what == "charged"
    desk.now += 5
    await desk.run(desk.steps.hold(order("fast"), mode=OPEN, now_ms=desk.now))
    if end == "next":
        await desk.settle("fast", 2)
    desk.now += 70_000
    await desk.run(desk.steps.sweep(10, 10**15, now_ms=desk.now))
    page = await Reports(store).events(0, 10**15)
    attempts = sorted((each.state, each.event.attempt) for each in page.events)
    assert attempts == ([("", 1)] if end == "final" else [("", 1), ("", 2)])


async def test_a_request_without_limits_whose_worker_was_killed_between_attempts_has_the_facts_of_its_order(
    desk, store
) -> None:
    made = replace(settlement("fast", 1, end="next", outcome="provider:status_500"), limitless=True)
    await desk.run(desk.steps.settle(made, now_ms=desk.now))
    await desk.run(desk.steps.hold(order("fast"), mode=OPEN, now_ms=desk.now))
    desk.now += 70_000
    await desk.run(desk.steps.sweep(10, 10**15, now_ms=desk.now))
    page = await Reports(store).events(0, 10**15)
    assert sorted((each.state, each.event.outcome) for each in page.events) == [
        ("", "provider:status_500"),
        ("expired", "gateway:never_settled"),
    ]


async def test_a_bound_is_taken_back_when_it_turns_out_that_all_had_settled(desk, store) -> None:
    budget = line(BUDGET, 100)
    await desk.hold("a", budget)
    await desk.settle("a", 1, usd=5, end="next")
    desk.now += 60_000
    await desk.hold("other")
    assert await desk.stand(budget) == (105, 0)
    await desk.close("a", 1)
    assert await desk.stand(budget) == (5, 0)
    await desk.close("a", 1)
    assert (await desk.settle("a", 2, usd=3)).what == "late"
    assert await desk.stand(budget) == (8, 0)
    page = await Reports(store).events(0, 10**15)
    assert [(each.state, each.usd) for each in page.events] == [
        ("late", 3),
        ("corrected", -100),
        ("expired", 100),
        ("", 5),
    ]


async def test_a_cluster_has_the_whole_ledger_in_one_slot(tmp_path) -> None:
    nodes = make_cluster(tmp_path, 3)
    try:
        store = connect(snapshot.Store(url=snapshot.Secret(f"redis+cluster://127.0.0.1:{nodes[0].port}")))
        ledger = RedisLedger(store, LedgerConfig(), Watch())
        await ledger.start()
        lines = [line(BUDGET, 10), line(meter("key", "k1", "tokens", MINUTE, 90), 1)]
        assert (await ledger.hold(order("a", *lines))).granted
        ledger.settle(settlement("a", usd=7, tokens=1))
        await ledger.stop()
        reports = Reports(store)
        states = await reports.states([(each.meter, each.start) for each in lines])
        assert [(state.settled, state.held) for state in states] == [(7, 0), (1, 0)]
        assert len((await reports.events(0, 10**15)).events) == 1
        now = int((await reports.events(0, 10**15)).events[0].id.partition("-")[0]) // 1000
        (total,) = await reports.sums(now - 7200, now + 7200, "all", zone=UTC)
        assert (total.usd, total.requests) == (7, 1)
        await store.close()
    finally:
        stop_all(nodes)


async def test_an_attempt_that_settles_after_the_end_is_charged_all_the_same(desk) -> None:
    budget = line(BUDGET, 100)
    await desk.hold("a", budget)
    await desk.settle("a", 2, usd=7)
    assert (await desk.settle("a", 1, usd=3, end="next")).what == "late"
    assert await desk.stand(budget) == (10, 0)
