"""Gemini's functions and their thought signatures, judged by Google's own client."""

import base64

import pytest
from google.genai import errors, types

from extproc.simulator.gemini import signature

FLASH, THREE, PLAIN = "gemini-2.5-flash", "gemini-3-pro-preview", "gemini-2.0-flash"
KEY = {"x-goog-api-key": "AIzaSim"}
PARAMETERS = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER"}}}
WEATHER = {"name": "weather", "parameters": PARAMETERS}
CLOCK = {"name": "clock", "parametersJsonSchema": {"type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}}}
TOOLS = [{"functionDeclarations": [WEATHER, CLOCK]}]


def user(*parts) -> dict:
    return {"role": "user", "parts": [{"text": one} if isinstance(one, str) else one for one in parts]}


def model(*parts) -> dict:
    return {"role": "model", "parts": [{"text": one} if isinstance(one, str) else one for one in parts]}


@pytest.fixture
def ask(gemini):
    """``generate_content`` with its configuration as keywords."""

    async def call(name: str, contents, **config):
        return await gemini.models.generate_content(model=name, contents=contents, config=config)

    return call


@pytest.fixture
def stream(gemini):
    async def call(name: str, contents, **config):
        events = await gemini.models.generate_content_stream(model=name, contents=contents, config=config)
        return [event async for event in events]

    return call


async def test_calls(ask, stream):
    answer = await ask(THREE, "call", tools=TOOLS)
    first, second = answer.candidates[0].content.parts
    assert (first.function_call.name, first.function_call.args) == ("weather", {"city": "text", "days": 1})
    assert (second.function_call.name, second.function_call.args) == ("clock", {"zone": "UTC"})
    assert first.function_call.id != second.function_call.id
    assert first.thought_signature
    assert second.thought_signature is None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    events = await stream(THREE, "call", tools=TOOLS)
    parts = [event.candidates[0].content.parts[0] for event in events]
    assert [part.function_call.name for part in parts if part.function_call] == ["weather", "clock"]


async def test_signatures_come_back(ask):
    called = (await ask(THREE, "call", tools=[{"functionDeclarations": [WEATHER]}])).candidates[0].content
    (part,) = called.parts
    response = {"functionResponse": {"id": part.function_call.id, "name": "weather", "response": {"sky": "grey"}}}
    history = [user("call"), called, user(response)]
    assert (await ask(THREE, history, tools=TOOLS)).text
    for dummy in signature.DUMMIES:
        part.thought_signature = dummy.encode()
        assert (await ask(THREE, history, tools=TOOLS)).text
    part.thought_signature = None
    missing = r"missing a thought_signature in functionCall parts.*`default_api:weather` , position 2"
    with pytest.raises(errors.ClientError, match=missing):
        await ask(THREE, history, tools=TOOLS)
    assert (await ask(FLASH, history, tools=TOOLS)).text, "older models do not insist"
    assert (await ask(THREE, [*history, model("so"), user("next")], tools=TOOLS)).text, "it is of an earlier turn"
    part.thought_signature = b"something else that is not ours"
    for name in (FLASH, THREE):
        with pytest.raises(errors.ClientError, match="Corrupted thought signature"):
            await ask(name, history, tools=TOOLS)


async def test_a_signature_belongs_to_its_call(ask):
    content = (await ask(THREE, "call", tools=[{"functionDeclarations": [WEATHER]}])).candidates[0].content
    content.parts[0].function_call.args = {"city": "Oslo", "days": 1}
    response = {"functionResponse": {"name": "weather", "response": {}}}
    with pytest.raises(errors.ClientError, match="Corrupted"):
        await ask(THREE, [user("call"), content, user(response)], tools=TOOLS)
    text = (await ask(THREE, "echo: hi")).candidates[0].content
    assert (await ask(THREE, [user("echo: hi"), text, user("echo: again")])).text == "again"
    text.parts[0].thought_signature = base64.b64decode(signature.of_call("t", "weather", {}))
    with pytest.raises(errors.ClientError, match="Corrupted"):
        await ask(THREE, [user("echo: hi"), text, user("echo: again")])


async def test_dummies_as_they_stand_in_the_documentation(post):
    call = {"functionCall": {"name": "weather", "args": {}}, "thoughtSignature": "skip_thought_signature_validator"}
    response = {"functionResponse": {"name": "weather", "response": {}}}
    body = {"contents": [user("call"), model(call), user(response)], "tools": TOOLS}
    assert (await post(f"/v1beta/models/{THREE}:generateContent", body, **KEY)).status == 200
    call["thoughtSignature"] = "not base64!"
    wire = await post(f"/v1beta/models/{THREE}:generateContent", body, **KEY)
    assert "(TYPE_BYTES), Base64 decoding failed" in wire.json["error"]["message"]


@pytest.mark.parametrize(
    ("config", "called"),
    [
        ({"mode": "ANY"}, ["weather", "clock"]),
        ({"mode": "ANY", "allowed_function_names": ["clock"]}, ["clock"]),
        ({"mode": "NONE"}, []),
        ({"mode": "AUTO"}, []),
        ({"mode": "VALIDATED"}, []),
    ],
)
async def test_choice_of_functions(ask, config, called):
    text = "call" if config["mode"] == "NONE" else "hi"
    answer = await ask(PLAIN, text, tools=TOOLS, tool_config={"function_calling_config": config})
    assert [part.function_call.name for part in answer.candidates[0].content.parts if part.function_call] == called
