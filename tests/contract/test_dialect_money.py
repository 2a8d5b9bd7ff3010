"""The ledger with providers of every dialect: what each answer costs, and how much of it a budget affords."""

import asyncio
from decimal import Decimal

import openai as openai_sdk
import orjson
import pytest
from dialects_catalogue import BUDGET_KEY, BY_PIECE, POOR, POOR_KEY, VENDORS
from genai_prices import Usage, calc_price
from harness import Received, new_id
from transfers import transfer

from tests.judges.clients import CLIENTS

PRICED = {
    "openai": "openai",
    "vllm-responses": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "bedrock": "aws",
    "bedrock-anthropic": "aws",
    "gemini": "google",
    "vertex-gemini": "google",
    "vertex-anthropic": "google",
}
"""Providers whose prices are published, and whose they are."""
REGIONAL = {"vertex-gemini": Decimal("1.1"), "vertex-anthropic": Decimal("1.1")}
"""Vertex's regions, of which this one is, cost more than what is published: the global endpoint."""
NANO = Decimal(1).scaleb(-9)
MANY = 100_000
"""Output tokens, more than the poor key could pay for."""
LIMITS = {
    "openai-chat": lambda limit: {"max_completion_tokens": limit},
    "openai-responses": lambda limit: {"max_output_tokens": limit},
    "openai-completions": lambda limit: {"max_tokens": limit},
    "anthropic-messages": lambda limit: {"max_tokens": limit},
    "gemini": lambda limit: {"generationConfig": {"maxOutputTokens": limit}},
}
"""How a client of each dialect says it."""


def price(received: Received) -> Decimal:
    """By genai-prices' own arithmetic, of what the simulator has billed."""
    usage = Usage(
        input_tokens=received.input_tokens,
        output_tokens=received.output_tokens,
        cache_read_tokens=received.cache_read_tokens,
        cache_write_tokens=received.cache_write_tokens,
    )
    published = calc_price(usage, VENDORS[received.label].model, provider_id=PRICED[received.label])
    return published.total_price * REGIONAL.get(received.label, 1)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_what_an_answer_costs(dialects, simulator, client, stream):
    """At every provider: in the header, where it is whole, and in the row."""
    asked = {label: new_id() for label in PRICED}
    async with dialects.http(BUDGET_KEY) as http:

        async def ask(label: str):
            path, body = CLIENTS[client].request(label, "Hello", stream=stream)
            return await transfer(http, path, body, {"x-request-id": asked[label], "x-llmgw-show-cost": "1"})

        answers = await asyncio.gather(*map(ask, asked))
    for (label, request_id), got in zip(asked.items(), answers, strict=True):
        assert got.status == 200, got.body
        received = simulator.only(request_id)
        expected = price(received)
        assert expected > 0
        row = await dialects.row(request_id)
        assert abs(Decimal(str(row["cost_usd"])) - expected) <= NANO, label
        if not stream:
            assert abs(Decimal(got.headers["x-llmgw-cost"]) - expected) <= NANO, label
        assert Decimal(got.headers["x-llmgw-budget-limit"]) == 1000


def limit_at(received: Received) -> int:
    """The output limit as the provider got it."""
    body = received.json
    for holder in (body, body.get("inferenceConfig", {}), body.get("generationConfig", {})):
        for name in ("max_completion_tokens", "max_output_tokens", "max_tokens", "maxTokens", "maxOutputTokens"):
            if name in holder:
                return holder[name]
    raise AssertionError(f"no limit in {body}")


@pytest.mark.parametrize("label", ["openai", "vllm-responses", "anthropic", "bedrock", "bedrock-anthropic", "gemini"])
@pytest.mark.parametrize("client", CLIENTS)
async def test_the_output_limit_that_a_budget_affords(dialects, simulator, client, label):
    """Written where the provider looks for it, and told."""
    path, body = CLIENTS[client].request(label, "Hello", stream=False)
    request_id = new_id()
    async with dialects.http(POOR_KEY) as http:
        got = await transfer(http, path, body | LIMITS[client](MANY), {"x-request-id": request_id})
    assert got.status == 200, got.body
    told = int(got.headers["x-llmgw-output-limit"])
    assert 256 <= told < MANY
    received = simulator.only(request_id)
    assert limit_at(received) == told
    left = Decimal(got.headers["x-llmgw-budget-remaining"])
    assert 0 <= left <= Decimal(str(POOR))


async def test_what_has_no_price_is_not_bought_on_a_budget(dialects, simulator):
    """Pictures and speech of a server that nobody publishes prices of; batches, whose cost nobody knows beforehand."""
    before = simulator.counts()
    async with dialects.openai(BUDGET_KEY) as sdk:
        for call in (
            sdk.images.generate(model="paint", prompt="a heron"),
            sdk.audio.speech.create(model="speak", input="hello", voice="alloy"),
            sdk.chat.completions.create(model="vllm", messages=[{"role": "user", "content": "Hello"}]),
        ):
            with pytest.raises(openai_sdk.PermissionDeniedError) as refused:
                await call
            assert refused.value.code == "price_unknown"
        with pytest.raises(openai_sdk.PermissionDeniedError) as unbounded:
            await sdk.batches.create(input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h")
        assert unbounded.value.code in {"price_unknown", "cost_unbounded"}
    assert simulator.counts() == before


async def test_what_is_sold_by_the_piece(dialects, simulator):
    pieces = [
        ("/v1/images/generations", {"model": "sold-paint", "prompt": "a heron"}),
        ("/v1/audio/speech", {"model": "sold-speak", "input": "hello", "voice": "alloy"}),
    ]
    async with dialects.http(BUDGET_KEY) as http:
        for path, body in pieces:
            request_id = new_id()
            answer = await http.post(
                path,
                content=orjson.dumps(body),
                headers={"x-request-id": request_id, "content-type": "application/json"},
            )
            assert answer.status_code == 200, answer.text
            row = await dialects.row(request_id)
            assert row["cost_usd"] == BY_PIECE
