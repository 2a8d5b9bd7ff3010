"""Request JSON → Conversation, answer JSON → Answer."""

import copy

import pytest

from extproc.dialects.anthropic.parse import parse_answer, parse_request
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import (
    CacheMark,
    Conversation,
    Message,
    OutputFormat,
    Reasoning,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer, ProviderOverloaded, UnsupportedFeature
from extproc.domain.usage import Usage

CLEAR = {"type": "clear_thinking_20251015", "keep": "all"}
CLEAR_TOOLS = {"type": "clear_tool_uses_20250919", "trigger": {"type": "input_tokens", "value": 30000}}
COMPACT = {"type": "compact_20260112"}
HELLO = [{"role": "user", "content": "Hello"}]
MINIMAL = {"model": "m", "max_tokens": 9, "messages": HELLO}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


def parse(**fields) -> Conversation:
    return parse_request({**MINIMAL, **fields})


def test_the_smallest_request():
    assert parse() == Conversation(model="m", messages=(Message("user", (Text("Hello"),)),), max_output_tokens=9)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"temperature": 0.5, "top_p": 1, "top_k": 3}, {"temperature": 0.5, "top_p": 1, "top_k": 3}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ("a", "b")}),
        ({"stream": True}, {"stream": True}),
        ({"stream": None, "temperature": None}, {"stream": False, "temperature": None}),
        ({"max_tokens": 0}, {"max_output_tokens": 0}),
        ({"metadata": {"user_id": "u1"}}, {"user": "u1"}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning": Reasoning(budget_tokens=2048)}),
        ({"thinking": {"type": "disabled"}}, {"reasoning": Reasoning(enabled=False)}),
        ({"thinking": {"type": "between_tools"}}, {"reasoning": Reasoning(enabled=False)}),
        ({"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
         {"reasoning": Reasoning(adaptive=True, display="summarized", effort="max")}),
        ({"output_config": {"effort": "low"}}, {"reasoning": Reasoning(effort="low")}),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
         {"output_format": OutputFormat("json_schema", schema=SCHEMA)}),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}},
         {"output_format": OutputFormat("json_schema", schema=SCHEMA)}),
        ({"tool_choice": {"type": "auto"}}, {"tool_choice": ToolChoice("auto")}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": ToolChoice("none")}),
        ({"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
         {"tool_choice": ToolChoice("required"), "parallel_tool_calls": False}),
        ({"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": False}},
         {"tool_choice": ToolChoice("named", "f"), "parallel_tool_calls": None}),
        ({"tools": [{"name": "f", "input_schema": SCHEMA}]}, {"tools": (Tool("f", parameters=SCHEMA),)}),
        ({"tools": [{"type": "custom", "name": "f", "description": "d", "input_schema": SCHEMA, "strict": True,
                     "eager_input_streaming": True, "defer_loading": False, "allowed_callers": ["direct"],
                     "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
         {"tools": (Tool("f", "d", SCHEMA, strict=True, cache=CacheMark("1h")),)}),
    ],
)  # fmt: skip
def test_a_field_and_what_it_means(fields, expected):
    conversation = parse(**fields)
    assert {name: getattr(conversation, name) for name in expected} == expected
    assert conversation.unmapped == ()


@pytest.mark.parametrize(
    ("fields", "unmapped"),
    [
        ({"mcp_servers": [{"name": "x"}]}, [("mcp_servers", [{"name": "x"}])]),
        ({"container": "c1", "inference_geo": "us"}, [("container", "c1"), ("inference_geo", "us")]),
        ({"speed": "fast"}, [("speed", "fast")]),
        ({"speed": "standard"}, []),
        ({"context_management": {"edits": [CLEAR, COMPACT]}},
         [("context_management", {"edits": [CLEAR, COMPACT]})]),
        ({"context_management": {"edits": ["?"]}}, [("context_management", {"edits": ["?"]})]),
        ({"context_management": "?"}, [("context_management", "?")]),
        ({"metadata": {"user_id": "u", "x": 1}}, [("metadata.x", 1)]),
        ({"output_config": {"task_budget": {"type": "tokens"}}}, [("output_config.task_budget", {"type": "tokens"})]),
        ({"thinking": {"type": "adaptive", "block_binding": "on"}}, [("thinking.block_binding", "on")]),
        ({"tool_choice": {"type": "auto", "x": 2}}, [("tool_choice.x", 2)]),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
         [("tools[0]", {"type": "web_search_20250305", "name": "web_search"})]),
        ({"tools": [{"name": "f", "input_schema": {}, "mood": "good"}]}, [("tools[0].mood", "good")]),
        ({"messages": [{"role": "user", "content": "x", "y": 1}]}, [("messages[0].y", 1)]),
    ],
)  # fmt: skip
def test_what_has_no_neutral_name_is_kept_with_its_path(fields, unmapped):
    conversation = parse(**fields)
    assert conversation.unmapped == tuple(unmapped)
    assert conversation.asides == ()


@pytest.mark.parametrize("edits", [[], [CLEAR], [CLEAR_TOOLS, CLEAR]])
def test_what_only_shortens_the_prompt_is_left_out_and_named(edits):
    conversation = parse(context_management={"edits": edits}, speed="fast")
    assert conversation.unmapped == (("speed", "fast"),)
    assert conversation.asides == ("context_management",)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({"max_tokens": 1, "messages": HELLO}, "model"),
        ({"model": "m", "messages": HELLO}, "max_tokens"),
        ({"model": "m", "max_tokens": "9", "messages": HELLO}, "max_tokens"),
        ({"model": "m", "max_tokens": 1}, "messages"),
        ({"model": "m", "max_tokens": 1, "messages": "x"}, "messages"),
        ({"model": "m", "max_tokens": 1, "messages": ["x"]}, "messages[0]"),
        ({**MINIMAL, "messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({**MINIMAL, "messages": [{"role": "user"}]}, "messages[0].content"),
        ({**MINIMAL, "messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({**MINIMAL, "system": 3}, "system"),
        ({**MINIMAL, "stop_sequences": ["a", 1]}, "stop_sequences[1]"),
        ({**MINIMAL, "tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({**MINIMAL, "tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({**MINIMAL, "tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({**MINIMAL, "tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({**MINIMAL, "thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({**MINIMAL, "thinking": {"type": "maybe"}}, "thinking.type"),
        ({**MINIMAL, "output_config": {"format": {"type": "grammar"}}}, "output_config.format.type"),
        ({**MINIMAL, "output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ],
)
def test_the_path_of_the_field_at_fault_is_named(body, param):
    with pytest.raises(InvalidRequest) as caught:
        parse_request(body)
    assert caught.value.param == param


def test_tool_results_become_messages_of_their_own_in_order():
    content = [
        {"type": "tool_result", "tool_use_id": "a", "content": "1"},
        {"type": "tool_result", "tool_use_id": "b"},
        {"type": "text", "text": "and now?"},
    ]
    messages = [{"role": "assistant", "content": "…"}, {"role": "user", "content": content}]
    assert parse(messages=messages).messages == (
        Message("assistant", (Text("…"),)),
        Message("tool", (ToolResult("a", (Text("1"),)), ToolResult("b", ()))),
        Message("user", (Text("and now?"),)),
    )


def test_system_prompts_at_the_top_and_amid_the_conversation():
    system = [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "x"},
    ]
    conversation = parse(system=system, messages=[*HELLO, {"role": "system", "content": "In French."}])
    assert conversation.messages == (
        Message("system", (Text("Be brief.", CacheMark()), Text("x"))),
        Message("user", (Text("Hello"),)),
        Message("system", (Text("In French."),)),
    )
    assert parse(system="Be brief.").messages[0] == Message("system", (Text("Be brief."),))


def test_an_empty_message_stays_a_message():
    assert parse(messages=[{"role": "user", "content": []}]).messages == (Message("user", ()),)


def test_top_level_cache_control_marks_the_last_part_that_can_be_marked():
    content = [
        {"type": "text", "text": "done"},
        {"type": "thinking", "thinking": "hm", "signature": "s"},
    ]
    conversation = parse(messages=[{"role": "assistant", "content": content}], cache_control={"type": "ephemeral"})
    assert conversation.messages[0].parts == (Text("done", CacheMark()), Thinking("hm", "s"))
    assert conversation.unmapped == ()


def test_top_level_cache_control_without_a_part_to_mark_is_without_effect():
    thinking = [{"type": "thinking", "thinking": "hm", "signature": "s"}]
    messages = [{"role": "user", "content": []}, {"role": "assistant", "content": thinking}]
    assert parse(messages=messages, cache_control={"type": "ephemeral"}).messages == (
        Message("user", ()),
        Message("assistant", (Thinking("hm", "s"),)),
    )


def test_the_body_is_not_changed():
    body = {**MINIMAL, "tools": [{"name": "f", "input_schema": SCHEMA}], "cache_control": {"type": "ephemeral"}}
    before = copy.deepcopy(body)
    parse_request(body)
    assert body == before


ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "block_of_tomorrow"},
        {"type": "text", "text": "hi", "citations": [{"type": "char_location"}]},
        {"type": "text", "text": "there", "citations": None},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 4, "service_tier": "priority"},
}


def test_an_answer_with_every_kind_of_block():
    assert parse_answer(ANSWER) == Answer(
        id="msg_1",
        model="claude-x",
        choices=(
            Choice(
                parts=(
                    Thinking("hm", "s"),
                    RedactedThinking("d"),
                    Text("hi", citations=({"type": "char_location"},)),
                    Text("there"),
                    ToolCall("toolu_1", "f", '{"a":1}'),
                    ToolCall("toolu_2", "g", "{}"),
                ),
                finish="tool_calls",
            ),
        ),
        usage=Usage(input=3, output=4),
        service_tier="priority",
    )


def test_a_refusal_is_told_in_the_vendors_words():
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    answer = parse_answer({**ANSWER, "content": [], "stop_reason": "refusal", "stop_details": details})
    assert answer.choices == (Choice((Refusal("No."),), "refusal"),)


def test_an_error_body_is_the_error_it_reports():
    with pytest.raises(ProviderOverloaded):
        parse_answer({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})


@pytest.mark.parametrize(
    "body",
    [None, [], "x", {}, {"type": "message"}, {"type": "completion", "content": []}, {**ANSWER, "content": "text"},
     {**ANSWER, "content": [3]}, {**ANSWER, "content": [{"type": "text"}]}, {**ANSWER, "stop_reason": 3}],
)  # fmt: skip
def test_what_is_no_message_is_a_bad_answer(body):
    with pytest.raises(ProviderBadAnswer):
        parse_answer(body)


@pytest.mark.parametrize("thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}])
def test_a_thread_is_never_left_out(thread):
    """Behind it the SDK's tool runner sends the new turn alone."""
    with pytest.raises(UnsupportedFeature) as caught:
        parse(thread=thread)
    assert caught.value.param == "thread"


def test_no_thread_is_asked_for():
    assert parse(thread=None) == parse()


def test_tools_that_are_to_be_searched_for_are_there_from_the_beginning():
    """As Claude Code asks, whose own tool does the searching; or the vendor's."""
    search = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
    late = {"name": "late", "input_schema": {"type": "object"}, "defer_loading": True}
    found = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "late"}]}
    conversation = parse(tools=[search, late], messages=[*HELLO, {"role": "user", "content": [found]}])
    assert [tool.name for tool in conversation.tools] == ["late"]
    assert (conversation.unmapped, conversation.asides) == ((), ("tools[0]", "tools[1].defer_loading"))
    assert conversation.messages[-1].parts == (ToolResult("t", (Text("The tool late is available."),)),)


@pytest.mark.parametrize(("said", "told"), [("Adds.", "Adds.\n\n"), (None, "")])
def test_examples_of_an_input_are_told_in_words(said, told):
    tool = {"name": "add", "input_schema": {"type": "object"}, "input_examples": [{"a": 1}, {"a": 2}]}
    conversation = parse(tools=[tool if said is None else {**tool, "description": said}])
    assert conversation.tools[0].description == told + 'Examples of its input:\n{"a":1}\n{"a":2}'
    assert conversation.unmapped == ()
