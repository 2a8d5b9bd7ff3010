"""``x-llmgw-show-cost``: what the client is told is what the ledger charges, also where the provider reports no usage."""

from decimal import Decimal

import orjson
import pytest

from extproc.config.snapshot import Price
from extproc.domain.meters import Window

HI = [{"role": "user", "content": "Hi"}]
SHOW = {"x-llmgw-show-cost": "1"}
SHORT = "Hello, world. Hello, world."


@pytest.fixture
def priced(world, meter):
    world.key(meters=(meter("usd", 10**12, Window("calendar", "month")),))
    world.priced()
    return world


def ask(world, path, **more):
    world.ask({"model": "one", "messages": HI, "max_tokens": 300, **more}, path, **SHOW)
    return world.send()


def unreported(completion: bytes, text: str = SHORT, **envelope: str) -> bytes:
    """The whole answer of a server that reports no usage."""
    answer = orjson.loads(completion) | envelope
    del answer["usage"]
    answer["choices"][0]["message"]["content"] = text
    return orjson.dumps(answer)


def close(world, attempt):
    world.answer(200)
    attempt.close()
    world.leave()
    (event,) = world.events
    return event


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_whole_answer_without_usage_shows_what_is_charged(priced, completion, path):
    attempt = ask(priced, path)
    attempt.headers(200)
    attempt.body(unreported(completion), end=True)
    event = close(priced, attempt)
    assert event.estimated
    assert event.usd > 0
    assert Decimal(attempt.seen.set_headers["x-llmgw-cost"]) * 10**9 == event.usd


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_whole_answer_without_usage_is_told_by_its_text_and_not_by_the_json_around_it(priced, completion, path):
    attempt = ask(priced, path)
    attempt.headers(200)
    attempt.body(unreported(completion, system_fingerprint="f" * 4000), end=True)
    event = close(priced, attempt)
    assert len(SHORT) // 4 <= event.output_tokens <= len(SHORT) // 4 + 1


def test_an_answer_without_any_text_is_not_free(priced, completion):
    """Audio, or what only the vendor's own clients can read."""
    attempt = ask(priced, "/v1/chat/completions")
    attempt.headers(200)
    attempt.body(unreported(completion, "", audio="UklGR" * 100), end=True)
    assert close(priced, attempt).output_tokens > 100


def test_the_calls_of_tools_count(priced, completion):
    answer = orjson.loads(unreported(completion, ""))
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"' + "b" * 392 + '"}'}}
    answer["choices"][0]["message"]["tool_calls"] = [call]
    attempt = ask(priced, "/v1/chat/completions")
    attempt.headers(200)
    attempt.body(orjson.dumps(answer), end=True)
    assert close(priced, attempt).output_tokens == 100


@pytest.mark.parametrize("pieces", [1, 2])
def test_the_stream_of_another_dialect_without_usage_shows_what_is_charged(priced, sse, pieces):
    attempt = ask(priced, "/v1/messages", stream=True)
    attempt.headers(200)
    begun, rest = sse.role() + sse.text("Hel") + sse.text("lo") + sse.finish(), sse.done
    for piece in (begun, rest) if pieces == 2 else (begun + rest,):
        attempt.body(piece)
    attempt.body(b"", end=True)
    event = close(priced, attempt)
    assert event.estimated
    told = [orjson.loads(line[5:]) for line in attempt.seen.body.split(b"\n") if line.startswith(b"data:")]
    costs = [usage["cost"] for usage in (one.get("usage") for one in told) if usage is not None and "cost" in usage]
    assert [round(cost * 10**9) for cost in costs] == [event.usd]
    assert "cost" not in told[0]["message"]["usage"]


def test_embeddings_without_usage_show_what_is_charged(priced):
    priced.provider("o1", dialect="gemini", base_url="https://o1.example")
    priced.ask({"model": "one", "input": "hello " * 50}, "/v1/embeddings", **SHOW)
    attempt = priced.send()
    attempt.headers(200)
    attempt.body(orjson.dumps({"embeddings": [{"values": [0.5]}]}), end=True)
    event = close(priced, attempt)
    assert event.usd > 0
    assert Decimal(attempt.seen.set_headers["x-llmgw-cost"]) * 10**9 == event.usd
    assert round(attempt.seen.json["usage"]["cost"] * 10**9) == event.usd


def test_what_costs_nothing_shows_that(priced, completion):
    priced.priced(Price(Decimal(0), Decimal(0)))
    attempt = ask(priced, "/v1/chat/completions")
    attempt.headers(200)
    attempt.body(unreported(completion), end=True)
    assert close(priced, attempt).usd == 0
    assert Decimal(attempt.seen.set_headers["x-llmgw-cost"]) == 0


def test_without_a_price_nothing_is_shown(world, completion):
    attempt = ask(world, "/v1/chat/completions")
    attempt.headers(200)
    attempt.body(unreported(completion), end=True)
    assert "x-llmgw-cost" not in attempt.seen.set_headers
