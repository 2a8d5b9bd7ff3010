"""Deadlines of phases. Real time, and little of it: that the event loop's timers ring is what is tested here."""

import asyncio

import pytest

from extproc.phases.events import ResponseBodyReply
from extproc.phases.ports import SystemClock
from extproc.transport.pb.external_processor_pb2 import ProcessingRequest, ProcessingResponse

SOON = 0.015
LATER = 3600.0


class CountingClock(SystemClock):
    """Counts how often it is looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return super().monotonic()


@pytest.fixture
def clock() -> CountingClock:
    return CountingClock()


def body(data: bytes) -> bytes:
    return ProcessingRequest(response_body={"body": data}).SerializeToString()


OPENING = ProcessingRequest(request_headers={}).SerializeToString()


def texts(caller, stream_id: int = 1) -> list[bytes]:
    answers = map(ProcessingResponse.FromString, caller.answers(stream_id))
    return [answer.response_body.response.body_mutation.streamed_response.body for answer in answers]


@pytest.fixture
def deadline(bench, clock):
    """Let the phase set its deadline, so many seconds from now, when it reads ``b"set"``."""

    def arrange(seconds: float | None, piece: bytes = b"set") -> None:
        def step():
            bench.phase.deadline = None if seconds is None else clock.monotonic() + seconds
            return (ResponseBodyReply(piece),)

        bench.script[piece] = step

    return arrange


@pytest.fixture
async def caller(bench, connect):
    caller = await connect()
    caller.open()
    caller.send(1, OPENING)
    await caller.until(lambda: caller.answers(1))
    return caller


async def test_a_phase_is_woken_at_its_deadline_and_speaks_unasked(bench, caller, clock, deadline):
    deadline(SOON)
    began = clock.monotonic()
    caller.send(1, body(b"set"))
    await caller.until(lambda: len(caller.answers(1)) == 3)
    assert clock.monotonic() - began >= SOON
    assert texts(caller) == [b"echo ", b"set", b"woken"]
    assert bench.phase.woken == 1


async def test_a_deadline_in_the_past_rings_at_once(bench, caller, deadline):
    deadline(-5.0)
    caller.send(1, body(b"set"))
    await caller.until(lambda: b"woken" in texts(caller))
    assert bench.phase.woken == 1


async def test_a_deadline_that_moves_away_does_not_ring_early(bench, caller, clock, deadline):
    deadline(SOON, b"soon")
    deadline(3 * SOON, b"later")
    began = clock.monotonic()
    caller.send(1, body(b"soon"), body(b"later"))
    await caller.until(lambda: b"woken" in texts(caller))
    assert clock.monotonic() - began >= 3 * SOON
    assert bench.phase.woken == 1


async def test_a_deadline_that_comes_nearer_rings_early(bench, caller, deadline):
    deadline(LATER, b"later")
    deadline(SOON, b"soon")
    caller.send(1, body(b"later"), body(b"soon"))
    await caller.until(lambda: b"woken" in texts(caller))
    assert bench.phase.woken == 1


async def test_a_deadline_that_is_taken_back_does_not_ring(bench, caller, clock, deadline):
    deadline(SOON, b"soon")
    deadline(None, b"never")
    caller.send(1, body(b"soon"), body(b"never"))
    await asyncio.sleep(2 * SOON)
    caller.send(1, body(b"x"))
    await caller.until(lambda: b"echo x" in texts(caller))
    assert bench.phase.woken == 0


async def test_it_can_be_set_again_behind_a_wake(bench, caller, clock, deadline):
    deadline(0.001)

    def again() -> None:
        if bench.phase.woken < 3:
            bench.phase.deadline = clock.monotonic() + 0.001

    bench.script[b"wake"] = again
    caller.send(1, body(b"set"))
    await caller.until(lambda: texts(caller).count(b"woken") == 3)


async def test_each_piece_moves_it_and_costs_no_timer_of_its_own(bench, caller, clock, deadline):
    """A stall timeout is set anew by every chunk; the loop is given one timer for many of them."""
    deadline(LATER)
    calls = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later
    loop.call_later = lambda delay, *rest, **more: calls.append(delay) or call_later(delay, *rest, **more)
    for _ in range(50):
        caller.send(1, body(b"set"))
    await caller.until(lambda: texts(caller).count(b"set") == 50)
    assert len([delay for delay in calls if delay > LATER / 2]) == 1


async def test_a_phase_that_waits_is_not_woken_and_the_loop_does_not_spin(bench, caller, clock, deadline, eventually):
    gate = asyncio.get_running_loop().create_future()
    deadline(0.001)
    bench.script[b"wait"] = lambda: gate
    caller.send(1, body(b"set"), body(b"wait"))
    await eventually(lambda: len(bench.events) == 3)
    await asyncio.sleep(0.005)  # the deadline is past
    before = clock.looks
    await asyncio.sleep(SOON)
    assert clock.looks - before < 5
    assert bench.phase.woken == 0
    gate.set_result((ResponseBodyReply(b"waited"),))
    await caller.until(lambda: b"woken" in texts(caller))
    assert texts(caller) == [b"echo ", b"set", b"waited", b"woken"]


@pytest.mark.parametrize("ending", ["end", "reset", "crash"])
async def test_nobody_is_woken_behind_the_end(bench, caller, deadline, ending, eventually):
    deadline(SOON)
    bench.script[b"bad"] = lambda: 1 / 0
    caller.send(1, body(b"set"), end=ending == "end")
    if ending == "reset":
        caller.reset(1)
    elif ending == "crash":
        caller.send(1, body(b"bad"))
    await eventually(lambda: bench.phase.closed)
    await asyncio.sleep(2 * SOON)
    assert bench.phase.woken == 0
    assert bench.phase.closed == 1
