"""The files of ``tests/goldens/config``: one walker over good ones, bad ones, and ones with many mistakes.

Beside each good file lies its snapshot (``.json``), beside each bad one what is printed (``.txt``);
``LLMGW_REWRITE_GOLDENS=1`` writes these anew.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import get_args, get_origin

import orjson
import pytest
from pydantic import BaseModel

from extproc.config.digest import hash_key
from extproc.config.load import load_file, load_text
from extproc.config.locate import parse
from extproc.config.problems import ConfigError
from extproc.config.schema import GatewaySpec
from extproc.config.snapshot import Secret, Snapshot
from extproc.config.unsupported import UNSUPPORTED

FOLDER = Path(__file__).parents[2] / "goldens" / "config"
UPDATE = os.environ.get("LLMGW_REWRITE_GOLDENS") == "1"

ENV = {
    "LLMGW_ADMIN_TOKEN": "canary-admin-token",
    "LLMGW_READ_TOKEN": "canary-read-token",
    "LLMGW_SECRET": "canary-of-all-replicas",
    "OPENAI_API_KEY": "canary-openai-key",
    "ANTHROPIC_API_KEY": "canary-anthropic-key",
    "AZURE_KEY": "canary-azure-key",
    "VIRTUAL_KEY": "canary-virtual-key",
    "KEY_WITH_LINE_BREAK": "canary-broken-key\n",
    "PROVIDER": "canary-provider",
    "LOOKS_LIKE_YAML": "}]:*&#{[",
    "LOOKS_LIKE_A_REFERENCE": "${OPENAI_API_KEY}",
    "ALIAS": "cheap",
    "HOST": "api.example.com",
    "FOLDER": "secrets",
    "WORKERS": "3",
    "ENABLED": "false",
    "SECONDS_LONG": "90",
    "STATUS": "429",
    "EMPTY": "",
    "TEAM_KEY": "canary-team-key",
    "ALERT_URL": "https://hooks.slack.example/services/canary-alert-token",
    "ALERT_SECRET": "canary-alert-secret",
}
CANARIES = [value.strip() for value in ENV.values() if value.startswith("canary-")]


def load(path: Path) -> Snapshot:
    """A golden file, as its folder's references see it."""
    return load_text(path.read_text(), source=path.name, env=ENV, base_dir=path.parent)


def failure(path: Path) -> ConfigError:
    """The error of a file that cannot be used."""
    try:
        load(path)
    except ConfigError as error:
        return error
    raise AssertionError(f"{path.name} was accepted")


def matches(actual: str, golden: Path) -> bool:
    """Compares with a golden file, or writes it."""
    if UPDATE:
        golden.write_text(actual)
    assert golden.read_text() == actual
    return True


def plain(snapshot: Snapshot, base_dir: Path) -> str:
    """A snapshot as JSON, secrets in the open, for the secrets of goldens are none."""
    text = orjson.dumps(_plain(snapshot), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    return text.replace(str(base_dir), "<folder>")


def _plain(value: object) -> object:  # noqa: PLR0911 - one per type
    match value:
        case Secret():
            return {"secret": value.reveal()}
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case frozenset():
            return sorted(value, key=str)
        case tuple():
            return list(map(_plain, value))
        case Mapping():
            return {_name(name): _plain(item) for name, item in value.items()}
        case _ if is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def _name(name: object) -> str:
    """Parties are known by kind and name."""
    return ":".join(name) if isinstance(name, tuple) else str(name)


def files(kind: str) -> list[Path]:
    """All files of a folder; an empty one would make its tests pass for nothing."""
    found = sorted((FOLDER / kind).glob("*.yaml"))
    assert found
    return found


def named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", [*files("good"), FOLDER / "full.yaml"], ids=named)
def test_a_good_file_gives_its_snapshot(path):
    assert matches(plain(load(path), path.parent), path.with_suffix(".json"))


@pytest.mark.parametrize("path", files("bad"), ids=named)
def test_a_bad_file_gives_one_problem_with_line_path_and_mend(path):
    error = failure(path)
    assert matches(f"{error}\n", path.with_suffix(".txt"))
    assert len(error.problems) == 1


@pytest.mark.parametrize("path", files("many"), ids=named)
def test_all_mistakes_of_a_file_are_told_at_once_in_the_order_of_its_lines(path):
    error = failure(path)
    assert matches(f"{error}\n", path.with_suffix(".txt"))
    lines = [problem.line for problem in error.problems]
    assert lines == sorted(lines)
    assert len(lines) > 1


@pytest.mark.parametrize("path", [*files("bad"), *files("many")], ids=named)
def test_no_error_shows_a_value_behind_a_reference(path):
    error = failure(path)
    for text in (str(error), repr(error), repr(error.problems)):
        assert not [canary for canary in CANARIES if canary in text]
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_golden_folders_hold_nothing_without_its_yaml():
    strays = [
        path
        for path in (*FOLDER.rglob("*.txt"), *FOLDER.rglob("*.json"))
        if path.parent.name != "secrets" and not path.with_suffix(".yaml").exists()
    ]
    assert strays == []


def test_the_whole_format_is_known_and_only_what_is_unsupported_is_refused():
    """The file of the design: no problem but the table's."""
    error = failure(FOLDER / "many" / "whole-format.yaml")
    mends = {row.mend for row in UNSUPPORTED}
    assert {problem.mend for problem in error.problems} <= mends


def test_full_yaml_uses_every_option_of_this_version():
    """What stands in several places (a budget, a price) has each of its own options in one of them."""
    document, problems = parse((FOLDER / "full.yaml").read_text(), "full.yaml")
    assert problems == []
    later = {row.pattern for row in UNSUPPORTED if not row.supported}
    options: dict[str, list[str]] = {}
    for option, pattern in every_option(GatewaySpec, ""):
        options.setdefault(option, []).append(pattern)
    options = {
        option: where for option, where in options.items() if not any(later & set(prefixes(one)) for one in where)
    }
    assert len(options) > 120
    assert [option for option, where in options.items() if not any(list(document.find(one)) for one in where)] == []


def every_option(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    """All fields with the patterns of their places: ``TargetSpec.weight``, ``models.*.targets.*.weight``."""
    for name, field in model.model_fields.items():
        pattern = f"{prefix}{name}"
        yield f"{model.__name__}.{name}", pattern
        for inner, step in inner_models(field.annotation):
            yield from every_option(inner, f"{pattern}{step}.")


def inner_models(annotation: object) -> Iterator[tuple[type[BaseModel], str]]:
    """The sections within a type, and what their paths have in between; one may stand in the place of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
    steps = {dict: [".*"], tuple: [".*", ""]}.get(get_origin(annotation), [""])
    for argument in get_args(annotation):
        for inner, rest in inner_models(argument):
            yield from ((inner, step + rest) for step in steps)


def prefixes(pattern: str) -> Iterator[str]:
    parts = pattern.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def test_the_demo_catalogue_loads_with_the_two_variables_of_the_command():
    demo = resources.files("extproc.config") / "demo.yaml"
    env = {"LLMGW_SIM_URL": "http://127.0.0.1:9000", "LLMGW_DEMO_KEY": "sk-demo"}
    with resources.as_file(demo) as path:
        snapshot = load_file(path, env).snapshot
    assert snapshot.providers["openai"].base_url == "http://127.0.0.1:9000/p/openai/v1"
    assert snapshot.providers["anthropic"].base_url == "http://127.0.0.1:9000/p/anthropic"
    assert {"fast", "smart", "gpt-4o", "claude-sonnet-4-5"} <= snapshot.models.keys()
    assert {target.provider for target in snapshot.models["smart"].fallbacks} == {"openai"}
    assert [key.name for key in snapshot.keys.values()] == ["demo"]
    assert hash_key("sk-demo") in snapshot.keys
