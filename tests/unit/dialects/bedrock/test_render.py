"""The body as a whole."""

import orjson
import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.bedrock.render import render_request
from extproc.domain.conversation import Conversation, Message, OutputFormat, Text, Tool, ToolCall, ToolResult
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from tests.judges.bedrock import check_request

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HI = (Message("user", (Text("hi"),)),)


def body(**fields):
    conversation = Conversation(**{"model": CLAUDE, "messages": HI, **fields})
    rendered = render_request(conversation, RenderOptions(drop_unsupported=True))
    check_request(rendered.body, stream=conversation.stream)
    return rendered.body


def test_text_alone():
    assert body(stream=True) == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def test_no_output_limit_is_made_up():
    """Converse's default is what the model can do."""
    assert "inferenceConfig" not in body()


def test_output_of_a_schema():
    output = OutputFormat("json_schema", "person", {"type": "object", "properties": {}}, description="Who.")
    text = body(output_format=output)["outputConfig"]["textFormat"]
    schema = text["structure"]["jsonSchema"]
    assert (text["type"], schema["name"], schema["description"]) == ("json_schema", "person", "Who.")
    assert orjson.loads(schema["schema"]) == {"type": "object", "properties": {}, "additionalProperties": False}
    bare = body(output_format=OutputFormat("json_schema", schema={"type": "object"}))
    assert bare["outputConfig"]["textFormat"]["structure"]["jsonSchema"].keys() == {"schema"}


def test_json_of_any_shape_is_asked_for_in_the_prompt():
    assert body(output_format=OutputFormat("json"))["system"] == [{"text": "Respond with a JSON object only."}]


def test_claude_is_asked_which_stop_sequence_it_was():
    assert body(stop=("END",))["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert "additionalModelResponseFieldPaths" not in body(stop=("END",), model="us.amazon.nova-pro-v1:0")


def test_one_error_names_all_that_cannot_be_carried():
    conversation = Conversation(CLAUDE, HI, n=2, seed=1, unmapped=(("store", True),))
    with pytest.raises(UnsupportedFeature, match=r"Bedrock Converse.*: n, seed, store"):
        render_request(conversation, RenderOptions())


def test_nobody_says_anything():
    with pytest.raises(InvalidRequest, match="at least one message"):
        render_request(Conversation(CLAUDE, (Message("user", (Text(" "),)),)), RenderOptions())


def test_what_is_behind_an_arn_can_be_said():
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12"
    conversation = Conversation(arn, HI, top_k=3)
    with pytest.raises(UnsupportedFeature, match="top_k"):
        render_request(conversation, RenderOptions())
    known = render_request(conversation, RenderOptions(known_as="claude-haiku-4-5"))
    assert known.body["additionalModelRequestFields"] == {"top_k": 3}


def test_all_at_once():
    """A ten-turn conversation with tools is of the service model."""
    turns = []
    for at in range(10):
        turns += [
            Message("user", (Text(f"question {at}"),)),
            Message("assistant", (Text("let me see"), ToolCall(f"call_{at}", "f", '{"a":1}'))),
            Message("tool", (ToolResult(f"call_{at}", (Text("1"),)),)),
            Message("assistant", (Text("it is 1"),)),
        ]
    rendered = body(messages=(Message("system", (Text("be nice"),)), *turns), tools=(Tool("f"),), temperature=0.5)
    assert len(rendered["messages"]) == 40
