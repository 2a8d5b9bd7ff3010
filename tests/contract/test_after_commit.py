"""What goes wrong behind the first token: one error event and no end marker, or a cut transfer; never a clean end.

And what a later commit makes of it: ``whole``, ``events`` and ``after`` recover through the fallback while they withhold.
"""

import asyncio

import anthropic as anthropic_sdk
import httpx
import openai as openai_sdk
import pytest
from harness import Simulator, eventually, new_id
from transfers import ANTHROPIC, DIALECTS, Dialect, Transfer, transfer

SAID = "the river keeps its own slow time while small boats cross from bank to bank and"

PACE = {"tokens_per_second": 40}
"""So that the tokens before a fault are with the client when it happens."""

FAULTS = {
    "stall": {"provider_timeout"},
    "malformed": {"provider_bad_answer"},
    "error_event": {"provider_error", "provider_overloaded"},
    "early_end": {"provider_truncated"},
}
"""The simulator's faults that do not break the connection → the code that the client is told."""


async def ask_all(http: httpx.AsyncClient, models: list[str]) -> list[tuple[Dialect, str, Transfer]]:
    """Each model in each dialect, all at once: dialect, request id and answer."""

    async def ask(dialect: Dialect, model: str) -> tuple[Dialect, str, Transfer]:
        request_id = new_id()
        body = dialect.body(model, stream=True)
        return dialect, request_id, await transfer(http, dialect.path, body, {"x-request-id": request_id})

    return await asyncio.gather(*(ask(dialect, model) for dialect in DIALECTS for model in models))


def check_one_error_event(dialect: Dialect, got: Transfer, codes: set[str]) -> None:
    """Tokens, then one error event in the client's dialect, and nothing behind it, least of all an end marker.

    Whether HTTP's framing ends then or is cut is left open: where the provider would go on, only a reset stops it.
    """
    assert got.status == 200
    assert got.text
    assert SAID.startswith(got.text)
    assert not got.finished
    assert b"[DONE]" not in got.body
    assert b"message_stop" not in got.body
    (error,) = got.errors
    kind, code, message = dialect.error(error)
    assert code in codes
    assert kind
    assert message
    name, last = got.events[-1]
    assert last == error
    assert name == ("error" if dialect is ANTHROPIC else "")
    assert got.body.endswith(b"}\n\n")


async def check_ended(simulator: Simulator, request_id: str) -> None:
    """Nothing more comes from the provider: its answer has ended, or its connection was closed."""

    def ended() -> bool:
        received = simulator.only(request_id)
        return received.client_closed or (received.closed_at is not None and received.fault == "error_event")

    await eventually(ended, "the provider's connection to be closed")
    assert simulator.only(request_id).events_sent < 200


def check_recovered(got: Transfer) -> None:
    """The whole answer, once."""
    assert (got.status, got.complete) == (200, True)
    assert got.errors == []
    assert got.text == SAID
    assert got.finished
    assert got.body.count(b"[DONE]") + got.body.count(b"event: message_stop") == 1
    assert got.body.count(b"event: message_start") <= 1
    assert got.headers["x-llmgw-attempts"] == "2"


def check_not_recovered(dialect: Dialect, got: Transfer, fault: str) -> None:
    """What a failure behind the commit comes to."""
    if fault == "cut":
        assert not got.complete
        assert not got.finished
    else:
        check_one_error_event(dialect, got, FAULTS[fault])


@pytest.mark.parametrize("fault", FAULTS)
async def test_one_error_event(gateway, http, simulator, fault):
    """For each client dialect and each provider dialect."""
    how = {**PACE, "fault": fault, "fault_at": 8}
    simulator.script(o1=how, a1=how)
    for dialect, request_id, got in await ask_all(http, ["quick-gpt", "quick-claude", "quick-o1-o2", "quick-a1-o2"]):
        check_one_error_event(dialect, got, FAULTS[fault])
        row = await gateway.row(request_id)
        assert row["outcome"].removeprefix("provider:") in FAULTS[fault]
        assert (row["status"], row["committed"]) == (200, True)
        # Behind the commit no other provider is tried.
        assert row["attempt_count"] == 1
        assert len(simulator.requests(request_id)) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_sdks_raise_their_error(openai, anthropic, simulator, fault):
    how = {**PACE, "fault": fault, "fault_at": 8}
    simulator.script(o1=how, a1=how)
    messages = [{"role": "user", "content": "Hello"}]

    async def openai_says(model: str) -> None:
        pieces = []

        async def read() -> None:
            async for chunk in await openai.chat.completions.create(model=model, messages=messages, stream=True):
                pieces.extend(choice.delta.content or "" for choice in chunk.choices)

        with pytest.raises(openai_sdk.APIError) as raised:
            await read()
        assert raised.value.code in FAULTS[fault]
        assert pieces
        assert SAID.startswith("".join(pieces))

    async def anthropic_says(model: str) -> None:
        with pytest.raises(anthropic_sdk.APIStatusError) as raised:
            async with anthropic.messages.stream(model=model, messages=messages, max_tokens=100) as stream:
                await stream.get_final_message()
        assert raised.value.body["error"]["details"]["error_code"] in FAULTS[fault]

    await asyncio.gather(
        *(say(model) for say in (openai_says, anthropic_says) for model in ("quick-gpt", "quick-claude"))
    )


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
async def test_a_cut_connection_is_a_cut_transfer(gateway, http, simulator, gzip):
    how = {**PACE, "fault": "cut", "fault_at": 8, "gzip": gzip}
    simulator.script(o1=how, a1=how)
    for _, request_id, got in await ask_all(http, ["quick-gpt", "quick-claude"]):
        assert got.status == 200
        assert not got.complete
        assert not got.finished
        assert got.errors == []
        assert SAID.startswith(got.text)
        row = await gateway.row(request_id)
        assert row["outcome"] == "transport:aborted"


async def test_the_sdks_do_not_take_a_cut_for_an_end(openai, anthropic, simulator):
    how = {**PACE, "fault": "cut", "fault_at": 8}
    simulator.script(o1=how, a1=how)
    messages = [{"role": "user", "content": "Hello"}]
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection"):
        async for _ in await openai.chat.completions.create(model="claude", messages=messages, stream=True):
            pass
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection"):
        async with anthropic.messages.stream(model="gpt", messages=messages, max_tokens=100) as stream:
            await stream.get_final_message()


@pytest.mark.parametrize("fault", ["stall", "malformed", "error_event"])
async def test_a_provider_whose_answer_failed_is_not_paid_for_longer(http, simulator, fault):
    how = {**PACE, "fault": fault, "fault_at": 8, "tokens": 2000}
    simulator.script(o1=how, a1=how)
    for dialect, request_id, got in await ask_all(http, ["quick-gpt", "quick-claude"]):
        check_one_error_event(dialect, got, FAULTS[fault])
        await check_ended(simulator, request_id)


@pytest.mark.parametrize("fault", ["stall", "malformed", "error_event"])
async def test_a_provider_whose_answer_failed_before_the_commit_is_not_paid_for_longer(gateway, http, simulator, fault):
    how = {**PACE, "fault": fault, "fault_at": 1, "tokens": 2000}
    simulator.script(o1=how, a1=how)
    for dialect, request_id, got in await ask_all(http, ["quick-gpt", "quick-claude"]):
        assert got.status in {502, 503, 504, 529}
        assert dialect.error(got.json)[1] in FAULTS[fault]
        await check_ended(simulator, request_id)
        await gateway.row(request_id)


@pytest.mark.parametrize("fault_at", [2, 8, -3], ids=["early", "middle", "late"])
@pytest.mark.parametrize("fault", [*FAULTS, "cut"])
async def test_commit_whole_recovers_from_anything(http, simulator, fault, fault_at):
    how = {"fault": fault, "fault_at": fault_at}
    simulator.script(o1=how, a1=how)
    models = ["whole-o1-o2", "whole-a1-a2", "whole-o1-a2"]
    for index, (_, request_id, got) in enumerate(await ask_all(http, models)):
        check_recovered(got)
        _, *names = models[index % 3].split("-")
        assert [one.label for one in simulator.requests(request_id)] == names


async def test_a_stream_that_lacks_only_its_done_line_is_whole(http, simulator):
    """Some servers never send it; the finish reason is there, and the usage."""
    simulator.script(o1={"fault": "early_end", "fault_at": -1})
    for _, _, got in await ask_all(http, ["o1-o2"]):
        assert (got.status, got.complete, got.errors, got.text) == (200, True, [], SAID)
        assert got.headers["x-llmgw-attempts"] == "1"


async def test_commit_whole_gives_a_good_answer_as_a_stream(http, simulator):
    simulator.script(o1=PACE, a1=PACE)
    for _, request_id, got in await ask_all(http, ["whole-o1-o2", "whole-a1-a2"]):
        assert got.text == SAID
        assert got.finished
        assert got.headers["x-llmgw-attempts"] == "1"
        assert len(got.events) > 16
        assert len(simulator.requests(request_id)) == 1


@pytest.mark.parametrize("fault", [*FAULTS, "cut"])
async def test_commit_events_recovers_up_to_that_event(http, simulator, fault):
    """Content begins with event 1 at OpenAI, with event 3 at Anthropic; five content events commit."""
    within = {**PACE, "fault": fault}
    simulator.script(o1=within | {"fault_at": 4}, a1=within | {"fault_at": 6})
    for _, _, got in await ask_all(http, ["events-o1-o2", "events-a1-a2"]):
        check_recovered(got)
    simulator.script(o1=within | {"fault_at": 9}, a1=within | {"fault_at": 11})
    for dialect, _, got in await ask_all(http, ["events-o1-o2", "events-a1-a2"]):
        check_not_recovered(dialect, got, fault)


@pytest.mark.parametrize("fault", ["malformed", "error_event", "early_end", "cut"])
async def test_commit_after_recovers_within_its_window(http, simulator, fault):
    """The window is half a second; a token comes every 100 ms."""
    within = {"tokens_per_second": 10, "fault": fault, "fault_at": 5}
    simulator.script(o1=within, a1=within)
    for _, _, got in await ask_all(http, ["after-o1-o2", "after-a1-a2"]):
        check_recovered(got)


@pytest.mark.parametrize("fault", [*FAULTS, "cut"])
async def test_commit_after_tells_what_happens_beyond_its_window(http, simulator, fault):
    """A stall within the window is told, too: at the window's end the stream is silent, but not broken yet."""
    beyond = {"tokens_per_second": 10, "fault": fault, "fault_at": 6 if fault == "stall" else 14}
    simulator.script(o1=beyond, a1=beyond)
    for dialect, _, got in await ask_all(http, ["after-o1-o2", "after-a1-a2"]):
        check_not_recovered(dialect, got, fault)
