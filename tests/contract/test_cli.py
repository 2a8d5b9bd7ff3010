"""``llmgw`` as a person types it: what it prints, its exit code, and that a mistake is one clear line and no traceback."""

import hashlib
import os
import re
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
import yaml

from extproc.config.published import schema_json
from extproc.version import VERSION

ENVOY = Path(sysconfig.get_path("purelib")) / "envoy" / "_bin" / "envoy"

GOOD = """\
listen: {host: 127.0.0.1, port: 8080}
admin: {host: 127.0.0.1, port: 9090}
providers:
  openai: {dialect: openai, api_key: "${TEST_OPENAI_KEY}"}
models:
  fast: {targets: [{provider: openai, model: gpt-4o-mini}]}
  smart: {targets: [{provider: openai, model: gpt-4o}]}
keys:
  - {name: ci, sha256: 6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090}
"""


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    def is_one_clear_line(self) -> str:
        """The line. Fails where the command succeeded, or said more, or less, or how Python sees it."""
        assert self.code != 0
        assert self.out == ""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert "Error(" not in self.err
        return lines[0]


@pytest.fixture
def llmgw(tmp_path) -> Callable[..., Said]:
    """Run a command in an empty folder, with no key of any vendor in the environment."""
    env = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith("LLMGW")}

    def run(*arguments: str, stdin: str = "", **more: str) -> Said:
        command = [sys.executable, "-c", "from extproc.cli import main; main(prog_name='llmgw')", *arguments]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**env, "TEST_OPENAI_KEY": "sk-CANARY", **more},
            timeout=60,
            check=False,
        )
        assert "sk-CANARY" not in done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# -- help ---------------------------------------------------------------------------------------------------------------------

COMMANDS = ["budgets", "check", "envoy-config", "hash-key", "keys", "schema", "serve", "simulate", "spend", "up"]


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_commands(llmgw, flag):
    said = llmgw(flag)
    assert said.code == 0
    assert re.findall(r"^  ([a-z-]+)  ", said.out.partition("Commands:")[2], re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(llmgw, command):
    said = llmgw(command, "--help")
    assert said.code == 0
    first = said.out.splitlines()[2].strip()
    assert first.endswith((".", ":")) or len(first) > 40


def test_the_version(llmgw):
    assert llmgw("--version").out.strip().endswith(VERSION)


def test_the_installed_command_is_the_same(tmp_path):
    script = Path(sysconfig.get_path("scripts")) / "llmgw"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert VERSION in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "No such command 'nothing'"),
        (["up", "--port", "0"], "0 is not in the range"),
        (["up", "--port", "many"], "'many' is not a valid integer"),
        (["up", "--workers", "0"], "0 is not in the range"),
        (["serve"], "Missing option '--run-dir'"),
        (["check", "--nothing"], "No such option"),
    ],
)
def test_a_slip_on_the_command_line_is_explained(llmgw, arguments, words):
    said = llmgw(*arguments)
    assert said.code == 2
    assert words in said.err
    assert "Traceback" not in said.err


# -- check --------------------------------------------------------------------------------------------------------------------


def test_check_finds_nothing_wrong(llmgw, config):
    said = llmgw("check", "-c", str(config))
    assert (said.code, said.err) == (0, "")
    assert re.fullmatch(
        rf"{re.escape(str(config))}: good \(1 providers, 2 models, 1 keys; version [0-9a-f]{{12}}\)\n", said.out
    )


def test_check_takes_gateway_yaml_where_it_stands(llmgw, config):
    assert llmgw("check").out.startswith("gateway.yaml: good (1 providers")


def test_check_without_a_file_looks_at_what_would_run(llmgw):
    assert llmgw("check").out.startswith("built-in catalogue: good (2 providers")


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"])
def test_with_a_vendors_key_its_catalogue_runs(llmgw, variable):
    assert llmgw("check", **{variable: "sk-real"}).out.startswith("built-in catalogue: good (1 providers")


def test_check_names_every_mistake_with_its_place(llmgw, config):
    config.write_text(
        GOOD.replace("provider: openai, model: gpt-4o}", "provider: opnai}").replace("port: 9090", "port: x")
    )
    said = llmgw("check", "-c", str(config))
    assert (said.code, said.out) == (1, "")
    lines = said.err.splitlines()
    assert [
        re.match(rf"{re.escape(str(config))}:(\d+)", line)[1] for line in lines if line.startswith(str(config))
    ] == ["2", "7"]
    assert 'did you mean "openai"?' in said.err
    assert "Traceback" not in said.err


def test_check_names_a_variable_that_is_not_set(llmgw, config):
    config.write_text(GOOD.replace("TEST_OPENAI_KEY", "NOBODY_SETS_THIS"))
    assert "NOBODY_SETS_THIS" in llmgw("check", "-c", str(config)).is_one_clear_line()


def test_check_tells_of_what_is_probably_a_slip_and_finds_the_file_good(llmgw, config):
    config.write_text(GOOD.replace("name: ci", "name: ci, team: nosuch, expires: 2020-01-01"))
    said = llmgw("check", "-c", str(config))
    assert (said.code, said.out.split()[1]) == (0, "good")
    noted, expired = said.err.splitlines()
    assert re.fullmatch(rf'llmgw: {re.escape(str(config))}:\d+: keys\[0\].team: there are no teams .*"nosuch".*', noted)
    assert expired == f'llmgw: {config}: key "ci" expired on 2020-01-01, so it is refused'


@pytest.mark.parametrize("command", ["check", "up"])
def test_a_store_that_cannot_be_is_told_with_its_line(llmgw, config, command):
    config.write_text(GOOD + "store: {url: redis://u:canary@127.0.0.1:notaport/0}\n")
    line = llmgw(command, "-c", str(config)).is_one_clear_line()
    assert re.match(rf"{re.escape(str(config))}:\d+: store.url: .* the port must be a number", line)
    assert "canary" not in line


READING = ["check", "envoy-config", "up", "serve"]


@pytest.mark.parametrize("command", READING)
def test_a_file_that_is_not_there(llmgw, command, tmp_path):
    more = ["--run-dir", str(tmp_path / "run")] if command == "serve" else []
    line = llmgw(command, "-c", "nowhere.yaml", *more).is_one_clear_line()
    assert line.startswith("nowhere.yaml")
    assert "no such file" in line
    assert "-c" in line


@pytest.mark.parametrize("content", [b"\xff\xfe\x00b", b"a: [1", b"- just\n- a list\n", b"", b"listen: 7\n", b"\x00"])
@pytest.mark.parametrize("command", ["check", "up"])
def test_a_file_that_is_no_configuration(llmgw, config, content, command):
    config.write_bytes(content)
    said = llmgw(command, "-c", str(config))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(str(config))
    assert "Traceback" not in said.err


def test_a_folder_is_no_file(llmgw, tmp_path):
    assert "cannot read it" in llmgw("check", "-c", str(tmp_path)).is_one_clear_line()


@pytest.mark.parametrize("command", ["check", "up"])
def test_a_file_in_another_encoding(llmgw, config, command):
    config.write_bytes(GOOD.replace("ci", "caf\N{LATIN SMALL LETTER E WITH ACUTE}").encode("latin-1"))
    line = llmgw(command, "-c", str(config)).is_one_clear_line()
    assert line == f"{config}:9: not UTF-8 text. Save it as UTF-8."


def test_a_file_without_an_end(llmgw):
    assert llmgw("check", "-c", "/dev/zero").is_one_clear_line() == "/dev/zero: larger than 16 MiB"


# -- envoy-config ---------------------------------------------------------------------------------------------------------------


def test_the_envoy_configuration_is_one_that_envoy_takes(llmgw, config, tmp_path):
    said = llmgw("envoy-config", "-c", str(config), "--run-dir", str(tmp_path / "run"), "--admin-port", "9911")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("# Generated by llmgw")
    parsed = yaml.safe_load(said.out)
    assert parsed["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9911}
    assert str(tmp_path / "run" / "worker-0.sock") in said.out
    assert "sk-CANARY" not in said.out
    generated = tmp_path / "envoy.yaml"
    generated.write_text(said.out)
    command = [ENVOY, "--mode", "validate", "-c", generated, "--disable-hot-restart", "--log-level", "error"]
    subprocess.run(command, check=True, capture_output=True)


# -- up -------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folders() -> Callable[[], set[Path]]:
    """The run folders that lie about."""
    return lambda: set(Path(tempfile.gettempdir()).glob("llmgw-*"))


def test_a_port_that_is_taken(llmgw, config, taken, folders):
    before = folders()
    line = llmgw("up", "-c", str(config), "--port", str(taken)).is_one_clear_line()
    assert line == f"port {taken} on 127.0.0.1 is already in use: set listen.port in gateway.yaml, or --port"
    assert folders() <= before


def test_an_admin_port_that_is_taken(llmgw, config, taken):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    line = llmgw("up", "-c", str(config), "--port", str(free), "--admin-port", str(taken)).is_one_clear_line()
    assert str(taken) in line
    assert "admin" in line


def test_a_host_that_is_not_ours(llmgw, config):
    config.write_text(GOOD.replace("listen: {host: 127.0.0.1", "listen: {host: 192.0.2.1"))
    assert "192.0.2.1:8080" in llmgw("up", "-c", str(config)).is_one_clear_line()


def test_a_run_folder_that_cannot_be_made(llmgw, config, tmp_path):
    (tmp_path / "file").write_text("")
    said = llmgw("serve", "-c", str(config), "--run-dir", str(tmp_path / "file" / "run"))
    assert str(tmp_path / "file" / "run") in said.is_one_clear_line()


def test_a_run_folder_with_too_long_a_path_for_its_sockets(llmgw, config, tmp_path):
    said = llmgw("serve", "-c", str(config), "--run-dir", str(tmp_path / ("x" * 120)))
    line = said.is_one_clear_line()
    assert "too long" in line


# -- the small ones -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stdin", ["abc123\n", "abc123", "  abc123  \nmore\n"])
def test_hash_key_prints_what_the_file_wants(llmgw, stdin):
    said = llmgw("hash-key", stdin=stdin)
    assert (said.code, said.out) == (0, hashlib.sha256(b"abc123").hexdigest() + "\n")


@pytest.mark.parametrize("stdin", ["", "\n", "   \n"])
def test_hash_key_without_a_key(llmgw, stdin):
    assert "no key on standard input" in llmgw("hash-key", stdin=stdin).is_one_clear_line()


def test_schema_prints_the_published_schema(llmgw):
    said = llmgw("schema")
    assert orjson.loads(said.out) == orjson.loads(schema_json())


def test_simulate_on_a_port_that_is_taken(llmgw, taken):
    line = llmgw("simulate", "--port", str(taken)).is_one_clear_line()
    assert f"cannot listen on 127.0.0.1:{taken}" in line
