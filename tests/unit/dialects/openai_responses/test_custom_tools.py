"""Custom tools, which other vendors know as functions with one argument, on the way there and back."""

import orjson
import pytest

from extproc.dialects.openai_responses.custom_tools import PARAMETERS, arguments_of, input_of
from extproc.dialects.openai_responses.dialect import OpenAIResponsesClient
from extproc.dialects.openai_responses.parse import parse_request
from extproc.dialects.openai_responses.render_answer import render_answer
from extproc.domain.answer import Answer, Choice, Ended, Finished, Started, ToolCallDelta, ToolCallStarted
from extproc.domain.conversation import Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from extproc.domain.errors import InvalidRequest
from extproc.domain.usage import Usage
from tests.judges.openai_responses import read_answer

PATCH = '*** Begin Patch\n+ "Grüße"\n*** End Patch'
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: line+"}
CALL = ToolCall("c1", "apply_patch", arguments_of(PATCH), custom=True)


def parse(**fields):
    return parse_request({"model": "m", "input": "Hi", **fields})


def test_a_custom_tool_is_a_function_of_one_text():
    conversation = parse(tools=[{"type": "custom", "name": "sql", "format": {"type": "text"}}])
    assert conversation.tools == (Tool("sql", None, PARAMETERS, custom=True),)
    assert (conversation.unmapped, conversation.asides) == ((), ())


@pytest.mark.parametrize("description", ["Patches files.", None])
def test_a_grammar_is_told_in_words_and_the_client_hears_that_it_does_not_bind(description):
    conversation = parse(tools=[{"type": "custom", "name": "p", "description": description, "format": GRAMMAR}])
    [tool] = conversation.tools
    rule = "The input follows this lark grammar:\nstart: line+"
    assert tool.description == (f"{description}\n\n{rule}" if description else rule)
    assert (conversation.unmapped, conversation.asides) == ((), ("tools[0].format",))


def test_what_is_not_known_of_a_custom_tool_is_left_over():
    tomorrow = {"type": "ebnf"}
    conversation = parse(tools=[{"type": "custom", "name": "p", "format": tomorrow, "mood": "good"}])
    assert conversation.unmapped == (("tools[0].format", tomorrow), ("tools[0].mood", "good"))


@pytest.mark.parametrize("tool", [{"type": "custom"}, {"type": "custom", "name": "p", "format": {"type": "grammar"}}])
def test_a_broken_custom_tool_is_the_callers_fault(tool):
    with pytest.raises(InvalidRequest, match=r"^tools\[0\]"):
        parse(tools=[tool])


def test_custom_tools_can_be_chosen():
    tools = [{"type": "custom", "name": "a"}, {"type": "custom", "name": "b"}]
    chosen = parse(tools=tools, tool_choice={"type": "custom", "name": "b"})
    assert (chosen.tool_choice, chosen.unmapped) == (ToolChoice("named", "b"), ())
    allowed = parse(
        tools=tools,
        tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "a"}]},
    )
    assert [tool.name for tool in allowed.tools] == ["a"]


def test_earlier_calls_and_their_outputs_are_calls_and_results():
    conversation = parse(
        input=[
            {"type": "custom_tool_call", "id": "ctc_1", "status": "completed", "call_id": "c1", "name": "apply_patch",
             "input": PATCH},
            {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."},
        ],
    )  # fmt: skip
    assert conversation.messages == (
        Message("assistant", (ToolCall("c1", "apply_patch", arguments_of(PATCH)),)),
        Message("tool", (ToolResult("c1", (Text("Done."),)),)),
    )
    assert conversation.unmapped == ()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (arguments_of(PATCH), PATCH),
        ('{"input": "", "more": 1}', ""),
        ('{"input": "cut of', '{"input": "cut of'),
        ('{"patch": "x"}', '{"patch": "x"}'),
        ('{"input": 3}', '{"input": 3}'),
        ('"x"', '"x"'),
        ("", ""),
    ],
)
def test_the_text_of_a_call(arguments, text):
    assert input_of(arguments) == text


def test_a_whole_answer_calls_the_custom_tool():
    answer = Answer("resp_1", "m", (Choice((ToolCall("c0", "f", "{}"), CALL), "tool_calls"),), Usage(), 7)
    body = render_answer(answer, created=1)
    function, custom = read_answer(orjson.dumps(body), ".json").output
    assert function.type == "function_call"
    assert (custom.type, custom.call_id, custom.name, custom.input) == ("custom_tool_call", "c1", "apply_patch", PATCH)
    assert custom.id.startswith("ctc_")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_stream_calls_the_custom_tool(size):
    writer = OpenAIResponsesClient().stream_writer(created=9, include_usage=False)
    arguments = CALL.arguments
    pieces = [arguments[i : i + size] for i in range(0, len(arguments), size)]
    written = b"".join(
        writer.write(event)
        for event in (
            Started("resp_1", "m", 7),
            ToolCallStarted(0, "c1", "apply_patch", custom=True),
            *(ToolCallDelta(0, piece) for piece in pieces),
            Finished("tool_calls"),
            Ended(),
        )
    )
    [custom] = read_answer(written, ".sse").output
    assert (custom.type, custom.call_id, custom.name, custom.input) == ("custom_tool_call", "c1", "apply_patch", PATCH)
    told = [orjson.loads(line[6:]) for line in written.split(b"\n") if line.startswith(b"data: ")]
    deltas = [event["delta"] for event in told if event["type"] == "response.custom_tool_call_input.delta"]
    done = [event["input"] for event in told if event["type"] == "response.custom_tool_call_input.done"]
    assert ("".join(deltas), done) == (PATCH, [PATCH])
    assert not any("function_call" in event["type"] for event in told)
