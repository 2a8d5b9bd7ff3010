"""Claims about requests: a prompt becomes a conversation, a conversation of one text a prompt."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_completions.parse import parse_request
from extproc.dialects.openai_completions.render import render_request
from extproc.domain.conversation import (
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
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from tests.judges.openai_completions import check_request

GOLDENS = Path(__file__).parents[3] / "goldens" / "requests" / "openai-completions"
INPUTS = sorted(path for path in GOLDENS.glob("*.json") if "." not in path.stem)
PROMPT = (Message("user", (Text("Hi"),)),)


def parse(**fields):
    return parse_request({"model": "m", "prompt": "Hi", **fields})


def render(conversation, **options):
    return render_request(conversation, RenderOptions(**options))


def test_there_are_enough_cases():
    assert len(INPUTS) >= 6


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_what_is_rendered_is_what_was_asked_for_and_the_sdk_takes_it(path):
    """Parsed and rendered again, fields at their defaults left out."""
    body = orjson.loads(path.read_bytes())
    conversation = parse_request(body)
    rendered = render(conversation, drop_unsupported=True)
    check_request(rendered.body, stream=conversation.stream)
    again = parse_request(rendered.body)
    assert replace(again, unmapped=()) == replace(conversation, unmapped=(), include_usage=conversation.stream)
    assert rendered.dropped == tuple(p for p, _ in conversation.unmapped if p not in {"suffix", "echo", "best_of"})


def test_a_prompt_is_one_user_message():
    assert parse().messages == PROMPT
    assert parse(prompt=["Hi"]).messages == PROMPT
    assert parse(prompt="").messages == (Message("user", (Text(""),)),)


@pytest.mark.parametrize("prompt", [None, ["a", "b"], [1, 2, 3], [[1, 2], [3]], [[1]], [7], [[]]])
def test_a_prompt_that_only_this_dialect_takes_is_refused_by_name(prompt):
    with pytest.raises(UnsupportedFeature, match="Completions API") as caught:
        parse(prompt=prompt)
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("prompt", "param"),
    [
        (7, "prompt"),
        ({}, "prompt"),
        ([], "prompt"),
        (["a", 1], "prompt[1]"),
        ([1, "a"], "prompt[1]"),
        ([1, True], "prompt[1]"),
        ([True], "prompt[0]"),
        ([[1], ["a"]], "prompt[1]"),
        ([{}], "prompt[0]"),
        ([None], "prompt[0]"),
    ],
)
def test_a_prompt_of_the_wrong_type_is_named(prompt, param):
    with pytest.raises(InvalidRequest) as caught:
        parse(prompt=prompt)
    assert type(caught.value) is InvalidRequest
    assert caught.value.param == param


def test_the_limit_that_the_dialect_promises_is_said():
    assert parse().max_output_tokens == 16
    assert parse(max_tokens=None).max_output_tokens == 16
    assert parse(max_tokens=0).max_output_tokens == 0


@pytest.mark.parametrize(
    ("value", "wanted"), [(None, (None, None)), (0, (True, None)), (3, (True, 3)), (3.0, (True, 3))]
)
def test_logprobs_are_a_number_here_and_two_fields_elsewhere(value, wanted):
    conversation = parse(logprobs=value)
    assert (conversation.logprobs, conversation.top_logprobs) == wanted
    assert render(conversation).body.get("logprobs") == value


def test_what_has_no_neutral_name_is_unmapped_and_comes_back_here():
    own = {"suffix": "b", "echo": True, "best_of": 3}
    conversation = parse(**own, min_p=0.1, stream_options={"x": 1})
    assert dict(conversation.unmapped) == {**own, "min_p": 0.1, "stream_options.x": 1}
    rendered = render(conversation, drop_unsupported=True)
    assert rendered.dropped == ("stream_options.x", "min_p")
    assert own.items() <= rendered.body.items()
    with pytest.raises(UnsupportedFeature, match=r"stream_options\.x, min_p"):
        render(conversation)


def test_defaults_are_nothing_to_carry():
    assert parse(n=1, best_of=1, echo=False, suffix="", frequency_penalty=0, presence_penalty=0.0, logit_bias={}) == (
        parse()
    )


def test_usage_of_a_stream():
    assert not parse(stream=True).include_usage
    assert parse(stream=True, stream_options={"include_usage": True, "include_obfuscation": True}).include_usage
    body = render(parse(stream=True)).body
    assert body["stream_options"] == {"include_usage": True}
    assert body["stream"] is True


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"n": True}, "n"),
        ({"echo": 0, "max_tokens": "7"}, "max_tokens"),
        ({"logprobs": True}, "logprobs"),
        ({"stop": 3}, "stop"),
        ({"stop": ["a", 1]}, "stop[1]"),
        ({"logit_bias": [1]}, "logit_bias"),
        ({"stream_options": []}, "stream_options"),
        ({"user": 3}, "user"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        parse(**fields)
    assert caught.value.param == param


CONVERSATIONS = {
    "several turns": (*PROMPT, Message("assistant", (Text("Yes?"),))),
    "a system prompt": (Message("system", (Text("Be brief."),)), *PROMPT),
    "only a system prompt": (Message("system", (Text("Be brief."),)),),
    "an image": (Message("user", (Image(Source(url="https://x.test/a.png")),)),),
    "two texts": (Message("user", (Text("a"), Text("b"))),),
    "nothing": (),
}


@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_conversation_is_refused_even_where_fields_may_be_dropped(messages):
    with pytest.raises(UnsupportedFeature) as caught:
        render(Conversation("m", messages), drop_unsupported=True)
    assert caught.value.param == "messages"


def test_every_field_that_cannot_be_carried_is_named():
    conversation = Conversation(
        "m",
        (Message("user", (Text("Hi"),), name="ann"),),
        tools=(Tool("f"),),
        tool_choice=ToolChoice("required"),
        output_format=OutputFormat("json"),
        reasoning=Reasoning(effort="high"),
        top_k=3,
        service_tier="flex",
        verbosity="low",
        unmapped=(("metadata", {"a": "b"}),),
    )
    names = "metadata, messages[0].name, tools, response_format, reasoning_effort, top_k, service_tier, verbosity"
    with pytest.raises(UnsupportedFeature) as caught:
        render(conversation)
    assert names in caught.value.message
    rendered = render(conversation, drop_unsupported=True)
    assert rendered.dropped == tuple(names.split(", "))
    assert rendered.body == {"model": "m", "prompt": "Hi"}
    check_request(rendered.body, stream=False)


def test_thinking_that_is_switched_off_is_no_loss():
    assert render(Conversation("m", PROMPT, reasoning=Reasoning(enabled=False))).dropped == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["prompt", "max_tokens", "stop", "n", "logprobs", "stream", "stream_options", "echo", "suffix", "best_of", "x"]


@given(st.fixed_dictionaries({"model": st.just("m")}, optional=dict.fromkeys(FIELDS, json_values)) | json_values)
def test_any_json_is_a_conversation_or_a_clear_refusal(body):
    try:
        conversation = parse_request(body)
    except InvalidRequest:
        return
    assert render(conversation, drop_unsupported=True).body["prompt"] == conversation.messages[0].parts[0].text
