"""A client that leaves is noticed at once, and the provider is not paid for what nobody reads."""

import asyncio
import statistics
import time

import httpx
import orjson
import pytest
from harness import Gateway, Simulator, eventually, new_id
from transfers import DIALECTS, Dialect

LONG = {"tokens": 3000, "tokens_per_second": 50}
ROUNDS = 10
PROMPT = 0.1
"""Seconds within which the provider's connection is closed: the median of the rounds."""


async def leave(
    gateway: Gateway, simulator: Simulator, body: dict, path: str, *, after_bytes: int
) -> tuple[float, str]:
    """Ask on a connection of its own, leave once so many bytes of the answer have come; seconds until the provider saw it."""
    request_id = new_id()
    content = orjson.dumps(body)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer sk-llmgw-contract-all\r\n"
        f"x-request-id: {request_id}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(head.encode() + content)
    got = 0
    while got < after_bytes:
        got += len(await reader.read(65536))
    await eventually(lambda: simulator.requests(request_id), "the request to arrive")
    left = time.time_ns() / 1e9
    writer.close()
    received = await eventually(
        lambda: next((one for one in simulator.requests(request_id) if one.client_closed), None), "the abort"
    )
    return received.closed_at - left, request_id


@pytest.mark.parametrize("model", ["gpt", "claude"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_a_client_that_leaves_in_the_middle_of_a_stream(gateway, simulator, measured, dialect: Dialect, model):
    simulator.script(o1=LONG, a1=LONG)
    body = dialect.body(model, stream=True)
    if model == "claude":
        body["max_tokens"] = 4000
    delays = [await leave(gateway, simulator, body, dialect.path, after_bytes=1500) for _ in range(ROUNDS)]
    seconds = [delay for delay, _ in delays]
    measured("median_ms", round(statistics.median(seconds) * 1000, 1))
    assert statistics.median(seconds) <= PROMPT
    row = await gateway.row(delays[-1][1])
    assert row["outcome"] == "transport:aborted"
    assert row["committed"]


@pytest.mark.parametrize("how", [{"first_token_delay": 20}, {"hang": True}], ids=["headers-only", "nothing"])
async def test_a_client_that_leaves_before_the_first_token(gateway, simulator, measured, how):
    simulator.script(o1=how)
    body = DIALECTS[0].body("gpt", stream=True)
    delays = [await leave(gateway, simulator, body, DIALECTS[0].path, after_bytes=0) for _ in range(ROUNDS)]
    seconds = [delay for delay, _ in delays]
    measured("median_ms", round(statistics.median(seconds) * 1000, 1))
    assert statistics.median(seconds) <= PROMPT
    row = await gateway.row(delays[-1][1])
    assert row["outcome"] == "caller:client_closed"
    assert not row["committed"]


async def test_a_client_that_leaves_while_a_whole_answer_is_made(gateway, simulator, measured):
    simulator.script(a1={"latency": 20})
    body = DIALECTS[1].body("claude", stream=False)
    delays = [await leave(gateway, simulator, body, DIALECTS[1].path, after_bytes=0) for _ in range(ROUNDS)]
    seconds = [delay for delay, _ in delays]
    measured("median_ms", round(statistics.median(seconds) * 1000, 1))
    assert statistics.median(seconds) <= PROMPT


async def test_the_sdk_that_closes_its_stream_stops_the_provider(gateway, openai, simulator):
    simulator.script(o1=LONG)
    request_id = new_id()
    stream = await openai.chat.completions.create(
        model="gpt",
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
        extra_headers={"x-request-id": request_id},
    )
    async for _ in stream:
        break
    await stream.close()
    received = await eventually(
        lambda: next((one for one in simulator.requests(request_id) if one.client_closed), None), "the abort", 2
    )
    assert received.output_tokens_sent < 500


async def test_others_do_not_notice(gateway, simulator):
    """Clients come and go around a stream that is read to its end."""
    simulator.script(o1={"tokens": 60, "tokens_per_second": 60})
    body = DIALECTS[0].body("gpt", stream=True)
    async with httpx.AsyncClient(
        base_url=gateway.url, headers={"authorization": "Bearer sk-llmgw-contract-all"}
    ) as http:
        steady = asyncio.create_task(http.post(DIALECTS[0].path, json=body))
        await asyncio.gather(
            *(leave(gateway, simulator, body, DIALECTS[0].path, after_bytes=1500) for _ in range(ROUNDS))
        )
        assert (await steady).text.endswith("data: [DONE]\n\n")
