"""Conversation → request JSON and Answer → answer JSON, whole."""

import copy
from dataclasses import replace

import orjson
import pytest

from extproc.dialects.anthropic.parse import parse_answer
from extproc.dialects.anthropic.render import render_answer, render_request
from extproc.dialects.base import RenderOptions
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import (
    Conversation,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InternalError
from extproc.domain.usage import Usage

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}, "required": ["n"]}
CONVERSATION = Conversation(
    model="claude-opus-4-6",
    messages=(
        Message("system", (Text("Be brief."),)),
        Message("user", (Text("What is this?"), Image(Source("image/png", "aW1n")))),
        Message("assistant", (Thinking("hm", "s"), ToolCall("call.1", "look", '{"at": "it"}'))),
        Message("tool", (ToolResult("call.1", (Text("a cat"),)),)),
        Message("user", (Text("Well?"),)),
    ),
    tools=(Tool("look", "looks", SCHEMA),),
    max_output_tokens=5000,
    stop=("END",),
    stream=True,
    user="u1",
    output_format=OutputFormat("json_schema", "n", SCHEMA, strict=True),
    reasoning=Reasoning(effort="medium"),
)


def test_a_whole_request(is_request):
    rendered = render_request(CONVERSATION, RenderOptions())
    assert rendered.dropped == ()
    assert is_request(rendered.body)
    assert rendered.body == {
        "model": "claude-opus-4-6",
        "max_tokens": 5000,
        "system": "Be brief.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aW1n"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "it"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "a cat"},
                    {"type": "text", "text": "Well?"},
                ],
            },
        ],
        "tools": [{"name": "look", "description": "looks", "input_schema": SCHEMA}],
        "thinking": {"type": "adaptive"},
        "output_config": {
            "effort": "medium",
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {"n": {"type": "integer", "description": '{"maximum":9}'}},
                    "required": ["n"],
                    "additionalProperties": False,
                },
            },
        },
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u1"},
        "stream": True,
    }


def test_rendering_again_gives_the_same_and_changes_nothing():
    before = copy.deepcopy(CONVERSATION)
    first = orjson.dumps(render_request(CONVERSATION, RenderOptions()).body)
    assert orjson.dumps(render_request(CONVERSATION, RenderOptions()).body) == first
    assert before == CONVERSATION


def test_the_targets_limit_stands_in_only_where_the_client_named_none():
    options = RenderOptions(default_max_output_tokens=77)
    assert render_request(CONVERSATION, options).body["max_tokens"] == 5000
    assert render_request(replace(CONVERSATION, max_output_tokens=None), options).body["max_tokens"] == 77
    assert render_request(replace(CONVERSATION, max_output_tokens=0), options).body["max_tokens"] == 0


def test_json_of_any_shape_is_asked_for_in_the_system_prompt(is_request):
    body = render_request(replace(CONVERSATION, output_format=OutputFormat("json")), RenderOptions()).body
    assert is_request(body)
    assert body["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Respond with a JSON object only."},
    ]
    assert body["output_config"] == {"effort": "medium"}


ANSWER = Answer(
    id="chatcmpl-1:x",
    model="generate",
    choices=(
        Choice(
            parts=(
                Thinking("hm"),
                Thinking("", "s"),
                RedactedThinking("d"),
                Text(""),
                Text("hi"),
                ToolCall("call_1", "f", '{"a": 1}'),
            ),
            finish="stop",
        ),
        Choice((Text("never shown"),), "stop"),
    ),
    usage=Usage(input=5, cache_read=6, cache_write_5m=7, cache_write_1h=8, output=9, reasoning=2, web_searches=1),
    created=1,
    service_tier="default",
)


def test_an_answer_is_the_sdks_message(sdk_message):
    message = sdk_message(render_answer(ANSWER))
    assert message.id == "msg_chatcmpl-1_x"
    assert message.model == "generate"
    assert message.stop_reason == "tool_use"
    assert [block.model_dump(exclude_none=True) for block in message.content] == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
    ]
    assert message.usage.input_tokens == 5
    assert message.usage.cache_creation_input_tokens == 15
    assert message.usage.output_tokens_details.thinking_tokens == 2
    assert message.usage.server_tool_use.web_search_requests == 1
    assert message.usage.service_tier == "standard"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("", {}),
        ("null", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ("plain", {"INVALID_JSON": "plain"}),
    ],
)
def test_arguments_that_are_no_object_do_not_break_the_answer(sdk_message, arguments, shown):
    choice = Choice((ToolCall("c", "f", arguments),), "length")
    message = sdk_message(render_answer(replace(ANSWER, choices=(choice,))))
    assert message.content[0].input == shown
    assert message.stop_reason == "max_tokens"


@pytest.mark.parametrize(
    ("choice", "reason", "sequence"),
    [
        (Choice((Refusal("no"),), "stop"), "refusal", None),
        (Choice((), None), "end_turn", None),
        (Choice((Text("x"),), "stop", stop_sequence="END"), "stop_sequence", "END"),
    ],
)
def test_how_an_answer_ended(sdk_message, choice, reason, sequence):
    message = sdk_message(render_answer(replace(ANSWER, choices=(choice,))))
    assert (message.stop_reason, message.stop_sequence) == (reason, sequence)


def test_an_answer_of_this_dialect_survives_the_way_there_and_back():
    citation = {"type": "char_location", "cited_text": "x"}
    choice = Choice(
        (Thinking("hm", "s"), Text("hi", citations=(citation,)), ToolCall("toolu_1", "f", '{"a":1}')), "tool_calls"
    )
    answer = replace(ANSWER, id="msg_1", choices=(choice,), created=None)
    assert parse_answer(render_answer(answer)) == answer


def test_an_answer_without_a_choice_is_our_fault():
    with pytest.raises(InternalError):
        render_answer(replace(ANSWER, choices=()))
