"""References → values; what they bring is a text and nothing more, and never part of a message."""

import pytest

from extproc.config.locate import parse
from extproc.config.references import Sources, resolve


def resolved(text, env=None, base_dir=None):
    document, _ = parse(text, "gateway.yaml")
    return resolve(document, Sources(env or {}, base_dir))


def value(scalar, env=None, base_dir=None):
    document, problems = resolved(f"a: {scalar}", env, base_dir)
    assert problems == []
    return document.at(("a",))


def problem(scalar, env=None, base_dir=None):
    document, problems = resolved(f"a: {scalar}", env, base_dir)
    (only,) = problems
    assert document.broken == {("a",)}
    return str(only)


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        ("${A}", "one"),
        ("x-${A}-${B}", "x-one-two"),
        ("${A:-other}", "one"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("${NONE:-other}", "other"),
        ("${NONE:-}", ""),
        ("${NONE:-a:-b}", "a:-b"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A", "$A"),
        ("$$", "$$"),
        ("cost: $5".replace(": ", " "), "cost $5"),
        ("${NESTED}", "${A}"),
        ("${FILE_LIKE}", "file:/etc/hostname"),
    ],
)
def test_variables_fill_in_as_in_a_shell_and_only_once(scalar, expected):
    env = {"A": "one", "B": "two", "EMPTY": "", "NESTED": "${A}", "FILE_LIKE": "file:/etc/hostname"}
    assert value(scalar, env) == expected


def test_other_scalars_stay_what_they_are():
    document, _ = resolved("a: [1, 1.5, true, ~]")
    assert document.at(("a",)) == [1, 1.5, True, None]


@pytest.mark.parametrize("scalar", ["${", "${}", "${A B}", "${1A}", "${A:default}", "'${A'"])
def test_a_reference_that_is_none_is_a_mistake(scalar):
    assert problem(scalar, {"A": "one"}).startswith("gateway.yaml:1: a: ${ begins a reference, but none follows.")


def test_all_missing_variables_of_a_value_are_named():
    _, problems = resolved("a: ${ONE}${TWO}")
    assert [item.message for item in problems] == [
        "environment variable ONE is not set",
        "environment variable TWO is not set",
    ]


def test_bytes_of_the_environment_that_are_not_text_are_a_mistake():
    assert problem("${BYTES}", {"BYTES": "a\udcff"}) == "gateway.yaml:1: a: holds bytes that are not UTF-8 text"


def test_the_origin_of_a_value_is_remembered_but_not_that_of_a_literal():
    document, _ = resolved("{a: '${A}/${B}/${A}', b: $${A}, c: plain}", {"A": "1", "B": "2"})
    assert document.origins == {("a",): "${A} and ${B}"}
    assert document.shown(("a",)) == "the value of ${A} and ${B}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"sk-1\n", "sk-1"), (b"sk-1\r\n", "sk-1"), (b"sk-1", "sk-1"), (b"one\ntwo\n\n", "one\ntwo\n"), (b"${A}", "${A}")],
)
def test_a_file_gives_its_text_without_the_last_line_break(tmp_path, content, expected):
    (tmp_path / "key").write_bytes(content)
    assert value("file:key", base_dir=tmp_path) == expected
    assert value("file:${DIR}/key", {"DIR": str(tmp_path)}, tmp_path / "elsewhere") == expected


def test_a_file_that_cannot_be_read_is_named_as_it_is_written(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    start = "gateway.yaml:1: a: cannot read"
    end = "Create the file; a relative path starts at the folder of this configuration."
    env = {"SECRET": "canary"}
    assert problem("file:none", env, tmp_path) == f'{start} "file:none": No such file or directory. {end}'
    assert problem("file:${SECRET}", env, tmp_path) == f'{start} "file:${{SECRET}}": No such file or directory. {end}'
    assert problem("file:.", env, tmp_path) == f'{start} "file:.": Is a directory. {end}'
    assert problem("file:binary", env, tmp_path) == f'{start} "file:binary": it is not UTF-8 text. {end}'
    assert problem("file:large", env, tmp_path) == f'{start} "file:large": it is larger than 1024 KiB. {end}'
    assert problem('"file:a\\0b"', env, tmp_path).startswith(f"{start} ")


def test_without_a_folder_no_file_is_read():
    assert "there is no folder to read it from" in problem("file:/etc/hostname")
