"""Claims about rendering requests, those that clients of the other dialects send, and about what is lost of them."""

import re
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from extproc.dialects.anthropic.dialect import AnthropicClient
from extproc.dialects.gemini.dialect import GeminiClient
from extproc.dialects.gemini.models import generation_of, traits_of
from extproc.dialects.openai_chat.dialect import OpenAIChatClient
from extproc.domain.conversation import Message, Text, ToolCall, ToolChoice
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from tests.unit.dialects.gemini.rendering import ANSWERED, HI, TOOL, asked, render

GOLDENS = Path(__file__).parents[3] / "goldens" / "requests"
CLIENTS = {"openai-chat": OpenAIChatClient(), "anthropic-messages": AnthropicClient(), "gemini": GeminiClient()}
STORED = "thread_refused"
"""Rests on what a vendor has stored: refused by the reader."""
INPUTS = sorted(
    p for name in CLIENTS for p in (GOLDENS / name).glob("*.json") if "." not in p.stem and p.stem != STORED
)
MODELS = ["gemini-2.0-flash", "gemini-2.5-pro", "gemini-3.6-flash", "gemini-4-argon"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_sdks_types_take_what_any_client_asks(path, model):
    conversation = CLIENTS[path.parent.name].parse_request(orjson.loads(path.read_bytes()))
    rendered = render(replace(conversation, model=model), drop=True)
    assert "model" not in rendered.body
    assert "stream" not in rendered.body


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_refused_is_what_is_dropped(path):
    conversation = replace(
        CLIENTS[path.parent.name].parse_request(orjson.loads(path.read_bytes())), model="gemini-4-argon"
    )
    dropped = render(conversation, drop=True).dropped
    outcome = refusal_of(conversation)
    if isinstance(outcome, UnsupportedFeature):
        message = re.sub(r" \([^)]*\)", "", outcome.message)  # the reasons
        named = message.partition("carry: ")[2].partition(". Remove")[0].split(", ")
        assert set(named) <= set(dropped)
        assert outcome.param == named[0]
    else:
        assert outcome == dropped


def refusal_of(conversation):
    """The refusal, or what is dropped where there is none."""
    try:
        return render(conversation).dropped
    except UnsupportedFeature as error:
        return error


def test_gemini_4_refuses_and_ignores_what_older_models_take():
    wanted = asked(
        model="gemini-4-argon",
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        n=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        unmapped=(("cached_content", "cachedContents/a"),),
    )
    with pytest.raises(
        UnsupportedFeature, match=r"frequency_penalty \(this.*, presence_penalty \(.*, n \(.*, cached_content \("
    ):
        render(wanted)
    rendered = render(wanted, drop=True)
    assert "generationConfig" not in rendered.body
    assert set(rendered.dropped) >= {"temperature", "top_p", "top_k"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"parallel_tool_calls": False, "tools": (TOOL,)}, "parallel_tool_calls"),
        ({"seed": 2**31}, "seed"),
        ({"unmapped": (("store", True),)}, "store"),
    ],
)
def test_refused_fields(fields, path):
    with pytest.raises(UnsupportedFeature) as caught:
        render(asked(**fields))
    assert caught.value.param == path


def test_hints_are_told():
    told = asked(
        Message("user", (Text("x", citations=({},)),), name="ann"), user="u", verbosity="low", service_tier="scale"
    )
    assert render(told).dropped == (
        "user",
        "verbosity",
        "messages[0].name",
        "messages[0].content[0].citations",
        "service_tier",
    )
    assert render(asked(verbosity="medium", parallel_tool_calls=False)).dropped == ()


def test_one_call_of_the_tool_that_is_named_is_a_hint():
    """LangChain asks so for an answer of a schema, and takes the first call."""
    forced = {"tools": (TOOL,), "tool_choice": ToolChoice("named", TOOL.name), "parallel_tool_calls": False}
    assert render(asked(**forced)).dropped == ("parallel_tool_calls",)


def test_fields_of_this_vendor_pass_under_either_name():
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    for names in (("safety_settings", "cached_content"), ("safetySettings", "cachedContent")):
        own = ((names[0], safety), (names[1], "cachedContents/a"), ("labels", {"team": "a"}))
        body = render(asked(unmapped=own)).body
        assert (body["safetySettings"], body["cachedContent"], body["labels"]) == (
            safety,
            "cachedContents/a",
            {"team": "a"},
        )


@pytest.mark.parametrize(
    "field", [("safety_settings", {}), ("safety_settings", [1]), ("cachedContent", 1), ("labels", {"a": 1})]
)
def test_fields_of_this_vendor_are_checked(field):
    with pytest.raises(InvalidRequest) as caught:
        render(asked(unmapped=(field,)))
    assert caught.value.param == field[0]


@pytest.mark.parametrize(
    ("model", "generation"),
    [
        ("publishers/google/models/gemini-3.6-flash", 3),
        ("gemini-2.5-pro-preview-05-06", 2),
        ("gemini-4-argon", 4),
        ("gemini-flash-latest", 0),
        ("gemma-3", 0),
    ],
)
def test_generations(model, generation):
    assert generation_of(model) == generation


def test_names_that_clouds_and_previews_add_change_nothing():
    assert traits_of("models/gemini-2.5-flash-preview-09-2025") == traits_of("gemini-2.5-flash")
    assert traits_of("gemini-2.5-flash-lite-001") == traits_of("gemini-2.5-flash-lite") != traits_of("gemini-2.5-flash")
    assert traits_of("projects/p/locations/l/endpoints/7") == traits_of("gemini-flash-latest")


def test_an_attempt_changes_nothing_for_the_next():
    parts = (Text("Let me see."), ToolCall("c1", "get", '{"a": [1, 2, 3]}'))
    conversation = asked(HI, Message("assistant", parts), ANSWERED, tools=(TOOL,))
    before = repr(conversation)
    assert render(conversation) == render(conversation)
    assert repr(conversation) == before
