"""JSON Schema within the vendor's subset."""

import copy

import pytest

from extproc.dialects.closed_schema import closed_schema


@pytest.mark.parametrize(
    ("schema", "closed"),
    [
        ({"type": "string"}, {"type": "string"}),
        (
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]},
            {
                "type": "object",
                "properties": {"a": {"type": "integer", "description": '{"minimum":1}'}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
        (
            {"type": "string", "description": "a name", "minLength": 2, "maxLength": 9},
            {"type": "string", "description": 'a name\n\n{"minLength":2,"maxLength":9}'},
        ),
        ({"oneOf": [{"type": "null"}, {"properties": {}}]},
         {"anyOf": [{"type": "null"}, {"properties": {}, "additionalProperties": False}]}),
        ({"anyOf": [{"type": "null"}], "oneOf": [{"type": "string"}]},
         {"anyOf": [{"type": "null"}], "description": '{"oneOf":[{"type":"string"}]}'}),
        ({"type": "array", "items": {"type": "object"}, "minItems": 1},
         {"type": "array", "items": {"type": "object", "additionalProperties": False}, "minItems": 1}),
        ({"type": "array", "minItems": 3, "maxItems": 4}, {"type": "array", "description": '{"minItems":3,"maxItems":4}'}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "format": "phone"}, {"type": "string", "description": '{"format":"phone"}'}),
        ({"enum": ["a", None, 1]}, {"enum": ["a", None, 1]}),
        ({"enum": [{"a": 1}]}, {"description": '{"enum":[{"a":1}]}'}),
        ({"$schema": "x", "$id": "y", "$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
         {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "additionalProperties": False}}}),
        ({"type": "object", "additionalProperties": {"type": "number"}},
         {"type": "object", "additionalProperties": False, "description": '{"additionalProperties":{"type":"number"}}'}),
        ({"type": "object", "additionalProperties": True}, {"type": "object", "additionalProperties": False}),
        ({"type": ["string", "null"], "default": None}, {"type": ["string", "null"], "default": None}),
        ({"items": True, "format": ["x"], "minItems": [1], "enum": 3, "properties": 1},
         {"items": True, "additionalProperties": False,
          "description": '{"format":["x"],"minItems":[1],"enum":3,"properties":1}'}),
    ],
)  # fmt: skip
def test_closed(schema, closed):
    before = copy.deepcopy(schema)
    assert closed_schema(schema) == closed
    assert schema == before


def test_a_closed_schema_stays_as_it_is():
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]}
    assert closed_schema(closed_schema(schema)) == closed_schema(schema)
