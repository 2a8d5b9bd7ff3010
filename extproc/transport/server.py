"""asyncio and unix sockets: puts a phase on each ext_proc stream, answers health checks, drains.

Counterparts: ``http2`` below, ``wire`` beside, ``extproc.phases`` above. Messages of one stream are handled in order;
a phase that has to wait holds back its own stream only.
"""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, cast

from extproc.phases.events import Abort, Event, Phase, Replies
from extproc.phases.ports import Clock
from extproc.transport import frames, wire
from extproc.transport.calls import Http2Event, MessageReceived, StreamEnded, StreamOpened
from extproc.transport.frames import Http2Error
from extproc.transport.http2 import Http2Connection
from extproc.transport.pb.health_pb2 import HealthCheckResponse

PROCESS_PATH = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
HEALTH_PATH = "/grpc.health.v1.Health/Check"

_QUEUE_LIMIT = 4096
"""Events one stream may have waiting behind an awaitable. Envoy sends at most a body ahead; more is a bug."""


class Observer(Protocol):
    """Who is told of what should not happen."""

    def crashed(self, where: str, error: BaseException) -> None:
        """A phase raised what it should not have; its stream was ended with an error."""
        ...


PhaseFactory = Callable[[bool], Phase]
"""Takes whether the stream serves the attempt phase."""


class GrpcServer:
    """Serves ``ExternalProcessor.Process`` and ``Health.Check`` on a unix socket.

    ``max_message``: bytes of the largest message taken; a buffered request body is one message.
    """

    def __init__(self, new_phase: PhaseFactory, observer: Observer, clock: Clock, *, max_message: int) -> None:
        self.new_phase = new_phase
        self.observer = observer
        self.clock = clock
        self.max_message = max_message
        self.serving = True
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._inode = 0
        self._idle = asyncio.Event()

    async def start(self, path: Path) -> None:
        """Listen at ``path``; a stale socket there is replaced. Raises ``OSError``."""
        path.unlink(missing_ok=True)  # noqa: ASYNC240  once, before anything is served
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Connection(self), str(path))
        self._path, self._inode = path, path.stat().st_ino  # noqa: ASYNC240  as above

    @property
    def open_streams(self) -> int:
        """Calls under way over all connections."""
        return sum(connection.http2.open_streams for connection in self.connections)

    async def drain(self, grace: float) -> None:
        """Stop taking streams, let those under way end, for ``grace`` seconds at most; then close all."""
        self.serving = False
        if self._server is not None:
            self._unlink()  # while the socket is open, for only so long is its inode nobody else's
            self._server.close()
        for connection in list(self.connections):
            connection.goaway()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self.open_streams:
                    self._idle.clear()
                    await self._idle.wait()
        for connection in list(self.connections):
            connection.goodbye()

    def stream_gone(self) -> None:
        """A stream has ended, or may have; a drain may be over."""
        self._idle.set()

    def _unlink(self) -> None:
        """Remove our socket, unless a successor has put its own there already."""
        assert self._path is not None
        with contextlib.suppress(OSError):
            if os.stat(self._path).st_ino == self._inode:  # noqa: PTH116  one call, no second object
                self._path.unlink()


class _Connection(asyncio.Protocol):
    """One connection from Envoy."""

    def __init__(self, server: GrpcServer) -> None:
        self.server = server
        self.http2 = Http2Connection(max_message=server.max_message)
        self._calls: dict[int, _Call] = {}
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.server.connections.add(self)
        if not self.server.serving:
            self.http2.goaway()
        self.flush()

    def data_received(self, data: bytes) -> None:
        try:
            events = self.http2.receive(data)
        except Http2Error as error:
            self.server.observer.crashed("http2", error)
            self.http2.fail(error)
            self.flush()
            self.abort()
            return
        for event in events:
            self._on_event(event)
        self.flush()
        if not self.server.serving:
            self.server.stream_gone()  # streams also end here without a call: health checks, answers that waited

    def _on_event(self, event: Http2Event) -> None:
        stream_id = event.stream_id
        if isinstance(event, MessageReceived):
            if (call := self._calls.get(stream_id)) is not None:
                call.receive(event.payload)
        elif isinstance(event, StreamOpened):
            if event.path == PROCESS_PATH:
                self._calls[stream_id] = _Call(self, stream_id)
            elif event.path != HEALTH_PATH:
                self.http2.end(stream_id, frames.GRPC_UNIMPLEMENTED, "unknown method")
        elif isinstance(event, StreamEnded):
            if (call := self._calls.get(stream_id)) is not None:
                call.finish()
            else:
                self._health(stream_id)
        elif (call := self._calls.get(stream_id)) is not None:
            call.close()

    def _health(self, stream_id: int) -> None:
        state = HealthCheckResponse.SERVING if self.server.serving else HealthCheckResponse.NOT_SERVING
        self.http2.send(stream_id, HealthCheckResponse(status=state).SerializeToString())
        self.http2.end(stream_id)

    def forget(self, stream_id: int) -> None:
        """The call is over."""
        self._calls.pop(stream_id, None)
        self.server.stream_gone()

    def flush(self) -> None:
        """Write what there is to write."""
        output = self.http2.take_output()
        if output:
            self._transport.write(output)

    def goaway(self) -> None:
        """Ask Envoy for no more streams here."""
        self.http2.goaway()
        self.flush()

    def abort(self) -> None:
        """End all calls, and close behind what was written."""
        self._close_calls()
        self._transport.close()

    def goodbye(self) -> None:
        """Close, with a word on which streams were seen."""
        self.http2.goodbye()
        self.flush()
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self.server.connections.discard(self)
        self._close_calls()
        self.server.stream_gone()

    def _close_calls(self) -> None:
        for call in list(self._calls.values()):
            call.close()


class _Call:
    """One ext_proc stream and its phase."""

    __slots__ = (
        "_closed",
        "_connection",
        "_ended",
        "_fires_at",
        "_phase",
        "_queue",
        "_stream_id",
        "_timer",
        "_waits_for",
    )

    def __init__(self, connection: _Connection, stream_id: int) -> None:
        self._connection = connection
        self._stream_id = stream_id
        self._phase: Phase | None = None
        self._waits_for: asyncio.Future[Replies] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = 0.0
        self._queue: deque[bytes] = deque()
        self._ended = False
        self._closed = False

    def receive(self, payload: bytes) -> None:
        """The next message. The only blind except of the service: it logs, answers and counts."""
        if self._waits_for is not None:
            if len(self._queue) >= _QUEUE_LIMIT:
                self._crash(OverflowError(f"{_QUEUE_LIMIT} messages are waiting"))
            else:
                self._queue.append(payload)
            return
        try:
            event = wire.decode(payload)
            self._take(self._start(event).handle(event))
        except Exception as error:  # noqa: BLE001  see the docstring
            self._crash(error)

    def _start(self, event: Event) -> Phase:
        if self._phase is None:
            self._phase = self._connection.server.new_phase(wire.is_attempt(event))
        return self._phase

    def _take(self, result: Replies | Awaitable[Replies]) -> None:
        """What a phase gave: send it, or wait for it."""
        if isinstance(result, tuple):
            self._answer(result)
        else:
            self._waits_for = asyncio.ensure_future(result)
            self._waits_for.add_done_callback(self._resume)

    def _resume(self, future: asyncio.Future[Replies]) -> None:
        """What the phase waited for is there; go on with the events that waited behind it."""
        if self._closed:
            if not future.cancelled():
                future.exception()  # asked for, so that asyncio does not log what nobody wants any more
            return
        self._waits_for = None
        try:
            self._answer(future.result())
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  as in receive
            self._crash(error)
        while self._queue and self._waits_for is None:
            self.receive(self._queue.popleft())
        if self._ended and self._waits_for is None and not self._closed:
            self._finish()
        self._connection.flush()

    def _answer(self, replies: Replies) -> None:
        for reply in replies:
            if isinstance(reply, Abort):
                self._connection.http2.end(self._stream_id, frames.GRPC_ABORTED, "aborted")
                self.close()
                return
            if not self._connection.http2.send(self._stream_id, wire.encode(reply)):
                self.close()  # reset by Envoy just now, or given up because Envoy reads nothing
                return
        self._arm()

    def _arm(self) -> None:
        """Set the timer to the phase's deadline; one that moved away is looked at again when the old one fires."""
        deadline = self._phase.deadline if self._phase is not None else None
        if deadline is None:
            return
        if self._timer is not None:
            if deadline >= self._fires_at:
                return
            self._timer.cancel()
        self._fires_at = deadline
        delay = max(0.0, deadline - self._connection.server.clock.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._waits_for is not None or self._phase is None or self._phase.deadline is None:
            return  # whoever answers next sets it again
        if self._connection.server.clock.monotonic() >= self._phase.deadline:
            try:
                self._take(self._phase.wake())
            except Exception as error:  # noqa: BLE001  as in receive
                self._crash(error)
            self._connection.flush()
        else:
            self._arm()

    def finish(self) -> None:
        """Envoy has sent its last message; close when all are handled."""
        self._ended = True
        if self._waits_for is None:
            self._finish()

    def _finish(self) -> None:
        self._connection.http2.end(self._stream_id)
        self.close()

    def _crash(self, error: BaseException) -> None:
        self._connection.server.observer.crashed("phase", error)
        self._connection.http2.end(self._stream_id, frames.GRPC_INTERNAL, "internal error")
        self.close(crashed=True)

    def close(self, *, crashed: bool = False) -> None:
        """The stream is over, whatever ended it."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._waits_for is not None:
            self._waits_for.cancel()
        self._queue.clear()
        server = self._connection.server
        try:
            if self._phase is not None:
                self._phase.close(crashed=crashed)
        except Exception as error:  # noqa: BLE001  as in receive
            server.observer.crashed("close", error)
        self._connection.forget(self._stream_id)
