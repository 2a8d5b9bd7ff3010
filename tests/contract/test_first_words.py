"""Answers before anything has flowed: to requests that Envoy cannot read, and from providers that open and say nothing."""

import asyncio

import pytest
from harness import new_id
from transfers import DIALECTS, transfer

SILENT = "fault=stall,fault_at=0"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_a_provider_that_opens_and_says_nothing_is_a_timeout_with_one_row(gateway, simulator, dialect):
    """Its 200 has come, no body has: the service's timer and Envoy's ring almost together, and both mean the same."""
    simulator.script(o1=SILENT)
    ids = [new_id() for _ in range(8)]
    async with gateway.http() as http:
        body = dialect.body("quick-gpt", stream=True)
        results = await asyncio.gather(*(transfer(http, dialect.path, body, {"x-request-id": i}) for i in ids))
    assert [result.status for result in results] == [504] * 8
    for request_id in ids:
        rows = [row for row in await gateway.rows(request_id) if row["type"] == "request"]
        assert [(row["status"], row["outcome"]) for row in rows] == [(504, "provider:provider_timeout")]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: " + "a" * 200_000 + "\r\n\r\n", b"431"),
        ("GET /v1/models HTTP/1.1\r\nhost: x\r\n" + "".join(f"x-{i}: 1\r\n" for i in range(300)) + "\r\n", b"431"),
        ("GET /v1/models HTTP/1.1\r\n\r\n", b"400"),
        ("POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n", b"400"),
    ],
    ids=["a huge header", "too many headers", "no host", "a bad content-length"],
)
async def test_what_envoy_cannot_read_gets_an_answer(gateway, head, status):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    await writer.wait_closed()
    assert answer.split(b" ", 2)[1] == status
    assert b'"error"' in answer
