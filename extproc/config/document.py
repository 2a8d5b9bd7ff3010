"""A parsed file with its places: what ``locate`` makes, ``references`` resolves, and all checks read.

Checks walk this plain tree rather than the typed models, so that one bad field does not hide another's mistake.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from extproc.config.problems import DocPath, Problem, path_text, quoted
from extproc.domain.reading import Json, kind_of


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A file as data, and where each part of it stands.

    ``keys`` are the places of mapping keys, ``values`` those of values, both by path. ``origins`` names the references
    behind a value (``${OPENAI_API_KEY}``): such a value is never shown. ``broken`` are the paths whose value could
    not be made out (a reference to nothing): what else is wrong with them is a consequence.
    """

    source: str
    data: Json
    keys: Mapping[DocPath, Place]
    values: Mapping[DocPath, Place]
    origins: Mapping[DocPath, str] = field(default_factory=dict[DocPath, str])
    broken: frozenset[DocPath] = frozenset()

    def place(self, path: DocPath) -> Place:
        """Where to look: a scalar itself, else the key of the mapping or list, else what is around a missing part."""
        for end in range(len(path), 0, -1):
            here = path[:end]
            scalar = end == len(path) and not isinstance(self.at(here), Mapping | list)
            found = self.values.get(here) if scalar else None
            found = found or self.keys.get(here) or self.values.get(here)
            if found is not None:
                return found
        return self.values.get((), Place(1, 1))

    def problem(self, path: DocPath, message: str, mend: str = "", *, at_key: bool = False) -> Problem:
        """A problem of the part at ``path``; ``at_key``: the name is at fault, not the value."""
        place = self.keys.get(path) if at_key else None
        place = place or self.place(path)
        return Problem(self.source, place.line, place.column, path_text(path), message, mend)

    def at(self, path: DocPath) -> Json:
        """The value at ``path``; None where there is none."""
        value = self.data
        for step in path:
            value = _child(value, step)
        return value

    def names(self, section: str) -> tuple[str, ...]:
        """The names declared in a section that is a mapping."""
        value = self.at((section,))
        return tuple(value) if isinstance(value, Mapping) else ()

    def find(self, pattern: str) -> Iterator[tuple[DocPath, Json]]:
        """All values whose path matches; ``*`` stands for any name or index: ``models.*.targets.*.provider``."""
        found: list[tuple[DocPath, Json]] = [((), self.data)]
        for part in pattern.split("."):
            found = [
                ((*path, step), child)
                for path, value in found
                for step, child in children(value)
                if part in {"*", step}
            ]
        yield from found

    def texts(self, pattern: str) -> Iterator[tuple[DocPath, str]]:
        """Like ``find``, only texts whose references were resolved; a wrong type is the schema's to tell."""
        for path, value in self.find(pattern):
            if isinstance(value, str) and path not in self.broken:
                yield path, value

    def shown(self, path: DocPath) -> str:
        """The value at ``path`` for a message: a scalar as written, its origin where it is from a reference."""
        if path in self.origins:
            return f"the value of {self.origins[path]}"
        value = self.at(path)
        match value:
            case str():
                return quoted(value)
            case bool():
                return str(value).lower()
            case int() | float():
                return str(value)
            case _:
                return kind_of(value).replace("an object", "a mapping")


def children(value: Json) -> Iterator[tuple[str | int, Json]]:
    """The parts of a mapping or list with their names or indexes; nothing for a scalar."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _child(value: Json, step: str | int) -> Json:
    if isinstance(value, Mapping) and isinstance(step, str):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None
