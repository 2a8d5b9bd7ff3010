"""The output limit that budgets allow, put into a request of the client's dialect."""

import pytest

from extproc.translate.limit import limit_edits

OPENAI, ANTHROPIC = "openai-chat", "anthropic-messages"


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
    ],
)
def test_what_changes(dialect, body, unsaid, edits):
    assert limit_edits(dialect, body, 2000, unsaid=unsaid) == edits


def test_thinking_that_no_longer_fits_is_switched_off():
    body = {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert limit_edits(ANTHROPIC, body, 800) == {"max_tokens": 800, "thinking": {"type": "disabled"}}
