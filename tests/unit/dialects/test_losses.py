"""What cannot be carried is refused in one error, or named."""

from dataclasses import replace

import pytest

from extproc.dialects.anthropic.dialect import AnthropicClient, AnthropicProvider
from extproc.dialects.base import RenderOptions
from extproc.dialects.gemini.dialect import GeminiClient
from extproc.dialects.losses import Losses
from extproc.dialects.openai_chat.dialect import OpenAIChatClient
from extproc.dialects.openai_completions.dialect import OpenAICompletionsClient
from extproc.dialects.openai_responses.dialect import OpenAIResponsesClient
from extproc.domain.errors import InvalidRequest, UnsupportedFeature


def test_one_error_names_all_that_is_refused():
    losses = Losses()
    losses.refuse("n")
    losses.tell("verbosity")
    losses.refuse("seed")
    with pytest.raises(UnsupportedFeature) as caught:
        losses.settle(drop=False)
    assert "n, seed" in caught.value.message
    assert "verbosity" not in caught.value.message
    assert caught.value.param == "n"


def test_the_error_says_who_cannot():
    losses = Losses("Bedrock Converse")
    losses.refuse("seed")
    losses.tell("user")
    losses.refuse("n")
    losses.refuse("seed")
    with pytest.raises(UnsupportedFeature, match=r"\(Bedrock Converse\) cannot carry: seed, n\. ") as caught:
        losses.settle(drop=False)
    assert caught.value.param == "seed"
    assert losses.settle(drop=True) == ("seed", "user", "n")


def test_all_is_named_where_it_may_be_dropped():
    losses = Losses()
    losses.refuse("n")
    losses.tell("verbosity")
    losses.refuse("n")
    assert losses.settle(drop=True) == ("n", "verbosity")


def test_hints_alone_are_never_an_error():
    losses = Losses()
    losses.tell("verbosity")
    assert losses.settle(drop=False) == ("verbosity",)


def test_the_error_says_why():
    losses = Losses()
    losses.refuse("stop", "too many")
    losses.refuse("seed")
    losses.refuse("stop")
    with pytest.raises(UnsupportedFeature, match=r"carry: stop \(too many\), seed\. ") as caught:
        losses.settle(drop=False)
    assert caught.value.param == "stop"
    assert losses.settle(drop=True) == ("stop", "seed")


SVG = "data:image/svg+xml;base64,AAAA"
ANTHROPIC_SVG = {"type": "image", "source": {"type": "base64", "media_type": "image/svg+xml", "data": "AAAA"}}
GEMINI_SVG = {"inlineData": {"mimeType": "image/svg+xml", "data": "AAAA"}}
CHAT_CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}

SPELT = {
    "chat, behind two results": (
        OpenAIChatClient(),
        {
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "tool_calls": [CHAT_CALL, {**CHAT_CALL, "id": "b"}]},
                {"role": "tool", "tool_call_id": "a", "content": "1"},
                {"role": "tool", "tool_call_id": "b", "content": "2"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": SVG}}]},
            ],
            "stop": ["\n"],
        },
        ("messages[4].content[0]", "stop"),
    ),
    "responses": (
        OpenAIResponsesClient(),
        {
            "instructions": "i",
            "input": [{"role": "user", "content": [{"type": "input_image", "image_url": SVG}]}],
            "top_logprobs": 2,
            "reasoning": {"effort": "high"},
            "temperature": 0.5,
        },
        ("top_logprobs", "input[0].content[0]", "temperature"),
    ),
    "responses, log probabilities by name": (
        OpenAIResponsesClient(),
        {"input": "x", "include": ["message.output_text.logprobs"]},
        ("include",),
    ),
    "anthropic, behind a system prompt": (
        AnthropicClient(),
        {
            "max_tokens": 9,
            "system": [{"type": "text", "text": "s"}],
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t", "content": [ANTHROPIC_SVG]},
                        {"type": "text", "text": "and"},
                        ANTHROPIC_SVG,
                    ],
                },
            ],
            "stop_sequences": [" "],
        },
        ("messages[2].content[0].content[0]", "messages[2].content[2]", "stop_sequences"),
    ),
    "gemini": (
        GeminiClient(),
        {
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "x"}]},
                {"role": "user", "parts": [{"text": "y"}, GEMINI_SVG]},
                {"role": "model", "parts": [{"text": "{"}]},
            ],
            "generationConfig": {"candidateCount": 2, "stopSequences": [""], "seed": 5, "responseLogprobs": True},
        },
        (
            "generationConfig.candidateCount",
            "generationConfig.responseLogprobs",
            "generationConfig.seed",
            "contents[1].parts[1]",
            "contents[2]",
            "generationConfig.stopSequences",
        ),
    ),
    "completions": (
        OpenAICompletionsClient(),
        {"prompt": "x", "logprobs": 2, "n": 2, "best_of": 2},
        ("n", "logprobs", "best_of"),
    ),
}


@pytest.mark.parametrize(("client", "body", "paths"), SPELT.values(), ids=SPELT)
def test_what_is_lost_is_named_as_its_client_knows_it(client, body, paths):
    conversation = replace(client.parse_request({"model": "m", **body}), model="claude-sonnet-4-6")
    rendered = AnthropicProvider().render_request(conversation, RenderOptions(drop_unsupported=True))
    assert rendered.dropped == paths
    with pytest.raises(UnsupportedFeature) as caught:
        AnthropicProvider().render_request(conversation, RenderOptions())
    assert caught.value.param == paths[0]


def test_a_field_that_nobody_reads_is_not_taken_for_the_neutral_one_of_its_name():
    """Of Gemini, ``n`` is neither a field nor what stands for one."""
    body = {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"candidateCount": 2}, "n": 3}
    conversation = replace(GeminiClient().parse_request(body), model="claude-sonnet-4-6")
    rendered = AnthropicProvider().render_request(conversation, RenderOptions(drop_unsupported=True))
    assert set(rendered.dropped) == {"generationConfig.candidateCount", "n"}


def test_a_request_that_says_nothing_is_told_where():
    conversation = GeminiClient().parse_request({"model": "m", "contents": []})
    with pytest.raises(InvalidRequest, match="contents must hold") as caught:
        AnthropicProvider().render_request(conversation, RenderOptions())
    assert caught.value.param == "contents"
