"""Gemini's rules for functions: declarations, their schemas, and which of them may be called.

Source: https://ai.google.dev/api/caching#FunctionDeclaration. Bodies here are normal (see ``schema``).
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.gemini.contents import member, objects
from extproc.simulator.gemini.errors import invalid
from extproc.simulator.mind import Tool

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_REQUEST = "* GenerateContentRequest"


class Choice(NamedTuple):
    """The functions that are left to call; whether one must be called, and whether one may be."""

    tools: tuple[Tool, ...]
    must_call: bool
    may_call: bool


def read_tools(body: JsonObject) -> Choice:
    """Raises ``Refused`` where Google would."""
    tools: list[Tool] = []
    for index, tool in enumerate(objects(body.get("tools"))):
        if not tool:
            raise invalid(
                f"{_REQUEST}.tools[{index}].tool_type: required one_of 'tool_type' must have one initialized field\n"
            )
        for at, declared in enumerate(objects(tool.get("functionDeclarations"))):
            tools.append(_declared(declared, f"{_REQUEST}.tools[{index}].function_declarations[{at}]"))
    for tool in tools:
        if sum(other.name == tool.name for other in tools) > 1:
            raise invalid(f"Duplicate function declaration found: {tool.name}")
    return _choose(body, tuple(tools))


def plain_schema(schema: Json) -> dict[str, Json]:
    """Google's schema as JSON Schema: types in small letters, the others as they are."""
    if not isinstance(schema, Mapping):
        return {}
    plain: dict[str, Json] = dict(schema)
    kind = schema.get("type")
    if isinstance(kind, str):
        plain["type"] = kind.lower()
    if "items" in schema:
        plain["items"] = plain_schema(schema["items"])
    options, properties = schema.get("anyOf"), schema.get("properties")
    if isinstance(options, list):
        plain["anyOf"] = [plain_schema(option) for option in options]
    if isinstance(properties, Mapping):
        plain["properties"] = {name: plain_schema(value) for name, value in properties.items()}
    return plain


def check_schema(schema: Json, path: str) -> None:
    """What Google asks of its schemas beyond their fields. Raises ``Refused``."""
    if not isinstance(schema, Mapping):
        return
    kind, properties = schema.get("type"), schema.get("properties")
    if kind is None and "anyOf" not in schema and "ref" not in schema:
        raise invalid(f"{path}.type: must be specified\n")
    if kind == "ARRAY" and "items" not in schema:
        raise invalid(f"{path}.items: missing field.\n")
    if schema.get("enum") and kind not in ("STRING", None):
        raise invalid(f"{path}.enum: only allowed for STRING type\n")
    named: JsonObject = properties if isinstance(properties, Mapping) else {}
    if named and kind != "OBJECT":
        raise invalid(f"{path}.properties: only allowed for OBJECT type\n")
    required = schema.get("required")
    for index, name in enumerate(required if isinstance(required, list) else []):
        if name not in named:
            raise invalid(f"{path}.required[{index}]: property is not defined\n")
    for name, value in named.items():
        check_schema(value, f"{path}.properties[{name}]")
    check_schema(schema.get("items"), f"{path}.items")
    for index, option in enumerate(objects(schema.get("anyOf"))):
        check_schema(option, f"{path}.any_of[{index}]")


def _declared(declared: JsonObject, path: str) -> Tool:
    name = declared.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(
            f"{path}.name: Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, "
            "A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.\n"
        )
    given, json_schema = declared.get("parameters"), declared.get("parametersJsonSchema")
    if given is not None and json_schema is not None:
        raise invalid(f"{path}: parameters and parameters_json_schema are mutually exclusive.\n")
    if given is not None:
        check_schema(given, f"{path}.parameters")
        return Tool(name, plain_schema(given))
    if json_schema is not None and not isinstance(json_schema, Mapping):
        raise invalid(f"{path}.parameters_json_schema: must be an object\n")
    return Tool(name, json_schema if isinstance(json_schema, Mapping) else {"type": "object"})


def _choose(body: JsonObject, tools: tuple[Tool, ...]) -> Choice:
    config = member(member(body, "toolConfig") or {}, "functionCallingConfig")
    if config is None:
        return Choice(tools, must_call=False, may_call=True)
    mode, names = config.get("mode", "AUTO"), config.get("allowedFunctionNames")
    if not tools and mode not in ("NONE", "MODE_UNSPECIFIED"):
        raise invalid("Function calling config is set without function_declarations.")
    if names:
        if mode not in ("ANY", "VALIDATED"):
            raise invalid("allowed_function_names should only be set when function calling mode is ANY or VALIDATED.")
        allowed: list[Json] = names if isinstance(names, list) else []
        known = {tool.name for tool in tools}
        unknown = [str(name) for name in allowed if name not in known]
        if unknown:
            raise invalid(f"allowed_function_names: {unknown[0]} is not declared in function_declarations.")
        tools = tuple(tool for tool in tools if tool.name in allowed)
    return Choice(tools, must_call=mode == "ANY", may_call=mode != "NONE")
