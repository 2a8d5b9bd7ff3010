"""Tools in namespaces, as Codex sends them: tools of their own to other vendors, and what they were in the answer."""

import orjson
import pytest

from extproc.dialects.openai_responses.custom_tools import arguments_of
from extproc.dialects.openai_responses.namespaces import joined
from extproc.dialects.openai_responses.parse import parse_request
from extproc.domain.answer import Ended, Finished, Started, ToolCallDelta, ToolCallStarted
from extproc.translate.answer import translate_answer
from extproc.translate.pairs import PAIRS
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.tool_names import restoring
from tests.judges.openai_responses import read_answer

RUN = {"type": "function", "name": "run", "description": "Runs it.", "parameters": {"type": "object", "properties": {}}}
PATCH = {"type": "custom", "name": "patch"}
MCP = {"type": "namespace", "name": "mcp__js", "description": "A JavaScript engine.", "tools": [RUN, PATCH]}
DEFAULT = {"type": "namespace", "name": "functions", "description": "", "tools": [RUN]}


def parse(**fields):
    return parse_request({"model": "m", "input": "Hi", **fields})


def sent(provider: str, **fields):
    pair, body = PAIRS["openai-responses", provider], orjson.dumps({"model": "m", "input": "Hi", **fields})
    return translate_request(
        pair.client, pair.provider, body, orjson.loads(body), RequestJob("m", stream=False, same_dialect=False)
    )


def test_each_tool_is_one_of_its_own():
    conversation = parse(tools=[MCP])
    run, patch = conversation.tools
    assert (run.name, patch.name) == (joined("mcp__js", "run"), joined("mcp__js", "patch"))
    assert (run.description, patch.description) == ("mcp__js: A JavaScript engine.\n\nRuns it.", None)
    assert (run.custom, patch.custom) == (False, True)
    assert (conversation.unmapped, conversation.asides) == ((), ())


def test_the_default_namespace_is_none():
    assert parse(tools=[DEFAULT]).tools == parse(tools=[RUN]).tools


def test_other_tools_in_a_namespace_are_left_over():
    conversation = parse(tools=[{**MCP, "mood": "good", "tools": [{"type": "shell"}]}])
    assert [path for path, _ in conversation.unmapped] == ["tools[0].tools[0]", "tools[0].mood"]


def test_tools_that_items_bring_are_tools():
    more = [{"type": "additional_tools", "role": "developer", "tools": [RUN, MCP]}, {"role": "user", "content": "Hi"}]
    conversation = parse(input=more, tools=[PATCH])
    assert [tool.name for tool in conversation.tools] == [
        "patch",
        "run",
        joined("mcp__js", "run"),
        joined("mcp__js", "patch"),
    ]
    assert len(conversation.messages) == 1
    assert conversation.unmapped == ()


def test_a_tool_that_is_to_be_searched_for_is_there_from_the_beginning():
    conversation = parse(tools=[{"type": "tool_search"}, {**RUN, "defer_loading": True}])
    assert [tool.name for tool in conversation.tools] == ["run"]
    assert conversation.asides == ("tools[0]", "tools[1].defer_loading")
    assert conversation.unmapped == ()


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview"])
def test_a_search_of_openais_own_index_is_left_out_and_told(kind):
    conversation = parse(tools=[RUN, {"type": kind, "external_web_access": False}])
    assert ([tool.name for tool in conversation.tools], conversation.asides) == (["run"], ("tools[1]",))


def test_an_earlier_search_is_left_out_and_told():
    search = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}
    conversation = parse(input=[{"role": "user", "content": "Hi"}, search, {"role": "user", "content": "Go on"}])
    assert (conversation.unmapped, conversation.asides) == ((), ("input[1]",))


@pytest.mark.parametrize("provider", ["openai", "anthropic", "bedrock", "gemini"])
def test_earlier_calls_name_the_tool_that_is_sent(provider):
    calls = [
        {"role": "user", "content": "Hi"},
        {"type": "function_call", "call_id": "c1", "namespace": "mcp__js", "name": "run", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "namespace": "mcp__js", "name": "run", "output": "3"},
        {"type": "custom_tool_call", "call_id": "c2", "namespace": "mcp__js", "name": "patch", "input": "p"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "4"},
    ]
    translated = sent(provider, tools=[MCP], input=calls)
    run, patch = sorted(translated.tool_names, key=lambda name: translated.tool_names[name], reverse=True)
    assert run.startswith("mcp__js_run_")
    for name in (run, patch):
        assert translated.body.count(f'"{name}"'.encode()) >= 2
    assert b"\\u001f" not in translated.body


def test_an_answers_calls_name_tool_and_namespace():
    translated = sent("anthropic", tools=[RUN, MCP])
    names = {own: short for short, own in translated.tool_names.items()}
    pair = PAIRS["openai-responses", "anthropic"]
    uses = [("run", {}), (names[joined("mcp__js", "run")], {}), (names[joined("mcp__js", "patch")], {"input": "p"})]
    content = [
        {"type": "tool_use", "id": f"t{at}", "name": name, "input": told} for at, (name, told) in enumerate(uses)
    ]
    answer = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": content, "stop_reason": "tool_use",
              "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    client = restoring(pair.client, translated.tool_names, translated.custom_tools)
    body = translate_answer(client, pair.provider, orjson.dumps(answer), created=1, same_dialect=False).body
    plain, run, patch = read_answer(body, ".json").output
    assert (plain.type, plain.name, plain.namespace) == ("function_call", "run", None)
    assert (run.type, run.name, run.namespace) == ("function_call", "run", "mcp__js")
    assert (patch.type, patch.name, patch.namespace, patch.input) == ("custom_tool_call", "patch", "mcp__js", "p")


def test_a_streams_calls_name_tool_and_namespace():
    translated = sent("anthropic", tools=[MCP])
    names = {own: short for short, own in translated.tool_names.items()}
    client = restoring(PAIRS["openai-responses", "anthropic"].client, translated.tool_names, translated.custom_tools)
    writer = client.stream_writer(created=9, include_usage=False)
    events = (
        Started("resp_1", "m", 7),
        ToolCallStarted(0, "c1", names[joined("mcp__js", "run")]),
        ToolCallDelta(0, "{}"),
        ToolCallStarted(1, "c2", names[joined("mcp__js", "patch")]),
        ToolCallDelta(1, arguments_of("p")),
        Finished("tool_calls"),
        Ended(),
    )
    written = b"".join(map(writer.write, events))
    run, patch = read_answer(written, ".sse").output
    assert (run.name, run.namespace) == ("run", "mcp__js")
    assert (patch.name, patch.namespace, patch.input) == ("patch", "mcp__js", "p")
    told = [orjson.loads(line[6:]) for line in written.split(b"\n") if line.startswith(b"data: ")]
    added = [event["item"] for event in told if event["type"] == "response.output_item.added"]
    assert [(item["name"], item["namespace"]) for item in added] == [("run", "mcp__js"), ("patch", "mcp__js")]
