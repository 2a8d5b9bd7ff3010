"""Checked access to decoded JSON: a wrong type or a missing field becomes a 400 that names the path.

Readers of every dialect go through ``Fields``, which also remembers what was read: what nobody read is what a
translation to another dialect would lose, and ``unread`` names it.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias, Union

import orjson

from extproc.domain.errors import InvalidRequest

# A real Union object, not a quoted one: Python 3.11 cannot apply `| None` to a string alias.
Json: TypeAlias = Union[Mapping[str, "Json"], list["Json"], str, int, float, bool, None]
JsonObject: TypeAlias = Mapping[str, Json]


class Fields:
    """A JSON object being read, with its path in the document (``messages[0]``; empty at the top).

    Every getter raises ``InvalidRequest`` with ``param`` set to the field's path when the type is wrong; ``null``
    counts as absent, as the vendors' own APIs treat it.
    """

    __slots__ = ("_data", "_path", "_seen")

    def __init__(self, data: Json, path: str = "") -> None:
        if not isinstance(data, dict) and not isinstance(data, Mapping):  # the first test is the quick one
            where = path or "the body"
            raise InvalidRequest(f"{where} must be a JSON object, not {kind_of(data)}", param=path or None)
        self._data: JsonObject = data
        self._path = path
        self._seen: set[str] = set()

    def path(self, name: str) -> str:
        """The full path of a field of this object."""
        return f"{self._path}.{name}" if self._path else name

    @property
    def place(self) -> str:
        """The path of the object itself; empty at the top."""
        return self._path

    def has(self, name: str) -> bool:
        """Whether the field is there and not null. Does not count as reading it."""
        return self._data.get(name) is not None

    def raw(self, name: str) -> Json:
        """The value as it is, or None; counts as read."""
        self._seen.add(name)
        return self._data.get(name)

    def text(self, name: str) -> str:
        """A required string."""
        value = self.raw(name)
        if isinstance(value, str):
            return value
        raise self.wrong(name, value, "a string")

    def optional_text(self, name: str) -> str | None:
        """A string, or None where absent."""
        value = self.raw(name)
        if value is None or isinstance(value, str):
            return value
        raise self.wrong(name, value, "a string")

    def integer(self, name: str) -> int | None:
        """A whole number, or None where absent."""
        value = self.raw(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        large = _large(value)
        if large is not None:
            return large
        raise self.wrong(name, value, "a whole number")

    def number(self, name: str) -> float | None:
        """A number, or None where absent; an int stays an int, so that it is written back as it came."""
        value = self.raw(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        large = _large(value)
        if large is not None:
            return float(large)
        raise self.wrong(name, value, "a number")

    def boolean(self, name: str) -> bool | None:
        """True, False, or None where absent."""
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        raise self.wrong(name, value, "true or false")

    def object(self, name: str) -> "Fields | None":
        """A nested object, or None where absent."""
        value = self.raw(name)
        return None if value is None else Fields(value, self.path(name))

    def items(self, name: str) -> list[Json] | None:
        """A list as it is, or None where absent."""
        value = self.raw(name)
        if value is None or isinstance(value, list):
            return value
        raise self.wrong(name, value, "a list")

    def objects(self, name: str) -> "Iterator[Fields]":
        """Each member of a list of objects; nothing where absent."""
        for index, item in enumerate(self.items(name) or ()):
            yield Fields(item, f"{self.path(name)}[{index}]")

    def unread(self) -> list[str]:
        """Paths of the fields that are there, not null, and that nobody has read."""
        seen = self._seen
        if len(seen) >= len(self._data) and self._data.keys() <= seen:  # the common case, in one step
            return []
        return [self.path(k) for k, v in self._data.items() if v is not None and k not in seen]

    def wrong(self, name: str, value: Json, wanted: str) -> InvalidRequest:
        """The error for a field of the wrong type, or a missing one."""
        path = self.path(name)
        if value is None:
            return InvalidRequest(f"{path} is required and must be {wanted}", param=path)
        return InvalidRequest(f"{path} must be {wanted}, not {kind_of(value)}", param=path)


def _large(value: object) -> int | None:
    """An integer beyond 64 bits, as ``extproc.domain.jsontext`` leaves it; None for all else."""
    return int(orjson.dumps(value)) if isinstance(value, orjson.Fragment) else None


def kind_of(value: Json) -> str:
    """What a JSON value is, in words for an error message; never the value itself, which may be a prompt."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | Mapping():
            return "a list" if isinstance(value, list) else "an object"
        case _:  # see ``extproc.domain.jsontext``
            return "a number beyond 64 bits"
