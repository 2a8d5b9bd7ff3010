"""The JSON Schema for editors."""

from importlib import resources

import orjson

from extproc.config.published import schema_json

SCHEMA = orjson.loads(schema_json())


def test_the_published_file_is_what_the_models_say():
    """Mend: ``llmgw schema > extproc/config/gateway.schema.json``."""
    assert (resources.files("extproc.config") / "gateway.schema.json").read_bytes() == schema_json()


def test_it_says_what_it_is_made_from():
    assert "extproc/config/schema.py" in SCHEMA["$comment"]


def test_every_name_is_described_for_editors():
    definitions = SCHEMA["$defs"]
    for section in (SCHEMA, *definitions.values()):
        for name, field in section.get("properties", {}).items():
            described = field.get("description") or definitions[field["$ref"].rpartition("/")[2]].get("description")
            assert described, name


def test_every_mapping_is_closed():
    open_ones = [
        name
        for section in (SCHEMA, *SCHEMA["$defs"].values())
        for name, field in section.get("properties", {}).items()
        if field.get("type") == "object" and field.get("additionalProperties") is True
    ]
    assert open_ones == []
    assert SCHEMA["additionalProperties"] is False
    assert all(
        section["additionalProperties"] is False for section in SCHEMA["$defs"].values() if section["type"] == "object"
    )


def test_a_reference_is_admitted_where_a_number_stands():
    port = SCHEMA["$defs"]["ListenSpec"]["properties"]["port"]
    assert {"$ref": "#/$defs/Reference"} in port["anyOf"]
    assert {"type": "integer", "minimum": 1, "maximum": 65535} in port["anyOf"]


def test_nothing_of_python_is_left_in_it():
    text = schema_json().decode()
    assert '"null"' not in text
    assert '"title"' in text
    assert text.count('"title"') == 1
