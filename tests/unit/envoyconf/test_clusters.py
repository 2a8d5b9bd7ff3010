"""A provider's cluster: where it is, how it is spoken to, and that nothing in it blocks a fallback."""

from dataclasses import replace

import pytest

from extproc.config.snapshot import Provider
from extproc.envoyconf.clusters import provider_cluster

CA = "/etc/ssl/certs/ca-certificates.crt"
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster(url, **more):
    return provider_cluster(Provider("p", "openai", url, **more), CA)


def addresses(made):
    return [
        (group.get("priority", 0), endpoint["endpoint"]["address"]["socket_address"])
        for group in made["load_assignment"]["endpoints"]
        for endpoint in group["lb_endpoints"]
    ]


def tls(made):
    return made["transport_socket"]["typed_config"]


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://api.openai.com/v1", "api.openai.com", 443),
        ("http://vllm.default.svc/v1", "vllm.default.svc", 80),
        ("https://gw.example:8443", "gw.example", 8443),
        ("http://[::1]:9000/v1", "::1", 9000),
        ("http://10.1.2.3", "10.1.2.3", 80),
    ],
)
def test_host_and_port_come_from_the_base_url(url, host, port):
    assert addresses(cluster(url))[0] == (0, {"address": host, "port_value": port})


@pytest.mark.parametrize("url", ["ftp://a.example", "a.example/v1", "https:///v1", ""])
def test_a_base_url_without_http_or_host_is_refused(url):
    with pytest.raises(ValueError, match="base_url"):
        cluster(url)


def test_a_name_has_a_second_address_that_refuses_for_as_long_as_it_does_not_resolve():
    made = cluster("https://api.openai.com/v1")
    assert made["cluster_type"]["name"] == "envoy.cluster.dns"
    assert addresses(made)[1:] == [(1, {"address": "127.0.0.1", "port_value": 1})]


def test_an_ip_address_needs_no_dns():
    made = cluster("http://10.1.2.3:8000")
    assert made["type"] == "STATIC"
    assert len(addresses(made)) == 1


def test_tls_checks_the_name_it_asks_for():
    made = tls(cluster("https://api.openai.com/v1"))
    assert made["sni"] == "api.openai.com"
    assert made["auto_sni_san_validation"] is True
    assert made["common_tls_context"]["validation_context"] == {"trusted_ca": {"filename": CA}}
    assert made["common_tls_context"]["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"


def test_tls_to_an_ip_address_checks_the_address_and_sends_no_sni():
    made = tls(cluster("https://10.1.2.3:8443"))
    assert "sni" not in made
    assert made["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "IP_ADDRESS", "matcher": {"exact": "10.1.2.3"}}
    ]


def test_a_ca_file_replaces_the_public_roots():
    made = tls(cluster("https://vllm.internal", ca_file="/etc/ca.pem"))
    assert made["common_tls_context"]["validation_context"]["trusted_ca"] == {"filename": "/etc/ca.pem"}


def test_http_2_is_offered_over_tls_only():
    secure = cluster("https://api.openai.com")["typed_extension_protocol_options"][OPTIONS]
    plain = cluster("http://vllm.default.svc")["typed_extension_protocol_options"][OPTIONS]
    assert "http2_protocol_options" in secure["auto_config"]
    assert plain["explicit_http_config"] == {"http_protocol_options": {}}
    assert "transport_socket" not in cluster("http://vllm.default.svc")


def test_unused_connections_are_closed_before_the_other_side_does():
    def idle(url):
        options = cluster(url)["typed_extension_protocol_options"][OPTIONS]
        return float(options["common_http_protocol_options"]["idle_timeout"].removesuffix("s"))

    assert idle("https://api.openai.com") < 60
    assert idle("http://vllm.default.svc") < 5


def test_nothing_ever_stands_in_a_fallbacks_way():
    """Overflow, ejection and failed health checks all end a request without trying the next provider."""
    made = cluster("https://api.openai.com")
    assert not {"health_checks", "outlier_detection"} & made.keys()
    for thresholds in made["circuit_breakers"]["thresholds"]:
        assert min(value for name, value in thresholds.items() if name != "priority") >= 1_000_000
        assert "retry_budget" not in thresholds
    assert {thresholds["priority"] for thresholds in made["circuit_breakers"]["thresholds"]} == {"DEFAULT", "HIGH"}


def test_the_attempt_runs_last_before_the_codec():
    filters = cluster("http://10.0.0.1")["typed_extension_protocol_options"][OPTIONS]["http_filters"]
    assert [entry["name"] for entry in filters] == ["envoy.filters.http.ext_proc", "envoy.filters.http.upstream_codec"]


def test_the_host_header_is_the_services_to_set():
    assert "host_rewrite" not in str(cluster("https://api.openai.com"))


def test_the_connect_timeout_is_the_providers():
    assert cluster("http://10.0.0.1", connect_timeout=0.5)["connect_timeout"] == "0.5s"


def test_names_are_prefixed_so_that_a_provider_cannot_take_the_workers_place():
    made = provider_cluster(replace(Provider("p", "openai", "http://10.0.0.1"), name="llmgw-workers"), CA)
    assert made["name"] == made["load_assignment"]["cluster_name"] == "provider-llmgw-workers"
