"""The admin API over a real store: what is answered, to whom, and how mistakes are named."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from directory_world import SNAPSHOT, directory, service

from extproc.admin.app import AdminDeps, create_app
from extproc.config.snapshot import Party, Secret, Store
from extproc.domain.ledger import MeterState
from extproc.state.store import connect

FULL = "full-token"
CONFIGURED = replace(
    SNAPSHOT,
    admin_token=Secret(FULL),
    admin_read_token=Secret("read-token"),
    parties={("team", "search"): Party("team", "search")},
)


def app_over(store, *, meters=None):
    here = directory(store, snapshot=CONFIGURED) if store else None

    async def no_workers():
        return []

    return create_app(
        AdminDeps(
            version="1",
            snapshot=lambda: CONFIGURED,
            worker_health=no_workers,
            metrics=lambda _: (b"", "text/plain"),
            directory=service(here, CONFIGURED, meters=meters) if here else None,
        )
    )


def client_of(app, token=FULL, **headers) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://admin/api/v1",
        headers={"Authorization": f"Bearer {token}", **headers},
    )


async def half_used(meters):
    return [MeterState(settled=meter.limit // 2, held=1, reset_seconds=60) for meter in meters]


@pytest.fixture
async def app(store):
    return app_over(store, meters=half_used)


@pytest.fixture
async def api(app) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, **{"x-llmgw-actor": "ann"}) as client:
        yield client


@pytest.fixture
async def reader(app) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, "read-token") as client:
        yield client


def error_of(answer: httpx.Response) -> dict:
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"message", "type", "code", "param"}
    return answer.json()["error"]


async def test_a_key_from_its_making_to_its_end(api):
    made = await api.post(
        "/keys",
        json={"name": "k", "team": "search", "budgets": [{"usd": 12.5, "per": "month"}], "metadata": {"a": [1]}},
    )
    assert made.status_code == 201
    plain, ident = made.json()["key"], made.json()["id"]
    assert plain.startswith("sk-llmgw-")
    assert "sha256" not in made.text

    shown = await api.get("/keys/k")
    assert shown.json() == (await api.get(f"/keys/{ident}")).json()
    assert plain not in shown.text
    body = shown.json()
    assert (body["status"], body["declared"], body["created_by"], body["metadata"]) == (
        "active",
        False,
        "ann",
        {"a": [1]},
    )
    assert body["hint"] == f"...{plain[-4:]}"
    assert body["budgets"] == [{"usd": 12.5, "per": "month"}]
    (meter,) = body["meters"]
    assert (meter["limit"], meter["settled"], meter["remaining"]) == ("12.50", "6.25", "6.249999999")
    assert (meter["window"]["span"], meter["reset_seconds"]) == ("month", 60)

    changed = await api.patch("/keys/k", json={"user": "eve", "revision": body["revision"]})
    assert changed.json()["user"] == "eve"
    late = await api.patch("/keys/k", json={"user": "bob", "revision": body["revision"]})
    assert (late.status_code, error_of(late)["code"]) == (409, "changed_meanwhile")

    rotated = await api.post("/keys/k/rotate", json={"grace": "1h"})
    assert (rotated.status_code, rotated.json()["id"]) == (200, ident)
    assert rotated.json()["key"] != plain
    assert len(rotated.json()["previous"]) == 1
    assert (await api.post("/keys/k/block")).json()["status"] == "blocked"
    assert (await api.post("/keys/k/unblock")).json()["status"] == "active"
    assert (await api.delete("/keys/k")).json()["status"] == "revoked"
    assert (await api.get("/keys/k")).status_code == 404


async def test_lists(api):
    for n in range(3):
        await api.post("/keys", json={"name": f"k{n}", "tags": {"n": str(n)}})
    assert [key["name"] for key in (await api.get("/keys")).json()["items"]] == ["ci", "k0", "k1", "k2"]
    assert [key["name"] for key in (await api.get("/keys?tag=n=1")).json()["items"]] == ["k1"]
    assert [key["name"] for key in (await api.get("/keys?declared=true")).json()["items"]] == ["ci"]
    page = (await api.get("/keys?limit=3")).json()
    assert page["total"] == 4
    rest = (await api.get("/keys", params={"limit": 3, "cursor": page["next"]})).json()
    assert ([key["name"] for key in rest["items"]], rest["next"]) == (["k2"], None)


@pytest.mark.parametrize(
    "query", ["tema=search", "limit=0", "limit=501", "limit=x", "status=dead", "tag=x", "cursor=%21", "declared=maybe"]
)
async def test_a_query_that_means_nothing_is_refused(api, query):
    answer = await api.get(f"/keys?{query}")
    assert (answer.status_code, error_of(answer)["param"]) == (400, query.partition("=")[0])


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({"nme": "k"}, "nme", "did you mean 'name'"),
        ({"name": "a b"}, "name", "visible ASCII"),
        ({"name": "a/b"}, "name", "slash"),
        ({"name": "key_1"}, "name", "Ids begin so"),
        ({"key": "short"}, "key", "16 to 512"),
        ({"models": []}, "models", "at least 1"),
        ({"models": ["fsat"]}, "models[0]", "Did you mean 'fast'"),
        ({"budgets": [{"usd": -1, "per": "day"}]}, "budgets[0].usd", ""),
        ({"budgets": [{"usd": 1, "per": "fortnight"}]}, "budgets[0].per", "hour"),
        ({"budgets": [{"usd": 1, "per": "day", "x": 1}]}, "budgets[0].x", "unknown"),
        ({"limits": {"requests": "many"}}, "limits.requests", "100/min"),
        ({"expires_in": "soon"}, "expires_in", "30d"),
        ({"expires_in": 0}, "expires_in", "block or revoke"),
        ({"team": "serch"}, "team", "did you mean 'search'"),
        ({"metadata": {"x": "y" * 20_000}}, "metadata", "16 KiB"),
        ({"tags": {"x": 1}}, "tags.x", "text"),
        ({"enabled": "perhaps"}, "enabled", ""),
        ({"enabled": None}, "enabled", "boolean"),
    ],
)
async def test_a_mistake_is_named_with_its_field_and_the_mend(api, body, param, said):
    answer = await api.post("/keys", json=body)
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert said in error["message"]


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 400), (b"\xff", 400), (b" " * 300_000, 413)])
async def test_a_body_that_is_none(api, body, status):
    answer = await api.post("/keys", content=body)
    assert answer.status_code == status
    error_of(answer)


async def test_a_key_that_a_caller_brought_is_not_repeated_in_an_error(api):
    answer = await api.post("/keys", json={"key": "CANARY with spaces", "name": "k"})
    assert answer.status_code == 400
    assert "CANARY" not in answer.text


async def test_parties(api):
    assert (await api.put("/orgs/acme", json={"budgets": [{"usd": 10, "per": "day"}]})).status_code == 201
    again = await api.put("/orgs/acme", json={"budgets": [{"usd": 20, "per": "day"}]})
    assert (again.status_code, again.json()["meters"][0]["limit"]) == (200, "20.00")
    assert (await api.put("/users/eve", json={"org": "acme"})).status_code == 201
    assert (await api.patch("/users/eve", json={"enabled": False})).json()["enabled"] is False
    assert [user["name"] for user in (await api.get("/users?org=acme")).json()["items"]] == ["eve"]
    assert error_of(await api.delete("/orgs/acme"))["code"] == "in_use"
    assert (await api.delete("/users/eve")).json()["status"] == "deleted"
    assert (await api.delete("/orgs/acme")).status_code == 200
    assert (await api.get("/orgs/acme")).status_code == 404
    for refused in (await api.put("/teams/search", json={}), await api.patch("/teams/search", json={})):
        assert (refused.status_code, error_of(refused)["code"]) == (409, "declared")
    assert (await api.get("/teams")).json()["items"][0]["declared"] is True
    assert (await api.patch("/teams/none", json={})).status_code == 404


async def test_the_read_token_reads_and_changes_nothing(api, reader):
    await api.post("/keys", json={"name": "k"})
    for path in ("/keys", "/keys/k", "/teams", "/teams/search", "/audit", "/whoami"):
        assert (await reader.get(path)).status_code == 200
    refused = [
        await reader.post("/keys", json={}),
        await reader.patch("/keys/k", json={}),
        await reader.delete("/keys/k"),
        await reader.post("/keys/k/rotate"),
        await reader.post("/keys/k/block"),
        await reader.put("/teams/x", json={}),
        await reader.delete("/teams/search"),
    ]
    assert {(answer.status_code, error_of(answer)["code"]) for answer in refused} == {(403, "read_only_token")}
    assert [entry["action"] for entry in (await reader.get("/audit")).json()["items"]] == ["create"]


async def test_a_wrong_token_opens_nothing(app):
    async with client_of(app, "wrong") as nobody:
        for path in ("/keys", "/audit", "/whoami", "/nowhere"):
            answer = await nobody.get(path)
            assert (answer.status_code, error_of(answer)["type"]) == (401, "authentication_error")


async def test_who_am_i_and_the_trail(api, reader):
    assert (await api.get("/whoami")).json() == {"role": "admin", "actor": "ann"}
    assert (await reader.get("/whoami")).json() == {"role": "reader", "actor": "reader"}
    for n in range(3):
        await api.post("/keys", json={"name": f"k{n}"})
    first = (await api.get("/audit?limit=2")).json()
    assert [(entry["actor"], entry["name"]) for entry in first["items"]] == [("ann", "k2"), ("ann", "k1")]
    second = (await api.get(f"/audit?limit=2&before={first['next']}")).json()
    assert ([entry["name"] for entry in second["items"]], second["next"]) == (["k0"], None)


async def test_with_the_store_away_the_answer_says_so(api, store):
    away = connect(Store(url=Secret("redis://127.0.0.1:1")))
    async with client_of(app_over(away)) as client:
        answers = await asyncio.gather(
            client.get("/keys"), client.get("/keys/ci"), client.post("/keys", json={}), client.get("/audit")
        )
        for answer in answers:
            assert (answer.status_code, error_of(answer)["code"]) == (503, "store_unavailable")
            assert "Redis" in error_of(answer)["message"]
        assert (await client.get("/whoami")).status_code == 200
    await away.close()


async def test_without_a_store_the_answer_says_what_to_set():
    async with client_of(app_over(None)) as client:
        answer = await client.post("/keys", json={})
        assert (answer.status_code, error_of(answer)["code"]) == (503, "no_store")
        assert "store.url" in error_of(answer)["message"]


@pytest.mark.parametrize("name", ["..", "%0A", "a%00b", "%1B%5B31m", "%E2%80%AE", "%20a", "x" * 201])
async def test_a_party_has_a_name_that_people_can_read(api, name):
    answer = await api.put(f"/teams/{name.replace('..', '%2E%2E')}", json={})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "name")


async def test_a_party_may_be_named_in_any_script(api):
    assert (await api.put("/teams/R%C3%A9seau%20%E6%9D%B1%E4%BA%AC", json={})).status_code == 201


@pytest.mark.parametrize("body", [{"name": ".."}, {"name": "."}])
async def test_a_key_is_not_named_by_dots(api, body):
    answer = await api.post("/keys", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "name")


@pytest.mark.parametrize("value", ["x" * 201, "a\nb"])
async def test_tags_are_short_and_visible(api, value):
    answer = await api.post("/keys", json={"tags": {"a": value}})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tags.a")


async def test_no_key_comes_to_a_team_that_goes(api):
    for _ in range(20):
        assert (await api.put("/teams/brief", json={})).status_code == 201
        made, gone = await asyncio.gather(api.post("/keys", json={"team": "brief"}), api.delete("/teams/brief"))
        assert (made.status_code, gone.status_code) in {(201, 409), (400, 200)}
        if made.status_code == 201:
            assert (await api.delete(f"/keys/{made.json()['id']}")).status_code == 200
            assert (await api.delete("/teams/brief")).status_code == 200


async def test_many_changes_at_once_do_not_keep_a_team(api):
    assert (await api.put("/teams/brief", json={})).status_code == 201
    made = asyncio.gather(*[api.post("/keys", json={}) for _ in range(10)])
    assert (await api.delete("/teams/brief")).status_code == 200
    assert {answer.status_code for answer in await made} == {201}


async def test_a_replica_that_never_read_the_directory_is_not_ready(app, api):
    """It knows no key made at run time; one that did read it stays ready, whatever becomes of the store."""
    part = (await api.get("http://admin/readyz")).json()["parts"]["store"]
    assert not part["ready"]
    assert "keys made at run time are not known here" in part["detail"]
    await api.get("/keys")
    assert (await api.get("http://admin/readyz")).json()["parts"]["store"] == {"ready": True}
