"""Claims about writing a request, but for its messages; the official SDK's types are the judge."""

from dataclasses import replace

import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_chat.render import render_request
from extproc.domain.conversation import (
    CacheMark,
    Conversation,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Source,
    Text,
    Tool,
    ToolChoice,
)
from extproc.domain.errors import UnsupportedFeature
from extproc.domain.quirks import COMPATIBLE

PLAIN = Conversation(model="m", messages=(Message("user", (Text("Hi"),)),))
HEAD = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
SCHEMA = {"type": "object", "additionalProperties": False}
F = {"type": "function", "function": {"name": "f"}}

FIELDS = {
    "nothing more": ({}, {}),
    "limit": ({"max_output_tokens": 5}, {"max_completion_tokens": 5}),
    "sampling": (
        {"temperature": 0, "top_p": 0.5, "seed": 1, "n": 2, "frequency_penalty": 0.5, "presence_penalty": 1},
        {"temperature": 0, "top_p": 0.5, "seed": 1, "n": 2, "frequency_penalty": 0.5, "presence_penalty": 1},
    ),
    "stop": ({"stop": ("a", "b")}, {"stop": ["a", "b"]}),
    "logprobs": ({"logprobs": True, "top_logprobs": 0}, {"logprobs": True, "top_logprobs": 0}),
    "bias": ({"logit_bias": {"1": -1}}, {"logit_bias": {"1": -1}}),
    "user, verbosity": ({"user": "u", "verbosity": "low"}, {"user": "u", "verbosity": "low"}),
    "tier": ({"service_tier": "flex"}, {"service_tier": "flex"}),
    "Anthropic's tier": ({"service_tier": "standard_only"}, {"service_tier": "default"}),
    "a stream always brings its usage": (
        {"stream": True},
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    "json": ({"output_format": OutputFormat("json")}, {"response_format": {"type": "json_object"}}),
    "json_schema": (
        {"output_format": OutputFormat("json_schema", "a", SCHEMA, strict=True, description="d")},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "description": "d", "schema": SCHEMA, "strict": True},
            }
        },
    ),
    "a schema without a name": (
        {"output_format": OutputFormat("json_schema", schema=SCHEMA)},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}},
    ),
    "a schema of nothing": (
        {"output_format": OutputFormat("json_schema", "a")},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
    ),
    "tools": (
        {"tools": (Tool("f"), Tool("g", "d", SCHEMA, strict=False, cache=CacheMark()))},
        {
            "tools": [
                F,
                {
                    "type": "function",
                    "function": {"name": "g", "description": "d", "parameters": SCHEMA, "strict": False},
                },
            ]
        },
    ),
    "a tool named": (
        {"tools": (Tool("f"),), "tool_choice": ToolChoice("named", "f"), "parallel_tool_calls": False},
        {"tools": [F], "tool_choice": F, "parallel_tool_calls": False},
    ),
    "a tool required": (
        {"tools": (Tool("f"),), "tool_choice": ToolChoice("required")},
        {"tools": [F], "tool_choice": "required"},
    ),
    "a choice without tools": ({"tool_choice": ToolChoice("auto"), "parallel_tool_calls": True}, {}),
    "effort": ({"reasoning": Reasoning(effort="xhigh", budget_tokens=1)}, {"reasoning_effort": "xhigh"}),
    "effort none": ({"reasoning": Reasoning(enabled=False, effort="none")}, {"reasoning_effort": "none"}),
    "no thinking": ({"reasoning": Reasoning(enabled=False)}, {}),
    "thinking as it likes": ({"reasoning": Reasoning(adaptive=True, display="omitted")}, {}),
    "thinking as it likes, a little": (
        {"reasoning": Reasoning(adaptive=True, effort="low")},
        {"reasoning_effort": "low"},
    ),
    "the least budget": ({"reasoning": Reasoning(budget_tokens=1024)}, {"reasoning_effort": "low"}),
    "the last low budget": ({"reasoning": Reasoning(budget_tokens=4096)}, {"reasoning_effort": "low"}),
    "a usual budget": ({"reasoning": Reasoning(budget_tokens=10_000)}, {"reasoning_effort": "medium"}),
    "the last medium budget": ({"reasoning": Reasoning(budget_tokens=16_384)}, {"reasoning_effort": "medium"}),
    "a large budget": ({"reasoning": Reasoning(budget_tokens=16_385)}, {"reasoning_effort": "high"}),
}


@pytest.mark.parametrize(("fields", "expected"), FIELDS.values(), ids=FIELDS)
def test_field(fields, expected, judge):
    rendered = render_request(replace(PLAIN, **fields), RenderOptions())
    assert rendered.body == HEAD | expected
    assert rendered.dropped == ()
    judge(rendered.body)


def test_older_servers_know_max_tokens():
    rendered = render_request(replace(PLAIN, max_output_tokens=5), RenderOptions(), legacy_max_tokens=True)
    assert rendered.body == HEAD | {"max_tokens": 5}


def test_more_stop_sequences_than_openai_takes_are_refused_or_dropped():
    stops = replace(PLAIN, stop=("a", "b", "c", "d", "e"))
    with pytest.raises(UnsupportedFeature, match=r"carry: stop \(4 at most\)\."):
        render_request(stops, RenderOptions())
    dropped = render_request(stops, RenderOptions(drop_unsupported=True))
    assert dropped.dropped == ("stop",)
    assert dropped.body == HEAD | {"stop": ["a", "b", "c", "d"]}
    assert render_request(stops, RenderOptions(quirks=COMPATIBLE)).body["stop"] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("options", [{"model": "gpt-5.1"}, {"known_as": "gpt-5.1"}], ids=str)
def test_an_effort_that_the_model_does_not_know_is_fitted_and_told(options):
    model, known_as = options.get("model", "m"), options.get("known_as")
    conversation = replace(PLAIN, model=model, reasoning=Reasoning(effort="max"))
    rendered = render_request(conversation, RenderOptions(known_as=known_as))
    assert rendered.body["reasoning_effort"] == "high"
    assert rendered.dropped == ("reasoning_effort",)


def test_an_end_user_too_long_for_openai_has_another_name():
    assert len(render_request(replace(PLAIN, user="u" * 191), RenderOptions()).body["user"]) == 64


LOST = {
    "unmapped": ({"unmapped": (("metadata", {}), ("tools[1]", {}))}, ("metadata", "tools[1]")),
    "top_k": ({"top_k": 5}, ("top_k",)),
    "a tier without a word": ({"service_tier": "batch"}, ("service_tier",)),
    "all at once": (
        {
            "top_k": 5,
            "unmapped": (("x", 1),),
            "messages": (Message("user", (Text("Hi"), Image(Source(url="gs://x")))),),
        },
        ("x", "top_k", "messages[0].content[1]"),
    ),
}


@pytest.mark.parametrize(("fields", "paths"), LOST.values(), ids=LOST)
def test_what_cannot_be_carried_is_named_or_dropped(fields, paths):
    conversation = replace(PLAIN, **fields)
    with pytest.raises(UnsupportedFeature) as caught:
        render_request(conversation, RenderOptions())
    assert caught.value.param == paths[0]
    for path in paths:
        assert path in caught.value.message
    rendered = render_request(conversation, RenderOptions(drop_unsupported=True))
    assert rendered.dropped == paths
    assert rendered.body == HEAD


def test_what_a_reasoning_model_does_not_take_is_refused_or_dropped():
    conversation = replace(PLAIN, model="gpt-5", temperature=0.0, stop=("X",), reasoning=Reasoning(effort="low"))
    with pytest.raises(UnsupportedFeature, match=r"carry: temperature\b.*, stop\b"):
        render_request(conversation, RenderOptions())
    rendered = render_request(conversation, RenderOptions(drop_unsupported=True))
    assert rendered.dropped == ("temperature", "stop")
    assert rendered.body == HEAD | {"model": "gpt-5", "reasoning_effort": "low"}


def test_a_model_that_takes_no_tools_while_it_reasons_does_not_reason():
    conversation = replace(PLAIN, model="gpt-5.6", tools=(Tool("f"),))
    rendered = render_request(conversation, RenderOptions())
    assert rendered.body["reasoning_effort"] == "none"
    assert rendered.dropped == ("reasoning_effort",)
