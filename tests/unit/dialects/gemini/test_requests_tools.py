"""Claims about rendering tools, calls, results, and the signatures that go back with them."""

from dataclasses import replace

import pytest

from extproc.dialects.base import RenderOptions
from extproc.dialects.gemini.dialect import GeminiProvider
from extproc.dialects.gemini.signatures import SKIP_VALIDATION
from extproc.domain.conversation import (
    Document,
    Image,
    Message,
    RedactedThinking,
    Source,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest
from tests.unit.dialects.gemini.rendering import ANSWERED, CALL, HI, PNG, SCHEMA, TOOL, asked, called, contents, render


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
