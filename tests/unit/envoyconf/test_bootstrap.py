"""The whole configuration, in its two forms."""

import pytest

from extproc.envoyconf import bootstrap as form
from extproc.envoyconf.placement import Placement


def test_the_clusters_are_the_workers_and_the_providers(snapshot, placement, render):
    made = form.bootstrap(snapshot, placement, render)
    assert [cluster["name"] for cluster in made["static_resources"]["clusters"]] == [
        "llmgw-workers",
        "provider-openai",
        "provider-local",
        "provider-lab",
    ]


def test_envoys_admin_interface_is_on_loopback(snapshot, placement, render):
    made = form.bootstrap(snapshot, placement, render)
    assert made["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9901}


def test_no_providers_key_is_in_envoys_configuration(snapshot, placement, render):
    assert snapshot.providers["openai"].api_key.reveal() == "sk-never-here"
    assert "sk-never-here" not in str(form.bootstrap(snapshot, placement, render))
    assert "Secret" not in str(form.bootstrap(snapshot, placement, render))


def test_both_forms_hold_the_same(snapshot, placement, render):
    static = form.bootstrap(snapshot, placement, render)["static_resources"]
    fixed = form.dynamic_bootstrap(placement)["static_resources"]
    watched = form.clusters(snapshot, placement)["resources"]
    [routes] = form.routes(snapshot)["resources"]
    [listener] = form.listeners(snapshot, placement, render)["resources"]

    assert [*fixed["clusters"], *map(untyped, watched)] == static["clusters"]
    [one] = static["listeners"]
    route_config = manager(one).pop("route_config")
    assert untyped(routes) == route_config
    rds = manager(listener).pop("rds")
    assert rds["route_config_name"] == route_config["name"]
    assert untyped(listener) == one


def test_the_watched_files_have_the_names_they_are_written_under(snapshot, placement, render):
    fixed = form.dynamic_bootstrap(placement)["dynamic_resources"]
    [listener] = form.listeners(snapshot, placement, render)["resources"]
    sources = [fixed["lds_config"], fixed["cds_config"], manager(listener)["rds"]["config_source"]]
    assert [source["path_config_source"]["path"] for source in sources] == [
        f"/run/llmgw/xds/{name}" for name in (form.LISTENERS_FILE, form.CLUSTERS_FILE, form.ROUTES_FILE)
    ]
    assert {source["path_config_source"]["watched_directory"]["path"] for source in sources} == {"/run/llmgw/xds"}


def test_a_models_timeouts_do_not_touch_the_listener(snapshot, with_models, placement, render):
    """A changed listener drains its connections; changed routes disturb nobody."""
    assert form.listeners(with_models(), placement, render) == form.listeners(snapshot, placement, render)
    assert form.routes(with_models()) != form.routes(snapshot)


def test_the_dynamic_form_needs_a_folder(snapshot):
    with pytest.raises(ValueError, match="xds_dir"):
        form.dynamic_bootstrap(Placement(("/run/a.sock",), 9901))


def test_envoy_needs_a_worker():
    with pytest.raises(ValueError, match="worker"):
        Placement((), 9901)


def manager(listener):
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def untyped(resource):
    return {name: value for name, value in resource.items() if name != "@type"}
