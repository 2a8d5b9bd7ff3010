"""What one process packs is what another one has, whatever becomes of files and variables meanwhile."""

import os
import re
from pathlib import Path

import pytest

from extproc.config.load import load, load_file
from extproc.config.loaded import unpack
from extproc.config.problems import ConfigError

FULL = Path(__file__).parents[2] / "goldens" / "config" / "full.yaml"
TEXT = 'providers: {openai: {api_key: "file:key", ca_file: ca.pem}}\nmodels: {fast: {targets: [{provider: openai}]}}\n'


def test_every_option_survives():
    names = re.findall(r"\$\{(\w+)", FULL.read_text())
    loaded = load_file(FULL, {name: f"https://value.example/{name}" for name in names})
    assert unpack(loaded.pack()) == loaded.snapshot


def test_files_are_not_read_again(tmp_path):
    (tmp_path / "key").write_text("sk-old\n")
    loaded = load(TEXT, source="x", env={}, base_dir=tmp_path)
    packed = loaded.pack()
    (tmp_path / "key").write_text("sk-new")
    first = unpack(packed)
    (tmp_path / "key").unlink()
    second = unpack(packed)
    assert first == second == loaded.snapshot
    key = second.providers["openai"].api_key
    assert key is not None
    assert key.reveal() == "sk-old"
    assert second.providers["openai"].ca_file == str(tmp_path / "ca.pem")


def test_what_the_command_line_set_goes_along():
    loaded = load(TEXT.replace("file:key", "${KEY}"), source="x", env={"KEY": "sk"})
    changed = loaded.changed(workers=8, listen_port=None).changed(admin_port=9999)
    assert (changed.snapshot.workers, changed.snapshot.admin_port) == (8, 9999)
    assert changed.snapshot.listen_port == loaded.snapshot.listen_port
    assert unpack(changed.pack()) == changed.snapshot
    assert changed.snapshot.version == loaded.snapshot.version, "it names the file"


def test_a_folder_whose_name_is_no_text(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    loaded = load(TEXT.replace("file:key", "${KEY}"), source="x", env={"KEY": "sk"}, base_dir=folder)
    assert unpack(loaded.pack()).providers["openai"].ca_file == str(folder / "ca.pem")


def test_it_does_not_print_its_secrets(tmp_path):
    (tmp_path / "key").write_text("canary-of-the-file")
    assert "canary" not in repr(load(TEXT, source="x", env={}, base_dir=tmp_path))
    with pytest.raises(ConfigError):
        load(TEXT, source="x", env={}, base_dir=None)
