"""Rules that Cohere's endpoints share."""

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.cohere.errors import invalid, wrong_type
from extproc.simulator.tokens import kind_of
from extproc.simulator.wire import Refused


def check_fields(body: JsonObject, known: frozenset[str]) -> None:
    """Fields that the endpoint has. Raises ``Refused``."""
    for name in body:
        if name not in known:
            raise Refused(f"unknown field: parameter {name} is not a valid field", status=422)


def text(body: JsonObject, name: str) -> str:
    """A string that has to be there. Raises ``Refused``."""
    value = body.get(name)
    if value is None:
        raise invalid(f"{name} is required")
    if not isinstance(value, str):
        raise wrong_type(name, kind_of(value), "string")
    if not value.strip():
        raise invalid(f"{name} must not be empty or be only whitespace")
    return value


def positive(body: JsonObject, name: str) -> int | None:
    """A whole number above zero, or None where absent. Raises ``Refused``."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, kind_of(value), "int")
    if value < 1:
        raise invalid(f"{name} must be at least 1")
    return value


def texts(value: Json, name: str) -> list[str]:
    """A list of strings. Raises ``Refused``."""
    if not isinstance(value, list):
        raise wrong_type(name, kind_of(value), "[]string")
    for at, one in enumerate(value):
        if not isinstance(one, str):
            raise wrong_type(f"{name}[{at}]", kind_of(one), "string")
    return [str(one) for one in value]
