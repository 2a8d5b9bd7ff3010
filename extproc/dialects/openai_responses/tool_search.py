"""The search of tools that a client does itself: to others a function like any other, whose call is another item.

Codex has it for the tools of its MCP servers. What it has found are tools from then on.
Source: openai.types.responses.ToolSearchToolParam, ResponseToolSearchCall, ResponseToolSearchOutputItemParamParam.
"""

from collections.abc import Iterator

import orjson

from extproc.domain.reading import Fields, Json, JsonObject

NAME = "tool_search\x1f"
"""The neutral name: no function's, for no name may hold the last character."""


def search_item(item_id: str, status: str, call_id: str, arguments: str) -> JsonObject:
    """An item ``tool_search_call``. Arguments that are no JSON object, for they were cut off, are none."""
    try:
        asked: Json = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        asked = None
    return {
        "id": item_id,
        "type": "tool_search_call",
        "status": status,
        "call_id": call_id,
        "execution": "client",
        "arguments": asked if isinstance(asked, dict) else {},
    }


def found_text(output: Fields) -> str:
    """What the model is told of an item ``tool_search_output``."""
    names = ", ".join(_names(output.raw("tools")))
    return f"Found, and available now: {names}" if names else "No tools were found."


def _names(tools: Json) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        name, inner = tool.get("name"), tool.get("tools")
        if isinstance(name, str):
            yield f"{name} ({', '.join(_names(inner))})" if inner else name
