"""Who asks, and with whose key: tokens of identity providers, own provider keys, and a store that is away."""

import asyncio
import contextlib

import orjson
import pytest

from extproc.config.snapshot import Secret, Target, VirtualKey
from extproc.domain.errors import IdentityUnavailable, StoreUnavailable, Unauthenticated
from extproc.domain.meters import Window
from extproc.phases.events import RequestHeaders, RequestHeadersReply
from extproc.state.memory import MemoryLedger

HI = [{"role": "user", "content": "Hi"}]
ROUTES = pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
BODY = {"model": "two", "messages": HI, "max_tokens": 5}


def answer(world, completion):
    attempt = world.send()
    attempt.headers(200)
    attempt.body(completion, end=True)
    world.answer(200)
    attempt.close()
    world.leave()


def code_of(refusal):
    error = orjson.loads(refusal.body)["error"]
    return error["code"]


# -- the store is away --------------------------------------------------------------------------------------------------------


class AwayLedger(MemoryLedger):
    """Its policy is to refuse what has meters."""

    def __init__(self, now_ns):
        super().__init__(now_ns)
        self.closed = []

    def close(self, hold_id, attempts):
        self.closed.append(hold_id)
        super().close(hold_id, attempts)

    def hold(self, order):
        future = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable("The gateway's store is away. Try again.", retry_after=2.0))
        return future


@ROUTES
def test_what_cannot_be_counted_is_refused_as_our_own_failure(world, meter, path):
    world.ledger = AwayLedger(world.clock.now_ns)
    world.key(meters=(meter("requests", 5),))
    (refusal,) = world.ask(BODY, path)
    assert (refusal.status, code_of(refusal), refusal.details) == (503, "store_unavailable", "llmgw_store_unavailable")
    assert dict(refusal.set_headers)["retry-after"] == "2"
    assert (orjson.loads(refusal.body).get("type") == "error") == ("messages" in path)
    world.answer(503)
    world.leave()
    world.settle()
    assert [(row.status, row.outcome) for row in world.recorder.requests] == [(503, "gateway:store_unavailable")]
    assert world.ledger.closed == [], "a step owed for a hold that nobody has taken"


def test_what_has_no_meters_needs_no_store(world, completion):
    world.ledger = AwayLedger(world.clock.now_ns)
    world.ask(BODY)
    answer(world, completion)
    assert [row.outcome for row in world.recorder.requests] == ["ok"]
    world.settle()


# -- own provider keys --------------------------------------------------------------------------------------------------------


def bearer(attempt):
    return dict(attempt.sent.set_headers)["authorization"]


def test_a_teams_own_key_goes_to_that_provider_and_no_other(world, meter, completion):
    world.party("team", "search", credentials={"o1": Secret("teams-o1"), "a1": Secret("teams-a1")})
    world.key(meters=(made := meter("usd", 10**12),))
    world.priced()
    world.ask(BODY)
    first = world.send()
    assert bearer(first) == "Bearer teams-o1"
    first.headers(429)
    first.close()
    second = world.send()
    assert bearer(second) == "Bearer key-of-o2"
    assert "teams" not in str([second.sent, world.headers, world.metadata])
    second.headers(200)
    second.body(completion, end=True)
    world.answer(200)
    second.close()
    world.leave()
    assert [(event.provider, event.byok) for event in world.events] == [("o1", True), ("o2", False)]
    assert world.stand(made).settled == 25_000
    world.settle()


def test_an_anthropic_key_goes_where_anthropic_wants_it(world, claude):
    world.party("team", "search", credentials={"a1": Secret("teams-a1"), "o1": Secret("teams-o1")})
    world.priced()
    world.ask({**BODY, "model": "claude"}, "/v1/messages")
    attempt = world.send()
    assert dict(attempt.sent.set_headers)["x-api-key"] == "teams-a1"
    assert "teams-o1" not in str(attempt.sent)
    attempt.headers(200)
    attempt.body(claude.whole(), end=True)
    attempt.close()
    assert [event.byok for event in world.events] == [True]


@pytest.mark.parametrize(
    ("sides", "used"),
    [
        ({"key", "user", "team", "org"}, "key"),
        ({"user", "team", "org"}, "user"),
        ({"team", "org"}, "team"),
        ({"org"}, "org"),
        (set(), None),
    ],
)
def test_the_nearest_side_pays(world, sides, used):
    own = {
        side: {"o1": Secret(f"{side}s-own")} if side in sides else {"o2": Secret("wrong")}
        for side in ("key", "user", "team", "org")
    }
    world.key(user="ann", credentials=own["key"])
    world.party("user", "ann", credentials=own["user"])
    world.party("team", "search", org="acme", credentials=own["team"])
    world.party("org", "acme", credentials=own["org"])
    world.ask({**BODY, "model": "one"})
    assert bearer(world.send()) == ("Bearer key-of-o1" if used is None else f"Bearer {used}s-own")


def test_another_teams_key_is_nobody_elses(world):
    world.party("team", "ads", credentials={"o1": Secret("ads-own")})
    world.party("team", "search")
    world.ask({**BODY, "model": "one"})
    assert bearer(world.send()) == "Bearer key-of-o1"


# -- tokens of identity providers ---------------------------------------------------------------------------------------------

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln"


class Tokens:
    """One token is known; finding out takes a turn of the loop."""

    def __init__(self, key=None, error=None):
        self.asked = []
        self._key, self._error = key, error

    async def identify(self, token, now_ns):
        self.asked.append((token, now_ns))
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        return self._key


ANN = VirtualKey("ann@idp", "", id="jwt:ann", team="search", user="ann", models=frozenset({"one", "two"}))


@ROUTES
@pytest.mark.parametrize("header", ["authorization", "x_api_key"])
def test_a_token_stands_for_a_key_and_its_parties(world, meter, completion, path, header):
    made = meter("usd", 10**12, scope={"team": "search"})
    world.party("team", "search", org="acme", meters=(made,), credentials={"o1": Secret("teams-o1")})
    world.tokens = Tokens(ANN)
    world.priced()
    said = {"authorization": f"Bearer {TOKEN}"} if header == "authorization" else {"authorization": None, header: TOKEN}
    world.ask(BODY, path, **said)
    assert world.tokens.asked == [(TOKEN, world.clock.now_ns())]
    attempt = world.send()
    assert bearer(attempt) == "Bearer teams-o1"
    attempt.headers(200)
    attempt.body(completion, end=True)
    world.answer(200)
    attempt.close()
    world.leave()
    (event,) = world.events
    assert (event.key, event.key_id, event.team, event.org, event.user) == (
        "ann@idp",
        "jwt:ann",
        "search",
        "acme",
        "ann",
    )
    assert world.stand(made).settled == 25_000
    world.settle()


def test_what_a_token_may_not_use_is_refused(world):
    world.tokens = Tokens(ANN)
    (refusal,) = world.ask({**BODY, "model": "claude"}, authorization=f"Bearer {TOKEN}")
    assert (refusal.status, code_of(refusal)) == (403, "model_not_allowed")


@ROUTES
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unauthenticated("The token has expired."), 401, "invalid_api_key"),
        (IdentityUnavailable("The issuer's keys were never loaded."), 503, "identity_unavailable"),
    ],
)
def test_a_token_that_is_no_good(world, path, error, status, code):
    world.tokens = Tokens(error=error)
    (refusal,) = world.admit(path, authorization=f"Bearer {TOKEN}")
    assert (refusal.status, code_of(refusal)) == (status, code)
    assert (orjson.loads(refusal.body).get("type") == "error") == ("messages" in path)
    world.leave()
    assert [row.outcome for row in world.recorder.requests] == [error.outcome]


def test_the_token_of_a_team_that_is_switched_off(world):
    world.party("team", "search", enabled=False)
    world.tokens = Tokens(ANN)
    (refusal,) = world.admit(authorization=f"Bearer {TOKEN}")
    assert (refusal.status, code_of(refusal)) == (401, "invalid_api_key")


def test_a_key_of_the_gateway_is_not_taken_for_a_token(world):
    world.tokens = Tokens(error=Unauthenticated("never asked"))
    assert world.admit() == (RequestHeadersReply(see_response=True),)
    assert world.tokens.asked == []


def test_the_catalogue_for_a_token(world):
    world.tokens = Tokens(ANN)
    (reply,) = world.admit("/v1/models", method="GET", end=True, authorization=f"Bearer {TOKEN}")
    assert {entry["id"] for entry in orjson.loads(reply.body)["data"]} == {"one", "two", "zwei"}


@pytest.mark.parametrize("begun", [False, True])
def test_the_client_leaves_while_its_token_is_looked_at(world, begun):
    world.tokens = Tokens(ANN)
    world.admit()
    event = RequestHeaders({**world.headers, "authorization": f"Bearer {TOKEN}"}, {}, None, 0, end=False)
    admission = type(world.admission)(world.admission._deps)

    async def leave():
        asked = asyncio.ensure_future(admission.handle(event))
        if begun:
            await asyncio.sleep(0)
        asked.cancel()
        admission.close()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        return ()

    world.run(leave)
    assert [row.outcome for row in world.recorder.requests] == ["caller:client_closed"]


def test_a_key_made_for_a_token_has_its_own_meters(world, meter, completion):
    """Limits of any key hold for tokens too, each on its own."""
    template = meter("requests", 1, Window("rolling", seconds=60), {"key": "*"})
    world.meters(template)
    world.priced()
    world.model("two", targets=(Target("o1", "m1"),))
    world.tokens = Tokens(ANN)
    world.ask(BODY, authorization=f"Bearer {TOKEN}")
    answer(world, completion)
    again = world.another()
    (refusal,) = again.ask(BODY, authorization=f"Bearer {TOKEN}")
    assert refusal.status == 429
    other = world.another()
    other.ask(BODY)
    answer(other, completion)
    assert set(world.ledger.books.counters.counters) == {
        "m:requests:60s:key=jwt:ann",
        "m:requests:60s:key=ci",
    }
