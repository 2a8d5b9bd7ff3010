"""How much to think, in the words of each family."""

import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.bedrock.families import family_of
from extproc.dialects.bedrock.render import render_request
from extproc.dialects.bedrock.render_blocks import Rendering
from extproc.dialects.bedrock.render_reasoning import render_reasoning
from extproc.dialects.losses import Losses
from extproc.domain.conversation import (
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

OPUS_5_5 = "anthropic.claude-opus-5-5"
OPUS_4_8 = "anthropic.claude-opus-4-8"
OPUS_4_6 = "anthropic.claude-opus-4-6-v1"
OPUS_4_5 = "anthropic.claude-opus-4-5-20251101-v1:0"
SONNET_4_5 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA_2 = "amazon.nova-2-lite-v1:0"
GPT_OSS = "openai.gpt-oss-20b-1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
LOW = Reasoning(effort="low")
OFF = Reasoning(enabled=False)


def reasoning(model, asked, **fields):
    losses = Losses()
    conversation = Conversation(model, (Message("user", (Text("hi"),)),), reasoning=asked, **fields)
    rendered = render_reasoning(conversation, Rendering(family_of(model), losses))
    return rendered.additional, rendered.effort, rendered.fixes_sampling, losses.settle(drop=True)


def thinking(**fields):
    return {"thinking": fields}


@pytest.mark.parametrize(
    ("asked", "effort"),
    [
        (Reasoning(effort="minimal"), "low"),
        (Reasoning(effort="xhigh"), "xhigh"),
        (Reasoning(budget_tokens=16384), "high"),
        (Reasoning(adaptive=True), "medium"),
        (OFF, "none"),
    ],
)
def test_gpt(asked, effort):
    assert reasoning("us.openai.gpt-5.6-sol", asked) == ({"reasoning": {"effort": effort}}, None, False, ())


@pytest.mark.parametrize(
    ("model", "asked", "additional", "effort"),
    [
        (SONNET_4_5, LOW, thinking(type="enabled", budget_tokens=1024), None),
        (SONNET_4_5, Reasoning(), thinking(type="enabled", budget_tokens=4096), None),
        (SONNET_4_5, Reasoning(effort="future"), thinking(type="enabled", budget_tokens=16384), None),
        (SONNET_4_5, Reasoning(budget_tokens=2000), thinking(type="enabled", budget_tokens=2000), None),
        (OPUS_4_5, Reasoning(effort="high"), thinking(type="enabled", budget_tokens=16384), "high"),
        (OPUS_4_6, Reasoning(effort="medium"), thinking(type="adaptive"), "medium"),
        (OPUS_4_6, Reasoning(effort="xhigh"), thinking(type="adaptive"), "high"),
        (OPUS_4_6, Reasoning(effort="minimal"), thinking(type="adaptive"), "low"),
        (OPUS_4_6, Reasoning(adaptive=True), thinking(type="adaptive"), None),
        (OPUS_4_6, Reasoning(budget_tokens=5000), thinking(type="enabled", budget_tokens=5000), None),
        (OPUS_4_8, Reasoning(effort="max"), thinking(type="adaptive"), "max"),
        (OPUS_4_8, Reasoning(budget_tokens=5000), thinking(type="adaptive"), "medium"),
        (OPUS_4_8, Reasoning(budget_tokens=10), thinking(type="adaptive"), "low"),
        (OPUS_4_8, Reasoning(adaptive=True, display="omitted"), thinking(type="adaptive", display="omitted"), None),
    ],
)
def test_claude(model, asked, additional, effort):
    assert reasoning(model, asked) == (additional, effort, True, ())


def test_claudes_budget_leaves_room_for_the_answer():
    assert reasoning(SONNET_4_5, Reasoning(budget_tokens=9000), max_output_tokens=4000)[0] == thinking(
        type="enabled", budget_tokens=3999
    )
    assert reasoning(SONNET_4_5, Reasoning(effort="high"), max_output_tokens=4000)[0] == thinking(
        type="enabled", budget_tokens=2000
    )
    assert reasoning(SONNET_4_5, LOW, max_output_tokens=1000) == ({}, None, False, ("reasoning_effort",))
    assert reasoning(OPUS_4_5, LOW, max_output_tokens=1000) == ({}, "low", False, ("reasoning_effort",))


@pytest.mark.parametrize(
    ("model", "additional", "effort", "told"),
    [
        (SONNET_4_5, thinking(type="disabled"), None, ()),
        (OPUS_5_5, {}, "low", ("reasoning_effort",)),
        (NOVA_2, {"reasoningConfig": {"type": "disabled"}}, None, ()),
        (GPT_OSS, {"reasoning_effort": "low"}, None, ("reasoning_effort",)),
        (LLAMA, {}, None, ()),
    ],
)
@pytest.mark.parametrize("asked", [OFF, Reasoning(effort="none")])
def test_off(model, asked, additional, effort, told):
    assert reasoning(model, asked) == (additional, effort, False, told)


def test_claude_does_not_think_before_a_forced_call():
    forced = {"tools": (Tool("f"),), "tool_choice": ToolChoice("required")}
    assert reasoning(SONNET_4_5, LOW, **forced) == (thinking(type="disabled"), None, False, ("reasoning_effort",))
    # Where no call can be forced, the choice is what is refused, not the thinking.
    assert reasoning(OPUS_5_5, LOW, **forced) == (thinking(type="adaptive"), "low", True, ())
    always = "anthropic.claude-fable-5"
    assert reasoning(always, LOW, **forced) == ({}, None, False, ("reasoning_effort",))
    assert reasoning(SONNET_4_5, LOW, tool_choice=ToolChoice("required"))[2]


def nova(effort):
    return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}


@pytest.mark.parametrize(
    ("asked", "effort"),
    [
        (LOW, "low"),
        (Reasoning(effort="minimal"), "low"),
        (Reasoning(), "medium"),
        (Reasoning(effort="xhigh"), "high"),
        (Reasoning(effort="future"), "high"),
        (Reasoning(budget_tokens=5000), "medium"),
    ],
)
def test_nova_2_and_gpt_oss(asked, effort):
    assert reasoning(NOVA_2, asked) == (nova(effort), None, effort == "high", ())
    assert reasoning(GPT_OSS, asked) == ({"reasoning_effort": effort}, None, False, ())


def test_nova_2_keeps_the_output_limit():
    assert reasoning(NOVA_2, Reasoning(effort="high"), max_output_tokens=500) == (
        nova("medium"),
        None,
        False,
        ("reasoning_effort",),
    )


def test_other_models_and_no_wish():
    assert reasoning(LLAMA, LOW) == ({}, None, False, ("reasoning_effort",))
    assert reasoning(SONNET_4_5, None) == ({}, None, False, ())


CALL, RESULT = ToolCall("c", "f", "{}"), Message("tool", (ToolResult("c", (Text("fine"),)),))


def asked(model, *turns, budget=2000):
    """``thinking`` of a whole request with these turns of the model, each with the result of its call; and what is told."""
    messages = [Message("user", (Text("hi"),))]
    for turn in turns:
        messages += [Message("assistant", turn), RESULT]
    conversation = Conversation(model, tuple(messages), reasoning=Reasoning(budget_tokens=budget))
    rendered = render_request(conversation, RenderOptions())
    additional = rendered.body.get("additionalModelRequestFields", {})
    return {name: value for name, value in additional.items() if name == "thinking"}, rendered.dropped


def test_a_budget_comes_too_late_for_an_answer_that_did_not_begin_with_thinking():
    assert asked(SONNET_4_5, (CALL,)) == ({}, ("reasoning_effort",))
    assert asked(SONNET_4_5, (Text("I look."), CALL), (Thinking("hm", "sig"), CALL)) == ({}, ("reasoning_effort",))
    assert asked(OPUS_4_6, (CALL,)) == (thinking(type="adaptive"), ())


def test_what_the_user_says_with_the_results_begins_another_answer():
    again = Message("user", (Text("Again."),))
    messages = (again, Message("assistant", (Thinking("hm", "sig"), CALL)), RESULT, again, Message("assistant", (CALL,)), RESULT)  # fmt: skip
    conversation = Conversation(SONNET_4_5, messages, reasoning=Reasoning(budget_tokens=2000))
    assert render_request(conversation, RenderOptions()).dropped == ("reasoning_effort",)


def test_an_answer_that_began_with_thinking_goes_on_with_it():
    manual = thinking(type="enabled", budget_tokens=2000), ()
    assert asked(SONNET_4_5) == manual
    assert asked(SONNET_4_5, (Thinking("hm", "sig"), CALL), (CALL,)) == manual
    assert asked(SONNET_4_5, (RedactedThinking("data"), CALL)) == manual
