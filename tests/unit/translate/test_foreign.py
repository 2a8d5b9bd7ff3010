"""What another vendor sealed does not reach a vendor that would refuse it, and nothing else changes."""

import json

import orjson
import pytest

from extproc.dialects.gemini.signatures import wrap
from extproc.translate.foreign import without_foreign

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
    assert cleaned("gemini", parsed)["contents"] == [{"role": "model", "parts": [call, None]}]


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
