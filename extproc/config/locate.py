"""YAML text → ``Document``: data, and the line and column of each of its parts.

The scalars are those of YAML's core schema, not of YAML 1.1: ``no`` and ``on`` are words (a region may be called that),
``2027-01-31`` and ``1:30`` stay texts for the schema to read, ``0123`` keeps its zero. Duplicate keys are mistakes,
anchors and merge keys work, and top-level names that start with ``x-`` are left out: anchors may live there.
"""

import re
from collections.abc import Iterator
from typing import ClassVar

import yaml

from extproc.config.document import Document, Place
from extproc.config.problems import ConfigError, DocPath, Problem, path_text, quoted
from extproc.domain.reading import Json

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_PARTS_LIMIT = (
    200_000  # aliases can multiply a few lines into billions of parts; a catalogue of 5,000 models has 100,000
)
_DEPTH_LIMIT = 50  # the schema is eight levels deep

_REFERENCE = re.compile(r"\$\{([^{}\n]*)\}")
# Braces end a plain scalar inside {…}, so `{token: ${TOKEN}}` is not YAML. While the text is parsed, the braces of
# references are two private-use characters: one for one, so that lines and columns stay true.
_OPEN, _CLOSE = "\ue000", "\ue001"
_HIDDEN = re.compile(f"\\${_OPEN}([^{_CLOSE}\n]*){_CLOSE}")


_FLOAT = re.compile(
    r"[-+]?(?:[0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18}|[0-9]{1,18}(?=[eE]))(?:[eE][-+]?[0-9]{1,2})?$"
)  # never infinite; what is longer is a text
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})$")  # what fits 64 bits; a longer row of digits is a text
_RESOLVERS = (
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("null", re.compile(r"(?:~|null|Null|NULL)$"), "~nN"),
    ("merge", re.compile(r"<<$"), "<"),
)


class _Loader(yaml.SafeLoader):
    """Scans and composes; nothing is constructed by it. The resolvers are keyed by a scalar's first character."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(_TAG + name, pattern) for name, pattern, firsts in _RESOLVERS if first in firsts]
        for first in "".join(firsts for _, _, firsts in _RESOLVERS)
    } | {"": [(f"{_TAG}null", re.compile("$"))]}


def parse(text: str, source: str) -> tuple[Document, list[Problem]]:
    """The document behind ``text``, and the mistakes that do not stop a reader (duplicate keys, unknown tags).

    Raises ``ConfigError`` where the text is not YAML, holds nothing, or is no mapping.
    """
    try:
        root = _Loader(_REFERENCE.sub(f"${_OPEN}\\1{_CLOSE}", text)).get_single_node()
    except yaml.YAMLError as error:
        problem = _syntax_problem(error, text, source)
    except RecursionError:
        problem = Problem(source, None, None, "", "the file is nested too deeply to read")
    else:
        if root is None or (isinstance(root, yaml.ScalarNode) and root.tag == f"{_TAG}null"):
            problem = Problem(
                source, 1, None, "", "the file is empty", "It needs at least providers: and models:, see the README"
            )
        elif not isinstance(root, yaml.MappingNode):
            line = root.start_mark.line + 1
            problem = Problem(source, line, None, "", "the file must be a mapping (providers: ..., models: ...)")
        else:
            return _Builder(source).document(root)
    raise ConfigError([problem])


_SYNTAX_WORDS = (  # PyYAML's words → ours, where its own do not tell what to do
    ("'\\t'", "a tab is used for indentation", "YAML takes spaces only"),
    ("but found another document", "a second document (---) begins here", "Keep one per file"),
    ("mapping values are not allowed", "a colon is not expected here", 'Check the indentation; quote a text with ": "'),
    ("'@'", "a text cannot begin with @", "Put it in quotes"),
    ("'`'", "a text cannot begin with `", "Put it in quotes"),
    ("'%'", "a text cannot begin with %", "Put it in quotes"),
)


def _syntax_problem(error: yaml.YAMLError, text: str, source: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        message, mend = _restored(error.problem or "not valid YAML"), ""
        for theirs, ours, how in _SYNTAX_WORDS:
            if theirs in message:
                message, mend = ours, how
                break
        else:
            if error.context and error.context_mark and error.context_mark.line != mark.line:
                message = f"{message} ({error.context} that begins in line {error.context_mark.line + 1})"
        return Problem(source, mark.line + 1, mark.column + 1, "", message, mend)
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        return Problem(
            source,
            before.count("\n") + 1,
            column,
            "",
            f"the character U+{ord(text[error.position]):04X} is not allowed in YAML",
            "Remove it",
        )
    return Problem(source, None, None, "", "not valid YAML")


def _restored(text: str) -> str:
    """Gives references their braces back."""
    return _HIDDEN.sub(r"${\1}", text)


class _TooMuch(Exception):
    """The document exceeds a limit; nothing after this point is built."""


class _Builder:
    """Nodes → plain data, noting places and mistakes on the way."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: dict[DocPath, Place] = {}
        self._values: dict[DocPath, Place] = {}
        self._problems: list[Problem] = []
        self._broken: set[DocPath] = set()
        self._open: set[int] = set()
        self._parts = 0

    def document(self, root: yaml.MappingNode) -> tuple[Document, list[Problem]]:
        """The whole document. Raises ``ConfigError`` where it exceeds a limit."""
        try:
            data = self._mapping(root, ())
        except _TooMuch as error:
            raise ConfigError([*self._problems, Problem(self._source, None, None, "", str(error))]) from None
        data = {name: value for name, value in data.items() if not name.startswith("x-")}
        broken = frozenset(self._broken)
        return Document(self._source, data, self._keys, self._values, broken=broken), self._problems

    def _value(self, node: yaml.Node, path: DocPath) -> Json:
        self._parts += 1
        if self._parts > _PARTS_LIMIT:
            raise _TooMuch("the file is too large once its aliases (*name) are filled in")
        if len(path) > _DEPTH_LIMIT:
            raise _TooMuch("the file is nested too deeply to read")
        self._values[path] = _place(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._broken.add(path)
            self._wrong(node, path, "an alias (*name) stands inside the anchor that it repeats")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return self._list(node, path)

    def _list(self, node: yaml.Node, path: DocPath) -> list[Json]:
        self._check_tag(node, path, "seq")
        self._open.add(id(node))
        items: list[yaml.Node] = node.value
        values = [self._value(item, (*path, index)) for index, item in enumerate(items)]
        self._open.discard(id(node))
        return values

    def _mapping(self, node: yaml.MappingNode, path: DocPath) -> dict[str, Json]:
        self._values.setdefault(path, _place(node))
        self._open.add(id(node))
        data: dict[str, Json] = {}
        for key, key_node, value_node in self._entries(node, path):
            here = (*path, key)
            self._keys[here] = _place(key_node)
            data[key] = self._value(value_node, here)
        self._open.discard(id(node))
        return data

    def _entries(self, node: yaml.MappingNode, path: DocPath) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """The entries of a mapping, its own before merged ones; of several merged ones the first wins."""
        self._check_tag(node, path, "map")
        seen: dict[str, int] = {}
        merged: list[tuple[yaml.Node, yaml.Node]] = []
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        for key_node, value_node in pairs:
            if key_node.tag == _MERGE:
                merged.append((key_node, value_node))
            elif not isinstance(key_node, yaml.ScalarNode):
                self._wrong(key_node, path, "a name (the part before the colon) must be a plain text")
            elif (key := _restored(key_node.value)) in seen:
                self._wrong(key_node, (*path, key), f"duplicate key, first written in line {seen[key]}", "Remove one")
            else:
                seen[key] = key_node.start_mark.line + 1
                yield key, key_node, value_node
        for key_node, value_node in merged:
            for key, inner_key, inner_value in self._merged(key_node, value_node, path):
                if key not in seen:
                    seen[key] = inner_key.start_mark.line + 1
                    yield key, inner_key, inner_value

    def _merged(
        self, key_node: yaml.Node, value_node: yaml.Node, path: DocPath
    ) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """What a merge key (``<<: *name``, ``<<: [*one, *two]``) brings."""
        sources: list[yaml.Node] = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
        for source in sources:
            if not isinstance(source, yaml.MappingNode) or id(source) in self._open:
                self._wrong(key_node, path, "<< takes an alias (*name) of another mapping, or a list of such")
                continue
            self._open.add(id(source))
            yield from self._entries(source, path)
            self._open.discard(id(source))

    def _scalar(self, node: yaml.ScalarNode, path: DocPath) -> Json:
        text: str = node.value
        match str(node.tag).removeprefix(_TAG):
            case "str" | "merge":
                return _restored(text)
            case "null":
                return None
            case "bool" if text.lower() in {"true", "false"}:
                return text.lower() == "true"
            case "int" if _INT.match(text):
                return int(text)
            case "float" if _FLOAT.match(text) or _INT.match(text):
                return float(text)
            case _:
                self._check_tag(node, path, "str")
                return _restored(text)

    def _check_tag(self, node: yaml.Node, path: DocPath, expected: str) -> None:
        tag = str(node.tag)
        if tag != _TAG + expected:
            shown = tag.replace(_TAG, "!!")
            self._broken.add(path)
            self._wrong(node, path, f"the YAML tag {quoted(shown)} is not supported", "Remove it")

    def _wrong(self, node: yaml.Node, path: DocPath, message: str, mend: str = "") -> None:
        place = _place(node)
        self._problems.append(Problem(self._source, place.line, place.column, path_text(path), message, mend))


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
