"""Many streams at once, for a while, and readers that do not keep up: no error, and memory that stays where it was.

``LLMGW_SOAK_SECONDS`` lengthens the soak (20 by default).
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import psutil
import pytest
from catalogue import config
from harness import KEY, Gateway, eventually
from transfers import DIALECTS, OPENAI, Dialect, transfer

SECONDS = float(os.environ.get("LLMGW_SOAK_SECONDS", "20"))
STREAMS = 500
TOKENS, RATE = 30, 6
"""Of each stream: five seconds long."""

GROWTH = 16
"""MB that a worker or Envoy may have more at the end than after the first wave: caches and the allocator's slack. A leak of
one kilobyte per stream and process would show within a minute, 4 kB within the 20 seconds of a normal run."""

PACE = 40_000
"""Tokens a second of the answer nobody reads: a hundred times what a model writes and more. A provider as fast as loopback is would
run ahead of the workers, and what they have not seen yet cannot reach a buffer that pauses anybody."""
PACED = 4_000_000
"""Tokens of that answer: minutes of it, and about a gigabyte."""

HELD = 256
"""MB that Envoy and the workers together may hold for one slow reader: the client's buffer of 96 MiB, windows, what is on its
way through a worker, and the allocators' slack."""

pytestmark = pytest.mark.slow


@pytest.fixture
def other(start_gateway, providers, dead_port, simulator) -> Gateway:
    """A gateway with no past."""
    return start_gateway(config(providers.url, dead_port))


def request_bytes(dialect: Dialect, body: dict) -> bytes:
    content = orjson.dumps(body)
    return (
        f"POST {dialect.path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    ).encode() + content


async def one_stream(port: int, request: bytes) -> str:
    """Read a stream as cheaply as Python can; what is wrong with it, empty where nothing is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    pieces = []
    while piece := await reader.read(65536):
        pieces.append(piece)
    writer.close()
    answer = b"".join(pieces)
    if not answer.startswith(b"HTTP/1.1 200 "):
        return f"status {answer[9:12]!r}"
    if not answer.endswith(b"\r\n0\r\n\r\n"):
        return "the transfer was cut"
    content = answer.count(b'"delta":{"content":"') + answer.count(b'"text_delta"')
    if content < TOKENS:
        return f"{content} of {TOKENS} tokens"
    ends = answer.count(b"data: [DONE]") + answer.count(b"event: message_stop")
    return "" if ends == 1 and b'"error"' not in answer else f"{ends} end markers, or an error event"


async def wave(port: int, until: float) -> list[str]:
    """So many streams at a time, one after the other in each place, until the time is over; what went wrong."""
    requests = [
        request_bytes(dialect, dialect.body(model, stream=True)) for dialect in DIALECTS for model in ("gpt", "claude")
    ]

    async def place(number: int) -> list[str]:
        # Spread over half a second, as clients are: all in one millisecond would test the kernel's backlog.
        await asyncio.sleep(number / STREAMS / 2)
        found = [await one_stream(port, requests[number % len(requests)])]
        while time.monotonic() < until:
            found.append(await one_stream(port, requests[number % len(requests)]))
        return found

    return [problem for found in await asyncio.gather(*map(place, range(STREAMS))) for problem in found]


def memory(gateway: Gateway) -> dict[str, float]:
    """MB by process."""
    processes = {"envoy": gateway.envoy(), **{f"worker {one.index}": one.process for one in gateway.workers()}}
    return {name: process.memory_info().rss / 1e6 for name, process in processes.items()}


async def test_five_hundred_streams_at_once(other, simulator, measured):
    how = {"tokens": TOKENS, "tokens_per_second": RATE}
    simulator.script(o1=how, a1=how)
    pids = {worker.pid for worker in other.workers()}
    problems = await wave(other.port, 0)
    assert [problem for problem in problems if problem] == []
    before = memory(other)
    connections = len(psutil.Process(other.envoy().pid).net_connections())

    problems = await wave(other.port, time.monotonic() + SECONDS - TOKENS / RATE)
    assert len(problems) >= STREAMS
    assert [problem for problem in problems if problem] == []

    await eventually(lambda: simulator.in_progress() == 0, "every answer to have ended")
    await eventually(lambda: other.metric("llmgw_open_streams") == 0, "every gRPC stream to be closed")
    after = memory(other)
    measured("memory_before_mb", before)
    measured("memory_after_mb", after)
    assert {worker.pid for worker in other.workers()} == pids
    grown = {name: round(after[name] - before[name], 1) for name in before}
    assert max(grown.values()) < GROWTH, f"MB grown over {len(problems)} streams: {grown}"
    assert len(psutil.Process(other.envoy().pid).net_connections()) <= connections
    assert other.metric("llmgw_requests_total", outcome="ok") == len(problems) + STREAMS
    assert other.metric("llmgw_log_rows_dropped_total") == 0


@pytest.mark.parametrize("model", ["gpt", "claude"])
async def test_a_slow_reader_pauses_the_provider_instead_of_filling_memory(other, simulator, measured, model):
    """1 kB/s of an answer that comes at some MB/s."""
    async with other.http() as http:
        for name in ("gpt", "claude"):
            assert (await transfer(http, OPENAI.path, OPENAI.body(name, stream=True))).finished
        before = memory(other)
        how = {"tokens": PACED, "tokens_per_second": PACE}
        simulator.script(o1=how, a1=how)
        body = OPENAI.body(model, stream=True, max_completion_tokens=PACED)
        async with slow_reader(other.port, request_bytes(OPENAI, body)):
            sent, steady = -1, 0
            while steady < 20:  # two seconds in which the provider could send nothing more
                await asyncio.sleep(0.1)
                (record,) = simulator.latest(1)
                steady = steady + 1 if record.events_sent == sent else 0
                sent = record.events_sent
                assert sent < PACED, "the whole answer was read: it sits in somebody's memory"
            assert sent > 0
            held = {name: round(size - before[name], 1) for name, size in memory(other).items()}
            measured("held_mb", held)
            assert sum(held.values()) < HELD, f"MB held for a slow reader: {held}"
            # Nobody else waits for it.
            simulator.script()
            for _ in range(20):
                assert (await transfer(http, OPENAI.path, OPENAI.body(model, stream=True))).finished
            assert simulator.latest(21)[0].outcome == "in_progress"
        await eventually(lambda: simulator.in_progress() == 0, "the abort")


@asynccontextmanager
async def slow_reader(port: int, request: bytes) -> AsyncIterator[None]:
    """A client that reads 1 kB a second of what it asked for, and then leaves."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        # Little room in the kernel: what it holds is nobody's memory, and only takes time to fill.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, request)

        async def read() -> None:
            piece = b" "
            while piece:
                piece = await loop.sock_recv(connection, 100)
                await asyncio.sleep(0.1)

        reading = asyncio.create_task(read())
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.wait([reading])
