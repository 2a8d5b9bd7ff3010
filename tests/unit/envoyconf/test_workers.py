"""The cluster of the worker processes."""

from extproc.envoyconf.workers import workers_cluster

SOCKETS = ("/run/a.sock", "/run/b.sock")
MADE = workers_cluster(SOCKETS)


def test_every_worker_is_an_endpoint_of_its_own():
    [group] = MADE["load_assignment"]["endpoints"]
    assert [e["endpoint"]["address"]["pipe"]["path"] for e in group["lb_endpoints"]] == list(SOCKETS)


def test_a_dead_worker_is_noticed_within_seconds_also_without_traffic():
    [check] = MADE["health_checks"]
    assert "grpc_health_check" in check
    assert check["interval"] == check["no_traffic_interval"] == "1s"
    assert check["unhealthy_threshold"] == 1


def test_when_no_worker_looks_healthy_each_is_tried():
    assert 0 < MADE["common_lb_config"]["healthy_panic_threshold"]["value"] < 100 / len(SOCKETS)


def test_the_breakers_never_open():
    for thresholds in MADE["circuit_breakers"]["thresholds"]:
        assert min(value for name, value in thresholds.items() if name != "priority") >= 1_000_000
