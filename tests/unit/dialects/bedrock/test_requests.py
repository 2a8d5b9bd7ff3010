"""Every client request of the goldens, to every family of models: what is rendered is of the service model."""

import copy
import re
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.anthropic.dialect import AnthropicClient
from extproc.dialects.base import RenderOptions
from extproc.dialects.bedrock.dialect import BedrockProvider
from extproc.dialects.openai_chat.dialect import OpenAIChatClient
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from extproc.translate.tool_names import fit_tool_names
from tests.judges.bedrock import check_request

FOLDER = Path(__file__).parents[3] / "goldens" / "requests"
CLIENTS = {"anthropic-messages": AnthropicClient(), "openai-chat": OpenAIChatClient()}
NOTHING_LEFT = {"image_file_refused", "thread_refused"}
"""Without what cannot be carried; the latter is refused by the reader."""
INPUTS = sorted(
    path
    for client in CLIENTS
    for path in (FOLDER / client).glob("*.json")
    if len(path.suffixes) == 1 and path.stem not in NOTHING_LEFT
)
MODELS = (
    "anthropic.claude-3-haiku-20240307-v1:0",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "eu.anthropic.claude-opus-4-8",
    "anthropic.claude-opus-5-5",
    "us.amazon.nova-pro-v1:0",
    "amazon.nova-2-lite-v1:0",
    "openai.gpt-oss-120b-1:0",
    "meta.llama3-3-70b-instruct-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34ef56",
)
DROP = RenderOptions(drop_unsupported=True)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_rendered_is_of_the_service_model(path: Path, model: str):
    asked = replace(CLIENTS[path.parent.name].parse_request(orjson.loads(path.read_bytes())), model=model)
    conversation, _ = fit_tool_names(asked, "bedrock")
    before = copy.deepcopy(conversation)
    provider = BedrockProvider()
    rendered = provider.render_request(conversation, DROP)
    check_request(rendered.body, stream=conversation.stream)
    assert conversation == before, "the input is not changed"
    refused = refusal_of(conversation)
    assert refused <= set(rendered.dropped)
    if not refused:
        assert provider.render_request(conversation, RenderOptions()) == rendered


def refusal_of(conversation) -> set[str]:
    """The fields that the refusal names; none where it is not refused."""
    try:
        BedrockProvider().render_request(conversation, RenderOptions())
    except UnsupportedFeature as refusal:
        named = refusal.message.split("carry: ")[1].split(". Remove")[0]
        return set(re.sub(r" \([^)]*\)", "", named).split(", "))
    return set()


def test_the_judge_does_not_take_everything():
    text = {"role": "user", "content": [{"text": "hi"}]}
    for wrong in (
        {"messages": [{"role": "bot", "content": [{"text": "hi"}]}]},
        {"messages": [{"role": "user", "content": [{"text": "hi", "image": {}}]}]},
        {"messages": [text, text]},
        {"messages": [text], "model": "m"},
        {"messages": [text], "inferenceConfig": {"temperature": 1.5}},
        {"messages": [text], "toolConfig": {"tools": [{"toolSpec": {"name": "a b", "inputSchema": {"json": {}}}}]}},
    ):
        with pytest.raises(AssertionError):
            check_request(wrong, stream=False)


def test_what_cannot_be_carried_is_named_before_it_is_found_missing():
    path = FOLDER / "anthropic-messages" / "image_file_refused.json"
    conversation = CLIENTS["anthropic-messages"].parse_request(orjson.loads(path.read_bytes()))
    assert refusal_of(conversation) == {"messages[0].content[0]"}
    with pytest.raises(InvalidRequest, match="at least one message"):
        BedrockProvider().render_request(conversation, DROP)


FIELDS = st.dictionaries(
    st.sampled_from(
        [
            *("guardrailConfig", "performanceConfig", "requestMetadata", "additionalModelRequestFields", "metadata"),
            *("anthropic_beta", "temperature", "top_p", "top_k", "stop", "stop_sequences", "tools", "tool_choice"),
            *("reasoning_effort", "thinking", "output_config", "response_format", "service_tier", "n", "user", "seed"),
        ]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers(-2, 2000) | st.floats(0, 2) | st.text(max_size=5) | st.just("enabled"),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["type", "name", "budget_tokens", "effort", "a"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=5,
)


@given(FIELDS, st.sampled_from(sorted(CLIENTS)), st.sampled_from(MODELS))
def test_any_fields_give_a_request_or_a_clear_refusal(fields, client, model):
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], **fields}
    try:
        conversation = replace(CLIENTS[client].parse_request(body), model=model)
        rendered = BedrockProvider().render_request(conversation, DROP)
    except InvalidRequest:
        return
    assert orjson.loads(orjson.dumps(rendered.body))["messages"]


@pytest.mark.parametrize("name", ["openai-chat", "anthropic-messages"])
def test_nobody_says_anything(name):
    body = {"model": "m", "messages": [], "max_tokens": 5}
    conversation = replace(CLIENTS[name].parse_request(body), model=MODELS[1])
    with pytest.raises(InvalidRequest, match="at least one message"):
        BedrockProvider().render_request(conversation, DROP)
