"""References → values: ``${NAME}``, ``${NAME:-default}`` and ``file:path``, after the YAML has been parsed.

So a secret may hold any character. What a reference brings is not read again: a value that looks like a reference
stays a text. The document remembers which of its values came from references, for no message may show them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from extproc.config.document import Document
from extproc.config.problems import DocPath, Problem, quoted
from extproc.domain.reading import Json

_REFERENCE = re.compile(
    r"""
    \$ (?P<escape> \$\{ )                                                # $${ is a literal ${
    | \$\{ (?P<name> [A-Za-z_][A-Za-z0-9_]* ) (?: :- (?P<default> [^{}]* ) )? \}
    | (?P<malformed> \$\{ )
    """,
    re.VERBOSE,
)
_PATHS = frozenset({("jwt", "*", "jwks")})
"""Where ``file:`` stays as it is: the reader of these reads the file itself, again and again."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_FILE = "file:"
_FILE_LIMIT = 1024 * 1024  # a key, a certificate or a service account is a few KiB; a device file never ends


@dataclass(frozen=True, slots=True)
class Sources:
    """Where references lead. Without ``base_dir`` (the folder that relative paths start at) none may lead to a file."""

    env: Mapping[str, str]
    base_dir: Path | None


def resolve(document: Document, sources: Sources) -> tuple[Document, list[Problem]]:
    """The document with its references filled in, and the references that lead nowhere."""
    resolver = _Resolver(document, sources)
    data = resolver.value(document.data, ())
    broken = document.broken | resolver.broken
    return replace(document, data=data, origins=resolver.origins, broken=broken), resolver.problems


class _Resolver:
    def __init__(self, document: Document, sources: Sources) -> None:
        self._document = document
        self._sources = sources
        self.origins: dict[DocPath, str] = {}
        self.broken: set[DocPath] = set()
        self.problems: list[Problem] = []

    def value(self, value: Json, path: DocPath) -> Json:
        """A value of the document, whatever its type."""
        match value:
            case str():
                return self._text(value, path)
            case list():
                return [self.value(item, (*path, index)) for index, item in enumerate(value)]
            case Mapping():
                return {name: self._entry(name, item, (*path, name)) for name, item in value.items()}
            case _:
                return value

    def _entry(self, name: str, item: Json, path: DocPath) -> Json:
        if "${" in name:
            self.problems.append(
                self._document.problem(
                    path,
                    "a name cannot be a reference",
                    "Write the name itself; references stand in values",
                    at_key=True,
                )
            )
        return self.value(item, path)

    def _text(self, text: str, path: DocPath) -> str:
        names: list[str] = []
        failed = False

        def fill(match: re.Match[str]) -> str:
            nonlocal failed
            if match["escape"]:
                return "${"
            value = None if match["malformed"] else self._variable(match["name"], match["default"])
            if value is None:
                failed = True
                self._unresolved(match, path)
                return ""
            names.append(f"${{{match['name']}}}")
            return value

        filled = _REFERENCE.sub(fill, text)
        if failed:
            self.broken.add(path)
            return text
        if text.startswith(_FILE) and not _names_a_file(path):
            self.origins[path] = quoted(text)
            return self._file(filled.removeprefix(_FILE), path)
        if names:
            self.origins[path] = " and ".join(dict.fromkeys(names))
        if _SURROGATE.search(filled):  # what Python makes of an environment's bytes that are not UTF-8
            self.broken.add(path)
            self.problems.append(self._document.problem(path, "holds bytes that are not UTF-8 text"))
        return filled

    def _variable(self, name: str, default: str | None) -> str | None:
        """As in a shell: a default also stands in for an empty variable."""
        value = self._sources.env.get(name)
        return value or default if default is not None else value

    def _unresolved(self, match: re.Match[str], path: DocPath) -> None:
        if name := match["name"]:
            message = f"environment variable {name} is not set"
            mend = f"Set it, or write ${{{name}:-...}} with a value to use in its place"
        else:
            message = "${ begins a reference, but none follows"
            mend = "Write ${NAME} or ${NAME:-default}, or $${ for the two characters themselves"
        self.problems.append(self._document.problem(path, message, mend))

    def _file(self, name: str, path: DocPath) -> str:
        """The text of a file without the line break at its end, as editors and ``echo`` leave one."""
        if self._sources.base_dir is None:
            reason = "there is no folder to read it from"
        else:
            try:
                # Path(...) / "/absolute" is the absolute path.
                with (self._sources.base_dir / name).open("rb") as file:
                    content = file.read(_FILE_LIMIT + 1)
                if len(content) <= _FILE_LIMIT:
                    text = content.decode()
                    return text.removesuffix("\n").removesuffix("\r")
                reason = f"it is larger than {_FILE_LIMIT // 1024} KiB"
            except UnicodeDecodeError:
                reason = "it is not UTF-8 text"
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        self.broken.add(path)
        shown = self.origins.pop(path)
        self.problems.append(
            self._document.problem(
                path,
                f"cannot read {shown}: {reason}",
                "Create the file; a relative path starts at the folder of this configuration",
            )
        )
        return ""


def _names_a_file(path: DocPath) -> bool:
    return tuple("*" if isinstance(step, int) else step for step in path) in _PATHS
