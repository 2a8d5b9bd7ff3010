"""Several attempts, one hold: what failed ones have cost, and whether there is enough left for another."""

import asyncio
import contextlib
from decimal import Decimal

import orjson
import pytest

from extproc.config.snapshot import Commit, Price, Target
from extproc.domain.meters import Window
from extproc.domain.names import RETRY_STATUS
from extproc.phases.events import ResponseBody

HI = [{"role": "user", "content": "Hi"}]
ROUTES = pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
RETRIED = frozenset({429, 500, 502, 503, 529, "connect", "timeout"})
PRICE = Price(Decimal(1), Decimal(10))
STARTED = 5 * 1000 + 10_000
"""What ``message_start`` tells of: five tokens in, one out."""


@pytest.fixture
def chain(world, meter):
    """Anthropic first, then OpenAI; the key has a budget and counts requests."""

    def make(limit=10**12, price=PRICE, **changes):
        made = meter("usd", limit)
        requests, slots = meter("requests", 100), meter("concurrent", 10, Window("now"))
        world.key(meters=(made, requests, slots))
        world.priced(price)
        world.model(
            "mixed",
            targets=(Target("a1", "c1", price=price),),
            fallbacks=(Target("o1", "m1", price=price),),
            retry_on=RETRIED,
            **{"first_token_timeout": 10.0, "stall_timeout": 15.0, "commit": Commit("whole"), **changes},
        )
        return made, requests, slots

    return make


def ask(world, path="/v1/chat/completions", *, stream=True):
    world.ask({"model": "mixed", "messages": HI, "max_tokens": 300, "stream": stream}, path)


def bound_of(world, meters):
    """What a request holds of the first meter."""
    other = world.another()
    ask(other)
    held = other.stand(meters[0]).held
    other.leave()
    other.settle()
    world.recorder.requests.clear()
    return held


def good(world, sse):
    """The next attempt answers."""
    attempt = world.send()
    attempt.headers(200)
    attempt.body(sse.text("Hello") + sse.finish() + sse.usage() + sse.done, end=True)
    assert attempt.seen.status == 200
    world.answer(200)
    attempt.close()
    world.leave()


def stands(world, meters):
    return [(world.stand(one).settled, world.stand(one).held) for one in meters]


def rows(world):
    return [(event.attempt, event.provider, event.outcome, event.usd) for event in world.events]


@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_attempt_is_free_and_the_hold_is_kept_for_the_next(world, chain, sse, status):
    meters = chain()
    ask(world)
    held = stands(world, meters)
    first = world.send()
    first.headers(status)
    first.close()
    assert stands(world, meters) == held
    good(world, sse)
    assert stands(world, meters) == [(25_000, 0), (1, 0), (0, 0)]
    assert world.ledger.books.rows == {}
    outcome = {429: "provider:provider_rate_limited", 503: "provider:provider_overloaded"}[status]
    assert rows(world) == [(1, "a1", outcome, 0), (2, "o1", "ok", 25_000)]
    world.settle()


def test_a_refused_attempt_is_free_where_requests_have_a_fee(world, chain, sse):
    meters = chain(price=Price(Decimal(1), Decimal(10), request=Decimal("0.01")))
    ask(world)
    first = world.send()
    first.headers(429)
    first.close()
    good(world, sse)
    assert [event.usd for event in world.events] == [0, 10_025_000]
    assert [event.priced for event in world.events] == [True, True]
    assert stands(world, meters)[0] == (10_025_000, 0)
    world.settle()


def error_event(attempt, claude):
    attempt.body(claude.error())


def stall(attempt, _claude):
    attempt.wait(20)


def cut(attempt, _claude):
    attempt.body(b"", end=True)


def garbage(attempt, _claude):
    attempt.body(b"event: content_block_delta\ndata: {nonsense\n\n")


FAILURES = pytest.mark.parametrize("fail", [error_event, stall, cut, garbage])


@FAILURES
@ROUTES
def test_a_failed_attempt_that_cost_money_is_charged_before_the_next(world, chain, sse, claude, fail, path):
    meters = chain()
    ask(world, path)
    first = world.send()
    first.headers(200)
    first.body(claude.start())
    assert world.stand(meters[0]).settled == 0
    held = world.stand(meters[0]).held
    fail(first, claude)
    assert first.seen.status == RETRY_STATUS
    assert (world.stand(meters[0]).settled, world.stand(meters[0]).held) == (STARTED, held), "before it is closed"
    first.close()
    assert rows(world)[0][:2] == (1, "a1")
    good(world, sse)
    assert stands(world, meters) == [(STARTED + 25_000, 0), (1, 0), (0, 0)]
    assert [row[::3] for row in rows(world)] == [(1, STARTED), (2, 25_000)]
    assert [row.cost for row in world.recorder.attempts] == [STARTED, 25_000]
    world.settle()


@FAILURES
@ROUTES
def test_a_retry_that_the_hold_does_not_cover_is_not_made(world, chain, claude, fail, path):
    held = bound_of(world, chain())
    meters = chain(held + STARTED - 1)
    ask(world, path)
    first = world.send()
    first.headers(200)
    first.body(claude.start())
    fail(first, claude)
    assert first.seen.status in {502, 503, 504, 529}
    assert first.seen.code.startswith("provider_")
    error = orjson.loads(first.seen.body)
    assert (error.get("type") == "error") == ("messages" in path)
    world.answer(first.seen.status)
    first.close()
    world.leave()
    assert [row[::3] for row in rows(world)] == [(1, STARTED)]
    assert len(world.recorder.requests) == 1
    world.settle()
    assert stands(world, meters) == [(STARTED, 0), (1, 0), (0, 0)]


def test_a_retry_that_is_just_covered_is_made(world, chain, sse, claude):
    held = bound_of(world, chain())
    meters = chain(held + STARTED)
    ask(world)
    first = world.send()
    first.headers(200)
    first.body(claude.start())
    error_event(first, claude)
    assert first.seen.status == RETRY_STATUS
    first.close()
    good(world, sse)
    assert stands(world, meters)[0] == (STARTED + 25_000, 0)


def test_what_was_delivered_of_a_withheld_answer_is_estimated(world, chain, sse, claude):
    meters = chain()
    ask(world)
    first = world.send()
    first.headers(200)
    first.body(claude.start() + claude.text("one ") + claude.text("two ") + claude.text("three"))
    error_event(first, claude)
    assert first.seen.status == RETRY_STATUS
    first.close()
    (event,) = world.events
    assert (event.input_tokens, event.output_tokens, event.estimated) == (5, 3, True)
    assert world.stand(meters[0]).settled == 5 * 1000 + 3 * 10_000
    good(world, sse)
    world.settle()


def test_a_failure_in_the_trailers_cannot_wait_and_is_the_answer(world, chain, claude):
    meters = chain()
    ask(world)
    first = world.send()
    first.headers(200)
    first.body(claude.start())
    first.trailers()
    assert first.seen.status == 502
    world.answer(502)
    first.close()
    world.leave()
    assert stands(world, meters) == [(STARTED, 0), (1, 0), (0, 0)]
    world.settle()


def test_the_last_of_the_chain_is_charged_once(world, chain, claude):
    meters = chain()
    world.model("mixed", fallbacks=())
    ask(world)
    first = world.send()
    first.headers(200)
    first.body(claude.start())
    error_event(first, claude)
    world.answer(first.seen.status)
    first.close()
    world.leave()
    assert stands(world, meters) == [(STARTED, 0), (1, 0), (0, 0)]
    assert len(world.events) == 1
    world.settle()


@pytest.mark.parametrize("admission_first", [False, True])
def test_envoy_does_not_retry_what_was_charged(world, chain, claude, admission_first):
    """Its retry limits: the hold ends all the same."""
    meters = chain()
    ask(world)
    first = world.send()
    first.headers(200)
    first.body(claude.start())
    error_event(first, claude)
    if admission_first:
        world.answer(RETRY_STATUS)
        world.leave()
        first.close()
    else:
        first.close()
        world.answer(RETRY_STATUS)
        world.leave()
    world.settle()
    assert stands(world, meters) == [(STARTED, 0), (1, 0), (0, 0)]
    assert len(world.events) == 1


def test_a_silent_cut_that_cost_money_is_not_followed_by_an_attempt_that_the_hold_does_not_cover(
    world, chain, claude, sse
):
    """The provider's connection is reset behind ``message_start``: no event tells of it, the stream just ends."""
    held = bound_of(world, chain())
    budget, *_ = chain(held)
    ask(world)
    first = world.send()
    first.headers(200)
    first.body(claude.start())
    first.close()
    second = world.send()
    if second.sent is not None:
        usage = {"prompt_tokens": (held - 3_000_000) // 1000, "completion_tokens": 300}
        counted = orjson.dumps({"id": "c1", "created": 1, "model": "m1", "choices": [], "usage": usage})
        second.headers(200)
        second.body(sse.text("Hello") + sse.finish() + b"data: " + counted + b"\n\n" + sse.done, end=True)
    second.close()
    assert world.stand(budget).settled <= budget.limit


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("admission_first", [False, True])
def test_the_client_leaves_while_nobody_knows_whether_the_hold_covers_another(
    world, chain, claude, begun, admission_first
):
    meters = chain()
    ask(world)
    first = world.send()
    first.headers(200)
    first.body(claude.start())

    async def leave():
        asked = asyncio.ensure_future(first.phase.handle(ResponseBody(claude.error(), end=False)))
        if begun:
            await asyncio.sleep(0)
        asked.cancel()
        if admission_first:
            world.leave()
        first.close()
        if not admission_first:
            world.leave()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        return ()

    world.run(leave)
    world.settle()
    assert stands(world, meters) == [(STARTED, 0), (1, 0), (0, 0)]
    assert [row[::3] for row in rows(world)] == [(1, STARTED)]
