"""An access log that is moved away is opened anew, by whoever writes it."""

import asyncio
import contextlib

from extproc.app.rotation import follow


class Writer:
    """Makes the file when told to, once it listens."""

    def __init__(self, path, *, deaf=0):
        self.path, self.deaf, self.asked = path, deaf, 0
        self.done = asyncio.Event()

    async def reopen(self):
        self.asked += 1
        if self.asked <= self.deaf:
            return False
        self.path.touch()
        self.done.set()
        return True


@contextlib.asynccontextmanager
async def following(writer):
    task = asyncio.create_task(follow(writer.path, writer.reopen, every=0))
    await asyncio.sleep(0)  # it has looked once
    try:
        yield
    finally:
        task.cancel()


async def looks(times=50):
    for _ in range(times):
        await asyncio.sleep(0)


async def test_a_file_that_is_moved_away_is_opened_anew_until_it_is_there_and_then_no_more(tmp_path):
    path = tmp_path / "access.log"
    path.touch()
    writer = Writer(path, deaf=3)
    async with following(writer):
        await looks()
        assert writer.asked == 0
        path.rename(tmp_path / "access.log.1")
        await writer.done.wait()
        await looks()
    assert writer.asked == 4


async def test_another_file_in_its_place_is_noticed(tmp_path):
    path = tmp_path / "access.log"
    path.touch()
    writer = Writer(path)
    async with following(writer):
        path.rename(tmp_path / "access.log.1")
        path.touch()
        await writer.done.wait()
        await looks()
    assert writer.asked == 1
