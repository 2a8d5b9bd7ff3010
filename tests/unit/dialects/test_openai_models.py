"""Claims about what OpenAI's models take, by their names."""

import pytest

from extproc.dialects.openai_models import traits_of


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("o3", "xhigh", "high"),
        ("o4-mini-2025-04-16", "minimal", "low"),
        ("gpt-5", "max", "high"),
        ("gpt-5", "none", "minimal"),
        ("gpt-5-mini-2025-08-07", "minimal", "minimal"),
        ("gpt-5-codex", "minimal", "low"),
        ("gpt-5-pro", "low", "high"),
        ("gpt-5.1", "minimal", "low"),
        ("gpt-5.1-2025-11-13", "xhigh", "high"),
        ("gpt-5.1-codex-max", "max", "xhigh"),
        ("gpt-5.1-chat-latest", "high", "medium"),
        ("gpt-5.2", "max", "xhigh"),
        ("openai/gpt-5.2", "max", "xhigh"),
        ("gpt-5.2-pro", "none", "medium"),
        ("gpt-5.6-sol", "max", "max"),
        ("gpt-5.6", "minimal", "low"),
        ("my-deployment", "max", "max"),
        ("gpt-5.1-of-mine", "max", "max"),
        ("deepseek-v4-pro", "max", "max"),
        ("gpt-5", "ultra", "ultra"),
        ("gpt-5", None, None),
    ],
)
def test_an_effort_is_fitted_to_what_the_model_takes(model, asked, sent):
    assert traits_of(model).nearest(asked) == sent


def test_all_that_openai_serves_by_responses_only_is_known():
    alone = (
        "o1-pro",
        "o3-pro",
        "gpt-5-pro",
        "gpt-5.2-pro",
        "gpt-5.4-pro",
        "gpt-5-codex",
        "gpt-5.1-codex",
        "gpt-5.3-codex",
    )
    assert not any(traits_of(model).chat for model in alone)
    assert all(traits_of(model).chat for model in ("o1", "o3", "gpt-5", "gpt-5.1-chat-latest", "gpt-6-astra", "m"))


@pytest.mark.parametrize(
    ("model", "chat_tools"),
    [
        ("gpt-35-turbo", True),
        ("gpt-4o", True),
        ("gpt-4.1", True),
        ("gpt-5", True),
        ("gpt-5.2-2025-12-11", True),
        ("gpt-oss-120b", True),
        ("o3", True),
        ("gpt-5.4-nano", False),
        ("openai/gpt-5.5-2026-04-23", False),
        ("gpt-5.6-terra", False),
        ("gpt-6-astra", False),
        ("gpt-6.2-astra", False),
        ("gpt-5.10", False),
        ("gpt-5.6-in-sweden", False),
    ],
)
def test_from_5_4_on_chat_completions_takes_no_tools_of_a_model_that_reasons(model, chat_tools):
    assert traits_of(model).chat_tools is chat_tools


@pytest.mark.parametrize(
    ("model", "effort", "reasons"),
    [
        ("gpt-5.4", None, False),
        ("gpt-5.4", "low", True),
        ("gpt-5.5", None, True),
        ("gpt-5.5", "none", False),
        ("o3", None, True),
        ("gpt-4o", "high", False),
    ],
)
def test_whether_a_model_reasons_depends_on_what_it_does_unasked(model, effort, reasons):
    assert traits_of(model).reasons(effort) is reasons
