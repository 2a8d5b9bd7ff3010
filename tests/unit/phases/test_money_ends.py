"""However a request ends: nothing stays held, and each attempt that was sent is written down once."""

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from extproc.config.snapshot import Commit, Price, Target
from extproc.domain.meters import Window
from extproc.domain.names import RETRY_STATUS
from extproc.phases.events import RequestBody, Respond
from extproc.state.memory import MemoryLedger

HI = [{"role": "user", "content": "Hi"}]
LONG = [{"role": "user", "content": "word " * 80}]
"""Enough for an estimate to tell that there was a prompt."""
ORDERS = pytest.mark.parametrize("admission_first", [False, True])
STREAMS = pytest.mark.parametrize("stream", [False, True])
BODY = orjson.dumps({"model": "two", "messages": HI, "max_tokens": 300})


@pytest.fixture
def meters(world, meter):
    made = meter("usd", 10**12), meter("requests", 100), meter("concurrent", 10, Window("now"))
    world.key(meters=made)
    world.priced()
    return made


def ask(world, *, stream=False, model="two", **more):
    world.ask({"model": model, "messages": LONG, "max_tokens": 300, **({"stream": True} if stream else {}), **more})


def gone(world, *attempts, admission_first):
    """The client has left: Envoy ends all streams, in any order."""
    if admission_first:
        world.leave()
    for attempt in attempts:
        attempt.close()
    if not admission_first:
        world.leave()
    world.settle()


def told(world):
    return [(event.attempt, event.outcome) for event in world.events]


def stands(world, meters):
    return [(world.stand(one).settled, world.stand(one).held) for one in meters]


NOTHING = [(0, 0)] * 3
FAILED = [(0, 0), (1, 0), (0, 0)]
"""It has reached a provider, so it was a request."""


# -- the client leaves --------------------------------------------------------------------------------------------------------


class SlowLedger(MemoryLedger):
    """Takes a hold, and never says so."""

    def hold(self, order):
        super().hold(order)
        return asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("begun", [False, True])
def test_before_the_hold_is_answered(world, meters, begun):
    world.ledger = SlowLedger(world.clock.now_ns)
    world.admit()

    async def leave():
        asked = asyncio.ensure_future(world.admission.handle(RequestBody(BODY)))
        if begun:
            await asyncio.sleep(0)
            assert world.ledger.books.rows, "taken"
        asked.cancel()
        world.leave()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        return ()

    world.run(leave)
    world.settle()
    assert world.events == []
    assert [row.outcome for row in world.recorder.requests] == ["caller:client_closed"]


def test_before_any_attempt(world, meters):
    ask(world)
    assert world.stand(meters[0]).held > 0
    world.leave()
    world.settle()
    assert stands(world, meters) == NOTHING
    assert world.events == []


@STREAMS
@ORDERS
def test_before_the_provider_has_said_anything(world, meters, stream, admission_first):
    ask(world, stream=stream)
    attempt = world.send()
    gone(world, attempt, admission_first=admission_first)
    assert told(world) == [(1, "transport:no_answer")]
    assert stands(world, meters) == FAILED


@ORDERS
def test_before_the_commit(world, meters, sse, admission_first):
    world.model("two", commit=Commit("whole"))
    ask(world, stream=True)
    bound = world.stand(meters[0]).held
    attempt = world.send()
    attempt.headers(200)
    attempt.body(sse.role() + sse.text("one ") + sse.text("two"))
    gone(world, attempt, admission_first=admission_first)
    (event,) = world.events
    assert (event.estimated, event.output_tokens) == (True, 2)
    assert event.usd == event.input_tokens * 1000 + 20_000
    assert 2 * 10_000 < event.usd == world.stand(meters[0]).settled <= bound


@ORDERS
@pytest.mark.parametrize("seen", [False, True])
def test_after_the_commit(world, meters, sse, admission_first, seen):
    """``seen``: whether admission has seen the answer's head by then."""
    ask(world, stream=True)
    bound = world.stand(meters[0]).held
    attempt = world.send()
    attempt.headers(200)
    attempt.body(sse.text("one "))
    if seen:
        world.answer(200)
    attempt.body(sse.text("two"))
    gone(world, attempt, admission_first=admission_first)
    (event,) = world.events
    assert (event.outcome, event.estimated, event.output_tokens) == ("transport:aborted", True, 2)
    assert 2 * 10_000 < event.usd <= bound
    assert stands(world, meters) == [(event.usd, 0), (1, 0), (0, 0)]
    assert [(row.usage_estimated, row.cost) for row in world.recorder.attempts] == [(True, event.usd)]


def test_what_the_provider_has_counted_is_not_estimated_again(world, meters, claude):
    world.model("claude", targets=(Target("a1", "c1", price=Price(Decimal(1), Decimal(10))),))
    ask(world, model="claude", stream=True)
    attempt = world.send()
    attempt.headers(200)
    attempt.body(claude.start(input=40) + claude.text("one "))
    gone(world, attempt, admission_first=False)
    (event,) = world.events
    assert (event.input_tokens, event.output_tokens) == (40, 1)


@pytest.mark.parametrize("limited", ["by the client", "by the budget"])
def test_an_estimate_is_never_more_than_was_held(world, meters, meter, sse, limited):
    """Pieces of an answer need not be tokens, and what other answers have taught need not hold for this one."""
    teach(world, sse)
    if limited == "by the budget":
        world.key(meters=(meter("usd", 5_000_000, Window("calendar", "month")),))
    small = {"max_tokens": 20} if limited == "by the client" else {"max_tokens": 500}
    world.money(output_floor=1)
    ask(world, stream=True, messages=[{"role": "user", "content": "word " * 400}], **small)
    (row,) = world.ledger.books.rows.values()
    bound = {line.unit: line.amount for line in row.lines}["usd"]
    attempt = world.send()
    attempt.headers(200)
    for _ in range(100):
        attempt.body(sse.text("several words at once "))
    gone(world, attempt, admission_first=False)
    event = world.events[-1]
    assert event.estimated
    assert event.usd <= bound
    if limited == "by the client":
        assert event.output_tokens <= 20


def teach(world, sse):
    """An answer whose prompt had many more tokens than bytes, and whose pieces were many tokens each."""
    other = world.another()
    ask(other, stream=True)
    attempt = other.send()
    attempt.headers(200)
    usage = orjson.loads(sse.usage()[6:])
    usage["usage"] = {"prompt_tokens": 200, "completion_tokens": 290, "total_tokens": 490}
    attempt.body(sse.text("a") + sse.finish() + b"data: " + orjson.dumps(usage) + b"\n\n" + sse.done, end=True)
    other.answer(200)
    attempt.close()
    other.leave()


@ORDERS
def test_within_the_second_attempt(world, meters, sse, admission_first):
    ask(world, stream=True)
    first = world.send()
    first.headers(503)
    first.close()
    second = world.send()
    second.headers(200)
    second.body(sse.text("one"))
    gone(world, second, admission_first=admission_first)
    assert [attempt for attempt, _ in told(world)] == [1, 2]
    assert world.stand(meters[0]).held == 0


def test_a_client_that_leaves_at_the_finish_marker_has_had_it_all(world, meters, sse):
    ask(world, stream=True)
    attempt = world.send()
    attempt.headers(200)
    attempt.body(sse.text("a") + sse.finish() + sse.usage() + sse.done)
    gone(world, attempt, admission_first=False)
    (event,) = world.events
    assert (event.outcome, event.usd, event.estimated) == ("ok", 25_000, False)


# -- replies of Envoy's own ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempts", [0, 1, 2])
@pytest.mark.parametrize("status", [500, 503, 504])
@pytest.mark.parametrize("when", ["attempts first", "reply first", "admission first"])
def test_a_reply_of_envoys_own(world, meters, attempts, status, when):
    ask(world)
    opened = []
    for _ in range(attempts):
        attempt = world.send()
        opened.append(attempt)
        if when == "attempts first":
            attempt.close()
    world.answer(status)
    if when == "admission first":
        world.leave()
    for attempt in opened:
        if attempt.open:
            attempt.close()
    if when != "admission first":
        world.leave()
    assert world.ledger.books.rows == {} or attempts == 0 or when != "attempts first"
    world.settle()
    assert [attempt for attempt, _ in told(world)] == [*range(1, attempts + 1)]
    assert stands(world, meters) == (FAILED if attempts else NOTHING)


def test_an_attempt_that_never_settles_is_charged_at_the_bound(world, meters):
    """Its worker was killed: admission knows of it by its mark."""
    ask(world)
    bound = world.stand(meters[0]).held
    world.send()
    world.answer(503)
    world.leave()
    world.clock.advance(31)
    world.ledger.books.sweep(10, world.clock.now_ns() // 1_000_000)
    assert (world.stand(meters[0]).settled, world.stand(meters[0]).held) == (bound, 0)
    (event,) = world.events
    assert (event.outcome, event.attempt, event.estimated) == ("gateway:never_settled", 0, True)
    assert (event.provider, event.provider_model, event.key_id) == ("o1", "m1", "ci")


@ORDERS
def test_envoy_was_to_retry_and_does_not(world, meters, admission_first):
    ask(world)
    first = world.send()
    first.headers(429)
    seen = world.answer(RETRY_STATUS, x_llmgw_status="429")
    assert seen.status == 429
    gone(world, first, admission_first=admission_first)
    assert told(world) == [(1, "provider:provider_rate_limited")]
    assert stands(world, meters) == FAILED


def test_the_limits_are_told_on_replies_of_envoys_own_too(world, meters):
    ask(world)
    assert "x-llmgw-budget-remaining" in world.answer(503).set_headers


# -- our own failures ---------------------------------------------------------------------------------------------------------


def nothing_yet(_world, _attempt, _sse):
    pass


def withheld(_world, attempt, sse):
    attempt.headers(200)
    attempt.body(sse.role())


def committed(world, attempt, sse):
    attempt.headers(200)
    attempt.body(sse.text("one"))
    world.answer(200)


@pytest.mark.parametrize("state", [nothing_yet, withheld, committed])
@ORDERS
def test_an_attempt_that_crashes(world, meters, sse, state, admission_first):
    ask(world, stream=True)
    attempt = world.send()
    state(world, attempt, sse)
    attempt.close(crashed=True)
    if state is not committed:
        world.answer(500)
    world.leave()
    world.settle()
    assert told(world) == [(1, "gateway:internal_error")]
    assert stands(world, meters)[1:] == FAILED[1:]


def test_an_attempt_that_crashes_before_it_sent_anything(world, meters):
    ask(world)
    attempt, _ = world.open()
    attempt.close(crashed=True)
    world.answer(500)
    world.leave()
    world.settle()
    assert stands(world, meters) == NOTHING


def test_an_attempt_that_gets_no_connection(world, meters, completion):
    """Envoy closes its stream before the request's body; the next one answers."""
    ask(world)
    first, _ = world.open()
    first.close()
    second = world.send()
    second.headers(200)
    second.body(completion, end=True)
    world.answer(200)
    second.close()
    world.leave()
    world.settle()
    assert told(world) == [(2, "ok")]
    assert stands(world, meters) == [(25_000, 0), (1, 0), (0, 0)]


@pytest.mark.parametrize("when", ["before an attempt", "within one", "behind the answer"])
def test_admission_crashes(world, meters, completion, when):
    ask(world)
    if when == "before an attempt":
        world.leave(crashed=True)
        world.settle()
        assert stands(world, meters) == NOTHING
        return
    attempt = world.send()
    if when == "within one":
        world.leave(crashed=True)
    attempt.headers(200)
    attempt.body(completion, end=True)
    if when == "behind the answer":
        world.answer(200)
        world.leave(crashed=True)
    attempt.close()
    world.settle()
    assert told(world) == [(1, "ok")]
    assert stands(world, meters) == [(25_000, 0), (1, 0), (0, 0)]


@pytest.mark.parametrize("fee", [None, Decimal("0.01")])
def test_a_request_that_cannot_be_translated_was_never_sent(world, meters, fee):
    """So it costs nothing, not even a fee, counts as no request, and its slot is free at once."""
    world.model("claude", targets=(Target("a1", "c1", price=Price(Decimal(1), Decimal(10), request=fee)),))
    ask(world, model="claude", n=2)
    attempt = world.send()
    assert attempt.seen.status == 400
    world.answer(400)
    attempt.close()
    assert stands(world, meters) == NOTHING
    world.leave()
    world.settle()
    assert [row.outcome for row in world.recorder.requests] == ["caller:unsupported_feature"]


def test_a_provider_that_a_reload_took_away(world, meters):
    ask(world)
    kept = {name: one for name, one in world.snapshot.providers.items() if name != "o1"}
    world.snapshot = replace(world.snapshot, providers=kept)
    attempt, (reply,) = world.open(cluster="provider-o1")
    assert isinstance(reply, Respond)
    world.answer(500)
    gone(world, attempt, admission_first=False)
    assert stands(world, meters) == NOTHING
