"""A minimal value that fits a JSON Schema: what the pretend model says where an answer or an argument has a schema."""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject

MAX_DEPTH = 32
"""A recursive schema whose recursion is required has no finite instance; null ends it here."""

_FORMATS: Mapping[str, str] = {
    "date": "2025-01-01",
    "date-time": "2025-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "sim@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "duration": "P1D",
}


def instance(schema: JsonObject) -> Json:
    """A smallest instance: required properties only, or all of them where the schema requires none."""
    return _make(schema, schema, 0)


def _make(schema: Json, root: JsonObject, depth: int) -> Json:
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return options[0]
    inner = _inner(schema, root)
    return _typed(schema, root, depth) if inner is None else _make(inner, root, depth + 1)


def _inner(schema: JsonObject, root: JsonObject) -> Json:
    """The schema that this one stands for: a reference, a first alternative, all parts joined; None where it is one."""
    reference, parts = schema.get("$ref"), schema.get("allOf")
    if isinstance(reference, str):
        return _resolve(reference, root)
    for word in ("anyOf", "oneOf"):
        branches = schema.get(word)
        if isinstance(branches, list) and branches:
            return branches[0]
    return _joined(parts, root) if isinstance(parts, list) else None


def _typed(schema: JsonObject, root: JsonObject, depth: int) -> Json:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    match kind:
        case "string":
            return _string(schema)
        case "integer" | "number":
            return _number(schema, whole=kind == "integer")
        case "boolean":
            return True
        case "null":
            return None
        case "array":
            least = schema.get("minItems")
            count = least if isinstance(least, int) else 0
            return [_make(schema.get("items"), root, depth + 1) for _ in range(count)]
        case _:
            return _object(schema, root, depth)


def _object(schema: JsonObject, root: JsonObject, depth: int) -> Json:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    required = schema.get("required")
    names = required if isinstance(required, list) and required else list(properties)
    return {name: _make(properties.get(name), root, depth + 1) for name in names if isinstance(name, str)}


def _string(schema: JsonObject) -> str:
    form = schema.get("format")
    text = _FORMATS.get(form, "text") if isinstance(form, str) else "text"
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(least, int):
        text = text.ljust(least, "x")
    return text[:most] if isinstance(most, int) else text


def _number(schema: JsonObject, *, whole: bool) -> float:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    step = 1 if whole else 0.5
    value: float = 1
    if isinstance(low, int | float):
        value = max(value, low)
    if isinstance(above, int | float):
        value = max(value, above + step)
    if isinstance(high, int | float):
        value = min(value, high)
    if isinstance(below, int | float):
        value = min(value, below - step)
    multiple = schema.get("multipleOf")
    if isinstance(multiple, int | float) and multiple > 0:
        value = -(-value // multiple) * multiple
    return int(value) if whole else value


def _resolve(reference: str, root: JsonObject) -> Json:
    value: Json = root
    for name in reference.removeprefix("#").split("/"):
        if name and isinstance(value, Mapping):
            value = value.get(name.replace("~1", "/").replace("~0", "~"))
    return value


def _joined(parts: list[Json], root: JsonObject) -> JsonObject:
    joined: dict[str, Json] = {}
    properties: dict[str, Json] = {}
    required: list[Json] = []
    for part in parts:
        found = part
        if isinstance(found, Mapping) and isinstance(found.get("$ref"), str):
            found = _resolve(str(found["$ref"]), root)
        if isinstance(found, Mapping):
            joined.update(found)
            more, names = found.get("properties"), found.get("required")
            if isinstance(more, Mapping):
                properties.update(more)
            if isinstance(names, list):
                required.extend(names)
    return {**joined, "properties": properties, "required": required} if properties else joined
