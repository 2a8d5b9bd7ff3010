"""Claims about what Gemini's clients send: turns, tools, media, thinking, settings."""

from dataclasses import replace

import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.gemini.dialect import GeminiProvider
from extproc.domain.conversation import (
    Audio,
    Conversation,
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    RedactedThinking,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest
from tests.unit.dialects.gemini.client_plays import GOLDENS, HI, SIGNED_CALL, asked, configured, golden, parse

SIGNED_TEXT = "Z2VtaW5pLXNpZ25hdHVyZS1vZi1hLXRleHQ="
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def test_text():
    assert golden("text") == Conversation("", (Message("user", (Text("Why is the sky blue?"),)),))


def test_instructions_turns_and_sampling():
    assert golden("system_and_turns") == Conversation(
        "",
        (
            Message("system", (Text("Answer in one line."),)),
            HI,
            Message("assistant", (Text("Hello!"),)),
            Message("user", (Text("And "), Text("now?"))),
        ),
        max_output_tokens=256,
        temperature=0.3,
        top_p=0.9,
        stop=("END",),
    )


def test_snake_case_single_objects_and_the_vendors_own_schema():
    assert golden("snake_case") == Conversation(
        "",
        (Message("system", (Text("Answer in one line."),)), HI),
        tools=(
            Tool(
                "f_g",
                parameters={
                    "type": "object",
                    "properties": {"x_y": {"type": ["integer", "null"]}},
                    "required": ["x_y"],
                },
            ),
        ),
        tool_choice=ToolChoice("auto"),
        max_output_tokens=64,
        top_p=0.9,
        stop=("END",),
        output_format=OutputFormat("json_schema", schema={"type": "object", "properties": {"a_b": {"type": "string"}}}),
    )


def test_the_body_may_name_the_model():
    assert asked({"text": "Hi"}, model="models/gemini-3.6-flash").model == "gemini-3.6-flash"


def test_tools_and_choices():
    tool = Tool("get_weather", "The weather of a city.", WEATHER)
    assert golden("tools").tools == (tool, Tool("now"))
    assert golden("tools").tool_choice == ToolChoice("auto")
    assert golden("tool_choice_named").tool_choice == ToolChoice("named", "get_weather")
    assert golden("tool_choice_any").tool_choice == ToolChoice("required")
    assert golden("tool_choice_none").tool_choice == ToolChoice("none")
    validated = golden("tools_validated")
    assert (validated.tools, validated.tool_choice) == ((tool,), ToolChoice("auto"))


def choice_of(**calling):
    tools = [{"functionDeclarations": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}]
    found = asked({"text": "x"}, tools=tools, toolConfig={"functionCallingConfig": calling})
    return [tool.name for tool in found.tools], found.tool_choice, found.unmapped


def test_of_many_functions_some_may_be_called():
    required = ToolChoice("required")
    assert choice_of(mode="ANY", allowedFunctionNames=["a", "c"]) == (["a", "c"], required, ())
    assert choice_of(mode="ANY") == (["a", "b", "c"], required, ())
    assert choice_of(mode="MODE_UNSPECIFIED") == (["a", "b", "c"], None, ())
    assert choice_of(streamFunctionCallArguments=False)[2] == ()
    assert [path for path, _ in choice_of(streamFunctionCallArguments=True)[2]] == [
        "toolConfig.functionCallingConfig.streamFunctionCallArguments"
    ]
    with pytest.raises(InvalidRequest, match="AUTO, ANY, NONE or VALIDATED"):
        choice_of(mode="SOME")


def test_turns_with_tools():
    found = golden("tool_turns")
    assert found.messages[1:4] == (
        Message(
            "assistant",
            (
                ToolCall("fc-1", "get_weather", '{"city":"Oslo"}', signature=SIGNED_CALL),
                ToolCall("fc-2", "get_weather", '{"city":"Bergen"}'),
            ),
        ),
        Message(
            "tool",
            (
                ToolResult("fc-1", (Text("rain"),), name="get_weather"),
                ToolResult("fc-2", (Text("no such city"),), is_error=True, name="get_weather"),
            ),
        ),
        Message("assistant", (RedactedThinking(SIGNED_TEXT, "gemini"), Text("Rain in Oslo."))),
    )


def test_calls_without_ids_are_matched_by_name_and_order():
    calls, results = golden("tool_turns_without_ids").messages[1:]
    assert [part.id for part in calls.parts] == [part.call_id for part in results.parts] == ["call_0", "call_1"]
    assert [part.content for part in results.parts] == [(Text('{"temp":4,"sky":"rain"}'),), (Text("sun"),)]


def test_a_result_of_no_call_keeps_what_it_says():
    result = {"functionResponse": {"name": "f", "response": {"result": [1]}}}
    assert asked(result).messages == (Message("tool", (ToolResult("f", (Text("[1]"),), name="f"),)),)


def test_media_of_results():
    result = golden("tool_result_image").messages[2].parts[0]
    assert result.content == (Text("done"), Image(Source("image/png", data="iVBORw0KGgo=")))


def test_media():
    assert golden("media").messages[0].parts == (
        Image(Source("image/png", data="iVBORw0KGgo=")),
        Document(Source("application/pdf", data="JVBERi0xLjQ="), "a.pdf"),
        Image(Source("image/jpeg", url="https://example.org/cat.jpg")),
        Text("What are these?"),
    )
    assert golden("audio").messages[0].parts[0] == Audio("SUQz", "mp3")
    urlsafe = asked({"inlineData": {"mimeType": "image/png", "data": "a-_b"}}).messages[0].parts[0]
    assert urlsafe.source.data == "a+/b"
    by_name = asked({"fileData": {"fileUri": "https://x/a.webp"}}, {"fileData": {"fileUri": "https://x/a"}})
    assert by_name.messages[0].parts == (Image(Source(url="https://x/a.webp")), Document(Source(url="https://x/a")))


def test_thinking():
    assert golden("thinking_budget").reasoning == Reasoning(budget_tokens=4096, display="summarized")
    assert golden("thinking_level").reasoning == Reasoning(effort="high")
    assert golden("thinking_off").reasoning == Reasoning(enabled=False)
    assert configured(thinkingConfig={"thinkingBudget": -1}).reasoning == Reasoning(adaptive=True)
    shown = {"includeThoughts": True}
    assert configured(thinkingConfig=shown).reasoning == Reasoning(adaptive=True, display="summarized")
    assert configured(thinkingConfig=shown | {"thinkingLevel": "LOW"}).reasoning == Reasoning(
        effort="low", display="summarized"
    )
    assert configured(thinkingConfig={"includeThoughts": False}).reasoning is None
    assert configured(thinkingConfig={"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}).reasoning is None


def test_output_formats():
    assert golden("json_object").output_format == OutputFormat("json")
    assert golden("json_schema").output_format == OutputFormat(
        "json_schema",
        schema={
            "type": "object",
            "properties": {
                "name": {"type": ["string", "null"]},
                "steps": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            },
            "required": ["name"],
        },
    )
    assert configured(responseMimeType="text/plain", responseSchema={}).output_format is None
    assert configured(responseMimeType="text/x.enum").unmapped == (
        ("generationConfig.responseMimeType", "text/x.enum"),
    )


def test_all_sampling():
    found = golden("sampling_all")
    assert found == Conversation(
        "",
        (Message("user", (Text("A poem."),)),),
        top_k=40,
        seed=7,
        presence_penalty=0.2,
        frequency_penalty=0.1,
        logprobs=True,
        top_logprobs=3,
        n=2,
        service_tier="flex",
    )
    assert configured(candidateCount=1, topK=40.0).top_k == 40


def test_every_word_of_the_vendors_schema():
    own = {
        "type": "OBJECT",
        "defs": {"x": {"type": "NULL"}, "Pet": {"type": "OBJECT", "properties": {"mate": {"ref": "#/defs/Pet"}}}},
        "properties": {
            "kind": {"type": "STRING", "enum": ["a", "b"], "nullable": True, "example": "a"},
            "either": {"any_of": [{"type": "STRING"}, True], "nullable": True},
            "of": {"type": "ARRAY", "items": {"type": "NUMBER"}, "max_items": "3", "property_ordering": []},
            "any": {"nullable": True},
            "pet": {"ref": "#/defs/Pet", "nullable": True},
            "ref": {"$ref": "#/$defs/x"},
        },
        "additional_properties": {"type": "BOOLEAN"},
    }
    assert configured(responseMimeType="application/json", responseSchema=own).output_format.schema == {
        "type": "object",
        "$defs": {"x": {"type": "null"}, "Pet": {"type": "object", "properties": {"mate": {"$ref": "#/$defs/Pet"}}}},
        "properties": {
            "kind": {"type": ["string", "null"], "enum": ["a", "b", None]},
            "either": {"anyOf": [{"type": "string"}, True, {"type": "null"}]},
            "of": {"type": "array", "items": {"type": "number"}, "maxItems": 3},
            "any": {},
            "pet": {"anyOf": [{"$ref": "#/$defs/Pet"}, {"type": "null"}]},
            "ref": {"$ref": "#/$defs/x"},
        },
        "additionalProperties": {"type": "boolean"},
    }
    deep = {"type": "STRING"}
    for _ in range(80):
        deep = {"type": "ARRAY", "items": deep}
    assert configured(responseMimeType="application/json", responseSchema=deep).output_format.schema["type"] == "array"


def test_a_result_may_be_empty_and_a_signed_text_too():
    found = asked({"functionResponse": {"name": "f", "response": {"output": ""}}})
    assert found.messages[0].parts[0].content == ()
    signed = asked({"text": "", "thoughtSignature": "c2ln"}, {"fileData": {"fileUri": "gs://b/a.mp3"}}, role="model")
    assert signed.messages[0].parts == (RedactedThinking("c2ln", "gemini"),)
    assert asked({"fileData": {"fileUri": "gs://b/a.mp3"}}).unmapped[0][0] == "contents[0].parts[0]"


SAID_IN_OTHER_WORDS = {"snake_case", "thinking_of_claude", "fields_of_bedrock", "media"}


def test_what_a_gemini_client_says_reaches_gemini_as_it_was():
    """Parsed and rendered again, as for a provider behind another name."""
    checked = 0
    for path in sorted((GOLDENS / "requests" / "gemini").glob("*.json")):
        if "." in path.stem or path.stem in SAID_IN_OTHER_WORDS or path.stem.endswith("_refused"):
            continue
        conversation = replace(golden(path.stem), model="gemini-3.6-flash", reasoning=None)
        rendered = GeminiProvider().render_request(conversation, RenderOptions())
        assert replace(parse(rendered.body), model="gemini-3.6-flash") == conversation
        checked += 1
    assert checked > 10
