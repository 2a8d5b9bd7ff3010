"""Models that write less than what is asked for by default."""

import pytest

from extproc.accounting.outputs import most_output


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("gpt-4", 4096),
        ("gpt-4-turbo-2024-04-09", 4096),
        ("gpt-3.5-turbo", 4096),
        ("gpt-4o", None),
        ("gpt-4o-mini", None),
        ("gpt-4.1", None),
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-haiku-20241022", 8192),
        ("claude-sonnet-4-6", None),
        ("anthropic.claude-3-haiku-20240307-v1:0", 4096),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", 8192),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3-5-haiku-20241022-v1:0", 8192),
        ("us.anthropic.claude-opus-5-5", None),
        ("amazon.nova-lite-v1:0", 10_000),
        ("us.meta.llama3-3-70b-instruct-v1:0", 2048),
        ("gemini-2.0-flash-001", 8192),
        ("models/gemini-1.5-pro", 8192),
        ("gemini-2.5-flash", None),
        ("llama-3.3-70b", None),
    ],
)
def test_the_longest_answer(model, most):
    assert most_output(model) == most
