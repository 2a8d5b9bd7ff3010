"""A request that goes well: what is held while it is under way, and what it has cost when it is over."""

from decimal import Decimal

import orjson
import pytest

from extproc.config.snapshot import Commit, Price, Target
from extproc.domain.ledger import UsageEvent
from extproc.domain.meters import Window

UNITS = ("usd", "tokens", "input_tokens", "output_tokens", "requests", "concurrent")
SCOPES = (
    {"key": "ci"},
    {"user": "ann"},
    {"team": "search"},
    {"org": "acme"},
    {"model": "one"},
    {"provider": "o1"},
    {"tag:env": "qa"},
    {"key": "ci", "model": "one"},
)
PARTIES = (("key", "ci"), ("user", "ann"), ("team", "search"), ("org", "acme"))
CHARGED = {"usd": 25_000, "tokens": 7, "input_tokens": 5, "output_tokens": 2, "requests": 1, "concurrent": 0}
"""Of 5 tokens in and 2 out, at 1 and 10 dollars a million."""
HI = [{"role": "user", "content": "Hi"}]
ROUTES = pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
STREAMS = pytest.mark.parametrize("stream", [False, True])
VENDORS = pytest.mark.parametrize("vendor", ["openai", "anthropic"])


@pytest.fixture
def metered(world, meter):
    """Every unit on every scope, and the meters that were made."""
    every = {
        tuple(scope.items()): [
            meter(unit, 10**12, Window("now") if unit == "concurrent" else Window("calendar", "month"), scope)
            for unit in UNITS
        ]
        for scope in SCOPES
    }
    own = {kind: tuple(every.pop(((kind, name),))) for kind, name in PARTIES}
    world.key(user="ann", meters=own["key"])
    world.party("user", "ann", meters=own["user"])
    world.party("team", "search", org="acme", meters=own["team"])
    world.party("org", "acme", meters=own["org"])
    rest = tuple(one for meters in every.values() for one in meters)
    world.meters(*rest)
    return [*rest, *(one for meters in own.values() for one in meters)]


def ask(world, path, *, stream, model="one", **more):
    user = {"user": "eu-1"} if "chat" in path else {"metadata": {"user_id": "eu-1"}}
    extra = {"stream": True} if stream else {}
    return world.ask({"model": model, "messages": HI, "max_tokens": 300, **user, **extra, **more}, path)


def reply(attempt, vendor, completion, sse, claude, *, stream):
    """The vendor answers with 5 tokens in, 2 out."""
    attempt.headers(200)
    if not stream:
        attempt.body(completion if vendor == "openai" else claude.whole(), end=True)
    elif vendor == "openai":
        attempt.body(sse.role() + sse.text("Hel"))
        attempt.body(sse.text("lo") + sse.finish() + sse.usage() + sse.done, end=True)
    else:
        attempt.body(claude.start() + claude.text("Hel"))
        attempt.body(claude.text("lo") + claude.stop(), end=True)


@ROUTES
@STREAMS
@VENDORS
def test_what_is_held_is_settled_to_what_was_used(world, metered, completion, sse, claude, path, stream, vendor):
    world.provider("o1", dialect=vendor)
    world.priced()
    ask(world, path, stream=stream)
    for one in metered:
        assert world.stand(one).settled == 0
        assert world.stand(one).held >= max(1, CHARGED[one.unit]), one.id
    attempt = world.send()
    world.clock.advance(0.25)
    reply(attempt, vendor, completion, sse, claude, stream=stream)
    world.answer(200)
    assert all(world.stand(one).held for one in metered), "until the attempt is over"
    attempt.close()
    for one in metered:
        assert (world.stand(one).settled, world.stand(one).held) == (CHARGED[one.unit], 0), one.id
    world.leave()
    assert world.ledger.books.rows == {}, "at once"
    world.settle()
    dialect = "openai-chat" if "chat" in path else "anthropic-messages"
    assert world.events == [
        UsageEvent(
            hold_id="id-1",
            attempt=1,
            request_id="req-1",
            time_ns=1_700_000_000_000_000_000,
            key="ci",
            key_id="ci",
            org="acme",
            team="search",
            user="ann",
            end_user="eu-1",
            tags={"env": "qa"},
            model="one",
            provider="o1",
            provider_model="m1",
            client_dialect=dialect,
            stream=stream,
            outcome="ok",
            usd=25_000,
            input_tokens=5,
            output_tokens=2,
            duration_ms=250,
            first_token_ms=250 if stream else None,
        )
    ]
    assert [(row.cost, row.usage_estimated) for row in (*world.recorder.attempts, *world.recorder.requests)] == [
        (25_000, False)
    ] * 2


def test_the_hold_is_as_much_as_the_request_can_cost(world, meter):
    """300 tokens at 10,000 nano-dollars each, two alternatives, and at most a token for each byte of the prompt."""
    budget = meter("usd", 10**12)
    world.key(meters=(budget,))
    world.priced()
    ask(world, "/v1/chat/completions", stream=False, n=2)
    prompt = world.stand(budget).held - 2 * 300 * 10_000
    assert len(world.request) * 1000 <= prompt <= (len(world.request) + 400) * 1000


def test_cached_tokens_and_the_tier_have_their_own_price(world, meter, completion):
    budget = meter("usd", 10**12)
    world.key(meters=(budget,))
    fast = Price(Decimal(2), Decimal(20), cache_read=Decimal("0.5"))
    world.priced(Price(Decimal(1), Decimal(10), service_tiers={"priority": fast}))
    ask(world, "/v1/chat/completions", stream=False)
    attempt = world.send()
    answer = orjson.loads(completion) | {"service_tier": "priority"}
    answer["usage"] |= {"prompt_tokens_details": {"cached_tokens": 4}}
    attempt.headers(200)
    attempt.body(orjson.dumps(answer), end=True)
    world.answer(200)
    attempt.close()
    world.leave()
    assert world.stand(budget).settled == 1 * 2000 + 4 * 500 + 2 * 20_000
    (event,) = world.events
    assert (event.usd, event.input_tokens, event.cache_read_tokens) == (44_000, 5, 4)
    world.settle()


def test_the_price_is_that_of_the_target_that_answered(world, meter, completion):
    budget = meter("usd", 10**12)
    world.key(meters=(budget,))
    world.priced()
    world.model("two", fallbacks=(Target("o2", "m2", price=Price(Decimal(3), Decimal(30))),))
    ask(world, "/v1/chat/completions", stream=False, model="two")
    held = world.stand(budget).held
    assert held > 300 * 30_000, "the dearest of the chain"
    world.send().headers(429)
    second = world.send()
    second.headers(200)
    second.body(completion, end=True)
    world.answer(200)
    second.close()
    assert world.stand(budget).settled == 5 * 3000 + 2 * 30_000


def test_a_reload_in_between_leaves_the_hold_to_be_settled(world, meter, completion):
    """A limit that has gone away meanwhile is charged all the same: its hold is there."""
    budget = meter("usd", 10**12)
    world.key(meters=(budget,))
    world.priced()
    ask(world, "/v1/chat/completions", stream=False)
    world.key(meters=())
    attempt = world.send()
    attempt.headers(200)
    attempt.body(completion, end=True)
    attempt.close()
    assert (world.stand(budget).settled, world.stand(budget).held) == (25_000, 0)


def test_without_meters_the_request_is_written_down_and_nobody_is_asked(world, completion):
    world.priced()
    world.chat()
    attempt = world.send()
    attempt.headers(200)
    attempt.body(completion, end=True)
    world.answer(200)
    attempt.close()
    world.leave()
    world.settle()
    (event,) = world.events
    assert (event.usd, event.key_id, event.outcome) == (25_000, "ci", "ok")


@STREAMS
def test_an_answer_whose_usage_nobody_tells_is_not_free(world, meter, completion, sse, stream):
    budget = meter("usd", 10**12)
    world.key(meters=(budget,))
    world.priced()
    ask(world, "/v1/chat/completions", stream=stream)
    bound = world.stand(budget).held
    attempt = world.send()
    attempt.headers(200)
    if stream:
        attempt.body(sse.text("word ") * 100 + sse.finish() + sse.done, end=True)
    else:
        answer = orjson.loads(completion)
        del answer["usage"]
        answer["choices"][0]["message"]["content"] = "word " * 100
        attempt.body(orjson.dumps(answer), end=True)
    world.answer(200)
    attempt.close()
    world.leave()
    (event,) = world.events
    assert (event.outcome, event.estimated) == ("ok", True)
    assert 100 <= event.output_tokens <= 200
    assert 0 < event.usd == world.stand(budget).settled <= bound
    world.settle()


def test_an_answer_held_to_its_end_is_charged_as_it_was(world, meter, sse):
    budget = meter("usd", 10**12)
    world.key(meters=(budget,))
    world.priced()
    world.model("one", commit=Commit("whole"))
    ask(world, "/v1/chat/completions", stream=True)
    attempt = world.send()
    attempt.headers(200)
    attempt.body(sse.text("Hello") + sse.finish() + sse.usage() + sse.done)
    attempt.wait(2)
    world.answer(200)
    attempt.close()
    world.leave()
    assert world.stand(budget).settled == 25_000
    world.settle()
