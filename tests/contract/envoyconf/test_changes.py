"""Providers and models change under a running Envoy, and whoever is being answered does not notice."""

from pathlib import Path

import httpx
import pytest
import yaml
from envoy_lab import render, running_lab, wait_until

from extproc.envoyconf import bootstrap as form


@pytest.fixture
def lab():
    """Files for provider one are in place, Envoy is not started."""
    with running_lab() as made:
        write_clusters(made, "one")
        write(made, form.ROUTES_FILE, form.routes(made.snapshot()))
        write(made, form.LISTENERS_FILE, form.listeners(made.snapshot(), made.placement, render))
        yield made


def write(lab, name, document):
    replace(lab, name, yaml.safe_dump(document))


def replace(lab, name, text):
    path = Path(lab.placement.xds_dir, name)
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def write_clusters(lab, *providers):
    write(lab, form.CLUSTERS_FILE, form.clusters(lab.snapshot(providers), lab.placement))


def test_a_provider_comes_and_another_goes_while_it_streams(lab):
    lab.upstreams["one"].behaviour = "stream"
    with (
        lab.envoy(form.dynamic_bootstrap(lab.placement)),
        httpx.Client(base_url=f"http://127.0.0.1:{lab.port}", timeout=30) as client,
        client.stream("POST", "/v1/x", content=b"{}", headers={"x-script": '{"chain": ["one"]}'}) as answer,
    ):
        parts = answer.iter_bytes()
        assert next(parts) == b"begin"
        assert lab.post(chain=["two"]).status_code == 503

        write_clusters(lab, "two")
        wait_until(lambda: lab.post(chain=["two"]).status_code == 200)
        assert lab.post(chain=["one"]).status_code == 503

        lab.upstreams["one"].release.set()
        assert b"".join(parts) == b" end."


def test_a_file_that_is_not_yaml_leaves_things_as_they_are(lab):
    with lab.envoy(form.dynamic_bootstrap(lab.placement)):
        assert lab.post(chain=["one"]).status_code == 200
        replace(lab, form.CLUSTERS_FILE, "resources: [{")
        failures = f"http://127.0.0.1:{lab.admin_port}/stats?filter=cds.update_failure"
        wait_until(lambda: not httpx.get(failures).text.strip().endswith(": 0"))
        assert lab.post(chain=["one"]).status_code == 200
