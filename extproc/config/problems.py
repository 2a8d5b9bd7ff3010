"""What is wrong with a configuration file, as data; counterpart of everything in this package that checks.

All problems of a file are collected and raised once, as one ``ConfigError``.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

DocPath: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the document: ``("models", "fast", "targets", 0, "provider")``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN_CHOICES = 12  # a longer list of choices hides the message it belongs to


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where, what, and the mend. No part of it holds a value that came from a reference.

    ``line`` and ``column`` count from 1. ``path`` is as ``path_text`` writes it, empty where the text is not YAML.
    """

    file: str
    line: int | None
    column: int | None
    path: str
    message: str
    mend: str = ""

    def __str__(self) -> str:
        """One line, as ``gateway.yaml:12: models.fast.targets: is missing. List at least one target.`` is."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        if not self.path and self.column is not None:
            where = f"{where}:{self.column}"
        about = f"{self.path}: " if self.path else ""
        if not self.mend:
            return f"{where}: {about}{self.message}"
        mend = self.mend if self.mend.endswith(("?", ".")) else f"{self.mend}."
        return f"{where}: {about}{self.message}{'' if self.message.endswith('?') else '.'} {mend}"


class ConfigError(Exception):
    """The configuration cannot be used. ``problems`` holds every mistake of the file, in the order of its lines."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """One line per problem."""
        return "\n".join(str(problem) for problem in self.problems)


def path_text(path: DocPath) -> str:
    """A path as people write it: ``models.fast.targets[0]``, and ``models["gpt-4.1"]`` where a name has dots."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _BARE.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{quoted(step)}]"
    return text


def quoted(value: str) -> str:
    """A text of the file in double quotes, on one line and cut to a readable length."""
    safe = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value)
    return f'"{safe[:80]}…"' if len(safe) > 80 else f'"{safe}"'


def closest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that ``name`` is probably a misspelling of."""
    matches = difflib.get_close_matches(name, list(choices), n=1)
    return matches[0] if matches else None


def listed(choices: Iterable[str]) -> str:
    """Choices as a sentence part, shortened: ``a, b, c``."""
    names = sorted(choices)
    more = len(names) - _SHOWN_CHOICES
    return ", ".join(names[:_SHOWN_CHOICES]) + (f" and {more} more" if more > 0 else "")
