"""One client's connection: HTTP/1.1 in, plans out. The only code that touches the socket."""

import asyncio
import contextlib
import fcntl
import logging
import socket
import struct
import termios
from collections import deque
from typing import cast

import httptools

from extproc.simulator import app
from extproc.simulator.player import immediate, perform
from extproc.simulator.record import RecordedRequest
from extproc.simulator.wire import Plan, Request, Whole

MAX_BODY = 256 * 1024 * 1024
"""Larger than any vendor takes, so that limits are the gateway's to keep."""
MAX_WAITING = 16
"""Requests parsed ahead of their answers; a client that sends more of them is cut off."""
_UNSENT_CHECKS = 50
_UNSENT_WAIT = 0.002
"""A reset throws away what the kernel has not sent: wait up to 0.1 s for it, then reset all the same."""

_log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """Parses requests, answers them one after the other, and notices when the client goes.

    The names ``on_*`` are httptools' callbacks.
    """

    def __init__(self, world: app.World, open_connections: "set[Connection]") -> None:
        self._world = world
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._record: RecordedRequest | None = None
        self._keep_alive = True
        self._paused: asyncio.Event | None = None
        self._gone = asyncio.Event()
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        # uvloop's and asyncio's stream transports are Transports, whatever the stub of the callback says.
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self)
        self._world.recorder.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended, by whomever."""
        del exc
        self._open.discard(self)
        self._world.recorder.open_connections -= 1
        self._gone.set()
        if self._paused is not None:
            self._paused.set()
        if self._task is not None and not self._task.done():
            self._task.cancel()
        if self._record is not None and self._record.closed_at is None:
            self._record.lost()

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(b"501 Not Implemented")
        except httptools.HttpParserError:
            self._refuse(b"400 Bad Request")
        # Not in the parser's callback, which would take an error of ours for one of the client's.
        if self._waiting and self._task is None:
            self._answer_waiting()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._paused = asyncio.Event()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._paused is not None:
            self._paused.set()
            self._paused = None

    # The parser's side.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url, self._headers, self._body, self._size = b"", [], [], 0

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """A client may wait for leave to send its body."""
        for name, value in self._headers:
            if name.lower() == b"expect" and value.lower() == b"100-continue":
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._size += len(body)
        if self._size > MAX_BODY:
            self._refuse(b"413 Content Too Large")
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A request is whole: its turn comes after those before it."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        http11 = self._parser.get_http_version() == "1.1"
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, self._url.decode("latin-1"), self._headers, body, http11=http11)
        if len(self._waiting) >= MAX_WAITING:
            self._transport.abort()
            return
        self._waiting.append((request, http11 and self._parser.should_keep_alive()))

    # The player's side: see ``player.Outlet``.

    def write(self, data: bytes) -> None:
        """See ``Outlet.write``."""
        self._transport.write(data)

    async def drain(self) -> None:
        """See ``Outlet.drain``."""
        paused = self._paused
        if paused is not None:
            await paused.wait()
        # uvloop joins the writes of one turn of the loop; the next turn sends them.
        await asyncio.sleep(0)

    async def never(self) -> None:
        """See ``Outlet.never``."""
        await self._gone.wait()

    async def reset(self) -> None:
        """See ``Outlet.reset``."""
        if self._record is not None:
            self._record.finish("fault")
        for _ in range(_UNSENT_CHECKS):
            if self._transport.is_closing() or not self._unsent():
                break
            await asyncio.sleep(_UNSENT_WAIT)
        with contextlib.suppress(OSError), self._socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def finish(self) -> None:
        """See ``Outlet.finish``."""
        if self._record is not None:
            self._record.finish("complete")
            self._record = None
        if not self._keep_alive:
            self._transport.close()

    # Answering.

    def abort(self) -> None:
        """Close without ceremony: the server stops."""
        self._transport.abort()

    def _answer_waiting(self) -> None:
        while self._waiting and self._task is None and not self._transport.is_closing():
            request, self._keep_alive = self._waiting.popleft()
            plan, record = app.answer(self._world, request)
            self._record = record
            if isinstance(plan.reply, Whole) and (record is None or plan.behaviour.immediate):
                self._transport.write(immediate(plan.reply, plan.behaviour))
                if record is not None:
                    record.output_tokens_sent = plan.reply.tokens
                self.finish()
            elif record is not None:
                self._spawn(plan, record, request)

    def _spawn(self, plan: Plan, record: RecordedRequest, request: Request) -> None:
        coroutine = perform(self, plan, record, http11=request.http11)
        self._task = asyncio.get_running_loop().create_task(coroutine, name=f"answer {record.number}")
        self._task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)
            self._transport.abort()
            return
        self._answer_waiting()

    def _refuse(self, status: bytes) -> None:
        """Not HTTP that can be answered: say so and close."""
        if self._transport.is_closing():
            return
        self._transport.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self._transport.close()

    def _socket(self) -> socket.socket:
        """The socket under the transport, TLS or not, as an object of its own."""
        inner = self._transport.get_extra_info("socket")
        return socket.socket(fileno=socket.dup(inner.fileno()))

    def _unsent(self) -> int:
        """Bytes that the transport or the kernel still holds."""
        waiting = self._transport.get_write_buffer_size()
        with contextlib.suppress(OSError), self._socket() as sock:
            answer = fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0\0\0\0")
            waiting += struct.unpack("i", answer)[0]
        return waiting
