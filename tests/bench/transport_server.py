"""An ext_proc service that does nothing, on either transport: ``python -m tests.bench.transport_server own|grpcio SOCKET``.

The same fixed replies, encoded and decoded by the same code, so that what differs is the transport alone.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import uvloop

from extproc.domain import names
from extproc.phases.events import (
    Event,
    Replies,
    RequestBody,
    RequestBodyReply,
    RequestHeaders,
    RequestHeadersReply,
    ResponseBody,
    ResponseBodyReply,
    ResponseHeaders,
    ResponseHeadersReply,
    ResponseTrailersReply,
)
from extproc.phases.ports import SystemClock
from extproc.transport import wire
from extproc.transport.pb.health_pb2 import HealthCheckResponse
from extproc.transport.server import HEALTH_PATH, PROCESS_PATH, GrpcServer

_MAX_MESSAGE = 64 * 1024 * 1024
_HANDOFF = "h" * 300
_ADMITTED = RequestBodyReply(
    set_headers=(("x-envoy-max-retries", "0"), ("x-envoy-upstream-rq-per-try-timeout-ms", "60000")),
    chain=(f"{names.CLUSTER_PREFIX}openai",),
    metadata={names.HANDOFF_KEY: _HANDOFF},
)


class Fixed:
    """A phase that sends every request to the provider and every answer back, as they are."""

    deadline: float | None = None

    def __init__(self, *, is_attempt: bool) -> None:
        self._is_attempt = is_attempt

    def handle(self, event: Event) -> Replies:
        """See ``Phase``."""
        match event:
            case RequestHeaders():
                return (RequestHeadersReply(),)
            case RequestBody():
                return (self._body(event.body) if self._is_attempt else _ADMITTED,)
            case ResponseHeaders():
                return (ResponseHeadersReply(set_headers=(("x-llmgw-provider", "openai"),)),)
            case ResponseBody():
                return (ResponseBodyReply(event.data, end=event.end),)
            case _:
                return (ResponseTrailersReply(),)

    def _body(self, body: bytes) -> RequestBodyReply:
        headers = (
            (":path", "/v1/chat/completions"),
            (":authority", "127.0.0.1"),
            ("authorization", "Bearer sk-provider"),
            ("content-length", str(len(body))),
        )
        return RequestBodyReply(set_headers=headers, body=body)

    def wake(self) -> Replies:
        """See ``Phase``."""
        return ()

    def close(self) -> None:
        """See ``Phase``."""


class _Crashes:
    def crashed(self, where: str, error: BaseException) -> None:
        print(f"{where}: {error!r}", file=sys.stderr)


async def _own(socket: Path, stop: asyncio.Event) -> None:
    server = GrpcServer(
        lambda is_attempt: Fixed(is_attempt=is_attempt), _Crashes(), SystemClock(), max_message=_MAX_MESSAGE
    )
    await server.start(socket)
    await stop.wait()
    await server.drain(1.0)


async def _process(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
    phase: Fixed | None = None
    async for payload in requests:
        event = wire.decode(payload)
        if phase is None:
            phase = Fixed(is_attempt=wire.is_attempt(event))
        for reply in phase.handle(event):
            yield wire.encode(reply)


async def _check(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
    return HealthCheckResponse(status=HealthCheckResponse.SERVING).SerializeToString()


async def _grpcio(socket: Path, stop: asyncio.Event) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", _MAX_MESSAGE)])
    for path, method in (
        (PROCESS_PATH, grpc.stream_stream_rpc_method_handler(_process)),
        (HEALTH_PATH, grpc.unary_unary_rpc_method_handler(_check)),
    ):
        service, _, name = path.removeprefix("/").partition("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: method}),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    await stop.wait()
    await server.stop(1.0)


async def _serve(kind: str, socket: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await {"own": _own, "grpcio": _grpcio}[kind](socket, stop)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], Path(sys.argv[2])))
