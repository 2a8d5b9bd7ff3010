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
    taken = load(MINIMAL | {"rules": [], "users": {"u": {}}, "orgs": None, "jwt": [], "teams": {"t": {"limits": {}}}})
    assert taken.models.keys() == {"m"}


@pytest.mark.parametrize("strategy", ["cost", "latency", "least-busy"])
def test_every_later_strategy_is_known(strategy):
    assert problems(MINIMAL | {"defaults": {"strategy": strategy}}) == {"defaults.strategy"}


def load(config):
    return load_text(orjson.dumps(config).decode(), source="gateway.yaml", env={})


def problems(config):
    with pytest.raises(ConfigError) as caught:
        load(config)
    return {problem.path for problem in caught.value.problems if "is not supported by this version" in problem.message}
