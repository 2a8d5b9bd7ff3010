"""Reports in LiteLLM's shapes: to the nano-dollar what the ledger has, by day, team, customer, key and row."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from litellm_world import Office, open_office

from extproc.admin.litellm import spend

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()
DAY = 86_400
SPAN = {"start_date": "2026-05-01", "end_date": "2026-05-03"}


@pytest.fixture
async def office(store) -> Office:
    return await open_office(store)


@pytest.fixture
async def lite(office) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client() as client:
        yield client


@pytest.fixture
def get(lite):
    async def send(path: str, **query):
        answer = await lite.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


@pytest.fixture
async def used(office):
    """Three attempts on the first of May, one on the third."""
    await office.spend(100_000_001, key_id="k1", team="red", user="ann", tokens=(10, 20), at=MAY)
    await office.spend(200_000_000, key_id="k1", team="red", user="ann", tokens=(1, 2), model="large", at=MAY + 1)
    await office.spend(1, key_id="k2", tokens=(5, 0), at=MAY + 7200, outcome="provider:timeout", provider="azure")
    await office.spend(50, key_id="k2", team="blue", at=MAY + 2 * DAY)


def refused(answer: httpx.Response, param: str) -> dict:
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    return answer.json()["error"]


async def test_logs_with_dates_are_sums_by_day(get, used):
    first, second, third = await get("/spend/logs", **SPAN)
    assert first == {
        "startTime": "2026-05-01",
        "spend": 0.300000002,
        "k1": 0.300000001,
        "k2": 1e-09,
        "users": {"ann": 0.300000001, "": 1e-09},
        "models": {"fast": 0.100000002, "large": 0.2},
    }
    assert second == {"startTime": "2026-05-02", "spend": 0.0, "users": {}, "models": {}}
    assert (third["startTime"], third["spend"]) == ("2026-05-03", 5e-08)
    (only,) = await get("/spend/logs", start_date="2026-05-02", end_date="2026-05-03")
    assert only["startTime"] == "2026-05-03", "days before the first usage are left out"
    one = await get("/spend/logs", **SPAN, api_key="k2")
    assert [day["spend"] for day in one] == [1e-09, 0.0, 5e-08]
    assert [day["spend"] for day in await get("/spend/logs", **SPAN, user_id="ann")] == [0.300000001, 0.0, 0.0]
    assert await get("/spend/logs", start_date="2026-06-01", end_date="2026-06-02") == []


async def test_a_sum_is_exact_where_adding_dollars_is_not(office, get):
    for _ in range(10):
        await office.spend(100_000_000, at=MAY)
    (day,) = await get("/spend/logs", start_date="2026-05-01", end_date="2026-05-01")
    assert day["spend"] == 1.0
    assert sum([0.1] * 10) != 1.0


async def test_logs_are_rows_of_attempts(office, lite, get):
    made = (await lite.post("/key/generate", json={"key_alias": "job"})).json()
    await office.spend(
        1_500_000_000,
        key_id=made["token"],
        key="job",
        team="red",
        user="ann",
        org="acme",
        end_user="customer-1",
        tags={"env": "qa"},
        tokens=(10, 20),
        request="req-1",
        cache_read_tokens=4,
        duration_ms=1500,
        first_token_ms=200,
    )
    await office.spend(7, outcome="provider:rate_limited", request="req-2")
    failed, row = await get("/spend/logs")
    start = datetime.fromisoformat(row["startTime"])
    assert datetime.now(UTC) - start < timedelta(minutes=1)
    assert datetime.fromisoformat(row["endTime"]) - start == timedelta(seconds=1.5)
    assert datetime.fromisoformat(row["completionStartTime"]) - start == timedelta(seconds=0.2)
    assert (
        row
        | {
            "request_id": "req-1",
            "call_type": "acompletion",
            "api_key": made["token"],
            "spend": 1.5,
            "total_tokens": 30,
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "request_duration_ms": 1500,
            "model": "gpt-4o-mini",
            "model_group": "fast",
            "custom_llm_provider": "openai",
            "user": "ann",
            "end_user": "customer-1",
            "team_id": "red",
            "organization_id": "acme",
            "request_tags": ["env:qa"],
            "cache_hit": "False",
            "status": "success",
        }
        == row
    )
    assert row["metadata"]["cache_read_input_tokens"] == 4
    assert (failed["status"], failed["metadata"]["outcome"]) == ("failure", "provider:rate_limited")
    for query in ({"request_id": "req-1"}, {"api_key": made["key"]}, {"api_key": "job"}, {"user_id": "ann"}):
        assert [each["request_id"] for each in await get("/spend/logs", **query)] == ["req-1"]
    today = datetime.now(UTC).date()
    span = {"start_date": str(today - timedelta(days=1)), "end_date": str(today + timedelta(days=1))}
    assert len(await get("/spend/logs", summarize="false", **span)) == 2
    assert len(await get("/spend/logs", request_id="req-1", **span)) == 1
    assert await get("/spend/logs", summarize="false", **SPAN) == []


async def test_rows_come_in_pages(office, lite):
    for number in range(5):
        await office.spend(number, request=f"r{number}")
    seen, before = [], None
    while True:
        answer = await lite.get("/spend/logs", params={"limit": 2, **({"before": before} if before else {})})
        seen += [row["request_id"] for row in answer.json()]
        before = answer.headers.get("x-llmgw-next-before")
        if before is None:
            break
    assert seen == ["r4", "r3", "r2", "r1", "r0"]


async def test_usage_of_a_key_outlives_it(office, lite, get):
    made = (await lite.post("/key/generate", json={})).json()
    await office.spend(5, key_id=made["token"])
    await lite.post("/key/delete", json={"keys": [made["key"]]})
    assert [row["spend"] for row in await get("/spend/logs", api_key=made["token"])] == [5e-09]


async def test_a_report_by_team(lite, get, used):
    await lite.post("/team/new", json={"team_id": "red", "team_alias": "Red Team"})
    first, third = await get("/global/spend/report", **SPAN)
    assert first["group_by_day"] == "2026-05-01T00:00:00+00:00"
    assert first["teams"] == [
        {
            "team_name": "Unassigned Team",
            "total_spend": 1e-09,
            "metadata": [{"model": "fast", "spend": 1e-09, "total_tokens": 5, "api_key": "k2"}],
        },
        {
            "team_name": "Red Team",
            "total_spend": 0.300000001,
            "metadata": [
                {"model": "fast", "spend": 0.100000001, "total_tokens": 30, "api_key": "k1"},
                {"model": "large", "spend": 0.2, "total_tokens": 3, "api_key": "k1"},
            ],
        },
    ]
    assert [(team["team_name"], team["total_spend"]) for team in third["teams"]] == [("blue", 5e-08)]
    (only,) = await get("/global/spend/report", **SPAN, team_id="blue")
    assert only == third


async def test_a_report_by_key(get, used):
    k1, k2 = await get("/global/spend/report", **SPAN, group_by="api_key")
    assert k1 == {
        "api_key": "k1",
        "total_cost": 0.300000001,
        "total_input_tokens": 11,
        "total_output_tokens": 22,
        "model_details": [
            {"model": "fast", "total_cost": 0.100000001, "total_input_tokens": 10, "total_output_tokens": 20},
            {"model": "large", "total_cost": 0.2, "total_input_tokens": 1, "total_output_tokens": 2},
        ],
    }
    assert k2["total_cost"] == 5.1e-08
    assert await get("/global/spend/report", **SPAN, api_key="k1") == [k1]
    assert await get("/global/spend/report", **SPAN, internal_user_id="ann") == [k1]


async def test_a_report_by_customer(office, get):
    await office.spend(1, end_user="c1", tokens=(1, 1))
    await office.spend(2, end_user="c1", tokens=(1, 1))
    await office.spend(4, end_user="c2")
    await office.spend(8)
    today = datetime.now(UTC).date()
    span = {"start_date": str(today - timedelta(days=1)), "end_date": str(today + timedelta(days=1))}
    days = await get("/global/spend/report", **span, group_by="customer")
    spent: dict[str, float] = {}
    for day in days:
        for each in day["customers"]:
            spent[each["customer"]] = round(spent.get(each["customer"], 0) + each["total_spend"], 9)
    assert spent == {"": 8e-09, "c1": 3e-09, "c2": 4e-09}
    days = await get("/global/spend/report", **span, customer_id="c1")
    rows = [row for day in days for each in day["customers"] for row in each["metadata"]]
    assert {(row["model"], row["api_key"]) for row in rows} == {("fast", "ci")}
    assert sum(row["total_tokens"] for row in rows) == 4


async def test_a_report_that_would_read_too_much_asks_for_fewer_days(office, lite, monkeypatch):
    monkeypatch.setattr(spend, "_MOST_PAGES", 1)
    monkeypatch.setattr(spend, "_MOST_ROWS", 2)
    for number in range(3):
        await office.spend(1, request=f"r{number}")
    today = datetime.now(UTC).date()
    span = {"start_date": str(today - timedelta(days=1)), "end_date": str(today + timedelta(days=1))}
    error = refused(await lite.get("/global/spend/report", params={**span, "group_by": "customer"}), "start_date")
    assert error["code"] == "range_too_large"
    found = await lite.get("/spend/logs", params={"request_id": "r1", "limit": 2})
    assert [row["request_id"] for row in found.json()] == ["r1"]
    assert found.headers["x-llmgw-next-before"], "there may be more of it in what was not read"
    refused(await lite.get("/spend/logs", params={"request_id": "r0", "limit": 2}), "start_date")


async def test_activity_by_day(lite, get, used):
    answer = await get("/user/daily/activity", **SPAN)
    assert [day["date"] for day in answer["results"]] == ["2026-05-03", "2026-05-01"]
    first = answer["results"][1]
    assert first["metrics"] == {
        "spend": 0.300000002,
        "prompt_tokens": 16,
        "completion_tokens": 22,
        "total_tokens": 38,
        "api_requests": 3,
        "successful_requests": 2,
        "failed_requests": 1,
    }
    parts = first["breakdown"]
    spends = {part: {name: each["metrics"]["spend"] for name, each in parts[part].items()} for part in parts}
    assert spends == {
        "models": {"fast": 0.100000002, "large": 0.2},
        "model_groups": {"fast": 0.100000002, "large": 0.2},
        "providers": {"openai": 0.300000001, "azure": 1e-09},
        "api_keys": {"k1": 0.300000001, "k2": 1e-09},
        "endpoints": {},
        "mcp_servers": {},
        "entities": {},
    }
    keys = parts["models"]["fast"]["api_key_breakdown"]
    assert {name: each["metrics"]["spend"] for name, each in keys.items()} == {"k1": 0.100000001, "k2": 1e-09}
    assert (
        answer["metadata"]
        | {
            "total_spend": 0.300000052,
            "total_api_requests": 4,
            "total_failed_requests": 1,
            "total_tokens": 38,
            "page": 1,
            "total_pages": 1,
            "has_more": False,
        }
        == answer["metadata"]
    )

    page = await get("/user/daily/activity", **SPAN, page=1, page_size=1)
    assert (page["metadata"]["total_pages"], page["metadata"]["has_more"], len(page["results"])) == (2, True, 1)
    for query in ({"user_id": "ann"}, {"api_key": "k1"}):
        (only,) = (await get("/user/daily/activity", **SPAN, **query))["results"]
        assert only["metrics"]["spend"] == 0.300000001
    (only,) = (await get("/user/daily/activity", **SPAN, model="large"))["results"]
    assert only["metrics"]["spend"] == 0.2


async def test_days_of_activity_may_be_those_of_another_offset(office, get):
    await office.spend(5, at=MAY + 12 * 3600)
    span = {"start_date": "2026-05-01", "end_date": "2026-05-01"}
    assert (await get("/user/daily/activity", **span))["results"] == []
    (day,) = (await get("/user/daily/activity", **span, timezone=60))["results"]
    assert (day["date"], day["metrics"]["spend"]) == ("2026-05-01", 5e-09)


async def test_keys_are_named_in_the_breakdown(office, lite, get):
    made = (await lite.post("/key/generate", json={"key_alias": "job", "team_id": "search"})).json()
    await office.spend(5, key_id=made["token"], at=MAY)
    (day,) = (await get("/user/daily/activity", **SPAN))["results"]
    assert day["breakdown"]["api_keys"][made["token"]]["metadata"] == {"key_alias": "job", "team_id": "search"}


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/spend/logs", {"start_date": "2026-05-01"}, "end_date"),
        ("/spend/logs", {"start_date": "May", "end_date": "2026-05-01"}, "start_date"),
        ("/spend/logs", {"start_date": "2026-05-02", "end_date": "2026-04-01"}, "end_date"),
        ("/spend/logs", {"start_date": "2020-05-02", "end_date": "2026-04-01"}, "start_date"),
        ("/spend/logs", {"limit": "5001"}, "limit"),
        ("/spend/logs", {"before": "x"}, "before"),
        ("/spend/logs", {"before": "٣-1"}, "before"),
        ("/spend/logs", {"before": "99999999999999999999-1"}, "before"),
        ("/spend/logs", {"before": "0-0"}, "before"),
        ("/spend/logs", {"start_date": "0001-01-01", "end_date": "0001-01-02", "summarize": "false"}, "start_date"),
        ("/global/spend/report", {"start_date": "0001-01-01T00:00:00+14:00", "end_date": "0001-01-02"}, "start_date"),
        (
            "/user/daily/activity",
            {"start_date": "0001-01-01", "end_date": "0001-01-02", "timezone": "-840"},
            "start_date",
        ),
        ("/spend/logs", {"summarize": "perhaps", **SPAN}, "summarize"),
        ("/spend/logs", {"end_user_id": "x"}, "end_user_id"),
        ("/global/spend/report", {}, "start_date"),
        ("/global/spend/report", {"group_by": "colour", **SPAN}, "group_by"),
        ("/global/spend/report", {"group_by": "team", "customer_id": "c", **SPAN}, "customer_id"),
        ("/global/spend/report", {"group_by": "api_key", "customer_id": "c", **SPAN}, "customer_id"),
        ("/user/daily/activity", {}, "start_date"),
        ("/user/daily/activity", {"start_date": "2026-05-01"}, "end_date"),
        ("/user/daily/activity", {"page": "0", **SPAN}, "page"),
        ("/user/daily/activity", {"timezone": "9999", **SPAN}, "timezone"),
    ],
)
async def test_questions_that_cannot_be_answered(lite, path, query, param):
    refused(await lite.get(path, params=query), param)
