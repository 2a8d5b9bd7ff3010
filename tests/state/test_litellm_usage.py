"""The gateway's own reports: events and sums to the nano-dollar, as JSON and CSV, and alerts; and a store that is away."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from litellm_world import CONFIGURED, Office, open_office

from extproc.config.snapshot import Party, Secret, Store
from extproc.domain.meters import Meter, Window, meter_id
from extproc.state.alert_log import dead_letters
from extproc.state.store import connect

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()
DAY = 86_400
MONTH = Window("calendar", "month")
SPAN = {"from": "2026-05-01", "to": "2026-05-03"}


@pytest.fixture
async def office(store) -> Office:
    return await open_office(store)


@pytest.fixture
async def api(office) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client() as client:
        yield client


@pytest.fixture
def get(api):
    async def send(path: str, **query):
        answer = await api.get(f"/api/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


def refused(answer: httpx.Response, param: str) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


async def test_events_are_paged_and_filtered(office, api, get):
    made = (await api.post("/api/v1/keys", json={"name": "job"})).json()
    await office.spend(1_500_000_001, key_id=made["id"], key="job", tags={"a": "b"}, tokens=(3, 4), end_user="c")
    await office.spend(2, team="red", org="acme", user="ann", model="large", provider="azure")
    page = await get("/usage/events", limit=1)
    (newest,) = page["items"]
    assert (newest["team"], newest["usd"]) == ("red", "0.000000002")
    page = await get("/usage/events", limit=10, before=page["next"])
    assert page["next"] is None
    (first,) = page["items"]
    assert (
        first
        | {
            "key": "job",
            "key_id": made["id"],
            "end_user": "c",
            "tags": {"a": "b"},
            "usd": "1.500000001",
            "input_tokens": 3,
            "output_tokens": 4,
            "state": "settled",
            "charged": {"usd": "1.500000001", "input_tokens": 3, "output_tokens": 4},
            "outcome": "ok",
        }
        == first
    )
    assert datetime.fromisoformat(first["time"]).tzinfo
    for query in ({"key": "job"}, {"key": made["id"]}, {"model": "fast"}, {"provider": "openai"}):
        assert (await get("/usage/events", **query))["items"] == [first]
    for query in ({"team": "red"}, {"org": "acme"}, {"user": "ann"}, {"key": "ci"}):
        assert (await get("/usage/events", **query))["items"] == [newest]
    assert (await get("/usage/events", **SPAN))["items"] == []


async def test_sums_by_party_and_time(office, get):
    await office.spend(10, team="red", tokens=(1, 2), at=MAY)
    await office.spend(5, team="red", model="large", at=MAY + 1, outcome="provider:timeout")
    await office.spend(7, team="blue", at=MAY + 2 * DAY)
    await office.spend(1000, team="blue", at=MAY + 3 * DAY)
    assert (await get("/usage/sums", by="team,day", **SPAN))["items"] == [
        {"day": "2026-05-01T00:00:00Z", "team": "red", "usd": "0.000000015", "input_tokens": 1, "output_tokens": 2,
         "requests": 2, "failed": 1},
        {"day": "2026-05-03T00:00:00Z", "team": "blue", "usd": "0.000000007", "input_tokens": 0, "output_tokens": 0,
         "requests": 1, "failed": 0},
    ]  # fmt: skip

    async def brief(*names: str, **query) -> list:
        items = (await get("/usage/sums", **{**SPAN, **query}))["items"]
        return [tuple(item[name] for name in (*names, "usd")) for item in items]

    assert await brief() == [("0.000000022",)]
    assert await brief("model", "provider", by="model,provider") == [
        ("fast", "openai", "0.000000017"),
        ("large", "openai", "0.000000005"),
    ]
    assert await brief("key", "org", "user", by="key,org,user") == [("ci", "", "", "0.000000022")]
    assert await brief("hour", by="hour", to="2026-05-01") == [("2026-05-01T12:00:00Z", "0.000000015")]
    assert await brief("month", by="month", to="2026-05-31") == [("2026-05-01T00:00:00Z", "0.000001022")]
    assert await brief(to="2026-05-03T00:00:00Z") == [("0.000000015",)]
    assert await brief(model="large") == [("0.000000005",)]
    assert await brief("day", by="day", tz="Asia/Tokyo", to="2026-05-01") == [
        ("2026-05-01T00:00:00+09:00", "0.000000015")
    ]


async def test_days_are_those_in_which_budgets_count_them(store):
    office = await open_office(store, replace(CONFIGURED, timezone="Asia/Tokyo"))
    await office.spend(7, at=datetime(2026, 5, 1, 20, tzinfo=UTC).timestamp())  # the 2nd, in Tokyo
    async with office.client() as client:

        async def days(**query) -> list:
            answer = await client.get("/api/v1/usage/sums", params={"by": "day", **query})
            return [item["day"] for item in answer.json()["items"]]

        assert await days(**{"from": "2026-05-02", "to": "2026-05-02"}) == ["2026-05-02T00:00:00+09:00"]
        assert await days(**{"from": "2026-05-01", "to": "2026-05-02"}, tz="UTC") == ["2026-05-01T00:00:00Z"]
        assert await days(**{"from": "2026-05-01", "to": "2026-05-01"}) == []


async def test_events_of_a_tag(office, api, get):
    for center in ("red", "blue", None):
        await office.spend(1, tags={"cost_center": center, "n": "1"} if center else {})
    items = (await get("/usage/events", tag="cost_center=blue"))["items"]
    assert [item["tags"] for item in items] == [{"cost_center": "blue", "n": "1"}]
    assert len((await get("/usage/events", tag="n=1"))["items"]) == 2
    refused(await api.get("/api/v1/usage/events", params={"tag": "cost_center"}), "tag")
    refused(await api.get("/api/v1/usage/sums", params={"tag": "cost_center=blue"}), "tag")


async def test_keys_are_named_as_long_as_they_are_there(office, api, get):
    made = (await api.post("/api/v1/keys", json={"name": "job"})).json()
    for ident in (made["id"], "key_gone"):
        await office.spend(10, key_id=ident, at=MAY)
    items = (await get("/usage/sums", by="key", **SPAN))["items"]
    assert {item["key"]: item["key_name"] for item in items} == {made["id"]: "job", "key_gone": ""}


async def test_sums_as_csv(office, api):
    await office.spend(10, team='=cmd|"x",y', at=MAY)
    answer = await api.get("/api/v1/usage/sums", params={"by": "day,team,key", "format": "csv", **SPAN})
    assert answer.headers["content-type"].startswith("text/csv")
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["day", "team", "key", "key_name", "usd", "input_tokens", "output_tokens", "requests", "failed"],
        ["2026-05-01T00:00:00Z", '\'=cmd|"x",y', "ci", "ci", "0.00000001", "0", "0", "1", "0"],
    ]


async def test_without_dates_it_is_the_last_thirty_days(office, get):
    await office.spend(3)
    await office.spend(1000, at=datetime.now(UTC).timestamp() - 31 * DAY)
    assert [item["usd"] for item in (await get("/usage/sums"))["items"]] == ["0.000000003"]


async def test_meters_are_told_the_fullest_first(office, api, get):
    for name, usd in (("a", 1), ("b", 2)):
        await api.post("/api/v1/keys", json={"name": name, "budgets": [{"usd": usd, "per": "month"}]})
    await api.put("/api/v1/teams/red", json={"budgets": [{"usd": 4, "per": "day"}], "limits": {"requests": "5/min"}})
    key = (await api.get("/api/v1/keys/b")).json()
    await office.worker.refresh()
    (budget,) = office.worker.roll.key_by_id(key["id"]).meters
    await office.spend(1_700_000_000, budget)
    (daily, _) = office.worker.party("team", "red").meters
    await office.spend(1_000_000_000, daily)

    async def told(**query) -> list:
        items = (await get("/usage/meters", **query))["items"]
        return [(item["holder"]["kind"], item["holder"]["name"], item["unit"], item["used"]) for item in items]

    b, red = ("key", "b", "usd", 0.85), ("team", "red", "usd", 0.25)
    everything = await told()
    assert everything[:2] == [b, red]
    assert set(everything[2:]) == {("key", "a", "usd", 0.0), ("team", "red", "requests", 0.0)}
    assert await told(over=0.8) == [b]
    assert await told(holder="team", unit="usd") == [red]
    assert await told(name="re", unit="usd") == [red]
    assert (await get("/usage/meters", limit=1))["total"] == 4
    (item,) = (await get("/usage/meters", limit=1))["items"]
    assert item | {"settled": "1.70", "held": "0.00", "limit": "2.00", "remaining": "0.30"} == item
    assert item["holder"]["id"] == key["id"]


async def test_meters_that_nobody_holds_are_told_too(store):
    """A provider's, a model's, and those of ``meters``; not the ones that stand for any key."""

    def declared(*scope: tuple[str, str]) -> Meter:
        return Meter(meter_id(scope, "usd", MONTH), scope, "usd", MONTH, 1000)

    every_key, qa, vendor = declared(("key", "*")), declared(("tag:environment", "qa")), declared(("provider", "azure"))
    fast, both = declared(("model", "fast")), declared(("team", "red"), ("model", "fast"))
    guard = Meter("usd:60s:key=*", (("key", "*"),), "usd", Window("rolling", seconds=60), 5, guard=True)
    meters = (fast, qa, vendor, both, every_key, guard)
    parties = {("team", "red"): Party("team", "red", meters=(guard,))}
    office = await open_office(store, replace(CONFIGURED, meters=meters, parties=parties))
    await office.spend(800, qa)
    await office.spend(500, vendor)
    async with office.client() as client:

        async def told(**query) -> list:
            items = (await client.get("/api/v1/usage/meters", params=query)).json()["items"]
            return [(item["holder"]["kind"], item["holder"]["name"], item["used"]) for item in items]

        assert await told() == [
            ("meter", "tag:environment=qa", 0.8),
            ("provider", "azure", 0.5),
            ("model", "fast", 0.0),
            ("meter", "team=red&model=fast", 0.0),
        ]
        assert await told(holder="provider") == [("provider", "azure", 0.5)]
        assert await told(holder="meter", name="env") == [("meter", "tag:environment=qa", 0.8)]
        assert await told(holder="team") == []


async def test_alerts_are_told_of(office, get, store):
    window = Window("calendar", "month")
    scope = (("team", "red"),)
    budget = Meter(meter_id(scope, "usd", window), scope, "usd", window, 1000, alert_at=(5000, 8000))
    for _ in range(2):
        await office.spend(400, budget)
    newest = (await get("/alerts", limit=1))["items"]
    everything = await get("/alerts")
    assert [alert["share"] for alert in everything["items"]] == [0.8, 0.5]
    assert newest == everything["items"][:1]
    assert everything["items"][1]["scope"] == {"team": "red"}
    assert (await get("/alerts/dead-letters"))["items"] == []
    entry = everything["items"][1]["id"].removeprefix("llmgw-")
    fields = {"alert": entry, "webhook": "h", "reason": "status 500", "tries": "9", "buried": "1"}
    await store.client.xadd(dead_letters(store.prefix), fields)
    (letter,) = (await get("/alerts/dead-letters"))["items"]
    assert (letter["webhook"], letter["reason"], letter["tries"], letter["alert"]) == ("h", "status 500", 9, None)


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/usage/events", {"limit": "0"}, "limit"),
        ("/usage/events", {"before": "x-y"}, "before"),
        ("/usage/events", {"colour": "red"}, "colour"),
        ("/usage/events", {"from": "soon"}, "from"),
        ("/usage/events", {"from": "2026-02-30"}, "from"),
        ("/usage/events", {"from": "2026-03-02", "to": "2026-02-01"}, "to"),
        ("/usage/sums", {"by": "day,hour"}, "by"),
        ("/usage/sums", {"by": "colour"}, "by"),
        ("/usage/sums", {"by": "team,team"}, "by"),
        ("/usage/sums", {"tz": "Mars/North"}, "tz"),
        ("/usage/sums", {"tz": "../../etc/passwd"}, "tz"),
        ("/usage/sums", {"format": "xml"}, "format"),
        ("/usage/sums", {"from": "2020-01-01"}, "from"),
        ("/usage/meters", {"over": "2"}, "over"),
        ("/usage/meters", {"over": "much"}, "over"),
        ("/usage/meters", {"holder": "dog"}, "holder"),
        ("/usage/meters", {"unit": "eur"}, "unit"),
        ("/alerts", {"before": "-"}, "before"),
        ("/alerts", {"limit": "9999"}, "limit"),
    ],
)
async def test_questions_that_cannot_be_answered(api, path, query, param):
    refused(await api.get(f"/api/v1{path}", params=query), param)


async def test_a_store_that_is_away_is_said_to_be(api, redis_server):
    redis_server.kill()
    try:
        for path in (
            "/api/v1/usage/events",
            "/api/v1/usage/sums",
            "/api/v1/alerts",
            "/key/list",
            "/spend/logs",
            "/budget/list",
            "/user/daily/activity?start_date=2026-05-01&end_date=2026-05-01",
        ):
            answer = await api.get(path)
            assert answer.status_code == 503, answer.text
            assert answer.json()["error"]["code"] == "store_unavailable"
    finally:
        redis_server.start()


async def test_an_unopened_store_needs_a_token_all_the_same(redis_server):
    one = connect(Store(url=Secret(redis_server.url)))
    office = await open_office(one, CONFIGURED)
    async with office.client("sk-wrong") as stranger:
        for path in ("/key/list", "/spend/logs", "/api/v1/usage/sums", "/api/v1/alerts", "/budget/list"):
            assert (await stranger.get(path)).status_code == 401
    await one.close()


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/usage/events", {"to": "0001-01-01"}, "to"),
        ("/usage/events", {"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ("/usage/sums", {"to": "9999-12-31T23:59:59-14:00"}, "to"),
        ("/usage/sums", {"to": "9999-12-30", "by": "day", "tz": "Pacific/Kiritimati"}, "to"),
        ("/usage/events", {"before": "0-0"}, "before"),
        ("/alerts", {"before": "٣-1"}, "before"),
    ],
)
async def test_times_and_places_that_the_store_does_not_know(api, path, query, param):
    refused(await api.get(f"/api/v1{path}", params=query), param)


async def test_usage_from_the_first_second_on(office, get):
    await office.spend(3)
    assert [each["usd"] for each in (await get("/usage/events", **{"from": "1970-01-01T00:00:00+14:00"}))["items"]] == [
        "0.000000003"
    ]
    until = {"from": "1970-01-01T00:00:00+14:00", "to": "1970-01-01T00:00:00Z"}
    assert await get("/usage/events", **until) == {"items": [], "next": None}


async def test_no_name_is_a_formula_in_a_spreadsheet(office, api):
    await office.spend(3, team="-2+3", at=MAY)
    await office.spend(-5, team="-2+3", at=MAY)
    answer = await api.get("/api/v1/usage/sums", params={**SPAN, "by": "team", "format": "csv"})
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["team"], row["usd"]) == ("'-2+3", "-0.000000002")
