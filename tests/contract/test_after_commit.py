"""What goes wrong behind the first token: one error event and no end marker, or a cut transfer; never a clean end.

And what a later commit makes of it: ``whole``, ``events`` and ``after`` recover through the fallback while they withhold.
"""

import anthropic as anthropic_sdk
import httpx
import openai as openai_sdk
import pytest
from harness import Received, eventually, new_id
from transfers import ANTHROPIC, DIALECTS, OPENAI, Dialect, Transfer, transfer

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


@pytest.fixture(params=DIALECTS, ids=lambda dialect: f"{dialect.name}-client")
def dialect(request) -> Dialect:
    return request.param


async def ask(http: httpx.AsyncClient, dialect: Dialect, model: str) -> tuple[str, Transfer]:
    request_id = new_id()
    return request_id, await transfer(
        http, dialect.path, dialect.body(model, stream=True), {"x-request-id": request_id}
    )


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


def ended(received: Received) -> bool:
    """Whether nothing more can come from this provider: its answer has ended, or its connection was closed."""
    return received.client_closed or (received.closed_at is not None and received.fault == "error_event")


def check_recovered(got: Transfer) -> None:
    """The whole answer, once."""
    assert (got.status, got.complete) == (200, True)
    assert got.errors == []
    assert got.text == SAID
    assert got.finished
    assert got.body.count(b"[DONE]") + got.body.count(b"event: message_stop") == 1
    assert got.body.count(b"event: message_start") <= 1
    assert got.headers["x-llmgw-attempts"] == "2"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("model", ["quick-gpt", "quick-claude"])
async def test_one_error_event(gateway, http, simulator, dialect, model, fault):
    how = {**PACE, "fault": fault, "fault_at": 8}
    simulator.script(o1=how, a1=how)
    request_id, got = await ask(http, dialect, model)
    check_one_error_event(dialect, got, FAULTS[fault])
    row = await gateway.row(request_id)
    assert row["outcome"].removeprefix("provider:") in FAULTS[fault]
    assert (row["status"], row["committed"], row["attempt_count"]) == (200, True, 1)


@pytest.mark.parametrize("model", ["quick-o1-o2", "quick-a1-o2"])
async def test_behind_the_commit_no_other_provider_is_tried(http, simulator, dialect, model):
    how = {**PACE, "fault": "error_event", "fault_at": 8}
    simulator.script(o1=how, a1=how)
    request_id, got = await ask(http, dialect, model)
    check_one_error_event(dialect, got, FAULTS["error_event"])
    assert len(simulator.requests(request_id)) == 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("model", ["quick-gpt", "quick-claude"])
async def test_the_sdks_raise_their_error(openai, anthropic, simulator, model, fault):
    how = {**PACE, "fault": fault, "fault_at": 8}
    simulator.script(o1=how, a1=how)
    messages = [{"role": "user", "content": "Hello"}]
    pieces = []

    async def read() -> None:
        async for chunk in await openai.chat.completions.create(model=model, messages=messages, stream=True):
            pieces.extend(choice.delta.content or "" for choice in chunk.choices)

    with pytest.raises(openai_sdk.APIError) as raised:
        await read()
    assert raised.value.code in FAULTS[fault]
    assert SAID.startswith("".join(pieces))
    assert pieces

    with pytest.raises(anthropic_sdk.APIStatusError) as raised:
        async with anthropic.messages.stream(model=model, messages=messages, max_tokens=100) as stream:
            await stream.get_final_message()
    assert raised.value.body["error"]["details"]["error_code"] in FAULTS[fault]


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("model", ["quick-gpt", "quick-claude"])
async def test_a_cut_connection_is_a_cut_transfer(gateway, http, openai, simulator, dialect, model, gzip):
    how = {**PACE, "fault": "cut", "fault_at": 8, "gzip": gzip}
    simulator.script(o1=how, a1=how)
    request_id, got = await ask(http, dialect, model)
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


@pytest.mark.parametrize("fault_at", [2, 8, -3], ids=["early", "middle", "late"])
@pytest.mark.parametrize("fault", [*FAULTS, "cut"])
@pytest.mark.parametrize("model", ["whole-o1-o2", "whole-a1-a2", "whole-o1-a2"])
async def test_commit_whole_recovers_from_anything(http, simulator, model, fault, fault_at):
    how = {"fault": fault, "fault_at": fault_at}
    simulator.script(o1=how, a1=how)
    dialect = ANTHROPIC if model == "whole-o1-a2" else OPENAI
    request_id, got = await ask(http, dialect, model)
    check_recovered(got)
    _, *names = model.split("-")
    assert [one.label for one in simulator.requests(request_id)] == names


@pytest.mark.parametrize("fault", ["stall", "malformed", "error_event"])
@pytest.mark.parametrize("model", ["quick-gpt", "quick-claude"])
async def test_a_provider_whose_answer_failed_is_not_paid_for_longer(http, simulator, model, fault):
    how = {**PACE, "fault": fault, "fault_at": 8, "tokens": 2000}
    simulator.script(o1=how, a1=how)
    request_id, got = await ask(http, OPENAI, model)
    check_one_error_event(OPENAI, got, FAULTS[fault])
    await eventually(lambda: ended(simulator.only(request_id)), "the provider's connection to be closed", 5)
    assert simulator.only(request_id).events_sent < 200


@pytest.mark.parametrize("fault", ["stall", "malformed", "error_event"])
async def test_a_provider_whose_answer_failed_before_the_commit_is_not_paid_for_longer(gateway, http, simulator, fault):
    simulator.script(o1={**PACE, "fault": fault, "fault_at": 1, "tokens": 2000})
    request_id, got = await ask(http, OPENAI, "quick-gpt")
    assert got.status in {502, 504}
    assert OPENAI.error(got.json)[1] in FAULTS[fault]
    await eventually(lambda: ended(simulator.only(request_id)), "the provider's connection to be closed", 5)
    assert simulator.only(request_id).events_sent < 200
    await gateway.row(request_id)


async def test_a_stream_that_lacks_only_its_done_line_is_whole(http, simulator, dialect):
    """Some servers never send it; the finish reason is there, and the usage."""
    simulator.script(o1={"fault": "early_end", "fault_at": -1})
    _, got = await ask(http, dialect, "o1-o2")
    assert (got.status, got.complete, got.errors, got.text) == (200, True, [], SAID)
    assert got.headers["x-llmgw-attempts"] == "1"


@pytest.mark.parametrize("model", ["whole-o1-o2", "whole-a1-a2"])
async def test_commit_whole_gives_a_good_answer_as_a_stream(http, simulator, dialect, model):
    simulator.script(o1=PACE, a1=PACE)
    request_id, got = await ask(http, dialect, model)
    assert got.text == SAID
    assert got.finished
    assert got.headers["x-llmgw-attempts"] == "1"
    assert len(got.events) > 16
    assert len(simulator.requests(request_id)) == 1


@pytest.mark.parametrize("fault", [*FAULTS, "cut"])
@pytest.mark.parametrize("model", ["events-o1-o2", "events-a1-a2"])
async def test_commit_events_recovers_up_to_that_event(http, simulator, model, fault):
    """Content begins with event 1 at OpenAI, with event 3 at Anthropic; five content events commit."""
    first, dialect = (1, ANTHROPIC) if model == "events-o1-o2" else (3, OPENAI)
    within = {**PACE, "fault": fault, "fault_at": first + 3}
    simulator.script(o1=within, a1=within)
    _, got = await ask(http, dialect, model)
    check_recovered(got)
    beyond = {**PACE, "fault": fault, "fault_at": first + 8}
    simulator.script(o1=beyond, a1=beyond)
    _, got = await ask(http, dialect, model)
    if fault == "cut":
        assert not got.complete
    else:
        check_one_error_event(dialect, got, FAULTS[fault])


@pytest.mark.parametrize("fault", ["malformed", "error_event", "early_end", "cut"])
@pytest.mark.parametrize("model", ["after-o1-o2", "after-a1-a2"])
async def test_commit_after_recovers_within_its_window(http, simulator, model, fault):
    """The window is half a second; a token comes every 100 ms."""
    within = {"tokens_per_second": 10, "fault": fault, "fault_at": 5}
    simulator.script(o1=within, a1=within)
    _, got = await ask(http, OPENAI, model)
    check_recovered(got)


@pytest.mark.parametrize("fault", [*FAULTS, "cut"])
async def test_commit_after_tells_what_happens_beyond_its_window(http, simulator, fault):
    """A stall within the window is told, too: at the window's end the stream is silent, but not broken yet."""
    beyond = {"tokens_per_second": 10, "fault": fault, "fault_at": 4 if fault == "stall" else 14}
    simulator.script(o1=beyond)
    _, got = await ask(http, ANTHROPIC, "after-o1-o2")
    if fault == "cut":
        assert not got.complete
    else:
        check_one_error_event(ANTHROPIC, got, FAULTS[fault])
