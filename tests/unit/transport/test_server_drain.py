"""Health, the socket, and how a worker leaves: no new streams, those under way may end, and the successor's socket stays."""

import asyncio

import pytest

from extproc.phases.events import ResponseBodyReply
from extproc.transport import frames, health
from extproc.transport.pb.external_processor_pb2 import ProcessingRequest
from extproc.transport.pb.health_pb2 import HealthCheckResponse

HEALTH = "/grpc.health.v1.Health/Check"
NEVER = 3600.0
"""Seconds of grace that no test waits for: what ends before has ended by itself."""
OPENING = ProcessingRequest(request_headers={}).SerializeToString()


def body(data: bytes) -> bytes:
    return ProcessingRequest(response_body={"body": data}).SerializeToString()


@pytest.fixture
async def caller(bench, connect):
    """With one call under way."""
    caller = await connect()
    caller.open()
    caller.send(1, OPENING)
    await caller.until(lambda: caller.answers(1))
    return caller


# -- health ---------------------------------------------------------------------------------------------------------------


async def test_a_worker_that_serves_says_so(bench, connect, folder):
    caller = await connect()
    caller.open(1, HEALTH)
    caller.send(1, b"", end=True)
    await caller.until(lambda: caller.statuses)
    assert caller.statuses == {1: "0"}
    assert [HealthCheckResponse.FromString(a).status for a in caller.answers(1)] == [HealthCheckResponse.SERVING]
    assert await health.is_serving(folder / "worker.sock")
    assert bench.phases == []


async def test_a_worker_that_drains_says_so(bench, caller):
    draining = asyncio.create_task(bench.server.drain(1))
    await caller.until(lambda: caller.goaways)
    caller.open(3, HEALTH)
    caller.send(3, b"", end=True)
    await caller.until(lambda: 3 in caller.statuses)
    assert [HealthCheckResponse.FromString(a).status for a in caller.answers(3)] == [HealthCheckResponse.NOT_SERVING]
    caller.send(1, end=True)
    await draining


@pytest.mark.parametrize("path", ["/grpc.health.v1.Health/Watch", "/envoy.service.ext_proc.v3.ExternalProcessor/X", ""])
async def test_methods_not_known_are_unimplemented(bench, connect, path):
    caller = await connect()
    caller.open(1, path or "/")
    caller.send(1, OPENING)
    await caller.until(lambda: caller.statuses)
    assert caller.statuses == {1: str(frames.GRPC_UNIMPLEMENTED)}
    assert bench.phases == []


async def test_nobody_serves_where_there_is_no_socket(folder):
    assert not await health.is_serving(folder / "nothing.sock")


@pytest.mark.parametrize(
    "words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\6\0\1\0\0\0\1\0\0\0\0\1\xff", bytes(9) * 1000]
)
async def test_whoever_else_sits_at_the_socket_does_not_serve(folder, words):
    """Nothing, another protocol, a message that is none, an answer without an end."""
    writers = []

    async def other(reader, writer):
        writers.append(writer)
        writer.write(words)
        if not words:
            writer.close()

    async with await asyncio.start_unix_server(other, str(folder / "other.sock")):
        assert not await health.is_serving(folder / "other.sock", timeout=0.05)
        for writer in writers:
            writer.close()


# -- the socket -------------------------------------------------------------------------------------------------------------


async def test_a_stale_socket_is_replaced(bench, make_bench, folder):
    """A worker that was killed has left it."""
    successor = make_bench()
    await successor.server.start(folder / "worker.sock")
    assert await health.is_serving(folder / "worker.sock")
    assert successor.server.connections
    assert not bench.server.connections
    await bench.server.drain(0)
    assert await health.is_serving(folder / "worker.sock"), "the old one's drain leaves the new one's socket alone"
    await successor.server.drain(0)


async def test_a_worker_takes_its_socket_away(bench, folder):
    assert (folder / "worker.sock").exists()
    await bench.server.drain(0)
    assert not (folder / "worker.sock").exists()


async def test_a_socket_that_is_gone_already_is_no_fault(bench, folder):
    (folder / "worker.sock").unlink()
    await bench.server.drain(0)
    assert bench.crashes == []


async def test_a_place_where_nothing_can_listen(make_bench, folder):
    with pytest.raises(OSError, match=r"nowhere|No such"):
        await make_bench().server.start(folder / "nowhere" / "worker.sock")


async def test_a_server_that_never_started_can_be_drained(make_bench):
    bench = make_bench()
    await bench.server.drain(1)
    assert (bench.phases, bench.crashes) == ([], [])


# -- drain ------------------------------------------------------------------------------------------------------------------


async def test_an_idle_worker_leaves_at_once(bench, connect):
    caller = await connect()
    caller.open(1, HEALTH)
    caller.send(1, b"", end=True)
    await caller.until(lambda: caller.statuses)
    async with asyncio.timeout(30):
        await bench.server.drain(NEVER)
    await caller.until(lambda: caller.closed)
    assert caller.goaways == [(frames.NO_ERROR, 2**31 - 1), (frames.NO_ERROR, 1)]


async def test_streams_under_way_go_on_and_then_the_worker_leaves(bench, caller, folder):
    draining = asyncio.create_task(bench.server.drain(NEVER))
    await caller.until(lambda: caller.goaways)
    assert caller.goaways == [(frames.NO_ERROR, 2**31 - 1)]
    with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
        await asyncio.open_unix_connection(str(folder / "worker.sock"))
    caller.open(3)  # it was on its way before the goaway was read
    caller.send(3, OPENING, end=True)
    await caller.until(lambda: 3 in caller.statuses)
    assert not draining.done()
    caller.send(1, body(b"more"), end=True)
    await caller.until(lambda: 1 in caller.statuses)
    assert len(caller.answers(1)) == 2
    async with asyncio.timeout(30):
        await draining


async def test_what_takes_longer_than_the_grace_is_cut_and_closed(bench, caller):
    """Every phase is closed when ``drain`` returns: their rows are written before the log is."""
    async with asyncio.timeout(30):
        await bench.server.drain(0.01)
    assert bench.phase.closed == 1
    assert bench.server.open_streams <= 1
    await caller.until(lambda: caller.closed)
    assert bench.phase.closed == 1


async def test_a_client_that_leaves_ends_the_drain(bench, caller):
    draining = asyncio.create_task(bench.server.drain(NEVER))
    await caller.until(lambda: caller.goaways)
    await caller.close()
    async with asyncio.timeout(30):
        await draining


async def test_a_health_check_that_never_ends_does_not_outlast_its_connection(bench, connect):
    caller = await connect()
    caller.open(1, HEALTH)
    draining = asyncio.create_task(bench.server.drain(NEVER))
    await caller.until(lambda: caller.goaways)
    await caller.close()
    async with asyncio.timeout(30):
        await draining


async def test_an_answer_that_waits_for_the_window_is_waited_for(bench, caller, eventually):
    caller.acknowledges = False
    bench.script[b"much"] = lambda: (ResponseBodyReply(bytes(60_000)),) * 2
    caller.send(1, body(b"much"), end=True)
    await eventually(lambda: bench.phase.closed)
    draining = asyncio.create_task(bench.server.drain(NEVER))
    await caller.until(lambda: caller.goaways)
    assert bench.server.open_streams == 1
    caller.give_window(100_000, 1)
    caller.give_window(100_000, 0)
    async with asyncio.timeout(30):
        await draining
    await caller.until(lambda: caller.statuses)
    assert len(caller.answers(1)) == 3


async def test_who_connects_at_the_last_moment_is_told_to_leave(bench, connect):
    caller = await connect()  # accepted by the kernel, maybe not yet by us
    bench.server.serving = False
    other = await connect()
    await other.until(lambda: other.goaways)
    await caller.close()
