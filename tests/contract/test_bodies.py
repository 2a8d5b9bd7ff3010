"""Requests as they should be and as they should not: large ones, broken ones, and every way to say who is asking."""

import base64
import gzip
import os
import struct

import anthropic as anthropic_sdk
import httpx
import openai as openai_sdk
import orjson
import pytest
from asking import check_addressed
from catalogue import MAX_BODY
from harness import DISABLED_KEY, EXPIRED_KEY, KEY, SCOPED_KEY, new_id, sha256
from transfers import ANTHROPIC, DIALECTS, OPENAI, Dialect, transfer

MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request) -> Dialect:
    return request.param


async def refused(http: httpx.AsyncClient, dialect: Dialect, body: object, headers: dict | None = None):
    """Status, then type, code and message of the refusal, which is of the client's dialect and names the request."""
    request_id = new_id()
    got = await transfer(http, dialect.path, body, {"x-request-id": request_id, **(headers or {})})
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-request-id"] == request_id
    return got.status, *dialect.error(got.json)


# -- large ones ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("names", ["o1-o2-o3", "a1-a2-a3"])
async def test_eight_megabytes_fall_over_twice_and_arrive_whole(http, simulator, names, stream):
    first, second, third = names.split("-")
    simulator.script(**{first: "status=503", second: "fault=error_event" if stream else "fault=html"})
    image = base64.b64encode(os.urandom(6_000_000)).decode()
    openai = names.startswith("o")
    picture = (
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}
        if openai
        else {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}}
    )
    dialect = OPENAI if openai else ANTHROPIC
    body = dialect.body(names, stream=stream)
    body["messages"] = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]
    if openai and stream:
        body["stream_options"] = {"include_usage": True}
    sent = orjson.dumps(body)
    assert len(sent) > 8_000_000
    request_id = new_id()
    got = await transfer(http, dialect.path, sent, {"x-request-id": request_id})
    assert got.status == 200
    assert got.headers["x-llmgw-provider"] == third
    expected = sent.replace(
        f'"model":"{names}"'.encode(), b'"model":"gpt-4o"' if openai else b'"model":"claude-sonnet-4-6"'
    )
    asked = simulator.requests(request_id)
    assert [one.label for one in asked] == [first, second, third]
    assert {(one.body_length, one.body_sha256) for one in asked} == {(len(expected), sha256(expected))}


async def test_eight_megabytes_are_translated(http, simulator):
    image = base64.b64encode(os.urandom(6_000_000)).decode()
    body = OPENAI.body("claude", stream=False)
    body["messages"] = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}]}
    ]
    request_id = new_id()
    got = await transfer(http, OPENAI.path, body, {"x-request-id": request_id})
    assert got.status == 200
    assert simulator.only(request_id).body_length > 8_000_000


async def test_a_body_beyond_the_limit(http, dialect):
    body = dialect.body("gpt", "x" * (MAX_BODY + 1000), stream=False)
    status, kind, code, message = await refused(http, dialect, body)
    assert (status, code) == (413, "request_too_large")
    assert str(MAX_BODY) in message
    assert kind == ("request_too_large" if dialect is ANTHROPIC else "invalid_request_error")


async def test_a_body_beyond_the_limit_of_unknown_length(http, dialect):
    async def pieces():
        yield b'{"model": "gpt", "messages": [{"role": "user", "content": "'
        for _ in range(MAX_BODY // 1_000_000 + 2):
            yield b"x" * 1_000_000
        yield b'"}]}'

    response = await http.post(dialect.path, content=pieces(), headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert dialect.error(response.json())[1] == "request_too_large"


async def test_a_body_that_just_fits(http, simulator):
    body = OPENAI.body("gpt", "x" * (MAX_BODY - 1000), stream=False)
    got = await transfer(http, OPENAI.path, body)
    assert got.status == 200


# -- compressed ones ----------------------------------------------------------------------------------------------------


def zstd(data: bytes) -> bytes:
    """One frame of one block as it is (RFC 8878)."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + struct.pack("<I", 1 | len(data) << 3)[:3] + data


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("zstd", zstd)])
async def test_a_compressed_body_is_unpacked(http, simulator, dialect, coding, pack):
    body, request_id = orjson.dumps(dialect.body("gpt", stream=False)), new_id()
    got = await transfer(http, dialect.path, pack(body), {"content-encoding": coding, "x-request-id": request_id})
    assert got.status == 200
    received = simulator.only(request_id)
    assert "content-encoding" not in received.headers
    assert int(received.headers["content-length"]) == received.body_length


async def test_a_compressed_body_is_bounded_like_any_other(http):
    body = OPENAI.body("gpt", base64.b64encode(os.urandom(MAX_BODY)).decode(), stream=False)
    status, _, code, _ = await refused(http, OPENAI, gzip.compress(orjson.dumps(body), 1), {"content-encoding": "gzip"})
    assert (status, code) == (413, "request_too_large")


@pytest.mark.parametrize("broken", [lambda packed: packed[:-20], lambda _: b'{"model": "gpt"}'], ids=["cut", "plain"])
async def test_a_broken_compressed_body_is_refused(http, dialect, broken):
    body = gzip.compress(orjson.dumps(dialect.body("gpt", stream=False)))
    status, _, code, _ = await refused(http, dialect, broken(body), {"content-encoding": "gzip"})
    assert (status, code) == (400, "malformed_json")


# -- broken ones --------------------------------------------------------------------------------------------------------

_BROKEN = {
    "not JSON": (b'{"model": "gpt", "messages": [}', "malformed_json", "JSON"),
    "cut": (b'{"model": "gpt", "messages": [', "malformed_json", "JSON"),
    "not UTF-8": (b'{"model": "gpt", "messages": "\xff\xfe"}', "malformed_json", "JSON"),
    "NaN": (b'{"model": "gpt", "temperature": NaN, "messages": []}', "malformed_json", "JSON"),
    "a list": (b"[]", "invalid_request", "object"),
    "a text": (b'"gpt"', "invalid_request", "object"),
    "no model": (b'{"messages": []}', "invalid_request", "model"),
    "model null": (b'{"model": null, "messages": []}', "invalid_request", "model"),
    "model a number": (b'{"model": 4, "messages": []}', "invalid_request", "model"),
    "stream a text": (b'{"model": "gpt", "stream": "yes", "messages": []}', "invalid_request", "stream"),
    "model twice": (
        b'{"model": "gpt", "messages": [{"role": "user", "content": "x"}], "model": "claude"}',
        "malformed_json",
        "twice",
    ),
    "model twice, once escaped": (
        b'{"\\u006dodel": "gpt", "messages": [{"role": "user", "content": "x"}], "model": "claude"}',
        "malformed_json",
        "twice",
    ),
}


@pytest.mark.parametrize(("body", "code", "word"), _BROKEN.values(), ids=_BROKEN.keys())
async def test_a_broken_body(http, simulator, dialect, body, code, word):
    status, kind, shown, message = await refused(http, dialect, body)
    assert (status, shown, kind) == (400, code, "invalid_request_error")
    assert word in message


@pytest.mark.parametrize("model", ["gpt", "claude"])
async def test_a_model_named_twice_reaches_no_provider(http, simulator, model):
    body = b'{"model": "%b", "messages": [{"role": "user", "content": "x"}], "max_tokens": 9, "model": "%b"}'
    request_id = new_id()
    got = await transfer(http, OPENAI.path, body % (model.encode(), model.encode()), {"x-request-id": request_id})
    assert got.status == 400
    assert OPENAI.error(got.json)[1] == "malformed_json"
    assert simulator.requests(request_id) == []


async def test_no_body(http, dialect):
    got = await transfer(http, dialect.path, b"")
    assert got.status == 400
    assert dialect.error(got.json)[1] == "invalid_request"


async def test_a_field_that_the_provider_cannot_carry_is_named(http):
    body = OPENAI.body("claude", stream=False, n=3, logit_bias={"50256": -100})
    status, kind, code, message = await refused(http, OPENAI, body)
    assert (status, kind, code) == (400, "invalid_request_error", "unsupported_feature")
    assert "n" in message
    assert "logit_bias" in message


# -- which model --------------------------------------------------------------------------------------------------------


async def test_an_unknown_model_lists_the_allowed(gateway, dialect):
    for key, listed, hidden in ((KEY, "claude", "switched-off"), (SCOPED_KEY, "meta/llama-3", "claude")):
        async with gateway.http(key) as http:
            status, _, code, message = await refused(http, dialect, dialect.body("gpt-99", stream=False))
            assert (status, code) == (404, "model_not_found")
            assert "gpt-99" in message
            assert listed in message
            assert hidden not in message


async def test_a_model_that_is_switched_off_is_unknown(http, dialect):
    status, _, code, message = await refused(http, dialect, dialect.body("switched-off", stream=False))
    assert (status, code) == (404, "model_not_found")
    assert "switched off" in message


async def test_a_model_beyond_the_keys_scope(gateway, dialect, simulator):
    async with gateway.http(SCOPED_KEY) as http:
        status, kind, code, message = await refused(http, dialect, dialect.body("claude", stream=False))
        assert (status, code) == (403, "model_not_allowed")
        assert kind in {"permission_error", "model_not_allowed"}
        assert "gpt, meta/llama-3" in message
        assert (await transfer(http, dialect.path, dialect.body("gpt", stream=False))).status == 200


async def test_an_alias_and_a_name_with_a_slash(http, gateway, simulator):
    for name in ("llama", "meta/llama-3"):
        request_id = new_id()
        got = await transfer(http, OPENAI.path, OPENAI.body(name, stream=False), {"x-request-id": request_id})
        assert got.status == 200
        row = await gateway.row(request_id)
        assert (row["model_asked"], row["model"]) == (name, "meta/llama-3")


# -- who asks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY}"},
        {"x-api-key": KEY},
        {"api-key": KEY},
    ],
    ids=["bearer", "lower case", "x-api-key", "api-key"],
)
async def test_a_key_is_taken_wherever_an_sdk_puts_it(gateway, simulator, dialect, headers):
    async with gateway.http(None) as http:
        request_id = new_id()
        got = await transfer(
            http, dialect.path, dialect.body("gpt", stream=False), {**headers, "x-request-id": request_id}
        )
        assert got.status == 200
        check_addressed(simulator.only(request_id))


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({}, "No API key"),
        ({"authorization": "Basic dXNlcjpwYXNz"}, "No API key"),
        ({"authorization": "Bearer sk-unknown"}, "not known"),
        ({"x-api-key": "sk-unknown"}, "not known"),
        ({"authorization": f"Bearer {EXPIRED_KEY}"}, "expired"),
        ({"authorization": f"Bearer {DISABLED_KEY}"}, "switched off"),
        ({"authorization": "Bearer " + "x" * 10_000}, "not known"),
    ],
)
async def test_without_a_good_key_nothing_is_served(gateway, simulator, dialect, headers, word):
    async with gateway.http(None) as http:
        status, kind, code, message = await refused(http, dialect, dialect.body("gpt", stream=False), headers)
        assert (status, code) == (401, "invalid_api_key")
        assert kind == ("authentication_error" if dialect is ANTHROPIC else "invalid_request_error")
        assert word in message
        # Refused at the headers: the body need not even be sent.
        response = await http.get("/v1/models", headers=headers)
        assert response.status_code == 401


async def test_the_sdks_raise_their_errors(gateway, openai, anthropic, simulator):
    with pytest.raises(openai_sdk.NotFoundError) as missing:
        await openai.chat.completions.create(model="nope", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(anthropic_sdk.NotFoundError):
        await anthropic.messages.create(model="nope", messages=MESSAGES, max_tokens=9)
    async with gateway.openai("sk-unknown") as stranger:
        with pytest.raises(openai_sdk.AuthenticationError):
            await stranger.chat.completions.create(model="gpt", messages=MESSAGES)
    async with gateway.anthropic("sk-unknown") as stranger:
        with pytest.raises(anthropic_sdk.AuthenticationError):
            await stranger.messages.create(model="gpt", messages=MESSAGES, max_tokens=9)
    async with gateway.openai(SCOPED_KEY) as scoped:
        with pytest.raises(openai_sdk.PermissionDeniedError):
            await scoped.chat.completions.create(model="claude", messages=MESSAGES)
    simulator.script(o1="status=429,retry_after=3")
    with pytest.raises(openai_sdk.RateLimitError) as limited:
        await openai.chat.completions.create(model="gpt", messages=MESSAGES)
    assert limited.value.response.headers["retry-after"] == "3"


# -- where --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("PUT", "/v1/messages"),
        ("POST", "/v1/nothing"),
        ("GET", "/"),
        ("POST", "/v1/models"),
        ("GET", "/anthropic/v1/messages"),
        ("POST", "/v1/chat/completions/"),
        ("GET", "/p/o1/v1/models"),
    ],
)
async def test_a_wrong_method_or_path(http, method, path):
    response = await http.request(method, path)
    dialect = ANTHROPIC if "messages" in path else OPENAI
    kind, code, message = dialect.error(response.json())
    assert (response.status_code, code) == (404, "unknown_route")
    assert kind in {"not_found_error", "invalid_request_error"}
    assert message


async def test_the_anthropic_prefix(gateway, simulator):
    async with gateway.anthropic(path="/anthropic") as client:
        message = await client.messages.create(model="claude", messages=MESSAGES, max_tokens=100)
        assert message.content[0].text
        assert (await client.models.list()).data


async def test_the_catalogue_through_the_sdks(gateway, openai, anthropic):
    listed = [model.id async for model in openai.models.list()]
    assert {"gpt", "claude", "meta/llama-3", "llama"} <= set(listed)
    assert "switched-off" not in listed
    named = {model.id: model async for model in anthropic.models.list()}
    assert list(named) == listed
    assert named["meta/llama-3"].display_name == "Llama 3"
    async with gateway.openai(SCOPED_KEY) as scoped:
        assert {model.id async for model in scoped.models.list()} == {"gpt", "meta/llama-3", "llama"}
        with pytest.raises(openai_sdk.PermissionDeniedError):
            await scoped.models.retrieve("claude")


async def test_one_model_of_the_catalogue(openai, anthropic):
    assert (await openai.models.retrieve("gpt")).object == "model"
    assert (await openai.models.retrieve("meta/llama-3")).id == "meta/llama-3"
    found = await anthropic.models.retrieve("meta/llama-3")
    assert (found.id, found.type) == ("meta/llama-3", "model")
    with pytest.raises(openai_sdk.NotFoundError):
        await openai.models.retrieve("nope")


async def test_a_slash_in_a_models_name_may_be_escaped(http):
    for path in ("/v1/models/meta%2Fllama-3", "/v1/models/meta%2fllama-3", "/v1/models/meta/llama-3"):
        response = await http.get(path)
        assert (response.status_code, response.json()["id"]) == (200, "meta/llama-3")


async def test_a_query_string_changes_nothing(http, simulator):
    got = await transfer(http, "/v1/messages?beta=true", ANTHROPIC.body("claude", stream=False))
    assert got.status == 200


# -- what clients may not say ---------------------------------------------------------------------------------------------


async def test_internal_headers_of_a_client_are_neither_obeyed_nor_passed_on(http, simulator, gateway):
    simulator.script(o1={"status": 503}, o2={"latency": 0.3})
    request_id = new_id()
    headers = {
        "x-request-id": request_id,
        "x-envoy-max-retries": "0",
        "x-envoy-retry-on": "5xx",
        "x-envoy-upstream-rq-timeout-ms": "50",
        "x-envoy-upstream-rq-per-try-timeout-ms": "50",
        "x-envoy-upstream-alt-stat-name": "mine",
        "x-envoy-decorator-operation": "mine",
        "x-envoy-original-path": "/secret",
        "x-envoy-internal": "true",
        "x-llmgw-route": "idle-1",
        "x-llmgw-status": "200",
        "x-llmgw-key": "mine",
        "cookie": "session=1",
        "x-forwarded-for": "203.0.113.7",
        "forwarded": "for=203.0.113.7",
        "x-tenant": "acme",
        "x-sim-status": "418",
        "proxy-authorization": "Basic abc",
        "x-goog-api-key": "theirs",
        "openai-organization": "theirs",
    }
    got = await transfer(http, OPENAI.path, OPENAI.body("o1-o2", stream=False), headers)
    assert got.status == 200
    first, second = simulator.requests(request_id)
    for received in (first, second):
        check_addressed(received)
    assert second.headers["openai-organization"] != "theirs"
    assert got.headers["x-llmgw-attempts"] == "2"


async def test_a_request_id_is_kept_or_made(http, simulator, gateway):
    for given in ("my-id-1", "a" * 128):
        got = await transfer(http, OPENAI.path, OPENAI.body("gpt", stream=False), {"x-request-id": given})
        assert (got.headers["x-request-id"], got.headers["request-id"]) == (given, given)
        assert simulator.only(given).headers["x-request-id"] == given
    first = await transfer(http, OPENAI.path, OPENAI.body("gpt", stream=False))
    second = await transfer(http, OPENAI.path, OPENAI.body("gpt", stream=True))
    assert len({first.headers["x-request-id"], second.headers["x-request-id"], ""}) == 3
    for strange in ("a" * 500, "with space", 'q"uote\\', "é"):
        got = await transfer(http, OPENAI.path, OPENAI.body("gpt", stream=False), {"x-request-id": strange.encode()})
        assert got.status == 200
        made = got.headers["x-request-id"]
        assert len(made) <= 128
        row = await gateway.row(made)
        assert row["outcome"] == "ok"


async def test_http2_without_tls(gateway, simulator):
    async with httpx.AsyncClient(http1=False, http2=True, base_url=gateway.url) as http:
        response = await http.post(
            OPENAI.path, json=OPENAI.body("gpt", stream=False), headers={"authorization": f"Bearer {KEY}"}
        )
        assert response.http_version == "HTTP/2"
        assert response.status_code == 200
