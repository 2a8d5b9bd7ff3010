"""The request's fields beside the messages, for models of each generation."""

from dataclasses import replace

import pytest

from extproc.dialects.anthropic.render import render_request
from extproc.dialects.base import RenderOptions
from extproc.domain.conversation import (
    CacheMark,
    Conversation,
    Message,
    Reasoning,
    RedactedThinking,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from extproc.domain.errors import UnsupportedFeature

BUDGET = "claude-sonnet-4-5"
BOTH = "claude-opus-4-6"
ADAPTIVE = "claude-opus-4-8"
ALWAYS = "claude-opus-5-5"
OTHER = "glm-9"

HELLO = Conversation(model=BOTH, messages=(Message("user", (Text("hi"),)),), max_output_tokens=10000)
FIXED = {"model", "max_tokens", "messages"}
WEATHER = Tool("weather", "what it is like", {"type": "object", "properties": {"city": {"type": "string"}}})


def render(is_request, *, drop=True, **fields):
    rendered = render_request(replace(HELLO, **fields), RenderOptions(drop_unsupported=drop))
    assert is_request(rendered.body)
    return {name: value for name, value in rendered.body.items() if name not in FIXED}, set(rendered.dropped)


def enabled(budget):
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def adaptive(effort=None):
    return {"thinking": {"type": "adaptive"}} | ({"output_config": {"effort": effort}} if effort else {})


@pytest.mark.parametrize(
    ("model", "reasoning", "fields", "dropped"),
    [
        (BOTH, None, {}, set()),
        # Effort alone: a budget for the old, adaptive for the new.
        (BUDGET, Reasoning(effort="minimal"), enabled(1024), set()),
        (BUDGET, Reasoning(effort="medium"), enabled(4096), set()),
        (BUDGET, Reasoning(effort="max"), enabled(5000), set()),
        (OTHER, Reasoning(effort="of_tomorrow"), enabled(5000), set()),
        (BUDGET, Reasoning(), enabled(4096), set()),
        ("claude-opus-4-5", Reasoning(effort="low"), enabled(1024) | {"output_config": {"effort": "low"}}, set()),
        (BOTH, Reasoning(effort="medium"), adaptive("medium"), set()),
        (BOTH, Reasoning(effort="xhigh"), adaptive("high"), set()),
        (BOTH, Reasoning(effort="max"), adaptive("max"), set()),
        (ADAPTIVE, Reasoning(effort="minimal"), adaptive("low"), set()),
        (ADAPTIVE, Reasoning(effort="xhigh"), adaptive("xhigh"), set()),
        (ADAPTIVE, Reasoning(), adaptive(), set()),
        (ALWAYS, Reasoning(effort="low"), adaptive("low"), set()),
        # A budget: kept where the model has budgets, else the effort that stands for it.
        (BUDGET, Reasoning(budget_tokens=2000), enabled(2000), set()),
        (BUDGET, Reasoning(budget_tokens=20000), enabled(9999), set()),
        (BUDGET, Reasoning(budget_tokens=1000), {}, {"reasoning_effort"}),
        (BOTH, Reasoning(budget_tokens=2000), enabled(2000), set()),
        (BOTH, Reasoning(budget_tokens=2000, effort="high"), enabled(2000) | {"output_config": {"effort": "high"}}, set()),
        (ADAPTIVE, Reasoning(budget_tokens=500), adaptive("low"), set()),
        (ADAPTIVE, Reasoning(budget_tokens=1024), adaptive("low"), set()),
        (ADAPTIVE, Reasoning(budget_tokens=10000), adaptive("medium"), set()),
        (ADAPTIVE, Reasoning(budget_tokens=30000), adaptive("xhigh"), set()),
        (ADAPTIVE, Reasoning(budget_tokens=2000, effort="high"), adaptive("high"), set()),
        # Adaptive asked for.
        (BOTH, Reasoning(adaptive=True, display="omitted"), {"thinking": {"type": "adaptive", "display": "omitted"}}, set()),
        (BUDGET, Reasoning(adaptive=True, effort="low"), enabled(1024), set()),
        # Off.
        (BUDGET, Reasoning(enabled=False), {"thinking": {"type": "disabled"}}, set()),
        (ADAPTIVE, Reasoning(effort="none"), {"thinking": {"type": "disabled"}}, set()),
        ("claude-sonnet-5-5", Reasoning(enabled=False), {"thinking": {"type": "between_tools"}}, set()),
        (ALWAYS, Reasoning(enabled=False), {"output_config": {"effort": "low"}}, {"reasoning_effort"}),
    ],
)  # fmt: skip
def test_thinking(is_request, model, reasoning, fields, dropped):
    assert render(is_request, model=model, reasoning=reasoning, drop=False) == (fields, dropped)


CALL, RESULT = ToolCall("c", "weather", "{}"), Message("tool", (ToolResult("c", (Text("fine"),)),))
THOUGHT, SEALED = Thinking("hm", "sig"), RedactedThinking("data")


def asked(*turns):
    return (*HELLO.messages, *(turn if isinstance(turn, Message) else Message("assistant", turn) for turn in turns))


@pytest.mark.parametrize(
    "turns",
    [
        ((CALL,), RESULT),
        ((Thinking("theirs", "x", "openai"), CALL), RESULT),
        ((Thinking("unsigned"), CALL), RESULT),
        ((Text("I look."), CALL), RESULT, (CALL,), RESULT),
        ((CALL,), RESULT, Message("user", (Text("Hurry."),))),
        ((THOUGHT, CALL), RESULT, Message("user", (Text("Again."),)), (CALL,), RESULT),
        ((Text("So it"),),),  # to be continued by the model
    ],
)
def test_a_budget_comes_too_late_for_an_answer_that_did_not_begin_with_thinking(is_request, turns):
    asks = {"messages": asked(*turns), "reasoning": Reasoning(effort="high")}
    told = {"reasoning_effort"}
    for model, config in ((BUDGET, None), ("claude-opus-4-5", {"effort": "high"})):
        sent, dropped = render(is_request, model=model, **asks)
        assert (sent.get("thinking"), sent.get("output_config"), dropped) == (None, config, told)
    # Neither adaptive thinking nor another vendor's model minds.
    asks["reasoning"] = Reasoning(budget_tokens=2000)
    if isinstance(turns[-1], Message):  # this model goes on from no answer that was begun
        assert render(is_request, model=BOTH, **asks)[0]["thinking"] == {"type": "adaptive"}
    assert render(is_request, model=OTHER, **asks)[0]["thinking"] == enabled(2000)["thinking"]


@pytest.mark.parametrize(
    "turns",
    [
        ((THOUGHT, CALL), RESULT),
        ((SEALED, CALL), RESULT),
        ((THOUGHT, CALL), RESULT, (CALL,), RESULT),  # not interleaved: it thought before its first call
        ((CALL,), RESULT, (Text("Fine."),), Message("user", (Text("And now?"),))),
        ((CALL,), RESULT, (Text("Fine."),), Message("user", (Text("And now?"),)), (THOUGHT, CALL), RESULT),
    ],
)
def test_an_answer_that_began_with_thinking_goes_on_with_it(is_request, turns):
    sent, dropped = render(is_request, model=BUDGET, messages=asked(*turns), reasoning=Reasoning(budget_tokens=2000))
    assert (sent["thinking"], dropped) == (enabled(2000)["thinking"], set())


def test_the_answer_keeps_at_least_half_of_a_limit_that_thinking_shares(is_request):
    reasoning = Reasoning(effort="high")
    assert render(is_request, model=BUDGET, reasoning=reasoning, max_output_tokens=4000)[0] == enabled(2000)
    assert render(is_request, model=BUDGET, reasoning=reasoning, max_output_tokens=2000) == ({}, {"reasoning_effort"})


@pytest.mark.parametrize(
    ("model", "given", "sent", "dropped"),
    [
        (BUDGET, {"temperature": 0.2}, {"temperature": 0.2}, set()),
        (BUDGET, {"temperature": 0, "top_k": 5}, {"temperature": 0, "top_k": 5}, set()),
        (BUDGET, {"temperature": 1.7}, {"temperature": 1}, {"temperature"}),
        (BUDGET, {"temperature": 0.2, "top_p": 1}, {"temperature": 0.2}, set()),
        (BUDGET, {"temperature": 1, "top_p": 0.5}, {"top_p": 0.5}, set()),
        (OTHER, {"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2, "top_p": 0.5}, set()),
        (ADAPTIVE, {"temperature": 1, "top_p": 1}, {}, set()),
        (ADAPTIVE, {"temperature": 1.2}, {}, {"temperature"}),
    ],
)
def test_sampling_that_the_model_takes(is_request, model, given, sent, dropped):
    assert render(is_request, model=model, drop=False, **given) == (sent, dropped)


THINKS = {"reasoning": Reasoning(adaptive=True)}


@pytest.mark.parametrize(
    ("model", "given", "refused"),
    [
        (BUDGET, {"temperature": 0.2, "top_p": 0.5}, {"top_p"}),
        (ADAPTIVE, {"temperature": 0.2}, {"temperature"}),
        (ADAPTIVE, {"top_p": 0.9, "top_k": 1}, {"top_p", "top_k"}),
        (BOTH, {"temperature": 0.2, **THINKS}, {"temperature"}),
        (BOTH, {"top_p": 0.9, **THINKS}, {"top_p"}),
        (BOTH, {"top_k": 9, **THINKS}, {"top_k"}),
        (BOTH, {"n": 2, "seed": 0, "logprobs": True, "top_logprobs": 3, "logit_bias": {"1": 2}},
         {"n", "seed", "logprobs", "top_logprobs", "logit_bias"}),
        (BOTH, {"frequency_penalty": 0.5, "presence_penalty": -1.0}, {"frequency_penalty", "presence_penalty"}),
        (BOTH, {"stop": ("a", "\n", "")}, {"stop"}),
        (BOTH, {"unmapped": (("store", True), ("prediction", {"type": "content"}))}, {"store", "prediction"}),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_is_refused_all_at_once_or_dropped(is_request, model, given, refused):
    with pytest.raises(UnsupportedFeature) as caught:
        render(is_request, model=model, drop=False, **given)
    assert all(name in caught.value.message for name in refused)
    assert caught.value.param in refused
    fields, dropped = render(is_request, model=model, **given)
    assert dropped == refused
    assert refused.isdisjoint(fields)


def test_a_model_that_cannot_be_forced_to_call_a_tool_is_left_to_decide(is_request):
    given = {"model": ALWAYS, "tools": (WEATHER,), "tool_choice": ToolChoice("named", "weather")}
    with pytest.raises(UnsupportedFeature) as caught:
        render(is_request, drop=False, **given)
    assert caught.value.param == "tool_choice"
    fields, dropped = render(is_request, **given)
    assert fields["tool_choice"] == {"type": "auto"}
    assert dropped == {"tool_choice"}


def test_a_forced_tool_wins_over_thinking(is_request):
    fields, _ = render(is_request, tools=(WEATHER,), tool_choice=ToolChoice("required"), **THINKS)
    assert fields["tool_choice"] == {"type": "any"}
    assert fields["thinking"] == {"type": "disabled"}


def test_thinking_at_the_top_of_what_sampling_allows(is_request):
    fields, dropped = render(is_request, temperature=1, **THINKS, drop=False)
    assert fields == {"thinking": {"type": "adaptive"}, "temperature": 1}
    assert not dropped


@pytest.mark.parametrize(
    ("given", "sent", "dropped"),
    [
        ({"stop": ("a", "b")}, {"stop_sequences": ["a", "b"]}, set()),
        ({"user": "u1"}, {"metadata": {"user_id": "u1"}}, set()),
        ({"stream": True, "include_usage": True}, {"stream": True}, set()),
        ({"service_tier": "auto"}, {"service_tier": "auto"}, set()),
        ({"service_tier": "priority"}, {"service_tier": "auto"}, set()),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}, set()),
        ({"service_tier": "flex"}, {}, {"service_tier"}),
        ({"verbosity": "medium"}, {}, set()),
        ({"verbosity": "low"}, {}, {"verbosity"}),
        ({"n": 1, "frequency_penalty": 0, "logit_bias": {}, "logprobs": False, "top_logprobs": 0}, {}, set()),
    ],
)
def test_a_field_and_what_is_sent(is_request, given, sent, dropped):
    assert render(is_request, drop=False, **given) == (sent, dropped)


WEATHER_SENT = {"name": "weather", "description": "what it is like", "input_schema": WEATHER.parameters}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"tools": (WEATHER,)}, {"tools": [WEATHER_SENT]}),
        ({"tools": (Tool("now"),)}, {"tools": [{"name": "now", "input_schema": {"type": "object", "properties": {}}}]}),
        ({"tools": (Tool("now", parameters={}, strict=False, cache=CacheMark()),)},
         {"tools": [{"name": "now", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}]}),
        ({"tools": (replace(WEATHER, strict=True),)},
         {"tools": [WEATHER_SENT | {"input_schema": {**WEATHER.parameters, "additionalProperties": False}, "strict": True}]}),
        ({"tools": (WEATHER,), "tool_choice": ToolChoice("auto")},
         {"tools": [WEATHER_SENT], "tool_choice": {"type": "auto"}}),
        ({"tools": (WEATHER,), "tool_choice": ToolChoice("none"), "parallel_tool_calls": False},
         {"tools": [WEATHER_SENT], "tool_choice": {"type": "none"}}),
        ({"tools": (WEATHER,), "tool_choice": ToolChoice("named", "weather"), "parallel_tool_calls": False},
         {"tools": [WEATHER_SENT],
          "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}}),
        ({"tools": (WEATHER,), "parallel_tool_calls": False},
         {"tools": [WEATHER_SENT], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}),
        ({"tools": (WEATHER,), "parallel_tool_calls": True}, {"tools": [WEATHER_SENT]}),
        ({"tool_choice": ToolChoice("auto"), "parallel_tool_calls": False}, {}),
    ],
)  # fmt: skip
def test_tools(is_request, given, sent):
    assert render(is_request, drop=False, **given) == (sent, set())


def test_tools_of_the_history_are_declared_but_cannot_be_called(is_request):
    messages = (
        Message("user", (Text("q"),)),
        Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"), ToolCall("c", "f", "{}"))),
        Message("tool", (ToolResult("a", ()), ToolResult("b", ()), ToolResult("c", ()))),
    )
    fields, _ = render(is_request, messages=messages)
    assert [tool["name"] for tool in fields["tools"]] == ["f", "g"]
    assert fields["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize("model", [BUDGET, BOTH, ADAPTIVE])
def test_with_a_forced_tool_there_is_no_thinking(is_request, model):
    """As applications ask that take their answers out of calls, whatever their effort is."""
    forced = {"tools": (WEATHER,), "tool_choice": ToolChoice("required"), "reasoning": Reasoning(effort="high")}
    fields, dropped = render(is_request, model=model, drop=False, **forced)
    assert (fields["thinking"], fields["tool_choice"]) == ({"type": "disabled"}, {"type": "any"})
    assert dropped == {"reasoning_effort"}
