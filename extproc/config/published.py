"""``schema`` → the JSON Schema that editors read, kept beside this module as ``gateway.schema.json``.

``python -m extproc.config.published > extproc/config/gateway.schema.json`` writes it anew.
"""

import sys
from collections.abc import Mapping

import orjson

from extproc.config.schema import GatewaySpec
from extproc.domain.reading import Json, JsonObject

_REFERENCE = "Reference"
_REFERENCES: Json = {
    "type": "string",
    "pattern": r"^file:.|\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}",
    "description": "A value from the environment, ${NAME} or ${NAME:-default}, or from a file, file:path.",
}
_RESTRICTED = frozenset({"pattern", "enum", "const", "maxLength"})


def schema_json() -> bytes:
    """The JSON Schema (draft 2020-12) of the file, ending in a line break."""
    schema = _tidy(GatewaySpec.model_json_schema())
    assert isinstance(schema, dict)
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    definitions[_REFERENCE] = _REFERENCES
    schema["patternProperties"] = {"^x-": {"description": "Ignored; a place for YAML anchors."}}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated from extproc/config/schema.py by extproc/config/published.py; edit those instead.",
        "title": "gateway.yaml",
    }
    return orjson.dumps(
        head | schema | {"title": "gateway.yaml"}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


def _tidy(node: Json, *, member: bool = False) -> Json:
    """Drops what pydantic adds for Python's sake (titles, null), and admits a reference wherever a scalar stands.

    ``member``: the node is one of an ``anyOf``, which admits references itself.
    """
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    tidy: dict[str, Json] = {}
    for name, value in node.items():
        if name in {"properties", "$defs"} and isinstance(value, Mapping):
            tidy[name] = {key: _tidy(item) for key, item in value.items()}
        elif name == "anyOf" and isinstance(value, list):
            tidy[name] = [_tidy(item, member=True) for item in value if item != {"type": "null"}]
        elif name != "title" and not (name == "default" and value is None):
            tidy[name] = _tidy(value)
    if "patternProperties" in tidy:
        tidy.setdefault("additionalProperties", False)
    return tidy if member else _referable(tidy)


def _referable(node: dict[str, Json]) -> dict[str, Json]:
    about = {name: node[name] for name in ("description", "default") if name in node}
    choices = node.get("anyOf")
    alone = {name: value for name, value in node.items() if name not in about}
    members = choices if isinstance(choices, list) else [alone]
    if any(_refuses_reference(member) for member in members):
        return {**about, "anyOf": [*members, {"$ref": f"#/$defs/{_REFERENCE}"}]}
    only = members[0] if len(members) == 1 else alone
    return {**about, **only} if isinstance(only, Mapping) else node


def _refuses_reference(member: Json) -> bool:
    """Whether an editor would mark ``${NAME}`` as a mistake here, and the gateway would not."""
    schema: JsonObject = member if isinstance(member, Mapping) else {}
    plain = schema.get("type") == "string" and not _RESTRICTED & schema.keys()
    return not plain and (schema.get("type") in {"integer", "number", "boolean", "string"} or "enum" in schema)


if __name__ == "__main__":  # pragma: no cover - the test calls schema_json
    sys.stdout.buffer.write(schema_json())
