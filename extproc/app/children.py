"""Start, watch, restart and stop child processes.

A child that ends without being asked is started again, after a pause that grows while it keeps ending. Children are in
sessions of their own, so Ctrl-C reaches the supervisor only, and they end with it, however it ends (on Linux).
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_STEADY = 10.0
"""Seconds after which a child counts as having started well: its next end is a new story."""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # loaded here: between fork and exec as little as possible may happen


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start a child. ``env`` is added to ours. ``on_exit`` is told pid and exit code once the process is gone.

    ``pass_fds``: descriptors that it inherits, such as a lock that is to last as long as the child does.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    on_exit: Callable[[int, int], None] | None = None
    pass_fds: Sequence[int] = ()


class Child:
    """A child process that is kept alive until it is stopped."""

    def __init__(self, spec: ChildSpec, tell: Callable[[str], None]) -> None:
        self.spec = spec
        self.pid: int | None = None
        self._tell = tell
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and watch it. Raises ``OSError`` where the program cannot be run."""
        await self._spawn()
        self._watch = asyncio.create_task(self._keep_alive(), name=f"watch {self.spec.name}")

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self.spec.argv,
            env={**os.environ, **self.spec.env},
            start_new_session=True,
            pass_fds=self.spec.pass_fds,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self.pid = self._process.pid

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            assert self._process is not None
            began = loop.time()
            code = await self._process.wait()
            pid, self.pid = self._process.pid, None
            if self.spec.on_exit is not None:
                self.spec.on_exit(pid, code)
            if self._stopping.is_set():
                return
            pause = _FIRST_PAUSE if loop.time() - began > _STEADY else min(pause * 2, _LONGEST_PAUSE)
            self._tell(f"{self.spec.name} ended with {_exit_text(code)}; starting it again")
            while not await self._started_again(pause):
                if self._stopping.is_set():
                    return
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _started_again(self, pause: float) -> bool:
        """Whether it runs again, after the pause: not where it is to stop meanwhile, or cannot be run."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stopping.wait()
                return False
        try:
            await self._spawn()
        except OSError as error:
            self._tell(f"{self.spec.name} cannot be started: {error.strerror}; trying again")
            return False
        if self._stopping.is_set():
            self.kill()  # ``stop`` has seen the old process only, and this one has done nothing yet
        return True

    def kill(self) -> None:
        """SIGKILL: it hangs. It is started again like any child that ends."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(grace):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
        if self._watch is not None:
            await self._watch


async def stop_all(children: Sequence[Child], grace: float) -> None:
    """Stop several at once."""
    await asyncio.gather(*(child.stop(grace) for child in children))


async def until(ready: Callable[[], Awaitable[bool]], *, seconds: float, child: Child | None = None) -> bool:
    """Wait for a condition; False where it does not come in time, or ``child`` has ended before."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not await ready():
                if child is not None and child.pid is None:
                    return False
                await asyncio.sleep(0.02)
            return True
    return False


def _exit_text(code: int) -> str:
    names = {number.value: number.name for number in signal.Signals}  # real-time signals have none
    return f"signal {names.get(-code, -code)}" if code < 0 else f"exit code {code}"


def _die_with_parent() -> None:
    """In the child, before exec: the kernel sends SIGTERM when the supervisor dies, even of SIGKILL."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
