"""Claims about what of a Gemini request is named as lost, what changes nothing, and what is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.conversation import Conversation, Message, Text
from extproc.domain.errors import InvalidRequest
from tests.unit.dialects.gemini.client_plays import asked, configured, golden, parse


def test_two_spellings_of_one_name_are_refused():
    with pytest.raises(InvalidRequest, match="two spellings") as caught:
        configured(topP=1, top_p=0.5)
    assert caught.value.param == "generationConfig.topP"


def test_other_media_of_results_are_named():
    audio = {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}
    found = asked({"functionResponse": {"name": "f", "response": {}, "parts": [audio]}})
    assert found.unmapped == (("contents[0].parts[0].functionResponse.parts[0]", audio),)
    assert found.messages[0].parts[0].content == (Text("{}"),)


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
