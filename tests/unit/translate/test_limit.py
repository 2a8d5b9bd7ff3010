"""The output limit that budgets allow, put into a request of the client's dialect."""

import pytest

from extproc.translate.edit import DELETE
from extproc.translate.limit import limit_edits

OPENAI, ANTHROPIC = "openai-chat", "anthropic-messages"
RESPONSES, COMPLETIONS, GEMINI = "openai-responses", "openai-completions", "gemini"


@pytest.mark.parametrize(
    ("dialect", "body", "unsaid", "edits"),
    [
        (OPENAI, {}, None, {"max_completion_tokens": 2000}),
        (OPENAI, {}, 500, {"max_completion_tokens": 500}),
        (OPENAI, {}, 5000, {"max_completion_tokens": 2000}),
        (OPENAI, {"max_tokens": 3000}, 500, {"max_tokens": 2000}),
        (OPENAI, {"max_tokens": 2000}, None, {}),
        (OPENAI, {"max_tokens": 3000.0}, None, {"max_tokens": 2000}),
        (OPENAI, {"max_tokens": None}, None, {"max_completion_tokens": 2000}),
        (OPENAI, {"max_tokens": 3000, "max_completion_tokens": 10}, None, {"max_tokens": 2000}),
        (ANTHROPIC, {"max_tokens": 1000}, None, {}),
        (ANTHROPIC, {"max_tokens": 9000}, 10, {"max_tokens": 2000}),
        (
            ANTHROPIC,
            {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 4000, "x": 1}},
            None,
            {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1999, "x": 1}},
        ),
        (
            ANTHROPIC,
            {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 1500}},
            None,
            {"max_tokens": 2000},
        ),
        (ANTHROPIC, {"max_tokens": 9000, "thinking": {"type": "adaptive"}}, None, {"max_tokens": 2000}),
        (RESPONSES, {}, None, {"max_output_tokens": 2000}),
        (RESPONSES, {}, 500, {"max_output_tokens": 500}),
        (RESPONSES, {"max_output_tokens": 100}, 5, {}),
        (RESPONSES, {"max_output_tokens": 9000}, None, {"max_output_tokens": 2000}),
        (RESPONSES, {"max_output_tokens": None, "max_tokens": 5}, None, {"max_output_tokens": 2000}),
        (COMPLETIONS, {}, None, {"max_tokens": 2000}),
        (COMPLETIONS, {"max_tokens": 0}, None, {}),
        (COMPLETIONS, {"max_tokens": 9000}, None, {"max_tokens": 2000}),
        (GEMINI, {}, None, {"generationConfig": {"maxOutputTokens": 2000}}),
        (GEMINI, {"generationConfig": "?"}, 500, {"generationConfig": {"maxOutputTokens": 500}}),
        (
            GEMINI,
            {"generationConfig": {"topK": 1}},
            500,
            {"generationConfig": {"topK": 1, "maxOutputTokens": 500}},
        ),
        (
            GEMINI,
            {"generationConfig": {"maxOutputTokens": 9000, "seed": 1}},
            5,
            {"generationConfig": {"maxOutputTokens": 2000, "seed": 1}},
        ),
        (
            GEMINI,
            {"generation_config": {"max_output_tokens": 9000, "maxOutputTokens": 10}},
            None,
            {"generation_config": {"max_output_tokens": 2000, "maxOutputTokens": 10}},
        ),
        (
            GEMINI,
            {"generationConfig": {"topK": 1}, "generation_config": {"maxOutputTokens": 9000}},
            None,
            {"generationConfig": {"topK": 1}, "generation_config": {"maxOutputTokens": 2000}},
        ),
        (
            GEMINI,
            {"generationConfig": {"topK": 1}, "generation_config": {"topP": 1}},
            None,
            {"generationConfig": {"topK": 1, "maxOutputTokens": 2000}, "generation_config": {"topP": 1}},
        ),
    ],
)
def test_what_changes(dialect, body, unsaid, edits):
    assert limit_edits(dialect, body, 2000, unsaid=unsaid) == edits


def test_thinking_that_no_longer_fits_is_switched_off():
    body = {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert limit_edits(ANTHROPIC, body, 800) == {"max_tokens": 800, "thinking": {"type": "disabled"}}


def test_a_lower_limit_of_geminis_is_written_as_it_was_read():
    """It may stand in the settings twice, and the vendor take the other one."""
    body = {"generationConfig": {"maxOutputTokens": 10, "seed": 1}}
    assert limit_edits(GEMINI, body, 2000) == body


@pytest.mark.parametrize(
    ("limit", "thinking", "left"),
    [
        (2000, {"thinkingBudget": 8000, "includeThoughts": True}, {"thinkingBudget": 1000, "includeThoughts": True}),
        (2000, {"thinking_budget": 2000}, {"thinking_budget": 1000}),
        (2000, {"thinkingBudget": 1999}, {"thinkingBudget": 1999}),
        (2000, {"thinkingBudget": -1}, {"thinkingBudget": -1}),
        (2000, {"thinkingLevel": "high"}, {"thinkingLevel": "high"}),
        (1000, {"thinkingBudget": 8000}, {"thinkingBudget": 8000}),
    ],
)
@pytest.mark.parametrize("name", ["thinkingConfig", "thinking_config"])
def test_thinking_of_geminis_leaves_half_of_a_lowered_limit(limit, thinking, left, name):
    body = {"generationConfig": {"maxOutputTokens": 9000, name: thinking}}
    assert limit_edits(GEMINI, body, limit) == {"generationConfig": {"maxOutputTokens": limit, name: left}}


def test_a_limit_is_never_raised_to_what_a_vendor_takes():
    assert limit_edits(RESPONSES, {}, 5) == {"max_output_tokens": 5}


def test_no_edit_changes_what_was_parsed():
    body = {"generationConfig": {"maxOutputTokens": 9000, "thinkingConfig": {"thinkingBudget": 8000}}}
    limit_edits(GEMINI, body, 2000)
    assert body == {"generationConfig": {"maxOutputTokens": 9000, "thinkingConfig": {"thinkingBudget": 8000}}}


@pytest.mark.parametrize(
    ("body", "edits"),
    [
        ({}, {"max_tokens": 2000}),
        ({"max_tokens": 9}, {}),
        ({"max_completion_tokens": 9000}, {"max_tokens": 2000, "max_completion_tokens": DELETE}),
        ({"max_completion_tokens": 9, "max_tokens": 50}, {"max_tokens": 9, "max_completion_tokens": DELETE}),
        ({"max_completion_tokens": "?"}, {"max_tokens": 2000, "max_completion_tokens": DELETE}),
    ],
)
def test_older_servers_are_told_in_older_words(body, edits):
    assert limit_edits(OPENAI, body, 2000, older=True) == edits


def test_only_chat_has_older_words():
    assert limit_edits(RESPONSES, {}, 2000, older=True) == {"max_output_tokens": 2000}
