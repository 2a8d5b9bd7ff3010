"""Claims about the request's fields beside the input."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.openai_responses.parse import parse_request
from extproc.domain.conversation import Conversation, Message, OutputFormat, Reasoning, Text, Tool, ToolChoice
from extproc.domain.errors import InvalidRequest, UnsupportedFeature

WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}
CLOCK = {"type": "function", "name": "clock"}


def parse(**fields):
    return parse_request({"model": "m", "input": "Hi", **fields})


def test_a_string_is_what_the_user_says_and_instructions_are_the_system():
    conversation = parse(instructions="Be kind.")
    assert conversation.messages == (Message("system", (Text("Be kind."),)), Message("user", (Text("Hi"),)))
    assert conversation.model == "m"
    assert conversation.unmapped == ()
    assert not conversation.stream


def test_sampling_and_limits():
    conversation = parse(
        temperature=0.5, top_p=1, max_output_tokens=7, parallel_tool_calls=False, service_tier="flex", stream=True
    )
    assert (conversation.temperature, conversation.top_p, conversation.max_output_tokens) == (0.5, 1, 7)
    assert (conversation.parallel_tool_calls, conversation.service_tier, conversation.stream) == (False, "flex", True)


@pytest.mark.parametrize(
    ("fields", "user"),
    [({"user": "a"}, "a"), ({"safety_identifier": "b"}, "b"), ({"user": "a", "safety_identifier": "b"}, "b")],
)
def test_the_end_user(fields, user):
    assert parse(**fields).user == user


@pytest.mark.parametrize(
    ("name", "value"),
    [("previous_response_id", "resp_1"), ("conversation", "conv_1"), ("conversation", {"id": "c"})],
)
def test_what_rests_on_stored_answers_is_refused_with_the_mend(name, value):
    with pytest.raises(UnsupportedFeature, match="Send the whole conversation in input, or use a model") as caught:
        parse(**{name: value})
    assert caught.value.param == name


def test_background_is_refused():
    with pytest.raises(UnsupportedFeature, match="Wait for the answer or stream it") as caught:
        parse(background=True)
    assert caught.value.param == "background"


@pytest.mark.parametrize(
    "fields",
    [
        {"store": True},
        {"store": False},
        {"background": False},
        {"truncation": "disabled"},
        {"metadata": {}},
        {"top_logprobs": 0},
        {"max_tool_calls": 2},
        {"context_management": []},
        {"include": []},
        {"include": ["reasoning.encrypted_content", "file_search_call.results"]},
        {"prompt_cache_key": "k", "prompt_cache_retention": "24h", "prompt_cache_options": {"mode": "implicit"}},
        {"client_metadata": {"x-codex-installation-id": "5d1c"}},
        {"stream_options": {"include_obfuscation": False}},
        {"text": {"format": {"type": "text"}, "verbosity": "medium"}},
        {"reasoning": {"effort": None, "mode": "standard", "context": "all_turns"}},
        {"previous_response_id": None},
    ],
)
def test_what_changes_nothing_is_as_if_it_were_absent(fields):
    assert parse(**fields) == parse()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"truncation": "auto"}, "truncation"),
        ({"metadata": {"a": "b"}}, "metadata"),
        ({"moderation": {"model": "x"}}, "moderation"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"stream_options": {"new": 1}}, "stream_options.new"),
        ({"include": ["something.else"]}, "include[0]"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background_options": {"completion_window": "2h"}}, "background_options"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format"),
        ({"text": {"tone": "dry"}}, "text.tone"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [{"type": "web_search", "external_web_access": True}]}, "tools[0]"),
        ({"tools": [{"type": "tool_search", "execution": "client", "mood": "good"}]}, "tools[0].mood"),
        ({"tools": [{**CLOCK, "output_schema": {}}]}, "tools[0].output_schema"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice"),
    ],
)
def test_what_has_no_neutral_name_is_kept_by_its_path(fields, path):
    assert [name for name, _ in parse(**fields).unmapped] == [path]


def test_a_stored_prompt_may_hold_the_input():
    conversation = parse_request({"model": "m", "prompt": {"id": "pmpt_1"}})
    assert conversation.messages == ()
    assert [name for name, _ in conversation.unmapped] == ["prompt"]


@pytest.mark.parametrize("fields", [{"include": ["message.output_text.logprobs"]}, {"top_logprobs": 3}])
def test_log_probabilities(fields):
    conversation = parse(**fields)
    assert conversation.logprobs is True
    assert conversation.top_logprobs == fields.get("top_logprobs")


def test_functions_are_strict_only_where_the_client_says_so():
    """Left out, OpenAI is strict where it can be; whoever is not asked does its best, which is OpenAI's fallback, too."""
    idle = {"defer_loading": False, "allowed_callers": ["direct"], "async": False}
    assert parse(tools=[WEATHER, {**CLOCK, "description": "Time.", **idle}]).tools == (
        Tool("weather", None, {"type": "object"}, strict=True),
        Tool("clock", "Time."),
    )


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_tool_choice_by_word(mode):
    assert parse(tools=[CLOCK], tool_choice=mode).tool_choice == ToolChoice(mode)


def test_tool_choice_by_name():
    conversation = parse(tools=[CLOCK], tool_choice={"type": "function", "name": "clock"})
    assert conversation.tool_choice == ToolChoice("named", "clock")


def test_allowed_tools_are_the_tools_that_there_are():
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "clock"}]}
    conversation = parse(tools=[WEATHER, CLOCK], tool_choice=choice)
    assert conversation.tools == (Tool("clock"),)
    assert conversation.tool_choice == ToolChoice("required")
    assert conversation.unmapped == ()


def test_an_allowed_tool_that_the_vendor_runs_is_kept_by_its_path():
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "w"}]}
    assert [path for path, _ in parse(tool_choice=choice).unmapped] == ["tool_choice.tools[0]"]


def test_output_formats():
    schema = {"type": "object"}
    wanted = {"type": "json_schema", "name": "n", "schema": schema, "strict": False, "description": "d"}
    assert parse(text={"format": {"type": "json_object"}}).output_format == OutputFormat("json")
    assert parse(text={"format": wanted}).output_format == OutputFormat(
        "json_schema", "n", schema, strict=False, description="d"
    )
    assert parse(text={"verbosity": "low"}).verbosity == "low"


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ({"effort": "high"}, Reasoning(effort="high")),
        ({"effort": "none"}, Reasoning(enabled=False, effort="none")),
        ({"effort": "low", "summary": "auto"}, Reasoning(effort="low", display="summarized")),
        ({"generate_summary": "concise"}, Reasoning(display="summarized")),
    ],
)
def test_reasoning(given_, wanted):
    assert parse(reasoning=given_).reasoning == wanted


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"model": 1}, "model"),
        ({"input": 1}, "input"),
        ({"input": None}, "input"),
        ({"instructions": []}, "instructions"),
        ({"tools": [1]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"name": "f"}]}, "tools[0].type"),
        ({"tools": [{**CLOCK, "parameters": []}]}, "tools[0].parameters"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "all"}}, "tool_choice.mode"),
        (
            {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "x"}]}},
            "tool_choice.tools[0].name",
        ),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"include": [1]}, "include[0]"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
    ],
)
def test_a_wrong_field_is_named(fields, path):
    with pytest.raises(InvalidRequest) as caught:
        parse(**fields)
    assert caught.value.param == path


def test_a_body_that_is_no_object_is_refused():
    with pytest.raises(InvalidRequest):
        parse_request([])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "type",
        "role",
        "content",
        "text",
        "id",
        "call_id",
        "name",
        "arguments",
        "output",
        "summary",
        "encrypted_content",
        "image_url",
        "file_data",
        "file_id",
        "input_audio",
        "data",
        "format",
        "detail",
        "refusal",
        "prompt_cache_breakpoint",
        "ttl",
    ]
)
KINDS = st.sampled_from(
    [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "item_reference",
        "input_text",
        "output_text",
        "input_image",
        "input_file",
        "input_audio",
        "refusal",
        "user",
        "assistant",
        "function",
        "allowed_tools",
        "json_schema",
    ]
)
SHAPED = st.recursive(
    JSON | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner | KINDS, max_size=5),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    [
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "include",
        "stream_options",
        "top_logprobs",
        "user",
        "store",
    ]
)


@given(st.dictionaries(FIELDS, SHAPED, max_size=6))
def test_any_json_is_a_conversation_or_a_clear_refusal(fields):
    """Anything else than ``InvalidRequest`` would come through."""
    with suppress(InvalidRequest):
        assert isinstance(parse_request({"model": "m", "input": "Hi", **fields}), Conversation)
