"""A phase on each stream: order, timers, crashes, and that every phase is closed exactly once whatever ends its stream."""

import asyncio

import pytest

from extproc.phases.events import Abort, RequestBody, RequestHeaders, ResponseBodyReply
from extproc.transport import frames, http2, sending
from extproc.transport.pb.external_processor_pb2 import ProcessingRequest, ProcessingResponse


def body(data: bytes) -> bytes:
    return ProcessingRequest(response_body={"body": data}).SerializeToString()


def opening(*, attempt: bool = False) -> bytes:
    message = ProcessingRequest(request_headers={})
    if attempt:
        message.attributes["envoy.filters.http.ext_proc"]["xds.cluster_name"] = "provider-x"
    return message.SerializeToString()


def data_of(answer: bytes) -> bytes:
    return ProcessingResponse.FromString(answer).response_body.response.body_mutation.streamed_response.body


def crash() -> None:
    raise ZeroDivisionError("a bug")


# -- streams ----------------------------------------------------------------------------------------------------------------


async def test_every_stream_has_its_phase_and_its_order(bench, connect):
    caller = await connect()
    for stream_id in (1, 3):
        caller.open(stream_id)
        caller.send(stream_id, opening(attempt=stream_id == 3))
    caller.send(1, body(b"a"), body(b"b"))
    caller.send(3, body(b"c"))
    await caller.until(lambda: len(caller.answers(1)) == 3 and len(caller.answers(3)) == 2)
    assert [data_of(answer) for answer in caller.answers(1)] == [b"echo ", b"echo a", b"echo b"]
    assert [data_of(answer) for answer in caller.answers(3)] == [b"echo ", b"echo c"]
    assert bench.kinds == [False, True]
    assert isinstance(bench.events[0], RequestHeaders)


async def test_a_stream_ends_when_envoy_ends_it(bench, connect):
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"last"), end=True)
    await caller.until(lambda: caller.statuses)
    assert caller.statuses == {1: "0"}
    assert bench.phase.closed == 1
    assert bench.server.open_streams == 0
    assert bench.crashes == []


async def test_a_stream_that_never_said_anything_has_no_phase(bench, connect):
    caller = await connect()
    caller.open()
    caller.send(1, end=True)
    await caller.until(lambda: caller.statuses)
    assert bench.phases == []


async def test_a_phase_that_answers_nothing_says_nothing(bench, connect):
    bench.script[b"quiet"] = tuple
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"quiet"), body(b"loud"))
    await caller.until(lambda: len(caller.answers(1)) == 2)
    assert data_of(caller.answers(1)[1]) == b"echo loud"


# -- phases that wait -------------------------------------------------------------------------------------------------------


async def test_a_phase_that_waits_holds_back_its_own_stream_only(bench, connect):
    gate = asyncio.get_running_loop().create_future()
    bench.script[b"wait"] = lambda: gate
    caller = await connect()
    for stream_id in (1, 3):
        caller.open(stream_id)
        caller.send(stream_id, opening())
    caller.send(1, body(b"wait"), body(b"next"), end=True)
    caller.send(3, body(b"other"))
    await caller.until(lambda: len(caller.answers(3)) == 2)
    assert len(caller.answers(1)) == 1
    assert len(bench.events) == 2, "what follows is not even shown to the phase"
    gate.set_result((ResponseBodyReply(b"waited"),))
    await caller.until(lambda: 1 in caller.statuses)
    assert [data_of(answer) for answer in caller.answers(1)] == [b"echo ", b"waited", b"echo next"]
    assert bench.phase.closed == 1


async def test_one_wait_after_another(bench, connect, eventually):
    gates = [asyncio.get_running_loop().create_future() for _ in range(2)]
    bench.script[b"first"] = lambda: gates[0]
    bench.script[b"second"] = lambda: gates[1]
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"first"), body(b"second"), body(b"third"))
    gates[1].set_result((ResponseBodyReply(b"2"),))
    await eventually(lambda: len(bench.events) == 2)
    gates[0].set_result((ResponseBodyReply(b"1"),))
    await caller.until(lambda: len(caller.answers(1)) == 4)
    assert [data_of(answer) for answer in caller.answers(1)] == [b"echo ", b"1", b"2", b"echo third"]


async def test_a_crash_behind_a_wait_ends_the_stream(bench, connect, eventually):
    gate = asyncio.get_running_loop().create_future()
    bench.script[b"wait"] = lambda: gate
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"wait"), body(b"next"))
    await eventually(lambda: len(bench.events) == 2)
    gate.set_exception(ZeroDivisionError("a bug"))
    await caller.until(lambda: caller.statuses)
    assert caller.statuses == {1: str(frames.GRPC_INTERNAL)}
    assert [(where, type(error)) for where, error in bench.crashes] == [("phase", ZeroDivisionError)]
    assert bench.phase.closed == 1
    assert len(bench.events) == 2


async def test_a_stream_that_is_reset_while_its_phase_waits_cancels_the_wait(bench, connect, eventually):
    gate = asyncio.get_running_loop().create_future()
    bench.script[b"wait"] = lambda: gate
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"wait"), body(b"next"))
    await eventually(lambda: len(bench.events) == 2)
    caller.reset(1)
    await eventually(gate.cancelled)
    assert bench.phase.closed == 1
    assert len(bench.events) == 2
    assert bench.crashes == []


async def test_a_wait_that_is_cancelled_from_within_is_a_crash(bench, connect, eventually):
    gate = asyncio.get_running_loop().create_future()
    bench.script[b"wait"] = lambda: gate
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"wait"))
    await eventually(lambda: len(bench.events) == 2)
    gate.cancel()
    await caller.until(lambda: caller.statuses)
    assert caller.statuses == {1: str(frames.GRPC_INTERNAL)}
    assert bench.phase.closed == 1


@pytest.mark.parametrize("outcome", [(ResponseBodyReply(b"late"),), ZeroDivisionError("a bug")])
async def test_what_a_phase_waited_for_may_come_when_its_stream_is_over(bench, connect, eventually, outcome):
    gate = asyncio.get_running_loop().create_future()
    bench.script[b"wait"] = lambda: gate
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"wait"))
    await eventually(lambda: len(bench.events) == 2)
    if isinstance(outcome, Exception):
        gate.set_exception(outcome)
    else:
        gate.set_result(outcome)
    for connection in bench.server.connections:
        connection.abort()
    await caller.until(lambda: caller.closed)
    assert len(caller.answers(1)) <= 1
    assert bench.crashes == []
    assert bench.phase.closed == 1


async def test_what_waits_behind_a_phase_has_a_limit(bench, connect, monkeypatch, eventually):
    monkeypatch.setattr("extproc.transport.server._QUEUE_LIMIT", 3)
    gate = asyncio.get_running_loop().create_future()
    bench.script[b"wait"] = lambda: gate
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"wait"), *(body(b"x") for _ in range(4)))
    await caller.until(lambda: caller.statuses)
    assert caller.statuses == {1: str(frames.GRPC_INTERNAL)}
    assert isinstance(bench.crashes[0][1], OverflowError)
    await eventually(gate.cancelled)
    assert bench.phase.closed == 1


# -- crashes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["new", "handle", "garbage", "unasked", "wake", "close"])
async def test_a_crash_ends_its_own_stream_and_is_reported(bench, connect, where):
    caller = await connect()
    caller.open(1)
    caller.send(1, opening())
    await caller.until(lambda: caller.answers(1))
    if where in {"new", "close"}:
        bench.script[where.encode()] = crash
    caller.open(3)
    match where:
        case "handle":
            bench.script[b"bad"] = crash
            caller.send(3, opening(), body(b"bad"))
        case "garbage":
            caller.send(3, b"\xff\xff\xff")
        case "unasked":
            caller.send(3, ProcessingRequest(request_trailers={}).SerializeToString())
        case "wake":
            caller.send(3, opening())
            await caller.until(lambda: caller.answers(3))
            bench.script[b"wake"] = crash
            bench.phases[1].deadline = 0.0
            caller.send(3, body(b"x"))
        case _:
            caller.send(3, opening(), end=True)
    await caller.until(lambda: 3 in caller.statuses)
    assert caller.statuses[3] == ("0" if where == "close" else str(frames.GRPC_INTERNAL))
    assert [place for place, _ in bench.crashes] == ["close" if where == "close" else "phase"]
    assert [(phase.closed, phase.crashed) for phase in bench.phases[1:]] in ([], [(1, where != "close")])
    bench.script.clear()
    caller.send(1, body(b"still here"))
    await caller.until(lambda: len(caller.answers(1)) == 2)


async def test_a_phase_that_breaks_off_ends_its_stream_with_an_error_and_is_closed(bench, connect):
    bench.script = {b"enough": lambda: (ResponseBodyReply(b"last word"), Abort(), ResponseBodyReply(b"too late"))}
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"enough"), body(b"more"))
    await caller.until(lambda: caller.statuses)
    assert caller.statuses == {1: str(frames.GRPC_ABORTED)}
    assert [data_of(answer) for answer in caller.answers(1)] == [b"echo ", b"last word"]
    assert bench.phase.closed == 1
    assert not bench.phase.crashed
    assert bench.crashes == []


async def test_what_comes_behind_a_crash_is_not_shown(bench, connect):
    bench.script[b"bad"] = crash
    caller = await connect()
    caller.open()
    caller.send(1, opening(), body(b"bad"), body(b"late"), end=True)
    await caller.until(lambda: caller.statuses)
    assert len(bench.events) == 2
    assert bench.phase.closed == 1


# -- how streams end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["end", "reset", "connection", "protocol"])
async def test_every_phase_is_closed_once(bench, connect, ending, eventually):
    caller = await connect()
    for stream_id in (1, 3, 5):
        caller.open(stream_id)
        caller.send(stream_id, opening())
    await caller.until(lambda: caller.answers(5))
    match ending:
        case "end":
            for stream_id in (1, 3, 5):
                caller.send(stream_id, end=True)
        case "reset":
            for stream_id in (1, 3, 5):
                caller.reset(stream_id)
        case "connection":
            await caller.close()
        case _:
            caller.write(b"\0\0\0\5\0\0\0\0\1")  # a push
    await eventually(lambda: all(phase.closed for phase in bench.phases))
    await asyncio.sleep(0)
    assert [phase.closed for phase in bench.phases] == [1, 1, 1]
    assert bench.server.open_streams == 0


async def test_who_breaks_the_protocol_is_told_why_and_shut_out(bench, connect):
    caller = await connect()
    caller.open(1)
    caller.send(1, opening())
    await caller.until(lambda: caller.answers(1))
    caller.write(b"\0\0\0\5\0\0\0\0\1")
    await caller.until(lambda: caller.goaways)
    assert caller.goaways == [(frames.PROTOCOL_ERROR, 1)]
    await caller.until(lambda: caller.closed)
    assert [(where, type(error)) for where, error in bench.crashes] == [("http2", http2.Http2Error)]
    assert bench.server.connections == set()


async def test_a_stream_that_holds_back_too_much_is_given_up(bench, connect, monkeypatch):
    """Envoy has stopped reading: the call is reset, and its phase learns that it is over."""
    monkeypatch.setattr(sending, "_PENDING_LIMIT", 200_000)
    bench.script[b"much"] = lambda: (ResponseBodyReply(bytes(150_000)),) * 3
    caller = await connect()
    caller.acknowledges = False
    caller.open()
    caller.send(1, opening(), body(b"much"))
    await caller.until(lambda: caller.resets)
    assert caller.resets == {1: frames.ENHANCE_YOUR_CALM}
    assert bench.phase.closed == 1


async def test_a_message_of_many_frames_is_one_event(bench, connect):
    message = ProcessingRequest(request_body={"body": bytes(90_000), "end_of_stream": True}).SerializeToString()
    caller = await connect()
    caller.open()
    caller.send(1, opening())
    await caller.until(lambda: caller.answers(1))
    caller.send(1, message)
    await caller.until(lambda: len(caller.answers(1)) == 2)
    assert bench.events[1] == RequestBody(bytes(90_000))
