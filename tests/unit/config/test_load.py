"""The whole way from a file to a snapshot, where the goldens do not reach."""

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.load import load_file, load_text
from extproc.config.problems import ConfigError

FULL = Path(__file__).parents[2] / "goldens" / "config" / "full.yaml"
ENV = {
    "LLMGW_ADMIN_TOKEN": "token",
    "LLMGW_READ_TOKEN": "rt-0",
    "LLMGW_SECRET": "canary-of-all-replicas",
    "AZURE_KEY": "canary-azure-key",
    "OPENAI_API_KEY": "sk-1",
    "VIRTUAL_KEY": "sk-virtual",
    "TEAM_KEY": "sk-of-the-team",
    "ALERT_URL": "https://hooks.example/T0KEN",
    "ALERT_SECRET": "signing-secret",
}
MINIMAL = "providers:\n  openai: {api_key: ${KEY}, ca_file: ca.pem}\nmodels:\n  fast: {targets: [{provider: openai}]}\n"


def load(text, **env):
    return load_text(text, source="gateway.yaml", env={"KEY": "sk-1", **env})


def failure(text, env):
    """The error of a text, or None where it is accepted; any other exception is a bug."""
    try:
        load_text(text, source="gateway.yaml", env=env, base_dir=FULL.parent)
    except ConfigError as error:
        return error
    return None


def refused(path, env=None):
    with pytest.raises(ConfigError) as caught:
        load_file(path, env or {})
    return str(caught.value)


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(MINIMAL)
    with_mark = tmp_path / "marked.yaml"
    with_mark.write_text(MINIMAL, encoding="utf-8-sig")
    assert load_file(path, {"KEY": "a"}) == load_file(with_mark, {"KEY": "a"})


def test_relative_paths_start_at_the_folder_of_the_file_wherever_it_is_called_from(tmp_path, monkeypatch):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "gateway.yaml").write_text(MINIMAL.replace("${KEY}", "file:key"))
    (tmp_path / "conf" / "key").write_text("sk-2\n")
    monkeypatch.chdir(tmp_path)
    provider = load_file(Path("conf/gateway.yaml"), {}).snapshot.providers["openai"]
    assert provider.ca_file == str(tmp_path / "conf" / "ca.pem")
    assert provider.api_key is not None
    assert provider.api_key.reveal() == "sk-2"


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path):
    missing, binary, large, device = (tmp_path / f"{name}.yaml" for name in ("none", "binary", "large", "device"))
    binary.write_bytes(b"providers:\n  a: \xff\n")
    large.write_bytes(b"#" + "\N{BULLET}".encode() * (16 * 1024 * 1024 // 3 + 1))
    device.symlink_to("/dev/zero")
    assert refused(missing) == f"{missing}: no such file. Name one with -c."
    assert refused(tmp_path) == f"{tmp_path}: cannot read it: Is a directory"
    assert refused(binary) == f"{binary}:2: not UTF-8 text. Save it as UTF-8."
    assert refused(large) == f"{large}: larger than 16 MiB", "and not that the limit cuts a character in two"
    assert refused(device) == f"{device}: larger than 16 MiB"


def test_the_version_follows_the_values_and_nothing_else():
    version = load(MINIMAL).version
    assert re.fullmatch("[0-9a-f]{12}", version)
    assert load(f"# a comment\n{MINIMAL}").version == version
    models, providers = MINIMAL.partition("models:")[2], MINIMAL.partition("models:")[0]
    assert load(f"models:{models}{providers}").version == version
    assert load(MINIMAL, KEY="sk-2").version != version
    assert load(MINIMAL + "workers: 3\n").version != version


def test_a_snapshot_cannot_be_changed():
    snapshot = load_file(FULL, ENV).snapshot
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.workers = 5
    for mapping in (
        snapshot.providers,
        snapshot.models,
        snapshot.names,
        snapshot.keys,
        snapshot.providers["openai"].headers,
        next(iter(snapshot.keys.values())).tags,
        next(iter(snapshot.keys.values())).credentials,
        snapshot.parties,
        snapshot.parties["team", "search"].tags,
        snapshot.parties["team", "search"].credentials,
        snapshot.providers["openai"].prices,
        snapshot.issuers[0].tags_claims,
    ):
        with pytest.raises(TypeError):
            mapping["new"] = None  # pyright: ignore[reportIndexIssue] - that is the claim


def test_a_snapshot_does_not_print_its_secrets():
    text = repr(load_file(FULL, ENV))
    assert not [secret for secret in ENV.values() if secret in text and secret != "token"]
    assert "Secret(***)" in text


BARE = re.sub(r"(?m)(^| +)#.*\n?", "\n", FULL.read_text())
"""Without comments: it is parsed for each scalar."""
SCALARS = sorted(set(re.findall(r"(?<=[:,\[] )[^\s\[\]{},#&*]+(?=[,\]}\n ])", BARE)))


@pytest.mark.parametrize("canary", ["canary-0b1c\n", "canary_0b1c:x@y/z?q#f"])
@pytest.mark.parametrize("scalar", SCALARS)
def test_a_secret_in_any_place_of_the_file_is_not_in_the_error(scalar, canary):
    """Every scalar in turn comes from a variable that holds a secret."""
    text = re.sub(rf"(?<=[:,\[] ){re.escape(scalar)}(?=[,\]}}\n ])", "${CANARY}", BARE)
    assert "${CANARY}" in text
    error = failure(text, {**ENV, "CANARY": canary})
    if error is not None:
        assert "0b1c" not in f"{error} {error!r} {error.problems!r}"
        assert error.__context__ is None


LINES = FULL.read_text().splitlines(keepends=True)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_mangled_file_is_a_config_error_and_nothing_else(data):
    """Lines dropped, swapped or cut anywhere; each problem is one line that names the file."""
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "swap", "cut", "insert"])):
            case "drop":
                del lines[at]
            case "swap":
                lines[at], lines[0] = lines[0], lines[at]
            case "cut":
                lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
            case _:
                lines[at] += data.draw(st.text(alphabet="{}[]:,-#&*!|>'\"%@`$ \nxé\ud800\0", max_size=6))
    error = failure("".join(lines), ENV)
    if error is not None:
        printed = str(error).splitlines()
        assert len(printed) == len(error.problems)
        assert all(line.startswith("gateway.yaml") for line in printed)


JWT = MINIMAL + "jwt: [{issuer: 'https://login.example.com/', jwks: 'file:${NAME}.json'}]\n"


def test_the_keys_of_an_identity_provider_stay_a_file_for_they_are_read_again(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(JWT)
    (tmp_path / "idp.json").write_text("{}")
    (issuer,) = load_file(path, {"KEY": "sk-1", "NAME": "idp"}).snapshot.issuers
    assert issuer.jwks == f"file:{tmp_path / 'idp.json'}"
    assert issuer.issuer == "https://login.example.com/"
    assert load(JWT, NAME="/etc/idp").issuers[0].jwks == "file:/etc/idp.json"


def test_only_this_machine_may_serve_the_keys_of_an_identity_provider_without_tls():
    loopback, elsewhere = (JWT.replace("file:${NAME}.json", f"http://{host}/keys") for host in LOOPBACK_AND_NOT)
    assert load(loopback).issuers[0].jwks == "http://127.0.0.1:8000/keys"
    assert failure(elsewhere, {"KEY": "sk-1"}) is not None


LOOPBACK_AND_NOT = ("127.0.0.1:8000", "127.0.0.1:8000@evil.example")


def test_paths_of_the_store_start_at_the_folder_of_the_file(tmp_path):
    path = tmp_path / "gateway.yaml"
    elsewhere = tmp_path / "elsewhere.pem"
    elsewhere.touch()
    path.write_text(MINIMAL + f"store: {{url: 'rediss://:pw@host', directory: state, ca_file: {elsewhere}}}\n")
    store = load_file(path, {"KEY": "sk-1"}).snapshot.store
    assert (store.directory, store.ca_file) == (str(tmp_path / "state"), str(elsewhere))
    assert store.url.reveal() == "rediss://:pw@host"
    assert "pw" not in repr(store)
