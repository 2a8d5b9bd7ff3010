"""Which configuration is read where none is named."""

import pytest
from click.testing import CliRunner

from extproc.cli.keys import keys
from extproc.cli.source import read_source


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("LLMGW_ADMIN_TOKEN", "LLMGW_DEMO_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("vendor", [None, "OPENAI_API_KEY", "ANTHROPIC_API_KEY"])
def test_the_admin_api_of_a_built_in_catalogue_opens_with_a_token_that_is_told(vendor, monkeypatch):
    if vendor:
        monkeypatch.setenv(vendor, "sk-real")
    source, other = (read_source(None, simulator_port=1) for _ in range(2))
    assert source.admin_token is not None
    assert source.snapshot.admin_token.reveal() == source.admin_token != other.admin_token


def test_it_opens_with_the_token_of_the_environment_which_is_not_told(monkeypatch):
    monkeypatch.setenv("LLMGW_ADMIN_TOKEN", "chosen")
    source = read_source(None, simulator_port=1)
    assert (source.admin_token, source.snapshot.admin_token.reveal()) == (None, "chosen")


def test_a_token_that_another_process_made_up_is_not_guessed():
    said = CliRunner().invoke(keys, ["list"]).output
    assert "no admin token" in said
    assert "that 'llmgw up' printed" in said


def test_the_team_of_the_demo_key_is_there_so_that_keys_can_be_made_for_it():
    source = read_source(None, simulator_port=1)
    assert ("team", "demo") in source.snapshot.parties
    assert source.loaded.notes == ()
