"""A client that leaves in the middle of a stream: its provider is stopped at once, and what was produced is charged."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from harness import Gateway, Simulator, eventually, new_id
from ledger_lab import Books, Entry, Load, at_rest, balanced, cost, key, provider, secret, target
from transfers import DIALECTS, OPENAI, Dialect

AT = (40, 150)
"""Tokens after which a client leaves, of the answer's 400."""
PACED = {"tokens": 400, "tokens_per_second": 400}
QUICK = {"tokens": 120}
LESSONS = 10
"""Complete answers before that: each of the two workers gets some."""
NEAR = 0.05


def config(simulator: Simulator) -> dict[str, Any]:
    return {
        "workers": 2,
        "providers": {name: provider(simulator, name) for name in ("o1", "a1")},
        "models": {"gpt": {"targets": [target("o1")]}, "claude": {"targets": [target("a1")]}},
        "keys": [key("k", budget={"usd": 50, "per": "total"}, limits={"requests": "10k/day", "concurrent": 100})],
    }


def content_events(data: bytes) -> int:
    """Events with text in them, of either dialect; the simulator puts one token in each."""
    return data.count(b'"text_delta"') + sum(
        b'"content":"' in line and b'"content":""' not in line for line in data.splitlines() if line[:5] == b"data:"
    )


async def leave_at(gateway: Gateway, dialect: Dialect, model: str, tokens: int) -> tuple[str, int]:
    """Ask on a connection of its own, and leave once so many tokens have come; the request's id, and how many had."""
    request_id = new_id()
    content = orjson.dumps(dialect.body(model, "Tell me of the river. " * 20, stream=True))
    head = (
        f"POST {dialect.path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {secret('k')}\r\n"
        f"x-request-id: {request_id}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(head.encode() + content)
    got = b""
    while content_events(got) < tokens:
        piece = await reader.read(65536)
        assert piece, got
        got += piece
    writer.close()
    return request_id, content_events(got)


async def settled(books: Books, request_id: str) -> Entry:
    """The one event of a request, once it is there."""
    (event,) = await eventually(lambda: books.by_request().get(request_id), "the usage event")
    return event


async def aborts(gateway: Gateway, books: Books, simulator: Simulator, dialect: Dialect, model: str) -> list[float]:
    """Leave at several points; by which share each charge is off what the provider has really sent."""
    simulator.script(o1=PACED, a1=PACED)
    errors: list[float] = []
    for tokens in AT:
        request_id, got = await leave_at(gateway, dialect, model, tokens)
        event = await settled(books, request_id)
        received = await eventually(
            lambda: next((one for one in simulator.requests(request_id) if one.client_closed), None),  # noqa: B023  at once
            "the provider to be stopped",
        )
        sent = received.output_tokens_sent
        assert tokens <= got <= sent < 400, "it stops long before its end"
        assert event.json["estimated"]
        assert event.json["outcome"] == "transport:aborted"
        row = await gateway.row(request_id)
        assert row["usage_estimated"]
        assert row["output_tokens"] == event.output_tokens
        errors.append(abs(event.output_tokens - sent) / sent)
    return errors


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, providers) -> Iterator[Gateway]:
    """The first test finds it without any lesson learnt."""
    running = Gateway(tmp_path_factory.mktemp("aborts"), config(providers))
    yield running
    running.close()


def requests_of(books: Books) -> int:
    """How many requests the key has made."""
    standing = books.meters().get("requests:86400s:key=k")
    return standing.settled if standing else 0


async def test_what_an_aborted_stream_has_produced_is_charged(gateway, simulator, measured):
    books, load = Books.embedded(gateway), Load([gateway])
    kinds = [(dialect, model) for dialect in DIALECTS for model in ("gpt", "claude")]
    before = [await aborts(gateway, books, simulator, dialect, model) for dialect, model in kinds]
    simulator.script(o1=QUICK, a1=QUICK)
    async with gateway.http() as http:
        for number in range(LESSONS):
            for dialect, model in kinds:
                assert (await load.ask(http, "k", model, dialect, stream=True)).good, number
    after = [await aborts(gateway, books, simulator, dialect, model) for dialect, model in kinds]
    for (dialect, model), untaught, taught in zip(kinds, before, after, strict=True):
        what = f"{dialect.name} client, {model}: off by"
        measured(what, f"{max(untaught):.1%} at most before lessons, {max(taught):.1%} after")
        assert max(taught) <= NEAR
    await at_rest(books)
    balanced(books)


async def test_the_prompt_of_an_aborted_stream_is_charged(gateway, simulator, measured):
    """Anthropic tells its tokens at the start, exactly; OpenAI's are estimated, by the lessons of the test before."""
    books = Books.embedded(gateway)
    simulator.script(o1=PACED, a1=PACED)
    for model in ("gpt", "claude"):
        request_id, _ = await leave_at(gateway, OPENAI, model, 50)
        event = await settled(books, request_id)
        (bill,) = [one for one in simulator.usage() if one["request_id"] == request_id]
        off = abs(event.input_tokens - bill["input_tokens"]) / bill["input_tokens"]
        measured(f"{model}: prompt off by", f"{off:.1%}")
        assert off == 0 if model == "claude" else off <= 2 * NEAR
        true = cost({**bill, "output_tokens": bill["output_tokens_sent"]})
        measured(f"{model}: the whole charge off by", f"{abs(event.usd - true) / true:.1%}")
        assert abs(event.usd - true) <= NEAR * true
        assert event.usd == cost({**bill, "input_tokens": event.input_tokens, "output_tokens": event.output_tokens})
    await at_rest(books)
    balanced(books)


@pytest.mark.parametrize("how", [{"hang": True}, {"first_token_delay": 20}], ids=["before-headers", "before-tokens"])
async def test_a_client_that_leaves_before_the_first_token_has_made_a_request(gateway, simulator, how):
    """It holds nothing any more, and it counts: else a limit on requests would be none."""
    books = Books.embedded(gateway)
    simulator.script(o1=how)
    before = requests_of(books)
    for _ in range(3):
        request_id = new_id()
        content = orjson.dumps(OPENAI.body("gpt", stream=True))
        head = (
            f"POST {OPENAI.path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {secret('k')}\r\n"
            f"x-request-id: {request_id}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(head.encode() + content)
        await eventually(lambda: simulator.requests(request_id), "the request to arrive")  # noqa: B023  at once
        writer.close()
        await settled(books, request_id)
    await at_rest(books, 40)
    balanced(books)
    assert requests_of(books) == before + 3
