"""Tools, and what of a choice Converse has no word for."""

import pytest

from extproc.dialects.bedrock.families import family_of
from extproc.dialects.bedrock.render_blocks import Rendering
from extproc.dialects.bedrock.render_tools import render_tools
from extproc.dialects.losses import Losses
from extproc.domain.conversation import CacheMark, Conversation, Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from tests.judges.bedrock import MODEL, check

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS_5_5 = "anthropic.claude-opus-5-5"
NOVA = "us.amazon.nova-pro-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
GPT_OSS = "openai.gpt-oss-20b-1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/ab12"
DECLARED = (Tool("f"),)
HI = Message("user", (Text("hi"),))
CALLED = (HI, Message("assistant", (ToolCall("1", "g", "{}"),)), Message("tool", (ToolResult("1", ()),)))


def tools(model=CLAUDE, messages=(HI,), declared=DECLARED, **fields):
    losses = Losses()
    conversation = Conversation(model, messages, declared, **fields)
    rendered = render_tools(conversation, Rendering(family_of(model), losses))
    if rendered.config:
        check(rendered.config, MODEL.shape_for("ToolConfiguration"))
    return rendered.config, rendered.additional, losses.settle(drop=True)


def choice(mode, name=None, **fields):
    config, additional, told = tools(tool_choice=ToolChoice(mode, name), **fields)
    return config.get("toolChoice"), additional, told


def test_a_tool():
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}
    config, _, _ = tools(declared=(Tool("f", "Does f.", schema, cache=CacheMark("1h")), Tool("g", "", {}, strict=True)))
    assert config == {
        "tools": [
            {"toolSpec": {"name": "f", "description": "Does f.", "inputSchema": {"json": schema}}},
            {"cachePoint": {"type": "default", "ttl": "1h"}},
            {
                "toolSpec": {
                    "name": "g",
                    "inputSchema": {"json": {"type": "object", "additionalProperties": False}},
                    "strict": True,
                }
            },
        ]
    }
    assert tools()[0]["tools"][0]["toolSpec"]["inputSchema"] == {"json": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    ("model", "mode", "rendered", "told"),
    [
        (CLAUDE, "auto", {"auto": {}}, ()),
        (CLAUDE, "required", {"any": {}}, ()),
        (CLAUDE, "named", {"tool": {"name": "f"}}, ()),
        (OPUS_5_5, "required", {"auto": {}}, ("tool_choice",)),
        (NOVA, "named", {"tool": {"name": "f"}}, ()),
        (ARN, "named", {"tool": {"name": "f"}}, ()),
        (LLAMA, "required", {"any": {}}, ()),
        (LLAMA, "named", {"auto": {}}, ("tool_choice",)),
    ],
)
def test_choices(model, mode, rendered, told):
    assert choice(mode, "f" if mode == "named" else None, model=model) == (rendered, {}, told)


def test_no_choice_is_none():
    assert "toolChoice" not in tools()[0]


@pytest.mark.parametrize(
    ("mode", "name", "rendered"),
    [
        ("auto", None, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", None, {"type": "any", "disable_parallel_tool_use": True}),
        ("named", "f", {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
    ],
)
def test_one_call_at_a_time_is_claudes_word_and_then_the_only_spelling(mode, name, rendered):
    assert choice(mode, name, parallel_tool_calls=False) == (None, {"tool_choice": rendered}, ())


def test_one_call_at_a_time_elsewhere():
    assert tools(NOVA, parallel_tool_calls=False)[1:] == ({}, ("parallel_tool_calls",))
    assert tools(GPT_OSS, parallel_tool_calls=False)[1:] == ({"parallel_tool_calls": False}, ())
    assert tools(NOVA, declared=(), parallel_tool_calls=False) == ({}, {}, ())
    assert tools(NOVA, parallel_tool_calls=True)[1:] == ({}, ())


def test_without_a_choice_there_are_no_tools():
    assert tools(tool_choice=ToolChoice("none")) == ({}, {}, ())


def test_a_history_of_calls_needs_tools_all_the_same():
    config, additional, told = tools(messages=CALLED, tool_choice=ToolChoice("none"))
    assert ([tool["toolSpec"]["name"] for tool in config["tools"]], additional, told) == (
        ["f"],
        {"tool_choice": {"type": "none"}},
        (),
    )
    assert tools(NOVA, messages=CALLED, tool_choice=ToolChoice("none"))[1:] == ({}, ("tool_choice",))


@pytest.mark.parametrize(("model", "additional"), [(CLAUDE, {"tool_choice": {"type": "none"}}), (NOVA, {})])
def test_tools_that_the_client_declares_no_more_are_declared_for_it(model, additional):
    config, added, told = tools(model, messages=CALLED, declared=())
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["g"]
    assert (added, told) == (additional, ())
    assert tools(model, messages=(HI, CALLED[2]), declared=())[0]["tools"][0]["toolSpec"]["name"] == "tool"
    assert tools(model, declared=()) == ({}, {}, ())
