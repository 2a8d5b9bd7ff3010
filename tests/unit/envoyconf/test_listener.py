"""The client's side: filters in their order, headers, limits."""

from dataclasses import replace

import pytest

from extproc.domain.names import INTERNAL_HEADER_PREFIXES
from extproc.envoyconf.listener import listener


@pytest.fixture
def made(snapshot, placement, render):
    return listener(snapshot, placement, render, {"route_config": {"name": "r"}})


@pytest.fixture
def manager(made):
    return made["filter_chains"][0]["filters"][0]["typed_config"]


def test_it_listens_where_the_configuration_says(made):
    assert made["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": 8080}


def test_all_interfaces_means_both_address_families(snapshot, placement, render):
    made = listener(replace(snapshot, listen_host="::"), placement, render, {})
    assert made["address"]["socket_address"] == {"address": "::", "port_value": 8080, "ipv4_compat": True}


def test_admission_comes_before_the_router(manager):
    assert [entry["name"] for entry in manager["http_filters"]] == [
        "envoy.filters.http.header_to_metadata",
        "envoy.filters.http.decompressor.gzip",
        "envoy.filters.http.decompressor.zstd",
        "envoy.filters.http.ext_proc",
        "envoy.filters.http.router",
    ]


def test_what_steers_envoy_or_the_gateway_is_removed_from_requests_first(manager):
    [early] = manager["early_header_mutation_extensions"]
    *removed, added = early["typed_config"]["mutations"]
    prefixes = [mutation["remove_on_match"]["key_matcher"]["prefix"] for mutation in removed]
    assert prefixes == list(INTERNAL_HEADER_PREFIXES)
    assert added["append"]["header"]["key"].startswith(tuple(prefixes)), "a client could say it"


def test_nobody_counts_as_internal(manager):
    assert manager["use_remote_address"] is True
    assert manager["internal_address_config"]["cidr_ranges"] == [
        {"address_prefix": "255.255.255.255", "prefix_len": 32}
    ]


def test_paths_are_normalised_and_a_slash_within_a_models_name_is_kept(manager):
    assert manager["normalize_path"] is True
    assert manager["merge_slashes"] is True
    assert manager["path_with_escaped_slashes_action"] == "UNESCAPE_AND_FORWARD"


def test_the_clients_request_id_is_kept_and_told(manager):
    assert manager["generate_request_id"] is True
    assert manager["preserve_external_request_id"] is True
    assert manager["always_set_request_id_in_response"] is True


def test_neither_side_learns_that_this_is_envoy(manager):
    assert manager["server_name"] == "llmgw"
    assert manager["http_filters"][-1]["typed_config"]["suppress_envoy_headers"] is True


def test_long_answers_are_not_cut_and_slow_senders_are(manager):
    assert manager["request_timeout"] == "0s"
    assert manager["request_headers_timeout"] == "10s"
    assert manager["stream_idle_timeout"] == "60s"
    assert "max_stream_duration" not in manager["common_http_protocol_options"]


def test_both_http_versions_are_spoken(manager):
    assert manager["codec_type"] == "AUTO"
    assert manager["max_request_headers_kb"] >= 64


def test_requests_are_unpacked_and_answers_are_not(manager):
    _, gzip, zstd, *_ = manager["http_filters"]
    libraries = [each["typed_config"]["decompressor_library"]["typed_config"]["@type"] for each in (gzip, zstd)]
    assert [library.rpartition(".")[2] for library in libraries] == ["Gzip", "Zstd"]
    for each in (gzip, zstd):
        answers = each["typed_config"]["response_direction_config"]["common_config"]["enabled"]
        assert answers["default_value"] is False
