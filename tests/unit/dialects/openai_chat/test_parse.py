"""Claims about reading a request, but for its messages (``test_parse_messages``)."""

import copy
from dataclasses import replace

import pytest

from extproc.dialects.openai_chat.parse import parse_request
from extproc.domain.conversation import (
    CacheMark,
    Conversation,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    Tool,
    ToolChoice,
)
from extproc.domain.errors import InvalidRequest

HELLO = [{"role": "user", "content": "Hi"}]
PLAIN = Conversation(model="m", messages=(Message("user", (Text("Hi"),)),))
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}


def request(**fields):
    return {"model": "m", "messages": HELLO, **fields}


def function(name="f", **fields):
    return {"type": "function", "function": {"name": name, **fields}}


FIELDS = {
    "nothing more": ({}, {}),
    "nulls": (dict.fromkeys(("tools", "stop", "n", "stream", "response_format", "user", "max_tokens")), {}),
    "max_tokens": ({"max_tokens": 5}, {"max_output_tokens": 5}),
    "max_completion_tokens": ({"max_completion_tokens": 5}, {"max_output_tokens": 5}),
    "both limits": ({"max_completion_tokens": 5, "max_tokens": 5}, {"max_output_tokens": 5}),
    "sampling": (
        {"temperature": 0, "top_p": 0.5, "seed": 7, "n": 2, "frequency_penalty": 0.1, "presence_penalty": -1},
        {"temperature": 0, "top_p": 0.5, "seed": 7, "n": 2, "frequency_penalty": 0.1, "presence_penalty": -1},
    ),
    "logprobs": ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    "logit_bias": ({"logit_bias": {"50256": -100}}, {"logit_bias": {"50256": -100}}),
    "one stop": ({"stop": "END"}, {"stop": ("END",)}),
    "stops": ({"stop": ["a", "b"]}, {"stop": ("a", "b")}),
    "no stops": ({"stop": []}, {}),
    "stream": ({"stream": True}, {"stream": True}),
    "stream with usage": (
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"stream": True, "include_usage": True},
    ),
    "user": ({"user": "u"}, {"user": "u"}),
    "safety_identifier": ({"user": "u", "safety_identifier": "s"}, {"user": "s"}),
    "service_tier": ({"service_tier": "flex"}, {"service_tier": "flex"}),
    "verbosity": ({"verbosity": "low"}, {"verbosity": "low"}),
    "text": ({"response_format": {"type": "text"}}, {}),
    "json": ({"response_format": {"type": "json_object"}}, {"output_format": OutputFormat("json")}),
    "json_schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": SCHEMA, "strict": True, "description": "d"},
            }
        },
        {"output_format": OutputFormat("json_schema", "a", SCHEMA, strict=True, description="d")},
    ),
    "tools": (
        {
            "tools": [
                function(),
                function("g", description="d", parameters=SCHEMA, strict=True),
                {"function": {"name": "h"}},
            ]
        },
        {"tools": (Tool("f"), Tool("g", "d", SCHEMA, strict=True), Tool("h"))},
    ),
    "cache mark on a tool": (
        {
            "tools": [
                {**function(), "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                function("g", cache_control={"type": "ephemeral"}),
            ]
        },
        {"tools": (Tool("f", cache=CacheMark("1h")), Tool("g", cache=CacheMark()))},
    ),
    "tool_choice auto": ({"tool_choice": "auto"}, {"tool_choice": ToolChoice("auto")}),
    "tool_choice none": ({"tool_choice": "none"}, {"tool_choice": ToolChoice("none")}),
    "tool_choice required": ({"tool_choice": "required"}, {"tool_choice": ToolChoice("required")}),
    "tool_choice any": ({"tool_choice": "any"}, {"tool_choice": ToolChoice("required")}),
    "tool_choice of allowed tools": (
        {
            "tools": [function(), function("g")],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("g")]}},
        },
        {"tools": (Tool("g"),), "tool_choice": ToolChoice("required")},
    ),
    "tool_choice named": ({"tool_choice": function()}, {"tool_choice": ToolChoice("named", "f")}),
    "parallel_tool_calls": ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    "effort": ({"reasoning_effort": "high"}, {"reasoning": Reasoning(effort="high")}),
    "effort none": ({"reasoning_effort": "none"}, {"reasoning": Reasoning(enabled=False, effort="none")}),
    "thinking": (
        {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
        {"reasoning": Reasoning(budget_tokens=2048, display="omitted")},
    ),
    "thinking off": ({"thinking": {"type": "disabled"}}, {"reasoning": Reasoning(enabled=False)}),
    "thinking as it likes": (
        {"thinking": {"type": "adaptive"}, "reasoning_effort": "low"},
        {"reasoning": Reasoning(effort="low", adaptive=True)},
    ),
}


@pytest.mark.parametrize(("fields", "expected"), FIELDS.values(), ids=FIELDS)
def test_field(fields, expected):
    body = request(**fields)
    before = copy.deepcopy(body)
    assert parse_request(body) == replace(PLAIN, **expected)
    assert body == before


HARMLESS = [
    {"n": 1},
    {"logprobs": False, "top_logprobs": 0},
    {"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}},
    {"store": False, "metadata": {}, "modalities": ["text"], "verbosity": "medium"},
    {"prompt_cache_options": {"mode": "explicit"}},
]


@pytest.mark.parametrize("fields", HARMLESS)
def test_a_field_without_effect_is_absent(fields):
    assert parse_request(request(**fields)) == PLAIN


def test_what_steers_openais_cache_is_a_hint():
    hints = {"prompt_cache_key": "k", "prompt_cache_retention": "24h"}
    parsed = parse_request(request(**hints))
    assert parsed.hints == tuple(hints.items())
    assert replace(parsed, hints=()) == PLAIN


UNMAPPED = {
    "what OpenAI has alone": (
        {
            "metadata": {"a": "b"},
            "store": True,
            "prediction": {"type": "content", "content": "x"},
            "modalities": ["text", "audio"],
            "audio": {"voice": "ash", "format": "wav"},
            "web_search_options": {},
            "moderation": {"model": "x"},
            "functions": [{"name": "f"}],
            "function_call": "auto",
        },
        None,
    ),
    "a field of the day after tomorrow": ({"quantum": {"a": [1]}}, None),
    "custom tools": (
        {"tools": [{"type": "custom", "custom": {"name": "c"}}]},
        [("tools[0]", {"type": "custom", "custom": {"name": "c"}})],
    ),
    "within a choice of allowed tools": (
        {
            "tools": [function()],
            "tool_choice": {
                "type": "allowed_tools",
                "x": 1,
                "allowed_tools": {"mode": "auto", "tools": [function(), {"type": "custom"}], "y": 2},
            },
        },
        [
            ("tool_choice.allowed_tools.tools[1]", {"type": "custom"}),
            ("tool_choice.allowed_tools.y", 2),
            ("tool_choice.x", 1),
        ],
    ),
    "a custom tool's choice": ({"tool_choice": {"type": "custom", "custom": {"name": "c"}}}, None),
    "a format of another kind": ({"response_format": {"type": "grammar", "grammar": "x"}}, None),
    "within a tool": (
        {"tools": [{"type": "function", "function": {"name": "f", "examples": [1]}, "beta": True}]},
        [("tools[0].function.examples", [1]), ("tools[0].beta", True)],
    ),
    "within a choice": (
        {"tool_choice": {"type": "function", "function": {"name": "f", "x": 1}, "y": 2}},
        [("tool_choice.function.x", 1), ("tool_choice.y", 2)],
    ),
    "within a format": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "x": 1}, "y": 2}},
        [("response_format.json_schema.x", 1), ("response_format.y", 2)],
    ),
    "within stream options": ({"stream_options": {"x": 1}}, [("stream_options.x", 1)]),
    "within thinking": ({"thinking": {"type": "adaptive", "x": 1}}, [("thinking.x", 1)]),
    "within a cache mark": (
        {"tools": [{**function(), "cache_control": {"type": "ephemeral", "scope": "org"}}]},
        [("tools[0].cache_control.scope", "org")],
    ),
}


@pytest.mark.parametrize(("fields", "unmapped"), UNMAPPED.values(), ids=UNMAPPED)
def test_what_no_other_vendor_knows_is_kept_with_its_path(fields, unmapped):
    expected = list(fields.items()) if unmapped is None else unmapped
    assert sorted(parse_request(request(**fields)).unmapped, key=str) == sorted(expected, key=str)


INVALID = {
    "no model": ({"model": None}, "model"),
    "a model that is no string": ({"model": 4}, "model"),
    "no messages": ({"messages": None}, "messages"),
    "messages that are no list": ({"messages": "Hi"}, "messages"),
    "a temperature in words": ({"temperature": "hot"}, "temperature"),
    "n is true": ({"n": True}, "n"),
    "half a token": ({"max_tokens": 1.5}, "max_tokens"),
    "limits that contradict": ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
    "stop is a number": ({"stop": 1}, "stop"),
    "a stop is a number": ({"stop": ["a", 1]}, "stop[1]"),
    "tools are no list": ({"tools": {}}, "tools"),
    "a tool without a function": ({"tools": [{"type": "function"}]}, "tools[0].function"),
    "a tool without a name": ({"tools": [function(), {"type": "function", "function": {}}]}, "tools[1].function.name"),
    "parameters that are no object": ({"tools": [function(parameters=[])]}, "tools[0].function.parameters"),
    "a choice of allowed tools without them": (
        {"tool_choice": {"type": "allowed_tools"}},
        "tool_choice.allowed_tools",
    ),
    "a choice of allowed tools of no mode": (
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": []}}},
        "tool_choice.allowed_tools.mode",
    ),
    "a choice of a tool that is not there": (
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function()]}}},
        "tool_choice.allowed_tools.tools[0].function.name",
    ),
    "a choice of no kind": ({"tool_choice": "perhaps"}, "tool_choice"),
    "a choice without a function": ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
    "a choice that is a list": ({"tool_choice": []}, "tool_choice"),
    "a format without a type": ({"response_format": {}}, "response_format.type"),
    "a format without a schema": ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    "a schema that is no object": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": 1}}},
        "response_format.json_schema.schema",
    ),
    "thinking of no kind": ({"thinking": {"type": "hard"}}, "thinking.type"),
    "a cache mark of no kind": (
        {"tools": [{**function(), "cache_control": {"type": "eternal"}}]},
        "tools[0].cache_control.type",
    ),
    "a cache mark of no lifetime": (
        {"tools": [{**function(), "cache_control": {"type": "ephemeral", "ttl": "1y"}}]},
        "tools[0].cache_control.ttl",
    ),
    "stream in words": ({"stream": "yes"}, "stream"),
    "logit_bias is a list": ({"logit_bias": []}, "logit_bias"),
}


@pytest.mark.parametrize(("fields", "param"), INVALID.values(), ids=INVALID)
def test_the_field_at_fault_is_named(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        parse_request(request(**fields))
    assert caught.value.param == param
    assert param in caught.value.message


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_a_body_that_is_no_object(body):
    with pytest.raises(InvalidRequest):
        parse_request(body)
