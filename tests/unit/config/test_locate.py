"""Text → data and places, with limits; the goldens have what users see of its errors."""

import pytest

from extproc.config.document import Place
from extproc.config.locate import parse
from extproc.config.problems import ConfigError

TEXT = """\
providers:
  openai: {api_key: ${KEY}, headers: {a: "${A}"}}  # ${COMMENT}
models:
  fast:
    targets:
      - provider: openai
        weight: 1
      - {provider: openai}
    aliases:
      [one, two]
"""


def document(text):
    parsed, problems = parse(text, "gateway.yaml")
    assert problems == []
    return parsed


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), Place(1, 1)),
        (("providers",), Place(1, 1)),
        (("providers", "openai"), Place(2, 3)),
        (("providers", "openai", "api_key"), Place(2, 21)),
        (("providers", "openai", "headers"), Place(2, 29)),
        (("providers", "openai", "headers", "a"), Place(2, 42)),
        (("models", "fast", "targets"), Place(5, 5)),
        (("models", "fast", "targets", 0), Place(6, 9)),
        (("models", "fast", "targets", 0, "weight"), Place(7, 17)),
        (("models", "fast", "targets", 1, "provider"), Place(8, 20)),
        (("models", "fast", "aliases", 1), Place(10, 13)),
    ],
    ids=str,
)
def test_every_part_has_its_place(path, place):
    assert document(TEXT).place(path) == place


def test_a_missing_part_is_sought_in_what_is_around_it():
    parsed = document(TEXT)
    assert parsed.place(("models", "fast", "targets", 0, "model")) == Place(6, 9)
    assert parsed.place(("models", "slow", "targets")) == Place(3, 1)
    assert parsed.place(("keys", 0)) == Place(1, 1)


def test_braces_of_references_are_plain_text_even_inside_braces():
    parsed = document("a: {b: ${X}, c: pre-${Y:-z}-post, ${K}: $${E}}")
    assert parsed.data == {"a": {"b": "${X}", "c": "pre-${Y:-z}-post", "${K}": "$${E}"}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-7", -7),
        ("0", 0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("off", "off"),
        ("0123", "0123"),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2027-01-31", "2027-01-31"),
        (".inf", ".inf"),
        ("9" * 30, "9" * 30),
        ("1e999", "1e999"),
        ('"5"', "5"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
    ],
)
def test_scalars_are_those_of_the_core_schema(text, value):
    data = document(f"a: {text}").data
    assert isinstance(data, dict)
    assert data["a"] == value
    assert type(data["a"]) is type(value)


def test_names_are_texts_whatever_they_look_like():
    assert document("1: a\ntrue: b\n~: c\nno: d").data == {"1": "a", "true": "b", "~": "c", "no": "d"}


def test_names_that_start_with_x_are_left_out_at_the_top_only():
    assert document("x-a: &a {x-b: 1}\nc: *a").data == {"c": {"x-b": 1}}


def refused(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, "gateway.yaml")
    return str(caught.value)


def test_aliases_cannot_multiply_without_bound():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert refused("\n".join(lines)) == "gateway.yaml: the file is too large once its aliases (*name) are filled in"


@pytest.mark.parametrize("depth", [60, 5000])
def test_nesting_has_a_bound(depth):
    assert refused("a: " + "[" * depth + "]" * depth) == "gateway.yaml: the file is nested too deeply to read"


def test_an_explicit_type_that_does_not_fit_is_a_mistake():
    _, problems = parse("a: !!int ten\nb: !!set {x}\nc: !!seq {d: 1}", "gateway.yaml")
    assert [str(problem) for problem in problems] == [
        'gateway.yaml:1: a: the YAML tag "!!int" is not supported. Remove it.',
        'gateway.yaml:2: b: the YAML tag "!!set" is not supported. Remove it.',
        'gateway.yaml:3: c: the YAML tag "!!seq" is not supported. Remove it.',
    ]


def test_a_mapping_that_merges_itself_is_a_mistake():
    parsed, problems = parse("a: &a {<<: *a, b: 1}", "gateway.yaml")
    assert parsed.data == {"a": {"b": 1}}
    assert len(problems) == 1
