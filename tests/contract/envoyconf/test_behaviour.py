"""What our Envoy configuration does, seen from outside: facts that admission and attempt rely on."""

import socket

import pytest
from envoy_lab import LIMIT, running_lab

from extproc.config.snapshot import Provider
from extproc.domain.names import RETRY_STATUS
from extproc.envoyconf.listener import BUFFER

CHAIN = ["one", "two", "three"]
DIALECTS = pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/chat/completions", "openai"),
        ("/v1/messages?beta=true", "anthropic"),
        ("/anthropic/v1/messages", "anthropic"),
        ("//anthropic//v1/messages", "anthropic"),
        ("/v1/models", "openai"),
    ],
)


@pytest.fixture(scope="module")
def running():
    with running_lab() as made:
        made.more.append(Provider("nowhere", "openai", "http://no-such-host.invalid/v1"))
        with made.envoy(made.bootstrap()):
            yield made


@pytest.fixture
def lab(running):
    for upstream in running.upstreams.values():
        upstream.reset()
    for service in running.services:
        service.seen.clear()
    return running


def phases(lab):
    return sorted(at for service in lab.services for at, _, _ in service.seen)


def seen(lab, phase):
    return next((headers, metadata) for s in lab.services for at, headers, metadata in s.seen if at == phase)


def test_a_request_passes_both_phases_and_arrives(lab):
    answer = lab.post(chain=CHAIN)
    assert (answer.status_code, answer.text) == (200, "one 2")
    assert phases(lab) == ["admission", "attempt 1"]


def test_what_clients_say_to_envoy_or_to_the_gateway_is_not_heard(lab):
    forged = {
        "x-envoy-max-retries": "9",
        "x-envoy-retry-on": "5xx",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-anything": "1",
        "X-LLMGW-Route": "idle-1",
        "x-llmgw-route-too": "200",
    }
    assert lab.post(chain=CHAIN, headers=forged).status_code == 200
    headers, _ = seen(lab, "admission")
    assert not forged.keys() & headers.keys()
    assert {name for name in headers if name.startswith(("x-envoy-", "x-llmgw-"))} == {"x-envoy-external-address"}


def test_neither_side_learns_of_envoy(lab):
    answer = lab.post(chain=CHAIN, retries=2, retry_on="reset", per_try_ms=5000)
    [(_, received, _)] = lab.upstreams["one"].received
    assert not [name for name in answer.headers if name.startswith("x-envoy-")]
    assert answer.headers["server"] == "llmgw"
    assert {name.lower() for name in received if name.lower().startswith("x-envoy-")} <= {"x-envoy-external-address"}


def test_a_clients_request_id_is_kept_and_one_is_made_where_there_is_none(lab):
    assert lab.post(chain=CHAIN, headers={"x-request-id": "mine"}).headers["x-request-id"] == "mine"
    assert seen(lab, "admission")[0]["x-request-id"] == "mine"
    assert len(lab.post(chain=CHAIN).headers["x-request-id"]) == 36


@pytest.mark.parametrize(
    ("sent", "arrives"), [("/v1//chat/../models", "/v1/models"), ("/v1/models/meta%2Fllama", "/v1/models/meta/llama")]
)
def test_paths_arrive_normalised(lab, sent, arrives):
    request = f"GET {sent} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", lab.port)) as client:
        client.sendall(request.encode())
        assert client.makefile("rb").read()
    assert seen(lab, "admission")[0][":path"] == arrives


def test_without_a_chain_nobody_is_called(lab):
    answer = lab.post()
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unreachable")
    assert phases(lab) == ["admission"]
    assert not [upstream for upstream in lab.upstreams.values() if upstream.received]


@pytest.mark.parametrize(("retries", "calls"), [(None, 1), (0, 1), (1, 2), (2, 3), (4, 5)])
def test_admission_says_how_often(lab, retries, calls):
    answer = lab.post(chain=CHAIN, retries=retries, attempts=[RETRY_STATUS] * 9)
    assert answer.status_code == RETRY_STATUS, "the last attempt's status passes as it is"
    counts = [len(lab.upstreams[name].received) for name in CHAIN]
    assert counts == [1, min(1, calls - 1), max(0, calls - 2)], "past the end of the chain its last one is called"


def test_only_the_marked_status_moves_on(lab):
    assert lab.post(chain=CHAIN, retries=2, attempts=[503]).status_code == 503
    assert lab.post(chain=CHAIN, retries=2, attempts=[RETRY_STATUS]).text == "two 2"


@pytest.mark.parametrize("retry_on", ["reset", "connect-failure,refused-stream,reset"])
def test_conditions_named_by_admission_come_on_top_of_the_marked_status(lab, retry_on):
    answer = lab.post(chain=["refuses", *CHAIN], retries=2, retry_on=retry_on, attempts=[None, RETRY_STATUS])
    assert answer.text == "two 2"


def test_the_next_attempt_knows_what_the_last_one_said(lab):
    lab.post(chain=CHAIN, retries=1, attempts=[RETRY_STATUS])
    headers, metadata = seen(lab, "attempt 2")
    assert metadata["a1"] == "moved on"
    assert headers[":path"] == "/providers/path", "header mutations of attempt 1 persist"


def test_an_attempt_that_does_not_connect_never_reaches_the_service(lab):
    lab.post(chain=["refuses", "one"], retries=1, retry_on="connect-failure")
    assert phases(lab) == ["admission", "attempt 2"]


def test_a_name_that_does_not_resolve_moves_on(lab):
    assert lab.post(chain=["nowhere", "two"], retries=1, retry_on="connect-failure").text == "two 2"
    assert lab.post(chain=["nowhere"], retries=0).json()["code"] == "provider_unreachable"


def test_silence_moves_on_after_the_per_try_timeout(lab):
    lab.upstreams["one"].behaviour = "silent"
    assert lab.post(chain=CHAIN, retries=1, retry_on="reset", per_try_ms=200).text == "two 2"
    answer = lab.post(chain=["one"], retries=0, per_try_ms=200)
    assert (answer.status_code, answer.json()["code"]) == (504, "provider_timeout")


def test_a_body_of_the_limit_falls_over_twice_and_arrives_whole(lab):
    answer = lab.post(content=b"x" * LIMIT, chain=CHAIN, retries=2, attempts=[RETRY_STATUS, RETRY_STATUS])
    assert answer.text == f"three {LIMIT}"
    assert [lab.upstreams[name].received[0][2] for name in CHAIN] == [LIMIT] * 3


@DIALECTS
def test_more_than_envoys_own_buffer_is_refused_in_the_clients_dialect(lab, path, shape):
    """Below that the service refuses what is beyond the limit."""
    answer = lab.post(path, content=b"x" * (BUFFER + 1), chain=CHAIN)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/json"
    assert (answer.json()["shape"], answer.json()["code"]) == (shape, "request_too_large")
    assert str(LIMIT) in answer.json()["message"]


@DIALECTS
def test_a_failed_connection_is_said_in_the_clients_dialect_though_an_attempt_changed_the_path(lab, path, shape):
    chain = ["one", "refuses"]
    answer = lab.post(path, chain=chain, retries=1, attempts=[RETRY_STATUS])
    assert answer.status_code == 503
    assert (answer.json()["shape"], answer.json()["code"]) == (shape, "provider_unreachable")
    assert answer.headers["content-type"] == "application/json"


@DIALECTS
def test_the_services_own_refusals_pass_as_they_are(lab, path, shape):
    answer = lab.post(path, refuse="llmgw_anything at all")
    assert (answer.status_code, answer.content) == (503, b'{"the":"service"}')
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("request_text", "status", "code"),
    [
        ("POST /v1/messages HTTP/1.1\r\n\r\n", 400, "invalid_request"),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", 404, "unknown_route"),
        ("GET /v1/x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", 400, "invalid_request"),
    ],
    ids=["no host", "no path", "upgrade"],
)
def test_what_is_not_a_request_is_refused_with_a_code(lab, request_text, status, code):
    with socket.create_connection(("127.0.0.1", lab.port), 10) as client:
        client.sendall(request_text.encode())
        answer = client.recv(65536).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert f'"code":"{code}"' in answer


def test_the_access_log_has_the_clients_path_and_the_attempts(lab):
    lab.post("/v1/messages/logged?key=secret", chain=["refuses", "one", "two"], retries=2, retry_on="reset")
    row = lab.last_log("/v1/messages/logged")
    assert (row["status"], row["attempts"], row["cluster"]) == (200, 2, "provider-one")
    assert "secret" not in str({name: value for name, value in row.items() if name != "llmgw"})
