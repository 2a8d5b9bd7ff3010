"""Client and provider of one dialect: every byte passes but for the edits named here, the model and ``stream_options``."""

import re

import httpx
import orjson
import pytest
from harness import new_id, sha256
from transfers import ANTHROPIC, DIALECTS, OPENAI, Dialect, Transfer, transfer

# What decoding and encoding again would change: spaces, escapes, 1.0, integers beyond 64 bits, repeated nested names.
_ODD = (
    b'{ "messages" : [ {"role":"user", "content" : "Z\\u00fcrich \\/ \\ud83d\\udc69 \xe6\x9d\xb1"} ],\n'
    b'\t"model":"%b",  "max_tokens":10, "stream":%b, "temperature" : 1.0 %b}\n'
)
_FUTURE = (
    b', "feature_of_tomorrow": {"model": "not this one", "big": 123456789012345678901234567890, "a": [1.50, -0.0, {}], '
    b'"stream_options": {"include_usage": false}}'
)
_VARYING = re.compile(rb'chatcmpl-[0-9a-f]+|msg_01[0-9a-f]+|"created":\d+')
"""In an answer: the ids and the time, which no two answers share."""

PROVIDER_MODEL = {"openai": b"gpt-4o", "anthropic": b"claude-sonnet-4-6"}
CATALOGUE_MODEL = {"openai": b"gpt", "anthropic": b"claude"}
DIRECT = {
    "openai": ("/p/x/v1/chat/completions", {"authorization": "Bearer sk-direct"}),
    "anthropic": ("/p/x/v1/messages", {"x-api-key": "sk-direct", "anthropic-version": "2023-06-01"}),
}


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request) -> Dialect:
    return request.param


async def ask(http: httpx.AsyncClient, dialect: Dialect, body: bytes) -> tuple[str, Transfer]:
    request_id = new_id()
    return request_id, await transfer(http, dialect.path, body, {"x-request-id": request_id})


@pytest.mark.parametrize("future", [b"", _FUTURE], ids=["known", "unknown-fields"])
async def test_a_request_keeps_its_bytes(http, simulator, dialect, future):
    request_id, got = await ask(http, dialect, _ODD % (CATALOGUE_MODEL[dialect.name], b"false", future))
    received = simulator.only(request_id)
    expected = _ODD % (PROVIDER_MODEL[dialect.name], b"false", future)
    assert received.body.encode() == expected
    assert received.body_sha256 == sha256(expected)
    if future:  # the vendor of today does not know it, and says so itself
        assert got.status == 400
        assert "feature_of_tomorrow" in dialect.error(got.json)[2]
    else:
        assert got.status == 200


async def test_a_streamed_request_to_openai_gets_include_usage_and_nothing_else(http, simulator):
    request_id, got = await ask(http, OPENAI, _ODD % (b"gpt", b"true", b""))
    assert got.complete
    sent = simulator.only(request_id).body.encode()
    assert sent == b'{"stream_options":{"include_usage":true},' + _ODD[1:] % (b"gpt-4o", b"true", b"")


async def test_stream_options_of_the_client_are_kept(http, simulator):
    body = b'{"model":"gpt","stream":true,"stream_options":{"include_obfuscation":false},"messages":[{"role":"user","content":"x"}]}'
    request_id, got = await ask(http, OPENAI, body)
    assert simulator.only(request_id).json["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert b"obfuscation" not in got.body
    assert got.finished


async def test_the_usage_chunk_is_shown_only_to_a_client_that_asked(http, simulator):
    plain = await transfer(http, OPENAI.path, OPENAI.body("gpt", stream=True))
    asked = await transfer(http, OPENAI.path, OPENAI.body("gpt", stream=True, stream_options={"include_usage": True}))
    assert [data for _, data in plain.events if data != "[DONE]" and not data["choices"]] == []
    assert not any(data.get("usage") for _, data in plain.events if data != "[DONE]")
    (usage,) = [data["usage"] for _, data in asked.events if data != "[DONE]" and not data["choices"]]
    assert usage["completion_tokens"] == 16
    assert len(asked.events) == len(plain.events) + 1
    assert plain.finished
    assert asked.finished


async def test_tokens_are_counted_though_the_client_did_not_ask(http, gateway, simulator):
    request_id, _ = await ask(http, OPENAI, orjson.dumps(OPENAI.body("gpt", stream=True)))
    row = await gateway.row(request_id)
    assert row["output_tokens"] == 16
    assert row["input_tokens"] == simulator.only(request_id).input_tokens


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("how", [{}, {"crlf": True}, {"split": 1}, {"seed": 7}, {"gzip": True}], ids=str)
async def test_an_answer_keeps_its_bytes(http, simulator, dialect, stream, how):
    simulator.script(o1=how, a1=how)
    options = {"stream_options": {"include_usage": True}} if dialect is OPENAI and stream else {}
    through = await transfer(
        http, dialect.path, dialect.body(CATALOGUE_MODEL[dialect.name].decode(), stream=stream, **options)
    )
    simulator.script(x={"crlf": how.get("crlf", False)})
    path, headers = DIRECT[dialect.name]
    async with httpx.AsyncClient(base_url=simulator.url) as vendor:
        body = dialect.body(PROVIDER_MODEL[dialect.name].decode(), stream=stream, **options)
        direct = await transfer(vendor, path, body, headers)
    assert through.complete
    assert _VARYING.sub(b"_", through.body) == _VARYING.sub(b"_", direct.body)
    assert "content-encoding" not in through.headers


async def test_none_of_the_vendors_headers_comes_through(http, simulator, dialect):
    cookie = {"headers": "set-cookie:a=b"}
    simulator.script(o1=cookie, a1=cookie)
    for stream in (False, True):
        got = await transfer(http, dialect.path, dialect.body(CATALOGUE_MODEL[dialect.name].decode(), stream=stream))
        ours = {"content-type", "content-length", "transfer-encoding", "date", "server", "x-request-id", "request-id"}
        ours |= {"x-llmgw-provider", "x-llmgw-model", "x-llmgw-attempts", "cache-control"}
        assert set(got.headers) <= ours
        assert got.headers["server"] == "llmgw"
        assert got.headers["x-llmgw-provider"] == ("o1" if dialect is OPENAI else "a1")
        assert got.headers["x-llmgw-attempts"] == "1"
        kind = "text/event-stream" if stream else "application/json"
        assert got.headers["content-type"].startswith(kind)


async def test_a_beta_header_reaches_the_vendor_of_its_dialect_only(http, simulator):
    headers = {"anthropic-beta": "feature-2026", "anthropic-version": "2023-06-01", "openai-beta": "assistants=v2"}
    for dialect, model in ((ANTHROPIC, "claude"), (ANTHROPIC, "gpt"), (OPENAI, "gpt")):
        request_id = new_id()
        got = await transfer(
            http, dialect.path, dialect.body(model, stream=False), {**headers, "x-request-id": request_id}
        )
        assert got.status == 200
        seen = simulator.only(request_id).headers
        assert ("anthropic-beta" in seen, "anthropic-version" in seen) == (model == "claude", model == "claude")
        assert ("openai-beta" in seen) is (dialect is OPENAI)
