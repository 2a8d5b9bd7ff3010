"""``prompt`` for Gemini: contents of parts, in which each part is known by the member that it has.

Google's JSON takes every name in camelCase and in snake_case. Source: https://ai.google.dev/api/generate-content.
"""

from extproc.accounting.hostedtools import gemini_tool
from extproc.accounting.tally import Tally, data_bytes
from extproc.domain.reading import Json, JsonObject

_TEXT_MEMBERS = frozenset(
    {
        *("text", "thought", "thoughtSignature", "thought_signature", "functionCall", "function_call"),
        *("executableCode", "executable_code", "codeExecutionResult", "code_execution_result"),
        *("partMetadata", "part_metadata"),
    }
)
"""Members of a part whose tokens are all in their bytes, or that are none."""
_ABOUT_MEDIA = frozenset({"mediaResolution", "media_resolution"})
"""Said beside media; what may follow from it is within the bound of an image."""
_RESPONSES = ("functionResponse", "function_response")


def walk_contents(body: JsonObject) -> Tally:
    """The whole request. Raises ``UnboundedCost``."""
    tally = Tally()
    contents = body.get("contents")
    for index, content in enumerate(contents if isinstance(contents, list) else [contents]):
        _content(content, f"contents[{index}]" if isinstance(contents, list) else "contents", tally)
    for name in ("systemInstruction", "system_instruction"):
        _content(body.get(name), name, tally)
    for name in ("continuationToken", "continuation_token"):
        if body.get(name) is not None:
            tally.unbounded(name)
    tools = body.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else [tools]):
        tally.tool(gemini_tool(tool, f"tools[{index}]"), f"tools[{index}]")
    return tally


def _content(content: Json, path: str, tally: Tally) -> None:
    if content is None:
        return
    tally.turns(1)
    parts = content.get("parts") if isinstance(content, dict) else None
    for index, part in enumerate(parts if isinstance(parts, list) else [parts]):
        # Text and nothing else, as most parts are.
        if isinstance(part, dict) and not (len(part) == 1 and "text" in part):
            _part(part, f"{path}.parts[{index}]", tally)


def _part(part: JsonObject, path: str, tally: Tally) -> None:
    for name, value in part.items():
        if value is None or name in _TEXT_MEMBERS:
            continue
        if name in {"inlineData", "inline_data"} or name in {"fileData", "file_data"}:
            _media(value, f"{path}.{name}", tally)
        elif name in _ABOUT_MEDIA:
            if isinstance(value, dict) and (value.get("numTokens") or value.get("num_tokens")):
                tally.unbounded(f"{path}.{name}")
        elif name in _RESPONSES:
            nested = value.get("parts") if isinstance(value, dict) else None
            for index, one in enumerate(nested if isinstance(nested, list) else ()):
                if isinstance(one, dict):
                    _part(one, f"{path}.{name}.parts[{index}]", tally)
        else:
            tally.unbounded(path)


def _media(value: Json, path: str, tally: Tally) -> None:
    """Images have a bound of their own; sound, film and documents have none in their bytes."""
    tally.payload += data_bytes(value, "data")
    kind = (value.get("mimeType") or value.get("mime_type")) if isinstance(value, dict) else None
    if isinstance(kind, str) and kind.startswith("image/"):
        tally.images += 1
    else:
        tally.unbounded(path)
