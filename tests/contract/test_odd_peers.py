"""Peers that once brought Envoy down, or were cut off without need: slow readers, and providers that end oddly."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
from harness import KEY, Gateway, eventually, new_id, sha256
from transfers import OPENAI, transfer

Play = Callable[["Provider", asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"
HEAD = OK + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LARGE, PIECE = 5_000_000, 20_000
HALF_A_SECOND = 0.5


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(text: str = "", finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    answer = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + orjson.dumps(answer) + b"\n\n"


END = event(finish="stop") + b"data: [DONE]\n\n"


class Provider:
    """Plays what the model's name says, to whoever asks; remembers which connections the gateway has closed."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self._plays: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        model = orjson.loads(await reader.readexactly(size))["model"]
        self._plays.add(asyncio.ensure_future(PLAYS[model](self, writer)))
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass
        self.closed.append(model)
        writer.close()

    def close(self) -> None:
        """Stop, in the middle of whatever is played."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


async def large(_: Provider, writer: asyncio.StreamWriter) -> None:
    """Far more than any buffer on the way, as fast as it is taken."""
    writer.write(HEAD)
    for _ in range(LARGE // PIECE):
        writer.write(chunk(event("x" * PIECE)))
        await writer.drain()
    writer.write(chunk(END) + b"0\r\n\r\n")


async def breaks_off(_: Provider, writer: asyncio.StreamWriter) -> None:
    """Complete, but for HTTP's own end; and gone some seconds later."""
    writer.write(HEAD + chunk(event("all") + END))
    await asyncio.sleep(2.5)
    writer.close()


async def stays(_: Provider, writer: asyncio.StreamWriter) -> None:
    """Complete, and then talking on for ever."""
    writer.write(HEAD + chunk(event("all") + END))
    while not writer.is_closing():
        writer.write(chunk(b": still here\n\n"))
        await asyncio.sleep(HALF_A_SECOND)


async def steady(_: Provider, writer: asyncio.StreamWriter) -> None:
    """A token each half second, for longer than any of the silences that are allowed."""
    writer.write(HEAD)
    for _ in range(8):
        writer.write(chunk(event("word ")))
        await asyncio.sleep(HALF_A_SECOND)
    writer.write(chunk(END) + b"0\r\n\r\n")


async def many_headers(_: Provider, writer: asyncio.StreamWriter) -> None:
    """As behind some proxies."""
    more = b"".join(b"x-edge-%d: %b\r\n" % (number, b"v" * 400) for number in range(150))
    body = b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"all"},"finish_reason":"stop"}]}'
    writer.write(OK + b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body))
    writer.write(more + b"\r\n" + body)


PLAYS: dict[str, Play] = {
    "large": large,
    "breaks-off": breaks_off,
    "stays": stays,
    "many-headers": many_headers,
    **{f"steady-{mode}": steady for mode in ("first", "whole", "events", "after")},
}
COMMITS: dict[str, Any] = {"first": "first-token", "whole": "whole", "events": {"events": 6}, "after": {"after": "3s"}}
SILENCES = {"first_token_timeout": "2s", "stall_timeout": "2s", "timeout": "30s"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    playing = Provider()
    yield playing
    playing.close()


@pytest.fixture(scope="module")
def odd(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    models: dict[str, Any] = {name: {"targets": [{"provider": "odd"}]} for name in PLAYS}
    for mode, commit in COMMITS.items():
        models[f"steady-{mode}"] |= {"commit": commit, **SILENCES}
    running = Gateway(
        tmp_path_factory.mktemp("odd"),
        {
            "providers": {"odd": {"base_url": provider.url, "api_key": "sk-odd"}},
            "models": models,
            "keys": [{"name": "test", "sha256": sha256(KEY)}],
            "store": {"url": "none"},
        },
    )
    yield running
    running.close()


def check_alive(gateway: Gateway) -> None:
    """Envoy is the one that was started: a crash is told, and mended, by the supervisor."""
    assert "envoy ended" not in gateway.log.read_text()


async def test_a_slow_reader_of_http2(odd):
    """Four streams on one connection, each far beyond the windows that a client gives."""

    async def read(http: httpx.AsyncClient) -> bytes:
        got = b""
        async with http.stream("POST", OPENAI.path, json=OPENAI.body("large", stream=True)) as response:
            await asyncio.sleep(1.0)  # meanwhile all of it has come, and waits
            async for piece in response.aiter_raw():
                got += piece
                await asyncio.sleep(0.001)
        return got

    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(http1=False, http2=True, base_url=odd.url, headers=headers, timeout=60.0) as http:
        answers = await asyncio.gather(*(read(http) for _ in range(4)))
    for answer in answers:
        assert answer.count(b'"content":') == LARGE // PIECE
        assert answer.endswith(b"data: [DONE]\n\n")
    check_alive(odd)


async def test_a_provider_that_does_not_end_what_is_complete(odd, provider):
    """Another client's stream is not touched, whatever becomes of the connections behind the marker."""
    async with odd.http() as http:

        async def ask(model: str) -> tuple[bytes, str]:
            request_id = new_id()
            got = await transfer(http, OPENAI.path, OPENAI.body(model, stream=True), {"x-request-id": request_id})
            return got.body, (await odd.row(request_id))["outcome"]

        steadily = asyncio.ensure_future(ask("steady-first"))
        for body, outcome in await asyncio.gather(ask("breaks-off"), ask("stays")):
            assert (body, outcome) == (event("all") + END, "ok")
        await eventually(lambda: "stays" in provider.closed, "the gateway to give the provider up")
        body, outcome = await steadily
        assert (body, outcome) == (event("word ") * 8 + END, "ok")
    check_alive(odd)


async def test_a_steady_stream_is_not_silent_however_long_it_is_withheld(odd):
    async def ask(mode: str) -> tuple[bytes, bool]:
        async with odd.http() as http:
            got = await transfer(http, OPENAI.path, OPENAI.body(f"steady-{mode}", stream=True))
            return got.body, got.complete

    for body, complete in await asyncio.gather(*(ask(mode) for mode in COMMITS)):
        assert body == event("word ") * 8 + END
        assert complete


async def test_an_answer_with_many_headers(odd):
    async with odd.http() as http:
        got = await transfer(http, OPENAI.path, OPENAI.body("many-headers", stream=False))
    assert (got.status, OPENAI.text(got.json)) == (200, "all")


async def test_http_1_0(odd):
    """As nginx asks, unless it is told otherwise."""
    body = orjson.dumps(OPENAI.body("steady-first", stream=True))
    reader, writer = await asyncio.open_connection("127.0.0.1", odd.port)
    writer.write(
        b"POST %b HTTP/1.0\r\nauthorization: Bearer %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        % (OPENAI.path.encode(), KEY.encode(), len(body), body)
    )
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.0 200 ")
    assert answer.endswith(b"\r\n\r\n" + event("word ") * 8 + END)
