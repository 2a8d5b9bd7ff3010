"""Which of Claude's models it is, whatever a cloud puts around the name. Their traits: ``anthropic/test_models.py``."""

import pytest

from extproc.dialects.claude import Traits, traits_of, version_of


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("claude-sonnet-4-6", ("sonnet", (4, 6))),
        ("us.anthropic.claude-opus-4-6-v1", ("opus", (4, 6))),
        ("anthropic.claude-3-5-haiku-20241022-v1:0", ("haiku", (3, 5))),
        ("anthropic.claude-3-haiku-20240307-v1:0", ("haiku", (3, 0))),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", ("sonnet", (4, 0))),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-4-5-20251101-v1:0", ("opus", (4, 5))),
        ("amazon.nova-pro-v1:0", None),
        ("anthropic.claude-v2:1", None),
    ],
)
def test_version(model, version):
    assert version_of(model) == version
    assert (traits_of(model) == Traits()) or version is not None


def test_from_4_6_on_no_model_goes_on_from_a_final_assistants_message():
    older = ("claude-3-5-sonnet-20241022", "claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-5", "another")
    newer = (
        "claude-opus-4-6",
        "claude-sonnet-4-6",
        "claude-opus-4-8",
        "claude-haiku-5",
        "claude-sonnet-5",
        "claude-fable-5-1",
    )
    assert [traits_of(model).prefill for model in (*older, *newer)] == [True] * len(older) + [False] * len(newer)
