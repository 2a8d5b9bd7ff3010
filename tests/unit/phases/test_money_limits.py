"""Rate limits, guards, prices that nobody knows, and accounts at providers that are used up."""

import hashlib
from decimal import Decimal

import orjson
import pytest

from extproc.config.snapshot import Price, Target
from extproc.domain.meters import Window

MINUTE, NOW, MONTH = Window("rolling", seconds=60), Window("now"), Window("calendar", "month")
HI = [{"role": "user", "content": "Hi"}]
ROUTES = pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
PRICE = Price(Decimal(1), Decimal(10))


@pytest.fixture
def limited(world, meter):
    def make(unit, limit, window=MINUTE, **rest):
        made = meter(unit, limit, window, **rest)
        world.key(meters=(*world.snapshot.keys[next(iter(world.snapshot.keys))].meters, made))
        world.priced()
        return made

    return make


def answer(world, completion):
    """The request's answer; what admission adds to it."""
    attempt = world.send()
    attempt.headers(200)
    attempt.body(completion, end=True)
    seen = world.answer(200)
    attempt.close()
    world.leave()
    return seen.set_headers


def refused(replies):
    (refusal,) = replies
    error = orjson.loads(refusal.body)["error"]
    return refusal.status, error.get("code"), dict(refusal.set_headers), error["message"]


# -- rate limits --------------------------------------------------------------------------------------------------------------


@ROUTES
def test_requests_in_a_minute(world, limited, completion, path):
    made = limited("requests", 2)
    body = {"model": "one", "messages": HI, "max_tokens": 5}
    world.ask(body, path)
    headers = answer(world, completion)
    assert headers["x-ratelimit-limit-requests"] == "2"
    assert headers["x-ratelimit-remaining-requests"] == "1"
    assert headers["x-ratelimit-reset-requests"] == "61s", "the first one counts, though it has yet to settle"
    second = world.another()
    second.ask(body, path)  # under way: it counts as well
    third = world.another()
    status, code, headers, message = refused(third.ask(body, path))
    assert (status, code) == (429, "rate_limited")
    assert 0 < int(headers["retry-after"]) <= 62
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == f"{headers['retry-after']}s"
    assert "This key" in message or "this key" in message
    third.leave()
    second.leave()
    world.settle()
    assert (world.stand(made).settled, world.stand(made).held) == (1, 0)
    world.clock.advance(60)
    fourth = world.another()
    fourth.ask(body, path)
    assert answer(fourth, completion)["x-ratelimit-remaining-requests"] == "1"


def test_tokens_in_a_minute(world, limited, completion):
    limited("tokens", 700)
    world.chat("one", max_tokens=200)
    headers = answer(world, completion)
    assert headers["x-ratelimit-limit-tokens"] == "700"
    assert headers["x-ratelimit-remaining-tokens"] == "700", "its own hold is a bound, and not used"
    other = world.another()
    other.chat("one", max_tokens=200)
    third = world.another()
    status, code, headers, _ = refused(third.chat("one", max_tokens=200))
    assert (status, code) == (429, "rate_limited")
    assert int(headers["x-ratelimit-remaining-tokens"]) < 450
    assert "x-ratelimit-reset-tokens" in headers


def test_a_request_that_can_never_fit_is_not_told_to_come_back(world, limited):
    limited("input_tokens", 10)
    status, _, headers, message = refused(world.chat("one", max_tokens=5))
    assert status == 429
    assert "retry-after" not in headers
    assert "never fit" in message


def test_requests_under_way(world, limited, completion):
    made = limited("concurrent", 1, NOW)
    world.chat("one", max_tokens=5)
    other = world.another()
    status, code, headers, _ = refused(other.chat("one", max_tokens=5))
    assert (status, code, headers["retry-after"]) == (429, "rate_limited", "1")
    other.leave()
    assert world.stand(made).held == 1
    assert not [name for name in answer(world, completion) if name.startswith("x-ratelimit")]
    assert world.stand(made).held == 0
    third = world.another()
    third.chat("one", max_tokens=5)
    answer(third, completion)
    world.settle()


def test_of_a_budget_and_a_rate_limit_the_budget_is_told(world, limited):
    """Waiting for the rate limit would not help."""
    limited("requests", 0)
    limited("usd", 0, MONTH)
    status, code, headers, _ = refused(world.chat("one", max_tokens=5))
    assert (status, code) == (402, "budget_exceeded")
    assert headers["x-ratelimit-remaining-requests"] == "0"


# -- guards -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def loops(world, meter):
    """The same request twice in a minute at most."""
    made = meter("requests", 1, MINUTE, {"key": "*", "prompt": "*"}, guard=True)
    world.meters(made)
    world.priced()
    return made


@ROUTES
def test_the_same_request_again_and_again(world, loops, completion, path):
    body = {"model": "one", "messages": HI, "max_tokens": 5}
    world.ask(body, path)
    headers = answer(world, completion)
    assert not [name for name in headers if name.startswith("x-ratelimit")], "a guard is no allowance"
    again = world.another()
    status, code, headers, message = refused(again.ask(body, path))
    assert (status, code) == (429, "runaway_guard")
    assert "loop" in message
    assert "retry-after" in headers
    again.leave()
    other = world.another()
    other.ask(body | {"max_tokens": 6}, path)
    answer(other, completion)
    assert [row.outcome for row in world.recorder.requests] == ["ok", "policy:runaway_guard", "ok"]
    world.settle()


def test_the_meter_of_a_prompt_tells_nothing_of_it(world, loops):
    """Two keys with the same prompt have two digests, and neither is that of the prompt alone."""
    body = orjson.dumps({"model": "two", "messages": HI, "max_tokens": 5})
    for plain in ("sk-test", "sk-scoped"):
        world.another().ask(body, authorization=f"Bearer {plain}")
    found = {key.partition("prompt=")[2].rpartition(":")[2] for key in world.ledger.books.counters.counters}
    assert len(found) == 2
    assert hashlib.blake2b(body, digest_size=12).hexdigest() not in found


def test_no_digest_is_made_where_no_guard_wants_one(world, limited, monkeypatch):
    made = []
    monkeypatch.setattr("extproc.phases.booking.hashlib.blake2b", lambda *_, **__: made.append(1))
    limited("requests", 10)
    world.chat("one", max_tokens=5)
    assert made == []


def test_spending_too_fast(world, meter):
    world.meters(meter("usd", 2_000_000, Window("rolling", seconds=3600), {"key": "*"}, guard=True))
    world.priced()
    status, code, headers, message = refused(world.chat("one", max_tokens=5000, n=9))
    assert (status, code) == (429, "runaway_guard")
    assert "runaway" in message
    assert "x-llmgw-budget-remaining" not in headers


# -- what has no price, or no bound -------------------------------------------------------------------------------------------


@ROUTES
def test_a_price_that_nobody_knows(world, limited, path):
    made = limited("usd", 10**12, MONTH)
    world.priced(None)
    status, code, _, message = refused(world.ask({"model": "one", "messages": HI, "max_tokens": 5}, path))
    assert (status, code) == (403, "price_unknown")
    assert '"m1" at "o1"' in message
    world.leave()
    world.settle()
    assert made.id not in "".join(world.ledger.books.counters.counters)


def test_what_has_no_price_is_free_where_the_rules_say_so(world, limited, completion):
    made = limited("usd", 10**12, MONTH)
    world.priced(None)
    world.money(unknown_price="free")
    world.chat("one", max_tokens=5)
    answer(world, completion)
    world.settle()
    (event,) = world.events
    assert (event.priced, event.usd, event.input_tokens, event.output_tokens) == (False, 0, 5, 2)
    assert (world.stand(made).settled, world.stand(made).held) == (0, 0)


@pytest.mark.parametrize(("unit", "counted"), [("requests", 1), ("tokens", 7), ("concurrent", 0)])
def test_a_price_is_needed_for_money_only(world, limited, completion, unit, counted):
    made = limited(unit, 10_000, NOW if unit == "concurrent" else MINUTE)
    world.priced(None)
    world.chat("one", max_tokens=5)
    answer(world, completion)
    assert (world.stand(made).settled, world.stand(made).held) == (counted, 0)
    assert [event.priced for event in world.events] == [False]


def test_targets_without_a_price_are_left_out_of_the_chain(world, limited):
    limited("usd", 10**12, MONTH)
    world.model("two", fallbacks=(Target("o2", "m2"), Target("o3", "m3", price=PRICE)))
    (reply,) = world.chat("two", max_tokens=5)
    assert reply.chain == ("provider-o1", "provider-o3")


UNBOUNDED = {"web_search_options": {}}


@pytest.mark.parametrize("unit", ["usd", "tokens"])
def test_a_request_without_an_upper_bound(world, limited, unit):
    limited(unit, 10**12, MONTH)
    status, code, _, message = refused(world.chat("one", max_tokens=5, **UNBOUNDED))
    assert (status, code) == (403, "cost_unbounded")
    assert "web_search_options" in message
    world.leave()
    world.settle()


def test_a_request_without_an_upper_bound_for_an_anthropic_client(world, limited):
    limited("usd", 10**12, MONTH)
    body = {"model": "claude", "messages": HI, "max_tokens": 5, "mcp_servers": [{"type": "url"}]}
    (refusal,) = world.ask(body, "/v1/messages")
    error = orjson.loads(refusal.body)
    assert (refusal.status, error["type"], error["error"]["details"]["error_code"]) == (403, "error", "cost_unbounded")


def test_no_bound_is_needed_where_requests_are_counted(world, limited, completion):
    made = limited("requests", 5)
    world.chat("one", max_tokens=5, **UNBOUNDED)
    answer(world, completion)
    assert world.stand(made).settled == 1


# -- accounts at providers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def accounts(world, meter):
    """``two`` is served by o1, then o2, then o3; their accounts have so much money left."""

    def make(**limits):
        chain = [Target(name, f"m{name[1]}", price=PRICE) for name in ("o1", "o2", "o3")]
        world.model("two", targets=(chain[0],), fallbacks=tuple(chain[1:]))
        made = {name: meter("usd", limit, MONTH, {"provider": name}) for name, limit in limits.items()}
        world.meters(*made.values())
        world.priced()
        return made

    return make


def test_an_account_that_is_used_up_leaves_the_chain(world, accounts, completion):
    made = accounts(o1=0, o2=10**12)
    (reply,) = world.chat("two", max_tokens=5)
    assert reply.chain == ("provider-o2", "provider-o3")
    headers = answer(world, completion)
    assert "x-llmgw-budget-remaining" not in headers, "an account is no business of the client's"
    assert world.recorder.attempts[0].provider == "o2"
    assert (world.stand(made["o1"]).settled, world.stand(made["o2"]).settled) == (0, 25_000)
    world.settle()


def test_only_the_account_that_served_is_charged(world, accounts, completion):
    made = accounts(o1=10**12, o2=10**12)
    world.chat("two", max_tokens=5)
    first = world.send()
    first.headers(429)
    first.close()
    answer(world, completion)
    assert [(world.stand(one).settled, world.stand(one).held) for one in made.values()] == [(0, 0), (25_000, 0)]
    world.settle()


def test_a_provider_without_a_meter_stays(world, accounts):
    accounts(o1=0, o2=0)
    (reply,) = world.chat("two", max_tokens=5)
    assert reply.chain == ("provider-o3",)


def test_with_no_account_left_the_request_is_refused(world, accounts):
    made = accounts(o1=0, o2=0, o3=0)
    status, code, _, message = refused(world.chat("two", max_tokens=5))
    assert (status, code) == (402, "budget_exceeded")
    assert 'provider "o1"' in message
    world.leave()
    world.settle()
    assert all(world.stand(one).held == 0 for one in made.values())


def test_a_provider_whose_price_nobody_knows_does_not_stand_in_for_an_account_that_is_used_up(world, accounts, meter):
    """It is not in the chain, so it is no other way to go."""
    accounts(o1=0)
    world.key(meters=(meter("usd", 10**12, MONTH),))
    world.model("two", fallbacks=(Target("o2", "m2"),))
    status, code, _, message = refused(world.chat("two", max_tokens=5))
    assert (status, code) == (402, "budget_exceeded")
    assert 'provider "o1"' in message


def test_the_account_of_a_provider_whose_price_nobody_knows_is_left_alone(world, accounts, meter):
    made = accounts(o1=10**12, o2=10**12)
    world.key(meters=(meter("usd", 10**12, MONTH),))
    world.model("two", fallbacks=(Target("o2", "m2"),))
    (reply,) = world.chat("two", max_tokens=5)
    assert reply.chain == ("provider-o1",)
    assert made["o2"].id not in "".join(world.ledger.books.counters.counters)


def test_a_price_is_needed_only_where_the_account_has_a_budget(world, accounts):
    accounts(o1=10**12)
    world.model("two", fallbacks=(Target("o2", "m2"),))
    (reply,) = world.chat("two", max_tokens=5)
    assert reply.chain == ("provider-o1", "provider-o2")
