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
        ("llama-3.3-70b", None),
    ],
)
def test_the_longest_answer(model, most):
    assert most_output(model) == most
