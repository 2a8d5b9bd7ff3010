"""Vertex, judged by Google's own client and by Anthropic's."""

import base64
from collections.abc import AsyncIterator

import pytest
from anthropic import (
    APIStatusError,
    AsyncAnthropicVertex,
    AuthenticationError,
    BadRequestError,
    OverloadedError,
    RateLimitError,
)
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from extproc.simulator.credentials.issued import new_google
from extproc.simulator.server import Server
from extproc.simulator.tokens import prompt_tokens

FLASH, THREE = "gemini-2.5-flash", "gemini-3-pro-preview"
CLAUDE = "claude-sonnet-4-5@20250929"
BASE = "/v1/projects/p/locations/eu/publishers"
TOKEN = {"authorization": "Bearer ya29.sim-test"}
HI = [{"role": "user", "parts": [{"text": "hi"}]}]
ASKED = {"model": CLAUDE, "max_tokens": 4000, "messages": [{"role": "user", "content": "echo: one two"}]}
BODY = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": ASKED["messages"]}


@pytest.fixture
async def client(simulator: Server) -> AsyncIterator[genai.client.AsyncClient]:
    plain = {"verify": False}
    url = f"http://127.0.0.1:{simulator.port}"
    options = types.HttpOptions(base_url=url, api_version="v1", client_args=plain, async_client_args=plain)
    credentials = Credentials("ya29.sim-test")
    async with genai.Client(
        vertexai=True, project="p", location="eu", credentials=credentials, http_options=options
    ).aio as client:
        yield client


@pytest.fixture
async def claude(simulator: Server) -> AsyncIterator[AsyncAnthropicVertex]:
    url = f"http://127.0.0.1:{simulator.port}/v1"
    async with AsyncAnthropicVertex(
        project_id="p", region="eu", access_token="ya29.sim-test", base_url=url, max_retries=0
    ) as client:
        yield client


# Gemini.


async def test_text(client, simulator: Server):
    answer = await client.models.generate_content(model=FLASH, contents="echo: one two")
    assert answer.text == "one two"
    assert answer.create_time is not None
    usage = answer.usage_metadata
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (2, 12)
    assert usage.traffic_type == types.TrafficType.ON_DEMAND
    assert simulator.recorder.requests[-1].model == FLASH


async def test_stream_tells_usage_at_its_end_only(client):
    events = [one async for one in await client.models.generate_content_stream(model=FLASH, contents="echo: a b")]
    assert [event.text for event in events] == ["a", " b", ""]
    counts = [event.usage_metadata.candidates_token_count for event in events]
    assert counts == [None, None, 2]
    assert events[-1].candidates[0].finish_reason == types.FinishReason.STOP


async def test_calls_have_no_ids(client):
    tool = {"functionDeclarations": [{"name": "weather", "parameters": {"type": "OBJECT"}}]}
    answer = await client.models.generate_content(model=THREE, contents="call", config={"tools": [tool]})
    called = answer.candidates[0].content
    assert called.parts[0].function_call.id is None
    response = {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "grey"}}}]}
    history = [HI[0], called, response]
    assert (await client.models.generate_content(model=THREE, contents=history, config={"tools": [tool]})).text
    called.parts[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        await client.models.generate_content(model=THREE, contents=history, config={"tools": [tool]})


async def test_what_only_vertex_knows(client, post):
    answer = await client.models.generate_content(
        model=FLASH, contents="echo: hi", config={"labels": {"team": "blue"}, "audio_timestamp": True}
    )
    assert answer.text == "hi"
    path = f"{BASE}/google/models/{FLASH}:generateContent"
    wire = await post(path, {"contents": HI, "store": True}, **TOKEN)
    assert 'Unknown name "store"' in wire.json["error"]["message"]
    wire = await post(path, {"contents": [{"parts": [{"text": "hi"}]}]}, **TOKEN)
    assert wire.json["error"]["message"] == "Please use a valid role: user, model."
    call = {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": "AAAA"}
    wire = await post(path, {"contents": [*HI, {"role": "model", "parts": [call]}]}, **TOKEN)
    assert "Unknown name \"id\" at 'contents[1].parts[0].function_call'" in wire.json["error"]["message"]


async def test_count_tokens_and_embeddings(client, post, simulator: Server):
    counted = await client.models.count_tokens(
        model=FLASH, contents="four words and more", config={"system_instruction": "four"}
    )
    assert counted.total_tokens == 3 + prompt_tokens("four words and more") + 4
    answer = await client.models.embed_content(
        model="text-embedding-005", contents=["one", "two"], config={"output_dimensionality": 32}
    )
    assert [len(one.values) for one in answer.embeddings] == [32, 32]
    assert answer.embeddings[0].statistics.token_count == 1
    assert answer.metadata.billable_character_count == 6
    assert simulator.recorder.requests[-1].input_tokens == 2
    path = f"{BASE}/google/models/text-embedding-005:predict"
    for wrong in ({}, {"instances": [{"content": ""}]}, {"instances": [{"text": "a"}]}):
        assert (await post(path, wrong, **TOKEN)).status == 400
    path = f"{BASE}/google/models/gemini-embedding-2:embedContent"
    content = {"content": HI[0], "embedContentConfig": {"outputDimensionality": 16}}
    wire = await post(path, content, **TOKEN)
    assert (len(wire.json["embedding"]["values"]), wire.json["usageMetadata"]["promptTokenCount"]) == (16, 4)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"authorization": None}, "missing required authentication credential"),
        ({"authorization": "Bearer ya29.other"}, "invalid authentication credentials"),
        ({"authorization": "Bearer " + new_google("ab", -1)}, "invalid authentication credentials"),
        ({"authorization": None, "x-goog-api-key": "AIza"}, "API keys are not supported by this API"),
    ],
)
@pytest.mark.parametrize("path", [f"google/models/{FLASH}:generateContent", f"anthropic/models/{CLAUDE}:rawPredict"])
async def test_tokens(post, path, headers, words):
    wire = await post(f"{BASE}/{path}", {"contents": HI}, **headers)
    assert (wire.status, wire.json["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert words in wire.json["error"]["message"]
    assert wire.json["error"]["details"][0]["metadata"]["service"] == "aiplatform.googleapis.com"


# Claude.


async def test_claude(claude: AsyncAnthropicVertex, simulator: Server):
    answer = await claude.messages.create(**ASKED)
    assert (answer.content[0].text, answer.usage.output_tokens) == ("one two", 2)
    assert answer._request_id.startswith("req_")
    thinking = {"type": "enabled", "budget_tokens": 2000}
    stream = await claude.messages.create(**ASKED, stream=True, thinking=thinking)
    events = [event async for event in stream]
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")
    record = simulator.recorder.requests[-1]
    assert (record.model, record.stream, record.output_tokens_sent) == (CLAUDE, True, 14)


async def test_claudes_tokens_are_counted(claude: AsyncAnthropicVertex, simulator: Server):
    counted = await claude.messages.count_tokens(model=CLAUDE, messages=ASKED["messages"])
    assert counted.input_tokens == 3 + prompt_tokens("echo: one two")
    assert simulator.recorder.requests[-1].model == CLAUDE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": CLAUDE}, "model: Extra inputs are not permitted"),
        ({"cache_control": {"type": "ephemeral"}}, "cache_control: Extra inputs are not permitted"),
        ({"anthropic_version": None}, "anthropic_version: Field required"),
        ({"anthropic_version": "bedrock-2023-05-31"}, "anthropic_version: Input should be 'vertex-2023-10-16'"),
        ({"anthropic_version": "2026-10-21", "top_p": 0.5}, "top_p: Extra inputs are not permitted"),
        ({"stream": True}, "stream: must be true for streamRawPredict"),
        ({"max_tokens": None}, "max_tokens: Field required"),
    ],
)
async def test_claude_refuses(post, change, words):
    wire = await post(f"{BASE}/anthropic/models/{CLAUDE}:rawPredict", {**BODY, **change}, **TOKEN)
    assert (wire.status, wire.json["error"]["type"]) == (400, "invalid_request_error")
    assert words in wire.json["error"]["message"]


async def test_a_claude_stream_says_so_twice(post):
    path = f"{BASE}/anthropic/models/{CLAUDE}:streamRawPredict"
    assert (await post(path, BODY, **TOKEN)).status == 400
    wire = await post(path, {**BODY, "stream": True}, **TOKEN)
    assert wire.text.startswith("event: message_start\n")


async def test_the_latest_version_takes_no_documents_from_the_assistant(claude: AsyncAnthropicVertex):
    data = base64.b64encode(b"%PDF").decode()
    document = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}}
    history = [*ASKED["messages"], {"role": "assistant", "content": [document]}, *ASKED["messages"]]
    with pytest.raises(BadRequestError, match="`document` blocks cannot be in `assistant` messages"):
        await claude.messages.create(model=CLAUDE, max_tokens=9, messages=history)


async def test_bad_days(claude: AsyncAnthropicVertex):
    for suffix, kind, words in (
        ("status=529", OverloadedError, "overloaded_error"),
        ("status=429", RateLimitError, "RESOURCE_EXHAUSTED"),
        ("error=invalid_api_key", AuthenticationError, "UNAUTHENTICATED"),
        ("error=context_length_exceeded", BadRequestError, "prompt is too long"),
    ):
        with pytest.raises(kind, match=words):
            await claude.messages.create(**{**ASKED, "model": f"{CLAUDE}@{suffix}"})
    stream = await claude.messages.create(**{**ASKED, "model": f"{CLAUDE}@fault=error_event,fault_at=3"}, stream=True)
    with pytest.raises(APIStatusError, match="overloaded_error"):
        _ = [event async for event in stream]
