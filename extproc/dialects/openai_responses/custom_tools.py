"""Custom tools, which take a text where a function takes JSON: to others they are functions with one argument, the text.

Codex's ``apply_patch`` is one. Source: openai.types.responses.CustomToolParam, ResponseCustomToolCall.
"""

import orjson

from extproc.dialects.openai_responses.parse_parts import Leftovers
from extproc.domain.conversation import Tool
from extproc.domain.reading import Fields, Json, JsonObject

PARAMETERS: JsonObject = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": ["input"],
    "additionalProperties": False,
}


def parse_custom_tool(tool: Fields, leftovers: Leftovers) -> Tool:
    """The function that stands for it. A grammar binds OpenAI's models; others read it in the description."""
    said = [tool.optional_text("description") or ""]
    wanted = tool.object("format")
    match wanted.text("type") if wanted is not None else "text":
        case "text":
            pass
        case "grammar" if wanted is not None:
            said.append(f"The input follows this {wanted.text('syntax')} grammar:\n{wanted.text('definition')}")
            leftovers.asides.append(tool.path("format"))
        case _:
            leftovers.add(tool.path("format"), tool.raw("format"))
    return Tool(tool.text("name"), "\n\n".join(text for text in said if text) or None, PARAMETERS, custom=True)


def arguments_of(text: str) -> str:
    """The arguments, as JSON text, of the function that stands for a custom tool."""
    return orjson.dumps({"input": text}).decode()


def input_of(arguments: str) -> str:
    """The text in these arguments; they themselves where a model kept to no schema, or was cut off."""
    try:
        value: Json = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    text = value.get("input") if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments
