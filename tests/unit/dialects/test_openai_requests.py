"""Claims about what requests to OpenAI's APIs have in common."""

import pytest

from extproc.dialects.openai_requests import MAX_END_USER, end_user, file_name, fit_effort


def test_an_end_user_too_long_for_openai_has_another_name_always_the_same():
    long = "user_" + "a" * 186
    made = end_user(long)
    assert made is not None
    assert made == end_user(long) != end_user(long + "b")
    assert len(made) <= MAX_END_USER
    assert end_user("u" * MAX_END_USER) == "u" * MAX_END_USER
    assert end_user(None) is None
    assert end_user("\ud800" * 65)


@pytest.mark.parametrize(
    ("title", "media_type", "name"),
    [("a.pdf", "text/csv", "a.pdf"), (None, "application/pdf", "document.pdf"), ("", None, "document")],
)
def test_a_file_has_a_name(title, media_type, name):
    assert file_name(title, media_type) == name


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
    assert fit_effort(asked, model) == sent
