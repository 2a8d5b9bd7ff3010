"""The rules for ``tools`` and ``tool_choice``. Functions are called; the vendor's own tools are taken and not used.

Source: https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
"""

from collections.abc import Mapping
from typing import NamedTuple

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.mind import Tool
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.openai.rules import function_name, function_schema, unknown_parameter
from extproc.simulator.openai.schemas import check_strict
from extproc.simulator.tokens import kind_of
from extproc.simulator.wire import Refused, names

_HOSTED = names(
    "file_search computer computer_use_preview web_search web_search_2025_08_26 web_search_preview "
    "web_search_preview_2025_03_11 mcp code_interpreter programmatic_tool_calling image_generation local_shell shell "
    "custom namespace tool_search apply_patch"
)
_TYPES = ("function", *sorted(_HOSTED))
_FUNCTION = names("type name description parameters strict async allowed_callers defer_loading output_schema")
_CHOICES = ("none", "auto", "required")


class Toolbox(NamedTuple):
    """The functions that may be called, whether one must be, and whether any may be."""

    tools: tuple[Tool, ...]
    must_call: bool = False
    may_call: bool = True


def toolbox(body: JsonObject) -> Toolbox:
    """Raises ``Refused`` where OpenAI would."""
    tools = body.get("tools")
    if tools is None:
        tools = []
    if not isinstance(tools, list):
        raise wrong_type("tools", "an array of objects", kind_of(tools))
    found = (_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools))
    return _chosen(body.get("tool_choice"), tuple(tool for tool in found if tool is not None), tools)


def _tool(tool: Json, path: str) -> Tool | None:
    if not isinstance(tool, Mapping):
        raise wrong_type(path, "an object", kind_of(tool))
    kind = tool.get("type")
    if kind is None:
        raise missing(f"{path}.type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise wrong_value(f"{path}.type", kind, _TYPES)
    return _function(tool, path) if kind == "function" else None


def _function(tool: JsonObject, path: str) -> Tool:
    if "name" not in tool:
        raise missing(f"{path}.name")
    for field in tool:
        if field not in _FUNCTION:
            raise unknown_parameter(f"{path}.{field}")
    name = function_name(tool["name"], f"{path}.name")
    parameters, strict = tool.get("parameters"), tool.get("strict")
    if parameters is not None and not isinstance(parameters, Mapping):
        raise wrong_type(f"{path}.parameters", "an object", kind_of(parameters))
    if strict is not None and not isinstance(strict, bool):
        raise wrong_type(f"{path}.strict", "a boolean", kind_of(strict))
    schema = function_schema(name, parameters, f"{path}.parameters")
    if strict is True:
        check_strict(schema, f"function '{name}'", f"{path}.parameters", "invalid_function_parameters")
    return Tool(name, schema)


def _chosen(choice: Json, functions: tuple[Tool, ...], tools: list[Json]) -> Toolbox:
    match choice:
        case None:
            return Toolbox(functions)
        case str():
            if choice not in _CHOICES:
                raise wrong_value("tool_choice", choice, _CHOICES)
            if choice == "required" and not tools:
                raise Refused("Tool choice 'required' must be specified with 'tools' parameter.", param="tool_choice")
            return Toolbox(functions, choice == "required", choice != "none")
        case {"type": "function", "name": str(name)}:
            return Toolbox(_only(functions, [name]), must_call=True)
        case {"type": "function"}:
            raise missing("tool_choice.name")
        case {"type": "allowed_tools", "mode": str(mode), "tools": list(allowed)}:
            named = [one.get("name") for one in allowed if isinstance(one, Mapping) and one.get("type") == "function"]
            return Toolbox(_only(functions, named), must_call=mode == "required")
        case {"type": str(kind)} if kind in _HOSTED:
            return Toolbox(())
        case _:
            raise wrong_value("tool_choice", choice, _CHOICES)


def _only(functions: tuple[Tool, ...], named: list[Json]) -> tuple[Tool, ...]:
    known = [tool.name for tool in functions]
    for name in named:
        if name not in known:
            raise Refused(
                f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice", code="invalid_value"
            )
    return tuple(tool for tool in functions if tool.name in named)
