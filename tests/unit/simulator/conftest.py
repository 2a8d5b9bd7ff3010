"""A simulator on a free port of the loopback, the official SDKs as its clients, and a client that shows every byte."""

import asyncio
import functools
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import botocore.session
import httptools
import orjson
import pytest
from anthropic import AsyncAnthropic
from botocore.config import Config
from google import genai
from google.genai import types
from openai import AsyncOpenAI

from extproc.simulator.server import Server, serve


@dataclass
class Wire:
    """A response as a raw client saw it; ``end``: how it ended."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    """Body by HTTP chunk, or by read where it has a length."""
    end: str = ""
    """``complete``, ``reset`` (RST), ``closed`` (FIN before the end), ``silent`` (nothing more came)."""

    @property
    def text(self) -> str:
        body = zlib.decompressobj(wbits=31).decompress(self.body) if "content-encoding" in self.headers else self.body
        return body.decode()

    @property
    def json(self) -> dict:
        return orjson.loads(self.text)

    @property
    def data(self) -> list[str]:
        """The data lines of a stream."""
        return [line[6:] for line in self.text.splitlines() if line.startswith("data: ")]


class _Parser:
    def __init__(self) -> None:
        self.wire = Wire()
        self.complete = False
        self._chunk: list[bytes] | None = None
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.wire.headers[name.decode().lower()] = value.decode()

    def on_chunk_header(self) -> None:
        self._chunk = []

    def on_chunk_complete(self) -> None:
        if self._chunk:
            self.wire.pieces.append(b"".join(self._chunk))
        self._chunk = None

    def on_body(self, body: bytes) -> None:
        self.wire.body += body
        if self._chunk is None:
            self.wire.pieces.append(body)
        else:
            self._chunk.append(body)

    def on_message_complete(self) -> None:
        self.complete = True


async def read_response(reader: asyncio.StreamReader, patience: float = 30.0) -> Wire:
    """One response; ``patience``: seconds without a byte before it counts as silent."""
    state = _Parser()
    while not state.complete:
        try:
            data = await asyncio.wait_for(reader.read(65536), patience)
        except TimeoutError:
            state.wire.end = "silent"
            break
        except ConnectionResetError:
            state.wire.end = "reset"
            break
        if not data:
            state.wire.end = "closed"
            break
        state.parser.feed_data(data)
    else:
        state.wire.end = "complete"
    if state.wire.headers:
        state.wire.status = state.parser.get_status_code()
    return state.wire


def request_bytes(path: str, body: dict | bytes, headers: dict[str, str] | None = None, method: str = "POST") -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = {"host": "simulator", "content-length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content


OPENAI_HEADERS = {"authorization": "Bearer sk-sim"}
ANTHROPIC_HEADERS = {"x-api-key": "sk-ant-sim", "anthropic-version": "2023-06-01"}

Post = Callable[..., Awaitable[Wire]]


@pytest.fixture
async def simulator() -> AsyncIterator[Server]:
    server = await serve()
    yield server
    await server.close()


@pytest.fixture
def post(simulator: Server) -> Post:
    """Send one request on a connection of its own, and show what comes back."""

    async def send(path: str, body: dict | bytes, *, patience: float = 30.0, method: str = "POST", **headers) -> Wire:
        anthropic = "messages" in path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        base = ANTHROPIC_HEADERS if anthropic else OPENAI_HEADERS
        lines = {name: value for name, value in {**base, **named}.items() if value is not None}
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        content = memoryview(request_bytes(path, body, lines, method))
        for start in range(0, len(content), 1 << 20):
            writer.write(content[start : start + (1 << 20)])
            await writer.drain()
        wire = await read_response(reader, patience)
        writer.close()
        return wire

    return send


@pytest.fixture
def raw(simulator: Server) -> Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    """Open a connection and keep it."""

    async def connect():
        return await asyncio.open_connection("127.0.0.1", simulator.port)

    return connect


@pytest.fixture
def read() -> Callable[..., Awaitable[Wire]]:
    return read_response


@pytest.fixture
def message() -> Callable[..., bytes]:
    """A request as bytes."""

    def build(path: str, body: dict | bytes, *, method: str = "POST", **headers: str) -> bytes:
        base = ANTHROPIC_HEADERS if "messages" in path else OPENAI_HEADERS
        return request_bytes(path, body, {**base, **headers}, method)

    return build


@pytest.fixture
async def openai(simulator: Server) -> AsyncIterator[AsyncOpenAI]:
    url = f"http://127.0.0.1:{simulator.port}/v1"
    async with AsyncOpenAI(api_key="sk-sim", base_url=url, max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
async def anthropic(simulator: Server) -> AsyncIterator[AsyncAnthropic]:
    url = f"http://127.0.0.1:{simulator.port}"
    async with AsyncAnthropic(api_key="sk-ant-sim", base_url=url, max_retries=0, timeout=30) as client:
        yield client


@functools.cache
def _aws() -> botocore.session.Session:
    """Reads its models once: that takes longer than most tests."""
    return botocore.session.Session()


Ask = Callable[..., Awaitable[dict]]


@pytest.fixture
def bedrock(simulator: Server) -> Iterator[Ask]:
    """Call an operation of AWS's own client by its name, in a thread: it knows no event loop."""
    key = "AKIASIMTEST"
    client = _aws().create_client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{simulator.port}",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        aws_access_key_id=key,
        aws_secret_access_key=f"sim-secret-{key}",
    )

    async def call(operation: str, **fields) -> dict:
        return await asyncio.to_thread(getattr(client, operation), **fields)

    yield call
    client.close()


@pytest.fixture
async def gemini(simulator: Server) -> AsyncIterator[genai.client.AsyncClient]:
    # Without TLS there is nothing to verify, and the client need not read all authorities of the world.
    plain = {"verify": False}
    url = f"http://127.0.0.1:{simulator.port}"
    options = types.HttpOptions(base_url=url, client_args=plain, async_client_args=plain)
    async with genai.Client(api_key="AIzaSim", http_options=options, vertexai=False).aio as client:
        yield client


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait, for at most half a minute, until something is so."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0.002)

    return wait
