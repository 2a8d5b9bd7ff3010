"""Stop reasons, both ways."""

from typing import get_args

import pytest
from anthropic.types import StopReason

from extproc.dialects.anthropic.reasons import finish_of, stop_reason_of
from extproc.domain.answer import FinishReason


def render(finish, *, sequence=None, tools=False, refused=False):
    return stop_reason_of(finish, stop_sequence=sequence, called_tools=tools, refused=refused)


@pytest.mark.parametrize("reason", get_args(StopReason))
def test_every_reason_of_the_sdk_survives_the_way_there_and_back(reason):
    sequence = "END" if reason == "stop_sequence" else None
    assert render(finish_of(reason), sequence=sequence) == reason


@pytest.mark.parametrize("finish", get_args(FinishReason))
def test_every_neutral_reason_has_a_word_of_the_sdk(finish):
    assert render(finish) in get_args(StopReason)


@pytest.mark.parametrize(
    ("finish", "options", "reason"),
    [
        ("stop", {"tools": True}, "tool_use"),
        (None, {"tools": True}, "tool_use"),
        (None, {}, "end_turn"),
        ("stop", {"refused": True}, "refusal"),
        ("stop", {"sequence": "END"}, "stop_sequence"),
        ("length", {"tools": True}, "max_tokens"),
        ("content_filter", {}, "refusal"),
    ],
)
def test_the_reason_says_what_the_client_has_to_do_next(finish, options, reason):
    assert render(finish, **options) == reason


def test_a_reason_of_the_future_is_a_natural_end():
    assert finish_of("reason_of_tomorrow") == "stop"
