"""Workers go away under a running Envoy."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from envoy_lab import running_lab


@pytest.fixture
def lab():
    with running_lab() as made, made.envoy(made.bootstrap()):
        yield made


def statuses(lab, count):
    with ThreadPoolExecutor(4) as pool:
        return set(pool.map(lambda _: lab.post(chain=["one"]).status_code, range(count)))


def test_a_worker_that_is_gone_costs_no_request(lab):
    """Streams that cannot be opened go to the other worker, also before a health check has noticed."""
    assert statuses(lab, 20) == {200}
    lab.services.pop().stop()
    assert statuses(lab, 60) == {200}


def test_without_any_worker_it_is_the_gateways_fault_and_said_in_the_clients_dialect(lab):
    while lab.services:
        lab.services.pop().stop()
    for path, shape in {"/v1/chat/completions": "openai", "/v1/messages": "anthropic"}.items():
        answer = lab.post(path, chain=["one"])
        assert (answer.status_code, answer.json()["code"], answer.json()["shape"]) == (500, "internal_error", shape)
