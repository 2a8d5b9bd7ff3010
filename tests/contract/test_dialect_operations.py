"""What is no conversation, through the official SDKs: embeddings, reranking, media, token counts, files and batches.

And what is refused: an operation that a model's provider does not have, paths that nobody serves, an account's files for
a key that is confined to models.
"""

import io

import anthropic as anthropic_sdk
import openai as openai_sdk
import orjson
import pytest
from dialects_catalogue import TALKING, check_credential
from google.genai import errors as google_errors
from google.genai import types
from harness import SCOPED_KEY, Received, new_id
from speaking import azure_of, gemini_of

from tests.judges.clients import CLIENTS

HELLO = [{"role": "user", "content": "Hello there"}]
SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(64)
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6364f8cf500f0003860180"
    "5a347d6b0000000049454e44ae426082"
)


@pytest.fixture
async def openai(dialects):
    async with dialects.openai() as client:
        yield client


@pytest.fixture
async def anthropic(dialects):
    async with dialects.anthropic() as client:
        yield client


def last(simulator, label: str, path: str) -> Received:
    """The last request that came, which is this one, with its provider's credential."""
    (received,) = simulator.latest(1)
    assert received.label == label
    assert received.path == f"/p/{label}{path}"
    check_credential(received, label)
    return received


# -- texts ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "label", "path"),
    [
        ("embed-openai", "vllm", "/v1/embeddings"),
        ("embed-azure", "azure-dated", "/openai/deployments/text-embedding-3-small/embeddings"),
        ("embed-gemini", "gemini", "/v1beta/models/gemini-embedding-001:batchEmbedContents"),
        (
            "embed-vertex",
            "vertex-gemini",
            "/v1/projects/acme/locations/europe-west1/publishers/google/models/text-embedding-005:predict",
        ),
        ("embed-bedrock", "bedrock", "/model/amazon.titan-embed-text-v2%3A0/invoke"),
        ("embed-cohere", "cohere", "/v2/embed"),
    ],
)
async def test_embeddings(openai, simulator, model, label, path):
    """Of one text, and of two where the model takes several at a time; as numbers and as base64, which the SDK asks for."""
    one = await openai.embeddings.create(model=model, input="hello")
    last(simulator, label, path)
    assert len(one.data[0].embedding) > 8
    if label != "gemini":  # which tells no usage of embeddings
        assert one.usage.prompt_tokens > 0
    numbers = await openai.embeddings.create(model=model, input="hello", encoding_format="float")
    assert numbers.data[0].embedding == pytest.approx(one.data[0].embedding, abs=1e-6)
    if label != "bedrock":
        two = await openai.embeddings.create(model=model, input=["hello", "world"])
        assert [each.index for each in two.data] == [0, 1]
        assert two.data[0].embedding == pytest.approx(one.data[0].embedding, abs=1e-6)
        assert two.data[0].embedding != two.data[1].embedding


@pytest.mark.parametrize(
    ("model", "label", "path"),
    [
        ("rerank-cohere", "cohere", "/v2/rerank"),
        ("rerank-bedrock", "bedrock", "/model/cohere.rerank-v3-5%3A0/invoke"),
        ("rerank-vllm", "vllm", "/v1/rerank"),
    ],
)
async def test_rerank(dialects, simulator, model, label, path):
    body = {"model": model, "query": "a river", "documents": ["a stone wall", "the river and its boats"], "top_n": 1}
    async with dialects.http() as http:
        answer = await http.post("/v1/rerank", json=body)
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    assert result["index"] in {0, 1}
    assert 0 <= result["relevance_score"] <= 1
    last(simulator, label, path)


async def test_moderations(openai, simulator):
    answer = await openai.moderations.create(model="moderate", input="hello")
    assert answer.results[0].flagged is False
    last(simulator, "vllm", "/v1/moderations")


@pytest.mark.parametrize("label", TALKING)
async def test_tokens_are_counted(dialects, openai, anthropic, simulator, label):
    """Where the provider counts; nobody guesses for the others."""
    counts = label not in {"vllm", "openai", "azure", "azure-dated", "vllm-responses"}
    responses_too = label in {"vllm", "vllm-responses", "azure", "azure-dated"}
    if counts or responses_too:
        told = (await anthropic.messages.count_tokens(model=label, messages=HELLO)).input_tokens
        assert 0 < told < 100
        assert simulator.latest(1)[0].label == label
        counted = await openai.responses.input_tokens.count(model=label, input="Hello there")
        assert 0 < counted.input_tokens < 100
        check_credential(simulator.latest(1)[0], label)
    else:
        with pytest.raises(anthropic_sdk.BadRequestError):
            await anthropic.messages.count_tokens(model=label, messages=HELLO)
        with pytest.raises(openai_sdk.BadRequestError):
            await openai.responses.input_tokens.count(model=label, input="Hello there")


# -- media ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "label", "root"), [("paint", "vllm", "/v1"), ("paint-azure", "azure", "/openai/v1")])
async def test_pictures(openai, simulator, model, label, root):
    painted = await openai.images.generate(model=model, prompt="a heron")
    assert painted.data[0].b64_json
    last(simulator, label, f"{root}/images/generations")
    edited = await openai.images.edit(model=model, image=("a.png", PICTURE, "image/png"), prompt="another heron")
    assert edited.data[0].b64_json
    received = last(simulator, label, f"{root}/images/edits")
    assert received.headers["content-type"].startswith("multipart/form-data")


async def test_a_picture_as_a_stream(openai, simulator):
    events = [
        event
        async for event in await openai.images.generate(model="paint", prompt="a heron", stream=True, partial_images=1)
    ]
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert events[-1].usage.total_tokens > 0
    edits = await openai.images.edit(
        model="paint", image=("a.png", PICTURE, "image/png"), prompt="a heron", stream=True, partial_images=1
    )
    assert [event.type async for event in edits] == ["image_edit.partial_image", "image_edit.completed"]


async def test_speech_as_it_comes(openai, simulator):
    pieces = []
    async with openai.audio.speech.with_streaming_response.create(
        model="speak", input="hello " * 40, voice="alloy"
    ) as sound:
        assert sound.headers["content-type"].startswith("audio/")
        pieces = [piece async for piece in sound.iter_bytes()]
    assert sum(map(len, pieces)) > 100
    last(simulator, "vllm", "/v1/audio/speech")


async def test_transcriptions(openai, simulator):
    """As an object, as a text, and as events."""
    sound = {"model": "listen", "file": ("a.wav", SOUND, "audio/wav")}
    said = await openai.audio.transcriptions.create(**sound)
    assert said.text
    received = last(simulator, "vllm", "/v1/audio/transcriptions")
    assert received.headers["content-type"].startswith("multipart/form-data")
    assert "gpt-4o-transcribe" in received.body
    events = [event async for event in await openai.audio.transcriptions.create(**sound, stream=True)]
    assert [event.type for event in events][-1] == "transcript.text.done"
    assert events[-1].text == said.text


# -- an account's ---------------------------------------------------------------------------------------------------------


async def test_files_and_batches(dialects, openai, simulator):
    line = {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o", "messages": HELLO},
    }
    data = orjson.dumps(line) + b"\n"
    kept = await openai.files.create(file=("asks.jsonl", io.BytesIO(data)), purpose="batch")
    last(simulator, "vllm", "/v1/files")
    assert (await openai.files.retrieve(kept.id)).bytes == len(data)
    assert (await openai.files.content(kept.id)).content == data
    assert kept.id in [file.id async for file in openai.files.list()]
    batch = await openai.batches.create(input_file_id=kept.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert (await openai.batches.retrieve(batch.id)).input_file_id == kept.id
    assert batch.id in [each.id async for each in openai.batches.list()]
    assert (await openai.files.delete(kept.id)).deleted

    before = simulator.counts()
    async with dialects.openai(SCOPED_KEY) as scoped:
        for asked in (scoped.files.list(), scoped.batches.list(), scoped.files.content(kept.id)):
            with pytest.raises(openai_sdk.PermissionDeniedError) as refused:
                await asked
            assert "confined" in str(refused.value)
    assert simulator.counts() == before


# -- what is refused ------------------------------------------------------------------------------------------------------


async def test_an_operation_that_no_provider_of_the_model_has(dialects, openai, anthropic, simulator):
    """A 400 that names it, in the client's dialect, and nobody is asked."""
    before = simulator.counts()
    for call in (
        openai.embeddings.create(model="anthropic", input="x"),
        openai.moderations.create(model="gemini", input="x"),
        openai.images.generate(model="bedrock", prompt="x"),
        openai.audio.speech.create(model="cohere-none", input="x", voice="alloy"),
        openai.chat.completions.create(model="rerank-cohere", messages=HELLO),
        openai.responses.create(model="embed-cohere", input="x"),
        openai.audio.transcriptions.create(model="vertex-gemini", file=("a.wav", SOUND)),
    ):
        with pytest.raises(openai_sdk.APIStatusError) as refused:
            await call
        assert refused.value.status_code in {400, 404}
        assert refused.value.body["code"] in {"unsupported_feature", "model_not_found"}
    with pytest.raises(anthropic_sdk.BadRequestError) as theirs:
        await anthropic.messages.create(model="rerank-cohere", messages=HELLO, max_tokens=9)
    assert theirs.value.body["error"]["details"]["error_code"] == "unsupported_feature"
    async with gemini_of(dialects) as google:
        with pytest.raises(google_errors.ClientError) as googles:
            await google.models.generate_content(model="rerank-cohere", contents="x")
        assert (googles.value.code, googles.value.status) == (400, "INVALID_ARGUMENT")
    assert simulator.counts() == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1beta/models/gemini:embedContent"),
        ("POST", "/v1beta/models/gemini:streamGenerateContent"),
        ("GET", "/v1beta/models/gemini:generateContent"),
        ("GET", "/v1/responses/resp_1"),
        ("DELETE", "/v1/batches/b_1"),
        ("GET", "/v1/files/a/b"),
        ("POST", "/openai/nothing"),
        ("POST", "/v1/fine_tuning/jobs"),
        ("POST", "/openai/deployments/vllm/nothing"),
        ("POST", "/model/bedrock/converse"),
        ("GET", "/v1/audio/speech"),
    ],
)
async def test_a_path_that_nobody_serves(dialects, method, path):
    async with dialects.http() as http:
        answer = await http.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == 404, answer.text
    CLIENTS["gemini" if "beta" in path else "openai-chat"].check_error(answer.content)


async def test_the_errors_of_each_sdk(dialects, simulator):
    """A stranger, and a model that nobody knows."""
    async with azure_of(dialects, "sk-unknown") as azure, gemini_of(dialects, "sk-unknown") as google:
        with pytest.raises(openai_sdk.AuthenticationError):
            await azure.chat.completions.create(model="openai", messages=HELLO)
        with pytest.raises(google_errors.ClientError) as stranger:
            await google.models.generate_content(model="openai", contents="x")
        assert stranger.value.code in {400, 401, 403}
    async with azure_of(dialects) as azure, gemini_of(dialects) as google:
        with pytest.raises(openai_sdk.NotFoundError):
            await azure.chat.completions.create(model="nobody", messages=HELLO)
        with pytest.raises(google_errors.ClientError) as missing:
            await google.models.generate_content(model="nobody", contents="x")
        assert (missing.value.code, missing.value.status) == (404, "NOT_FOUND")
        simulator.script(openai="status=429,retry_after=3")
        with pytest.raises(google_errors.ClientError) as limited:
            await google.models.generate_content(model="openai", contents="x")
        assert (limited.value.code, limited.value.status) == (429, "RESOURCE_EXHAUSTED")


async def test_azures_paths_name_the_model(dialects, simulator):
    """Deployments are models of the catalogue; the rest of Azure's API names them in the body."""
    async with azure_of(dialects) as azure:
        made = await azure.embeddings.create(model="embed-gemini", input="hello")
        assert made.data[0].embedding
        painted = await azure.images.generate(model="paint", prompt="a heron")
        assert painted.data[0].b64_json
        said = await azure.audio.transcriptions.create(model="listen", file=("a.wav", SOUND, "audio/wav"))
        assert said.text
        answer = await azure.responses.create(model="bedrock", input="Hello")
        assert answer.output_text
        assert "bedrock" in [model.id async for model in azure.models.list()]


async def test_an_openai_sdk_whose_base_url_is_the_bare_address(dialects, simulator):
    async with dialects.openai() as served:
        client = served.with_options(base_url=str(served.base_url).rstrip("/").removesuffix("/v1"))
        said = await client.chat.completions.create(model="anthropic", messages=HELLO)
        assert said.choices[0].message.content
        assert "bedrock" in [model.id async for model in client.models.list()]


async def test_the_files_of_anthropic_are_not_looked_for_at_openai(dialects):
    async with dialects.anthropic() as client:
        with pytest.raises(anthropic_sdk.NotFoundError) as refused:
            await client.beta.files.list()
    assert refused.value.body["error"]["details"]["error_code"] == "unknown_route"


async def test_gemini_clients_may_name_their_key_and_model_as_google_does(dialects, simulator):
    async with dialects.http(None) as http:
        body = {
            "contents": [types.Content(role="user", parts=[types.Part(text="Hello")]).model_dump(exclude_none=True)]
        }
        for path in ("/v1beta/models/anthropic:generateContent", "/gemini/v1beta/models/anthropic:generateContent"):
            answer = await http.post(
                path, json=body, headers={"x-goog-api-key": "sk-llmgw-contract-all", "x-request-id": new_id()}
            )
            assert answer.status_code == 200, answer.text
            assert simulator.latest(1)[0].label == "anthropic"
