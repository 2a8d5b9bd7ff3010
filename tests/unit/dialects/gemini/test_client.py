"""Claims about what Gemini's clients send and get. The client is Google's SDK, on an HTTP transport of ours."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import orjson
import pytest
from google.genai import types
from google.genai.errors import ClientError, ServerError
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.anthropic.dialect import AnthropicClient, AnthropicProvider
from extproc.dialects.base import RenderOptions
from extproc.dialects.gemini import stream_writer
from extproc.dialects.gemini.dialect import GeminiClient, GeminiProvider
from extproc.dialects.gemini.signatures import SKIP_VALIDATION, unwrap, wrap
from extproc.dialects.openai_chat.dialect import OpenAIProvider
from extproc.domain.answer import (
    Answer,
    Choice,
    CitationAdded,
    Ended,
    Failed,
    Finished,
    Opaque,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ThinkingRedacted,
    ThinkingSigned,
    ToolCallDelta,
    ToolCallStarted,
    UsageSeen,
)
from extproc.domain.conversation import (
    Audio,
    Conversation,
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer, ProviderOverloaded
from extproc.domain.usage import Usage
from tests.judges.gemini import client_of, read_answer

GOLDENS = Path(__file__).parents[3] / "goldens"
CLIENT = GeminiClient()
SIGNED_CALL = "Z2VtaW5pLXNpZ25hdHVyZS1vZi10aGUtZmlyc3Qtc3RlcA=="
SIGNED_TEXT = "Z2VtaW5pLXNpZ25hdHVyZS1vZi1hLXRleHQ="
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
HI = Message("user", (Text("Hi"),))


def parse(body):
    return CLIENT.parse_request(body)


def golden(name):
    return parse(orjson.loads((GOLDENS / "requests" / "gemini" / f"{name}.json").read_bytes()))


def asked(*parts, role="user", **fields):
    return parse({"contents": [{"role": role, "parts": list(parts)}], **fields})


def configured(**config):
    return asked({"text": "Hi"}, generationConfig=config)


# --- requests


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


def test_two_spellings_of_one_name_are_refused():
    with pytest.raises(InvalidRequest, match="two spellings") as caught:
        configured(topP=1, top_p=0.5)
    assert caught.value.param == "generationConfig.topP"


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


def test_reasoning_of_claude_comes_back_from_the_pieces_of_a_stream():
    assert golden("thinking_of_claude").messages[1] == Message(
        "assistant",
        (
            Thinking("I should look it up.", "c2lnbmF0dXJl", "anthropic"),
            RedactedThinking("ZW5jcnlwdGVk", "anthropic"),
            Text("Let me look."),
            ToolCall("toolu_01", "get_weather", '{"city":"Oslo"}'),
        ),
    )


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


def test_other_media_of_results_are_named():
    audio = {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}
    found = asked({"functionResponse": {"name": "f", "response": {}, "parts": [audio]}})
    assert found.unmapped == (("contents[0].parts[0].functionResponse.parts[0]", audio),)
    assert found.messages[0].parts[0].content == (Text("{}"),)


def test_a_result_may_be_empty_and_a_signed_text_too():
    found = asked({"functionResponse": {"name": "f", "response": {"output": ""}}})
    assert found.messages[0].parts[0].content == ()
    signed = asked({"text": "", "thoughtSignature": "c2ln"}, {"fileData": {"fileUri": "gs://b/a.mp3"}}, role="model")
    assert signed.messages[0].parts == (RedactedThinking("c2ln", "gemini"),)
    assert asked({"fileData": {"fileUri": "gs://b/a.mp3"}}).unmapped[0][0] == "contents[0].parts[0]"


def test_a_thought_of_a_stream_that_has_lost_its_empty_text():
    parts = asked(
        {"text": "hm", "thought": True}, {"thought": True, "thoughtSignature": wrap("s", "anthropic")}, role="model"
    )
    assert parts.messages[0].parts == (Thinking("hm", "s", "anthropic"),)


def test_what_only_gemini_has_is_named():
    assert [path for path, _ in golden("vendor_only_refused").unmapped] == [
        "contents[0].parts[1]",
        "tools[0].googleSearch",
        "tools[1].codeExecution",
        "safetySettings",
        "cachedContent",
        "labels",
        "generationConfig.responseModalities",
        "generationConfig.mediaResolution",
        "generationConfig.speechConfig",
    ]


def test_what_changes_nothing_is_not_named():
    found = parse(
        {
            "systemInstruction": "Be brief.",
            "contents": [{"parts": [{"text": "x"}]}],
            "generationConfig": {"responseModalities": ["TEXT"], "audioTimestamp": False},
            "tools": [
                {"functionDeclarations": [{"name": "f", "response": {"type": "STRING"}, "behavior": "BLOCKING"}]}
            ],
            "store": False,
        }
    )
    assert found.unmapped == ()
    assert found.messages[0] == Message("system", (Text("Be brief."),))


def test_fields_inside_parts_are_named():
    video, code = {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}, {"executableCode": {"code": "1"}}
    found = asked({"text": "x", "partMetadata": {"a": 1}}, video, code)
    assert found.unmapped == (
        ("contents[0].parts[0].partMetadata", {"a": 1}),
        ("contents[0].parts[1]", video),
        ("contents[0].parts[2]", code),
    )
    pictured = asked({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, role="model")
    assert [path for path, _ in pictured.unmapped] == ["contents[0].parts[0]"]
    tools = [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]
    assert asked({"text": "x"}, tools=tools).unmapped[0][0] == "tools[0].functionDeclarations[0].behavior"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({}, "contents"),
        ({"contents": "x"}, "contents"),
        ({"contents": [1]}, "contents[0]"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
        ({"contents": [{"parts": [{"functionCall": {"name": "f", "args": 1}}]}]}, "contents[0].parts[0].functionCall.args"),
        ({"contents": [{"parts": [{"functionResponse": {"name": "f", "response": "x"}}]}]},
         "contents[0].parts[0].functionResponse.response"),
        ({"contents": [{"parts": [{"inlineData": {"data": "x"}}]}]}, "contents[0].parts[0].inlineData.mimeType"),
        ({"contents": [], "generationConfig": {"topP": "x"}}, "generationConfig.topP"),
        ({"contents": [], "generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences[0]"),
        ({"contents": [], "generationConfig": {"responseJsonSchema": 1}}, "generationConfig.responseJsonSchema"),
        ({"contents": [], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"contents": [], "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": "x"}}},
         "toolConfig.functionCallingConfig.allowedFunctionNames"),
    ],
)  # fmt: skip
def test_the_field_at_fault_is_named(body, param):
    with pytest.raises(InvalidRequest) as caught:
        parse(body)
    assert caught.value.param == param


NAMES = [
    "contents", "role", "parts", "text", "thought", "thoughtSignature", "functionCall", "function_call", "name", "args",
    "functionResponse", "response", "inlineData", "mimeType", "data", "fileData", "fileUri", "tools", "parameters", "type",
    "functionDeclarations", "toolConfig", "functionCallingConfig", "mode", "generationConfig", "thinkingConfig",
    "thinkingBudget", "responseSchema", "responseMimeType", "systemInstruction", "properties", "items", "nullable", "_",
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-2, 99) | st.sampled_from(["user", "model", "ANY", "image/png", "x"])
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=25,
)


@given(JSON)
def test_any_json_is_a_conversation_or_an_invalid_request(body):
    for candidate in (body, {"contents": body}, {"contents": [{"role": "model", "parts": body}], "tools": body}):
        with suppress(InvalidRequest):
            assert isinstance(parse(candidate), Conversation)


# --- answers


PARTS = (
    Thinking("hm", "c2ln", "anthropic"),
    RedactedThinking("ZGF0YQ==", "anthropic"),
    RedactedThinking("rs_1.ZW5j", "openai"),
    Text("Let me see."),
    ToolCall("c1", "get_weather", '{"city":"Oslo"}'),
)
USAGE = Usage(9, cache_read=3, output=7, reasoning=2)


def events_of(parts, finish):
    """The same answer as a stream, its texts in two pieces."""
    events = [Started("r1", "claude"), UsageSeen(Usage(9, cache_read=3))]
    calls = 0
    for part in parts:
        match part:
            case Thinking():
                events += [ThinkingDelta(part.text[:1]), ThinkingDelta(part.text[1:])]
                events.append(ThinkingSigned(part.signature, 0, part.origin))
            case RedactedThinking():
                events.append(ThinkingRedacted(part.data, 0, part.origin))
            case Text():
                events += [TextDelta(part.text[:3]), TextDelta(part.text[3:])]
            case ToolCall():
                events.append(ToolCallStarted(calls, part.id, part.name, 0, part.signature))
                events += [ToolCallDelta(calls, part.arguments[:4]), ToolCallDelta(calls, part.arguments[4:])]
                calls += 1
    return [*events, Finished(finish), UsageSeen(USAGE), Ended()]


def written(events):
    writer = CLIENT.stream_writer(created=1, include_usage=False)
    return b"".join(writer.write(event) for event in events)


def whole(*parts, finish="stop", **choice):
    answer = Answer("r1", "claude", (Choice(parts, finish, **choice),), USAGE)
    return orjson.dumps(CLIENT.render_answer(answer, created=1))


def talk(data, suffix):
    """A chat of Google's SDK: the first answer is ours, the request of the second turn is what comes back."""
    bodies = []

    def answer(request):
        bodies.append(orjson.loads(request.content))
        kind = {".json": "application/json", ".sse": "text/event-stream"}[suffix]
        return httpx2.Response(200, headers={"content-type": kind}, content=data)

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        chat = client_of(http).chats.create(model="m")
        for text in ("Hi", "And?"):
            if suffix == ".json":
                chat.send_message(text)
            else:
                assert list(chat.send_message_stream(text))
    return parse(bodies[1])


@pytest.mark.parametrize("suffix", [".json", ".sse"])
@pytest.mark.parametrize(
    "parts",
    [
        PARTS,
        (Thinking("hm", "c2ln", "openai"), Text("So.")),
        (Thinking("", "c2ln", "anthropic"), Text("So.")),
        (RedactedThinking("Z2VtaW5p", "gemini"), ToolCall("c1", "f", "{}")),
        (ToolCall("c1", "f", "{}", signature="Z2VtaW5p"), ToolCall("c2", "f", '{"a":1}')),
        (RedactedThinking("Z2VtaW5p", "gemini"), Text("Signed.")),
        (Text("One."), Thinking("Hm.", "c2ln"), Text("Two.")),
    ],
)
def test_all_reasoning_survives_googles_sdk(parts, suffix):
    data = whole(*parts) if suffix == ".json" else written(events_of(parts, "stop"))
    back = talk(data, suffix).messages[1]
    assert back.role == "assistant"
    expected = list(parts)
    if isinstance(parts[0], RedactedThinking) and isinstance(parts[1], ToolCall):
        expected = [replace(parts[1], signature=parts[0].data)]
    assert without_trailing_blank(back.parts) == without_trailing_blank(expected)


def without_trailing_blank(parts):
    return [part for part in parts if part != Text("")]


def test_claudes_thinking_goes_back_to_claude_through_geminis_client():
    data = (GOLDENS / "responses" / "anthropic").glob("*think*.json")
    seen = 0
    for path in data:
        if len(path.suffixes) != 1:
            continue
        answer = AnthropicProvider().parse_answer(orjson.loads(path.read_bytes()))
        conversation = talk(orjson.dumps(CLIENT.render_answer(answer, created=1)), ".json")
        reasoning = [p for p in answer.choices[0].parts if isinstance(p, Thinking | RedactedThinking)]
        back = [p for p in conversation.messages[1].parts if isinstance(p, Thinking | RedactedThinking)]
        assert back == [part for part in reasoning if not isinstance(part, Thinking) or part.signature or part.text]
        seen += len(back)
    assert seen


PROVIDERS = {"openai": OpenAIProvider(), "anthropic": AnthropicProvider()}
ANSWERS = [
    pytest.param(path, provider, id=f"{name}/{path.name}")
    for name, provider in PROVIDERS.items()
    for path in sorted((GOLDENS / "responses" / name).glob("*"))
    if len(path.suffixes) == 1
]


@pytest.mark.parametrize(("path", "provider"), ANSWERS)
def test_the_sdk_reads_answers_of_other_vendors(path, provider):
    if path.suffix == ".json":
        answer = provider.parse_answer(orjson.loads(path.read_bytes()))
        read = read_answer(orjson.dumps(CLIENT.render_answer(answer, created=1)), ".json")
        assert read.usage_metadata.total_token_count == answer.usage.total
        assert len(read.candidates) == len(answer.choices)
        return
    reader = provider.stream_reader()
    events = [e for f in reader.feed(path.read_bytes()) + reader.finish() for e in f.events]
    if isinstance(events[-1], Failed):
        with pytest.raises((ClientError, ServerError)) as caught:
            read_answer(written(events), ".sse")
        assert caught.value.message == events[-1].error.message
        return
    said = "".join(event.text for event in events if isinstance(event, TextDelta | RefusalDelta) and not event.choice)
    parts = read_answer(written(events), ".sse").candidates[0].content.parts
    assert "".join(part.text for part in parts if part.text and not part.thought) == said


def test_a_whole_answer():
    read = read_answer(whole(*PARTS, finish="tool_calls"), ".json")
    assert (read.response_id, read.model_version) == ("r1", "claude")
    assert read.candidates[0].finish_reason == types.FinishReason.STOP
    assert read.function_calls[0].args == {"city": "Oslo"}
    assert read.function_calls[0].id == "c1"
    usage = read.usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (12, 3)
    assert (usage.candidates_token_count, usage.thoughts_token_count, usage.total_token_count) == (5, 2, 19)


def test_a_streamed_answer_says_the_same():
    read = read_answer(written(events_of(PARTS, "tool_calls")), ".sse")
    assert read.function_calls[0].args == {"city": "Oslo"}
    assert read.usage_metadata.total_token_count == 19
    assert read.candidates[0].finish_reason == types.FinishReason.STOP


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "STOP"),
        ("length", "MAX_TOKENS"),
        ("tool_calls", "STOP"),
        ("content_filter", "SAFETY"),
        ("refusal", "SAFETY"),
        ("pause", "MAX_TOKENS"),
        ("context_window", "MAX_TOKENS"),
        (None, "STOP"),
    ],
)
def test_finish_reasons(finish, reason):
    assert read_answer(whole(Text("x"), finish=finish), ".json").candidates[0].finish_reason.value == reason


def test_refusals_citations_and_log_probabilities():
    cited = Text("x", citations=({"type": "page_location"}, {"url": "https://x/", "title": "X"}, {"url": "https://y/"}))
    token = {
        "token": "x",
        "logprob": -1.5,
        "bytes": [120],
        "top_logprobs": [{"token": "y", "logprob": -2, "bytes": []}],
    }
    read = read_answer(whole(cited, Refusal("No."), logprobs={"content": [token]}), ".json").candidates[0]
    assert [part.text for part in read.content.parts] == ["x", "No."]
    assert [each.uri for each in read.citation_metadata.citations] == ["https://x/", "https://y/"]
    assert read.logprobs_result.chosen_candidates[0].log_probability == -1.5
    assert read.logprobs_result.top_candidates[0].candidates[0].token == "y"
    assert read_answer(whole(Text("x"), logprobs={"content": []}), ".json").candidates[0].logprobs_result is None
    streamed = [
        TextDelta("x", 0, {"content": [token]}),
        CitationAdded({"url": "https://x/"}),
        RefusalDelta("No."),
        Opaque(3),
        TextDelta(""),
        Ended(),
    ]
    again = read_answer(written(streamed), ".sse").candidates[0]
    assert again.logprobs_result.chosen_candidates[0].log_probability == -1.5
    assert again.citation_metadata.citations[0].uri == "https://x/"
    assert [part.text for part in again.content.parts] == ["x", "No.", ""]


def test_arguments_that_a_limit_cut_are_shown():
    calls = (
        ToolCall("c", "f", '{"a": '),
        ToolCall("d", "f", "[1]"),
        ToolCall("e", "f", "null"),
        ToolCall("g", "f", ""),
    )
    read = read_answer(whole(*calls), ".json")
    assert [call.args for call in read.function_calls] == [
        {"INVALID_JSON": '{"a": '},
        {"INVALID_JSON": "[1]"},
        {},
        {},
    ]


def test_interleaved_calls_of_two_choices_come_whole_and_in_order():
    read = read_answer(
        written(
            [
                Started("r", "m"),
                ToolCallStarted(0, "a", "f"),
                ToolCallStarted(1, "", "g"),
                ToolCallDelta(1, '{"y"'),
                ToolCallDelta(0, '{"x":1}'),
                ToolCallDelta(1, ":2}"),
                ToolCallDelta(7, "{}"),
                TextDelta("other", 1),
                Finished("tool_calls"),
                Finished("length", 1),
                Ended(),
            ]
        ),
        ".sse",
    )
    assert [(call.id, call.args) for call in read.function_calls] == [("a", {"x": 1}), ("call_1", {"y": 2})]
    assert [candidate.finish_reason.value for candidate in read.candidates] == ["STOP", "MAX_TOKENS"]


def test_seals_of_geminis_own_in_a_row():
    events = [ThinkingRedacted("YQ==", 0, "gemini"), ThinkingRedacted("Yg==", 0, "gemini"), Ended()]
    parts = read_answer(written(events), ".sse").candidates[0].content.parts
    assert [part.thought_signature for part in parts] == [b"a", b"b"]
    in_one = read_answer(whole(RedactedThinking("YQ==", "gemini"), RedactedThinking("Yg==", "gemini")), ".json")
    assert [part.thought_signature for part in in_one.candidates[0].content.parts] == [b"a", b"b"]


def test_a_seal_before_what_has_a_signature_of_its_own_stands_alone():
    seal, call = RedactedThinking("YQ==", "gemini"), ToolCall("c", "f", "{}", signature="Yg==")
    for parts in ((seal, call), (seal, Thinking("hm", None, "gemini"), Text(""), replace(call, signature=None))):
        signed = read_answer(whole(*parts), ".json").candidates[0].content.parts[0]
        assert (signed.text, signed.thought_signature) == ("", b"a")
    events = [ThinkingRedacted("YQ==", 0, "gemini"), ToolCallStarted(0, "c", "f", 0, "Yg=="), Ended()]
    parts = read_answer(written(events), ".sse").candidates[0].content.parts
    assert [part.thought_signature for part in parts] == [b"b", b"a"]


def test_nothing_follows_the_end_or_a_failure():
    for last in (Ended(), Failed(ProviderOverloaded("m"))):
        writer = CLIENT.stream_writer(created=1, include_usage=False)
        assert writer.write(last)
        assert writer.write(TextDelta("x")) == b""


def test_arguments_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(stream_writer, "MAX_WAITING_CHARS", 4)
    writer = CLIENT.stream_writer(created=1, include_usage=False)
    writer.write(ToolCallStarted(0, "a", "f"))
    with pytest.raises(ProviderBadAnswer):
        writer.write(ToolCallDelta(0, "{    }"))
    assert writer.write(TextDelta("x")) == b""


def test_signatures():
    for data, origin, redacted in (
        ("c2ln", "anthropic", True),
        ("rs_1.ab+/", "openai", False),
        ("c2ln", "gemini", False),
    ):
        assert unwrap(wrap(data, origin, redacted=redacted)) == (data, origin, redacted)
    for foreign in ("bGxtZ3cu", "bGxtZ3cu////", "bGxtZ3cuZ2VtaW5pLmE=", SKIP_VALIDATION):
        assert unwrap(foreign) == (foreign, "gemini", False)


def test_a_stand_in_for_a_signature_is_none():
    calls = asked({"functionCall": {"name": "f"}, "thoughtSignature": SKIP_VALIDATION}, role="model").messages[0].parts
    assert calls == (ToolCall("call_0", "f", "{}"),)
    others = {"functionCall": {"name": "f", "id": "1"}, "thoughtSignature": wrap("s", "anthropic")}
    assert asked(others, role="model").messages[0].parts == (RedactedThinking("s"), ToolCall("1", "f", "{}"))


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


def test_names():
    assert CLIENT.name == GeminiProvider().name == "gemini"
    assert AnthropicClient().name != CLIENT.name
