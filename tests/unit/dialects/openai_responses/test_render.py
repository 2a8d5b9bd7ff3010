"""Claims about rendered requests. The judge is the SDK's parameter type."""

import orjson
import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.openai_responses.render import render_request
from extproc.domain.conversation import (
    Conversation,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from extproc.domain.errors import UnsupportedFeature
from extproc.domain.quirks import COMPATIBLE
from tests.judges.openai_responses import check_request

PROMPT = (Message("user", (Text("Hi"),)),)


def rendered(*, drop=False, messages=PROMPT, **fields):
    result = render_request(Conversation("m", messages, **fields), RenderOptions(drop_unsupported=drop))
    body = orjson.loads(orjson.dumps(result.body))
    check_request(body, stream=fields.get("stream", False))
    return result


def body(**fields):
    return rendered(**fields).body


def test_an_effort_that_the_model_does_not_know_is_fitted_and_told():
    conversation = Conversation("gpt-5.1", PROMPT, reasoning=Reasoning(effort="max"))
    result = render_request(conversation, RenderOptions())
    assert result.body["reasoning"] == {"effort": "high"}
    assert result.dropped == ("reasoning_effort",)


def test_an_end_user_too_long_for_openai_has_another_name():
    assert len(body(user="u" * 191)["safety_identifier"]) == 64


def test_a_server_that_is_not_openai_gets_the_role_that_it_knows():
    conversation = Conversation("m", (Message("developer", (Text("x"),)), *PROMPT))
    items = render_request(conversation, RenderOptions(quirks=COMPATIBLE)).body["input"]
    assert items == [{"role": "system", "content": "x"}, {"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(("asked", "sent", "told"), [(0, 16, True), (1, 16, True), (15, 16, True), (16, 16, False)])
def test_the_smallest_output_limit_is_openais_and_told(asked, sent, told):
    result = rendered(max_output_tokens=asked)
    assert result.body["max_output_tokens"] == sent
    assert result.dropped == (("max_tokens",) if told else ())


@pytest.mark.parametrize("drop", [False, True])
def test_an_output_limit_that_money_is_held_for_is_not_raised(drop):
    options = RenderOptions(bounded=True, drop_unsupported=drop)
    assert render_request(Conversation("m", PROMPT, max_output_tokens=16), options).body["max_output_tokens"] == 16
    with pytest.raises(UnsupportedFeature, match="16 tokens at least") as refused:
        render_request(Conversation("m", PROMPT, max_output_tokens=15), options)
    assert refused.value.param == "max_tokens"
    others = RenderOptions(bounded=True, quirks=COMPATIBLE)
    assert render_request(Conversation("m", PROMPT, max_output_tokens=1), others).body["max_output_tokens"] == 1


def test_nothing_is_stored():
    assert body() == {"model": "m", "input": [{"role": "user", "content": "Hi"}], "store": False}


def test_fields_that_chat_completions_share_are_taken_over():
    shared = {"store": True, "metadata": {"a": "b"}, "prompt_cache_key": "k"}
    result = rendered(unmapped=tuple(shared.items()))
    assert {name: result.body[name] for name in shared} == shared
    assert result.dropped == ()


def test_sampling_user_and_stream():
    found = body(temperature=0, top_p=0.5, max_output_tokens=90, user="u", service_tier="standard", stream=True)
    assert (found["temperature"], found["top_p"], found["max_output_tokens"]) == (0, 0.5, 90)
    assert (found["safety_identifier"], found["service_tier"], found["stream"]) == ("u", "default", True)


def test_a_function_is_not_strict_unless_it_says_so():
    """Left out, this API would try to be strict, and make optional arguments required."""
    tools = (Tool("f", "d", {"type": "object"}), Tool("g", strict=True))
    assert body(tools=tools)["tools"] == [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False},
        {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "strict": True},
    ]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [(ToolChoice("required"), "required"), (ToolChoice("named", "f"), {"type": "function", "name": "f"})],
)
def test_tool_choice(choice, wanted):
    found = body(tools=(Tool("f"),), tool_choice=choice, parallel_tool_calls=False)
    assert found["tool_choice"] == wanted
    assert found["parallel_tool_calls"] is False


def test_without_tools_their_options_say_nothing():
    assert "tool_choice" not in body(tool_choice=ToolChoice("auto"), parallel_tool_calls=True)


def test_output_formats():
    assert body(output_format=OutputFormat("json"), verbosity="low")["text"] == {
        "format": {"type": "json_object"},
        "verbosity": "low",
    }
    assert body(verbosity="high")["text"] == {"verbosity": "high"}
    bare = body(output_format=OutputFormat("json_schema", "n", strict=True))["text"]["format"]
    assert bare == {"type": "json_schema", "name": "n", "schema": {}, "strict": True}
    wanted = OutputFormat("json_schema", schema={"type": "object"}, description="d")
    assert body(output_format=wanted)["text"]["format"] == {
        "type": "json_schema",
        "name": "answer",
        "description": "d",
        "schema": {"type": "object"},
        "strict": False,
    }


@pytest.mark.parametrize(
    ("reasoning", "wanted"),
    [
        (Reasoning(effort="high", display="summarized"), {"effort": "high", "summary": "auto"}),
        (Reasoning(budget_tokens=2000), {"effort": "low"}),
        (Reasoning(budget_tokens=10_000), {"effort": "medium"}),
        (Reasoning(budget_tokens=30_000, display="omitted"), {"effort": "high"}),
        (Reasoning(enabled=False, effort="none"), {"effort": "none"}),
        (Reasoning(enabled=False), None),
        (Reasoning(adaptive=True), None),
    ],
)
def test_reasoning(reasoning, wanted):
    assert body(reasoning=reasoning).get("reasoning") == wanted


@pytest.mark.parametrize(
    ("fields", "included"),
    [
        ({}, None),
        ({"reasoning": Reasoning(effort="low")}, ["reasoning.encrypted_content"]),
        ({"reasoning": Reasoning(enabled=False)}, None),
        ({"logprobs": True, "top_logprobs": 2}, ["message.output_text.logprobs"]),
        (
            {"messages": (*PROMPT, Message("assistant", (Thinking("", "rs_1.enc", "openai"), Text("a"))), *PROMPT)},
            ["reasoning.encrypted_content"],
        ),
    ],
)
def test_seals_are_asked_for_where_the_model_reasons(fields, included):
    assert body(**fields).get("include") == included


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"stop": ("x",)}, "stop"),
        ({"n": 2}, "n"),
        ({"seed": 0}, "seed"),
        ({"top_k": 4}, "top_k"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"service_tier": "gold"}, "service_tier"),
        ({"unmapped": (("thing.of.tomorrow", 1),)}, "thing.of.tomorrow"),
        ({"unmapped": (("metadata.user", 1),)}, "metadata.user"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_name_or_dropped_and_named(fields, path):
    with pytest.raises(UnsupportedFeature, match=path.replace(".", r"\.")) as caught:
        rendered(**fields)
    assert caught.value.param == path
    assert rendered(drop=True, **fields).dropped == (path,)


@pytest.mark.parametrize("fields", [{"n": 1}, {"frequency_penalty": 0}, {"logit_bias": {}}])
def test_a_default_of_others_asks_for_nothing(fields):
    assert body(**fields) == body()


def test_what_a_reasoning_model_does_not_take_is_refused_or_dropped():
    conversation = Conversation("gpt-5", PROMPT, temperature=0.0, logprobs=True)
    with pytest.raises(UnsupportedFeature, match=r"carry: temperature\b.*, logprobs\b"):
        render_request(conversation, RenderOptions())
    result = render_request(conversation, RenderOptions(drop_unsupported=True))
    assert set(result.dropped) == {"temperature", "logprobs"}
    assert result.body.keys() == {"model", "input", "store"}


def test_tools_and_reasoning_go_together():
    conversation = Conversation("gpt-5.6", PROMPT, tools=(Tool("f"),), reasoning=Reasoning(effort="high"))
    result = render_request(conversation, RenderOptions())
    assert result.body["reasoning"] == {"effort": "high"}
    assert result.dropped == ()
