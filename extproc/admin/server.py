"""The admin app on a socket, inside a loop that is somebody else's.

Signals, logging and the loop are the process's business; uvicorn, which would set up each of them, is kept from it.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

_GRACE = 3
"""Seconds that answers under way get at the end."""


class PortInUse(Exception):
    """Somebody else listens there. The message is for the operator."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is already in use: set admin.port in gateway.yaml")
        self.host = host
        self.port = port


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the process's signal handlers alone."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. From here on connections wait in the kernel.

    Raises ``PortInUse``, and ``OSError`` where the address is not ours or the port needs a privilege.
    """
    try:
        return socket.create_server((host, port), family=_family(host), backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(host, port) from error
        raise


async def serve_on(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until cancelled, then let answers under way end. The socket is closed either way."""
    config = uvicorn.Config(
        app,
        access_log=False,
        http="httptools",
        lifespan="off",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        ws="none",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="admin-http")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    finally:
        listener.close()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
