"""JSON Schema → the subset that structured outputs take, for output formats and strict tools: Claude's and Bedrock's.

Anthropic answers 400 to an object without ``additionalProperties: false`` and to most validation keywords. Where a
keyword is not taken, its text goes into the description, so that the model still reads it; the gateway does not validate
answers. Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations, and
the SDK's ``transform_schema``, which does the same for its users. Amazon Bedrock has the same limits for all of its models
(https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html).
"""

from collections.abc import Mapping

import orjson

from extproc.domain.reading import Json, JsonObject

_KEPT = frozenset({"type", "title", "const", "default", "required", "$ref"})
_MAPS = frozenset({"properties", "$defs", "definitions"})
_LISTS: Mapping[str, str] = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
)
# These say nothing to the model: which draft, where from, how to show it.
_SILENT = frozenset({"$schema", "$id", "$comment", "additionalProperties", "description", "readOnly", "writeOnly"})


def closed_schema(schema: JsonObject) -> JsonObject:
    """A new schema within the subset; the given one is not changed."""
    closed: dict[str, Json] = {}
    told: dict[str, Json] = {}
    for name, value in schema.items():
        if name in _MAPS and isinstance(value, Mapping):
            closed[name] = {key: _closed(inner) for key, inner in value.items()}
        elif name in _LISTS and _LISTS[name] not in closed and isinstance(value, list):
            closed[_LISTS[name]] = [_closed(inner) for inner in value]
        elif name == "items":
            closed[name] = _closed(value)
        elif name in _KEPT or _taken(name, value):
            closed[name] = value
        elif name not in _SILENT:
            told[name] = value
    if schema.get("type") == "object" or "properties" in schema:
        closed["additionalProperties"] = False
        if isinstance(schema.get("additionalProperties"), Mapping):
            told["additionalProperties"] = schema["additionalProperties"]
    description = _description(schema.get("description"), told)
    if description:
        closed["description"] = description
    return closed


def _closed(value: Json) -> Json:
    return closed_schema(value) if isinstance(value, Mapping) else value


def _taken(name: str, value: Json) -> bool:
    match name:
        case "format":
            return isinstance(value, str) and value in _FORMATS
        case "minItems":
            return isinstance(value, int) and value in {0, 1}
        case "enum":
            return isinstance(value, list) and not any(isinstance(item, Mapping | list) for item in value)
        case _:
            return False


def _description(given: Json, told: JsonObject) -> str:
    text = given if isinstance(given, str) else ""
    if not told:
        return text
    constraints = orjson.dumps(told).decode()
    return f"{text}\n\n{constraints}" if text else constraints
