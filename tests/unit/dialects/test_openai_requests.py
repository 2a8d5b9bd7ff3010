"""Claims about what requests to OpenAI's APIs have in common."""

import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_requests import MAX_END_USER, end_user, file_name, fit_model
from extproc.domain.conversation import Conversation, Message, Reasoning, Text, Tool
from extproc.domain.quirks import COMPATIBLE

TOOLS = (Tool("f"),)
OFF = Reasoning(enabled=False)


def fitted(model, *, chat=True, options=None, **fields):
    conversation = Conversation(model, (Message("user", (Text("Hi"),)),), **fields)
    return fit_model(conversation, options or RenderOptions(), chat=chat)


def test_an_end_user_too_long_for_openai_has_another_name_always_the_same():
    long = "user_" + "a" * 186
    made = end_user(long)
    assert made is not None
    assert made == end_user(long) != end_user(long + "b")
    assert len(made) <= MAX_END_USER
    assert end_user("u" * MAX_END_USER) == "u" * MAX_END_USER
    assert end_user(None) is None
    assert end_user("\ud800" * 65)


@pytest.mark.parametrize(
    ("title", "media_type", "name"),
    [("a.pdf", "text/csv", "a.pdf"), (None, "application/pdf", "document.pdf"), ("", None, "document")],
)
def test_a_file_has_a_name(title, media_type, name):
    assert file_name(title, media_type) == name


# -- effort -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "reasoning", "sent"),
    [
        ("gpt-5.4", Reasoning(budget_tokens=1024), "none"),
        ("gpt-5.5", Reasoning(effort="high"), "none"),
        ("gpt-5.5", None, "none"),
        ("gpt-5.6", None, "none"),
        ("gpt-6-luna", Reasoning(adaptive=True), "none"),
    ],
    ids=str,
)
def test_with_tools_chat_completions_has_newer_models_not_reason_and_that_is_told(model, reasoning, sent):
    found = fitted(model, reasoning=reasoning, tools=TOOLS)
    assert (found.effort, found.told) == (sent, ("reasoning_effort",))


@pytest.mark.parametrize(
    ("model", "reasoning", "sent"),
    [
        ("gpt-5.4", None, None),
        ("gpt-5.5", OFF, "none"),
        ("gpt-5.5", Reasoning(effort="none"), "none"),
        ("gpt-5.2", Reasoning(effort="high"), "high"),
        ("gpt-6-astra", Reasoning(effort="high"), "high"),
        ("gpt-6.9-nova", Reasoning(effort="high"), "high"),
        ("my-deployment", Reasoning(effort="high"), "high"),
    ],
    ids=str,
)
def test_with_tools_nothing_changes_where_it_need_not_or_cannot(model, reasoning, sent):
    """Of one that always reasons OpenAI says itself that Responses takes its tools."""
    found = fitted(model, reasoning=reasoning, tools=TOOLS)
    assert (found.effort, found.told) == (sent, ())


@pytest.mark.parametrize("around", [{"chat": False, "tools": TOOLS}, {"chat": True}], ids=str)
def test_by_responses_and_without_tools_newer_models_reason(around):
    found = fitted("gpt-5.6", reasoning=Reasoning(effort="high"), **around)
    assert (found.effort, found.told) == ("high", ())


def test_a_name_in_the_configuration_says_which_model_a_deployment_is():
    found = fitted("prod", options=RenderOptions(known_as="gpt-5.6"), tools=TOOLS)
    assert found.effort == "none"


@pytest.mark.parametrize(
    ("model", "sent"),
    [("gpt-5.5", "none"), ("gpt-6-sol", "none"), ("gpt-5.1", None), ("gpt-5", None), ("gpt-4o", None), ("m", None)],
)
def test_thinking_switched_off_is_said_to_models_that_would_think_and_need_not(model, sent):
    found = fitted(model, reasoning=OFF)
    assert (found.effort, found.told) == (sent, ())


# -- sampling ---------------------------------------------------------------------------------------------------------------

SAMPLING = {
    "temperature": 0.0,
    "top_p": 0.9,
    "logprobs": True,
    "top_logprobs": 3,
    "frequency_penalty": 0.5,
    "presence_penalty": -0.5,
    "logit_bias": {"7": -100},
    "stop": ("X",),
}
NEVER = {"frequency_penalty", "presence_penalty", "logit_bias"}


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize(
    ("model", "fields", "lost"),
    [
        ("gpt-4o", {}, set()),
        ("gpt-4o", {"reasoning": Reasoning(effort="high")}, set()),
        ("gpt-5-chat-latest", {}, set()),
        ("my-deployment", {"reasoning": Reasoning(effort="high")}, set()),
        ("gpt-5", {}, set(SAMPLING)),
        ("gpt-5", {"reasoning": OFF}, set(SAMPLING)),
        ("o3", {}, set(SAMPLING)),
        ("o1", {}, set(SAMPLING) - {"stop"}),
        ("gpt-5.1", {}, {*NEVER, "stop"}),
        ("gpt-5.1", {"reasoning": Reasoning(effort="none")}, {*NEVER, "stop"}),
        ("gpt-5.1", {"reasoning": Reasoning(effort="low")}, set(SAMPLING)),
        ("gpt-5.1-chat-latest", {}, set(SAMPLING)),
        ("gpt-5.5", {}, set(SAMPLING)),
        ("gpt-5.5", {"reasoning": OFF}, {*NEVER, "stop"}),
        ("gpt-6-astra", {}, set(SAMPLING)),
    ],
    ids=str,
)
def test_what_a_model_does_not_take_while_it_reasons_is_lost(model, fields, lost, chat):
    found = fitted(model, chat=chat, **SAMPLING, **fields)
    assert set(found.lost) == lost
    kept = {name for name in SAMPLING if getattr(found.conversation, name) not in (None, ())}
    assert kept == set(SAMPLING) - lost


def test_with_tools_a_model_that_does_not_reason_takes_a_temperature():
    assert fitted("gpt-5.6", temperature=0.5, tools=TOOLS).conversation.temperature == 0.5
    assert fitted("gpt-5.6", temperature=0.5).lost == ("temperature",)


def test_what_asks_for_nothing_is_left_out_without_a_word():
    nothing = {"temperature": 1.0, "top_p": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0, "logit_bias": {}}
    found = fitted("gpt-5", **nothing, logprobs=False, top_logprobs=0)
    assert found.lost == ()
    assert found.conversation == fitted("gpt-5").conversation


def test_another_server_than_openais_takes_what_it_takes_and_efforts_are_fitted():
    options = RenderOptions(quirks=COMPATIBLE)
    found = fitted("openai/gpt-5.6", options=options, **SAMPLING, tools=TOOLS, reasoning=Reasoning(effort="minimal"))
    assert (found.effort, found.lost) == ("low", ())
    assert found.conversation.temperature == 0
