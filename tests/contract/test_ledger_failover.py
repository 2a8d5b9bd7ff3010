"""Attempts that fail, for free or after they have cost something: each is an event, and the meters are their sum."""

from collections.abc import Iterator
from typing import Any

import pytest
from harness import Gateway, eventually
from ledger_lab import NANOS, Books, Load, at_rest, balanced, cost, key, provider, secret, target
from transfers import ANTHROPIC, DIALECTS

TEAM_KEY = "sk-of-team-own"
TIGHT = 0.00084
"""Dollars: room for one request with an answer of 300 tokens, but not for a second attempt at it."""


def config(simulator) -> dict[str, Any]:
    chain = {"targets": [target("a1")], "fallbacks": [target("a2"), target("o1")]}
    return {
        "workers": 2,
        "providers": {
            "a1": provider(simulator, "a1", budget={"usd": 9, "per": "total"}),
            "a2": provider(simulator, "a2", budget={"usd": 9, "per": "total"}),
            "o1": provider(simulator, "o1", limits={"requests": "1000/day"}),
        },
        "models": {"chain": chain},
        "teams": {"own": {"providers": {"a2": {"api_key": TEAM_KEY}}}},
        "keys": [
            key("k", budget={"usd": 20, "per": "total"}, limits={"tokens": "10M/day", "requests": "1000/day"}),
            key("tight", budget={"usd": TIGHT, "per": "total"}),
            key("tight2", budget={"usd": TIGHT, "per": "total"}),
            key("owner", team="own", budget={"usd": 20, "per": "total"}),
        ],
    }


FREE = {"status": 529}
PAID = {"fault": "error_event", "fault_at": 2}
"""Anthropic has told the tokens of the prompt by then."""
CUT = {"fault": "cut", "fault_at": 2}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, providers) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("failover"), config(providers))
    yield running
    running.close()


def requests_of(books: Books) -> int:
    """How many requests the key has made."""
    standing = books.meters().get("requests:86400s:key=k")
    return standing.settled if standing else 0


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_each_attempt_is_an_event_and_the_meters_are_their_sum(gateway, simulator, dialect):
    books, load = Books.embedded(gateway), Load([gateway])
    simulator.forget()
    before = requests_of(books)
    async with gateway.http() as http:
        for first, second in ((FREE, PAID), (PAID, PAID), (PAID, CUT), (FREE, FREE)):
            simulator.script(a1=first, a2=second)
            one = await load.ask(http, "k", "chain", dialect, stream=True, max_tokens=300)
            assert one.good, (one.got.status, one.got.body)
            found = await eventually(
                lambda: events if len(events := books.by_request().get(one.id, [])) == 3 else None,  # noqa: B023  at once
                "an event for each attempt",
            )
            found.sort(key=lambda event: event.json["attempt"])
            assert [event.json["provider"] for event in found] == ["a1", "a2", "o1"]
            assert len({event.json["hold_id"] for event in found}) == 1
            bills = [bill for bill in simulator.usage() if bill["request_id"] == one.id]
            assert [bill["label"] for bill in bills] == ["a1", "a2", "o1"]
            for behaviour, event, bill in zip((first, second, {}), found, bills, strict=True):
                if behaviour is FREE:
                    assert (event.usd, event.input_tokens, event.output_tokens) == (0, 0, 0)
                elif behaviour:
                    # The provider had told the prompt, and one token of output.
                    assert event.input_tokens == bill["input_tokens"]
                    assert event.usd >= cost({**bill, "output_tokens": 0})
                    assert event.json["estimated"]
                else:
                    assert event.usd == cost(bill)
    await at_rest(books)
    balanced(books)
    assert requests_of(books) == before + 4, "a request counts once, however many attempts it has"


async def test_a_failed_attempt_is_charged_where_no_other_follows(gateway, simulator):
    books, load = Books.embedded(gateway), Load([gateway])
    simulator.script(a1=PAID, a2=FREE, o1={"status": 500})
    before = requests_of(books)
    async with gateway.http() as http:
        one = await load.ask(http, "k", "chain", ANTHROPIC, stream=True, max_tokens=300)
    assert one.got.status >= 500
    await eventually(lambda: len(books.by_request().get(one.id, [])) == 3, "the events")
    await at_rest(books)
    balanced(books)
    assert sum(event.usd for event in books.by_request()[one.id]) > 0
    assert requests_of(books) == before + 1


@pytest.mark.parametrize(("name", "how"), [("tight", PAID), ("tight2", CUT)], ids=["told", "cut"])
async def test_what_the_hold_no_longer_covers_is_not_tried(gateway, simulator, name, how):
    """The failure costs more than the bound has room for; an answer on top of it would exceed the budget."""
    books, load = Books.embedded(gateway), Load([gateway])
    prompt = {"input_tokens": 800, "most": True}
    simulator.script(a1={**how, **prompt}, a2=prompt, o1=prompt)
    async with gateway.http() as http:
        one = await load.ask(http, name, "chain", ANTHROPIC, stream=True, max_tokens=300)
        assert not one.good
        assert [got.label for got in simulator.requests(one.id)] == ["a1"]
        await at_rest(books)
        standing = books.meters()[f"usd:total:key={name}"]
        assert 0 < standing.settled <= TIGHT * NANOS
        # What is left is still good for a smaller one.
        simulator.script()
        assert (await load.ask(http, name, "chain", ANTHROPIC, max_tokens=10)).good
    await at_rest(books)
    balanced(books)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_a_teams_own_provider_key_reaches_only_its_provider(gateway, simulator, dialect):
    books, load = Books.embedded(gateway), Load([gateway])
    simulator.script(a1=FREE, a2=PAID)
    async with gateway.http() as http:
        own = await load.ask(http, "owner", "chain", dialect, stream=True, max_tokens=300)
        other = await load.ask(http, "k", "chain", dialect, stream=True, max_tokens=300)
    assert own.good
    assert other.good
    for one, key_of_a2 in ((own, TEAM_KEY), (other, "sk-provider-a2")):
        received = simulator.requests(one.id)
        assert [got.label for got in received] == ["a1", "a2", "o1"]
        assert received[0].headers["x-api-key"] == "sk-provider-a1"
        assert received[1].headers["x-api-key"] == key_of_a2
        assert received[2].headers["authorization"] == "Bearer sk-provider-o1"
        for got in received:
            seen = str(got.headers) + got.body
            assert secret(one.key) not in seen
            assert (TEAM_KEY in seen) == (one is own and got.label == "a2")
    await at_rest(books)
    events = sorted(books.by_request()[own.id], key=lambda event: event.json["attempt"])
    assert [event.json.get("byok", False) for event in events] == [False, True, False]
    balanced(books)
    # Nowhere in clear but in the gateway's own configuration.
    kept = books.everything() + gateway.rows_file.read_bytes() + gateway.access_file.read_bytes()
    kept += gateway.log.read_bytes()
    assert TEAM_KEY.encode() not in kept
    assert secret("owner").encode() not in kept
    assert dialect.path.encode() in kept
