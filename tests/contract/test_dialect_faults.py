"""Faults of providers of every dialect, through a real Envoy to clients of every dialect: a sample of all pairs.

All of them, and more faults, are tried below Envoy in ``tests/unit/phases/test_fault_matrix.py``. Here it is Envoy's own
part that counts: cuts, resets, and the ends of bodies.
"""

import asyncio

import httpx
import pytest
from dialects_catalogue import TALKING
from harness import eventually, new_id
from transfers import Transfer, transfer

from tests.judges.clients import CLIENTS, Client

PAIRS = [([*CLIENTS][at % len(CLIENTS)], TALKING[at % len(TALKING)]) for at in range(2 * len(TALKING))]
"""Each client with some providers, each provider with some clients."""
PACE = {"tokens_per_second": 60}
"""So that the tokens before a fault are with the client when it happens."""
LARGE = 3 * 1024 * 1024
"""Bytes of one event, and of the request that asks for it; Envoy's buffer towards a client is 1 MiB."""

streams = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


async def ask(
    http: httpx.AsyncClient, client: Client, model: str, text: str = "Hello", *, stream: bool
) -> tuple[str, Transfer]:
    request_id = new_id()
    path, body = client.request(model, text, stream=stream)
    return request_id, await transfer(http, path, body, {"x-request-id": request_id})


async def ask_all(gateway, simulator, how, *, stream: bool) -> list[tuple[str, str, str, Transfer]]:
    """Every pair at once, each provider doing ``how``: the pair, the verdict, and what came."""
    simulator.script(**dict.fromkeys(TALKING, how))
    async with gateway.http() as http:
        asked = [ask(http, CLIENTS[client], f"quick-{label}", stream=stream) for client, label in PAIRS]
        answers = await asyncio.gather(*asked)
    found = []
    for (client, label), (request_id, got) in zip(PAIRS, answers, strict=True):
        kind = CLIENTS[client].verdict(got.status, got.body, stream=stream, complete=got.complete)
        row = await gateway.row(request_id)
        assert (row["outcome"] == "ok") is (kind == "answer"), (client, label, row)
        found.append((client, label, kind, got))
    return found


def test_each_provider_and_each_client_is_in_the_sample():
    assert {label for _, label in PAIRS} == set(TALKING)
    assert len(set(PAIRS)) == len(PAIRS) == 22


@pytest.mark.parametrize("fault", ["cut", "stall", "malformed", "error_event", "early_end"])
async def test_behind_the_first_words(dialects, simulator, fault):
    """One error event, or a cut transfer."""
    how = {**PACE, "fault": fault, "fault_at": 9}
    for client, label, kind, got in await ask_all(dialects, simulator, how, stream=True):
        assert (kind, got.status) == ("cut" if fault == "cut" else "error", 200), (client, label)
        assert b"the river" in got.body.replace(b'"', b"") or b"river" in got.body, (client, label)


@pytest.mark.parametrize("fault", ["cut", "stall", "malformed", "error_event", "early_end", "html", "empty"])
@streams
async def test_before_the_first_word(dialects, simulator, fault, stream):
    """One error, with its status; of an answer that is no stream every place is before the first word."""
    for client, label, kind, got in await ask_all(dialects, simulator, {"fault": fault, "fault_at": 0}, stream=stream):
        assert kind == "error", (client, label)
        assert got.status in {502, 504, 529 if client.startswith("anthropic") else 503}, (client, label)


@pytest.mark.parametrize(
    "how",
    [{"gzip": True}, {"gzip": True, "seed": 3}, {"split": 1}, {"fault": "wrong_content_type"}],
    ids=["gzip", "gzip cut up", "byte by byte", "wrong content type"],
)
@streams
async def test_a_good_answer_however_it_is_delivered(dialects, simulator, how, stream):
    for client, label, kind, got in await ask_all(dialects, simulator, how, stream=stream):
        assert kind == "answer", (client, label, got.body)
        assert "the river keeps its own slow time" in str(CLIENTS[client].read(got.body, stream=stream)), (
            client,
            label,
        )


@pytest.mark.parametrize("fault", ["cut", "malformed", "early_end"])
async def test_a_broken_stream_that_is_compressed(dialects, simulator, fault):
    how = {**PACE, "fault": fault, "fault_at": 9, "gzip": True}
    for client, label, kind, _ in await ask_all(dialects, simulator, how, stream=True):
        assert kind == ("cut" if fault == "cut" else "error"), (client, label)


async def test_a_large_event(dialects, simulator):
    """It comes whole, through all windows."""
    text = f"a{' ' * LARGE}b"
    async with dialects.http() as http:
        for client, label in PAIRS[::4]:
            _, got = await ask(http, CLIENTS[client], label, f"echo: {text}", stream=True)
            kind = CLIENTS[client].verdict(got.status, got.body, stream=True, complete=got.complete)
            assert (kind, got.status) == ("answer", 200), (client, label, got.body[:300])
            assert text in str(CLIENTS[client].read(got.body, stream=True))


async def test_a_provider_whose_answer_failed_is_not_paid_for_longer(dialects, simulator):
    """Whatever its dialect: its connection is closed once the client has been told."""
    how = {**PACE, "fault": "malformed", "fault_at": 9, "tokens": 2000}
    await ask_all(dialects, simulator, how, stream=True)
    await eventually(lambda: simulator.in_progress() == 0, "the providers' connections to be closed")
    for received in simulator.latest(len(PAIRS)):
        assert received.client_closed
        assert received.events_sent < 200
