"""Keys as LiteLLM's scripts manage them: over plain HTTP, and seen from the directory of a worker beside it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from litellm_world import READER, Office, open_office

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


async def made(lite, **body) -> dict:
    answer = await lite.post("/key/generate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def info(lite, key: str) -> dict:
    answer = await lite.get("/key/info", params={"key": key})
    assert answer.status_code == 200, answer.text
    assert answer.json()["key"] == key
    return answer.json()["info"]


def refused(answer: httpx.Response, status: int, param: str | None) -> dict:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert error["param"] == param
    return error


async def known(office: Office, plain: str):
    """The key as a worker sees it."""
    await office.worker.refresh()
    return office.worker.key(hash_key(plain))


async def test_a_script_from_a_keys_making_to_its_end(office, lite):
    body = await made(
        lite, key_alias="job", team_id="search", models=["fast"], max_budget=10.5, budget_duration="30d", duration="7d"
    )
    plain, token = body["key"], body["token"]
    key = await known(office, plain)
    assert (key.name, key.team, key.models, key.id) == ("job", "search", {"fast"}, token)
    (budget,) = key.meters
    assert (budget.unit, budget.limit, budget.window.span) == ("usd", 10_500_000_000, "month")

    shown = await info(lite, plain)
    assert plain not in str(shown)
    assert shown == await info(lite, token) == await info(lite, "job") == await info(lite, hash_key(plain))
    assert (shown["max_budget"], shown["budget_duration"], shown["spend"]) == (10.5, "30d", 0.0)

    await office.spend(1_250_000_001, budget)
    assert (await info(lite, plain))["spend"] == 1.250000001

    updated = await lite.post("/key/update", json={"key": plain, "max_budget": 20, "rpm_limit": 5})
    assert (updated.json()["max_budget"], updated.json()["budget_duration"]) == (20.0, "30d")
    assert updated.json()["key"] == plain
    key = await known(office, plain)
    assert {(m.unit, m.limit) for m in key.meters} == {("usd", 20_000_000_000), ("requests", 5)}
    assert (await info(lite, plain))["spend"] == 1.250000001, "the meter goes on"

    again = (await lite.post(f"/key/{plain}/regenerate", json={"grace_period": "1h"})).json()
    assert again["key"] != plain
    assert again["token"] == token
    assert (await known(office, again["key"])).id == token
    assert (await known(office, plain)).expires < datetime.now(UTC) + timedelta(hours=1, seconds=1)
    once_more = (await lite.post("/key/regenerate", json={"key": again["key"], "max_budget": 7})).json()
    assert once_more["max_budget"] == 7.0
    assert await known(office, again["key"]) is None, "without grace the old text ends at once"
    plain = once_more["key"]

    assert (await lite.post("/key/block", json={"key": plain})).json()["blocked"] is True
    assert not (await known(office, plain)).enabled
    assert (await lite.post("/key/unblock", json={"key": plain})).json()["blocked"] is False
    assert (await known(office, plain)).enabled

    gone = await lite.post("/key/delete", json={"keys": [plain]})
    assert gone.json() == {"deleted_keys": [plain]}
    assert await known(office, plain) is None
    error = refused(await lite.get("/key/info", params={"key": plain}), 404, "key")
    assert plain not in error["message"]


async def test_every_field_of_a_key_has_its_effect(office, lite):
    plain = "sk-brought-along-by-the-caller"
    body = await made(
        lite,
        key=plain,
        key_alias="full",
        duration="30d",
        models=["fast-alias", "large"],
        team_id="search",
        user_id="ann",
        organization_id="acme",
        max_budget=100,
        budget_duration="1mo",
        soft_budget=33.34,
        tpm_limit=1000,
        rpm_limit=10,
        max_parallel_requests=3,
        metadata={"cost": "center"},
        tags=["batch", "env:qa"],
        blocked=True,
    )
    assert body["key"] == plain
    key = await known(office, plain)
    assert (key.name, key.team, key.user, key.org, key.enabled) == ("full", "search", "ann", "acme", False)
    assert key.models == {"fast", "large"}
    assert key.tags == {"batch": "true", "env": "qa"}
    left = key.expires - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)
    assert {(m.unit, m.window.kind, m.window.seconds or m.window.span, m.limit, m.alert_at) for m in key.meters} == {
        ("usd", "calendar", "month", 100 * NANOS, (3334,)),
        ("tokens", "rolling", 60, 1000, ()),
        ("requests", "rolling", 60, 10, ()),
        ("concurrent", "now", "total", 3, ()),
    }
    shown = await info(lite, "full")
    assert (
        shown
        | {
            "key_alias": "full",
            "key_name": "sk-...ller",
            "user_id": "ann",
            "team_id": "search",
            "organization_id": "acme",
            "models": ["fast", "large"],
            "max_budget": 100.0,
            "soft_budget": 33.34,
            "budget_duration": "1mo",
            "tpm_limit": 1000,
            "rpm_limit": 10,
            "max_parallel_requests": 3,
            "metadata": {"cost": "center"},
            "tags": ["batch", "env:qa"],
            "blocked": True,
        }
        == shown
    )
    assert shown["expires"].endswith("Z")
    assert datetime.fromisoformat(shown["budget_reset_at"]).day == 1


@pytest.mark.parametrize(
    ("duration", "window"),
    [
        (None, ("calendar", "total", 0)),
        ("1d", ("calendar", "day", 0)),
        ("24h", ("calendar", "day", 0)),
        ("7d", ("calendar", "week", 0)),
        ("1w", ("calendar", "week", 0)),
        ("30d", ("calendar", "month", 0)),
        ("1mo", ("calendar", "month", 0)),
        ("12mo", ("calendar", "year", 0)),
        ("1y", ("calendar", "year", 0)),
        ("365d", ("calendar", "year", 0)),
        ("1h", ("rolling", "total", 3600)),
        ("1hr", ("rolling", "total", 3600)),
        ("90m", ("rolling", "total", 5400)),
        ("3600s", ("rolling", "total", 3600)),
        ("14d", ("rolling", "total", 14 * 86_400)),
        ("3mo", ("rolling", "total", 93 * 86_400)),
    ],
)
async def test_a_budgets_duration_is_a_window(office, lite, duration, window):
    body = await made(lite, max_budget=1, budget_duration=duration)
    (meter,) = (await known(office, body["key"])).meters
    assert (meter.window.kind, meter.window.span, meter.window.seconds) == window
    assert body["budget_duration"] == duration


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"budget_duration": "soon", "max_budget": 1}, "budget_duration"),
        ({"budget_duration": "30s", "max_budget": 1}, "budget_duration"),
        ({"budget_duration": "2y", "max_budget": 1}, "budget_duration"),
        ({"max_budget": -1}, "max_budget"),
        ({"max_budget": True}, "max_budget"),
        ({"max_budget": [1]}, "max_budget"),
        ({"max_budget": "much"}, "max_budget"),
        ({"max_budget": 1e-12}, "max_budget"),
        ({"soft_budget": 1}, "soft_budget"),
        ({"max_budget": 1, "soft_budget": 2}, "soft_budget"),
        ({"max_budget": 1, "soft_budget": 1e-9}, "soft_budget"),
        ({"rpm_limit": 0}, "rpm_limit"),
        ({"tpm_limit": 1.5}, "tpm_limit"),
        ({"max_parallel_requests": 10**7}, "max_parallel_requests"),
        ({"models": ["none"]}, "models"),
        ({"models": ["no-default-models"]}, "models"),
        ({"models": "fast"}, "models"),
        ({"team_id": "serach"}, "team_id"),
        ({"key_alias": "with space"}, "key_alias"),
        ({"key_alias": "ci"}, "key_alias"),
        ({"key_alias": "key_1"}, "key_alias"),
        ({"key": "short"}, "key"),
        ({"duration": "for ever"}, "duration"),
        ({"duration": "0s"}, "duration"),
        ({"tags": ["a:1", "a:2"]}, "tags"),
        ({"tags": ["with space:1"]}, "tags"),
        ({"metadata": {"litellm": {}}}, "metadata"),
        ({"metadata": {"guardrails": ["pii"]}}, "metadata"),
        ({"metadata": {"model_rpm_limit": {"fast": 1}}}, "metadata"),
        ({"metadata": {"tags": "a"}}, "metadata"),
        ({"budget_id": "unknown"}, "budget_id"),
    ],
)
async def test_mistakes_are_named_in_litellms_words(lite, body, param):
    answer = await lite.post("/key/generate", json=body)
    error = refused(answer, answer.status_code, param)
    assert answer.status_code in {400, 404, 409}
    assert not any(f"{word}:" in error["message"] for word in ("budgets[0].usd", "org", "expires_in"))
    assert (await lite.get("/key/list")).json()["total_count"] == 1, "nothing but the declared key is there"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_max_budget", {"fast": {"budget_limit": 1, "time_period": "1d"}}),
        ("model_rpm_limit", {"fast": 1}),
        ("model_tpm_limit", {"fast": 1}),
        ("guardrails", ["pii"]),
        ("policies", ["p"]),
        ("prompts", ["p"]),
        ("aliases", {"a": "b"}),
        ("config", {"a": 1}),
        ("object_permission", {"models": ["fast"]}),
        ("enforced_params", ["user"]),
        ("allowed_routes", ["/chat/completions"]),
        ("allowed_passthrough_routes", ["/x"]),
        ("allowed_vector_store_indexes", [{"index_name": "i", "index_permissions": ["read"]}]),
        ("access_group_ids", ["g"]),
        ("router_settings", {"num_retries": 1}),
        ("key_type", "management"),
        ("key_type", "read_only"),
        ("rpm_limit_type", "guaranteed_throughput"),
        ("tpm_limit_type", "dynamic"),
        ("auto_rotate", True),
        ("rotation_interval", "30d"),
        ("project_id", "p"),
        ("spend", 3.5),
        ("budget_limits", [{"max_budget": 1, "budget_duration": "1d"}]),
        ("temp_budget_increase", 5),
        ("temp_budget_expiry", "2027-01-01"),
        ("new_master_key", "sk-1"),
    ],
)
async def test_what_somebody_would_rely_on_is_refused(lite, field, value):
    for path, more in (("/key/generate", {}), ("/key/update", {"key": "ci"})):
        error = refused(await lite.post(path, json={field: value, **more}), 400, field)
        assert error["code"] == "unsupported_parameter"


async def test_what_has_no_effect_is_ignored_and_said(lite):
    body = {
        "permissions": {"allow_pii_controls": True},
        "send_invite_email": True,
        "allowed_cache_controls": ["no-cache"],
        "agent_id": "a",
        "never heard of, \r\nx: y": 1,
        "ключ": 1,
    }
    answer = await lite.post("/key/generate", json=body)
    assert answer.status_code == 200
    assert (
        answer.headers[IGNORED] == "permissions, send_invite_email, allowed_cache_controls, agent_id, neverheardofx:y"
    )


async def test_empty_and_default_values_are_neither_refused_nor_ignored(lite):
    body = {
        "models": [], "spend": 0, "aliases": {}, "config": {}, "permissions": {}, "model_max_budget": {},
        "guardrails": None, "auto_rotate": False, "key_type": "default", "rpm_limit_type": "best_effort_throughput",
        "max_budget": "", "budget_duration": None, "tpm_limit": None, "metadata": {}, "allowed_routes": [],
        "key_alias": None, "team_id": None, "duration": None, "blocked": None, "tags": None,
    }  # fmt: skip
    answer = await lite.post("/key/generate", json=body)
    assert answer.status_code == 200, answer.text
    assert IGNORED not in answer.headers
    shown = answer.json()
    assert (shown["models"], shown["max_budget"], shown["key_alias"], shown["metadata"]) == ([], None, None, {})


@pytest.mark.parametrize("every", [[], ["all-proxy-models"], ["all-team-models"], ["*"]])
async def test_words_for_all_models(office, lite, every):
    assert (await known(office, (await made(lite, models=every))["key"])).models is None


async def test_an_update_changes_what_it_names_and_nothing_else(office, lite):
    body = await made(
        lite, max_budget=100, soft_budget=80, budget_duration="30d", tpm_limit=7, tags=["a"], metadata={"m": 1}
    )
    async with office.client() as native:
        await native.patch(
            f"/api/v1/keys/{body['token']}",
            json={
                "budgets": [
                    {"usd": 100, "per": "month", "alert_at": [0.8], "timezone": "Europe/Berlin"},
                    {"usd": 5, "per": "day"},
                ],
                "limits": {"tokens": ["7/min", "1000/h"], "output_tokens": "5/min"},
            },
        )

    async def after(**change) -> dict:
        answer = await lite.post("/key/update", json={"key": body["token"], **change})
        assert answer.status_code == 200, answer.text
        return {k: answer.json()[k] for k in ("max_budget", "soft_budget", "budget_duration", "tpm_limit", "tags")}

    async def limits() -> set:
        key = await known(office, body["key"])
        return {(m.unit, m.window.span, m.window.timezone, m.limit) for m in key.meters if m.unit == "usd"}

    stays = {"max_budget": 100.0, "soft_budget": 80.0, "budget_duration": "30d", "tpm_limit": 7, "tags": ["a"]}
    assert await after(metadata={"n": 2}) == stays
    assert await after(max_budget=200) == {**stays, "max_budget": 200.0}
    day = ("usd", "day", "UTC", 5 * NANOS)
    assert await limits() == {("usd", "month", "Europe/Berlin", 200 * NANOS), day}
    key = await known(office, body["key"])
    assert key.meters[0].alert_at == (4000,), "the soft budget is still 80 dollars"
    assert await after(soft_budget=None) == {**stays, "max_budget": 200.0, "soft_budget": None}
    assert (await after(budget_duration="7d"))["budget_duration"] == "7d"
    assert await limits() == {("usd", "week", "UTC", 200 * NANOS), day}
    assert (await after(tpm_limit=None, tags=[]))["tpm_limit"] is None
    key = await known(office, body["key"])
    assert {(m.unit, m.window.seconds, m.limit) for m in key.meters if m.unit.endswith("tokens")} == {
        ("tokens", 3600, 1000),
        ("output_tokens", 60, 5),
    }
    assert key.tags is None
    await after(max_budget=None)
    assert await limits() == {day}
    assert (await info(lite, body["token"]))["metadata"] == {"n": 2}


async def test_tags_in_the_metadata_are_tags(office, lite):
    body = await made(lite, metadata={"tags": ["job:7"], "guardrails": [], "x": 1})
    assert (await known(office, body["key"])).tags == {"job": "7"}
    assert (body["tags"], body["metadata"]["x"]) == (["job:7"], 1)
    body = await made(lite, metadata={"tags": ["a"]}, tags=["b"])
    assert body["tags"] == ["b"]


async def test_an_end_is_set_moved_and_taken_away(office, lite):
    body = await made(lite, duration="1d")
    for change, days in (({"duration": "10d"}, 10), ({"duration": None}, 10), ({"duration": "-1"}, None)):
        await lite.post("/key/update", json={"key": body["key"], **change})
        expires = (await known(office, body["key"])).expires
        assert (expires is None) == (days is None)
        if days:
            assert timedelta(days=days - 1) < expires - datetime.now(UTC) <= timedelta(days=days)


async def test_a_notes_words_count_only_as_long_as_they_are_true(office, lite):
    body = await made(lite, max_budget=1, budget_duration="1mo", soft_budget=0.5, tags=["x:1"])
    async with office.client() as native:
        await native.patch(
            f"/api/v1/keys/{body['token']}",
            json={"budgets": [{"usd": 2, "per": "day", "alert_at": [0.9]}], "tags": {"y": "2", "z": "true"}},
        )
    shown = await info(lite, body["token"])
    assert (shown["budget_duration"], shown["soft_budget"], sorted(shown["tags"])) == ("1d", 1.8, ["y:2", "z"])
    async with office.client() as native:
        broken = {"budget_duration": "x", "soft_budget": "NaN", "tags": [1, "a:1", "a:2"], "budget_id": 3}
        await native.patch(f"/api/v1/keys/{body['token']}", json={"metadata": {"litellm": broken}})
    shown = await info(lite, body["token"])
    assert (shown["budget_duration"], shown["soft_budget"], sorted(shown["tags"])) == ("1d", 1.8, ["y:2", "z"])


async def test_changes_at_once_do_not_undo_each_other(office, lite):
    body = await made(lite, max_budget=1)
    changes = [{"tpm_limit": 5}, {"rpm_limit": 6}, {"max_parallel_requests": 7}, {"max_budget": 8}]
    answers = await asyncio.gather(
        *(lite.post("/key/update", json={"key": body["key"], **change}) for change in changes)
    )
    assert {answer.status_code for answer in answers} == {200}
    shown = await info(lite, body["key"])
    assert [shown[name] for change in changes for name in change] == [5, 6, 7, 8.0]


async def test_all_or_none_of_the_keys_are_deleted(office, lite):
    one, two = await made(lite, key_alias="one"), await made(lite)
    for refs, status in (([one["key"], "missing"], 404), ([one["key"], "ci"], 409)):
        answer = await lite.post("/key/delete", json={"keys": refs})
        assert answer.status_code == status
        assert await known(office, one["key"])
    refused(await lite.post("/key/delete", json={}), 400, "keys")
    answer = await lite.post("/key/delete", json={"key_aliases": ["one"], "keys": [two["token"], two["key"]]})
    assert answer.json()["deleted_keys"] == [two["token"], two["key"], "one"]
    assert await known(office, two["key"]) is None


async def test_the_list_is_paged_filtered_and_sorted(lite):
    for number in range(3):
        await made(lite, key_alias=f"k{number}", team_id="search", user_id=f"u{number % 2}", max_budget=number + 1)

    async def listed(**query) -> dict:
        answer = await lite.get("/key/list", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    first = await listed(size=2, return_full_object=True, sort_by="key_alias", sort_order="asc")
    assert [key["key_alias"] for key in first["keys"]] == ["ci", "k0"]
    assert (first["total_count"], first["current_page"], first["total_pages"]) == (4, 1, 2)
    second = await listed(size=2, page=2, return_full_object=True, sort_by="key_alias", sort_order="asc")
    assert [key["max_budget"] for key in second["keys"]] == [2.0, 3.0]
    newest = await listed()
    assert (await info(lite, newest["keys"][0]))["key_alias"] == "k2"
    assert newest["keys"][-1] == "ci"
    assert (await listed(user_id="u0", team_id="search"))["total_count"] == 2
    assert (await listed(organization_id="acme"))["total_count"] == 0
    assert (await listed(key_alias="k1"))["keys"] == (await listed(user_id="u1"))["keys"]
    token = (await listed(key_alias="k1"))["keys"][0]
    assert (await listed(key_hash=token))["keys"] == [token]
    for bad in ({"size": 101}, {"page": 0}, {"sort_by": "secret"}, {"sort_order": "up"}, {"project_id": "p"},
                {"status": "deleted"}):  # fmt: skip
        refused(await lite.get("/key/list", params=bad), 400, next(iter(bad)))
    answer = await lite.get("/key/list", params={"include_team_keys": "true", "expand": "user"})
    assert answer.headers[IGNORED] == "include_team_keys, expand"


async def test_declared_keys_are_seen_and_blocked_and_not_changed(office, lite):
    shown = await info(lite, "ci")
    assert (shown["token"], shown["key_alias"], shown["team_id"], shown["created_at"]) == ("ci", "ci", "search", None)
    assert (await lite.post("/key/block", json={"key": "ci"})).json()["blocked"] is True
    assert (await lite.post("/key/unblock", json={"key": "ci"})).json()["blocked"] is False
    for path in ("/key/update", "/key/regenerate"):
        error = refused(await lite.post(path, json={"key": "ci", "max_budget": 1}), 409, None)
        assert error["code"] == "declared"


@pytest.mark.parametrize(
    ("said", "status", "param"),
    [({"new_key": "sk-llmgw-taken-already"}, 409, "key"), ({"grace_period": "1000y"}, 400, "grace_period")],
)
async def test_a_key_that_cannot_be_regenerated_keeps_its_budget(lite, said, status, param):
    await made(lite, key="sk-llmgw-taken-already")
    before = await made(lite, max_budget=1)
    refused(await lite.post("/key/regenerate", json={"key": before["key"], "max_budget": 99, **said}), status, param)
    shown = await info(lite, before["key"])
    assert (shown["max_budget"], shown["updated_at"]) == (1.0, before["updated_at"])


async def test_a_budget_that_a_script_has_divided_is_rounded_down(office, lite):
    for amount, limit in ((100 / 3, 33_333_333_333), (0.1 + 0.2, 300_000_000), (1e-9, 1), (9e6, 9_000_000 * NANOS)):
        (budget,) = (await known(office, (await made(lite, max_budget=amount))["key"])).meters
        assert budget.limit == limit
    refused(await lite.post("/key/generate", json={"max_budget": 1e-10}), 400, "max_budget")


async def test_spend_without_a_budget_is_all_that_was_spent(office, lite):
    body = await made(lite)
    await office.spend(3, key_id=body["token"])
    await office.spend(4, key_id=body["token"], model="large")
    await office.spend(100, key_id="ci")
    assert (await info(lite, body["key"]))["spend"] == 7e-09
    keys = (await lite.get("/key/list", params={"return_full_object": "true"})).json()["keys"]
    assert {key["token"]: key["spend"] for key in keys} == {body["token"]: 7e-09, "ci": 1e-07}


async def test_roles_and_the_audit_trail(office, lite):
    body = await made(lite)
    async with office.client(READER) as reader:
        for path in ("/key/generate", "/key/update", "/key/delete", "/key/block", "/team/new", "/budget/new"):
            refused(await reader.post(path, json={}), 403, None)
        for path in (f"/key/info?key={body['token']}", "/key/list", "/team/list", "/budget/list", "/spend/logs"):
            assert (await reader.get(path)).status_code == 200
        assert (await reader.post("/budget/info", json={"budgets": ["b"]})).json() == []
    async with office.client("sk-wrong") as stranger:
        refused(await stranger.post("/key/generate", json={}), 401, None)
    async with office.client(**{"litellm-changed-by": "ann@acme"}) as ann:
        await ann.post("/key/block", json={"key": body["token"]})
        entries = (await ann.get("/api/v1/audit")).json()["items"]
    assert [(entry["actor"], entry["action"]) for entry in entries] == [("ann@acme", "block"), ("admin", "create")]


async def test_no_plain_key_lies_in_the_store(office, lite, redis_server):
    plain = "sk-canary-canary-canary"
    await made(lite, key=plain, metadata={"a": "b"})
    await lite.post("/key/regenerate", json={"key": plain, "new_key": plain + "-2", "grace_period": "1h"})
    for name in redis_server.ask("KEYS", "*"):
        assert b"canary" not in redis_server.ask("DUMP", name)


async def test_bodies_that_are_none(lite):
    refused(await lite.post("/key/generate", content=b"[1]"), 400, None)
    refused(await lite.post("/key/generate", content=b"{"), 400, None)
    refused(await lite.get("/key/info"), 400, "key")
    refused(await lite.post("/key/regenerate", json={}), 400, "key")
    refused(await lite.post("/key/block", json={}), 400, "key")
