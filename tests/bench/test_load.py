"""The load generator counts an answer only when it is the right one, and says what the others were."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.bench.load import Job, LoadResult, perform

_REQUEST = "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"
_GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


class _Server(asyncio.Protocol):
    """Answers each request with what ``reply`` says; None closes the connection."""

    def __init__(self, reply: Callable[[], bytes | None]) -> None:
        self._reply = reply

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        answer = self._reply()
        if answer is None:
            self._transport.close()
        else:
            self._transport.write(answer)


@asynccontextmanager
async def _served(reply: Callable[[], bytes | None]) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(lambda: _Server(reply), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _load(reply: Callable[[], bytes | None], *, events: int = 0) -> LoadResult:
    async with _served(reply) as port:
        job = Job(port, _REQUEST, "hello", connections=2, warmup=0.01, seconds=0.05, min_events=events)
        return await perform(job, lambda _: None)


async def test_good_answers_are_counted_and_timed():
    result = await _load(lambda: _GOOD)
    assert result.completed > 10
    assert (result.errors, result.error_samples) == (0, [])
    assert 0 < result.p50 <= result.p99
    assert abs(result.started - result.completed) <= 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(_GOOD.replace(b"200 OK", b"503 No"), "status 503: hello", id="status"),
        pytest.param(_GOOD.replace(b"hello", b"hullo"), "the expected text is missing: hullo", id="text"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", "the body has neither length nor chunks", id="no response"),
        pytest.param(None, "the connection was closed without an answer", id="closed"),
    ],
)
async def test_any_other_answer_is_an_error(answer, said):
    result = await _load(lambda: answer)
    assert result.completed == 0
    assert result.errors > 0
    assert said in result.error_samples[0]


async def test_a_stream_needs_all_its_events_and_its_end():
    event = b'data: {"content":"hello"}\n\n'

    def stream(*events: bytes) -> bytes:
        body = b"".join(events)
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    whole = await _load(lambda: stream(event, event, b"data: [DONE]\n\n"), events=2)
    assert whole.errors == 0
    assert whole.completed > 0
    assert 0 < whole.first_p50 <= whole.p50
    assert whole.events >= 3 * whole.completed
    for cut in (stream(event, b"data: [DONE]\n\n"), stream(event, event, event)):
        result = await _load(lambda cut=cut: cut, events=3)
        assert result.completed == 0
        assert "short stream" in result.error_samples[0]


async def test_nobody_listening_is_an_error():
    async with _served(lambda: _GOOD) as port:
        pass
    result = await perform(Job(port, _REQUEST, "hello", 1, 0.01, 0.05), lambda _: None)
    assert result.completed == 0
    assert "no connection" in result.error_samples[0]
