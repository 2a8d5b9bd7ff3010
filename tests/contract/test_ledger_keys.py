"""Virtual keys made at run time, and tokens of an identity provider: who may do what, on every worker, at once.

How long a change takes to reach them all is told; what tests/state says of it does not depend on this machine's load.
And where a plain key is found afterwards: nowhere.
"""

import asyncio
import http.server
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from harness import Gateway, eventually
from ledger_lab import Books, at_rest, balanced, provider, target
from signed_tokens import jwk, token
from transfers import ANTHROPIC, DIALECTS, OPENAI, Dialect

PATIENCE = 30.0
"""Seconds that nothing but a hang takes."""
MANY = 16
"""Requests that between them come to both workers: each stream goes to the next one."""
ISSUER = "https://login.contract.test/"

_MADE: list[str] = []
"""Plain keys, to be found nowhere."""


_SPANS: list[bytes] = []
"""What a collector was sent."""


@pytest.fixture(scope="module")
def collector() -> Iterator[str]:
    """An OTLP/HTTP collector on the loopback."""

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _SPANS.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, providers, collector) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "jwks.json").write_bytes(orjson.dumps({"keys": [jwk("rsa"), jwk("p256")]}))
    configuration: dict[str, Any] = {
        "workers": 2,
        "telemetry": {"otlp_endpoint": collector},
        "providers": {name: provider(providers, name) for name in ("o1", "a1")},
        "models": {"gpt": {"targets": [target("o1")]}, "claude": {"targets": [target("a1")]}},
        "teams": {"red": {"budget": {"usd": 5, "per": "total"}}, "shut": {"enabled": False}},
        "jwt": [
            {
                "issuer": ISSUER,
                "jwks": f"file:{folder / 'jwks.json'}",
                "audiences": ["llm"],
                "algorithms": ["RS256", "ES256"],
                "claims": {"team": "team", "models": "llm_models"},
                "require_team": True,
                "leeway": "0s",
            }
        ],
    }
    running = Gateway(folder / "gateway", configuration, {"OTEL_BSP_SCHEDULE_DELAY": "200"})
    yield running
    running.close()


async def ask(client: httpx.AsyncClient, plain: str, model: str = "gpt", dialect: Dialect = OPENAI) -> tuple[int, str]:
    """Status and error code of a request."""
    name, value = ("x-api-key", plain) if dialect is ANTHROPIC else ("authorization", f"Bearer {plain}")
    answer = await client.post(
        dialect.path, json=dialect.body(model, stream=False, max_tokens=20), headers={name: value}
    )
    return answer.status_code, "" if answer.status_code == 200 else dialect.error(answer.json())[1]


async def everywhere(client: httpx.AsyncClient, plain: str, model: str = "gpt") -> set[tuple[int, str]]:
    """What all workers say."""
    return set(await asyncio.gather(*(ask(client, plain, model, DIALECTS[n % 2]) for n in range(MANY))))


async def until_all_say(client: httpx.AsyncClient, plain: str, expected: tuple[int, str], since: float) -> float:
    """Wait until every worker says so; how long it took until all of a round did, which is told and not judged."""
    while (seen := await everywhere(client, plain)) != {expected}:
        took = time.monotonic() - since
        assert took <= PATIENCE, f"{seen}, not {expected} everywhere, after {took:.2f} s"
    return time.monotonic() - since


def admin(gateway: Gateway, method: str, path: str, **body: Any) -> Any:
    """Something changed, or made, by the admin API; plain keys are remembered."""
    answer = gateway.admin.request(method, f"/api/v1{path}", json=body if method != "DELETE" else None)
    assert answer.status_code in {200, 201}, answer.text
    read = answer.json()
    if "key" in read:
        _MADE.append(read["key"])
    return read


GOOD = (200, "")
REFUSED = (401, "invalid_api_key")


async def test_the_life_of_a_key(gateway, simulator, measured):
    async with gateway.http(None) as client:
        made = admin(gateway, "POST", "/keys", name="alive", team="red", models=["gpt"])
        first, since = made["key"], time.monotonic()
        measured("created, after s", round(await until_all_say(client, first, GOOD, since), 2))
        assert await everywhere(client, first, "claude") == {(403, "model_not_allowed")}

        before = time.monotonic()
        second = admin(gateway, "POST", "/keys/alive/rotate", grace="2s")["key"]
        since = time.monotonic()
        measured("rotated, after s", round(await until_all_say(client, second, GOOD, since), 2))
        old = await everywhere(client, first)
        if time.monotonic() - before < 2:
            assert old == {GOOD}, "the old one works through its grace"
        await asyncio.sleep(max(0.0, since + 2.1 - time.monotonic()))
        assert await everywhere(client, first) == {REFUSED}
        assert await everywhere(client, second) == {GOOD}

        admin(gateway, "POST", "/keys/alive/block")
        measured("blocked, after s", round(await until_all_say(client, second, REFUSED, time.monotonic()), 2))
        admin(gateway, "POST", "/keys/alive/unblock")
        measured("unblocked, after s", round(await until_all_say(client, second, GOOD, time.monotonic()), 2))

        admin(gateway, "PATCH", "/keys/alive", models=["claude"])
        since = time.monotonic()
        await until_all_say(client, second, (403, "model_not_allowed"), since)
        admin(gateway, "PATCH", "/keys/alive", models=None)
        await until_all_say(client, second, GOOD, time.monotonic())

        admin(gateway, "DELETE", "/keys/alive")
        measured("revoked, after s", round(await until_all_say(client, second, REFUSED, time.monotonic()), 2))


async def test_a_key_ends_when_it_expires(gateway, simulator):
    until = datetime.now(UTC) + timedelta(seconds=6)
    async with gateway.http(None) as client:
        plain = admin(gateway, "POST", "/keys", name="short", expires=until.isoformat())["key"]
        await until_all_say(client, plain, GOOD, time.monotonic())
        await asyncio.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds() + 0.05))
        assert await everywhere(client, plain) == {REFUSED}


async def test_a_budget_set_at_run_time_holds(gateway, simulator):
    books = Books.embedded(gateway)
    async with gateway.http(None) as client:
        made = admin(gateway, "POST", "/keys", name="poor", budgets=[{"usd": 0.0008, "per": "total"}])
        plain = made["key"]
        answers = [await ask(client, plain) for _ in range(60)]
        assert set(answers[-3:]) == {(402, "budget_exceeded")}
        assert GOOD in answers
        admin(gateway, "PATCH", "/keys/poor", budgets=[{"usd": 0.1, "per": "total"}])
        await until_all_say(client, plain, GOOD, time.monotonic())
        admin(gateway, "PATCH", "/keys/poor", limits={"requests": "1/day"})
        await until_all_say(client, plain, (429, "rate_limited"), time.monotonic())
    await at_rest(books)
    balanced(books, "usd:")  # a limit that came at run time counts from then on
    shown = gateway.admin.get("/api/v1/keys/poor").json()
    told = {meter["id"]: meter["settled"] for meter in shown["meters"]}
    standing = books.meters()[f"usd:total:key={made['id']}"]
    assert told[f"usd:total:key={made['id']}"] == f"{standing.settled / 1e9:.9f}".rstrip("0")


async def test_what_a_party_may_do_its_keys_may_do(gateway, simulator):
    async with gateway.http(None) as client:
        admin(gateway, "PUT", "/orgs/acme", models=["gpt"])
        admin(gateway, "PUT", "/teams/blue", org="acme")
        plain = admin(gateway, "POST", "/keys", name="member", team="blue")["key"]
        await until_all_say(client, plain, GOOD, time.monotonic())
        assert await everywhere(client, plain, "claude") == {(403, "model_not_allowed")}
        admin(gateway, "PATCH", "/teams/blue", enabled=False)
        await until_all_say(client, plain, REFUSED, time.monotonic())
        admin(gateway, "PATCH", "/teams/blue", enabled=True, budgets=[{"usd": 0, "per": "day"}])
        await until_all_say(client, plain, (402, "budget_exceeded"), time.monotonic())


def now() -> int:
    return time.time_ns() // 1_000_000_000


def claims(**changes: Any) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "aud": "llm",
        "sub": "ann",
        "team": "red",
        "llm_models": ["gpt"],
        "exp": now() + 60,
        **changes,
    }


JWT_CASES: list[tuple[str, Any, tuple[int, str]]] = [
    ("good", lambda: token(claims()), GOOD),
    ("another algorithm", lambda: token(claims(), kind="p256", alg="ES256"), GOOD),
    ("several models", lambda: token(claims(llm_models=["claude", "gpt"])), GOOD),
    ("another model", lambda: token(claims(llm_models=["claude"])), (403, "model_not_allowed")),
    ("no model", lambda: token(claims(), drop=("llm_models",)), (403, "model_not_allowed")),
    ("expired", lambda: token(claims(exp=now() - 5)), REFUSED),
    ("not yet", lambda: token(claims(nbf=now() + 60)), REFUSED),
    ("for somebody else", lambda: token(claims(aud="shop")), REFUSED),
    ("from somebody else", lambda: token(claims(iss="https://evil.test/")), REFUSED),
    ("without a team", lambda: token(claims(), drop=("team",)), REFUSED),
    ("of a team that is shut", lambda: token(claims(team="shut")), REFUSED),
    ("signed by another key", lambda: token(claims(), kind="rsa-other", headers={"kid": "rsa"}), REFUSED),
    ("signed by nobody", lambda: token(claims(), headers={"alg": "none"}), REFUSED),
    ("broken", lambda: token(claims())[:-9] + "AAAAAAAAA", REFUSED),
]


@pytest.mark.parametrize(("make", "expected"), [case[1:] for case in JWT_CASES], ids=[case[0] for case in JWT_CASES])
async def test_tokens_of_an_identity_provider(gateway, simulator, make, expected):
    plain = make()
    _MADE.append(plain)
    async with gateway.http(None) as client:
        assert {await ask(client, plain, dialect=dialect) for dialect in DIALECTS} == {expected}


async def test_a_token_is_charged_to_its_team(gateway, simulator):
    books = Books.embedded(gateway)
    async with gateway.http(None) as client:
        assert await ask(client, token(claims(sub="bob"))) == GOOD
    events = await eventually(
        lambda: [event for event in books.events() if event.json.get("user") == "bob"], "the usage event"
    )
    assert [event.json["team"] for event in events] == ["red"]
    await at_rest(books)
    balanced(books, "usd:")  # a limit that came at run time counts from then on


async def test_no_plain_key_is_found_anywhere(gateway, simulator):
    """All that the tests before have made: neither in Redis and its files, nor in what the gateway has said."""
    async with gateway.http(None) as client:
        own = "sk-own-" + "x" * 30
        assert admin(gateway, "POST", "/keys", name="brought", key=own)["key"] == own
        await until_all_say(client, own, GOOD, time.monotonic())
        spelt_wrong = own[:-1] + "y"
        assert await ask(client, spelt_wrong) == REFUSED
    _MADE.append(spelt_wrong)
    books = Books.embedded(gateway)
    await at_rest(books)
    state = [file for file in gateway.folder.rglob("*") if file.is_file()]
    state += [file for file in gateway.run_dir().rglob("*") if file.is_file()]
    assert any(file.suffix == ".aof" for file in state)
    kept = {str(file): file.read_bytes() for file in state} | {"redis": books.everything()}
    for path in ("/keys", "/audit", "/teams", "/keys/brought"):
        kept[path] = gateway.admin.get(f"/api/v1{path}").content
    kept["metrics"] = gateway.admin.get("/metrics").content
    await eventually(lambda: len(_SPANS) > 5, "spans")
    kept["spans"] = b"".join(_SPANS)
    assert len(_MADE) > 5
    for plain in _MADE:
        secret = plain.rsplit(".", 1)[-1][:60].encode()  # of a token its signature: the rest is no secret
        assert [place for place, content in kept.items() if secret in content] == []
    received = simulator.latest(500)
    assert not any(plain in str(one.record) for plain in _MADE for one in received), "or at a provider"
