"""What Converse refuses, and the shapes by which it does, compared with the service model of AWS's own client."""

import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from extproc.simulator.bedrock.shapes import _PARSED, _PATTERNS

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}


def user(*content) -> dict:
    return {"role": "user", "content": [{"text": one} if isinstance(one, str) else one for one in content]}


def assistant(*content) -> dict:
    return {"role": "assistant", "content": [{"text": one} if isinstance(one, str) else one for one in content]}


def use(identity: str = "t1", name: str = "weather") -> dict:
    return {"toolUse": {"toolUseId": identity, "name": name, "input": {"city": "Oslo"}}}


def result(identity: str = "t1", **fields) -> dict:
    return {"toolResult": {"toolUseId": identity, "content": [{"text": "rain"}], **fields}}


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"messages": []}, "ValidationException", "messages field is required"),
        ({"messages": [assistant("hi")]}, "ValidationException", "must start with a user message"),
        ({"messages": [user("a"), user("b")]}, "ValidationException", "must alternate between user and assistant"),
        ({"messages": [{"role": "user", "content": []}]}, "ValidationException", "messages.0 is empty"),
        ({"messages": [user(" ")]}, "ValidationException", "messages.0.content.0 is blank"),
        (
            {"messages": [user("a"), assistant(use()), user(result())]},
            "ValidationException",
            "toolConfig field must be",
        ),
        (
            {"messages": [user("a"), assistant(use()), user("b")], "toolConfig": TOOLS},
            "ValidationException",
            "Expected toolResult blocks at messages.2.content for the following Ids: t1",
        ),
        (
            {"messages": [user("a"), assistant("b"), user(result())], "toolConfig": TOOLS},
            "ValidationException",
            "exceeds the number of toolUse blocks of previous turn",
        ),
        (
            {"messages": [user("a"), assistant(use(), use()), user(result())], "toolConfig": TOOLS},
            "ValidationException",
            "contain duplicate Ids: t1",
        ),
        (
            {
                "messages": [user("a"), assistant(use()), user(result(content=[], status="error"))],
                "toolConfig": TOOLS,
            },
            "ValidationException",
            "toolResult cannot be empty when status value is error",
        ),
        (
            {"messages": [user({"document": {"format": "pdf", "name": "x", "source": {"bytes": b"x"}}})]},
            "ValidationException",
            "text block must be included",
        ),
        ({"inferenceConfig": {"temperature": 1.5}}, "ValidationException", "less than or equal to 1"),
        ({"inferenceConfig": {"maxTokens": 0}}, "ValidationException", "greater than or equal to 1"),
        ({"toolConfig": {"tools": []}}, None, None),
        ({"serviceTier": {"type": "gold"}}, "ValidationException", r"enum value set: \[priority, default, flex"),
        (
            {"additionalModelRequestFields": {"shape": 1}},
            "ValidationException",
            "The model returned the following errors: shape: Extra inputs are not permitted",
        ),
        (
            {"inferenceConfig": {"maxTokens": 5}, "additionalModelRequestFields": {"max_tokens": 9}},
            "ValidationException",
            "max_tokens conflicts with an existing field",
        ),
        (
            {"toolConfig": {**TOOLS, "toolChoice": {"tool": {"name": "clock"}}}},
            "ValidationException",
            "'clock' not found in provided tools",
        ),
        (
            {"toolConfig": {"tools": [{"toolSpec": {"name": "a b", "inputSchema": {"json": SCHEMA}}}]}},
            "ValidationException",
            "'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular",
        ),
        ({"modelId": "what is this"}, "ValidationException", "model identifier is invalid"),
    ],
)
async def test_refusals(bedrock, fields, kind, words):
    asked = {"modelId": CLAUDE, "messages": [user("hi")], **fields}
    if kind is None:
        assert (await bedrock("converse", **asked))["stopReason"] == "end_turn"
        return
    with pytest.raises(ClientError, match=words) as caught:
        await bedrock("converse", **asked)
    assert caught.value.response["Error"]["Code"] == kind
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


BEARER = {"authorization": "Bearer bedrock-api-key-sim"}


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"{", "SerializationException", "Malformed input request"),
        (b"[]", "SerializationException", "Unexpected field type"),
        ({"messages": [user("hi")], "stream": True}, "ValidationException", "extraneous key [stream]"),
        ({"messages": [user({"text": "hi", "extra": 1})]}, "ValidationException", "#/messages/0/content/0"),
        ({"messages": [user({"text": "a", "image": {}})]}, "SerializationException", "Exactly one member"),
        ({"messages": "hi"}, "SerializationException", "'messages'"),
        ({"messages": [{"role": "user"}]}, "ValidationException", "'messages.1.member.content'"),
        (
            {"messages": [user("a", {"image": {"format": "png", "source": {"bytes": "*"}}})]},
            "SerializationException",
            "base64",
        ),
        (
            {"messages": [user("hi")], "guardrailConfig": {"streamProcessingMode": "sync"}},
            "ValidationException",
            "streamProcessingMode",
        ),
    ],
)
async def test_refusals_of_what_aws_never_sends(post, body, kind, words):
    wire = await post("/model/amazon.nova-pro-v1%3A0/converse", body, **BEARER)
    assert (wire.status, wire.headers["x-amzn-errortype"]) == (400, kind)
    assert words in wire.json["message"]


async def test_unknown_operation(post):
    wire = await post("/model/m/converse-backwards", {}, **BEARER)
    assert (wire.status, wire.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


def bounds(kind: str) -> tuple[str, str, str]:
    """Least, most and pattern of one of our types."""
    limits, _, pattern = kind.partition(":")[2].partition("~")
    low, _, high = limits.partition("..")
    return low, high, _PATTERNS.get(pattern, "")


def limits(shape: dict) -> tuple[str, str, str]:
    """The same of one of AWS's; a pattern that anything fits is none."""
    low, high = (str(shape[name]) if name in shape else "" for name in ("min", "max"))
    return low, high, shape.get("pattern", "")


def test_the_shapes_are_those_of_the_service_model():
    """Every member, and whether it is required, as AWS's own client has them; what is left as ``doc`` is not compared."""
    model = Loader().load_service_model("bedrock-runtime", "service-2")["shapes"]
    ours = {
        "Message": "Message", "Content": "ContentBlock", "System": "SystemContentBlock", "Image": "ImageBlock",
        "Document": "DocumentBlock", "Video": "VideoBlock", "Audio": "AudioBlock", "DocumentSource": "DocumentSource",
        "S3Location": "S3Location", "ToolUse": "ToolUseBlock", "ToolResult": "ToolResultBlock",
        "ResultContent": "ToolResultContentBlock", "SearchResult": "SearchResultBlock",
        "Guarded": "GuardrailConverseContentBlock", "GuardedText": "GuardrailConverseTextBlock",
        "GuardedImage": "GuardrailConverseImageBlock", "CachePoint": "CachePointBlock",
        "Reasoning": "ReasoningContentBlock", "ReasoningText": "ReasoningTextBlock", "Cited": "CitationsContentBlock",
        "ToolChange": "ToolAdditionBlock", "ToolReference": "ToolReference", "Inference": "InferenceConfiguration",
        "ToolConfig": "ToolConfiguration", "Tool": "Tool", "ToolSpec": "ToolSpecification", "InputSchema": "ToolInputSchema",
        "Named": "SpecificToolChoice", "Choice": "ToolChoice", "Guardrail": "GuardrailStreamConfiguration",
        "Performance": "PerformanceConfiguration", "Tier": "ServiceTier", "Output": "OutputConfig",
        "TextFormat": "OutputFormat", "Structure": "OutputFormatStructure", "JsonSchema": "JsonSchemaDefinition",
        "Request": "ConverseStreamRequest", "Counted": "ConverseTokensRequest", "Variable": "PromptVariableValues",
    }  # fmt: skip
    for mine, theirs in ours.items():
        members = {name for name, member in model[theirs]["members"].items() if "location" not in member}
        required = set(model[theirs].get("required", ())) & members
        shape = _PARSED[mine]
        assert set(shape.members) == members, theirs
        assert {name for name, member in shape.members.items() if member.required} == required, theirs
        assert shape.union == model[theirs].get("union", False), theirs
        for name, member in shape.members.items():
            options = model[model[theirs]["members"][name]["shape"]].get("enum")
            if member.type.startswith("="):
                assert member.type[1:].split("|") == options, (theirs, name)
            elif member.type.startswith(("str", "int", "float")):
                assert bounds(member.type) == limits(model[model[theirs]["members"][name]["shape"]]), (theirs, name)
