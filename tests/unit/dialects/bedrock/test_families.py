"""Which family of models takes which field, by name."""

import pytest

from extproc.dialects.bedrock.families import family_of


@pytest.mark.parametrize(
    ("model", "name", "caches", "tools", "hour", "status", "named"),
    [
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude", False, False, False, True, True),
        ("anthropic.claude-3-5-haiku-20241022-v1:0", "claude", True, True, False, True, True),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude", True, True, False, True, True),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "claude", True, True, True, True, True),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-6-v1",
            "claude",
            True,
            True,
            True,
            True,
            True,
        ),
        ("us.amazon.nova-pro-v1:0", "nova", True, False, False, True, True),
        ("amazon.nova-2-lite-v1:0", "nova2", True, False, False, True, True),
        ("openai.gpt-oss-20b-1:0", "gpt-oss", False, False, False, False, False),
        ("us.openai.gpt-5.6-sol", "gpt", False, False, False, False, False),
        ("mistral.mistral-large-2407-v1:0", "other", False, False, False, False, False),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/ab12", "unknown", False, False, False, True, True),
    ],
)
def test_family(model, name, caches, tools, hour, status, named):
    family = family_of(model)
    assert (family.name, family.is_claude) == (name, name == "claude")
    assert (family.caches, family.caches_tools, family.caches_1h) == (caches, tools, hour)
    assert (family.tool_status, family.named_tool) == (status, named)


def test_only_openais_models_count_the_cached_tokens_within_the_input():
    assert family_of("global.openai.gpt-5.6-luna").gross_input
    assert family_of("openai.gpt-oss-120b-1:0").gross_input
    assert not any(
        family_of(model).gross_input for model in ("us.anthropic.claude-opus-4-8", "amazon.nova-pro-v1:0", "")
    )


def test_claudes_traits_come_with_it():
    assert family_of("us.anthropic.claude-opus-4-8").claude.adaptive
    assert family_of("meta.llama3-3-70b-instruct-v1:0").claude.forced_tools
