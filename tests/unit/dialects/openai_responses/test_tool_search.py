"""The search of tools that Codex does itself: a function to other vendors, and an item of its own in the answer."""

import orjson
import pytest

from extproc.dialects.openai_responses.namespaces import joined
from extproc.dialects.openai_responses.parse import parse_request
from extproc.dialects.openai_responses.tool_search import NAME
from extproc.domain.answer import Ended, Finished, Started, ToolCallDelta, ToolCallStarted
from extproc.domain.conversation import Message, Text, Tool, ToolCall, ToolResult
from extproc.translate.answer import translate_answer
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.tool_names import restoring
from tests.judges.openai_responses import read_answer

SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}}
SEARCH = {"type": "tool_search", "execution": "client", "description": "Finds tools.", "parameters": SCHEMA}
RUN = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}, "defer_loading": True}
MCP = {"type": "namespace", "name": "mcp__js", "description": "", "tools": [RUN]}
ASKED = {
    "type": "tool_search_call",
    "call_id": "c1",
    "execution": "client",
    "status": "completed",
    "arguments": {"query": "js"},
}
FOUND = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "status": "completed", "tools": [MCP]}


def parse(**fields):
    return parse_request({"model": "m", "input": "Hi", **fields})


def restored(**fields):
    """The client's dialect for the answer to such a request, and what the provider calls the search."""
    pair, body = PAIRS["openai-responses", "anthropic"], orjson.dumps({"model": "m", "input": "Hi", **fields})
    job = RequestJob("m", stream=False, same_dialect=False)
    sent = translate_request(pair.client, pair.provider, body, orjson.loads(body), job)
    (name,) = [short for short, own in sent.tool_names.items() if own == NAME]
    assert name.startswith("tool_search_")
    return restoring(pair.client, sent.tool_names, sent.custom_tools), pair.provider, name


def test_the_search_is_a_function():
    conversation = parse(tools=[SEARCH])
    assert conversation.tools == (Tool(NAME, "Finds tools.", SCHEMA),)
    assert (conversation.unmapped, conversation.asides) == ((), ())


def test_what_it_has_found_are_tools():
    conversation = parse(input=[{"role": "user", "content": "Hi"}, ASKED, FOUND], tools=[SEARCH])
    assert [tool.name for tool in conversation.tools] == [NAME, joined("mcp__js", "run")]
    assert conversation.messages[1:] == (
        Message("assistant", (ToolCall("c1", NAME, '{"query":"js"}'),)),
        Message("tool", (ToolResult("c1", (Text("Found, and available now: mcp__js (run)"),), name=NAME),)),
    )
    assert conversation.unmapped == ()


def test_it_may_find_nothing():
    conversation = parse(input=[ASKED, {**FOUND, "tools": []}], tools=[SEARCH])
    assert conversation.messages[-1].parts == (ToolResult("c1", (Text("No tools were found."),), name=NAME),)


def test_of_a_search_by_openai_what_it_has_found_stays():
    ran = [{**ASKED, "call_id": None, "execution": "server"}, {**FOUND, "call_id": None, "execution": "server"}]
    conversation = parse(input=[{"role": "user", "content": "Hi"}, *ran])
    assert [tool.name for tool in conversation.tools] == [joined("mcp__js", "run")]
    assert (len(conversation.messages), conversation.unmapped) == (1, ())
    assert conversation.asides[-1] == "input[1]"


@pytest.mark.parametrize(("given", "told"), [({"query": "js"}, {"query": "js"}), ({}, {})])
def test_an_answer_searches(given, told):
    client, provider, name = restored(tools=[SEARCH])
    content = [{"type": "tool_use", "id": "t1", "name": name, "input": given}]
    answer = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": content, "stop_reason": "tool_use",
              "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    body = translate_answer(client, provider, orjson.dumps(answer), created=1, same_dialect=False).body
    (call,) = read_answer(body, ".json").output
    assert (call.type, call.execution, call.call_id, call.arguments) == ("tool_search_call", "client", "t1", told)


@pytest.mark.parametrize(("pieces", "told"), [(['{"query"', ':"js"}'], {"query": "js"}), (['{"que'], {}), ([], {})])
def test_a_stream_searches(pieces, told):
    client, _, name = restored(tools=[SEARCH])
    writer = client.stream_writer(created=9, include_usage=False)
    events = (
        Started("resp_1", "m", 7),
        ToolCallStarted(0, "c1", name),
        *(ToolCallDelta(0, piece) for piece in pieces),
        Finished("tool_calls"),
        Ended(),
    )
    written = b"".join(map(writer.write, events))
    (call,) = read_answer(written, ".sse").output
    assert (call.type, call.execution, call.call_id, call.arguments) == ("tool_search_call", "client", "c1", told)
    assert b"function_call" not in written
