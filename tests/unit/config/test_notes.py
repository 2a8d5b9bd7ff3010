"""What is told of a file that is used all the same."""

import pytest

from extproc.config.load import load, load_file
from extproc.config.loaded import unpack

BASE = """\
providers:
  openai: {api_key: sk-1}
models:
  fast: {targets: [{provider: openai}]}
"""
KEY = "{name: ci, sha256: abababababababababababababababababababababababababababababababab"


def notes(text, base_dir=None, **env):
    return [str(note) for note in load(BASE + text, source="gateway.yaml", env=env, base_dir=base_dir).notes]


def test_an_ordinary_file_has_none():
    budget = "budget: {usd: 1, per: day, alert_at: [0.8]}"
    assert (
        notes(f"""\
keys: [{KEY}, team: search, org: acme, user: ada, {budget}}}]
teams: {{search: {{org: acme}}}}
orgs: {{acme: {{}}}}
users: {{ada: {{org: acme}}}}
meters: [{{scope: {{team: "*", user: ada}}, limits: {{concurrent: 5}}}}]
alerts: [{{url: "https://hooks.example.com/x"}}]
""")
        == []
    )


@pytest.mark.parametrize(
    ("text", "path", "section"),
    [
        ("teams: {t: {org: nosuch}}", "teams.t.org", "orgs"),
        ("users: {ada: {org: nosuch}}", "users.ada.org", "orgs"),
        (f"keys: [{KEY}, org: nosuch}}]", "keys[0].org", "orgs"),
        (f"keys: [{KEY}, user: nosuch}}]", "keys[0].user", "users"),
        (f"keys: [{KEY}, team: nosuch}}]", "keys[0].team", "teams"),
        (f"keys: [{KEY}, team: nosuch}}]\nmeters: [{{scope: {{team: nosuch}}, limits: {{concurrent: 5}}}}]", "keys[0].team", "teams"),
    ],
)  # fmt: skip
def test_a_party_where_none_is_declared_has_no_budget(text, path, section):
    (note,) = notes(text)
    assert note == (
        f'gateway.yaml:5: {path}: there are no {section} in the file: "nosuch" has no budget of its own. '
        f"Declare it under {section}, unless it is made at run time."
    )


SCOPED = "meters: [{scope: {team: nosuch}, limits: {concurrent: 5}}]\n"


def test_a_scope_that_counts_nobody_in_the_file_is_told():
    (note,) = notes(SCOPED)
    assert (
        'gateway.yaml:5: meters[0].scope.team: there are no teams in the file: "nosuch" is named nowhere else' in note
    )


def test_a_scope_may_count_who_comes_with_tokens():
    assert notes(SCOPED + 'jwt: [{issuer: "https://a.example", jwks: "https://a.example/keys"}]\n') == []


def test_what_is_behind_a_reference_is_not_shown():
    (note,) = notes(f"keys: [{KEY}, team: '${{TEAM}}'}}]\n", TEAM="canary")
    assert "the value of ${TEAM} has no budget" in note
    assert "canary" not in note


def test_alerts_that_nobody_gets_are_told_once_at_the_first_line():
    text = """\
  slow: {targets: [{provider: openai, model: gpt-4o}], budget: [{usd: 1, per: day, alert_at: [0.5]}]}
teams:
  t: {budget: {usd: 1, per: day, alert_at: [0.5]}}
"""
    (note,) = notes(text)
    assert note == (
        "gateway.yaml:5: models.slow.budget[0].alert_at: nobody is told: the file has no alerts. Write alerts: "
        "[{url: ...}]; without it they only stand in the admin API, at /api/v1/alerts."
    )


def test_authorities_that_envoy_cannot_find_here_are_told_and_an_envoy_elsewhere_may_have_them(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(BASE.replace("api_key: sk-1", "api_key: sk-1, ca_file: nothere.pem"))
    loaded = load_file(path, {})
    (note,) = loaded.notes
    assert (note.line, note.path, note.message) == (
        2,
        "providers.openai.ca_file",
        'cannot read "nothere.pem": no such file',
    )
    assert unpack(loaded.pack()) == loaded.snapshot
    (tmp_path / "nothere.pem").touch()
    assert load_file(path, {}).notes == ()


def test_a_folder_is_no_file_and_a_name_can_be_too_long(tmp_path):
    def reason(name):
        path = tmp_path / "gateway.yaml"
        path.write_text(BASE.replace("api_key: sk-1", f"api_key: sk-1, ca_file: {name}"))
        return load_file(path, {}).notes[0].message.rpartition(": ")[2]

    assert reason(".") == "it is a folder"
    assert reason("x" * 300) == "File name too long"
    assert reason('"a\\0b"') == "no such file"
