"""OpenAI's rules for strict schemas: every object is closed and requires all its properties.

Source: https://platform.openai.com/docs/guides/structured-outputs (supported schemas)
"""

from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.wire import Refused


def check_strict(schema: JsonObject, what: str, param: str, code: str | None) -> None:
    """Raises ``Refused`` where a strict schema is not one; ``what`` names it (``function 'f'``)."""
    _check(schema, (), what, (param, code))


def _check(schema: Json, context: tuple[str, ...], what: str, blame: tuple[str, str | None]) -> None:
    if not isinstance(schema, Mapping):
        return
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, Mapping):
        _check_object(schema, context, what, blame)
    if isinstance(properties, Mapping):
        for name, value in properties.items():
            _check(value, (*context, "properties", name), what, blame)
    _check(schema.get("items"), (*context, "items"), what, blame)
    for word in ("$defs", "definitions"):
        nested = schema.get(word)
        if isinstance(nested, Mapping):
            for name, value in nested.items():
                _check(value, (*context, word, name), what, blame)
    options = schema.get("anyOf")
    if isinstance(options, list):
        for index, option in enumerate(options):
            _check(option, (*context, "anyOf", str(index)), what, blame)


def _check_object(schema: JsonObject, context: tuple[str, ...], what: str, blame: tuple[str, str | None]) -> None:
    param, code = blame
    where = f"Invalid schema for {what}: In context={context}, "
    if schema.get("additionalProperties") is not False:
        raise Refused(
            f"{where}'additionalProperties' is required to be supplied and to be false.", param=param, code=code
        )
    properties, required = schema.get("properties"), schema.get("required")
    names = list(properties) if isinstance(properties, Mapping) else []
    listed = required if isinstance(required, list) else []
    for name in names:
        if name not in listed:
            raise Refused(
                f"{where}'required' is required to be supplied and to be an array including every key in properties. "
                f"Missing '{name}'.",
                param=param,
                code=code,
            )
