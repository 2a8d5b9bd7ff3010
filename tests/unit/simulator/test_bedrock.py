"""Converse, judged by AWS's own client (its signing, its model of the service, its decoder of the framing)."""

import asyncio
import contextlib
import json

import orjson
import pytest
from botocore.exceptions import ClientError, EventStreamError

from extproc.simulator.anthropic.signature import signature
from extproc.simulator.server import Server
from extproc.simulator.tokens import prompt_tokens

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-pro-v1:0"
PNG = b"\x89PNG simulated"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 2000}}


@pytest.fixture
def stream(bedrock):
    """The events of ``converse_stream``."""

    async def call(**fields) -> list[dict]:
        answer = await bedrock("converse_stream", **fields)
        with contextlib.closing(answer["stream"]) as events:
            return await asyncio.to_thread(list, events)

    return call


def user(*content) -> dict:
    return {"role": "user", "content": [{"text": one} if isinstance(one, str) else one for one in content]}


def assistant(*content) -> dict:
    return {"role": "assistant", "content": [{"text": one} if isinstance(one, str) else one for one in content]}


def use(identity: str = "t1", name: str = "weather") -> dict:
    return {"toolUse": {"toolUseId": identity, "name": name, "input": {"city": "Oslo"}}}


def result(identity: str = "t1", **fields) -> dict:
    return {"toolResult": {"toolUseId": identity, "content": [{"text": "rain"}], **fields}}


async def test_text(bedrock, simulator: Server):
    answer = await bedrock("converse", modelId=CLAUDE, messages=[user("echo: one two  three")])
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "one two  three"}]}
    assert answer["stopReason"] == "end_turn"
    tokens = 3 + prompt_tokens("echo: one two  three")
    assert answer["usage"] == {
        "inputTokens": tokens,
        "outputTokens": 3,
        "totalTokens": tokens + 3,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
    }
    assert answer["metrics"]["latencyMs"] > 0
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    record = simulator.recorder.requests[-1]
    assert (record.model, record.input_tokens, record.output_tokens, record.stream) == (CLAUDE, tokens, 3, False)


async def test_stream(stream, simulator: Server):
    events = await stream(modelId=CLAUDE, messages=[user("echo: a b")])
    assert [next(iter(event)) for event in events] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[0]["messageStart"]["role"] == "assistant"
    assert [event["contentBlockDelta"]["delta"]["text"] for event in events[1:3]] == ["a", " b"]
    assert events[4]["messageStop"]["stopReason"] == "end_turn"
    assert events[5]["metadata"]["usage"]["outputTokens"] == 2
    record = simulator.recorder.requests[-1]
    assert (record.stream, record.output_tokens_sent, record.outcome) == (True, 2, "complete")


async def test_tools(bedrock, stream):
    asked = {"modelId": CLAUDE, "messages": [user("call")], "toolConfig": TOOLS}
    answer = await bedrock("converse", **asked)
    (block,) = answer["output"]["message"]["content"]
    assert (answer["stopReason"], block["toolUse"]["name"]) == ("tool_use", "weather")
    assert block["toolUse"]["input"] == {"city": "text", "days": 1}
    events = await stream(**asked)
    start = events[1]["contentBlockStart"]
    assert start["start"]["toolUse"]["name"] == "weather"
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    assert orjson.loads("".join(delta["delta"]["toolUse"]["input"] for delta in deltas)) == {"city": "text", "days": 1}
    again = [user("call"), assistant(block), user(result(block["toolUse"]["toolUseId"]), "echo: done")]
    answer = await bedrock("converse", modelId=CLAUDE, messages=again, toolConfig=TOOLS)
    assert answer["output"]["message"]["content"][0]["text"] == "done"


@pytest.mark.parametrize(
    ("choice", "called"), [({"any": {}}, True), ({"tool": {"name": "weather"}}, True), ({"auto": {}}, False)]
)
async def test_tool_choice(bedrock, choice, called):
    config = {**TOOLS, "toolChoice": choice}
    answer = await bedrock("converse", modelId=CLAUDE, messages=[user("hi")], toolConfig=config)
    assert (answer["stopReason"] == "tool_use") is called


async def test_thinking_is_signed_and_its_signature_verified(bedrock, stream):
    asked = {"modelId": CLAUDE, "additionalModelRequestFields": THINKING, "inferenceConfig": {"maxTokens": 4000}}
    answer = await bedrock("converse", messages=[user("echo: a")], **asked)
    thought, said = answer["output"]["message"]["content"]
    text = thought["reasoningContent"]["reasoningText"]
    assert text["signature"] == signature(text["text"])
    events = await stream(messages=[user("echo: a")], **asked)
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    parts = [delta["reasoningContent"] for delta in deltas if "reasoningContent" in delta]
    assert "".join(part.get("text", "") for part in parts) == text["text"]
    assert parts[-1] == {"signature": text["signature"]}
    history = [user("echo: a"), assistant(thought, said), user("echo: b")]
    assert (await bedrock("converse", messages=history, **asked))["stopReason"] == "end_turn"
    text["text"] += "!"
    with pytest.raises(ClientError, match="Invalid `signature` in `thinking` block"):
        await bedrock("converse", messages=history, **asked)


async def test_a_tool_round_of_a_thinking_model_begins_with_its_thought(bedrock):
    asked = {"additionalModelRequestFields": THINKING, "inferenceConfig": {"maxTokens": 4000}, "toolConfig": TOOLS}
    history = [user("call"), assistant(use()), user(result())]
    with pytest.raises(ClientError, match="Expected `thinking` or `redacted_thinking`, but found `tool_use`"):
        await bedrock("converse", modelId=CLAUDE, messages=history, **asked)


async def test_cache_points(bedrock):
    asked = {
        "modelId": CLAUDE,
        "system": [{"text": "x" * 400}, {"cachePoint": {"type": "default"}}],
        "messages": [user("a" * 400, {"cachePoint": {"type": "default", "ttl": "1h"}}, "echo: hi")],
    }
    first, second = [(await bedrock("converse", **asked))["usage"] for _ in range(2)]
    assert (first["cacheReadInputTokens"], first["cacheWriteInputTokens"]) == (0, 203)
    assert first["cacheDetails"] == [{"ttl": "5m", "inputTokens": 100}, {"ttl": "1h", "inputTokens": 103}]
    assert (second["cacheReadInputTokens"], second["cacheWriteInputTokens"]) == (203, 0)
    assert first["inputTokens"] == second["inputTokens"] == prompt_tokens("echo: hi")
    assert first["totalTokens"] == second["totalTokens"] == 203 + second["inputTokens"] + 16


async def test_settings(bedrock):
    answer = await bedrock(
        "converse",
        modelId=CLAUDE,
        messages=[user("echo: one two STOP three")],
        inferenceConfig={"maxTokens": 50, "temperature": 0.5, "stopSequences": ["STOP"]},
        additionalModelResponseFieldPaths=["/stop_sequence"],
        requestMetadata={"team": "blue"},
        performanceConfig={"latency": "standard"},
        serviceTier={"type": "priority"},
    )
    assert answer["stopReason"] == "stop_sequence"
    assert answer["additionalModelResponseFields"] == {"stop_sequence": "STOP"}
    assert (answer["performanceConfig"], answer["serviceTier"]) == ({"latency": "standard"}, {"type": "priority"})
    limited = await bedrock(
        "converse", modelId=CLAUDE, messages=[user("echo: one two three")], inferenceConfig={"maxTokens": 2}
    )
    assert (limited["stopReason"], limited["usage"]["outputTokens"]) == ("max_tokens", 2)


async def test_structured_answer(bedrock):
    closed = {**SCHEMA, "additionalProperties": False}
    text_format = {"type": "json_schema", "structure": {"jsonSchema": {"name": "w", "schema": json.dumps(closed)}}}
    asked = {"modelId": CLAUDE, "messages": [user("hi")]}
    answer = await bedrock("converse", outputConfig={"textFormat": text_format}, **asked)
    assert orjson.loads(answer["output"]["message"]["content"][0]["text"]) == {"city": "text", "days": 1}
    text_format["structure"]["jsonSchema"]["schema"] = "{"
    with pytest.raises(ClientError, match="not valid JSON"):
        await bedrock("converse", outputConfig={"textFormat": text_format}, **asked)


async def test_every_kind_of_content(bedrock):
    content = [
        {"text": "hi"},
        {"image": {"format": "png", "source": {"bytes": PNG}}},
        {"document": {"format": "pdf", "name": "paper", "source": {"bytes": b"%PDF"}}},
        {"document": {"format": "txt", "name": "notes", "source": {"text": "plain"}}},
        {"guardContent": {"text": {"text": "guarded", "qualifiers": ["query"]}}},
        {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/key"}}}},
    ]
    answers = {"content": [{"json": {"sky": "grey"}}, {"image": {"format": "png", "source": {"bytes": PNG}}}]}
    history = [
        user(*content),
        assistant("so", {"reasoningContent": {"redactedContent": b"sealed"}}, use()),
        user(result(status="success", **answers), "echo: seen"),
    ]
    answer = await bedrock(
        "converse", modelId=CLAUDE, messages=history, toolConfig=TOOLS, system=[{"text": "be brief"}]
    )
    assert answer["output"]["message"]["content"][0]["text"] == "seen"
    video = {"video": {"format": "mp4", "source": {"bytes": b"film"}}}
    answer = await bedrock("converse", modelId=NOVA, messages=[user("echo: film", video)])
    assert answer["output"]["message"]["content"][0]["text"] == "film"
    with pytest.raises(ClientError, match="doesn't support the video content block"):
        await bedrock("converse", modelId=CLAUDE, messages=[user("hi", video)])


async def test_model_ids_are_decoded(bedrock, simulator: Server):
    arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-haiku-4-5-20251001-v1:0"
    assert await bedrock("converse", modelId=arn, messages=[user("hi")])
    assert simulator.recorder.requests[-1].model == arn
    with pytest.raises(ClientError) as caught:
        await bedrock("converse", modelId=f"{NOVA}@status=429", messages=[user("hi")])
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"
    assert simulator.recorder.requests[-1].model == NOVA


async def test_other_models_sign_no_thoughts(bedrock):
    fields = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}, "anything": 1}
    answer = await bedrock("converse", modelId=NOVA, messages=[user("echo: a")], additionalModelRequestFields=fields)
    thought, said = answer["output"]["message"]["content"]
    assert "signature" not in thought["reasoningContent"]["reasoningText"]
    history = [user("echo: a"), assistant(thought, said), user("echo: b")]
    assert await bedrock("converse", modelId=NOVA, messages=history)


# Bad days.


@pytest.mark.parametrize(
    ("suffix", "kind", "status"),
    [
        ("status=429", "ThrottlingException", 429),
        ("status=503", "ServiceUnavailableException", 503),
        ("status=424", "ModelErrorException", 424),
        ("error=ModelNotReadyException", "ModelNotReadyException", 429),
        ("error=context_length_exceeded", "ValidationException", 400),
        ("error=invalid_api_key", "UnrecognizedClientException", 403),
        ("status=418", "ValidationException", 418),
    ],
)
async def test_scripted_errors(bedrock, suffix, kind, status):
    for operation in ("converse", "converse_stream"):
        with pytest.raises(ClientError) as caught:
            await bedrock(operation, modelId=f"{NOVA}@{suffix}", messages=[user("hi")])
        assert caught.value.response["Error"]["Code"] == kind
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


async def test_error_events(stream):
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        await stream(modelId=f"{NOVA}@fault=error_event,fault_at=2", messages=[user("hi")])


async def test_a_corrupted_message(stream):
    with pytest.raises(Exception, match="Checksum mismatch"):
        await stream(modelId=f"{NOVA}@fault=malformed,fault_at=2", messages=[user("hi")])


async def test_early_end_and_cut(stream):
    events = await stream(modelId=f"{NOVA}@fault=early_end,fault_at=-2", messages=[user("echo: a b")])
    assert next(iter(events[-1])) == "contentBlockStop"
    with pytest.raises(Exception, match=r"Connection|reset|IncompleteRead"):
        await stream(modelId=f"{NOVA}@fault=cut,fault_at=2", messages=[user("echo: a b")])


@pytest.mark.parametrize("how", ["split=1", "seed=5", "crlf=true", "tokens_per_second=200"])
async def test_framing_survives_any_delivery(stream, how):
    events = await stream(modelId=f"{NOVA}@{how}", messages=[user("echo: a b")])
    assert "".join(one["contentBlockDelta"]["delta"]["text"] for one in events[1:3]) == "a b"
    assert "metadata" in events[-1]


async def test_scripted_usage_and_the_most(bedrock, simulator: Server):
    asked = {"messages": [user("hello", {"image": {"format": "png", "source": {"bytes": PNG}}})]}
    said = await bedrock("converse", modelId=f"{CLAUDE}@input_tokens=50,cache_read_tokens=10,output_tokens=7", **asked)
    assert (said["usage"]["inputTokens"], said["usage"]["outputTokens"], said["usage"]["totalTokens"]) == (40, 7, 57)
    most = await bedrock("converse", modelId=f"{CLAUDE}@most=true", inferenceConfig={"maxTokens": 30}, **asked)
    record = simulator.recorder.requests[-1]
    assert most["usage"]["outputTokens"] == record.output_tokens == 30
    honest = (await bedrock("converse", modelId=CLAUDE, **asked))["usage"]["inputTokens"]
    assert record.input_tokens == max(honest, 3 + len("hello"))


async def test_finish(bedrock):
    said = await bedrock("converse", modelId=f"{NOVA}@finish=guardrail_intervened", messages=[user("hi")])
    assert said["stopReason"] == "guardrail_intervened"
