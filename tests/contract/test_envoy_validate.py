"""Every configuration that we can make is one that Envoy takes, without a warning about deprecated fields."""

import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from extproc.config.load import load_file
from extproc.config.snapshot import Commit, Model, Provider, Snapshot, Target, Telemetry
from extproc.envoyconf import bootstrap as form
from extproc.envoyconf.placement import Placement

ENVOY = Path(sysconfig.get_path("purelib")) / "envoy" / "_bin" / "envoy"
GOLDENS = Path(__file__).parents[1] / "goldens" / "envoy"
CA = Path(__file__).parent / "envoyconf" / "authority.pem"

URLS = {
    "public": "https://api.openai.com/v1",
    "public-port": "https://llm.example:8443/v1",
    "name": "http://vllm.default.svc:8000/v1",
    "localhost": "http://localhost:8000/v1",
    "ipv4": "http://10.0.0.7/v1",
    "ipv6": "http://[fd00::7]:8000/v1",
    "ipv4-tls": "https://10.0.0.7:8443/v1",
    "ipv6-tls": "https://[fd00::7]/v1",
}


def render(shape, error):
    return {"shape": shape, "message": f"100% {error.message}", "code": error.code}


def snapshot(providers, models=()):
    return Snapshot(
        version="1",
        listen_host="127.0.0.1",
        listen_port=8080,
        admin_host="127.0.0.1",
        admin_port=9090,
        admin_token=None,
        workers=2,
        max_request_bytes=50 * 1024 * 1024,
        providers={provider.name: provider for provider in providers},
        models={model.name: model for model in models},
        names={model.name: model.name for model in models},
        keys={},
        telemetry=Telemetry(),
    )


@pytest.fixture
def placement(tmp_path):
    return Placement(
        (str(tmp_path / "worker-0.sock"), str(tmp_path / "worker-1.sock")),
        9901,
        trusted_ca=str(CA),
        xds_dir=str(tmp_path),
    )


@pytest.fixture
def validate(tmp_path):
    def run(config):
        path = tmp_path / "envoy.yaml"
        path.write_text(yaml.safe_dump(config))
        done = subprocess.run(
            [ENVOY, "--mode", "validate", "-c", path, "--log-level", "warning"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout

    return run


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_provider_of_every_kind(url, placement, validate):
    validate(form.bootstrap(snapshot([Provider("p", "openai", url)]), placement, render))


def test_a_provider_with_its_own_authority(placement, validate):
    provider = Provider("p", "openai", "https://llm.internal", ca_file=str(CA), connect_timeout=0.25)
    validate(form.bootstrap(snapshot([provider]), placement, render))


def test_many_providers_and_many_classes(placement, validate):
    providers = [Provider(f"p{n}", "openai", f"http://10.0.{n}.1:8000") for n in range(100)]
    models = [
        Model(f"m{n}", (Target(f"p{n}", "x"),), timeout=10.5 + n, stall_timeout=0.25 + n, retries=n % 3)
        for n in range(100)
    ]
    models.append(Model("held", (Target("p0", "x"),), commit=Commit("whole"), first_token_timeout=0.001))
    validate(form.bootstrap(snapshot(providers, models), placement, render))


def test_no_provider_and_no_model(placement, validate):
    validate(form.bootstrap(snapshot([]), placement, render))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "127.0.0.1"])
def test_every_way_to_listen(host, placement, validate):
    config = replace(snapshot([Provider("p", "openai", "http://10.0.0.7")]), listen_host=host)
    validate(form.bootstrap(config, placement, render))


def test_an_access_log_in_a_file(placement, validate, tmp_path):
    where = replace(placement, access_log=str(tmp_path / "access.log"))
    validate(form.bootstrap(snapshot([Provider("p", "openai", "http://10.0.0.7")]), where, render))


@pytest.mark.parametrize("case", sorted(path.name for path in GOLDENS.glob("*.gateway.yaml")))
def test_the_goldens(case, placement, validate):
    config = load_file(GOLDENS / case, {"KEY": "k"}).snapshot
    own = {name: replace(provider, ca_file=None) for name, provider in config.providers.items()}
    validate(form.bootstrap(replace(config, providers=own), placement, render))


def test_the_fixed_part_and_each_watched_file(placement, validate):
    """Validation does not read watched files, so their resources are put where it reads them."""
    config = snapshot([Provider("p", "openai", URLS["public"])], [Model("m", (Target("p", "x"),))])
    documents = {
        form.CLUSTERS_FILE: form.clusters(config, placement),
        form.ROUTES_FILE: form.routes(config),
        form.LISTENERS_FILE: form.listeners(config, placement, render),
    }
    for name, document in documents.items():
        Path(placement.xds_dir, name).write_text(yaml.safe_dump(document))
    fixed = form.dynamic_bootstrap(placement)
    validate(fixed)
    resources = {name: [untyped(entry) for entry in document["resources"]] for name, document in documents.items()}
    static = fixed["static_resources"]
    clusters = [*static["clusters"], *resources[form.CLUSTERS_FILE]]
    validate(fixed | {"static_resources": {"clusters": clusters, "listeners": resources[form.LISTENERS_FILE]}})


def untyped(resource):
    return {name: value for name, value in resource.items() if name != "@type"}
