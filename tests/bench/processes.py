"""Child processes: started together, measured by ``/proc``, ended by their ids whatever happens.

https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PR_SET_PDEATHSIG = 1
_GRACE = 8.0
"""Seconds between SIGTERM and SIGKILL."""
_LOG_TAIL = 12


class StartError(Exception):
    """A child did not get ready; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Stat:
    """A line of ``/proc/<pid>/stat``: CPU seconds of user and system, resident bytes."""

    parent: int
    cpu: float
    rss: int


class Children:
    """The processes that this run has started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start one, with its output in a log file of that name. ``env`` is added to ours."""
        with self.log(name).open("wb") as log:
            return self._start(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def start_piped(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start one that is talked to; what it says on standard error is ours."""
        # Unbuffered, so that select() on its output knows of everything that has come.
        return self._start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def _start(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, **options
    ) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            argv,
            env={**os.environ, **(env or {})},
            # A session of its own: Ctrl-C reaches only us, and we end what we started, in order.
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  no threads here, and one call of the C library
            **options,
        )
        self._started.append(child)
        return child

    def log(self, name: str) -> Path:
        """Where the output of a child is."""
        return self.folder / f"{name}.log"

    def wait(self, name: str, child: subprocess.Popen[bytes], ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait for a child. Raises ``StartError`` when it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if child.poll() is not None:
                raise StartError(f"{name} ended with code {child.returncode}:\n{self._tail(name)}")
            if time.monotonic() > deadline:
                raise StartError(f"{name} is not ready after {seconds:g} s:\n{self._tail(name)}")
            time.sleep(0.05)

    def _tail(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_LOG_TAIL:])

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """End one child, and what it started itself."""
        family = tree(child.pid) if child.poll() is None else []
        _signal([child.pid] if child.poll() is None else [], signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
        _signal((pid for pid in family if stat(pid) is not None), signal.SIGKILL)
        child.wait()
        self._started.remove(child)

    def stop_all(self) -> None:
        """End all, the last one first."""
        for child in reversed(self._started.copy()):
            self.stop(child)


def _die_with_parent() -> None:
    """In the child, before exec: the kernel sends SIGTERM when we die, even of SIGKILL (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def stat(pid: int) -> Stat | None:
    """What ``/proc`` says of a process; None where it is gone, or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the name in parentheses, and may itself hold anything.
    fields = text.rpartition(")")[2].split()
    if fields[0] == "Z":
        return None
    return Stat(int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICK, int(fields[21]) * _PAGE)


def command_line(pid: int) -> str:
    """The arguments of a process, by spaces."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (found := stat(int(entry.name))) is not None:
            children.setdefault(found.parent, []).append(int(entry.name))
    family = [root]
    for pid in family:
        family += children.get(pid, ())
    return family


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time so far. A process that has gone counts as nothing: compare the lists before and after."""
    return sum(found.cpu for pid in pids if (found := stat(pid)) is not None)


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory; pages that processes share are counted in each."""
    return sum(found.rss for pid in pids if (found := stat(pid)) is not None)


def machine_busy() -> float:
    """CPU seconds that all processors together have spent on anything but waiting, stolen time included."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(field) for field in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICK


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
