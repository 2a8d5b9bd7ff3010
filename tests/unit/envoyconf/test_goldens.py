"""Whole configurations: each ``<case>.gateway.yaml`` in ``tests/goldens/envoy`` beside the Envoy configuration it makes.

``LLMGW_REWRITE_GOLDENS=1`` writes the latter anew.
"""

import os
from pathlib import Path

import pytest
import yaml

from extproc.config.load import load_file
from extproc.envoyconf.bootstrap import bootstrap
from extproc.envoyconf.placement import Placement

FOLDER = Path(__file__).parents[2] / "goldens" / "envoy"
REWRITE = os.environ.get("LLMGW_REWRITE_GOLDENS") == "1"
CASES = sorted(path.name.removesuffix(".gateway.yaml") for path in FOLDER.glob("*.gateway.yaml"))


class Plain(yaml.SafeDumper):
    """YAML without anchors."""

    def ignore_aliases(self, data):
        return True


@pytest.mark.parametrize("case", CASES)
def test_the_configuration_is_as_it_was(case, render):
    snapshot = load_file(FOLDER / f"{case}.gateway.yaml", {"KEY": "k"}).snapshot
    made = bootstrap(snapshot, Placement(("/run/llmgw/worker-0.sock",), 9901), render)
    golden = FOLDER / f"{case}.envoy.yaml"
    if REWRITE:
        golden.write_text(yaml.dump(made, Dumper=Plain, sort_keys=False, width=140))
    assert yaml.safe_load(golden.read_text()) == made


def test_there_are_cases_and_no_forgotten_goldens():
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{case}.{kind}.yaml" for case in CASES for kind in ("gateway", "envoy")
    }
    assert len(CASES) >= 2
