"""The parts that need no socket."""

import random

import pytest

from extproc.simulator.behaviour import SETTINGS, Behaviour, assignments, overlay
from extproc.simulator.encoder import Encoder
from extproc.simulator.form import read_form
from extproc.simulator.instance import instance
from extproc.simulator.kept import Kept
from extproc.simulator.mind import Ask, Tool, say
from extproc.simulator.promptcache import CAPACITY, LONG, SHORT, Block, CacheUse, PromptCache
from extproc.simulator.tokens import pieces, prompt_tokens
from extproc.simulator.wire import Request


@pytest.mark.parametrize("text", ["", " ", "one", " one  two\n", "x" * 30, '{"a":[1,2]}', "déjà vu 🎈🎈", "a b "])
def test_pieces_add_up(text):
    cut = pieces(text)
    assert "".join(cut) == text
    assert all(0 < len(piece.strip()) <= 8 or piece.isspace() for piece in cut)


def test_prompt_tokens_are_bytes_by_four():
    assert [prompt_tokens(text) for text in ("", "a", "abcd", "abcde", "éé", "ééa")] == [0, 1, 1, 2, 1, 2]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 6}, "textxx"),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "date"}, "2025-01-01"),
        ({"enum": ["b", "c"]}, "b"),
        ({"const": 7}, 7),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 5, "multipleOf": 4}, 8),
        ({"type": "number", "maximum": 0.5}, 0.5),
        ({"type": ["null", "string"]}, "text"),
        ({"type": "null"}, None),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"properties": {"a": {"type": "string"}}}, {"a": "text"}),
        ({"type": "object", "properties": {"a": {}, "b": {"type": "null"}}, "required": ["b"]}, {"b": None}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "boolean"}}}, True),
        (
            {"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"properties": {"b": {"const": 2}}}]},
            {"a": 1},
        ),
        ({}, {}),
    ],
)
def test_instances(schema, value):
    assert instance(schema) == value


def test_recursive_schemas_end():
    schema = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert instance(schema)["next"]


def ask(text: str = "hi", **fields) -> Ask:
    return Ask(stream=False, user_text=text, input_tokens=0, **fields)


TOOLS = (Tool("a", {"properties": {"x": {"type": "string"}}}), Tool("b", {}))


def test_the_limit_counts_thinking_text_and_calls():
    said = say(ask("echo: one two call", thinking_tokens=3, tools=TOOLS), 16)
    assert (len(said.thinking), len(said.text), [call.text for call in said.calls]) == (3, 3, ['{"x":"text"}', "{}"])
    assert said.tokens == 3 + 3 + 2 + 1
    for limit in range(9):
        cut = say(ask("echo: one two call", thinking_tokens=3, tools=TOOLS, max_tokens=limit), 16)
        assert cut.tokens <= limit
        assert cut.finish == "length"
        assert len(cut.calls) == (limit >= 8)
    assert say(ask("echo: one two call", thinking_tokens=3, tools=TOOLS, max_tokens=9), 16) == said


def test_a_stop_sequence_ends_everything():
    said = say(ask("echo: a call b", tools=TOOLS, stop=("call",)), 16)
    assert ("".join(said.text), said.calls, said.stop_sequence) == ("a ", (), "call")
    assert say(ask("echo: x aa ab", stop=("ab", "aa")), 16).stop_sequence == "aa", "the first in the text wins"


def test_the_cache_reads_the_longest_prefix_and_writes_the_marked_ones():
    cache = PromptCache()
    rules, question = Block("rules", 10, SHORT), Block("question", 5)
    assert cache.use("me", [rules, question], 0) == CacheUse(0, 10, 0)
    assert cache.use("me", [rules, question], 1) == CacheUse(10, 0, 0)
    assert cache.use("you", [rules, question], 1) == CacheUse(0, 10, 0), "accounts share nothing"
    assert cache.use("me", [Block("rules", 10), Block("question", 5, LONG)], 2) == CacheUse(10, 0, 5)
    assert cache.use("me", [Block("other", 10), Block("question", 5, LONG)], 2) == CacheUse(0, 0, 15)
    assert cache.use("me", [rules], 2 + SHORT) == CacheUse(0, 10, 0), "entries expire"
    assert cache.use("me", [Block("rules", 10), Block("question", 5, LONG)], LONG) == CacheUse(15, 0, 0)


def test_the_cache_is_bounded():
    cache = PromptCache()
    first = [Block("first", 1, LONG)]
    cache.use("me", first, 0)
    for number in range(CAPACITY):
        cache.use("me", [Block(number, 1, LONG)], 0)
    assert cache.use("me", first, 0).read == 0


@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_any_split_gives_the_same_body(framed, packed):
    dice = random.Random(5)
    events = [dice.randbytes(dice.randint(1, 90)) for _ in range(20)]
    bodies = set()
    for behaviour in (
        Behaviour(gzip=packed),
        Behaviour(gzip=packed, split=1),
        Behaviour(gzip=packed, split=17, seed=1),
    ):
        encoder = Encoder(behaviour, framed=framed)
        pieces_out = [piece for event in events for piece in encoder.feed(event)] + encoder.finish()
        bodies.add(b"".join(unframe(piece) if framed else piece for piece in pieces_out))
    assert len(bodies) == 1
    if not packed:
        assert bodies == {b"".join(events)}


def unframe(piece: bytes) -> bytes:
    size, _, rest = piece.partition(b"\r\n")
    assert rest.endswith(b"\r\n")
    assert len(rest) - 2 == int(size, 16)
    return rest[:-2]


def test_every_setting_can_be_set():
    values = {"fault": "cut", "headers": "a:b", "gzip": "true", "drop_connection": "1", "hang": "yes", "crlf": "no"}
    values |= {"most": "true", "quirks": "no_done+comments"}
    for name in SETTINGS:
        changed = overlay(Behaviour(), {name: values.get(name, "7")})
        assert name == "crlf" or changed != Behaviour()
    assert assignments("status=429, fault-at=2") == {"status": "429", "fault_at": "2"}


def test_what_is_kept_is_bounded_and_the_accounts_own():
    kept: Kept[str] = Kept(capacity=3, budget=10)
    for number in range(4):
        kept.put("a", str(number), f"thing {number}", size=2)
    assert list(kept.of("a")) == ["thing 1", "thing 2", "thing 3"]
    assert kept.get("b", "1") is None
    kept.put("b", "large", "large", size=7)
    assert (list(kept.of("a")), list(kept.of("b"))) == (["thing 3"], ["large"])
    kept.drop("b", "large")
    assert len(kept) == 1
    kept.put("a", "too large", "x", size=11)
    assert len(kept) == 0


@pytest.mark.parametrize(
    ("name", "fields"),
    [("a", {"a": "2"}), ("a[]", {"a": ["1", "2"]}), ("a[b]", {"a": {"b": "2"}})],
)
def test_names_of_form_fields(name, fields):
    part = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    body = f"{part}1\r\n{part}2\r\n--x--\r\n".encode()
    headers = [(b"Content-Type", b'multipart/form-data; boundary="x"')]
    form = read_form(Request("POST", "/", headers, body, http11=True))
    assert (form.fields, form.files) == (fields, ())
