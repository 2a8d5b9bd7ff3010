"""Entry points: ``serve`` inside a running loop, ``run`` as a program of its own."""

import asyncio
import multiprocessing
import signal
import socket
import ssl
from collections.abc import Callable
from multiprocessing.synchronize import Semaphore
from types import FrameType

import uvloop

from extproc.simulator.call import World
from extproc.simulator.connection import Connection
from extproc.simulator.record import Recorder
from extproc.simulator.script import Script

BACKLOG = 1024
_START_CHECK = 0.2


class Server:
    """A simulator that listens. Made by ``serve``."""

    def __init__(self, listening: asyncio.Server, world: World, connections: set[Connection]) -> None:
        self._listening = listening
        self._connections = connections
        self.script: Script = world.script
        self.recorder: Recorder = world.recorder
        self.port: int = listening.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        self._listening.close()
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.never() for connection in connections))
        await self._listening.wait_closed()


async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    script: Script | None = None,
    tls: ssl.SSLContext | None = None,
    reuse_port: bool = False,
) -> Server:
    """Listen on ``host:port`` (0: a free one, see ``Server.port``) in the running loop. Raises ``OSError``."""
    world = World(script=script or Script())
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: Connection(world, connections), host, port, ssl=tls, reuse_port=reuse_port or None, backlog=BACKLOG
    )
    return Server(listening, world, connections)


def run(
    host: str = "127.0.0.1",
    port: int = 0,
    processes: int = 1,
    *,
    script: Script | None = None,
    ready: Callable[[int], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, on uvloop; ``ready`` is told the port when it listens.

    Several processes share the port, and each has scripts and records of its own. Raises ``OSError`` when the port is
    taken.
    """
    if processes <= 1:
        uvloop.run(_serve_until_signal(host, port, script, ready, shared=False))
        return
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    with socket.socket(family, socket.SOCK_STREAM) as reserved:
        # Bound but not listening: it keeps the port, and the kernel gives it no connections.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((host, port))
        _run_processes(host, reserved.getsockname()[1], processes, script, ready)


def _run_processes(
    host: str, port: int, processes: int, script: Script | None, ready: Callable[[int], None] | None
) -> None:
    context = multiprocessing.get_context("spawn")
    listening = context.Semaphore(0)
    children = [
        context.Process(target=_child, args=(host, port, script, listening), name=f"simulator {number}")
        for number in range(processes)
    ]

    def stop(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        for child in children:
            child.terminate()

    for child in children:
        child.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    for _ in children:
        while not listening.acquire(timeout=_START_CHECK):
            if not all(child.is_alive() for child in children):
                stop(signal.SIGTERM, None)
                raise RuntimeError("a simulator process did not start; its own message is above")
    if ready is not None:
        ready(port)
    for child in children:
        child.join()


def _child(host: str, port: int, script: Script | None, listening: Semaphore) -> None:
    def ready(_port: int) -> None:
        listening.release()

    uvloop.run(_serve_until_signal(host, port, script, ready, shared=True))


async def _serve_until_signal(
    host: str, port: int, script: Script | None, ready: Callable[[int], None] | None, *, shared: bool
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = await serve(host, port, script=script, reuse_port=shared)
    if ready is not None:
        ready(server.port)
    await stopped.wait()
    await server.close()
