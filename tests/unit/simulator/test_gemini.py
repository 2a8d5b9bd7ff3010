"""Gemini's side, judged by Google's own client and by the published shapes."""

import base64

import orjson
import pytest
from google.genai import errors, types

from extproc.simulator.gemini import signature
from extproc.simulator.gemini.prompt import IMAGE_TOKENS
from extproc.simulator.server import Server
from extproc.simulator.tokens import prompt_tokens

FLASH, THREE, PLAIN = "gemini-2.5-flash", "gemini-3-pro-preview", "gemini-2.0-flash"
KEY = {"x-goog-api-key": "AIzaSim"}
GENERATE = f"/v1beta/models/{PLAIN}:generateContent"
PNG = base64.b64encode(b"\x89PNG simulated").decode()
PARAMETERS = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER"}}}
WEATHER = {"name": "weather", "parameters": PARAMETERS}
CLOCK = {"name": "clock", "parametersJsonSchema": {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}}}
TOOLS = [{"functionDeclarations": [WEATHER, CLOCK]}]


def user(*parts) -> dict:
    return {"role": "user", "parts": [{"text": one} if isinstance(one, str) else one for one in parts]}


@pytest.fixture
def ask(gemini):
    """``generate_content`` with its configuration as keywords."""

    async def call(name: str, contents, **config):
        return await gemini.models.generate_content(model=name, contents=contents, config=config)

    return call


@pytest.fixture
def stream(gemini):
    async def call(name: str, contents, **config):
        events = await gemini.models.generate_content_stream(model=name, contents=contents, config=config)
        return [event async for event in events]

    return call


async def test_text(ask, simulator: Server):
    answer = await ask(PLAIN, "echo: one two  three")
    assert answer.text == "one two  three"
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert (answer.model_version, len(answer.response_id)) == (PLAIN, 22)
    tokens = 3 + prompt_tokens("echo: one two  three")
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (tokens, 3, tokens + 3)
    assert usage.thoughts_token_count is usage.cached_content_token_count is None
    record = simulator.recorder.requests[-1]
    assert (record.model, record.input_tokens, record.output_tokens, record.stream) == (PLAIN, tokens, 3, False)


async def test_stream(stream, simulator: Server):
    events = await stream(PLAIN, "echo: a b c")
    assert [event.text for event in events] == ["a", " b", " c", ""]
    assert [event.candidates[0].finish_reason for event in events] == [None, None, None, types.FinishReason.STOP]
    assert [event.usage_metadata.candidates_token_count for event in events] == [1, 2, 3, 3]
    assert len({event.response_id for event in events}) == 1
    record = simulator.recorder.requests[-1]
    assert (record.stream, record.output_tokens_sent, record.outcome) == (True, 3, "complete")


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_a_stream_that_is_an_array(post, version):
    path = f"/{version}/models/{PLAIN}:streamGenerateContent"
    wire = await post(path, {"contents": [user("echo: a b")]}, **KEY)
    assert wire.headers["content-type"] == "application/json; charset=UTF-8"
    assert len(wire.pieces) == 3
    parts = [one["candidates"][0]["content"]["parts"][0]["text"] for one in wire.json]
    assert parts == ["a", " b", ""]
    wire = await post(path, {"contents": []}, **KEY)
    assert (wire.status, wire.json[0]["error"]["status"]) == (400, "INVALID_ARGUMENT")
    for at, count in ((0, 1), (2, 3)):
        path = f"/v1beta/models/{PLAIN}@fault=error_event,fault_at={at}:streamGenerateContent"
        wire = await post(path, {"contents": [user("echo: a b")]}, **KEY)
        assert (len(wire.json), wire.json[-1]["error"]["code"]) == (count, 503)


async def test_events_end_as_googles_do(post):
    wire = await post(GENERATE.replace("generate", "streamGenerate") + "?alt=sse", {"contents": [user("hi")]}, **KEY)
    assert wire.headers["content-type"] == "text/event-stream"
    assert all(piece.startswith(b"data: {") and piece.endswith(b"}\r\n\r\n") for piece in wire.pieces)
    crlf = await post(
        f"/v1beta/models/{PLAIN}@crlf=true:streamGenerateContent?alt=sse", {"contents": [user("hi")]}, **KEY
    )
    assert b"\r\r" not in crlf.body


async def test_keys(post, gemini):
    body = {"contents": [user("hi")]}
    assert (await post(GENERATE, body, authorization=None, **KEY)).status == 200
    assert (await post(f"{GENERATE}?key=AIzaSim", body, authorization=None)).status == 200
    assert (await post(GENERATE, body, authorization="Bearer ya29.sim-x")).status == 200
    refused = await post(GENERATE, body, authorization=None)
    assert (refused.status, refused.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    refused = await post(GENERATE, body, authorization="Bearer ya29.other")
    assert (refused.status, refused.json["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert refused.headers["www-authenticate"].startswith("Bearer realm=")
    with pytest.raises(errors.ClientError, match="API key not valid") as caught:
        await gemini.models.generate_content(model=f"{PLAIN}@error=invalid_api_key", contents="hi")
    assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


# Thinking.


@pytest.mark.parametrize(
    ("name", "config", "tokens"),
    [
        (FLASH, {}, 12),
        (FLASH, {"thinking_budget": 0}, None),
        (FLASH, {"thinking_budget": 5}, 5),
        (FLASH, {"thinking_budget": -1}, 12),
        (THREE, {"thinking_level": "low"}, 6),
        (THREE, {"thinking_level": "HIGH"}, 24),
        ("gemini-2.5-flash-lite", {}, None),
        (PLAIN, {}, None),
    ],
)
async def test_thinking_is_counted(ask, name, config, tokens):
    usage = (await ask(name, "echo: a", thinking_config=config)).usage_metadata
    assert (usage.thoughts_token_count, usage.candidates_token_count) == (tokens, 1)
    assert usage.total_token_count == usage.prompt_token_count + 1 + (tokens or 0)


async def test_thoughts_are_shown_where_asked_for(ask, stream, simulator: Server):
    config = {"thinking_config": {"include_thoughts": True, "thinking_level": "LOW"}}
    thought, said = (await ask(THREE, "echo: a b", **config)).candidates[0].content.parts
    assert (thought.thought, said.thought, said.text) == (True, None, "a b")
    assert signature.is_text(said.thought_signature)
    events = await stream(THREE, "echo: a b", **config)
    parts = [event.candidates[0].content.parts[0] for event in events]
    assert "".join(part.text for part in parts if part.thought) == thought.text
    assert (parts[-1].text, signature.is_text(parts[-1].thought_signature)) == ("", True)
    counts = [(one.usage_metadata.thoughts_token_count, one.usage_metadata.candidates_token_count) for one in events]
    assert counts == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (6, 1), (6, 2), (6, 2)]
    assert simulator.recorder.requests[-1].output_tokens_sent == 8


async def test_hidden_thoughts_are_spent_with_the_first_word(stream, simulator: Server):
    events = await stream(THREE, "echo: a b")
    assert [event.usage_metadata.thoughts_token_count for event in events] == [12, 12, 12]
    assert simulator.recorder.requests[-1].output_tokens_sent == 14
    limited = await stream(THREE, "echo: a b", max_output_tokens=5)
    assert limited[-1].candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
    assert limited[-1].usage_metadata.thoughts_token_count == 5
    assert simulator.recorder.requests[-1].output_tokens_sent == 5


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        (THREE, {"thinking_budget": 5, "thinking_level": "LOW"}, "only set only one of thinking budget and"),
        (FLASH, {"thinking_level": "LOW"}, "Thinking level is not supported"),
        ("gemini-2.5-pro", {"thinking_budget": 0}, "only works in thinking mode"),
        (FLASH, {"thinking_budget": 99999}, "thinking budget 99999 is invalid"),
        (PLAIN, {"include_thoughts": True}, "not supported by this model"),
    ],
)
async def test_thinking_that_is_refused(ask, name, config, words):
    with pytest.raises(errors.ClientError, match=words):
        await ask(name, "hi", thinking_config=config)


# Forms of the answer.


async def test_structured_answers(ask):
    plain = {"type": "object", "properties": {"a": {"type": "integer"}}}
    answer = await ask(FLASH, "hi", response_mime_type="application/json", response_json_schema=plain)
    assert orjson.loads(answer.text) == {"a": 1}
    answer = await ask(FLASH, "hi", response_mime_type="application/json", response_schema=PARAMETERS)
    assert orjson.loads(answer.text) == {"city": "text", "days": 1}
    answer = await ask(FLASH, "hi", response_mime_type="application/json")
    assert orjson.loads(answer.text) == {}
    options = {"type": "STRING", "enum": ["red", "blue"]}
    answer = await ask(FLASH, "hi", response_mime_type="text/x.enum", response_schema=options)
    assert answer.text == "red"


async def test_candidates_stops_and_logprobs(ask):
    answer = await ask(PLAIN, "hi", candidate_count=2)
    assert [one.index or 0 for one in answer.candidates] == [0, 1]
    assert answer.candidates[0].content != answer.candidates[1].content
    answer = await ask(PLAIN, "echo: a STOP b", stop_sequences=["STOP"], response_logprobs=True, logprobs=1)
    assert answer.text.strip() == "a"
    assert answer.candidates[0].avg_logprobs < 0
    assert "".join(one.token for one in answer.candidates[0].logprobs_result.chosen_candidates) == answer.text


async def test_blocked_prompts(ask, stream, simulator: Server):
    for name, text in ((PLAIN, "block: PROHIBITED_CONTENT"), (f"{PLAIN}@finish=prompt:PROHIBITED_CONTENT", "hi")):
        answer = await ask(name, text)
        assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
        assert answer.candidates is None
        assert answer.usage_metadata.total_token_count == answer.usage_metadata.prompt_token_count
        record = simulator.recorder.requests[-1]
        assert (record.output_tokens, record.output_tokens_sent) == (0, 0)
        (event,) = await stream(name, text)
        assert event.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


async def test_finish_reasons(ask, post):
    answer = await ask(f"{PLAIN}@finish=SAFETY", "hi")
    assert answer.candidates[0].finish_reason == types.FinishReason.SAFETY
    assert answer.candidates[0].safety_ratings[0].blocked
    wire = await post(f"/v1beta/models/{PLAIN}@finish=OTHER:generateContent", {"contents": [user("hi")]}, **KEY)
    (candidate,) = wire.json["candidates"]
    assert (candidate["finishReason"], candidate["finishMessage"]) == ("OTHER", "Simulated: OTHER.")


# What it costs.


async def test_media_are_counted_apart(ask):
    image = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    usage = (await ask(PLAIN, [user("four", image)])).usage_metadata
    assert usage.prompt_token_count == 3 + 1 + IMAGE_TOKENS
    details = {one.modality.value: one.token_count for one in usage.prompt_tokens_details}
    assert details == {"TEXT": 4, "IMAGE": IMAGE_TOKENS}


async def test_caches(ask, simulator: Server):
    long = "x" * 8000
    first, second = [(await ask(PLAIN, long)).usage_metadata for _ in range(2)]
    assert (first.cached_content_token_count, second.cached_content_token_count) == (None, 2003)
    assert second.prompt_token_count == 2003
    record = simulator.recorder.requests[-1]
    assert (record.cache_read_tokens, record.cache_write_tokens, record.input_tokens) == (2003, 0, 2003)
    usage = (await ask(PLAIN, "four", cached_content="cachedContents/sim-500")).usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (504, 500)
    assert simulator.recorder.requests[-1].cache_read_tokens == 500


async def test_scripted_usage_and_the_most(ask, simulator: Server):
    usage = (await ask(f"{FLASH}@input_tokens=50,cache_read_tokens=10,output_tokens=20", "hi")).usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (50, 10)
    assert (usage.thoughts_token_count, usage.candidates_token_count, usage.total_token_count) == (12, 8, 70)
    most = (await ask(f"{FLASH}@most=true", "hello", max_output_tokens=40)).usage_metadata
    assert (most.prompt_token_count, most.thoughts_token_count + most.candidates_token_count) == (8, 40)
    assert simulator.recorder.requests[-1].output_tokens == 40


# The small endpoints.


async def test_count_tokens(gemini, post):
    counted = await gemini.models.count_tokens(model=FLASH, contents="four words and more")
    assert counted.total_tokens == 3 + prompt_tokens("four words and more")
    body = {"generateContentRequest": {"model": f"models/{FLASH}", "contents": [user("four")], "tools": TOOLS}}
    wire = await post(f"/v1beta/models/{FLASH}:countTokens", body, **KEY)
    assert wire.json["totalTokens"] == 4 + prompt_tokens(orjson.dumps(TOOLS).decode())
    wire = await post(f"/v1beta/models/{FLASH}:countTokens", {"contents": [user("a")], **body}, **KEY)
    assert wire.status == 400


async def test_embeddings(gemini, post, simulator: Server):
    answer = await gemini.models.embed_content(
        model="gemini-embedding-001", contents=["one", "two", "one"], config={"output_dimensionality": 64}
    )
    first, second, third = [one.values for one in answer.embeddings]
    assert (len(first), first == third, first == second) == (64, True, False)
    assert simulator.recorder.requests[-1].input_tokens == 12
    path = "/v1beta/models/gemini-embedding-001:embedContent"
    wire = await post(path, {"content": {"parts": [{"text": "one"}]}}, **KEY)
    assert len(wire.json["embedding"]["values"]) == 3072
    assert (await post(path, {}, **KEY)).status == 400
    batch = {"requests": [{"model": "models/other", "content": {"parts": [{"text": "one"}]}}]}
    wire = await post(path.replace("embedContent", "batchEmbedContents"), batch, **KEY)
    assert wire.status == 400


async def test_newer_embeddings_tell_their_usage(gemini, post):
    answer = await gemini.models.embed_content(model="gemini-embedding-2", contents=["one", "two"])
    assert answer.usage_metadata.prompt_token_count == 5
    for model, told in (("gemini-embedding-2", True), ("gemini-embedding-001", False)):
        body = {"content": {"parts": [{"text": "one"}]}}
        single = await post(f"/v1beta/models/{model}:embedContent", body, **KEY)
        batch = {"requests": [{"model": f"models/{model}", **body}]}
        several = await post(f"/v1beta/models/{model}:batchEmbedContents", batch, **KEY)
        assert ("usageMetadata" in single.json, "usageMetadata" in several.json) == (told, told)


async def test_models(post):
    listed = await post("/v1beta/models", b"", method="GET", **KEY)
    assert "models/gemini-2.5-flash" in [one["name"] for one in listed.json["models"]]
    one = await post(f"/v1beta/models/{FLASH}", b"", method="GET", **KEY)
    assert one.json["supportedGenerationMethods"] == ["generateContent", "countTokens"]
    assert (await post("/v1beta/models/none", b"", method="GET", **KEY)).status == 404


# Bad days.


@pytest.mark.parametrize(
    ("suffix", "code", "status"),
    [
        ("status=429", 429, "RESOURCE_EXHAUSTED"),
        ("status=503", 503, "UNAVAILABLE"),
        ("error=overloaded", 503, "UNAVAILABLE"),
        ("status=500", 500, "INTERNAL"),
        ("error=context_length_exceeded", 400, "INVALID_ARGUMENT"),
        ("status=404", 404, "NOT_FOUND"),
    ],
)
async def test_scripted_errors(ask, stream, suffix, code, status):
    for call in (ask, stream):
        with pytest.raises(errors.APIError) as caught:
            await call(f"{PLAIN}@{suffix}", "hi")
        assert (caught.value.code, caught.value.status) == (code, status)


async def test_error_events(stream):
    with pytest.raises(errors.APIError) as caught:
        await stream(f"{PLAIN}@fault=error_event,fault_at=2", "echo: a b c")
    assert caught.value.code == 503


@pytest.mark.parametrize(("fault", "ended"), [("early_end", "complete"), ("cut", "reset"), ("stall", "silent")])
async def test_faults_on_the_wire(post, fault, ended):
    path = f"/v1beta/models/{PLAIN}@fault={fault},fault_at=-1:streamGenerateContent?alt=sse"
    wire = await post(path, {"contents": [user("echo: a b")]}, patience=0.1, **KEY)
    assert wire.end == ended
    assert len(wire.pieces) == 2
    assert b"finishReason" not in b"".join(wire.pieces)


async def test_malformed(post):
    path = f"/v1beta/models/{PLAIN}@fault=malformed,fault_at=1:streamGenerateContent?alt=sse"
    wire = await post(path, {"contents": [user("echo: a b")]}, **KEY)
    assert wire.pieces[1] == b'data: {"candidates": [{"content": {"par\r\n\r\n'
    assert len(wire.pieces) == 4
