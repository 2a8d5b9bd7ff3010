"""Teams, users and named budgets as LiteLLM's scripts manage them, and what holds for their keys then."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from litellm_world import Office, open_office

from extproc.config.digest import hash_key
from extproc.domain.money import NANOS

IGNORED = "x-llmgw-ignored-fields"


@pytest.fixture
async def office(store) -> Office:
    return await open_office(store)


@pytest.fixture
async def lite(office) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client() as client:
        yield client


@pytest.fixture
def post(lite):
    async def send(path: str, **body) -> dict:
        answer = await lite.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


@pytest.fixture
def get(lite):
    async def send(path: str, **query):
        answer = await lite.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


def refused(answer: httpx.Response, status: int, param: str | None) -> dict:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["param"] == param
    return error


async def test_a_team_from_its_making_to_its_end(office, lite, post, get):
    made = await post(
        "/team/new",
        team_id="red",
        team_alias="Red Team",
        organization_id="acme",
        models=["fast"],
        max_budget=50,
        soft_budget=40,
        budget_duration="7d",
        tpm_limit=100,
        rpm_limit=10,
        max_parallel_requests=2,
        metadata={"a": 1},
        tags=["t:1"],
    )
    await office.worker.refresh()
    team = office.worker.party("team", "red")
    assert (team.org, team.models, team.tags, team.enabled) == ("acme", {"fast"}, {"t": "1"}, True)
    assert {(m.unit, m.window.seconds or m.window.span, m.limit, m.alert_at) for m in team.meters} == {
        ("usd", "week", 50 * NANOS, (8000,)),
        ("tokens", 60, 100, ()),
        ("requests", 60, 10, ()),
        ("concurrent", "total", 2, ()),
    }
    await office.spend(2 * NANOS, team.meters[0], team="red")
    key = await post("/key/generate", team_id="red", key_alias="k")
    info = await get("/team/info", team_id="red")
    assert (info["team_id"], info["team_memberships"]) == ("red", [])
    assert [each["key_alias"] for each in info["keys"]] == ["k"]
    assert (
        info["team_info"]
        | {
            "team_alias": "Red Team",
            "organization_id": "acme",
            "models": ["fast"],
            "max_budget": 50.0,
            "soft_budget": 40.0,
            "budget_duration": "7d",
            "tpm_limit": 100,
            "rpm_limit": 10,
            "max_parallel_requests": 2,
            "metadata": {"a": 1},
            "tags": ["t:1"],
            "blocked": False,
            "spend": 2.0,
        }
        == info["team_info"]
    )
    assert made | {"spend": 2.0} == info["team_info"]

    updated = await post("/team/update", team_id="red", max_budget=60, team_alias="Reds", blocked=True)
    assert updated["team_id"] == "red"
    assert (updated["data"]["max_budget"], updated["data"]["team_alias"]) == (60.0, "Reds")
    assert updated["data"]["budget_duration"] == "7d"
    await office.worker.refresh()
    assert not office.worker.party("team", "red").enabled

    gone = await post("/team/delete", team_ids=["red"])
    assert gone == {"deleted_teams": ["red"], "deleted_keys": [key["token"]]}
    await office.worker.refresh()
    assert office.worker.party("team", "red") is None
    assert office.worker.key(hash_key(key["key"])) is None, "without its team it would be free of the budget"
    refused(await lite.get("/team/info", params={"team_id": "red"}), 404, "team_id")


async def test_a_team_is_made_once_and_without_an_id_gets_one(lite, post):
    ident = (await post("/team/new", team_alias="x"))["team_id"]
    error = refused(await lite.post("/team/new", json={"team_id": ident}), 400, "team_id")
    assert error["code"] == "team_exists"
    refused(await lite.post("/team/new", json={"team_id": "search"}), 409, None)
    refused(await lite.post("/team/update", json={"team_id": "none"}), 404, "team_id")
    refused(await lite.post("/team/update", json={"team_id": "search", "max_budget": 1}), 409, None)
    refused(await lite.post("/team/update", json={"team_id": ident, "budget_duration": "x", "max_budget": 1}), 400,
            "budget_duration")  # fmt: skip


async def test_of_several_teams_all_or_none_are_deleted(lite, post, get):
    await post("/team/new", team_id="a")
    await post("/key/generate", team_id="a")
    refused(await lite.post("/team/delete", json={"team_ids": ["a", "search"]}), 409, "team_ids")
    refused(await lite.post("/team/delete", json={"team_ids": ["a", "none"]}), 404, "team_id")
    refused(await lite.post("/team/delete", json={"team_ids": []}), 400, "team_ids")
    assert len((await get("/team/info", team_id="a"))["keys"]) == 1


async def test_teams_are_listed_with_their_keys(post, get):
    await post("/team/new", team_id="a", organization_id="acme")
    await post("/team/new", team_id="b")
    await post("/key/generate", team_id="a", user_id="ann", key_alias="k")
    teams = {team["team_id"]: [key["key_alias"] for key in team["keys"]] for team in await get("/team/list")}
    assert teams == {"a": ["k"], "b": [], "search": ["ci"]}
    assert [team["team_id"] for team in await get("/team/list", organization_id="acme")] == ["a"]
    assert [team["team_id"] for team in await get("/team/list", user_id="ann")] == ["a"]


@pytest.mark.parametrize(
    "field",
    ["team_member_budget", "team_member_rpm_limit", "team_member_tpm_limit", "team_member_key_duration",
     "team_member_budget_duration", "model_aliases", "guardrails", "object_permission", "secret_manager_settings",
     "model_rpm_limit", "enforced_file_expires_after", "enforced_batch_output_expires_after", "router_settings"],
)  # fmt: skip
async def test_what_a_team_cannot_have_is_refused(lite, field):
    for path in ("/team/new", "/team/update"):
        refused(await lite.post(path, json={"team_id": "t", field: {"a": 1}}), 400, field)


async def test_members_of_a_team_are_ignored_and_said_to_be(lite):
    members = [{"role": "user", "user_id": "ann"}]
    answer = await lite.post("/team/new", json={"members_with_roles": members, "team_member_permissions": ["x"]})
    assert answer.headers[IGNORED] == "members_with_roles, team_member_permissions"


async def test_a_user_is_made_with_a_key_that_his_budget_bounds(office, lite, post, get):
    made = await post(
        "/user/new",
        user_id="ann",
        user_email="ann@acme.example",
        user_alias="Ann",
        user_role="internal_user",
        organizations=["acme"],
        max_budget=5,
        budget_duration="30d",
        tpm_limit=10,
        models=["large"],
        team_id="search",
        key_alias="anns",
        duration="1d",
        metadata={"m": 1},
        tags=["x"],
        blocked=False,
    )
    await office.worker.refresh()
    key = office.worker.key(hash_key(made["key"]))
    assert (key.name, key.user, key.team, key.org, key.models) == ("anns", "ann", "search", "acme", {"large"})
    assert key.expires is not None
    assert key.meters == (), "what bounds the user bounds all of his keys"
    user = office.worker.party("user", "ann")
    assert (user.org, user.models, user.tags) == ("acme", {"large"}, {"x": "true"})
    assert {(m.unit, m.limit) for m in user.meters} == {("usd", 5 * NANOS), ("tokens", 10)}
    assert (made["user_id"], made["token"], made["max_budget"]) == ("ann", key.id, 5.0)

    await office.spend(NANOS, user.meters[0], user="ann", key_id=key.id)
    info = await get("/user/info", user_id="ann")
    assert info["user_id"] == "ann"
    assert (
        info["user_info"]
        | {
            "user_email": "ann@acme.example",
            "user_alias": "Ann",
            "user_role": "internal_user",
            "organization_id": "acme",
            "spend": 1.0,
            "max_budget": 5.0,
            "budget_duration": "30d",
            "metadata": {"m": 1},
        }
        == info["user_info"]
    )
    assert [(each["token"], each["spend"]) for each in info["keys"]] == [(key.id, 1.0)]
    assert [team["team_id"] for team in info["teams"]] == ["search"]
    error = refused(await lite.post("/user/new", json={"user_id": "ann"}), 409, "user_id")
    assert error["code"] == "user_exists"


async def test_a_user_without_a_key_and_without_a_name(office, post):
    made = await post("/user/new", auto_create_key=False)
    assert made["key"] is None
    await office.worker.refresh()
    assert office.worker.party("user", made["user_id"])
    assert (await post("/user/new"))["key"].startswith("sk-")


async def test_a_user_whose_key_cannot_be_made_is_not_made_either(lite):
    refused(await lite.post("/user/new", json={"user_id": "ann", "team_id": "serach"}), 400, "team_id")
    refused(await lite.post("/user/new", json={"user_id": "ann", "key_alias": "ci"}), 409, "key_alias")
    refused(await lite.get("/user/info", params={"user_id": "ann"}), 404, "user_id")
    refused(await lite.get("/user/info"), 400, "user_id")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"user_role": "proxy_admin"}, "user_role"),
        ({"organizations": ["a", "b"]}, "organizations"),
        ({"user_id": "with space"}, "user_id"),
        ({"max_budget": "x"}, "max_budget"),
    ],
)
async def test_what_a_user_cannot_be(lite, body, param):
    refused(await lite.post("/user/new", json=body), 400, param)


async def test_memberships_and_logins_of_a_user_are_ignored_and_said_to_be(lite):
    body = {"teams": ["search"], "send_invite_email": True, "sso_user_id": "s", "password": "long enough"}
    answer = await lite.post("/user/new", json=body)
    assert answer.headers[IGNORED] == "teams, send_invite_email, sso_user_id, password"


async def test_a_named_budget_is_copied_to_what_takes_it(office, lite, post, get):
    terms = {
        "max_budget": 12.5,
        "soft_budget": 10,
        "budget_duration": "1d",
        "tpm_limit": 100,
        "rpm_limit": 5,
        "max_parallel_requests": 2,
    }
    made = await post("/budget/new", budget_id="small", **terms)
    assert made | terms | {"budget_id": "small", "created_by": "admin"} == made
    key = await post("/key/generate", budget_id="small")
    assert key | terms | {"budget_id": "small"} == key
    await office.worker.refresh()
    assert {
        (m.unit, m.window.seconds or m.window.span, m.limit) for m in office.worker.key(hash_key(key["key"])).meters
    } == {
        ("usd", "day", 12_500_000_000),
        ("tokens", 60, 100),
        ("requests", 60, 5),
        ("concurrent", "total", 2),
    }
    team = await post("/team/new", team_id="t", max_budget=1, budget_duration="7d")
    assert team["budget_id"] is None
    team = (await post("/team/update", team_id="t", budget_id="small"))["data"]
    assert team | terms | {"budget_id": "small"} == team
    assert (await post("/user/new", budget_id="small"))["max_budget"] == 12.5
    departed = await post("/key/update", key=key["key"], max_budget=13)
    assert (departed["max_budget"], departed["tpm_limit"], departed["budget_id"]) == (13.0, 100, None)
    error = refused(await lite.post("/key/generate", json={"budget_id": "small", "max_budget": 1}), 400, "max_budget")
    assert "budget_id" in error["message"]


async def test_named_budgets_are_listed_and_removed(office, lite, post, get):
    await post("/budget/new", budget_id="b", max_budget=1)
    ident = (await post("/budget/new", rpm_limit=1))["budget_id"]
    assert [budget["budget_id"] for budget in await get("/budget/list")] == sorted(["b", ident])
    found = await post("/budget/info", budgets=["b", "unknown"])
    assert [(budget["budget_id"], budget["max_budget"]) for budget in found] == [("b", 1.0)]
    error = refused(await lite.post("/budget/new", json={"budget_id": "b"}), 400, "budget_id")
    assert error["code"] == "budget_exists"
    key = await post("/key/generate", budget_id="b")
    await post("/budget/delete", id="b")
    assert [budget["budget_id"] for budget in await get("/budget/list")] == [ident]
    assert (await get("/key/info", key=key["key"]))["info"]["max_budget"] == 1.0
    refused(await lite.post("/budget/delete", json={"id": "b"}), 404, "budget_id")
    trail = (await get("/api/v1/audit"))["items"]
    assert [(entry["action"], entry["id"]) for entry in trail if entry["kind"] == "budget"] == [
        ("delete", "b"),
        ("create", ident),
        ("create", "b"),
    ]
    await office.worker.refresh()
    assert office.worker.key(hash_key(key["key"])).enabled, "workers know nothing of named budgets, and need not"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"max_budget": -1}, "max_budget"),
        ({"soft_budget": 1}, "soft_budget"),
        ({"max_budget": 1, "budget_duration": "x"}, "budget_duration"),
        ({"rpm_limit": -1}, "rpm_limit"),
        ({"budget_id": "with space"}, "budget_id"),
        ({"model_max_budget": {"fast": {"max_budget": 1}}}, "model_max_budget"),
        ({"budget_reset_at": "2027-01-01T00:00:00Z"}, "budget_reset_at"),
    ],
)
async def test_a_named_budget_that_nobody_could_take_is_refused(lite, body, param):
    refused(await lite.post("/budget/new", json=body), 400, param)
    assert (await lite.get("/budget/list")).json() == []


async def test_a_team_that_two_delete_at_once_is_gone(lite):
    assert (await lite.post("/team/new", json={"team_id": "both"})).status_code == 200
    for _ in range(5):
        assert (await lite.post("/key/generate", json={"team_id": "both"})).status_code == 200
    answers = await asyncio.gather(*[lite.post("/team/delete", json={"team_ids": ["both"]}) for _ in range(4)])
    assert 200 in {answer.status_code for answer in answers} <= {200, 404}
    assert (await lite.get("/team/info", params={"team_id": "both"})).status_code == 404
    assert (await lite.get("/key/list", params={"team_id": "both"})).json()["total_count"] == 0
