"""What a cloud wants otherwise in a request of the client's own dialect."""

import orjson
import pytest

from extproc.dialects.base import RenderOptions
from extproc.domain.errors import UnsupportedFeature
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, translate_request

MARK = {"type": "ephemeral", "ttl": "1h"}
OWN = {"type": "ephemeral"}


def sent(client: str, provider: str, body, **options):
    pair = PAIRS[client, provider]
    job = RequestJob("m", stream=False, same_dialect=pair.same, options=RenderOptions(**options))
    raw = orjson.dumps(body)
    return orjson.loads(translate_request(pair.client, pair.provider, raw, orjson.loads(raw), job).body)


def on_a_cloud(*messages, **fields):
    body = {"model": "m", "max_tokens": 9, "cache_control": MARK, "messages": list(messages), **fields}
    found = sent("anthropic-messages", "anthropic", body, automatic_cache=False)
    assert "cache_control" not in found
    return found["messages"]


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def text(said: str, **more):
    return {"type": "text", "text": said, **more}


def test_automatic_caching_marks_the_last_block_itself():
    assert on_a_cloud(user(text("a")), user(text("b"), text("c"))) == [
        user(text("a")),
        user(text("b"), text("c", cache_control=MARK)),
    ]
    assert on_a_cloud({"role": "user", "content": "a"}) == [user(text("a", cache_control=MARK))]


def test_a_mark_that_is_there_stays():
    assert on_a_cloud(user(text("a", cache_control=OWN))) == [user(text("a", cache_control=OWN))]


@pytest.mark.parametrize(
    "unmarkable",
    [
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}]},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "d"}]},
        {"role": "assistant", "content": [text("")]},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": []},
        {"role": "assistant"},
        {"role": "assistant", "content": [7]},
        7,
    ],
)
def test_what_can_carry_no_mark_is_passed_over(unmarkable):
    assert on_a_cloud(user(text("a")), unmarkable) == [user(text("a", cache_control=MARK)), unmarkable]
    assert on_a_cloud(unmarkable) == [unmarkable]


def test_no_mark_is_no_mark():
    assert on_a_cloud(user(text("a")), cache_control=None) == [user(text("a"))]


def test_messages_that_are_none_are_the_vendors_to_refuse():
    found = sent("anthropic-messages", "anthropic", {"messages": 7, "cache_control": MARK}, automatic_cache=False)
    assert found == {"model": "m", "messages": 7}


def test_what_is_foreign_is_gone_before_the_mark_is_set():
    """A sealed thought of another vendor is a turn's last block in no request that is sent."""
    sealed = {"type": "redacted_thinking", "data": "llmgw.openai.x"}
    assert on_a_cloud(user(text("a")), {"role": "assistant", "content": [text("b"), sealed]})[1]["content"] == [
        text("b", cache_control=MARK)
    ]


def test_anthropic_itself_gets_it_as_it_is():
    body = {"model": "x", "max_tokens": 9, "cache_control": MARK, "messages": [user(text("a"))]}
    assert sent("anthropic-messages", "anthropic", body) == {**body, "model": "m"}


def call(number: str, name: str, spelled: str = "functionCall"):
    return {spelled: {"id": number, "name": name, "args": {}}}


def result(number: str, name: str, said: str, spelled: str = "functionResponse"):
    return {spelled: {"id": number, "name": name, "response": {"output": said}}}


def test_vertex_gets_no_ids_and_results_in_the_order_of_their_calls():
    contents = [
        {"role": "user", "parts": [{"text": "id"}]},
        {"role": "model", "parts": [call("1", "f"), call("2", "f"), call("3", "g", "function_call")]},
        {"role": "user", "parts": [result("3", "g", "c", "function_response"), result("2", "f", "b"), {"text": "t"}, result("1", "f", "a")]},
        {"role": "model", "parts": [call("2", "f"), call("1", "f")]},
        {"role": "user", "parts": [result("1", "f", "d"), result("2", "f", "e")]},
        7,
        {"role": "user", "parts": {"text": "one"}},
    ]  # fmt: skip
    found = sent("gemini", "gemini", {"contents": contents}, call_ids=False)["contents"]
    assert b'"id":' not in orjson.dumps(found)
    assert [part.get("text") or part.popitem()[1]["response"]["output"] for part in found[2]["parts"]] == [
        *("a", "b", "t", "c")
    ]
    assert [part["functionResponse"]["response"]["output"] for part in found[4]["parts"]] == ["e", "d"]
    assert found[5:] == contents[5:]


def test_gemini_itself_gets_the_ids():
    body = {"contents": [{"role": "model", "parts": [{**call("1", "f"), "thoughtSignature": "s"}]}]}
    assert sent("gemini", "gemini", body) == body
    assert sent("gemini", "gemini", {"contents": 7, "x": {"id": 1}}, call_ids=False)["contents"] == 7


def test_what_is_translated_for_vertex_has_no_ids_either():
    asked = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "tool_calls": [{"id": "c1", **asked}, {"id": "c2", **asked}]},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
        ],
    }
    parts = sent("openai-chat", "gemini", body, call_ids=False)["contents"][2]["parts"]
    assert parts == [
        {"functionResponse": {"name": "f", "response": {"output": "one"}}},
        {"functionResponse": {"name": "f", "response": {"output": "two"}}},
    ]
    assert sent("openai-chat", "gemini", body)["contents"][2]["parts"][0]["functionResponse"]["id"] == "c2"


def test_no_thread_passes():
    """Whoever knew an answer's id would go on with another one's conversation: the account is shared."""
    thread = {"type": "continue", "previous_message_id": "msg_1"}
    body = {"model": "m", "max_tokens": 9, "thread": thread, "messages": [user(text("a"))]}
    for options in ({}, {"automatic_cache": False, "drop_unsupported": True}):
        with pytest.raises(UnsupportedFeature) as caught:
            sent("anthropic-messages", "anthropic", body, **options)
        assert caught.value.param == "thread"
        assert sent("anthropic-messages", "anthropic", {**body, "thread": None}, **options)["messages"]
