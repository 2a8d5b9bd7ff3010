"""Claims about rendering requests. The judge is Google's SDK; the cases are what clients of the other dialects send."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from extproc.dialects.anthropic.dialect import AnthropicClient
from extproc.dialects.base import RenderOptions
from extproc.dialects.gemini.dialect import GeminiClient, GeminiProvider
from extproc.dialects.gemini.models import generation_of, traits_of
from extproc.dialects.gemini.signatures import SKIP_VALIDATION
from extproc.dialects.openai_chat.dialect import OpenAIChatClient
from extproc.domain.conversation import (
    Audio,
    CacheMark,
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
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from tests.judges.gemini import check_request

GOLDENS = Path(__file__).parents[3] / "goldens" / "requests"
CLIENTS = {"openai-chat": OpenAIChatClient(), "anthropic-messages": AnthropicClient(), "gemini": GeminiClient()}
INPUTS = sorted(p for name in CLIENTS for p in (GOLDENS / name).glob("*.json") if "." not in p.stem)
MODELS = ["gemini-2.0-flash", "gemini-2.5-pro", "gemini-3.6-flash", "gemini-4-argon"]
HI = Message("user", (Text("Hi"),))
PNG = "iVBORw0KGgo="


def asked(*messages, model="gemini-3.6-flash", **fields):
    return Conversation(model, messages or (HI,), **fields)


def render(conversation, *, drop=False):
    rendered = GeminiProvider().render_request(conversation, RenderOptions(drop_unsupported=drop))
    check_request(orjson.loads(orjson.dumps(rendered.body)), stream=conversation.stream)
    return rendered


def contents(*messages, **fields):
    return render(asked(*messages, **fields)).body["contents"]


def config(**fields):
    return render(asked(**fields)).body.get("generationConfig")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_sdks_types_take_what_any_client_asks(path, model):
    conversation = CLIENTS[path.parent.name].parse_request(orjson.loads(path.read_bytes()))
    rendered = render(replace(conversation, model=model), drop=True)
    assert "model" not in rendered.body
    assert "stream" not in rendered.body


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_refused_is_what_is_dropped(path):
    conversation = replace(
        CLIENTS[path.parent.name].parse_request(orjson.loads(path.read_bytes())), model="gemini-4-argon"
    )
    dropped = render(conversation, drop=True).dropped
    outcome = refusal_of(conversation)
    if isinstance(outcome, UnsupportedFeature):
        named = outcome.message.partition("carry: ")[2].partition(". Remove")[0].split(", ")
        assert set(named) <= set(dropped)
        assert outcome.param == named[0]
    else:
        assert outcome == dropped


def refusal_of(conversation):
    """The refusal, or what is dropped where there is none."""
    try:
        return render(conversation).dropped
    except UnsupportedFeature as error:
        return error


def test_system_prompts_at_the_top_are_the_instruction_and_later_ones_are_said_by_the_user():
    body = render(
        asked(
            Message("system", (Text("One."),)),
            Message("developer", (Text("Two."),)),
            HI,
            Message("assistant", (Text("Hello"),)),
            Message("system", (Text("Three."),)),
        )
    ).body
    assert body["systemInstruction"] == {"parts": [{"text": "One."}, {"text": "Two."}]}
    assert body["contents"][-1] == {"role": "user", "parts": [{"text": "<system>\nThree.\n</system>"}]}


def test_instructions_alone_are_asked_by_the_user():
    body = render(asked(Message("system", (Text("One."),)), Message("system", (Text("Two."),)))).body
    assert body["systemInstruction"] == {"parts": [{"text": "One."}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Two."}]}]


def test_turns_of_one_role_are_merged_and_empty_text_is_left_out():
    assert contents(HI, Message("user", (Text(""), Text("there"))), Message("assistant", (Text("!"),))) == [
        {"role": "user", "parts": [{"text": "Hi"}, {"text": "there"}]},
        {"role": "model", "parts": [{"text": "!"}]},
    ]


def test_a_conversation_that_begins_with_the_assistant_gets_an_opening():
    assert [turn["role"] for turn in contents(Message("assistant", (Text("Yes?"),)), HI)] == ["user", "model", "user"]


def test_a_conversation_without_content_is_refused():
    with pytest.raises(InvalidRequest, match="at least one message"):
        render(asked(Message("user", (Text(""),))))
    with pytest.raises(InvalidRequest, match="at least one message"):
        render(Conversation("gemini-3.6-flash", ()))


def test_nothing_but_what_may_be_dropped_is_still_a_request():
    lone = asked(Message("user", (Image(Source(file_id="file-1")),)))
    with pytest.raises(UnsupportedFeature, match=r"messages\[0\].content\[0\]"):
        render(lone)
    rendered = render(lone, drop=True)
    assert rendered.dropped == ("messages[0].content[0]",)
    assert len(rendered.body["contents"]) == 1


MEDIA = [
    (Image(Source("image/jpg", data=PNG)), {"inlineData": {"mimeType": "image/jpeg", "data": PNG}}),
    (Image(Source(data=PNG)), {"inlineData": {"mimeType": "image/png", "data": PNG}}),
    (
        Image(Source(url=f"data:image/webp;base64,{PNG}"), detail="high"),
        {"inlineData": {"mimeType": "image/webp", "data": PNG}},
    ),
    (
        Image(Source(url="https://example.org/a.PNG?size=2")),
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.PNG?size=2"}},
    ),
    (
        Image(Source(url="https://example.org/cat")),
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.org/cat"}},
    ),
    (
        Document(Source(file_id="gs://bucket/report")),
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://bucket/report"}},
    ),
    (Document(Source(data="JVBERi0xLjQ=")), {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjQ="}}),
    (Document(Source("text/plain", text="all of it"), "T", "C"), {"text": "T\n\nC\n\nall of it"}),
    (Audio("UklGRg==", "wav"), {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}),
    (Refusal("No."), {"text": "No."}),
]


@pytest.mark.parametrize(("part", "rendered"), MEDIA)
def test_media(part, rendered):
    assert contents(Message("user", (part,))) == [{"role": "user", "parts": [rendered]}]


def test_a_documents_title_and_context_are_said_before_it():
    document = Document(Source("application/pdf", data="JVBERi0="), "a.pdf", "An invoice.")
    assert contents(Message("user", (document,)))[0]["parts"][0] == {"text": "a.pdf\n\nAn invoice."}


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (Image(Source(file_id="file-1")), "messages[0].content[1]"),
        (Image(Source(data="%%%")), "messages[0].content[1]"),
        (Image(Source(data="A")), "messages[0].content[1]"),
        (Image(Source(data="AAAAAAAA")), "messages[0].content[1]"),
        (Image(Source(url="ftp://example.org/a.png")), "messages[0].content[1]"),
        (Document(Source(file_id="file_1")), "messages[0].content[1]"),
        (Document(Source(text="x"), citations=True), "messages[0].content[1].citations"),
        (ToolCall("c", "f", "{}"), "messages[0].content[1]"),
    ],
)
def test_what_cannot_be_carried_is_named(part, path):
    with pytest.raises(UnsupportedFeature) as caught:
        render(asked(Message("user", (Text("Look."), part))))
    assert caught.value.param == path
    assert render(asked(Message("user", (Text("Look."), part))), drop=True).dropped == (path,)


def test_a_system_prompt_may_not_hold_media():
    with pytest.raises(UnsupportedFeature, match=r"messages\[0\].content\[0\]"):
        render(asked(Message("system", (Image(Source(url="https://x/y.png")),)), HI))


CALL = Message("assistant", (ToolCall("c1", "get", '{"a":1}'),))
ANSWERED = Message("tool", (ToolResult("c1", (Text("fine"),)),))


def called(*parts):
    return contents(HI, Message("assistant", parts), ANSWERED)[1]["parts"]


def test_a_call_and_its_result_go_by_id_and_name():
    _, model, user = contents(HI, CALL, ANSWERED, Message("user", (Text("So?"),)))
    assert model["parts"][0]["functionCall"] == {"id": "c1", "name": "get", "args": {"a": 1}}
    assert user["parts"] == [
        {"functionResponse": {"id": "c1", "name": "get", "response": {"output": "fine"}}},
        {"text": "So?"},
    ]


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("c1", ()), {"output": ""}),
        (ToolResult("c1", (Text("a"), Text("b"))), {"output": "a\nb"}),
        (ToolResult("c1", (Text(' {"x": [1]}'),)), {"x": [1]}),
        (ToolResult("c1", (Text("{not json"),)), {"output": "{not json"}),
        (ToolResult("c1", (Text("[1]"),)), {"output": "[1]"}),
        (ToolResult("c1", (Text("boom"),), is_error=True), {"error": "boom"}),
        (ToolResult("c1", (Text('{"x":1}'),), is_error=True), {"error": {"x": 1}}),
        (ToolResult("c1", (Document(Source(text="page"), "T"),)), {"output": "T\n\npage"}),
    ],
)
def test_what_a_result_says(result, response):
    parts = contents(HI, CALL, Message("tool", (result,)))[2]["parts"]
    assert [part["functionResponse"]["response"] for part in parts] == [response]


def test_media_of_a_result_are_inside_where_the_model_takes_them_and_beside_it_elsewhere():
    result = Message(
        "tool",
        (ToolResult("c1", (Text("two"), Image(Source("image/png", data=PNG)), Image(Source(url="https://x/y.png")))),),
    )
    new, old = (contents(HI, CALL, result, model=m)[2]["parts"] for m in ("gemini-3.6-flash", "gemini-2.5-flash"))
    inline, linked = (
        {"inlineData": {"mimeType": "image/png", "data": PNG}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://x/y.png"}},
    )
    assert new[0]["functionResponse"]["parts"] == [inline]
    assert new[1:] == [{"text": "Output of function get:"}, linked]
    assert "parts" not in old[0]["functionResponse"]
    assert old[1:] == [{"text": "Output of function get:"}, inline, linked]


def test_a_results_own_name_stands_in_for_a_call_that_is_not_there():
    body = GeminiProvider().render_request(
        asked(HI, Message("tool", (ToolResult("c7", (Text("x"),), name="get"),))), RenderOptions()
    )
    assert body.body["contents"][0]["parts"][0]["functionResponse"]["name"] == "get"
    with pytest.raises(InvalidRequest, match="no tool call before it") as caught:
        render(asked(HI, ANSWERED))
    assert caught.value.param == "messages[1].content[0]"


@pytest.mark.parametrize("arguments", ["{", "[1]", '"x"', "3", '{"a": 1e400}'])
def test_arguments_that_are_no_object_do_not_end_the_conversation(arguments):
    assert called(ToolCall("c1", "get", arguments))[0]["functionCall"]["args"] == {"INVALID_JSON": arguments}


@pytest.mark.parametrize("arguments", ["", "  ", "null", "{}"])
def test_no_arguments_are_an_empty_object(arguments):
    assert called(ToolCall("c1", "get", arguments))[0]["functionCall"]["args"] == {}


def test_a_calls_signature_goes_back_with_it():
    assert called(ToolCall("c1", "get", "{}", signature="c2ln"))[0]["thoughtSignature"] == "c2ln"


@pytest.mark.parametrize(
    "seal", [RedactedThinking("c2ln", "gemini"), Thinking("", "c2ln", "gemini"), Thinking("hm", "c2ln", "gemini")]
)
def test_a_seal_right_before_an_unsigned_call_is_the_calls(seal):
    parts = called(seal, ToolCall("c1", "get", "{}"))
    assert parts[-1]["thoughtSignature"] == "c2ln"
    assert parts[:-1] == ([{"text": "hm", "thought": True}] if isinstance(seal, Thinking) and seal.text else [])


def test_a_seal_before_a_text_signs_it_and_one_at_the_end_stands_alone():
    said = contents(
        HI,
        Message(
            "assistant",
            (
                RedactedThinking("c2lnMQ==", "gemini"),
                Text("Hello"),
                Thinking("hm", "c2lnMg==", "gemini"),
                RedactedThinking("c2lnMw==", "gemini"),
            ),
        ),
    )[1]["parts"]
    assert said == [
        {"text": "Hello", "thoughtSignature": "c2lnMQ=="},
        {"text": "hm", "thought": True, "thoughtSignature": "c2lnMg=="},
        {"text": "", "thoughtSignature": "c2lnMw=="},
    ]


def test_a_seal_before_a_signed_call_is_not_lost():
    parts = called(RedactedThinking("c2lnMQ==", "gemini"), ToolCall("c1", "get", "{}", signature="c2lnMg=="))
    assert [part["thoughtSignature"] for part in parts] == ["c2lnMQ==", "c2lnMg=="]


def test_reasoning_of_others_and_unsigned_reasoning_is_left_out():
    said = (Thinking("a", "s"), RedactedThinking("d"), RedactedThinking("d", "openai"), Thinking("b", None, "gemini"))
    assert contents(HI, Message("assistant", (*said, Text("Hello"))))[1]["parts"] == [{"text": "Hello"}]


def test_gemini_3_gets_the_vendors_own_stand_in_for_a_signature_on_the_first_call_of_a_step_only():
    result = Message("tool", (ToolResult("c1", ()), ToolResult("c2", ())))
    calls = Message("assistant", (ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "{}")))
    new, old = (contents(HI, calls, result, model=m)[1]["parts"] for m in ("gemini-3-pro-preview", "gemini-2.5-pro"))
    assert [part.get("thoughtSignature") for part in new] == [SKIP_VALIDATION, None]
    assert [part.get("thoughtSignature") for part in old] == [None, None]


SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": ["string", "null"]}}}
TOOL = Tool("get", "Gets.", SCHEMA, cache=CacheMark())


def calling(**fields):
    return render(asked(tools=(TOOL, Tool("put")), **fields)).body.get("toolConfig", {}).get("functionCallingConfig")


def test_tools_keep_their_json_schema():
    assert render(asked(tools=(TOOL, Tool("put")))).body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "get", "description": "Gets.", "parametersJsonSchema": SCHEMA},
                {"name": "put"},
            ]
        }
    ]


def test_tool_choices():
    assert calling() is None
    assert calling(tool_choice=ToolChoice("auto")) == {"mode": "AUTO"}
    assert calling(tool_choice=ToolChoice("none")) == {"mode": "NONE"}
    assert calling(tool_choice=ToolChoice("required")) == {"mode": "ANY"}
    assert calling(tool_choice=ToolChoice("named", "put")) == {"mode": "ANY", "allowedFunctionNames": ["put"]}
    assert render(asked(tool_choice=ToolChoice("auto"))).body.get("toolConfig") is None


def test_strict_tools_are_validated_where_the_model_can():
    strict = asked(tools=(TOOL, Tool("put", strict=True)))
    assert render(strict).body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    old = render(replace(strict, model="gemini-2.0-flash"))
    assert "toolConfig" not in old.body
    assert old.dropped == ("tools[1].strict",)


def test_sampling():
    assert config(
        max_output_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop=("a",),
        seed=1,
        n=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=4,
    ) == {
        "maxOutputTokens": 5,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "stopSequences": ["a"],
        "seed": 1,
        "candidateCount": 2,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 4,
    }
    assert config() is None
    assert config(n=1, logprobs=False, top_logprobs=2) is None


def test_gemini_4_refuses_and_ignores_what_older_models_take():
    wanted = asked(
        model="gemini-4-argon",
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        n=2,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        unmapped=(("cached_content", "cachedContents/a"),),
    )
    with pytest.raises(UnsupportedFeature, match="frequency_penalty, presence_penalty, n, cached_content"):
        render(wanted)
    rendered = render(wanted, drop=True)
    assert "generationConfig" not in rendered.body
    assert set(rendered.dropped) >= {"temperature", "top_p", "top_k"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"parallel_tool_calls": False, "tools": (TOOL,)}, "parallel_tool_calls"),
        ({"seed": 2**31}, "seed"),
        ({"unmapped": (("store", True),)}, "store"),
    ],
)
def test_refused_fields(fields, path):
    with pytest.raises(UnsupportedFeature) as caught:
        render(asked(**fields))
    assert caught.value.param == path


def test_hints_are_told():
    told = asked(
        Message("user", (Text("x", citations=({},)),), name="ann"), user="u", verbosity="low", service_tier="scale"
    )
    assert render(told).dropped == (
        "user",
        "verbosity",
        "messages[0].name",
        "messages[0].content[0].citations",
        "service_tier",
    )
    assert render(asked(verbosity="medium", parallel_tool_calls=False)).dropped == ()


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-2.5-pro"])
def test_before_gemini_3_an_output_format_beside_functions_is_refused(model):
    fields = {"output_format": OutputFormat("json"), "tools": (Tool("f"),)}
    with pytest.raises(UnsupportedFeature) as caught:
        render(asked(model=model, **fields))
    assert caught.value.param == "response_format"
    rendered = render(asked(model=model, **fields), drop=True)
    assert rendered.dropped == ("response_format",)
    assert "generationConfig" not in rendered.body
    assert "generationConfig" in render(asked(model=model, output_format=OutputFormat("json"))).body
    assert "generationConfig" in render(asked(model="gemini-3-pro", **fields)).body


def test_output_formats():
    assert config(output_format=OutputFormat("json")) == {"responseMimeType": "application/json"}
    assert config(output_format=OutputFormat("json_schema", "n", SCHEMA, strict=True)) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }


THINKING = [
    ("gemini-2.0-flash", Reasoning(effort="high"), None, ("reasoning_effort",)),
    ("gemini-2.0-flash", Reasoning(enabled=False), None, ()),
    ("gemini-2.5-flash", Reasoning(enabled=False), {"thinkingBudget": 0}, ()),
    ("gemini-2.5-pro", Reasoning(effort="none", enabled=False), {"thinkingBudget": 128}, ("reasoning_effort",)),
    ("gemini-2.5-flash", Reasoning(effort="medium"), {"includeThoughts": True, "thinkingBudget": 8192}, ()),
    ("gemini-2.5-pro", Reasoning(effort="max"), {"includeThoughts": True, "thinkingBudget": 32768}, ()),
    ("gemini-2.5-pro", Reasoning(effort="of the future"), {"includeThoughts": True, "thinkingBudget": 24576}, ()),
    ("gemini-2.5-flash-lite", Reasoning(budget_tokens=64), {"includeThoughts": True, "thinkingBudget": 512}, ()),
    ("gemini-2.5-flash", Reasoning(budget_tokens=99999), {"includeThoughts": True, "thinkingBudget": 24576}, ()),
    ("gemini-2.5-flash", Reasoning(adaptive=True), {"includeThoughts": True, "thinkingBudget": -1}, ()),
    ("gemini-2.5-flash", Reasoning(), {"includeThoughts": True}, ()),
    (
        "gemini-2.5-flash",
        Reasoning(adaptive=True, display="omitted"),
        {"includeThoughts": False, "thinkingBudget": -1},
        (),
    ),
    ("gemini-3-pro-preview", Reasoning(effort="medium"), {"includeThoughts": True, "thinkingLevel": "HIGH"}, ()),
    ("gemini-3.1-pro-preview", Reasoning(effort="medium"), {"includeThoughts": True, "thinkingLevel": "MEDIUM"}, ()),
    ("gemini-3.6-flash", Reasoning(effort="minimal"), {"includeThoughts": True, "thinkingLevel": "MINIMAL"}, ()),
    ("gemini-3.8-flash", Reasoning(effort="minimal"), {"includeThoughts": True, "thinkingLevel": "LOW"}, ()),
    ("gemini-3.1-flash-lite", Reasoning(enabled=False), {"thinkingLevel": "MINIMAL"}, ("reasoning_effort",)),
    ("gemini-4-argon", Reasoning(enabled=False), {"thinkingLevel": "LOW"}, ("reasoning_effort",)),
    ("gemini-4-argon", Reasoning(effort="xhigh"), {"includeThoughts": True, "thinkingLevel": "HIGH"}, ()),
    ("gemini-4-argon", Reasoning(budget_tokens=1024), {"includeThoughts": True, "thinkingLevel": "LOW"}, ()),
    ("gemini-4-argon", Reasoning(budget_tokens=5000), {"includeThoughts": True, "thinkingLevel": "MEDIUM"}, ()),
    ("gemini-4-argon", Reasoning(budget_tokens=50000), {"includeThoughts": True, "thinkingLevel": "HIGH"}, ()),
    ("gemini-flash-latest", Reasoning(adaptive=True), {"includeThoughts": True}, ()),
    ("gemini-3.6-flash", Reasoning(effort="of the future"), {"includeThoughts": True, "thinkingLevel": "HIGH"}, ()),
]


@pytest.mark.parametrize(("model", "reasoning", "thinking", "dropped"), THINKING)
def test_thinking_by_generation(model, reasoning, thinking, dropped):
    rendered = render(asked(model=model, reasoning=reasoning))
    assert rendered.body.get("generationConfig", {}).get("thinkingConfig") == thinking
    assert rendered.dropped == dropped


def test_a_budget_that_nobody_named_leaves_half_of_the_limit_to_the_answer():
    fields = {"model": "gemini-2.5-flash", "max_output_tokens": 1000}
    assert config(reasoning=Reasoning(effort="high"), **fields)["thinkingConfig"]["thinkingBudget"] == 500
    assert config(reasoning=Reasoning(budget_tokens=900), **fields)["thinkingConfig"]["thinkingBudget"] == 900


def test_fields_of_this_vendor_pass_under_either_name():
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    for names in (("safety_settings", "cached_content"), ("safetySettings", "cachedContent")):
        own = ((names[0], safety), (names[1], "cachedContents/a"), ("labels", {"team": "a"}))
        body = render(asked(unmapped=own)).body
        assert (body["safetySettings"], body["cachedContent"], body["labels"]) == (
            safety,
            "cachedContents/a",
            {"team": "a"},
        )


@pytest.mark.parametrize(
    "field", [("safety_settings", {}), ("safety_settings", [1]), ("cachedContent", 1), ("labels", {"a": 1})]
)
def test_fields_of_this_vendor_are_checked(field):
    with pytest.raises(InvalidRequest) as caught:
        render(asked(unmapped=(field,)))
    assert caught.value.param == field[0]


def test_tiers():
    for tier, sent in {"default": "standard", "flex": "flex", "priority": "priority"}.items():
        assert render(asked(service_tier=tier)).body["serviceTier"] == sent
    assert "serviceTier" not in render(asked(service_tier="auto")).body


@pytest.mark.parametrize(
    ("model", "generation"),
    [
        ("publishers/google/models/gemini-3.6-flash", 3),
        ("gemini-2.5-pro-preview-05-06", 2),
        ("gemini-4-argon", 4),
        ("gemini-flash-latest", 0),
        ("gemma-3", 0),
    ],
)
def test_generations(model, generation):
    assert generation_of(model) == generation


def test_names_that_clouds_and_previews_add_change_nothing():
    assert traits_of("models/gemini-2.5-flash-preview-09-2025") == traits_of("gemini-2.5-flash")
    assert traits_of("gemini-2.5-flash-lite-001") == traits_of("gemini-2.5-flash-lite") != traits_of("gemini-2.5-flash")
    assert traits_of("projects/p/locations/l/endpoints/7") == traits_of("gemini-flash-latest")


def test_an_attempt_changes_nothing_for_the_next():
    parts = (Text("Let me see."), ToolCall("c1", "get", '{"a": [1, 2, 3]}'))
    conversation = asked(HI, Message("assistant", parts), ANSWERED, tools=(TOOL,))
    before = repr(conversation)
    assert render(conversation) == render(conversation)
    assert repr(conversation) == before
