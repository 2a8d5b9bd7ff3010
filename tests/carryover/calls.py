"""Features of tools' calls and results."""

from tests.carryover.media import PDF, PNG
from tests.carryover.shape import Feature, asked, assistant, chat, claude, contents, items, said, user


def chat_call(number: int, **fields):
    function = {"name": f"f{number}", "arguments": '{"x":7}'}
    return {"id": f"c{number}", "type": "function", "function": function, **fields}


def item_call(number: int):
    return {"type": "function_call", "call_id": f"c{number}", "name": f"f{number}", "arguments": '{"x":7}'}


def claude_call(number: int):
    return {"type": "tool_use", "id": f"c{number}", "name": f"f{number}", "input": {"x": 7}}


def gemini_call(number: int, **fields):
    return {"functionCall": {"id": f"c{number}", "name": f"f{number}", "args": {"x": 7}}, **fields}


def output(number: int, output):
    return {"type": "function_call_output", "call_id": f"c{number}", "output": output}


def result(number: int, content, **fields):
    return {"type": "tool_result", "tool_use_id": f"c{number}", "content": content, **fields}


def response(number: int, response, **fields):
    return {"functionResponse": {"id": f"c{number}", "name": f"f{number}", "response": response, **fields}}


CALLED = {"role": "assistant", "content": None, "tool_calls": [chat_call(1)]}
CLAUDE_CALLED = assistant(claude_call(1))

CALLS = (
    Feature(
        "tool call and its result",
        {
            "openai-chat": chat(user(), CALLED, {"role": "tool", "tool_call_id": "c1", "content": "R7"}),
            "openai-responses": items(user(), item_call(1), output(1, "R7")),
            "anthropic-messages": claude(user(), CLAUDE_CALLED, user(result(1, "R7"))),
            "gemini": contents(asked(), said(gemini_call(1)), asked(response(1, {"output": "R7"}))),
        },
        {
            "openai": (
                'messages.1.tool_calls.0.function = {"name":"f1","arguments":"{\\"x\\":7}"}',
                'messages.2 = {"role":"tool","tool_call_id":"c1","content":"R7"}',
            ),
            "openai-responses": ('input.1.name = "f1"', 'input.2.output = "R7"'),
            "anthropic": (
                'messages.1.content.0 = {"type":"tool_use","id":"c1","name":"f1","input":{"x":7}}',
                'messages.2.content.0.content = "R7"',
            ),
            "bedrock": (
                'messages.1.content.0.toolUse = {"toolUseId":"c1","name":"f1","input":{"x":7}}',
                'messages.2.content.0.toolResult.content = [{"text":"R7"}]',
            ),
            "gemini": (
                'contents.1.parts.0.functionCall = {"id":"c1","name":"f1","args":{"x":7}}',
                'contents.2.parts.0.functionResponse.response = {"output":"R7"}',
            ),
        },
    ),
    Feature(
        "parallel calls and their results",
        {
            "openai-chat": chat(
                user(),
                {**CALLED, "tool_calls": [chat_call(1), chat_call(2)]},
                {"role": "tool", "tool_call_id": "c1", "content": "R7"},
                {"role": "tool", "tool_call_id": "c2", "content": "R8"},
            ),
            "openai-responses": items(user(), item_call(1), item_call(2), output(1, "R7"), output(2, "R8")),
            "anthropic-messages": claude(
                user(), assistant(claude_call(1), claude_call(2)), user(result(1, "R7"), result(2, "R8"))
            ),
            "gemini": contents(
                asked(),
                said(gemini_call(1), gemini_call(2)),
                asked(response(1, {"output": "R7"}), response(2, {"output": "R8"})),
            ),
        },
        {
            "openai": ('messages.1.tool_calls.1.id = "c2"', 'messages.3.content = "R8"'),
            "openai-responses": ('input.2.call_id = "c2"', 'input.4.output = "R8"'),
            "anthropic": ('messages.1.content.1.id = "c2"', 'messages.2.content.1.content = "R8"'),
            "bedrock": (
                'messages.1.content.1.toolUse.toolUseId = "c2"',
                'messages.2.content.1.toolResult.content = [{"text":"R8"}]',
            ),
            "gemini": (
                'contents.1.parts.1.functionCall.id = "c2"',
                'contents.2.parts.1.functionResponse.response = {"output":"R8"}',
            ),
        },
    ),
    Feature(
        "image in a result",
        {
            "openai-responses": items(
                user(),
                item_call(1),
                output(1, [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]),
            ),
            "anthropic-messages": claude(
                user(),
                CLAUDE_CALLED,
                user(
                    result(1, [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}])
                ),
            ),
            "gemini": contents(
                asked(),
                said(gemini_call(1)),
                asked(response(1, {}, parts=[{"inlineData": {"mimeType": "image/png", "data": PNG}}])),
            ),
        },
        {
            "openai": f"messages.3.content.1.image_url.url ~ {PNG}",
            "openai-responses": f"input.2.output.**.image_url ~ {PNG}",
            "anthropic": f'messages.2.content.0.content.**.data = "{PNG}"',
            "bedrock": f'messages.2.content.0.toolResult.content.*.image.source.bytes = "{PNG}"',
            "gemini": f'contents.2.parts.0.functionResponse.parts.0.inlineData.data = "{PNG}"',
        },
    ),
    Feature(
        "document in a result",
        {
            "openai-responses": items(
                user(),
                item_call(1),
                output(1, [{"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}]),
            ),
            "anthropic-messages": claude(
                user(),
                CLAUDE_CALLED,
                user(
                    result(
                        1,
                        [
                            {
                                "type": "document",
                                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                            }
                        ],
                    )
                ),
            ),
            "gemini": contents(
                asked(),
                said(gemini_call(1)),
                asked(response(1, {}, parts=[{"inlineData": {"mimeType": "application/pdf", "data": PDF}}])),
            ),
        },
        {
            "openai": f"messages.3.content.1.file.file_data ~ {PDF}",
            "openai-responses": f"input.2.output.**.file_data ~ {PDF}",
            "anthropic": f'messages.2.content.0.content.**.data = "{PDF}"',
            "bedrock": f'messages.2.content.0.toolResult.content.*.document.source.bytes = "{PDF}"',
            "gemini": f'contents.2.parts.0.functionResponse.parts.0.inlineData.data = "{PDF}"',
        },
    ),
    Feature(
        "result that is an error",
        {
            "anthropic-messages": claude(user(), CLAUDE_CALLED, user(result(1, "E7", is_error=True))),
            "gemini": contents(asked(), said(gemini_call(1)), asked(response(1, {"error": "E7"}))),
        },
        {
            "openai": 'messages.2.content = "Error: E7"',
            "openai-responses": 'input.2.output = "Error: E7"',
            "anthropic": "messages.2.content.0.is_error = true",
            "bedrock": 'messages.2.content.0.toolResult.status = "error"',
            "gemini": 'contents.2.parts.0.functionResponse.response = {"error":"E7"}',
        },
    ),
)
