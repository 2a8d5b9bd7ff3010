"""The vendor's own ``Schema``, a subset of OpenAPI, → JSON Schema.

Source: https://ai.google.dev/api/caching#Schema. Types are words in upper case, ``nullable`` is a member, counts are strings,
``ref`` and ``defs`` have no dollar sign.
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_SILENT = frozenset({"nullable", "propertyOrdering", "property_ordering", "example"})
"""``nullable`` becomes a type; the others say nothing about what is valid."""
_RENAMED: Mapping[str, str] = {
    "any_of": "anyOf",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "additional_properties": "additionalProperties",
    "ref": "$ref",
    "defs": "$defs",
}
_OWN_REF, _REF = "#/defs/", "#/$defs/"
MAX_DEPTH = 64
"""Deeper schemas stay as they are: no vendor takes them, and ours is not the stack to find that out."""


def json_schema_of(schema: JsonObject, depth: int = 0) -> JsonObject:
    """A new schema; the given one is not changed. What is JSON Schema already stays as it is."""
    if depth > MAX_DEPTH:
        return schema
    found: dict[str, Json] = {}
    for spelled, value in schema.items():
        name = _RENAMED.get(spelled, spelled)
        match value:
            case _ if name in _SILENT:
                continue
            case str():
                found[name] = _word(name, value)
            case Mapping() if name in {"properties", "$defs"}:
                found[name] = {key: _inner(inner, depth) for key, inner in value.items()}
            case Mapping() if name in {"items", "additionalProperties"}:
                found[name] = json_schema_of(value, depth + 1)
            case list() if name in {"anyOf", "oneOf", "allOf", "prefixItems"}:
                found[name] = [_inner(inner, depth) for inner in value]
            case _:
                found[name] = value
    if schema.get("nullable") is True:
        _allow_null(found)
    return found


def _word(name: str, value: str) -> str | int:
    if name == "type":
        return value.lower()
    if name == "$ref" and value.startswith(_OWN_REF):
        return _REF + value.removeprefix(_OWN_REF)
    return int(value) if name in _COUNTS and value.isdecimal() else value


def _inner(value: Json, depth: int) -> Json:
    return json_schema_of(value, depth + 1) if isinstance(value, Mapping) else value


def _allow_null(schema: dict[str, Json]) -> None:
    kind, options = schema.get("type"), schema.get("anyOf")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
        enum = schema.get("enum")
        if isinstance(enum, list) and None not in enum:
            schema["enum"] = [*enum, None]
    elif isinstance(options, list):
        schema["anyOf"] = [*options, {"type": "null"}]
    elif "$ref" in schema:
        schema["anyOf"] = [{"$ref": schema.pop("$ref")}, {"type": "null"}]
