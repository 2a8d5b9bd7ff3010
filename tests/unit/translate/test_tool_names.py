"""A tool's name that the provider would refuse is another one there, and the client's own again in the answer."""

import re

import orjson
import pytest

from extproc.domain.answer import Ended, Finished, Started, ToolCallDelta, ToolCallStarted
from extproc.domain.conversation import Conversation, Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from extproc.domain.errors import InvalidRequest
from extproc.translate.answer import translate_answer
from extproc.translate.pairs import CLIENT_DIALECTS, PAIRS
from extproc.translate.request import RequestJob, translate_request
from extproc.translate.tool_names import fit_tool_names, restoring

LONG = "mcp__plugin_everything_claude_code_playwright__browser_take_a_screenshot"
DOTTED = "server.tool:x"
FITS = "get_weather-2"
CALLED_BY = {
    "openai": lambda name: {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": name, "arguments": "{}"}}]}, "finish_reason": "tool_calls"}]},
    "anthropic": lambda name: {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [{"type": "tool_use", "id": "t", "name": name, "input": {}}], "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 1}},
    "bedrock": lambda name: {"output": {"message": {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": name, "input": {}}}]}}, "stopReason": "tool_use", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}},
    "gemini": lambda name: {"candidates": [{"content": {"role": "model", "parts": [{"functionCall": {"name": name, "args": {}}}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}},
}  # fmt: skip


def asking(*names: str) -> Conversation:
    """A conversation that names tools everywhere it can."""
    calls = tuple(ToolCall(f"call_{at}", name, "{}") for at, name in enumerate(names))
    results = tuple(ToolResult(call.id, (Text("r"),), name=call.name) for call in calls)
    return Conversation(
        model="m",
        messages=(Message("user", (Text("q"),)), Message("assistant", calls), Message("tool", results)),
        tools=tuple(Tool(name) for name in names),
        tool_choice=ToolChoice("named", names[0]),
    )


def named(conversation: Conversation) -> set[tuple[str | None, ...]]:
    """The names, from each place where they stand."""
    parts = [part for message in conversation.messages for part in message.parts]
    return {
        tuple(tool.name for tool in conversation.tools),
        tuple(part.name for part in parts if isinstance(part, ToolCall)),
        tuple(part.name for part in parts if isinstance(part, ToolResult)),
    }


@pytest.mark.parametrize("spoken", ["openai", "openai-responses", "anthropic", "bedrock", "gemini"])
@pytest.mark.parametrize("name", [LONG, DOTTED, "9.lives", "ein Süßes", "." * 90, "日本"])
def test_an_unfit_name_is_replaced_everywhere_by_one_that_all_take(spoken, name):
    fitted, names = fit_tool_names(asking(name, FITS), spoken)
    ((short, original),) = names.items()
    assert original == name
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", short)
    assert named(fitted) == {(short, FITS)}
    assert fitted.tool_choice == ToolChoice("named", short)
    assert fit_tool_names(asking(name), spoken)[1] == names, "the next turn says the same"


def test_names_that_differ_behind_the_cut_stay_apart():
    _, names = fit_tool_names(asking(LONG + "_1", LONG + "_2", DOTTED, "server:tool.x"), "openai")
    assert sorted(names.values()) == sorted({LONG + "_1", LONG + "_2", DOTTED, "server:tool.x"})


@pytest.mark.parametrize(
    ("spoken", "name"), [("openai", FITS), ("openai", ""), ("gemini", "server.tool"), ("openai-completions", LONG)]
)
def test_what_fits_or_is_nowhere_said_stays(spoken, name):
    conversation = asking(name)
    assert fit_tool_names(conversation, spoken) == (conversation, {})


def request(client: str, name: str) -> bytes:
    """A request of this client's with one tool."""
    function = {"name": name, "description": "d", "parameters": {"type": "object", "properties": {}}}
    match client:
        case "openai-chat":
            body = {
                "messages": [{"role": "user", "content": "q"}],
                "tools": [{"type": "function", "function": function}],
            }
        case "openai-responses":
            body = {"input": "q", "store": False, "tools": [{"type": "function", "strict": False} | function]}
        case "anthropic-messages":
            tool = {"name": name, "input_schema": function["parameters"]}
            body = {"messages": [{"role": "user", "content": "q"}], "max_tokens": 9, "tools": [tool]}
        case _:
            contents = [{"role": "user", "parts": [{"text": "q"}]}]
            return orjson.dumps({"contents": contents, "tools": [{"functionDeclarations": [function]}]})
    return orjson.dumps({"model": "m"} | body)


@pytest.mark.parametrize("provider", CALLED_BY)
@pytest.mark.parametrize("client", ["openai-chat", "openai-responses", "anthropic-messages", "gemini"])
@pytest.mark.parametrize("name", [LONG, "9:lives"])
def test_the_way_there_and_back(client, provider, name):
    pair = PAIRS[client, provider]
    body = request(client, name)
    job = RequestJob("m", stream=False, same_dialect=pair.same)
    sent = translate_request(pair.client, pair.provider, body, orjson.loads(body), job)
    if pair.same:
        assert sent.tool_names == {}, "what its own vendor says to it is the client's affair"
        return
    (short,) = sent.tool_names
    assert f'"{short}"'.encode() in sent.body
    assert name.encode() not in sent.body
    answered = orjson.dumps(CALLED_BY[provider](short))
    client_dialect = restoring(pair.client, sent.tool_names)
    answer = translate_answer(client_dialect, pair.provider, answered, created=1, same_dialect=False)
    assert f'"{name}"'.encode() in answer.body
    assert short.encode() not in answer.body
    assert restoring(pair.client, {}) is pair.client


@pytest.mark.parametrize("client", ["openai-chat", "openai-responses", "anthropic-messages", "gemini"])
def test_streams_name_tools_as_the_client_did(client):
    dialect = restoring(CLIENT_DIALECTS[client], {"short": LONG})
    writer = dialect.stream_writer(created=1, include_usage=True)
    events = (
        Started("id", "m"),
        ToolCallStarted(0, "c", "short"),
        ToolCallDelta(0, "{}"),
        ToolCallStarted(1, "d", FITS),
        ToolCallDelta(1, "{}"),
        Finished("tool_calls"),
        Ended(),
    )
    written = b"".join(writer.write(event) for event in events)
    assert f'"{LONG}"'.encode() in written
    assert f'"{FITS}"'.encode() in written
    assert b'"short"' not in written


def test_all_else_of_the_client_is_as_it_was():
    client = CLIENT_DIALECTS["openai-chat"]
    restored = restoring(client, {"short": LONG})
    error = InvalidRequest("no")
    assert restored.name == client.name
    assert restored.render_error(error) == client.render_error(error)
    assert restored.render_error_event(error) == client.render_error_event(error)
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
    assert restored.parse_request(body) == client.parse_request(body)


@pytest.mark.parametrize("name", ["apply_patch", DOTTED])
@pytest.mark.parametrize("spoken", CALLED_BY)
def test_a_custom_tool_of_the_client_is_called_as_one_whatever_the_provider_knows_it_by(spoken, name):
    """Names that fit and names that do not: OpenAI's custom tools are functions everywhere else."""
    pair = PAIRS["openai-responses", spoken]
    asked = {"model": "m", "input": "q", "tools": [{"type": "custom", "name": name}]}
    body = orjson.dumps(asked)
    sent = translate_request(pair.client, pair.provider, body, asked, RequestJob("m", stream=False, same_dialect=False))
    assert sent.custom_tools == {name}
    known_by = next(iter(sent.tool_names), name)
    client = restoring(pair.client, sent.tool_names, sent.custom_tools)
    answered = orjson.dumps(CALLED_BY[spoken](known_by))
    answer = orjson.loads(translate_answer(client, pair.provider, answered, created=1, same_dialect=False).body)
    (call,) = (item for item in answer["output"] if item["type"] != "message")
    assert (call["type"], call["name"]) == ("custom_tool_call", name)

    writer = client.stream_writer(created=1, include_usage=False)
    events = (Started("r", "m"), ToolCallStarted(0, "c", known_by), ToolCallDelta(0, '{"input":"x"}'), Ended())
    written = b"".join(writer.write(event) for event in events)
    assert b'"delta":"x"' in written
    assert b"function_call" not in written
