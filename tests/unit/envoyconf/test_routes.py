"""The route table: one route per idle timeout, and a default that leads nowhere."""

import pytest

from extproc.config.routes import idle_timeout, route_class
from extproc.config.snapshot import Model, Target
from extproc.domain.names import RETRY_STATUS, ROUTE_HEADER, ROUTE_NAMESPACE
from extproc.envoyconf.routes import NOBODY, route_configuration

T = Target("openai", "gpt")


def routes(snapshot):
    return route_configuration(snapshot)["virtual_hosts"][0]["routes"]


def seconds(text):
    return float(text.removesuffix("s"))


def specifier(route):
    return route["route"]["inline_cluster_specifier_plugin"]["extension"]["typed_config"]


def test_every_class_of_the_catalogue_has_a_route_and_the_default_is_last(snapshot):
    classes = {
        route_class(idle_timeout(model, stream=stream))
        for model in snapshot.models.values()
        for stream in (True, False)
    }
    assert [route["name"] for route in routes(snapshot)][-1] == "default"
    assert {route["name"] for route in routes(snapshot)[:-1]} == classes
    for route in routes(snapshot)[:-1]:
        assert route["match"]["headers"] == [{"name": ROUTE_HEADER, "string_match": {"exact": route["name"]}}]


def test_a_catalogue_without_models_has_the_default_route(with_models):
    assert [route["name"] for route in routes(with_models())] == ["default"]


def test_the_chain_is_admissions_word_and_without_it_there_is_nobody(snapshot):
    for route in routes(snapshot):
        assert specifier(route)["override_metadata_namespace"] == ROUTE_NAMESPACE
        [group] = specifier(route)["priority_groups"]
        assert group["clusters"] == [{"cluster_name": NOBODY, "weight": 1}]
    assert NOBODY not in {f"provider-{name}" for name in snapshot.providers}


def test_only_what_the_attempt_marks_is_retried_and_admission_says_how_often(snapshot):
    for route in routes(snapshot)[:-1]:
        policy = route["route"]["retry_policy"]
        assert policy["retry_on"] == "retriable-status-codes"
        assert policy["retriable_status_codes"] == [RETRY_STATUS]
        assert policy["num_retries"] == 0
        assert policy["refresh_cluster_on_retry"] is True


def test_an_answer_has_no_end_and_a_silent_attempt_has(snapshot):
    for route in routes(snapshot)[:-1]:
        idle = float(route["name"].removeprefix("idle-")) / 1000
        assert route["route"]["timeout"] == "0s"
        assert seconds(route["route"]["retry_policy"]["per_try_idle_timeout"]) == idle


@pytest.mark.parametrize(
    ("model", "tries"),
    [
        (Model("m", (T,)), 1),
        (Model("m", (T, T), (T,)), 3),
        (Model("m", (T,), (T,), retries=2), 6),
    ],
)
def test_the_client_is_not_cut_while_the_longest_chain_is_silent(with_models, model, tries):
    for route in routes(with_models(model))[:-1]:
        silent = seconds(route["route"]["retry_policy"]["per_try_idle_timeout"])
        waits = seconds(route["route"]["retry_policy"]["rate_limited_retry_back_off"]["max_interval"])
        assert seconds(route["route"]["idle_timeout"]) >= tries * (silent + waits)


def test_a_retry_after_is_waited_for_within_reason(snapshot):
    policy = routes(snapshot)[0]["route"]["retry_policy"]["rate_limited_retry_back_off"]
    assert policy["reset_headers"] == [{"name": "retry-after", "format": "SECONDS"}]
    assert seconds(policy["max_interval"]) <= 30


def test_what_is_buffered_can_be_sent_again_whole(snapshot):
    assert route_configuration(snapshot)["virtual_hosts"][0]["request_body_buffer_limit"] == 8 * 1024 * 1024
