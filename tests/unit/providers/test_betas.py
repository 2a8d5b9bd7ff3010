"""Which of a client's betas reach Claude on a cloud."""

import pytest

from extproc.providers.betas import ON_BEDROCK, ON_VERTEX, known_betas, split_betas

OF_CLAUDE_CODE = (
    "claude-code-20250219,oauth-2025-04-20,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,redact-thinking-2026-02-12,advanced-tool-use-2025-11-20,effort-2025-11-24"
)


@pytest.mark.parametrize(
    ("known", "passed"),
    [
        (
            ON_BEDROCK,
            [
                "interleaved-thinking-2025-05-14",
                "context-management-2025-06-27",
                "tool-search-tool-2025-10-19",
                "effort-2025-11-24",
            ],
        ),
        (
            ON_VERTEX,
            ["interleaved-thinking-2025-05-14", "context-management-2025-06-27", "tool-search-tool-2025-10-19"],
        ),
    ],
    ids=["bedrock", "vertex"],
)
def test_what_claude_code_sends_is_cut_down_to_what_the_cloud_knows(known, passed):
    assert known_betas(OF_CLAUDE_CODE, known) == passed


def test_one_that_comes_under_two_names_is_sent_once():
    assert known_betas("tool-search-tool-2025-10-19, advanced-tool-use-2025-11-20", ON_VERTEX) == [
        "tool-search-tool-2025-10-19"
    ]


def test_a_header_is_a_list_with_commas():
    assert split_betas(" a,b ,,c,") == ["a", "b", "c"]
    assert split_betas("") == []
