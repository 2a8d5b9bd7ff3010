"""InvokeModel and CountTokens, judged by AWS's own client and by Anthropic's."""

import json

import orjson
import pytest
from anthropic import AsyncAnthropicBedrock, BadRequestError
from botocore.exceptions import ClientError

from extproc.simulator.server import Server
from extproc.simulator.tokens import prompt_tokens

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NEWER = "us.anthropic.claude-opus-5-5"
"""It takes the API version that Anthropic's client sends."""
KEY = "AKIASIMTEST"


@pytest.fixture
async def claude(simulator: Server):
    url = f"http://127.0.0.1:{simulator.port}"
    secret = f"sim-secret-{KEY}"
    async with AsyncAnthropicBedrock(
        aws_access_key=KEY, aws_secret_key=secret, aws_region="us-east-1", base_url=url, max_retries=0
    ) as client:
        yield client


def user(*content) -> dict:
    return {"role": "user", "content": [{"text": one} if isinstance(one, str) else one for one in content]}


async def test_count_tokens(bedrock):
    messages = [user("echo: one two")]
    counted = await bedrock("count_tokens", modelId=CLAUDE, input={"converse": {"messages": messages}})
    assert counted["inputTokens"] == 3 + prompt_tokens("echo: one two")
    body = {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "echo: one two"}]}
    counted = await bedrock("count_tokens", modelId=CLAUDE, input={"invokeModel": {"body": json.dumps(body)}})
    assert counted["inputTokens"] == 3 + prompt_tokens("echo: one two")
    with pytest.raises(ClientError, match="Exactly one of"):
        await bedrock("count_tokens", modelId=CLAUDE, input={})


async def test_claude_through_invoke_model(claude: AsyncAnthropicBedrock, simulator: Server):
    asked = {"model": NEWER, "max_tokens": 4000, "messages": [{"role": "user", "content": "echo: one two"}]}
    answer = await claude.messages.create(**asked)
    assert answer.content[0].text == "one two"
    assert answer.model == "claude-opus-5-5"
    assert answer.usage.output_tokens == 2
    thinking = {"type": "enabled", "budget_tokens": 2000}
    stream = await claude.messages.create(**asked, stream=True, thinking=thinking)
    events = [event async for event in stream]
    assert [event.type for event in events if "delta" not in event.type] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "content_block_start",
        "content_block_stop",
        "message_stop",
    ]
    text = "".join(
        event.delta.text for event in events if getattr(event, "delta", None) and hasattr(event.delta, "text")
    )
    assert text == "one two"
    metrics = events[-1].model_extra["amazon-bedrock-invocationMetrics"]
    assert metrics["outputTokenCount"] == simulator.recorder.requests[-1].output_tokens
    assert simulator.recorder.requests[-1].model == NEWER


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": CLAUDE}, "model: Extra inputs are not permitted"),
        ({"cache_control": {"type": "ephemeral"}}, "cache_control: Extra inputs are not permitted"),
        ({"stream": True}, "stream: Extra inputs are not permitted"),
        ({"anthropic_version": None}, "anthropic_version: Field required"),
        ({"anthropic_version": "2023-06-01"}, "Invalid API version"),
        ({"anthropic_version": "2026-10-21"}, "Invalid API version"),
        ({"anthropic_beta": "one"}, "anthropic_beta: Input should be a valid list"),
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": []}, "at least one message is required"),
    ],
)
@pytest.mark.parametrize("operation", ["invoke_model", "invoke_model_with_response_stream"])
async def test_invoke_model_refuses(bedrock, operation, change, words):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
        **change,
    }
    with pytest.raises(ClientError, match=words) as caught:
        await bedrock(operation, modelId=CLAUDE, body=json.dumps(body))
    assert caught.value.response["Error"]["Code"] == "ValidationException"


async def test_the_latest_version_is_for_newer_models_and_takes_away(bedrock):
    body = {"anthropic_version": "2026-10-21", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    assert await bedrock("invoke_model", modelId=NEWER, body=json.dumps(body))
    with pytest.raises(ClientError, match="temperature: Extra inputs are not permitted"):
        await bedrock("invoke_model", modelId=NEWER, body=json.dumps({**body, "temperature": 0.5}))


async def test_invoke_model_headers_tell_what_was_counted(bedrock):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9}
    body["messages"] = [{"role": "user", "content": "echo: a b c"}]
    answer = await bedrock("invoke_model", modelId=CLAUDE, body=json.dumps(body))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-output-token-count"] == "3"
    assert int(headers["x-amzn-bedrock-input-token-count"]) == 3 + prompt_tokens("echo: a b c")


async def test_claudes_errors_are_awss(claude: AsyncAnthropicBedrock):
    with pytest.raises(BadRequestError, match="first message must use the"):
        await claude.messages.create(model=NEWER, max_tokens=9, messages=[{"role": "assistant", "content": "x"}])


async def test_titan(bedrock, simulator: Server):
    model = "amazon.titan-embed-text-v2:0"

    async def embed(**body) -> dict:
        return orjson.loads((await bedrock("invoke_model", modelId=model, body=json.dumps(body)))["body"].read())

    answer = await embed(inputText="four words and more", dimensions=256, embeddingTypes=["float", "binary"])
    assert (len(answer["embedding"]), answer["inputTextTokenCount"]) == (256, 5)
    assert len(answer["embeddingsByType"]["binary"]) == 32
    assert sum(one * one for one in answer["embedding"]) == pytest.approx(1)
    assert simulator.recorder.requests[-1].input_tokens == 5
    for wrong in ({}, {"inputText": "a", "dimensions": 300}, {"inputText": "a", "model": "m"}, {"inputText": ""}):
        with pytest.raises(ClientError, match="Malformed input request"):
            await embed(**wrong)


async def test_cohere(bedrock):
    async def invoke(model: str, /, **body) -> dict:
        return orjson.loads((await bedrock("invoke_model", modelId=model, body=json.dumps(body)))["body"].read())

    asked = {"texts": ["one", "two"], "input_type": "search_query"}
    plain = await invoke("cohere.embed-english-v3", **asked)
    assert (plain["response_type"], len(plain["embeddings"]), len(plain["embeddings"][0])) == (
        "embeddings_floats",
        2,
        1024,
    )
    typed = await invoke("us.cohere.embed-v4:0", **asked, embedding_types=["float", "int8"], output_dimension=256)
    assert (typed["response_type"], len(typed["embeddings"]["int8"][1])) == ("embeddings_by_type", 256)
    ranked = await invoke(
        "cohere.rerank-v3-5:0", query="red fox", documents=["a dog", "the red fox"], top_n=1, api_version=2
    )
    assert [one["index"] for one in ranked["results"]] == [1]
    for model, wrong in (
        ("cohere.embed-english-v3", {"texts": ["one"]}),
        ("cohere.embed-english-v3", {**asked, "model": "m"}),
        ("cohere.embed-english-v3", {**asked, "images": ["x"]}),
        ("cohere.rerank-v3-5:0", {"query": "a", "documents": ["b"]}),
        ("cohere.rerank-v3-5:0", {"query": "a", "documents": [], "api_version": 2}),
    ):
        with pytest.raises(ClientError, match="Malformed input request"):
            await invoke(model, **wrong)


async def test_models_that_are_not_there(bedrock):
    with pytest.raises(ClientError, match="model identifier is invalid"):
        await bedrock("invoke_model", modelId="meta.llama9", body="{}")
    with pytest.raises(ClientError, match="unsupported for streaming"):
        await bedrock("invoke_model_with_response_stream", modelId="amazon.titan-embed-text-v2:0", body="{}")


async def test_error_events(claude: AsyncAnthropicBedrock):
    asked = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    events = await claude.messages.create(model=f"{NEWER}@fault=error_event,fault_at=2", stream=True, **asked)
    with pytest.raises(Exception, match="failed while it was answering"):
        _ = [event async for event in events]
