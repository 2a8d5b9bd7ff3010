"""Rules that several of OpenAI's endpoints share, in the words of their refusals."""

from collections.abc import Mapping
from dataclasses import dataclass

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.openai.errors import missing, wrong_type, wrong_value
from extproc.simulator.tokens import kind_of
from extproc.simulator.wire import Refused

EFFORTS: Mapping[str, int] = {"none": 0, "minimal": 4, "low": 8, "medium": 16, "high": 32, "xhigh": 48, "max": 64}
"""Thinking tokens by reasoning effort."""
NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}
"""The schema of a function that names none."""


@dataclass(frozen=True, slots=True)
class Span:
    """What a number may be."""

    low: float
    high: float = float("inf")
    whole: bool = False


def refuse_unknown(body: JsonObject, known: frozenset[str]) -> None:
    """The older endpoints' refusal of fields they do not have. Raises ``Refused``."""
    unknown = [name for name in body if name not in known]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise Refused(f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}")


def unknown_parameter(path: str) -> Refused:
    """The newer endpoints' refusal of a field they do not have."""
    return Refused(f"Unknown parameter: '{path}'.", param=path, code="unknown_parameter")


def check_numbers(body: JsonObject, spans: Mapping[str, Span]) -> None:
    """Each of the named fields is a number within its span, or not there. Raises ``Refused``."""
    for name, span in spans.items():
        value = body.get(name)
        if value is not None:
            _check_number(name, value, span)


def _check_number(name: str, value: Json, span: Span) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, "an integer" if span.whole else "a decimal", kind_of(value))
    if span.whole and not isinstance(value, int):
        raise wrong_type(name, "an integer", "a decimal number")
    number = "integer" if span.whole else "decimal"
    if value < span.low:
        raise Refused(
            f"Invalid '{name}': {number} below minimum value. Expected a value >= {span.low:g}, but got {value} instead.",
            param=name,
            code=f"{number}_below_min_value",
        )
    if value > span.high:
        raise Refused(
            f"Invalid '{name}': {number} above maximum value. Expected a value <= {span.high:g}, but got {value} instead.",
            param=name,
            code=f"{number}_above_max_value",
        )


def check_flags(body: JsonObject, *fields: str) -> None:
    """Each of the named fields is true, false, or not there. Raises ``Refused``."""
    for name in fields:
        value = body.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong_type(name, "a boolean", kind_of(value))


def check_texts(body: JsonObject, *fields: str) -> None:
    """Each of the named fields is a string, or not there. Raises ``Refused``."""
    for name in fields:
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong_type(name, "a string", kind_of(value))


def check_choices(body: JsonObject, choices: Mapping[str, tuple[str, ...]]) -> None:
    """Each of the named fields has one of its values, or is not there. Raises ``Refused``."""
    for name, allowed in choices.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or value not in allowed:
            raise wrong_value(name, value, allowed)


def required_text(body: JsonObject, name: str) -> str:
    """A string that has to be there. Raises ``Refused``."""
    value = body.get(name)
    if value is None:
        raise missing(name)
    if not isinstance(value, str):
        raise wrong_type(name, "a string", kind_of(value))
    return value


def stop_sequences(body: JsonObject) -> tuple[str, ...]:
    """The field ``stop``: a string, or at most four of them. Raises ``Refused``."""
    stop = body.get("stop")
    if stop is None:
        return ()
    found = [stop] if isinstance(stop, str) else stop
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise wrong_type("stop", "a string or an array of strings", kind_of(stop))
    if len(found) > 4:
        raise Refused(
            f"Invalid 'stop': array too long. Expected an array with maximum length 4, but got {len(found)} instead.",
            param="stop",
            code="array_above_max_length",
        )
    return tuple(str(one) for one in found if one)


def effort_tokens(effort: Json, path: str) -> int:
    """How long this model thinks at that effort. Raises ``Refused``."""
    if effort is None:
        return 0
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise wrong_value(path, effort, tuple(EFFORTS))
    return EFFORTS[effort]


def function_name(name: Json, path: str) -> str:
    """A function's name, as it must be. Raises ``Refused``."""
    if not isinstance(name, str):
        raise missing(path)
    if not name or len(name) > 64 or not name.replace("_", "").replace("-", "").isalnum() or not name.isascii():
        raise Refused(
            f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            param=path,
            code="invalid_value",
        )
    return name


def function_schema(name: str, parameters: Json, path: str) -> JsonObject:
    """The schema of a function's arguments. Raises ``Refused``."""
    schema: JsonObject = parameters if isinstance(parameters, Mapping) else NO_PARAMETERS
    if schema.get("type") != "object":
        raise Refused(
            f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"', got 'type: "
            f'"{schema.get("type")}"\'.',
            param=path,
            code="invalid_function_parameters",
        )
    return schema
