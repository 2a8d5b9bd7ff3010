"""Claims about messages for servers that differ from OpenAI."""

import re
from dataclasses import replace

import pytest

from extproc.dialects.openai_quirks import fit_items, fit_messages, is_same
from extproc.domain.quirks import COMPATIBLE, OPENAI

MISTRAL = replace(COMPATIBLE, short_call_ids=True, results_answered=True)
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TURN = [
    {"role": "user", "content": "?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "toolu_1", "content": "1"},
]


def fit(*messages, quirks=COMPATIBLE, join=False, replay_reasoning=False):
    return fit_messages(list(messages), quirks, join=join, replay_reasoning=replay_reasoning)


def texts(*given):
    return [{"type": "text", "text": text} for text in given]


def test_openai_gets_what_there_is():
    messages = [{"role": "developer", "content": texts("a", "b")}, *TURN, {"role": "user", "content": "!"}]
    assert is_same(fit(*messages, quirks=OPENAI), messages)


def test_others_get_the_role_that_they_know():
    developer, user = {"role": "developer", "content": "x", "name": "n"}, {"role": "user", "content": "x"}
    fitted = fit(developer, user)
    assert fitted[0] == {"role": "system", "content": "x", "name": "n"}
    assert fitted[1] is user
    assert developer["role"] == "developer"


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (texts("a", "b"), "a\n\nb"),
        (texts("a"), "a"),
        ([], ""),
        ("a", "a"),
        (None, None),
        ([*texts("a"), {"type": "image_url", "image_url": {"url": "https://x"}}],) * 2,
        ([{**texts("a")[0], "cache_control": {"type": "ephemeral"}}],) * 2,
        ([{"type": "text", "text": 1}],) * 2,
        ([1],) * 2,
    ],
    ids=str,
)
def test_text_is_joined_where_there_is_nothing_else(content, sent):
    (fitted,) = fit({"role": "user", "content": content}, join=True)
    assert fitted == {"role": "user", "content": sent}
    (left,) = fit({"role": "user", "content": content})
    assert left["content"] == content


def test_ids_of_calls_become_short_the_same_for_call_and_result():
    _, answer, result = fit(*TURN, quirks=MISTRAL)
    made = answer["tool_calls"][0]["id"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", made)
    assert result["tool_call_id"] == made
    assert answer["tool_calls"][0]["function"] == CALL["function"]
    other = fit({"role": "tool", "tool_call_id": "toolu_2", "content": "1"}, quirks=MISTRAL)[0]
    assert other["tool_call_id"] != made


def test_an_id_of_the_vendors_own_stays():
    messages = [
        {"role": "assistant", "tool_calls": [{**CALL, "id": "a1B2c3D4e"}, {**CALL, "id": 1}, 2]},
        {"role": "tool", "tool_call_id": "a1B2c3D4e"},
    ]
    assert is_same(fit(*messages, quirks=MISTRAL), messages)


@pytest.mark.parametrize("role", ["user", "system", "developer"])
def test_between_a_result_and_what_is_said_next_the_assistant_speaks(role):
    fitted = fit(*TURN, {"role": role, "content": "!"}, quirks=MISTRAL)
    assert [message["role"] for message in fitted[2:4]] == ["tool", "assistant"]
    assert fitted[3]["content"]
    assert len(fitted) == 5


def test_nothing_is_put_between_results_and_an_answer():
    messages = [*TURN, TURN[2], {"role": "assistant", "content": "!"}, {"role": "user", "content": "?"}]
    assert len(fit(*messages, quirks=MISTRAL)) == len(messages)
    assert len(fit(*TURN, {"role": "user", "content": "!"})) == 4


def test_a_call_that_was_made_without_reasoning_has_some_where_the_server_wants_it():
    said = {"role": "assistant", "content": "x"}
    reasoned = {"role": "assistant", "tool_calls": [CALL], "reasoning_content": "why"}
    fitted = fit(said, TURN[1], reasoned, replay_reasoning=True)
    assert fitted[0] is said
    assert fitted[1]["reasoning_content"].strip() == ""
    assert fitted[1]["reasoning_content"] != ""
    assert fitted[2] is reasoned
    assert is_same(fit(TURN[1]), [TURN[1]])


def test_what_is_no_message_is_the_servers_to_refuse():
    messages = [1, None, [], {}, {"role": 1}, {"tool_calls": 1, "tool_call_id": 2, "role": "tool"}]
    assert is_same(fit(*messages, quirks=MISTRAL, join=True), messages)


def test_items_of_responses_get_the_role_that_others_know():
    items = [{"role": "developer", "content": "x"}, {"type": "function_call"}, 1]
    assert fit_items(items, COMPATIBLE) == [{"role": "system", "content": "x"}, {"type": "function_call"}, 1]
    assert fit_items(items, OPENAI) is items
