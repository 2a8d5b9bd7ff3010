"""Azure OpenAI, judged by the official SDK's own client for it, and by the published errors."""

from collections.abc import AsyncIterator

import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, BadRequestError, NotFoundError, RateLimitError
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from extproc.simulator.server import Server

VERSION = "2024-10-21"
DEPLOYMENT = "/openai/deployments/my-gpt"
CHAT = f"{DEPLOYMENT}/chat/completions"
BODY = {"messages": [{"role": "user", "content": "echo: a b"}]}
RECORDING = ("talk.wav", b"echo: hello", "audio/wav")


@pytest.fixture
async def azure(simulator: Server) -> AsyncIterator[AsyncAzureOpenAI]:
    async with AsyncAzureOpenAI(
        azure_endpoint=f"http://127.0.0.1:{simulator.port}", api_key="k", api_version=VERSION, max_retries=0, timeout=30
    ) as client:
        yield client


@pytest.fixture
async def v1(simulator: Server) -> AsyncIterator[AsyncOpenAI]:
    url = f"http://127.0.0.1:{simulator.port}/openai/v1"
    async with AsyncOpenAI(base_url=url, api_key="k", max_retries=0, timeout=30) as client:
        yield client


async def test_chat_of_a_deployment(azure: AsyncAzureOpenAI, simulator: Server):
    answer = await azure.chat.completions.create(model="my-gpt", messages=BODY["messages"])
    assert answer.choices[0].message.content == "a b"
    assert answer.prompt_filter_results[0]["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}
    assert answer.choices[0].content_filter_results["violence"]["severity"] == "safe"
    ChatCompletion.model_validate(answer.model_dump())
    record = simulator.recorder.requests[-1]
    assert record.path == CHAT
    assert (record.model, record.output_tokens) == ("my-gpt", 2)
    assert record.header("api-key") == "k"


async def test_a_stream_begins_with_what_the_filter_found(azure: AsyncAzureOpenAI, post, simulator: Server):
    stream = await azure.chat.completions.create(
        model="my-gpt", messages=BODY["messages"], stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert (chunks[0].choices, chunks[0].id, chunks[0].model) == ([], "", "")
    assert chunks[0].prompt_filter_results[0]["prompt_index"] == 0
    assert [chunk.choices[0].delta.content for chunk in chunks[2:4]] == ["a", " b"]
    assert chunks[1].choices[0].content_filter_results == {}
    assert chunks[2].choices[0].content_filter_results["hate"]["filtered"] is False
    assert chunks[-1].usage.completion_tokens == 2
    assert simulator.recorder.requests[-1].output_tokens_sent == 2
    wire = await post(f"{CHAT}?api-version={VERSION}", {**BODY, "stream": True}, authorization=None, api_key="k")
    assert wire.data[-1] == "[DONE]"
    for line in wire.data[1:-1]:
        ChatCompletionChunk.model_validate_json(line)


async def test_other_operations_of_deployments(azure: AsyncAzureOpenAI):
    assert (await azure.completions.create(model="old", prompt="echo: a")).choices[0].text == "a"
    vectors = await azure.embeddings.create(model="embedder", input=["a", "b"], dimensions=4)
    assert (len(vectors.data), vectors.model) == (2, "embedder")
    assert (await azure.images.generate(model="painter", prompt="x")).data[0].b64_json
    assert (await azure.audio.speech.create(model="speaker", voice="alloy", input="x")).content
    heard = await azure.audio.transcriptions.create(model="whisper-1", file=RECORDING)
    assert heard.text == "hello"


async def test_operations_of_a_resource(azure: AsyncAzureOpenAI):
    answer = await azure.responses.create(model="my-gpt", input="echo: a")
    assert (await azure.responses.retrieve(answer.id)).output_text == "a"
    file = await azure.files.create(file=("in.jsonl", b"{}"), purpose="batch")
    assert [one.id async for one in azure.files.list()] == [file.id]
    assert (await azure.models.list()).data


async def test_the_v1_api_needs_no_version(v1: AsyncOpenAI, post):
    answer = await v1.chat.completions.create(model="my-gpt", messages=BODY["messages"])
    assert answer.choices[0].content_filter_results
    assert (await v1.responses.create(model="my-gpt", input="echo: x")).output_text == "x"
    assert (await v1.embeddings.create(model="e", input="x")).usage.prompt_tokens == 1
    wire = await post("/openai/v1/chat/completions", {**BODY, "model": "m"}, authorization=None, api_key="k")
    assert wire.status == 200
    assert "apim-request-id" in wire.headers


async def test_keys_and_tokens(post):
    path = f"{CHAT}?api-version={VERSION}"
    assert (await post(path, BODY, authorization=None, api_key="k")).status == 200
    assert (await post(path, BODY, authorization="Bearer sim-entra-x")).status == 200
    for authorization in (None, "Bearer sk-sim", "Bearer sim-entra-exp1000000000000-x"):
        wire = await post(path, BODY, authorization=authorization)
        assert wire.status == 401
        assert wire.json["error"].keys() == {"code", "message"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (CHAT, 404, "404"),
        (f"{CHAT}?api-version=soon", 400, "BadRequest"),
        (f"/openai/deployments/my-gpt/nope?api-version={VERSION}", 404, "404"),
        ("/openai/v1/nope", 404, "404"),
    ],
)
async def test_versions_and_paths(post, path, status, code):
    wire = await post(path, BODY, authorization=None, api_key="k")
    assert (wire.status, wire.json["error"]["code"]) == (status, code)


async def test_azures_errors(azure: AsyncAzureOpenAI):
    async def ask(model: str):
        await azure.chat.completions.create(model=model, messages=BODY["messages"])

    with pytest.raises(BadRequestError) as filtered:
        await ask("my-gpt@error=content_filter")
    assert filtered.value.code == "content_filter"
    inner = filtered.value.body["innererror"]
    assert inner["code"] == "ResponsibleAIPolicyViolation"
    assert inner["content_filter_result"]["violence"] == {"filtered": True, "severity": "medium"}
    with pytest.raises(NotFoundError) as unknown:
        await ask("my-gpt@error=DeploymentNotFound")
    assert unknown.value.code == "DeploymentNotFound"
    with pytest.raises(RateLimitError) as limited:
        await ask("my-gpt@status=429,retry_after=7")
    assert (limited.value.code, limited.value.response.headers["retry-after"]) == ("429", "7")
    with pytest.raises(BadRequestError) as long:
        await ask("my-gpt@error=context_length_exceeded")
    assert (long.value.code, long.value.type) == ("context_length_exceeded", "invalid_request_error")
    with pytest.raises(BadRequestError) as wrong:
        await azure.chat.completions.create(model="my-gpt", messages=BODY["messages"], extra_body={"top_k": 1})
    assert wrong.value.type == "invalid_request_error"


async def test_faults_have_the_filters_chunk_too(post):
    body = {**BODY, "stream": True}
    wire = await post(f"{CHAT}?api-version={VERSION}", body, authorization=None, api_key="k", x_sim_fault="error_event")
    assert '"server_error"' in wire.data[-1]
    late = {"x_sim_fault": "early_end", "x_sim_fault_at": "-1"}
    wire = await post(f"{CHAT}?api-version={VERSION}", body, authorization=None, api_key="k", **late)
    assert "prompt_filter_results" in wire.data[0]
    assert "[DONE]" not in wire.text
