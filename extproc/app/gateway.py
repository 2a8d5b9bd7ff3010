"""The supervisor: which children a gateway has, in which order they start and stop, and the admin server beside them.

Start: simulator, store, workers, admin, Envoy; each waits for the one before, so that the first request that can arrive
is served. Stop, the other way round: Envoy takes no new connections and lets requests end, then it goes, then the
workers, which settle what is left, then the store.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from extproc.admin.app import AdminDeps, create_app
from extproc.admin.health import WorkerState
from extproc.admin.server import PortInUse, bind, serve_on
from extproc.app import envoy as envoys
from extproc.app.children import Child, ChildSpec, stop_all, until
from extproc.app.office import Office
from extproc.app.plan import Plan, StartError, check_places
from extproc.app.rotation import follow
from extproc.app.rundir import RUN_DIR_VARIABLE, RunDir
from extproc.app.storage import STORE_SOCKET_VARIABLE, embedded_directory, is_embedded
from extproc.app.worker import CONFIG_VARIABLE, ROWS_VARIABLE
from extproc.state import embedded
from extproc.telemetry.events import EventLog, bridge_logging
from extproc.telemetry.exposition import Exposition, worker_environment
from extproc.transport.health import is_serving
from extproc.version import VERSION

_START_SECONDS = 30.0
"""What a child may take to be ready on a slow machine; normally it is under a second."""

_LONGEST_SOCKET_PATH = 103
"""Bytes: 107 on Linux, and four less on macOS (sun_path in sys/un.h)."""

_WATCH_SECONDS = 1.0
_PATIENCE = 5.0
"""Seconds a worker may take to answer its health check before it counts as hung: longer than one body of tens of MiB
keeps its event loop. Envoy sends it nothing new by then, but leaves the streams it has."""
_KILL_SECONDS = 5.0
"""What a child gets to end by itself once nothing is under way in it."""
_SETTLE_SECONDS = 10.0
"""The same for workers, which have the books to close."""


class Gateway:
    """One running gateway."""

    def __init__(self, plan: Plan, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._temporary = plan.run_dir is None
        self._run = RunDir(plan.run_dir or Path(tempfile.mkdtemp(prefix="llmgw-")))
        self._children: list[Child] = []
        self._workers: list[Child] = []
        self._envoy: Child | None = None
        self._envoy_port = 0
        self._config = _anonymous(plan.loaded.pack())
        self._listener: socket.socket | None = None
        self._admin: asyncio.Task[None] | None = None
        self._watchers: list[asyncio.Task[None]] = []
        self._exposition: Exposition | None = None
        self._office: Office | None = None
        self._lock: IO[str] | None = None
        self._store_lock: IO[str] | None = None
        self._store_env: dict[str, str] = {}
        self._stopping = False
        self._serving = False

    async def start(self) -> None:
        """Start everything. Raises ``StartError``."""
        plan = self._plan
        events = EventLog(sys.stderr)
        bridge_logging(events)
        exposition = self._exposition = self._prepare_folder()
        check_places(plan)
        try:
            self._listener = bind(plan.snapshot.admin_host, plan.snapshot.admin_port)
        except PortInUse as error:
            raise StartError(str(error)) from None
        except OSError as error:
            raise StartError(f"cannot listen on admin port {plan.snapshot.admin_port}: {error.strerror}") from None
        await self._start_simulator()
        await self._start_store()
        await self._start_workers()
        self._office = Office(plan.snapshot, {**os.environ, **self._store_env}, events)
        await self._office.start()
        app = create_app(
            AdminDeps(
                version=VERSION,
                snapshot=lambda: plan.snapshot,
                worker_health=self._worker_health,
                metrics=exposition.render,
                envoy_ready=self._is_serving if plan.envoy is not None else None,
                directory=self._office.service,
                reports=self._office.reports,
                templates=self._office.templates,
                alerts=self._office.alerts,
            )
        )
        self._admin = asyncio.create_task(serve_on(app, self._listener), name="admin")
        await self._start_envoy()

    def _prepare_folder(self) -> Exposition:
        root, workers = self._run.root, self._plan.snapshot.workers
        if (size := len(os.fsencode(self._run.socket(workers - 1)))) > _LONGEST_SOCKET_PATH:
            raise StartError(
                f"{root} is too long for a run folder: the workers' sockets would have paths of {size} bytes, and"
                f" {_LONGEST_SOCKET_PATH} are the most"
            )
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._lock = self._run.lock.open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Exposition(self._run.metrics)
        except BlockingIOError:
            raise StartError(f"another gateway runs in {root}; give this one a run folder of its own") from None
        except OSError as error:
            raise StartError(f"cannot use {root} as the run folder: {error.strerror}") from None

    async def _start_simulator(self) -> None:
        port = self._plan.simulator_port
        if port is None:
            return
        child = await self._spawn("simulator", (sys.executable, "-m", "extproc.app.simulate", str(port)))

        async def listening() -> bool:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            return False

        if not await until(listening, seconds=_START_SECONDS, child=child):
            raise StartError(f"the simulator does not listen on port {port}; its own message is above")

    async def _start_store(self) -> None:
        """The embedded one, where no other is configured."""
        if not is_embedded(self._plan.snapshot):
            return
        socket = self._run.store_socket
        try:
            directory = embedded_directory(self._plan.snapshot, os.environ)
            lock = self._store_lock = await embedded.take_directory(directory)
            argv = embedded.command(directory, socket)
        except embedded.EmbeddedError as error:
            raise StartError(str(error)) from None

        def ended(_pid: int, code: int) -> None:
            if code > 0 and self._store_env and not self._stopping:
                self._tell(embedded.fault(directory))

        child = await self._spawn("store", argv, on_exit=ended, pass_fds=(lock.fileno(),))
        if not await until(lambda: embedded.is_ready(socket), seconds=embedded.LOAD_SECONDS, child=child):
            raise StartError(embedded.fault(directory))
        self._store_env = {STORE_SOCKET_VARIABLE: str(socket)}

    async def _start_workers(self) -> None:
        assert self._exposition is not None
        config = self._config.fileno()
        env = {
            **self._store_env,
            **worker_environment(self._run.metrics),
            RUN_DIR_VARIABLE: str(self._run.root),
            CONFIG_VARIABLE: str(config),
        }
        if self._plan.rows is not None:
            env[ROWS_VARIABLE] = str(self._plan.rows)
        for index in range(self._plan.snapshot.workers):
            argv = (sys.executable, "-m", "extproc.app.worker", str(index))
            self._workers.append(await self._spawn(f"worker {index}", argv, env, self._worker_gone, (config,)))
        for index, worker in enumerate(self._workers):
            if not await until(lambda i=index: is_serving(self._run.socket(i)), seconds=_START_SECONDS, child=worker):
                raise StartError(f"worker {index} does not start; its own message is above")
        self._watchers = [
            asyncio.create_task(self._watch(index, worker), name=f"watch over {worker.spec.name}")
            for index, worker in enumerate(self._workers)
        ]

    async def _watch(self, index: int, worker: Child) -> None:
        """Kill a worker that hangs: its streams fail at once instead of waiting for timeouts, and it starts anew."""
        served: int | None = None
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            pid, socket = worker.pid, self._run.socket(index)
            if await is_serving(socket, timeout=_PATIENCE):
                served = pid
                continue
            # One that has not served yet is starting; one without a socket drains. Both end by themselves.
            hangs = served is not None and socket.exists() and not await is_serving(socket, timeout=_PATIENCE)
            if hangs and served == worker.pid:
                self._tell(f"{worker.spec.name} hangs; killing it")
                worker.kill()

    def _worker_gone(self, pid: int, code: int) -> None:
        assert self._exposition is not None
        self._exposition.worker_died(pid)
        if not self._stopping:
            self._exposition.worker_restarted("killed" if code < 0 else "exited")

    async def _start_envoy(self) -> None:
        plan = self._plan
        if plan.envoy is None:
            return
        self._envoy_port = envoys.free_port()
        where = envoys.placement(
            self._run,
            plan.snapshot.workers,
            self._envoy_port,
            access_log=plan.access_log,
            log_requests=plan.access_log is not None,
        )
        self._run.envoy_config.write_text(envoys.render_config(plan.snapshot, where))
        # What the workers leave of the processors, for they take the larger part.
        concurrency = max(1, (os.cpu_count() or 1) - plan.snapshot.workers)
        self._envoy = await self._spawn("envoy", envoys.command(plan.envoy, self._run, concurrency=concurrency))
        if not await until(self._envoy_ready, seconds=_START_SECONDS, child=self._envoy):
            fault = await envoys.validate(plan.envoy, self._run.envoy_config)
            raise StartError(f"Envoy does not start: {(fault or 'its own message is above').splitlines()[-1]}")
        self._serving = True
        if plan.access_log is not None:
            following = follow(plan.access_log, self._reopen_access_log)
            self._watchers.append(asyncio.create_task(following, name="rotation of the access log"))

    async def _reopen_access_log(self) -> bool:
        return await envoys.ask_admin(self._envoy_port, "/reopen_logs", method="POST") == 200

    async def _spawn(
        self,
        name: str,
        argv: Sequence[str],
        env: dict[str, str] | None = None,
        on_exit: Callable[[int, int], None] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Child:
        child = Child(ChildSpec(name, argv, env or {}, on_exit, pass_fds), self._tell)
        self._children.append(child)
        try:
            await child.start()
        except OSError as error:
            raise StartError(f"cannot run {argv[0]}: {error.strerror}") from None
        return child

    async def _worker_health(self) -> Sequence[WorkerState]:
        serving = await asyncio.gather(*(is_serving(self._run.socket(i)) for i in range(len(self._workers))))
        return [
            WorkerState(child.spec.name, ok, child.pid, None if ok else "no answer on its socket")
            for child, ok in zip(self._workers, serving, strict=True)
        ]

    async def _is_serving(self) -> bool:
        """Whether the start is over and Envoy takes requests."""
        return self._serving and await self._envoy_ready()

    async def _envoy_ready(self) -> bool:
        return not self._stopping and await envoys.ask_admin(self._envoy_port, "/ready") == 200

    async def stop(self) -> None:
        """Let requests under way end, then stop everything. Safe after a start that failed, or was given up, half-way."""
        self._stopping = True
        try:
            await self._stop_processes()
        finally:
            for held in filter(None, (self._config, self._listener, self._store_lock, self._lock)):
                held.close()
            if self._temporary:
                shutil.rmtree(self._run.root, ignore_errors=True)

    async def _stop_processes(self) -> None:
        loop = asyncio.get_running_loop()
        drained = loop.time() + self._plan.snapshot.drain
        for watcher in self._watchers:
            watcher.cancel()
        if self._envoy is not None:
            if self._serving and self._envoy.pid is not None:
                await self._drain_envoy()
            await self._envoy.stop(grace=_KILL_SECONDS)
        await stop_all(self._workers, grace=max(0.0, drained - loop.time()) + _SETTLE_SECONDS)
        if self._admin is not None:
            self._admin.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._admin
        if self._office is not None:
            await self._office.stop()
        rest = [child for child in self._children if child not in self._workers and child is not self._envoy]
        await stop_all(rest, grace=_KILL_SECONDS)

    async def _drain_envoy(self) -> None:
        """No new connections, idle ones closed; then wait for the requests under way."""
        if await envoys.ask_admin(self._envoy_port, "/drain_listeners?graceful&skip_exit", method="POST") is None:
            self._tell("Envoy does not answer; it is ended at the end of the drain time")

        async def idle() -> bool:
            return await envoys.active_requests(self._envoy_port) == 0

        if not await until(idle, seconds=self._plan.snapshot.drain, child=self._envoy):
            self._tell("requests that were still under way at the end of the drain time are cut")


def _anonymous(content: bytes) -> IO[bytes]:
    """A file that only its descriptor leads to. It is gone with the last process that has it, and holds secrets."""
    if sys.platform == "linux":
        file: IO[bytes] = os.fdopen(os.memfd_create("config"), "w+b")  # in memory only
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115  it stays open as long as the gateway runs
    file.write(content)
    file.flush()
    return file
