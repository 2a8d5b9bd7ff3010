"""The table of what this version does not do yet."""

import orjson
import pytest

from extproc.config.load import load_text
from extproc.config.problems import ConfigError
from extproc.config.unsupported import UNSUPPORTED

MINIMAL = {
    "providers": {"p": {}},
    "models": {"m": {"targets": [{"provider": "p"}]}},
    "keys": [{"name": "k", "sha256": "ab" * 32}],
    "teams": {"t": {}},
    "users": {"u": {}},
    "orgs": {"o": {}},
    "defaults": {},
}
EXAMPLES = {
    "dialect": "bedrock",
    "auth": "aws",
    "project": "acme",
    "location": "europe-west1",
    "api_version": "2025-01-01",
    "strategy": "cost",
    "residency": "eu",
    "rules": [{"when": {"tags": {"environment": "qa"}}, "use": "m"}],
}
NAMES = {"providers": "p", "models": "m", "keys": 0, "teams": "t", "users": "u", "orgs": "o"}


@pytest.mark.parametrize("row", UNSUPPORTED, ids=lambda row: row.pattern)
def test_the_schema_takes_it_and_the_table_refuses_it(row):
    """Exactly one problem: the part is well-formed, and it is not ignored."""
    config = orjson.loads(orjson.dumps(MINIMAL))
    *around, name = row.pattern.split(".")
    part = config
    for step, parent in zip(around, ["", *around], strict=False):
        part = part[NAMES[parent] if step == "*" else step]
    part[name] = EXAMPLES[name]
    with pytest.raises(ConfigError) as caught:
        load(config)
    (problem,) = caught.value.problems
    assert problem.path.endswith(name)
    assert "is not supported by this version" in problem.message
    assert problem.mend == row.mend


def test_what_asks_for_nothing_is_not_refused():
    load(MINIMAL | {"rules": [], "users": {"u": {}}, "orgs": None, "jwt": [], "teams": {"t": {"limits": {}}}})


@pytest.mark.parametrize("auth", ["aws", "gcp", "azure", {"aws": {}}, {"aws": {"access_key_id": "a", "secret_access_key": "b", "session_token": "c"}},
                                  {"gcp": {"access_token": "a"}}, {"gcp": {"service_account_file": "sa.json"}},
                                  {"azure": {"tenant_id": "a", "client_id": "b", "client_secret": "c"}}], ids=str)  # fmt: skip
def test_every_form_of_auth_is_known(auth):
    assert problems(MINIMAL | {"providers": {"p": {"auth": auth}}}) == {"providers.p.auth"}


@pytest.mark.parametrize("auth", ["oidc", {}, {"aws": {}, "gcp": {}}, {"aws": {"key": "x"}}], ids=str)
def test_a_malformed_auth_is_told_as_such(auth):
    with pytest.raises(ConfigError) as caught:
        load(MINIMAL | {"providers": {"p": {"auth": auth}}})
    assert [problem for problem in caught.value.problems if "is not supported" not in problem.message]


@pytest.mark.parametrize(
    "dialect",
    ["azure-openai", "bedrock", "bedrock-anthropic", "gemini", "vertex-gemini", "vertex-anthropic", "cohere"],
)
def test_every_later_dialect_is_known(dialect):
    assert problems(MINIMAL | {"providers": {"p": {"dialect": dialect}}}) == {"providers.p.dialect"}


@pytest.mark.parametrize("strategy", ["cost", "latency", "least-busy"])
def test_every_later_strategy_is_known(strategy):
    assert problems(MINIMAL | {"defaults": {"strategy": strategy}}) == {"defaults.strategy"}


def load(config):
    return load_text(orjson.dumps(config).decode(), source="gateway.yaml", env={})


def problems(config):
    with pytest.raises(ConfigError) as caught:
        load(config)
    return {problem.path for problem in caught.value.problems if "is not supported by this version" in problem.message}
