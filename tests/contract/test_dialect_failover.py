"""Failover from one vendor to another of another kind: one clean answer, and no provider sees what was for another."""

import asyncio

import pytest
from dialects_catalogue import CHAINS, check_reached, sealed
from harness import new_id
from speaking import ARGUMENTS, SPEAKERS, TOOL, Request
from transfers import transfer

from tests.judges.clients import CLIENTS

SAID = "the river keeps its own slow time while small boats cross from bank to bank and"
TROUBLES = (
    ("status=429", "fault=error_event,fault_at=0"),
    ("fault=cut,fault_at=0", "status=529"),
    ("fault=malformed,fault_at=0", "drop_connection=true"),
)
CLAUDES = {"anthropic", "bedrock", "bedrock-anthropic", "vertex-anthropic"}

chains = pytest.mark.parametrize("chain", CHAINS, ids="+".join)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("troubles", TROUBLES, ids=lambda pair: pair[0].partition(",")[0])
@chains
async def test_the_third_answers(dialects, simulator, chain, troubles, stream):
    """For clients of every dialect at once."""
    simulator.script(**dict(zip(chain, troubles, strict=False)))
    asked = {client: new_id() for client in CLIENTS}
    async with dialects.http() as http:

        async def ask(client: str):
            path, body = CLIENTS[client].request("+".join(chain), "Hello", stream=stream)
            return await transfer(http, path, body, {"x-request-id": asked[client], "anthropic-beta": "theirs-2026"})

        answers = await asyncio.gather(*map(ask, CLIENTS))
    for (client, request_id), got in zip(asked.items(), answers, strict=True):
        kind = CLIENTS[client].verdict(got.status, got.body, stream=stream, complete=got.complete)
        assert kind == "answer", (client, got.body)
        assert SAID in str(CLIENTS[client].read(got.body, stream=stream))
        assert (got.headers["x-llmgw-provider"], got.headers["x-llmgw-attempts"]) == (chain[2], "3")
        received = simulator.requests(request_id, 30)
        assert [one.label for one in received] == list(chain)
        for one in received:
            check_reached(one, one.label, client, stream=stream)
            if client != "anthropic-messages":
                assert "theirs-2026" not in str(one.headers)


def _moves():
    for chain in CHAINS:
        for client in (name for name, speaker in SPEAKERS.items() if speaker.tools):
            yield pytest.param(client, chain, id=f"{client}-{'+'.join(chain)}")


@pytest.mark.parametrize(("client", "chain"), [*_moves()])
async def test_a_conversation_moves_to_another_vendor(dialects, simulator, client, chain):
    """The call was made, and thought of, at the first; its result goes to the second, without the first one's seals."""
    speaker = SPEAKERS[client]
    first, second, _ = chain
    async with speaker.connect(dialects) as sdk:
        called = await speaker.ask(sdk, Request("+".join(chain), new_id(), stream=True))
        assert called.calls == [(TOOL, ARGUMENTS)]
        simulator.script(**{first: "status=503"})
        last = Request("+".join(chain), new_id(), before=called, stream=True)
        answer = await speaker.ask(sdk, last)
    assert answer.text == SAID
    failed, received = simulator.requests(last.request_id)
    assert [failed.label, received.label] == [first, second]
    if {first, second} <= CLAUDES:  # whoever serves Claude knows what it has signed
        assert sealed(received, second) == sealed(failed, first) != []
    else:
        assert not set(sealed(failed, first)) & set(sealed(received, second))
    check_reached(received, second, client, stream=True)
