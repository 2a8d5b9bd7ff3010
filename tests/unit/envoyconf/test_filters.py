"""The two ext_proc filters: what each is sent and what it may do."""

import pytest

from extproc.domain.names import METADATA_NAMESPACE, ROUTE_NAMESPACE
from extproc.envoyconf.filters import WORKERS_CLUSTER, admission_filter, attempt_filter

ADMISSION = admission_filter()["typed_config"]
ATTEMPT = attempt_filter()["typed_config"]
BOTH = pytest.mark.parametrize("config", [ADMISSION, ATTEMPT], ids=["admission", "attempt"])


@BOTH
def test_no_request_passes_unprocessed(config):
    assert config["failure_mode_allow"] is False


@BOTH
def test_the_service_may_set_routing_and_envoy_headers(config):
    assert config["mutation_rules"] == {"allow_all_routing": True, "allow_envoy": True}


@BOTH
def test_a_stream_to_the_service_has_no_timeout_and_looks_for_a_living_worker(config):
    grpc = config["grpc_service"]
    assert "timeout" not in grpc
    assert grpc["envoy_grpc"]["cluster_name"] == WORKERS_CLUSTER
    assert "connect-failure" in grpc["retry_policy"]["retry_on"]
    assert "retry_policy" not in grpc["envoy_grpc"]
    assert grpc["retry_policy"]["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"


@BOTH
def test_request_bodies_are_buffered_and_modes_may_be_overridden(config):
    assert config["processing_mode"]["request_header_mode"] == "SEND"
    assert config["processing_mode"]["request_body_mode"] == "BUFFERED"
    assert config["allow_mode_override"] is True


@BOTH
def test_the_hand_off_travels_both_ways(config):
    assert config["metadata_options"]["forwarding_namespaces"] == {"untyped": [METADATA_NAMESPACE]}
    assert config["metadata_options"]["receiving_namespaces"]["untyped"] == [METADATA_NAMESPACE]


def test_only_admission_names_the_chain():
    assert ADMISSION["metadata_options"]["receiving_namespaces"]["typed"] == [ROUTE_NAMESPACE]
    assert "typed" not in ATTEMPT["metadata_options"]["receiving_namespaces"]


def test_admission_sees_the_answers_headers_only_if_it_asks_and_never_its_body():
    """A reply to what Envoy could not read would be held back by the question, until the connection is closed."""
    assert ADMISSION["processing_mode"]["response_header_mode"] == "SKIP"
    assert ADMISSION["allow_mode_override"]
    assert ADMISSION["processing_mode"]["response_body_mode"] == "NONE"
    assert "request_attributes" not in ADMISSION


def test_the_attempt_may_hold_the_answers_headers_and_speak_unasked():
    assert ATTEMPT["processing_mode"]["response_body_mode"] == "FULL_DUPLEX_STREAMED"
    assert ATTEMPT["processing_mode"]["response_trailer_mode"] == "SEND"
    assert ATTEMPT["request_attributes"] == ["xds.cluster_name", "upstream.request_attempt_count"]
