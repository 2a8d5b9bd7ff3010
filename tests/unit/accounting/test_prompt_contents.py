"""What is in a request of Gemini's besides text, in both spellings of every name."""

import pytest

from extproc.accounting.prompt_contents import walk_contents as walk
from extproc.domain.errors import UnboundedCost

DATA = "QUJD" * 250
PNG = {"mimeType": "image/png", "data": DATA}


def of(*parts) -> dict:
    return {"contents": [{"role": "user", "parts": list(parts)}]}


@pytest.mark.parametrize(
    ("body", "payload", "images", "window"),
    [
        ({}, 0, 0, None),
        ({"contents": "?"}, 0, 0, None),
        ({"contents": ["?", {"parts": None}, {"parts": {"text": "hi"}}]}, 0, 0, None),
        (of("?", {"text": "hi"}, {"text": "hm", "thought": True, "thoughtSignature": "s"}), 0, 0, None),
        (of({"inlineData": PNG}), 1000, 1, None),
        (of({"inline_data": {"mime_type": "image/webp", "data": DATA}}), 1000, 1, None),
        (of({"inlineData": {"mimeType": "audio/wav", "data": DATA}}), 1000, 0, "contents[0].parts[0].inlineData"),
        (of({"inlineData": {"mimeType": "application/pdf", "data": DATA}}), 1000, 0, "contents[0].parts[0].inlineData"),
        (of({"inlineData": {"data": DATA}}), 1000, 0, "contents[0].parts[0].inlineData"),
        (of({"inlineData": "?"}), 0, 0, "contents[0].parts[0].inlineData"),
        (of({"inlineData": None, "text": "hi"}), 0, 0, None),
        (of({"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}}), 0, 1, None),
        (of({"file_data": {"file_uri": "https://youtu.be/x"}}), 0, 0, "contents[0].parts[0].file_data"),
        (of({"inlineData": PNG, "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}), 1000, 1, None),
        (
            of({"inlineData": PNG, "mediaResolution": {"numTokens": 9000}}),
            1000,
            1,
            "contents[0].parts[0].mediaResolution",
        ),
        (of({"functionCall": {"name": "f", "args": {}}, "thought_signature": "s"}), 0, 0, None),
        (of({"functionResponse": {"name": "f", "response": {"output": "x"}}}), 0, 0, None),
        (of({"functionResponse": {"name": "f", "parts": ["?", {"inlineData": PNG}]}}), 1000, 1, None),
        (
            of({"function_response": {"parts": [{"fileData": {"mimeType": "application/pdf"}}]}}),
            0,
            0,
            "contents[0].parts[0].function_response.parts[0].fileData",
        ),
        (of({"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}}), 0, 0, None),
        (of({"toolCall": {"id": "x"}}), 0, 0, "contents[0].parts[0]"),
        (of({"text": "hi", "videoMetadata": {"fps": 24}}), 0, 0, "contents[0].parts[0]"),
        ({"systemInstruction": {"parts": [{"inlineData": PNG}]}}, 1000, 1, None),
        ({"system_instruction": {"parts": [{"text": "hi"}]}}, 0, 0, None),
        ({"continuationToken": "x"}, 0, 0, "continuationToken"),
        ({"continuation_token": "x"}, 0, 0, "continuation_token"),
    ],
)
def test_media(body, payload, images, window):
    tally = walk(body)
    assert (tally.payload, tally.images, tally.whole_window) == (payload, images, window)


def test_turns_and_functions_are_framed():
    functions = [
        {"functionDeclarations": [{"name": "f"}, {"name": "g"}]},
        {"function_declarations": {"name": "h"}},
        "?",
    ]
    body = {"contents": [{"parts": [{"text": "hi"}]}] * 3, "systemInstruction": {"parts": []}, "tools": functions}
    assert (walk(body).messages, walk(body).framing) == (4, 4 * 8 + 3 * 64)


@pytest.mark.parametrize(
    "tool",
    ["googleSearch", "google_search", "googleSearchRetrieval", "urlContext", "codeExecution", "mcpServers", "new"],
)
def test_tools_of_googles_own_are_refused(tool):
    with pytest.raises(UnboundedCost) as refused:
        walk({"tools": [{"functionDeclarations": []}, {tool: {}}]})
    assert refused.value.param == f"tools[1].{tool}"


def test_tools_may_be_one_object_and_may_be_null():
    assert walk({"tools": {"computerUse": {}, "googleSearch": None}}).framing == 16_384
