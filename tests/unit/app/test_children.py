"""Supervision, on real processes that live for milliseconds."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from extproc.app import children
from extproc.app.children import Child, ChildSpec, stop_all, until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Pauses of milliseconds."""
    monkeypatch.setattr(children, "_FIRST_PAUSE", 0.002)
    monkeypatch.setattr(children, "_LONGEST_PAUSE", 0.016)


class Log:
    """What the supervisor says, and what it hears of exits."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.exits: list[tuple[int, int]] = []

    def exited(self, pid: int, code: int) -> None:
        self.exits.append((pid, code))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def start(log) -> AsyncIterator[Callable]:
    """Start a child that runs a shell script."""
    running: list[Child] = []

    async def run(script: str, *, program: str = "sh", **env: str) -> Child:
        child = Child(ChildSpec("child", (program, "-c", script), env, log.exited), log.said.append)
        running.append(child)
        await child.start()
        return child

    yield run
    await stop_all(running, grace=0.1)


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  processes have no events here
            await asyncio.sleep(0.001)


async def lines(path: Path, count: int) -> list[str]:
    """The file, once it has so many lines."""
    await eventually(lambda: path.exists() and path.read_text().count("\n") >= count)
    return path.read_text().splitlines()


async def test_a_child_has_our_environment_and_its_own(start, tmp_path, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    out = tmp_path / "out"
    await start(f'echo "$OURS $ITS" > {out}; exec sleep 30', ITS="2")
    assert await lines(out, 1) == ["1 2"]


async def test_a_child_that_ends_is_started_again(start, log, tmp_path):
    out = tmp_path / "out"
    child = await start(f"echo $$ >> {out}; exit 3")
    pids = await lines(out, 3)
    assert len(set(pids)) == len(pids)
    await eventually(lambda: len(log.exits) >= 2)
    assert log.exits[0] == (int(pids[0]), 3)
    assert log.said[0] == "child ended with exit code 3; starting it again"
    await child.stop(1)
    assert child.pid is None


async def test_a_child_that_is_killed_is_started_again(start, log):
    child = await start("exec sleep 30")
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: child.pid not in {None, first})
    assert log.exits == [(first, -signal.SIGKILL)]
    assert log.said == ["child ended with signal SIGKILL; starting it again"]


async def test_a_child_that_hangs_is_killed_on_demand(start, log):
    child = await start("trap '' TERM; while :; do sleep 30; done")
    first = child.pid
    child.kill()
    await eventually(lambda: child.pid not in {None, first})
    assert [code for _, code in log.exits] == [-signal.SIGKILL]


async def test_the_pause_grows_while_it_keeps_ending(start, monkeypatch):
    pauses = []
    waited = Child._started_again

    async def noted(self, pause):
        pauses.append(pause)
        return await waited(self, pause)

    monkeypatch.setattr(Child, "_started_again", noted)
    await start("exit 0")
    await eventually(lambda: len(pauses) >= 5)
    assert pauses[:5] == [0.004, 0.008, 0.016, 0.016, 0.016]


async def test_the_pause_is_short_again_for_one_that_ran_well(start, monkeypatch):
    pauses = []
    waited = Child._started_again

    async def noted(self, pause):
        pauses.append(pause)
        return await waited(self, pause)

    monkeypatch.setattr(Child, "_started_again", noted)
    monkeypatch.setattr(children, "_STEADY", 0.0)
    await start("exit 0")
    await eventually(lambda: len(pauses) >= 3)
    assert set(pauses) == {0.002}


async def test_a_program_that_does_not_exist_is_the_callers_to_report(start):
    with pytest.raises(FileNotFoundError):
        await start("", program="/nonexistent/program")


async def test_a_program_that_disappears_is_looked_for_until_it_is_back(log, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    child = Child(ChildSpec("child", (str(program),)), log.said.append)
    await child.start()
    program.rename(tmp_path / "moved")
    gone = "child cannot be started: No such file or directory; trying again"
    await eventually(lambda: log.said.count(gone) >= 2)
    (tmp_path / "moved").write_text("#!/bin/sh\nexec sleep 30\n")
    (tmp_path / "moved").rename(program)
    await eventually(lambda: child.pid is not None)
    await child.stop(1)
    assert child.pid is None


# -- stop ---------------------------------------------------------------------------------------------------------------------


async def test_stop_asks_first(start, log, tmp_path):
    out = tmp_path / "out"
    child = await start(f"trap 'echo asked >> {out}; exit 7' TERM; echo ready >> {out}; while :; do sleep 0.01; done")
    await lines(out, 1)
    await child.stop(5)
    assert await lines(out, 2) == ["ready", "asked"]
    assert [code for _, code in log.exits] == [7]
    assert log.said == []
    assert child.pid is None


async def test_stop_kills_what_does_not_listen(start, log, tmp_path):
    out = tmp_path / "out"
    child = await start(f"trap '' TERM; echo ready >> {out}; while :; do sleep 0.01; done")
    await lines(out, 1)
    async with asyncio.timeout(30):
        await child.stop(0.02)
    assert [code for _, code in log.exits] == [-signal.SIGKILL]


async def test_stop_twice_is_no_fault(start, log):
    child = await start("exec sleep 30")
    await child.stop(30)
    await child.stop(30)
    child.kill()
    assert [code for _, code in log.exits] == [-signal.SIGTERM]


async def test_a_child_that_was_never_started_can_be_stopped(log):
    child = Child(ChildSpec("child", ("true",)), log.said.append)
    child.kill()
    await child.stop(1)
    assert (child.pid, log.said, log.exits) == (None, [], [])


async def test_stop_does_not_wait_for_the_pause(start, log, monkeypatch):
    monkeypatch.setattr(children, "_FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(children, "_LONGEST_PAUSE", 3600.0)
    child = await start("exit 1")
    await eventually(lambda: log.said)
    async with asyncio.timeout(30):
        await child.stop(1)
    assert child.pid is None


async def test_stop_while_it_is_being_started_again_leaves_nothing_running(start, log, monkeypatch):
    """``stop`` sees the old process only; the new one must not live on, nor be waited for."""
    spawn, pids = Child._spawn, []
    starting, go = asyncio.Event(), asyncio.Event()

    async def slow(self):
        if pids:
            starting.set()
            await go.wait()
        await spawn(self)
        pids.append(self.pid)

    monkeypatch.setattr(Child, "_spawn", slow)
    child = await start("test $AGAIN || exit 1; exec sleep 30")
    child.spec.env["AGAIN"] = "1"
    await starting.wait()
    stopping = asyncio.create_task(child.stop(1))
    await asyncio.sleep(0)
    go.set()
    async with asyncio.timeout(30):
        await stopping
    assert len(pids) == 2
    assert child.pid is None
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_several_are_stopped_at_once(start, log, tmp_path):
    """Each ends once all of them have been told to; one after the other, the first would have to be killed."""
    ready, told = tmp_path / "ready", tmp_path / "told"
    told.touch()
    script = (
        f"trap 'echo told >> {told}' TERM; echo ready >> {ready}; "
        f'until [ "$(wc -l < {told})" -ge 3 ]; do sleep 0.01; done'
    )
    several = [await start(script) for _ in range(3)]
    await lines(ready, 3)
    await stop_all(several, grace=30)
    assert [code for _, code in log.exits] == [0, 0, 0]


# -- sessions, and the end of the supervisor ----------------------------------------------------------------------------------


async def test_a_child_has_a_session_of_its_own(start):
    """Ctrl-C reaches the supervisor only."""
    child = await start("exec sleep 30")
    assert os.getsid(child.pid) == child.pid
    assert os.getsid(child.pid) != os.getsid(0)


SUPERVISOR = """
import asyncio, sys
from extproc.app.children import Child, ChildSpec
async def main():
    child = Child(ChildSpec("child", ("sleep", "30")), print)
    await child.start()
    print(child.pid, flush=True)
    await asyncio.sleep(30)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of others has no such signal")
def test_children_do_not_outlive_a_supervisor_that_is_killed():
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(supervisor.stdout.readline()))
    assert child.is_running()
    supervisor.kill()
    supervisor.communicate()
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


# -- until --------------------------------------------------------------------------------------------------------------------


async def test_until_it_is_so():
    asked = []

    async def third_time() -> bool:
        asked.append(1)
        return len(asked) == 3

    assert await until(third_time, seconds=30)
    assert len(asked) == 3


async def never() -> bool:
    return False


async def test_until_it_is_too_late():
    assert not await until(never, seconds=0.03)


async def test_until_the_child_is_gone(start, monkeypatch):
    monkeypatch.setattr(children, "_FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(children, "_LONGEST_PAUSE", 3600.0)
    child = await start("exit 1")
    async with asyncio.timeout(30):
        assert not await until(never, seconds=3600, child=child)


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal SIGKILL"), (-15, "signal SIGTERM"), (-40, "signal 40")],
)
def test_how_a_child_ended_in_words(code, text):
    assert children._exit_text(code) == text
