"""Less money than the longest answer would cost: the answer becomes shorter, or the request is refused."""

from decimal import Decimal

import orjson
import pytest

from extproc.config.snapshot import Price
from extproc.domain.names import OUTPUT_LIMIT_HEADER

HI = [{"role": "user", "content": "Hi"}]
ROUTES = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}
FREE_PROMPT = Price(Decimal(0), Decimal(10))
"""So that a budget's amount says how many tokens of output it buys: 10,000 nano-dollars each."""
PAID = 10_000


@pytest.fixture
def budget(world, meter):
    """A key that can pay for so many output tokens."""

    def make(tokens: int, unit="usd", **rest):
        made = meter(unit, tokens * PAID if unit == "usd" else tokens, **rest)
        world.key(meters=(made,))
        world.priced(FREE_PROMPT)
        return made

    return make


def sent(world):
    return orjson.loads(world.send().sent.body)


def finish(world, attempt, completion):
    attempt.headers(200)
    attempt.body(completion, end=True)
    seen = world.answer(200)
    attempt.close()
    world.leave()
    world.settle()
    return seen


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_openai_to_openai_changes_nothing_but_the_number(world, budget, completion, field):
    made = budget(1000)
    body = (
        b'{ "model" :"one",  "%s" : 5000 , "messages":[{"role":"user","content":"H\\u00e4"}], "x":1.0}' % field.encode()
    )
    world.ask(body)
    attempt = world.send()
    assert attempt.sent.body == body.replace(b'"one"', b'"m1"').replace(b"5000", b"1000")
    assert dict(attempt.sent.set_headers)["content-length"] == str(len(attempt.sent.body))
    assert world.stand(made).held == 1000 * PAID
    seen = finish(world, attempt, completion)
    assert seen.set_headers[OUTPUT_LIMIT_HEADER] == "1000"
    # What is held for this request is a bound, not its cost: the client is not told that it is spent.
    assert seen.set_headers["x-llmgw-budget-remaining"] == "0.01"
    assert seen.set_headers["x-llmgw-budget-limit"] == "0.01"


def test_both_fields_are_lowered_each_on_its_own(world, budget):
    budget(1000)
    world.chat("one", max_tokens=900, max_completion_tokens=2000)
    body = sent(world)
    assert (body["max_tokens"], body["max_completion_tokens"]) == (900, 1000)


def test_a_client_that_names_no_limit_gets_one(world, budget):
    budget(1000)
    world.chat("one")
    assert sent(world) == {"max_completion_tokens": 1000, "model": "m1", "messages": HI}


def test_the_limit_holds_for_each_of_several_answers(world, budget):
    budget(1000)
    world.chat("one", n=2, max_tokens=5000)
    assert sent(world)["max_tokens"] == 500


def test_nothing_is_changed_and_nothing_said_where_the_money_suffices(world, budget, completion):
    budget(1000)
    body = b'{"messages": [{"role":"user","content":"Hi"}],"max_tokens":1000,"model": "one"}'
    world.ask(body)
    attempt = world.send()
    assert attempt.sent.body == body.replace(b'"one"', b'"m1"')
    assert OUTPUT_LIMIT_HEADER not in finish(world, attempt, completion).set_headers


def test_a_limit_that_has_to_be_written_is_no_clamp(world, budget, completion):
    """Where nobody names one, what is held is put into the request: else it would be no bound."""
    budget(50_000)
    world.chat("one")
    attempt = world.send()
    assert orjson.loads(attempt.sent.body)["max_completion_tokens"] == 16_384
    assert OUTPUT_LIMIT_HEADER not in finish(world, attempt, completion).set_headers


def test_anthropic_to_anthropic_changes_nothing_but_the_number(world, budget):
    budget(1000)
    body = b'{"model":"claude", "max_tokens":5000,"messages":[{"role":"user","content":"Hi"}],"new_field":1.0}'
    world.ask(body, ROUTES["messages"])
    assert world.send().sent.body == body.replace(b'"claude"', b'"c1"').replace(b"5000", b"1000")


@pytest.mark.parametrize(
    ("tokens", "thinking"),
    [
        (3000, {"type": "enabled", "budget_tokens": 2000}),
        (1500, {"type": "enabled", "budget_tokens": 1499}),
        (1000, {"type": "disabled"}),
    ],
)
def test_a_thinking_budget_stays_below_the_limit(world, budget, tokens, thinking):
    budget(tokens)
    asked = {"type": "enabled", "budget_tokens": 2000}
    world.ask({"model": "claude", "max_tokens": 5000, "messages": HI, "thinking": asked}, ROUTES["messages"])
    body = sent(world)
    assert (body["max_tokens"], body["thinking"]) == (tokens, thinking)


def test_from_openai_to_anthropic(world, budget, claude):
    made = budget(1000)
    world.chat("claude", max_completion_tokens=5000)
    attempt = world.send()
    assert orjson.loads(attempt.sent.body)["max_tokens"] == 1000
    assert world.stand(made).held == 1000 * PAID
    seen = finish(world, attempt, claude.whole())
    assert seen.set_headers[OUTPUT_LIMIT_HEADER] == "1000"


def test_from_anthropic_to_openai(world, budget):
    budget(1000)
    world.ask({"model": "one", "max_tokens": 5000, "messages": HI}, ROUTES["messages"])
    body = sent(world)
    assert 1000 in {body.get("max_tokens"), body.get("max_completion_tokens")}


def test_each_attempt_gets_the_limit(world, budget):
    budget(1000)
    world.chat("mixed", max_tokens=5000)
    first = world.send()
    assert orjson.loads(first.sent.body)["max_tokens"] == 1000
    first.headers(429)
    first.close()
    assert sent(world)["max_tokens"] == 1000


@pytest.mark.parametrize("unit", ["tokens", "output_tokens"])
def test_a_limit_of_tokens_clamps_too(world, budget, unit):
    made = budget(1000, unit)
    world.chat("one", max_tokens=5000)
    limit = sent(world)["max_tokens"]
    assert 400 < limit <= 1000
    assert (limit == 1000) == (unit == "output_tokens")
    assert world.stand(made).held == 1000


def test_requests_under_way_leave_less_for_the_next(world, budget):
    made = budget(1000)
    world.chat("one", max_tokens=600)
    other = world.another()
    other.chat("one", max_tokens=600)
    assert sent(other)["max_tokens"] == 400
    assert world.stand(made).held == 1000 * PAID


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "kind"), [(ROUTES["chat"], "budget_exceeded"), (ROUTES["messages"], None)])
def test_below_the_floor_the_request_is_refused_in_the_clients_dialect(world, budget, path, kind, stream):
    made = budget(255)
    (refusal,) = world.ask({"model": "one", "max_tokens": 5000, "messages": HI, "stream": stream}, path)
    headers, body = dict(refusal.set_headers), orjson.loads(refusal.body)
    assert (refusal.status, refusal.details) == (402, "llmgw_budget_exceeded")
    assert body["error"]["code"] == "budget_exceeded"
    assert (body["error"]["type"] == kind) if kind else (body["type"] == "error")
    assert "0.00255 of 0.00255 US dollars left" in body["error"]["message"]
    assert headers["x-llmgw-budget-remaining"] == headers["x-llmgw-budget-limit"] == "0.00255"
    assert OUTPUT_LIMIT_HEADER not in headers
    assert int(headers["retry-after"]) > 0
    assert world.stand(made).held == 0
    world.answer(402)
    world.leave()
    world.settle()
    assert world.events == []
    assert [(row.status, row.outcome) for row in world.recorder.requests] == [(402, "policy:budget_exceeded")]


def test_the_floor_is_no_higher_than_what_was_asked_for(world, budget):
    budget(20)
    world.chat("one", max_tokens=20)
    assert sent(world)["max_tokens"] == 20


def test_floor_and_status_are_the_configurations(world, budget):
    budget(255)
    world.money(output_floor=100, budget_status=429)
    world.chat("one", max_tokens=5000)
    assert sent(world)["max_tokens"] == 255
    other = world.another()
    (refusal,) = other.chat("one", max_tokens=5000)
    assert (refusal.status, orjson.loads(refusal.body)["error"]["code"]) == (429, "budget_exceeded")


def test_a_prompt_that_costs_more_than_is_left_is_refused(world, meter):
    world.key(meters=(meter("usd", 100_000),))
    world.priced()
    (refusal,) = world.chat("one", max_tokens=1)
    assert refusal.status == 402
    world.leave()
    world.settle()


def test_of_several_meters_the_tightest_decides(world, budget, meter, completion):
    made = budget(5000)
    world.party("team", "search", meters=(meter("usd", 700 * PAID, scope={"team": "search"}),))
    world.meters(meter("output_tokens", 600, scope={"model": "one"}))
    world.chat("one", max_tokens=5000)
    attempt = world.send()
    assert orjson.loads(attempt.sent.body)["max_tokens"] == 600
    assert world.stand(made).held == 600 * PAID
    seen = finish(world, attempt, completion)
    assert seen.set_headers["x-llmgw-budget-limit"] == "0.007"
    assert seen.set_headers["x-llmgw-budget-remaining"] == "0.007"
    assert seen.set_headers["x-ratelimit-remaining-output-tokens"] == "600"


def test_what_an_answer_cost_is_there_again_for_the_next(world, budget, completion):
    made = budget(1000)
    world.chat("one", max_tokens=1000)
    attempt = world.send()
    finish(world, attempt, completion)
    assert world.stand(made).settled == 2 * PAID
    other = world.another()
    other.chat("one", max_tokens=5000)
    assert sent(other)["max_tokens"] == 998


def test_a_field_that_decides_and_stands_twice_is_refused(world, budget):
    """Read one way here and another way there, the bound would be none."""
    budget(50_000)
    (reply,) = world.ask(b'{"model":"one","messages":[],"max_tokens":900000,"max_tokens":5}')
    assert (reply.status, orjson.loads(reply.body)["error"]["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_tokens", -1), ("max_tokens", 0), ("n", "8"), ("max_completion_tokens", 1e300), ("n", True)],
)
def test_a_count_that_a_server_may_read_otherwise_is_refused(world, budget, field, value):
    """``-1`` is no limit at all to some servers, and ``"8"`` is eight."""
    budget(50_000)
    (reply,) = world.chat("one", **{field: value})
    assert reply.status == 400
    assert orjson.loads(reply.body)["error"]["param"] == field


@pytest.mark.parametrize("said", ["max_tokens", "max_completion_tokens", None])
def test_a_server_that_knows_only_the_older_limit_gets_that(world, budget, said):
    budget(1000)
    world.provider("o1", older_limit=True)
    world.chat("one", **({said: 5000} if said else {}))
    body = sent(world)
    assert body["max_tokens"] == 1000
    assert "max_completion_tokens" not in body


def test_from_anthropic_to_a_server_that_knows_only_the_older_limit(world, budget):
    budget(1000)
    world.provider("o1", older_limit=True)
    world.ask({"model": "one", "max_tokens": 500, "messages": HI}, ROUTES["messages"])
    body = sent(world)
    assert (body["max_tokens"], body.get("max_completion_tokens")) == (500, None)


ONE_TOKEN = {"model": "one", "max_tokens": 1, "messages": HI}


def test_openais_responses_get_the_least_limit_that_they_take(world):
    world.provider("o1", api="responses")
    world.ask(ONE_TOKEN, ROUTES["messages"])
    assert sent(world)["max_output_tokens"] == 16


def test_a_limit_that_openais_responses_do_not_take_is_refused_where_the_money_is_counted(world, budget):
    budget(1000)
    world.provider("o1", api="responses")
    world.ask(ONE_TOKEN, ROUTES["messages"])
    refused = world.send().seen
    assert (refused.status, refused.code) == (400, "unsupported_feature")
    assert "16 tokens at least" in refused.json["error"]["message"]
