"""What the format has and this version does not do yet: asking for it is a mistake, never silently ignored.

Delete a row when its feature is built; nothing else needs to change here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extproc.config.document import Document
from extproc.config.problems import Problem


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A part of the file (``*``: any name or index), and what to write instead.

    With ``supported``, only other values than these are meant.
    """

    pattern: str
    mend: str
    supported: frozenset[str] = frozenset()


_NO_RESIDENCY = "Remove it: this version pins no regions; list only targets of that region"

UNSUPPORTED: tuple[Unsupported, ...] = (
    Unsupported("defaults.strategy", "Use weighted or priority", frozenset({"weighted", "priority"})),
    Unsupported("models.*.strategy", "Use weighted or priority", frozenset({"weighted", "priority"})),
    Unsupported("keys.*.residency", _NO_RESIDENCY),
    Unsupported("teams.*.residency", _NO_RESIDENCY),
    Unsupported("users.*.residency", _NO_RESIDENCY),
    Unsupported("orgs.*.residency", _NO_RESIDENCY),
    Unsupported("rules", "Remove it: this version applies no rules"),
)


def unsupported(document: Document) -> Iterator[Problem]:
    """Every part of the file that this version would ignore."""
    for row in UNSUPPORTED:
        for path, value in document.find(row.pattern):
            nothing = value is None or (isinstance(value, Mapping | list) and not value)
            if nothing or path in document.broken or (isinstance(value, str) and value in row.supported):
                continue
            message = "is not supported by this version"
            if row.supported:
                message = f"{document.shown(path)} {message}"
            yield document.problem(path, message, row.mend)
