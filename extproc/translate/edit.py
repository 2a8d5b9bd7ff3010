"""Byte-preserving edits of a JSON object: change top-level members, leave every other byte as it came.

Decoding and encoding again would lose what a vendor may care about: ``1.0`` against ``1``, integers beyond 64 bits,
escapes, white space (prompt caches compare prefixes). ``extproc.translate.same`` says what is to be changed.
"""

import enum
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import orjson

from extproc.domain.errors import MalformedJson
from extproc.domain.reading import Json, JsonObject


class Delete(enum.Enum):
    """The type of ``DELETE``: take this member out. JSON's ``null`` is a value like any other."""

    DELETE = "delete"


DELETE: Final = Delete.DELETE

Changes: TypeAlias = Mapping[str, Json | Literal[Delete.DELETE]]
"""Member name → its new value, or ``DELETE``."""

# Possessive quantifiers (*+ ++) keep every match linear: the only thing ever tried twice is the first branch of a
# string. It ends at the first quote with no backslash before it: a search for one byte, several times as fast as a
# character class on megabytes of base64. Where a backslash stands there, the second branch reads escapes in pairs.
_STRING = rb'"(?:[^"]*+(?<!\\)"|[^"\\]*+(?:\\.[^"\\]*+)*+")'
_SPACE = rb"[ \t\n\r]*+"

_OPEN = re.compile(rb"(?:\xef\xbb\xbf)?" + _SPACE + rb"\{")
_KEY = re.compile(_SPACE + rb"(?P<key>" + _STRING + rb")" + _SPACE + rb":" + _SPACE, re.DOTALL)
_COLON = re.compile(_SPACE + rb":" + _SPACE)
_LEAF = re.compile(_STRING + rb'|[^\s,:\[\]{}"]++', re.DOTALL)
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+[\[\]{}]", re.DOTALL)
_AFTER = re.compile(_SPACE + rb"[,}]")
_DEPTH = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]+")
_ESCAPED_PLAIN = re.compile(rb"\\u00(?:3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])")
_MAX_LOOKS = 32
"""Occurrences of a name worth looking at one by one; beyond it the scan of the whole document is cheaper."""

_NOT_AN_OBJECT = "the request body is not a JSON object"


class _Cut(NamedTuple):
    """``document[start:end]`` becomes ``by``."""

    start: int
    end: int
    by: bytes


class _Member(NamedTuple):
    """Where a top-level member is: ``key`` its first byte, ``value`` and ``end`` its value, ``comma`` what follows."""

    name: bytes
    key: int
    value: int
    end: int


def edit_members(document: bytes, changes: Changes, *, parsed: JsonObject | None = None) -> bytes:
    """The document with these top-level members replaced, put in (at the front), or taken out.

    ``document`` is a JSON object that a JSON parser has accepted; ``parsed`` is what ``orjson`` made of it, and spares
    most documents the scan. Raises ``MalformedJson`` where a changed name occurs twice at the top level, however it is
    spelled, for two readers could then read two different documents.
    """
    cuts = None if parsed is None else _cuts_by_search(document, changes, parsed)
    if cuts is None:
        cuts = _cuts_by_scan(document, changes)
    return _spliced(document, cuts)


def check_once(document: bytes, name: str, parsed: JsonObject) -> None:
    """Raise ``MalformedJson`` where ``name``, which ``parsed`` holds, occurs twice at the top level of ``document``."""
    if not _spells_names_plainly(document) or _value_start(document, name, parsed) is None:
        _places(list(_members(document)), (name,))


def check_each_once(document: bytes, names: Collection[str], parsed: JsonObject) -> None:
    """As ``check_once``, for several names, which ``parsed`` holds; the document is scanned once at most."""
    plain = _spells_names_plainly(document)
    doubtful = [name for name in names if not plain or _value_start(document, name, parsed) is None]
    if doubtful:
        _places(list(_members(document)), doubtful)


def _spliced(document: bytes, cuts: list[_Cut]) -> bytes:
    whole = memoryview(document)  # its slices are no copies, which counts on megabytes
    pieces: list[bytes | memoryview] = []
    at = 0
    for cut in sorted(cuts):
        pieces += (whole[at : cut.start], cut.by)
        at = cut.end
    return b"".join((*pieces, whole[at:]))


def _cuts_by_search(document: bytes, changes: Changes, parsed: JsonObject) -> list[_Cut] | None:
    r"""The cuts, found without reading the whole document; None where that cannot be done safely.

    Why it is safe. A name that ``parsed`` lacks is a key nowhere at the top level. For one that it holds: the name is
    made of letters, digits and ``_``, and the document has no ``\u00XX`` that spells such a character (the only escape
    that could), so each key of that name is written plainly, as ``"name"`` and a colon. In valid JSON these bytes are
    always a key, unless a backslash stands before them (the first quote would be an escaped one, inside a string; a
    closing quote cannot be followed by a letter). If there is one such place, it is the one at the top level.
    """
    cuts: list[_Cut] = []
    new: list[str] = []
    plain = False
    for name, value in changes.items():
        if name not in parsed:
            if value is not DELETE:
                new.append(name)
            continue
        if value is DELETE or not _PLAIN_NAME.fullmatch(name):
            return None
        plain = plain or _spells_names_plainly(document)
        if not plain:
            return None
        start = _value_start(document, name, parsed)
        if start is None:
            return None
        cuts.append(_Cut(start, _value_end(document, start), orjson.dumps(value)))
    return [*cuts, *_insertion(document, changes, new, followed=bool(parsed))]


def _spells_names_plainly(document: bytes) -> bool:
    """Whether no letter, digit or underscore is written as an escape. The cheap tests first: images have none."""
    return b"\\" not in document or b"\\u00" not in document or not _ESCAPED_PLAIN.search(document)


def _value_start(document: bytes, name: str, parsed: JsonObject) -> int | None:
    """Where the value of the top-level key ``name`` begins; None if there are two, or too many places to look at."""
    keys = _keys(document, b'"' + name.encode() + b'"')
    if len(keys) > 1:
        keys = _at_top_level(document, name, keys, parsed)
    return keys[0].end if len(keys) == 1 else None


def _keys(document: bytes, quoted: bytes) -> list[_Cut]:
    """The keys written so, at any depth, each with its colon; none at all if there are too many places to look at."""
    keys: list[_Cut] = []
    at = document.find(quoted)
    for _ in range(_MAX_LOOKS):
        if at < 0:
            return keys
        colon = _COLON.match(document, at + len(quoted))
        if colon and document[at - 1 : at] != b"\\":
            keys.append(_Cut(at, colon.end(), b""))
        at = document.find(quoted, at + len(quoted))
    return []


def _at_top_level(document: bytes, name: str, keys: list[_Cut], parsed: JsonObject) -> list[_Cut]:
    """Those of the keys that are at the top level: each gets a name of its own, and the JSON parser says where it is.

    A tool with a parameter called ``model`` is common, and the parser is several times as fast as the scan. None of
    them where the parser will not have the document: it takes no byte-order mark.
    """
    marks = {f"{name}#{number}": key for number, key in enumerate(keys)}
    if not parsed.keys().isdisjoint(marks):
        return []
    marked = _spliced(document, [_Cut(key.start, key.end, f'"{mark}":'.encode()) for mark, key in marks.items()])
    try:
        return [marks[mark] for mark in orjson.loads(marked) if mark in marks]
    except orjson.JSONDecodeError:
        return []


def _cuts_by_scan(document: bytes, changes: Changes) -> list[_Cut]:
    """The cuts, found by reading the document from end to end."""
    members = list(_members(document))
    at = _places(members, changes)
    gone = {index for name, index in at.items() if changes[name] is DELETE}
    kept = [index for index in range(len(members)) if index not in gone]
    last_kept = kept[-1] if kept else -1
    cuts = [
        _Cut(members[index].value, members[index].end, orjson.dumps(changes[name]))
        for name, index in at.items()
        if index not in gone
    ]
    cuts += [_Cut(members[index].key, members[index + 1].key, b"") for index in gone if index < last_kept]
    if last_kept + 1 < len(members):
        start = members[last_kept].end if kept else members[0].key
        cuts.append(_Cut(start, members[-1].end, b""))
    new = [name for name, value in changes.items() if name not in at and value is not DELETE]
    return [*cuts, *_insertion(document, changes, new, followed=bool(kept))]


def _places(members: Collection[_Member], names: Collection[str]) -> dict[str, int]:
    """Which member has which of these names."""
    at: dict[str, int] = {}
    for index, member in enumerate(members):
        name = _decoded(member.name)
        if name is None or name not in names:
            continue
        if name in at:
            raise MalformedJson(f"the field {name} occurs twice in the request body; send it once", param=name)
        at[name] = index
    return at


def _decoded(quoted: bytes) -> str | None:
    """A key as text; None for one that no text can equal (an unpaired surrogate)."""
    try:
        return orjson.loads(quoted) if b"\\" in quoted else quoted[1:-1].decode()
    except ValueError:
        return None


def _members(document: bytes) -> Iterator[_Member]:
    """Each member of the top-level object, in order."""
    at = _content_start(document)
    while match := _KEY.match(document, at):
        start = match.end()
        end = _value_end(document, start)
        yield _Member(match["key"], match.start("key"), start, end)
        after = _AFTER.match(document, end)
        if after is None:
            raise MalformedJson(_NOT_AN_OBJECT)
        at = after.end()


def _content_start(document: bytes) -> int:
    match = _OPEN.match(document)
    if match is None:
        raise MalformedJson(_NOT_AN_OBJECT)
    return match.end()


def _value_end(document: bytes, start: int) -> int:
    """Where the value that begins here ends."""
    if match := _LEAF.match(document, start):
        return match.end()
    depth = 0
    for bracket in _BRACKET.finditer(document, start):
        depth += _DEPTH[document[bracket.end() - 1]]
        if depth <= 0:
            return bracket.end()
    raise MalformedJson(_NOT_AN_OBJECT)


def _insertion(document: bytes, changes: Changes, names: Collection[str], *, followed: bool) -> list[_Cut]:
    """New members go to the front: nothing has to be read to find that place."""
    if not names:
        return []
    text = b",".join(orjson.dumps(name) + b":" + orjson.dumps(changes[name]) for name in names)
    start = _content_start(document)
    return [_Cut(start, start, text + b"," if followed else text)]
