"""The admin port's answers: alive, ready or why not, the metrics, the configuration without its secrets."""

import asyncio

import pytest

from extproc.admin import health
from extproc.admin.health import WorkerState


async def no_workers():
    return []


async def one_of_two():
    return [WorkerState("worker-0", serving=False, pid=7, detail="no answer"), WorkerState("worker-1", serving=True)]


async def all_down():
    return [WorkerState("worker-0", serving=False, pid=7, detail="draining")]


async def never():
    await asyncio.Event().wait()


async def envoy_down():
    return False


async def test_alive_while_the_process_runs(client):
    answer = await client(snapshot=lambda: None, worker_health=no_workers).get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive", "version": "1.2.3"})


async def test_ready_when_every_part_is(client):
    answer = await client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "parts": {
            "config": {"ready": True, "version": "c0ffee"},
            "workers": {"ready": True, "serving": 2, "total": 2, "failing": []},
            "envoy": {"ready": True},
        },
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_one_worker_is_enough_and_the_other_is_named(client):
    answer = await client(worker_health=one_of_two).get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"]["workers"] == {
        "ready": True,
        "serving": 1,
        "total": 2,
        "failing": [{"name": "worker-0", "pid": 7, "detail": "no answer"}],
    }


@pytest.mark.parametrize(
    ("parts", "unready"),
    [
        ({"snapshot": lambda: None}, "config"),
        ({"worker_health": no_workers}, "workers"),
        ({"worker_health": all_down}, "workers"),
        ({"envoy_ready": envoy_down}, "envoy"),
    ],
)
async def test_not_ready_names_the_part(client, parts, unready):
    answer = await client(**parts).get("/readyz")
    assert answer.status_code == 503
    assert not answer.json()["ready"]
    assert [name for name, part in answer.json()["parts"].items() if not part["ready"]] == [unready]


@pytest.mark.parametrize("part", ["worker_health", "envoy_ready"])
async def test_a_part_that_does_not_answer_is_not_waited_for(client, monkeypatch, part):
    monkeypatch.setattr(health, "PROBE_TIMEOUT", 0.001)
    answer = await client(**{part: never}).get("/readyz")
    assert answer.status_code == 503
    name = {"worker_health": "workers", "envoy_ready": "envoy"}[part]
    assert answer.json()["parts"][name]["detail"] == "no answer within 0.001 s"


async def test_an_envoy_that_somebody_else_runs_is_not_asked(client):
    answer = await client(envoy_ready=None).get("/readyz")
    assert answer.status_code == 200
    assert "envoy" not in answer.json()["parts"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
async def test_metrics_in_the_format_asked_for(client, accept, content_type):
    answer = await client().get("/metrics", headers={"Accept": accept})
    assert (answer.status_code, answer.content) == (200, b"metric 1\n")
    assert answer.headers["content-type"] == content_type


async def test_the_configuration_is_shown_without_its_secrets(client, token):
    answer = await client(token=token).get("/config")
    assert answer.json() == {
        "version": "c0ffee",
        "providers": [{"name": "openai", "dialect": "openai", "host": "api.example.com", "region": "eu"}],
        "models": [
            {
                "name": "fast",
                "aliases": ["quick"],
                "enabled": True,
                "strategy": "weighted",
                "targets": [{"provider": "openai", "model": "gpt-4o-mini", "weight": 80}],
                "fallbacks": [{"provider": "openai", "model": "gpt-4o"}],
            }
        ],
    }


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/config", "/nowhere"])
async def test_no_answer_holds_a_secret(client, token, path):
    for answer in (await client(token=token).get(path), await client().get(path)):
        assert "CANARY" not in answer.text
        assert "CANARY" not in str(answer.headers)


async def test_the_index_lists_the_paths(client, token):
    answer = await client(token=token).get("/")
    assert answer.json()["paths"] == ["/healthz", "/readyz", "/metrics", "/config", "/api/v1"]


async def test_an_unknown_path_is_a_json_404(client, token):
    answer = await client(token=token).get("/nowhere")
    said = {"code": "not_found", "message": "Not Found", "type": "not_found_error", "param": None}
    assert (answer.status_code, answer.json()) == (404, {"error": said})


@pytest.mark.parametrize("path", ["/healthz", "/config"])
async def test_a_wrong_method_is_a_json_405(client, token, path):
    answer = await client(token=token).post(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


async def test_a_crash_is_a_json_500_that_tells_nothing(client):
    def broken(_):
        raise LookupError("CANARY detail")

    answer = await client(metrics=broken).get("/metrics")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "CANARY" not in answer.text
