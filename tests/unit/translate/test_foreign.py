"""What another vendor sealed does not reach a vendor that would refuse it, and nothing else changes."""

import json

import orjson
import pytest

from extproc.dialects.gemini.signatures import wrap
from extproc.translate.foreign import Server, without_foreign

SEALED = "llmgw.gemini.c2VhbGVk"
SIGNED = {"type": "thinking", "thinking": "mine", "signature": "EqQB"}
TEXT = {"type": "text", "text": "hello"}


def cleaned(dialect, parsed):
    return {**parsed, **without_foreign(dialect, orjson.dumps(parsed), parsed)}


def turn(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def test_anthropic_keeps_its_own_signed_thinking_only():
    foreign = [
        {"type": "thinking", "thinking": "theirs", "signature": SEALED},
        {"type": "thinking", "thinking": "nobody's", "signature": ""},
        {"type": "redacted_thinking", "data": SEALED},
    ]
    question = {"role": "user", "content": "hi"}
    parsed = {"model": "m", "messages": [question, turn(*foreign, SIGNED, TEXT), turn(*foreign), question]}
    assert cleaned("anthropic-messages", parsed) == {
        "model": "m",
        "messages": [question, turn(SIGNED, TEXT), question],
    }


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BY_GEMINI = {**CALL, "extra_content": {"google": {"thought_signature": "c2ln"}}}
THOUGHT = {"role": "assistant", "reasoning_content": "mine", "thinking_blocks": [SIGNED]}
HISTORY = [
    {"role": "user", "content": "hi"},
    {**THOUGHT, "content": None, "tool_calls": [BY_GEMINI, CALL, None]},
    {**THOUGHT, "content": ""},
    {"role": "assistant", "reasoning_content": "alone", "content": "hello"},
    {"role": "assistant", "content": "hello", "tool_calls": [{**CALL, "extra_content": {"of": "tomorrow"}}]},
    {"role": "assistant", "content": None, "tool_calls": [BY_GEMINI]},
    None,
]


def chat_history(server: Server):
    parsed = {"messages": HISTORY}
    return without_foreign("openai-chat", orjson.dumps(parsed), parsed, server)["messages"]


def test_chat_has_no_place_for_reasoning_and_signatures():
    assert chat_history(Server("gpt-5.5")) == [
        HISTORY[0],
        {"role": "assistant", "content": None, "tool_calls": [CALL, CALL, None]},
        {"role": "assistant", "content": "hello"},
        HISTORY[4],
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        None,
    ]
    assert cleaned("openai-chat", {"messages": "thinking_blocks"}) == {"messages": "thinking_blocks"}
    assert without_foreign("openai-chat", b'"thinking_blocks"', {}) == {}


def test_a_server_of_the_chat_dialect_gets_its_own_back():
    assert chat_history(Server("deepseek-v4", replay_reasoning=True)) == [
        HISTORY[0],
        {"role": "assistant", "reasoning_content": "mine", "content": None, "tool_calls": [CALL, CALL, None]},
        {"role": "assistant", "reasoning_content": "mine", "content": ""},
        *HISTORY[3:5],
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        None,
    ]
    assert chat_history(Server("models/gemini-3.6-flash"))[4:] == HISTORY[5:]


def test_chat_says_what_is_its_own_in_the_same_bytes():
    parsed = {
        "messages": [HISTORY[4], {"role": "user", "content": [{"type": "text", "text": "", "reasoning_content": 1}]}]
    }
    assert without_foreign("openai-chat", orjson.dumps(parsed), parsed) == {}


def test_responses_keeps_its_own_reasoning_items_only():
    own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    foreign = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": SEALED}
    parsed = {"model": "m", "input": [own, foreign, {"role": "user", "content": "hi"}]}
    assert cleaned("openai-responses", parsed)["input"] == [own, parsed["input"][2]]


@pytest.mark.parametrize("alphabet", [str, lambda seal: seal.replace("+", "-").replace("/", "_")])
@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_gemini_keeps_its_own_parts_only(name, alphabet):
    own = {"text": "a", name: "c2ln"}
    foreign = {"text": "b", "thought": True, name: alphabet(wrap("Eq?>~QB", "anthropic"))}
    parsed = {"contents": [{"role": "model", "parts": [foreign, own]}]}
    assert cleaned("gemini", parsed)["contents"] == [{"role": "model", "parts": [own]}]


def test_gemini_keeps_what_a_foreign_seal_stands_on():
    call = {"functionCall": {"name": "f", "args": {}}}
    parsed = {"contents": [{"role": "model", "parts": [{**call, "thoughtSignature": wrap("rs.x", "openai")}, None]}]}
    kept = without_foreign("gemini", orjson.dumps(parsed), parsed, Server("gemini-2.5-pro"))
    assert kept["contents"] == [{"role": "model", "parts": [call, None]}]


CALLS = {"functionCall": {"name": "f", "args": {}}}
RESULT = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}
SKIP = {"thoughtSignature": "skip_thought_signature_validator"}


def model(*parts):
    return {"role": "model", "parts": list(parts)}


def gemini_history(name: str, *contents):
    parsed = {"contents": list(contents)}
    changes = without_foreign("gemini", orjson.dumps(parsed), parsed, Server(name))
    return changes.get("contents", "as it was")


def test_the_first_call_of_a_step_is_signed_for_a_model_that_refuses_it_otherwise():
    snake = {"function_call": {"name": "f"}}
    contents = (
        RESULT,
        model({"text": "a"}, CALLS, CALLS),
        RESULT,
        model(snake),
        model(CALLS),
        RESULT,
        None,
        model(CALLS),
    )
    assert gemini_history("gemini-3-pro", *contents) == [
        RESULT,
        model({"text": "a"}, {**CALLS, **SKIP}, CALLS),
        RESULT,
        model({**snake, **SKIP}),
        model(CALLS),
        RESULT,
        None,
        model({**CALLS, **SKIP}),
    ]
    assert gemini_history("gemini-2.5-flash", *contents) == "as it was"


def test_a_foreign_seal_of_a_call_gives_way_to_one_that_is_taken():
    sealed = {**CALLS, "thoughtSignature": wrap("rs.x", "openai")}
    assert gemini_history("gemini-3-pro", RESULT, model(sealed)) == [RESULT, model({**CALLS, **SKIP})]
    assert gemini_history("gemini-2.5-pro", RESULT, model(sealed)) == [RESULT, model(CALLS)]


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_what_gemini_itself_has_signed_stays(name):
    own = model({**CALLS, name: "c2ln"}, CALLS)
    odd = ({"role": "model", "parts": "p"}, model("functionCall", None), {"parts": [CALLS]})
    assert gemini_history("gemini-3-pro", RESULT, own, model(CALLS), RESULT, *odd) == "as it was"


def test_a_blank_signature_is_found_however_it_is_written():
    parsed = {"messages": [turn({**SIGNED, "signature": ""}, TEXT)]}
    for spelled in (b'"signature" : ""', b'"signature":\n\t""', b'"signature": ""'):
        body = orjson.dumps(parsed).replace(b'"signature":""', spelled)
        assert without_foreign("anthropic-messages", body, parsed) == {"messages": [turn(TEXT)]}


@pytest.mark.parametrize("dumps", [orjson.dumps, lambda value: json.dumps(value).encode()])
def test_anthropic_keeps_citations_of_its_own_searches_only(dumps):
    own = {"type": "web_search_result_location", "url": "https://a", "encrypted_index": "Eo8B"}
    document = {"type": "char_location", "document_index": 0}
    foreign = {"type": "web_search_result_location", "url": "https://b", "encrypted_index": ""}
    cited = [turn({**TEXT, "citations": citations}) for citations in ([foreign, own, document], [foreign], [own], None)]
    parsed = {"messages": cited}
    assert {**parsed, **without_foreign("anthropic-messages", dumps(parsed), parsed)}["messages"] == [
        turn({**TEXT, "citations": [own, document]}),
        turn({**TEXT, "citations": None}),
        *cited[2:],
    ]


@pytest.mark.parametrize("dialect", ["anthropic-messages", "openai-responses", "gemini", "openai-chat"])
@pytest.mark.parametrize(
    "parsed",
    [
        {"messages": [turn(SIGNED, TEXT)], "input": "hi", "contents": None},
        {"messages": f'a text that says "{SEALED}"', "input": f'"{SEALED}', "contents": [f'"{SEALED}']},
        {"messages": [{"role": "user", "content": f'"{SEALED}" is what I got'}]},
    ],
)
def test_everything_else_stays(dialect, parsed):
    assert cleaned(dialect, parsed) == parsed


ANSWERED = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
THEIRS = {"type": "thinking", "thinking": "theirs", "signature": SEALED}
BUDGET = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("turns", "wanted"),
    [
        ([turn(THEIRS, USE), ANSWERED], {"type": "disabled"}),
        ([turn(SIGNED, USE), ANSWERED, turn(THEIRS, USE), ANSWERED], BUDGET),
        ([turn(THEIRS, USE), ANSWERED, turn(SIGNED, USE), ANSWERED], {"type": "disabled"}),
        ([turn(THEIRS, USE), {"role": "user", "content": [*ANSWERED["content"], TEXT]}], BUDGET),
        ([turn(THEIRS, TEXT), {"role": "user", "content": "and?"}], BUDGET),
        ([turn(THEIRS, USE), ANSWERED, turn(TEXT)], BUDGET),
    ],
)
def test_thinking_by_a_budget_goes_on_only_where_it_had_begun(turns, wanted):
    parsed = {"thinking": BUDGET, "messages": [{"role": "user", "content": "hi"}, *turns]}
    assert cleaned("anthropic-messages", parsed)["thinking"] == wanted
