"""``edit_members`` on any JSON object: the right members change, and every other member keeps its bytes."""

from dataclasses import dataclass

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.errors import MalformedJson
from extproc.translate.edit import DELETE, edit_members

NAMES = ["model", "stream_options", "a", "b", "model ", "Model", "mod", "", 'q"', "é", "\\", "😀"]
EDITED = ["model", "stream_options", "a", 'q"', "😀"]

space = st.text(alphabet=" \t\n\r", max_size=2)


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """A JSON string of this text, each character plain or escaped in one of its ways."""
    units: list[str] = []
    for character in text:
        ways = [_unicode_escape(character)]
        if character in '"\\':
            ways.append("\\" + character)
        elif character >= " ":
            ways += [character] * 8
        if character == "/":
            ways.append("\\/")
        units.append(draw(st.sampled_from(ways)))
    return '"' + "".join(units) + '"'


def _unicode_escape(character: str) -> str:
    data = character.encode("utf-16-be")
    return "".join(f"\\u{data[i : i + 2].hex()}" for i in range(0, len(data), 2))


texts = st.one_of(
    st.sampled_from([*NAMES, '"model":', '\\"model":1', '{"model":[', "}", "]", "\\", '\\"', "\n", "/"]),
    st.text(alphabet='ab"\\/é😀\n\x1f{}[]:, ', max_size=6),
)
names = st.one_of(st.sampled_from(NAMES), texts)
numbers = st.sampled_from(["0", "-0", "1.0", "1e5", "1E+05", "-1.50", "123456789012345678901234567890", "0.1e-7"])
leaves = st.one_of(numbers, st.sampled_from(["true", "false", "null"]), texts.flatmap(spelled))


@st.composite
def arrays(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    inner = [draw(space) + item + draw(space) for item in draw(st.lists(items, max_size=3))]
    return "[" + (",".join(inner) or draw(space)) + "]"


@st.composite
def objects(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    inner = [
        draw(space) + draw(names.flatmap(spelled)) + draw(space) + ":" + draw(space) + item + draw(space)
        for item in draw(st.lists(items, max_size=3))
    ]
    return "{" + (",".join(inner) or draw(space)) + "}"


values = st.recursive(leaves, lambda items: arrays(items) | objects(items), max_leaves=8)


@dataclass(frozen=True)
class Member:
    """A top-level member as it is written."""

    name: str
    before_value: str
    value: str

    @property
    def text(self) -> bytes:
        return (self.before_value + self.value).encode()


@st.composite
def members(draw: st.DrawFn) -> Member:
    name = draw(names)
    key = draw(spelled(name))
    return Member(name, key + draw(space) + ":" + draw(space), draw(values))


@dataclass(frozen=True)
class Document:
    """A JSON object as it is written."""

    members: list[Member]
    starts: list[int]
    """Where each member's key begins."""
    text: bytes

    def repeats(self, wanted) -> bool:
        """Whether a name of ``wanted`` occurs twice."""
        occurring = [member.name for member in self.members if member.name in wanted]
        return len(set(occurring)) < len(occurring)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    inside = draw(st.lists(members(), max_size=6))
    text = (draw(space) + "{" + draw(space)).encode()
    starts: list[int] = []
    for member in inside:
        text += (draw(space) + "," + draw(space)).encode() if starts else b""
        starts.append(len(text))
        text += member.text
    return Document(inside, starts, text + (draw(space) + "}" + draw(space)).encode())


some_text = st.text(alphabet='a"\\é😀\n', max_size=4)
new_values = st.one_of(st.just(DELETE), st.none(), st.booleans(), some_text, st.just({"model": [1]}))
changes = st.dictionaries(st.sampled_from(EDITED), new_values, max_size=4)


@given(documents(), changes, st.booleans())
def test_only_what_is_named_changes(document, wanted, with_parsed):
    original = orjson.loads(document.text)
    parsed = original if with_parsed else None
    if document.repeats(wanted):
        with pytest.raises(MalformedJson):
            edit_members(document.text, wanted, parsed=parsed)
        return

    edited = edit_members(document.text, wanted, parsed=parsed)

    expected = {name: value for name, value in original.items() if wanted.get(name) is not DELETE}
    expected |= {name: value for name, value in wanted.items() if value is not DELETE}
    assert orjson.loads(edited) == expected
    at = 0
    for member in document.members:
        value = wanted.get(member.name, member)
        if value is DELETE:
            continue
        span = member.text if value is member else member.before_value.encode() + orjson.dumps(value)
        at = edited.index(span, at) + len(span)


@given(documents(), some_text, st.booleans())
def test_replacing_gives_exactly_the_same_document_but_for_the_value(document, value, with_parsed):
    names_there = [member.name for member in document.members]
    if names_there.count("model") != 1:
        return
    parsed = orjson.loads(document.text) if with_parsed else None
    edited = edit_members(document.text, {"model": value}, parsed=parsed)
    member = document.members[names_there.index("model")]
    start = document.starts[names_there.index("model")] + len(member.before_value.encode())
    end = start + len(member.value.encode())
    assert edited == document.text[:start] + orjson.dumps(value) + document.text[end:]


@given(documents(), changes)
def test_editing_twice_is_editing_once(document, wanted):
    if document.repeats(wanted):
        return
    once = edit_members(document.text, wanted)
    assert edit_members(once, wanted) == once
    assert edit_members(once, wanted, parsed=orjson.loads(once)) == once
