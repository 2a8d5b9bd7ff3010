"""Who may call: everything needs the admin token, save what probes and scrapers use."""

from dataclasses import replace

import pytest

from extproc.config.snapshot import Secret


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("token", [None, "wrong"])
async def test_probes_and_scrapers_need_no_token(client, path, token):
    assert (await client(token=token).get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/config", "/nowhere", "/healthz/", "/readyz/x", "//metrics"])
async def test_everything_else_does(client, path):
    answer = await client().get(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_admin_token"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer admin-CANARY-toke",
        "Bearer admin-CANARY-token2",
        "Basic admin-CANARY-token",
        "admin-CANARY-token",
        "Bearer \N{LATIN SMALL LETTER E WITH ACUTE}",
    ],
)
async def test_a_wrong_token_is_refused(client, header):
    answer = await client().get("/config", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_right_token_is_let_in(client, token, scheme):
    answer = await client().get("/config", headers={"Authorization": f"{scheme} {token}"})
    assert answer.status_code == 200


async def test_a_token_may_be_any_text(client, snapshot):
    token = "\N{LATIN SMALL LETTER E WITH ACUTE}-token"
    caller = client(snapshot=lambda: replace(snapshot, admin_token=Secret(token)))
    answer = await caller.get("/config", headers={"Authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 200


async def test_without_a_configured_token_the_answer_says_what_to_do(client, snapshot):
    answer = await client(token="", snapshot=lambda: replace(snapshot, admin_token=None)).get("/config")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "admin_token_not_set"
    assert "admin.token" in answer.json()["error"]["message"]


async def test_an_empty_token_in_the_configuration_lets_nobody_in(client, snapshot):
    answer = await client(snapshot=lambda: replace(snapshot, admin_token=Secret(""))).get("/config")
    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_read_token_may_look(client, snapshot, method):
    caller = client(token="reading", snapshot=lambda: replace(snapshot, admin_read_token=Secret("reading")))
    assert (await caller.request(method, "/config")).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/config", "/api/v1/keys", "/nowhere"])
async def test_the_read_token_may_do_nothing_else_wherever(client, snapshot, method, path):
    caller = client(token="reading", snapshot=lambda: replace(snapshot, admin_read_token=Secret("reading")))
    answer = await caller.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "read_only_token")


async def test_an_empty_read_token_lets_nobody_in(client, snapshot):
    caller = client(snapshot=lambda: replace(snapshot, admin_read_token=Secret("")))
    assert (await caller.get("/config", headers={"Authorization": "Bearer "})).status_code == 401


async def test_a_token_that_is_both_is_the_full_one(client, snapshot, token):
    caller = client(token=token, snapshot=lambda: replace(snapshot, admin_read_token=Secret(token)))
    assert (await caller.post("/config")).status_code == 405


@pytest.mark.parametrize(
    ("sent", "actor"),
    [
        ({}, "admin"),
        ({"x-llmgw-actor": "ann@acme"}, "ann@acme"),
        ({"x-llmgw-actor": "  "}, "admin"),
        ({"x-llmgw-actor": "x" * 300}, "x" * 200),
        ({"x-llmgw-actor": b"a\x01n\xe9n"}, "ann"),
    ],
)
async def test_the_actor_is_what_the_caller_says_cleaned_or_else_the_role(client, token, sent, actor):
    answer = await client(token=token).get("/api/v1/whoami", headers=sent)
    assert answer.json() == {"role": "admin", "actor": actor}


async def test_a_token_that_a_reload_changes_counts_at_once(client, snapshot, token):
    current = [snapshot]
    caller = client(token=token, snapshot=lambda: current[0])
    assert (await caller.get("/config")).status_code == 200
    current[0] = replace(snapshot, admin_token=Secret("another"))
    assert (await caller.get("/config")).status_code == 401
