"""The real gRPC clients (``grpcio``, on threads and on asyncio) call our server, and find nothing missing.

The server runs on uvloop in a thread of its own, as a worker does in its process; phases are scripted.
"""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import uvloop

from extproc.phases.events import RequestBody, ResponseBodyReply
from extproc.phases.fakes import ScriptedPhase
from extproc.phases.ports import SystemClock
from extproc.transport.pb.external_processor_pb2 import ProcessingRequest, ProcessingResponse
from extproc.transport.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse
from extproc.transport.server import HEALTH_PATH, PROCESS_PATH, GrpcServer

MIB = 1024 * 1024
LIMITS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class Worker:
    """A server in its own thread."""

    def __init__(self, folder: Path) -> None:
        self.target = f"unix:{folder / 'worker.sock'}"
        self.phases: list[ScriptedPhase] = []
        self.script: dict[bytes, Callable] = {}
        self.crashes: list[BaseException] = []
        self._socket = folder / "worker.sock"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=uvloop.run, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(30)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.server = GrpcServer(self._new_phase, self, SystemClock(), max_message=65 * MIB)
        await self.server.start(self._socket)
        self._ready.set()
        await self._stop.wait()
        await self.server.drain(0)

    def _new_phase(self, is_attempt: bool) -> ScriptedPhase:  # noqa: FBT001  the transport's signature
        self.phases.append(ScriptedPhase(self.script))
        return self.phases[-1]

    def crashed(self, where: str, error: BaseException) -> None:
        self.crashes.append(error)

    def call(self, function: Callable[[], object]) -> None:
        """Run something on the server's loop."""
        self.loop.call_soon_threadsafe(function)

    def close(self) -> None:
        self.call(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def worker() -> Iterator[Worker]:
    folder = Path(tempfile.mkdtemp(prefix="llmgw-"))
    worker = Worker(folder)
    yield worker
    worker.close()
    shutil.rmtree(folder)
    assert all(phase.closed == 1 for phase in worker.phases), "every phase is closed once"


@pytest.fixture
def process(worker):
    """``Process`` on a channel of its own, on threads."""
    with grpc.insecure_channel(worker.target, options=LIMITS) as channel:
        yield stub(channel)


@pytest.fixture
async def aio_process(worker):
    async with grpc.aio.insecure_channel(worker.target, options=LIMITS) as channel:
        yield stub(channel)


def stub(channel, path: str = PROCESS_PATH):
    return channel.stream_stream(
        path,
        request_serializer=ProcessingRequest.SerializeToString,
        response_deserializer=ProcessingResponse.FromString,
    )


OPENING = ProcessingRequest(request_headers={})


def body(data: bytes) -> ProcessingRequest:
    return ProcessingRequest(response_body={"body": data})


def data_of(response: ProcessingResponse) -> bytes:
    return response.response_body.response.body_mutation.streamed_response.body


def wait_for(condition: Callable[[], object]) -> None:
    done = threading.Event()
    for _ in range(3000):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("it did not come")


def test_a_conversation_message_by_message(process, worker):
    """Each answer comes before the next message is sent."""
    turn = threading.Semaphore(1)

    def messages() -> Iterator[ProcessingRequest]:
        for message in (OPENING, body(b"a"), body(b"b")):
            turn.acquire()
            yield message

    call = process(messages())
    answers = []
    for response in call:
        answers.append(data_of(response))
        turn.release()
    assert answers == [b"echo ", b"echo a", b"echo b"]
    assert call.code() == grpc.StatusCode.OK
    assert dict(call.initial_metadata()) == {}
    assert worker.crashes == []


async def test_a_conversation_on_asyncio(aio_process):
    call = aio_process()
    for data in (b"a", b"b", b"c"):
        await call.write(body(data) if data != b"a" else OPENING)
        response = await call.read()
        assert data_of(response) == (b"echo " + data if data != b"a" else b"echo ")
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_379, 65_535, 5 * MIB])
def test_messages_of_many_sizes_both_ways(process, size):
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    *_, answer = process(iter([OPENING, body(data)]))
    assert data_of(answer) == b"echo " + data


def test_64_mib_both_ways(process, worker):
    data = bytes(64 * MIB)
    worker.script[b""] = lambda: (ResponseBodyReply(data),)
    request = ProcessingRequest(request_body={"body": data, "end_of_stream": True})
    first, second = process(iter([OPENING, request]), timeout=60)
    assert len(data_of(first)) == len(data_of(second)) == 64 * MIB
    assert isinstance(worker.phases[0].events[1], RequestBody)
    assert len(worker.phases[0].events[1].body) == 64 * MIB


def test_more_than_the_limit_is_refused_and_the_channel_lives(process, worker):
    call = process(iter([OPENING, body(bytes(66 * MIB))]))
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "exceeds" in caught.value.details()
    assert len(list(process(iter([OPENING])))) == 1
    wait_for(lambda: worker.phases[0].closed)


def test_many_messages_on_one_stream(process):
    answers = [data_of(r) for r in process(iter([OPENING, *(body(b"%d" % n) for n in range(3000))]))]
    assert answers[1:] == [b"echo %d" % n for n in range(3000)]


async def test_many_streams_at_once(aio_process, worker):
    async def one(number: int) -> list[bytes]:
        messages = [OPENING, *(body(b"%d.%d" % (number, n)) for n in range(5))]
        return [data_of(response) async for response in aio_process(iter(messages))]

    found = await asyncio.gather(*(one(number) for number in range(300)))
    assert found == [[b"echo ", *(b"echo %d.%d" % (number, n) for n in range(5))] for number in range(300)]
    assert len(worker.phases) == 300
    assert worker.server.open_streams == 0


def test_a_phase_speaks_unasked(process, worker):
    def set_deadline():
        worker.phases[0].deadline = 0.0
        return (ResponseBodyReply(b"set"),)

    worker.script[b"set"] = set_deadline
    release = threading.Event()

    def messages() -> Iterator[ProcessingRequest]:
        yield OPENING
        yield body(b"set")
        release.wait(60)

    call = process(messages())
    assert [data_of(next(call)) for _ in range(3)] == [b"echo ", b"set", b"woken"]
    release.set()
    assert list(call) == []


def test_a_crash_is_an_internal_error(process, worker):
    worker.script[b"bad"] = lambda: 1 / 0
    with pytest.raises(grpc.RpcError) as caught:
        list(process(iter([OPENING, body(b"bad")])))
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INTERNAL, "internal error")
    assert [type(error) for error in worker.crashes] == [ZeroDivisionError]


@pytest.mark.parametrize("how", ["cancel", "deadline"])
def test_a_call_that_is_given_up_closes_its_phase(process, worker, how):
    release = threading.Event()

    def messages() -> Iterator[ProcessingRequest]:
        yield OPENING
        release.wait(60)

    call = process(messages(), timeout=0.2 if how == "deadline" else None)
    next(call)
    if how == "cancel":
        call.cancel()
    with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)) as caught:
        next(call)
    assert caught.value.code() == (grpc.StatusCode.CANCELLED if how == "cancel" else grpc.StatusCode.DEADLINE_EXCEEDED)
    wait_for(lambda: worker.phases[0].closed)
    wait_for(lambda: worker.server.open_streams == 0)
    release.set()


async def test_a_call_that_is_given_up_while_its_phase_waits(aio_process, worker):
    gate = worker.loop.create_future()
    worker.script[b"wait"] = lambda: gate
    call = aio_process(iter([OPENING, body(b"wait"), body(b"never")]))
    await call.read()
    call.cancel()
    async with asyncio.timeout(30):
        while not (worker.phases[0].closed and gate.cancelled()):  # noqa: ASYNC110  another thread's state
            await asyncio.sleep(0.01)
    assert worker.crashes == []


def test_a_client_that_disappears_closes_its_phases(worker):
    channel = grpc.insecure_channel(worker.target)
    release = threading.Event()

    def messages() -> Iterator[ProcessingRequest]:
        yield OPENING
        release.wait(60)

    calls = [stub(channel)(messages()) for _ in range(3)]
    for call in calls:
        next(call)
    channel.close()
    wait_for(lambda: len(worker.phases) == 3 and all(phase.closed for phase in worker.phases))
    release.set()


@pytest.mark.parametrize("path", ["/envoy.service.ext_proc.v3.ExternalProcessor/Other", "/a.B/C"])
def test_methods_not_known_are_unimplemented(worker, path):
    with grpc.insecure_channel(worker.target) as channel, pytest.raises(grpc.RpcError) as caught:
        list(stub(channel, path)(iter([OPENING])))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_unary_method_not_known_is_unimplemented(worker):
    with grpc.insecure_channel(worker.target) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/a.B/C", request_serializer=bytes)(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def check(channel):
    return channel.unary_unary(
        HEALTH_PATH,
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )


def test_health(worker):
    with grpc.insecure_channel(worker.target) as channel:
        for service in ("", "envoy.service.ext_proc.v3.ExternalProcessor"):
            answer = check(channel)(HealthCheckRequest(service=service), timeout=30)
            assert answer.status == HealthCheckResponse.SERVING


def test_compressed_messages_are_refused_with_a_reason(process):
    call = process(iter([OPENING, body(bytes(5000))]), compression=grpc.Compression.Gzip)
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "compressed" in caught.value.details()


def test_a_server_that_drains_lets_streams_end_and_takes_no_others(worker):
    release = threading.Event()

    def messages() -> Iterator[ProcessingRequest]:
        yield OPENING
        release.wait(60)
        yield body(b"last")

    with grpc.insecure_channel(worker.target) as channel:
        call = stub(channel)(messages())
        next(call)
        drained = asyncio.run_coroutine_threadsafe(worker.server.drain(60), worker.loop)
        wait_for(lambda: not Path(worker.target.removeprefix("unix:")).exists())
        with pytest.raises(grpc.RpcError) as caught:
            list(stub(channel)(iter([OPENING]), timeout=1))
        assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
        assert not drained.done()
        release.set()
        assert [data_of(response) for response in call] == [b"echo last"]
        assert call.code() == grpc.StatusCode.OK
        drained.result(30)
