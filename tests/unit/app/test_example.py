"""The example in ``envoy/`` is the README's, and its Envoy configuration is what this version generates."""

import os
import re
from pathlib import Path

import yaml

from extproc.app.envoy import placement, render_config
from extproc.app.rundir import RunDir
from extproc.config.load import load_text

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "envoy" / "gateway.yaml"
GENERATED = ROOT / "envoy" / "envoy.yaml"
ENV = {
    "LLMGW_ADMIN_TOKEN": "canary_admin",
    "OPENAI_API_KEY": "canary_openai",
    "ANTHROPIC_API_KEY": "canary_anthropic",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.example/services/canary_alerts",
    "SEARCH_KEY_SHA256": "8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a",
}


def test_the_readmes_configuration_is_the_example():
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert yaml.safe_load(block) == yaml.safe_load(EXAMPLE.read_text())


def test_the_examples_envoy_configuration_is_current():
    snapshot = load_text(EXAMPLE.read_text(), source="gateway.yaml", env=ENV)
    where = placement(
        RunDir(Path("/run/llmgw")), snapshot.workers, 9901, trusted_ca="/etc/ssl/certs/ca-certificates.crt"
    )
    generated = render_config(snapshot, where)
    if os.environ.get("LLMGW_REWRITE_GOLDENS"):
        GENERATED.write_text(generated)
    assert generated == GENERATED.read_text()
    assert not [secret for secret in ENV.values() if secret in generated]
