"""What Gemini refuses, in Google's words."""

import base64

import pytest
from google.genai import types

from extproc.simulator.gemini import schema

PLAIN = "gemini-2.0-flash"
KEY = {"x-goog-api-key": "AIzaSim"}
GENERATE = f"/v1beta/models/{PLAIN}:generateContent"
PNG = base64.b64encode(b"\x89PNG simulated").decode()
PARAMETERS = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER"}}}
WEATHER = {"name": "weather", "parameters": PARAMETERS}
CLOCK = {"name": "clock", "parametersJsonSchema": {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}}}
TOOLS = [{"functionDeclarations": [WEATHER, CLOCK]}]
UNKNOWN = "Invalid JSON payload received. Unknown name"
TWO_UNKNOWN = "\n".join(
    f"{UNKNOWN} \"{name}\" at 'generation_config': Cannot find field." for name in ("effort", "top")
)


def user(*parts) -> dict:
    return {"role": "user", "parts": [{"text": one} if isinstance(one, str) else one for one in parts]}


def model(*parts) -> dict:
    return {"role": "model", "parts": [{"text": one} if isinstance(one, str) else one for one in parts]}


CALLED = model({"functionCall": {"name": "weather", "args": {}}})
RESPONSE = {"functionResponse": {"name": "weather", "response": {}}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contents": []}, "contents is not specified"),
        ({"contents": [{"role": "user"}]}, r"contents[0].parts: contents.parts must not be empty"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}, "valid role: user, model"),
        ({"contents": [user({})]}, "required oneof field 'data' must have one initialized field"),
        ({"contents": [user({"text": "a", "inlineData": {}})]}, "oneof field 'data' is already set"),
        ({"contents": [user({"inlineData": {"data": PNG}})]}, "mime_type is required"),
        ({"contents": [model("a")]}, "single turn requests end with a user role"),
        ({"contents": [CALLED, user(RESPONSE)]}, "comes immediately after a user turn"),
        ({"contents": [user("a"), user(RESPONSE)]}, "function response turn comes immediately after"),
        ({"contents": [user("a"), CALLED, user("b")]}, "number of function response parts is equal"),
        ({"contents": [user("a"), CALLED, user(RESPONSE, RESPONSE)]}, "number of function response parts is equal"),
        (
            {"contents": [user("a"), CALLED, user({"functionResponse": {"name": "clock", "response": {}}})]},
            "ids and names",
        ),
        ({"tools": [{"functionDeclarations": [{"name": "1"}]}]}, "Invalid function name"),
        ({"tools": [{"functionDeclarations": [WEATHER, WEATHER]}]}, "Duplicate function declaration found: weather"),
        ({"tools": [{"functionDeclarations": [{**WEATHER, **CLOCK}]}]}, "mutually exclusive"),
        ({"tools": [{}]}, "required one_of 'tool_type'"),
        (
            {"tools": [{"functionDeclarations": [{"name": "a", "parameters": {"type": "ARRAY"}}]}]},
            "items: missing field",
        ),
        ({"tools": [{"functionDeclarations": [{"name": "a", "parameters": {}}]}]}, "type: must be specified"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_declarations"),
        (
            {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["clock"]}}},
            "should only be set when function calling mode is ANY",
        ),
        ({"generationConfig": {"temperature": 3}}, "must be in the range [0.0, 2.0]"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "must be positive"),
        ({"generationConfig": {"candidateCount": 9}}, "candidate_count"),
        ({"generationConfig": {"stopSequences": ["a"] * 6}}, "more than 5"),
        ({"generationConfig": {"responseMimeType": "text/html"}}, "allowed mimetypes are"),
        ({"generationConfig": {"responseSchema": PARAMETERS}}, "only allowed when response_mime_type"),
        (
            {"generationConfig": {"responseMimeType": "application/json"}, "tools": TOOLS},
            "Function calling with a response mime type: 'application/json' is unsupported",
        ),
        ({"generationConfig": {"logprobs": 3}}, "Logprobs is not enabled"),
        ({"systemInstruction": user({"inlineData": {"mimeType": "image/png", "data": PNG}})}, "only text parts"),
        ({"cachedContent": "cachedContents/lost"}, "CachedContent not found"),
    ],
)
async def test_refusals(post, change, words):
    wire = await post(GENERATE, {"contents": [user("hi")], **change}, **KEY)
    assert wire.status in {400, 403}
    assert words in wire.json["error"]["message"]
    assert wire.json["error"]["code"] == wire.status


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"foo": 1}, f'{UNKNOWN} "foo": Cannot find field.'),
        (
            {"generationConfig": {"effort": 1, "top": 2}},
            TWO_UNKNOWN,
        ),
        (
            {"tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {
                "a": {"type": "STRING"}, "b": {"type": "STRING", "const": "x"}}}}]}]},
            f"{UNKNOWN} \"const\" at 'tools[0].function_declarations[0].parameters.properties[1].value': Cannot find field.",
        ),
        ({"contents": [user({"text": 5})]}, "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5"),
        (
            {"generationConfig": {"audioTimestamp": True}},
            f"{UNKNOWN} \"audioTimestamp\" at 'generation_config': Cannot find field.",
        ),
        (
            {"generationConfig": {"temperature": [1]}},
            f"{UNKNOWN} \"temperature\" at 'generation_config': Proto field is not repeating, cannot start list.",
        ),
    ],
)  # fmt: skip
async def test_unknown_names_and_wrong_values_in_googles_words(post, change, message):
    wire = await post(GENERATE, {"contents": [user("hi")], **change}, **KEY)
    error = wire.json["error"]
    assert (error["code"], error["status"], error["message"]) == (400, "INVALID_ARGUMENT", message)
    (detail,) = error["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [one["description"] for one in detail["fieldViolations"]] == message.split("\n")


async def test_either_spelling_and_lone_values(post):
    body = {
        "contents": {"parts": {"text": "echo: a b"}},
        "system_instruction": {"parts": {"text": "be brief"}},
        "generation_config": {"max_output_tokens": "1", "response_modalities": ["text"]},
        "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    }
    wire = await post(GENERATE, body, **KEY)
    (candidate,) = wire.json["candidates"]
    assert (candidate["content"]["parts"][0]["text"], candidate["finishReason"]) == ("a", "MAX_TOKENS")


def test_the_schema_has_what_googles_client_sends():
    """Every field of the client's types that it sends to the API as it is."""
    own = {"videoMetadata", "sdkHttpResponse"}
    for name, theirs in (
        ("Content", types.Content), ("Part", types.Part), ("FunctionCall", types.FunctionCall),
        ("FunctionResponse", types.FunctionResponse), ("FunctionDeclaration", types.FunctionDeclaration),
        ("FunctionCallingConfig", types.FunctionCallingConfig), ("ThinkingConfig", types.ThinkingConfig),
        ("SafetySetting", types.SafetySetting), ("Blob", types.Blob), ("FileData", types.FileData),
        ("Tool", types.Tool), ("ToolConfig", types.ToolConfig), ("Schema", types.Schema),
    ):  # fmt: skip
        known = set(schema._PARSED[name])
        sent = {field.alias or field_name for field_name, field in theirs.model_fields.items()}
        assert sent - known - own == set(), name
