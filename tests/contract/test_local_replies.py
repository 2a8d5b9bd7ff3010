"""What Envoy itself has to say: nobody answers, nobody answers in time, nobody is there to ask. In the client's dialect."""

import asyncio
import signal
import time

import anthropic as anthropic_sdk
import httpx
import openai as openai_sdk
import pytest
from catalogue import config
from harness import Gateway, eventually, new_id
from transfers import ANTHROPIC, DIALECTS, OPENAI, Dialect, transfer

MESSAGES = [{"role": "user", "content": "Hello"}]


async def refused(http: httpx.AsyncClient, dialect: Dialect, model: str, *, stream: bool):
    request_id = new_id()
    got = await transfer(http, dialect.path, dialect.body(model, stream=stream), {"x-request-id": request_id})
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-request-id"] == request_id
    if got.status != 500:  # there is a worker that could say more than Envoy
        assert got.headers["request-id"] == request_id
        assert got.headers["x-llmgw-provider"]
        assert int(got.headers["x-llmgw-attempts"]) == (2 if model in {"d1-d2", "quick-o1-o2"} else 1)
    assert got.headers["server"] == "llmgw"
    return request_id, got.status, *dialect.error(got.json)


async def test_every_provider_refuses_the_connection(gateway, http):
    pairs = [(dialect, stream) for dialect in DIALECTS for stream in (True, False)]
    refusals = [await refused(http, dialect, "d1-d2", stream=stream) for dialect, stream in pairs]
    for (dialect, _), (request_id, status, kind, code, message) in zip(pairs, refusals, strict=True):
        assert (status, code) == (503, "provider_unreachable")
        assert kind == ("overloaded_error" if dialect is ANTHROPIC else "service_unavailable_error")
        assert message
        row = await gateway.row(request_id)
        assert (row["status"], row["outcome"]) == (503, "provider:provider_unreachable")
        assert [attempt["provider"] for attempt in row["attempts"]] == ["d1", "d2"]
        assert (await gateway.access(request_id))["attempts"] == 2


@pytest.mark.parametrize("how", [{"hang": True}, {"first_token_delay": 20}], ids=["nothing", "headers-only"])
async def test_no_first_token_in_time(gateway, http, simulator, how):
    simulator.script(o1=how, a1=how)
    pairs = [(dialect, model) for dialect in DIALECTS for model in ("quick-gpt", "quick-claude")]
    began = time.monotonic()
    refusals = await asyncio.gather(*(refused(http, dialect, model, stream=True) for dialect, model in pairs))
    assert time.monotonic() - began > 0.9
    for (dialect, _), (request_id, status, kind, code, message) in zip(pairs, refusals, strict=True):
        assert (status, code) == (504, "provider_timeout")
        assert kind == ("timeout_error" if dialect is ANTHROPIC else "server_error")
        assert "time" in message
        row = await gateway.row(request_id)
        assert (row["status"], row["outcome"], row["attempt_count"]) == (504, "provider:provider_timeout", 1)
        assert row["attempts"][0]["reason"] == "provider:provider_timeout"


@pytest.mark.parametrize("how", [{"hang": True}, {"fault": "stall"}], ids=["nothing", "half-of-it"])
async def test_no_whole_answer_in_time(gateway, http, simulator, how):
    """The model's ``timeout`` is two seconds."""
    simulator.script(o1=how, a1=how)
    pairs = [(dialect, model) for dialect in DIALECTS for model in ("quick-gpt", "quick-claude")]
    began = time.monotonic()
    refusals = await asyncio.gather(*(refused(http, dialect, model, stream=False) for dialect, model in pairs))
    assert time.monotonic() - began > 1.9
    for request_id, status, _, code, _ in refusals:
        assert (status, code) == (504, "provider_timeout")
        assert (await gateway.row(request_id))["outcome"] == "provider:provider_timeout"


async def test_the_last_of_the_chain_times_out(gateway, http, simulator):
    simulator.script(o1={"hang": True}, o2={"hang": True})
    refusals = await asyncio.gather(*(refused(http, dialect, "quick-o1-o2", stream=True) for dialect in DIALECTS))
    for request_id, status, _, code, _ in refusals:
        assert (status, code) == (504, "provider_timeout")
        row = await gateway.row(request_id)
        assert [attempt["reason"] for attempt in row["attempts"]] == ["provider:provider_timeout"] * 2


async def test_a_provider_that_does_not_speak_http(simulator, start_gateway, providers):
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        gateway = await asyncio.to_thread(start_gateway, config(providers.url, port))  # d1 and d2 are this server
        async with gateway.http() as http:
            for dialect in DIALECTS:
                for stream in (True, False):
                    _, status, _, code, _ = await refused(http, dialect, "d1-d2", stream=stream)
                    assert (status, code) == (502, "provider_truncated")
                    got = await transfer(http, dialect.path, dialect.body("d1-o1", stream=stream))
                    assert (got.status, got.headers["x-llmgw-provider"]) == (200, "o1")
        await asyncio.to_thread(gateway.close)


async def test_the_sdks_raise_their_errors(openai, anthropic, simulator):
    with pytest.raises(openai_sdk.InternalServerError) as unreachable:
        await openai.chat.completions.create(model="d1-d2", messages=MESSAGES)
    assert (unreachable.value.status_code, unreachable.value.code) == (503, "provider_unreachable")
    simulator.script(a1={"hang": True})
    with pytest.raises(anthropic_sdk.APIStatusError) as late:
        async with anthropic.messages.stream(model="quick-claude", messages=MESSAGES, max_tokens=10) as stream:
            await stream.get_final_message()
    assert late.value.status_code == 504
    assert late.value.request_id
    simulator.script(a1="status=529")
    with pytest.raises(anthropic_sdk.OverloadedError) as busy:
        await anthropic.messages.create(model="claude", messages=MESSAGES, max_tokens=10)
    assert busy.value.request_id
    simulator.script(o1="error=insufficient_quota")
    with pytest.raises(openai_sdk.RateLimitError) as spent:
        await openai.chat.completions.create(model="gpt", messages=MESSAGES)
    assert (spent.value.code, spent.value.type) == ("provider_quota_exhausted", "insufficient_quota")


@pytest.fixture
def stopped(start_gateway, providers, dead_port, simulator) -> Gateway:
    """A gateway whose workers stay dead: its supervisor is stopped, so that it cannot start them again."""
    gateway = start_gateway(config(providers.url, dead_port))
    yield gateway
    gateway.process.send_signal(signal.SIGCONT)


async def test_without_any_worker(stopped, simulator):
    workers = stopped.workers()
    async with stopped.http() as http:
        assert (await transfer(http, OPENAI.path, OPENAI.body("gpt", stream=False))).status == 200
        stopped.process.send_signal(signal.SIGSTOP)
        for worker in workers:
            worker.process.kill()
        for dialect in DIALECTS:
            for stream in (True, False):
                _, status, kind, code, message = await refused(http, dialect, "gpt", stream=stream)
                assert (status, code) == (500, "internal_error")
                assert kind == ("api_error" if dialect is ANTHROPIC else "server_error")
                assert "gateway" in message
        assert (await http.get("/v1/models")).status_code == 500
        # It comes back by itself.
        stopped.process.send_signal(signal.SIGCONT)
        await eventually(stopped.ready, "the gateway to be ready again")
        assert (await transfer(http, OPENAI.path, OPENAI.body("gpt", stream=True))).finished


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"POST /v1/messages HTTP/1.1\r\nhost: g\r\nx-big: " + b"a" * 120_000 + b"\r\n\r\n", 431),
        (b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", 400),
    ],
    ids=["not HTTP", "headers too large", "two lengths"],
)
async def test_what_is_not_a_request_is_not_waited_for(gateway, http, raw, status):
    """The connection is closed, and the access log says why; others are served."""
    known = len(gateway.access_lines())
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(raw)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert answer == b"" or answer.startswith(f"HTTP/1.1 {status} ".encode())
    lines = await eventually(lambda: gateway.access_lines()[known:], "the access log")
    assert lines[-1]["status"] == status
    assert (await http.get("/v1/models")).status_code == 200


async def test_readiness_says_what_is_missing(stopped):
    stopped.envoy().kill()
    answer = await eventually(
        lambda: response if (response := stopped.admin.get("/readyz")).status_code == 503 else None, "readyz to be 503"
    )
    assert answer.json()["ready"] is False
    await eventually(stopped.ready, "Envoy to be back")
