"""Claims about usage: no token is counted twice, none is lost, none is negative."""

import pytest
from openai.types import CompletionUsage

from extproc.dialects.openai_chat.usage import parse_usage, render_usage
from extproc.domain.usage import Usage

READ = {
    "plain": ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(input=10, output=5)),
    "OpenAI with all details": (
        {
            "prompt_tokens": 2000,
            "completion_tokens": 300,
            "total_tokens": 2300,
            "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 500, "audio_tokens": 7},
            "completion_tokens_details": {
                "reasoning_tokens": 200,
                "audio_tokens": 3,
                "accepted_prediction_tokens": 20,
                "rejected_prediction_tokens": 10,
            },
        },
        Usage(
            input=476,
            cache_read=1024,
            cache_write_5m=500,
            output=300,
            reasoning=200,
            audio_input=7,
            audio_output=3,
            accepted_prediction=20,
            rejected_prediction=10,
        ),
    ),
    "DeepSeek": (
        {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101, "prompt_cache_hit_tokens": 64},
        Usage(input=36, cache_read=64, output=1),
    ),
    "Moonshot": (
        {"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 4},
        Usage(input=5, cache_read=4, output=1),
    ),
    "LiteLLM in front of Anthropic": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "cache_creation_input_tokens": 50,
            "cache_read_input_tokens": 40,
            "prompt_tokens_details": {"cached_tokens": 40},
        },
        Usage(input=10, cache_read=40, cache_write_5m=50, output=1),
    ),
    "Envoy AI Gateway": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 40, "cache_creation_input_tokens": 50},
        },
        Usage(input=10, cache_read=40, cache_write_5m=50, output=1),
    ),
    "xAI: reasoning beside the completion": (
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        Usage(input=32, output=103, reasoning=94),
    ),
    "Gemini: only the total has the reasoning": (
        {"prompt_tokens": 9, "completion_tokens": 11, "total_tokens": 519},
        Usage(input=9, output=510, reasoning=499),
    ),
    "a total that explains nothing is not believed": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 11,
            "total_tokens": 50,
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
        Usage(input=9, output=11, reasoning=7),
    ),
    "no prompt count": ({"completion_tokens": 3, "total_tokens": 10}, Usage(input=7, output=3)),
    "more cached than there was": (
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 12, "cache_write_tokens": 5}},
        Usage(cache_read=10),
    ),
    "cached and written exceed the prompt": (
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 6}},
        Usage(cache_read=6, cache_write_5m=4),
    ),
    "negative, fractional, wrong types": (
        {
            "prompt_tokens": -5,
            "completion_tokens": 2.0,
            "total_tokens": "7",
            "prompt_tokens_details": [],
            "completion_tokens_details": {"reasoning_tokens": 1.5, "audio_tokens": None},
        },
        Usage(output=2),
    ),
    "more reasoning than output": (
        {"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}},
        Usage(output=5, reasoning=5),
    ),
    "empty": ({}, Usage()),
}


@pytest.mark.parametrize(("value", "usage"), READ.values(), ids=READ)
def test_parse(value, usage):
    assert parse_usage(value) == usage


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_what_is_no_object_is_no_usage(value):
    assert parse_usage(value) is None


@pytest.mark.parametrize("usage", [usage for _, usage in READ.values()], ids=READ)
def test_rendered_usage_is_openais_and_reads_back(usage):
    rendered = render_usage(usage)
    judged = CompletionUsage.model_validate(rendered, strict=True)
    assert judged.total_tokens == judged.prompt_tokens + judged.completion_tokens
    assert judged.prompt_tokens == usage.input + usage.cache_read + usage.cache_write
    assert parse_usage(rendered) == usage


def test_both_lifetimes_of_cache_writes_are_written_as_one():
    rendered = render_usage(Usage(input=1, cache_write_5m=2, cache_write_1h=4))
    assert rendered["prompt_tokens"] == 7
    assert rendered["prompt_tokens_details"]["cache_write_tokens"] == 6
