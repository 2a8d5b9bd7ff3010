"""As a budget is used up: another model, shorter answers, no answer."""

from decimal import Decimal

import orjson
import pytest

from extproc.config.snapshot import Price, Target
from extproc.domain.meters import LadderStep
from extproc.phases.handoff import decode

PAID = 10_000
"""Nano-dollars of an output token of the dear model; the cheap one's is a tenth of it."""
DEAR, CHEAP = Price(Decimal(0), Decimal(10)), Price(Decimal(0), Decimal(1))
CHEAPER = LadderStep(9000, use="claude")
SHORTER = LadderStep(9500, max_output_tokens=50)
REFUSE = LadderStep(9900, refuse=True)


@pytest.fixture
def budget(world, meter):
    """Enough for 10,000 dear tokens, of which so many are spent."""

    def make(spent, *ladder, limit=10_000, **rest):
        made = meter("usd", limit * PAID, ladder=ladder, **rest)
        world.priced(DEAR)
        world.model("claude", targets=(Target("a1", "c1", price=CHEAP),))
        if not rest:
            world.key(meters=(made,))
        if spent:
            spend(world, made, spent)
        return made

    return make


def spend(world, made, tokens):
    """By requests before this one."""
    world.ledger.books.counters.get(key_of(world, made)).settled += tokens * PAID


def key_of(world, made):
    other = world.another()
    other.chat("one", max_tokens=1)
    other.leave()
    other.settle()
    world.recorder.requests.clear()
    (key,) = (key for key in world.ledger.books.counters.counters if f"m:{made.id}" == key.rpartition(":")[0])
    return key


def asked(world, **body):
    """Provider, model and output limit as they go out."""
    world.chat(**{"model": "one", "max_tokens": 500, **body})
    attempt = world.send()
    out = orjson.loads(attempt.sent.body)
    return attempt, (dict(attempt.sent.set_headers)[":authority"].partition(".")[0], out["model"], out["max_tokens"])


def test_below_the_first_step_nothing_changes(world, budget):
    budget(8999, CHEAPER)
    assert asked(world)[1] == ("o1", "m1", 500)


def test_at_its_share_the_cheaper_model_serves(world, budget, claude):
    made = budget(9000, CHEAPER, REFUSE)
    attempt, out = asked(world)
    assert out == ("a1", "c1", 500)
    assert world.stand(made).held == 500 * PAID // 10, "at the cheap one's price"
    attempt.headers(200)
    attempt.body(claude.whole(), end=True)
    assert attempt.seen.set_headers["x-llmgw-model"] == "c1"
    seen = world.answer(200)
    assert "x-llmgw-output-limit" not in seen.set_headers
    assert seen.set_headers["x-llmgw-ladder"] == "key=ci@0.9"
    attempt.close()
    world.leave()
    world.settle()
    (event,) = world.events
    assert (event.model, event.provider_model, event.usd) == ("claude", "c1", 2 * PAID // 10)
    told = ("one", "claude", "key=ci@0.9")
    assert [(row.model_asked, row.model, row.ladder) for row in world.recorder.requests] == [told]
    assert [row.ladder for row in world.recorder.attempts] == [told[2]]


def test_without_a_step_nothing_is_told_of_it(world, budget, completion):
    budget(8999, CHEAPER)
    attempt, _ = asked(world)
    attempt.headers(200)
    attempt.body(completion, end=True)
    assert "x-llmgw-ladder" not in world.answer(200).set_headers
    attempt.close()
    assert [row.ladder for row in world.recorder.requests] == [None]


def test_a_reply_of_envoys_own_tells_of_the_step_too(world, budget):
    budget(9000, CHEAPER)
    world.chat("one", max_tokens=500)
    assert world.answer(503).set_headers["x-llmgw-ladder"] == "key=ci@0.9"
    world.leave()
    assert [row.ladder for row in world.recorder.requests] == ["key=ci@0.9"]


def test_what_is_held_counts_as_used(world, budget):
    budget(0, CHEAPER)
    world.chat("one", max_tokens=9000)
    other = world.another()
    assert asked(other)[1] == ("a1", "c1", 500)


def test_then_answers_become_shorter(world, budget, claude):
    budget(9500, CHEAPER, SHORTER, REFUSE)
    attempt, out = asked(world)
    assert out == ("a1", "c1", 50)
    attempt.headers(200)
    attempt.body(claude.whole(), end=True)
    assert world.answer(200).set_headers["x-llmgw-output-limit"] == "50"


def test_a_shorter_wish_than_the_steps_is_left_alone(world, budget, claude):
    budget(9500, CHEAPER, SHORTER)
    attempt, out = asked(world, max_tokens=20)
    assert out == ("a1", "c1", 20)
    attempt.headers(200)
    attempt.body(claude.whole(), end=True)
    assert "x-llmgw-output-limit" not in world.answer(200).set_headers, "it is not lower than the client's"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_at_last_it_refuses(world, budget, path):
    made = budget(9900, CHEAPER, SHORTER, REFUSE)
    turns = [{"role": "user", "content": "Hi"}]
    (refusal,) = world.ask({"model": "one", "messages": turns, "max_tokens": 5}, path)
    body = orjson.loads(refusal.body)
    assert (refusal.status, body["error"]["code"]) == (402, "budget_exceeded")
    assert "as far as the platform's rules allow" in body["error"]["message"]
    assert dict(refusal.set_headers)["x-llmgw-budget-remaining"] == "0.001"
    assert world.stand(made).held == 0
    world.leave()
    world.settle()


def test_two_ladders_one_after_the_other(world, budget, meter):
    """The team's says another model, the key's shorter answers: both hold."""
    made = budget(9500, LadderStep(9000, max_output_tokens=40))
    team = meter("usd", 10_000 * PAID, scope={"team": "search"}, ladder=(CHEAPER,))
    world.party("team", "search", meters=(team,))
    spend(world, team, 9100)
    assert asked(world)[1] == ("a1", "c1", 40)
    assert world.answer(200).set_headers["x-llmgw-ladder"] == "key=ci@0.9, team=search@0.9"
    assert world.stand(made).held == world.stand(team).held == 40 * PAID // 10


def test_one_of_two_ladders_refuses(world, budget, meter):
    budget(9500, LadderStep(9000, use="claude"))
    team = meter("usd", 10_000 * PAID, scope={"team": "search"}, ladder=(LadderStep(5000, refuse=True),))
    world.party("team", "search", meters=(team,))
    spend(world, team, 6000)
    (refusal,) = world.chat("one", max_tokens=5)
    assert refusal.status == 402
    assert 'team "search"' in orjson.loads(refusal.body)["error"]["message"]
    world.leave()
    world.settle()


@pytest.mark.parametrize("gone", ["off", "never-heard-of"])
def test_a_ladder_to_a_model_that_does_not_serve_refuses(world, budget, gone):
    budget(9000, LadderStep(9000, use=gone))
    (refusal,) = world.chat("one", max_tokens=5)
    assert (refusal.status, refusal.details) == (402, "llmgw_budget_exceeded")
    world.leave()
    world.settle()


def test_the_meters_of_the_cheaper_model_count_instead(world, budget, meter):
    dear = meter("requests", 10, scope={"model": "one"})
    cheap = meter("requests", 10, scope={"model": "claude"})
    world.meters(dear, cheap)
    budget(9000, CHEAPER)
    asked(world)
    assert (world.stand(dear).held, world.stand(cheap).held) == (0, 1)


def test_a_cheaper_model_that_cannot_carry_the_request_is_the_clients_to_mend(world, budget):
    """Its chain mixes models, so admission finds out."""
    budget(9000, LadderStep(9000, use="mixed"))
    world.model("mixed", targets=(Target("a1", "c1"), Target("a1", "c2")), fallbacks=())
    (refusal,) = world.chat("one", max_tokens=5, n=2)
    assert (refusal.status, refusal.details) == (400, "llmgw_unsupported_feature")
    world.leave()
    world.settle()


def test_a_step_that_cannot_change_anything_is_not_told(world, budget):
    """Another model makes other vectors."""
    budget(9000, CHEAPER)
    (reply,) = world.ask({"model": "one", "input": "hello"}, "/v1/embeddings")
    assert decode(reply.metadata["h"]).model == "one"
    assert "x-llmgw-ladder" not in world.answer(200).set_headers
    world.leave()
