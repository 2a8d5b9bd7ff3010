"""What was flushed survives any end of the process, and whoever finds it gets it once."""

import asyncio
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from zlib import crc32

import pytest

from extproc.state.journal import Journal, JournalFull, adopt, new_path

LINES = [b'{"n":%d}' % n for n in range(100)] + [b"", b"\r \xff\x00"]

DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from extproc.state.journal import Journal, new_path
async def main():
    journal = Journal(new_path(Path(sys.argv[1])))
    for n in range(50):
        journal.append(b"line %d" % n)
    await journal.flush()
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


@pytest.fixture
def journal(tmp_path):
    one = Journal(tmp_path / "j" / "one.journal")
    yield one
    one.close()


async def test_lines_come_back_in_order(journal):
    for line in LINES:
        journal.append(line)
    await journal.flush()
    assert journal.read_all() == LINES
    assert journal.damaged == []
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700
    assert journal.path.stat().st_mode & 0o777 == 0o600


async def test_flush_is_about_the_lines_before_it(journal):
    await journal.flush()
    for line in LINES:
        journal.append(line)
        await journal.flush()
    assert journal.read_all() == LINES


async def test_closing_writes_what_is_left(tmp_path):
    path = tmp_path / "one.journal"
    first = Journal(path)
    for line in LINES:
        first.append(line)
    first.close()
    second = Journal(path)
    second.append(b"more")
    await second.flush()
    assert second.read_all() == [*LINES, b"more"]
    second.close(remove=True)
    assert not path.exists()


@pytest.mark.parametrize("cut", range(1, 14))
async def test_a_torn_last_line_is_left_out_and_written_over(tmp_path, cut):
    path = tmp_path / "one.journal"
    first = Journal(path)
    first.append(b"whole")
    first.append(b"torn")
    first.close()
    path.write_bytes(path.read_bytes()[:-cut])
    second = Journal(path)
    assert second.read_all() == [b"whole"]
    second.append(b"next")
    await second.flush()
    assert second.read_all() == [b"whole", b"next"]
    second.close()


async def test_a_line_that_is_not_what_was_written_is_left_out_and_counted(tmp_path):
    path = tmp_path / "one.journal"
    first = Journal(path)
    for line in (b"one", b"two", b"three"):
        first.append(line)
    first.close()
    path.write_bytes(path.read_bytes().replace(b"two", b"\0\0\0"))
    second = Journal(path)
    assert second.read_all() == [b"one", b"three"]
    assert second.damaged == [b"%08x \0\0\0" % crc32(b"two")]
    second.close()


def test_a_line_has_no_line_break(journal):
    with pytest.raises(ValueError, match="line break"):
        journal.append(b"a\nb")


async def test_the_limit_refuses_the_line_and_keeps_the_others(tmp_path):
    journal = Journal(tmp_path / "one.journal", limit=40)
    journal.append(b"0123456789")
    journal.append(b"0123456789")
    with pytest.raises(JournalFull, match="40 bytes"):
        journal.append(b"0")
    await journal.flush()
    assert journal.read_all() == [b"0123456789"] * 2
    assert journal.truncate()
    journal.append(b"0123456789")
    journal.close()


async def test_what_was_replayed_is_forgotten_unless_more_has_come(journal):
    replayed = journal.append(b"one")
    later = journal.append(b"two")
    assert not journal.truncate(replayed)
    await journal.flush()
    assert journal.read_all() == [b"one", b"two"]
    assert journal.truncate(later)
    assert journal.read_all() == []
    after = journal.append(b"three")
    assert after > later
    await journal.flush()
    assert journal.read_all() == [b"three"]


async def test_forgetting_while_the_thread_writes(journal):
    for n in range(300):
        journal.append(b"x" * 1000)
        if n % 7 == 0:
            await asyncio.sleep(0)
        if n % 3 == 0:
            journal.truncate()
    journal.append(b"last")
    await journal.flush()
    assert journal.read_all()[-1] == b"last"
    assert journal.damaged == []
    journal.truncate()
    await journal.flush()
    journal.append(b"alone")
    await journal.flush()
    assert journal.read_all() == [b"alone"]


async def test_a_disk_that_refuses_is_told_and_the_lines_are_kept(journal):
    journal.append(b"before")
    await journal.flush()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path.stat().st_size + 5, hard))
    try:
        journal.append(b"does not fit")
        with pytest.raises(OSError, match="too large"):
            await journal.flush()
        assert journal.read_all() == [b"before"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await journal.flush()
    assert journal.read_all() == [b"before", b"does not fit"]


async def test_what_is_set_aside_is_adopted_by_nobody_but_who_renames_it(journal):
    journal.append(b"one")
    await journal.flush()
    aside = journal.set_aside([b"two", b""])
    assert journal.set_aside([b"three"]) == aside == journal.path.with_suffix(".rejected")
    assert aside.stat().st_mode & 0o777 == 0o600
    assert journal.read_all() == [b"one"]
    assert adopt(journal.path.parent) == []
    aside.rename(journal.path.with_name("other.journal"))
    (adopted,) = adopt(journal.path.parent)
    assert adopted.read_all() == [b"two", b"", b"three"]
    adopted.close(remove=True)


async def test_all_that_a_journal_can_hold_can_be_set_aside_but_not_without_end(tmp_path):
    journal = Journal(tmp_path / "one.journal", limit=100)
    lines = [b""] * 10
    for line in lines:
        journal.append(line)
    journal.set_aside(lines)
    aside = journal.set_aside([b"%08x " % crc32(b"")] * 5)
    before = aside.read_bytes()
    with pytest.raises(JournalFull, match="200 bytes"):
        journal.set_aside([b""] * 2)
    assert aside.read_bytes() == before
    journal.close()


async def test_a_disk_that_refuses_what_is_set_aside_leaves_what_was_there(journal):
    aside = journal.set_aside([b"one"])
    before = aside.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.set_aside([b"does not fit"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert aside.read_bytes() == before


async def test_a_flush_that_nobody_waits_for_any_more_stops_nothing(journal):
    for n in range(200):
        journal.append(b"%d" % n)
        waiting = asyncio.create_task(journal.flush())
        await asyncio.sleep(0)
        waiting.cancel()
    await journal.flush()
    assert len(journal.read_all()) == 200


def test_the_lines_of_a_killed_process_are_taken_over(tmp_path):
    died = subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    (adopted,) = adopt(tmp_path)
    assert adopted.read_all() == [b"line %d" % n for n in range(50)]
    assert adopt(tmp_path) == []  # it is ours now
    adopted.close(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_the_journal_of_a_living_process_is_left_alone(tmp_path):
    mine = Journal(new_path(tmp_path))
    mine.append(b"x")
    assert adopt(tmp_path) == []
    with pytest.raises(BlockingIOError):
        Journal(mine.path)
    mine.close()
    (found,) = adopt(tmp_path)
    found.close()


def test_one_that_cannot_be_opened_is_told_once_and_keeps_none_of_the_others_waiting(tmp_path, caplog):
    for name in "ac":
        one = Journal(tmp_path / f"{name}.journal")
        one.append(b"owed")
        one.close()
    (tmp_path / "b.journal").mkdir()
    told = set()
    found = adopt(tmp_path, told)
    assert [journal.path.name for journal in found] == ["a.journal", "c.journal"]
    for journal in found:
        journal.close()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for journal in adopt(tmp_path, told):
        journal.close(remove=True)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert [record.args[0].filename for record in caplog.records] == [str(tmp_path / "b.journal")]


def test_an_empty_one_is_tidied_away(tmp_path):
    Journal(new_path(tmp_path)).close()
    assert adopt(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_of_several_that_look_at_once_each_journal_goes_to_one(tmp_path):
    for n in range(20):
        one = Journal(new_path(tmp_path))
        one.append(b"%d" % n)
        one.close()
    found: list[bytes] = []
    start = threading.Barrier(4)

    def look() -> None:
        start.wait()
        for journal in adopt(tmp_path):
            found.extend(journal.read_all())
            journal.close(remove=True)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=int) == [b"%d" % n for n in range(20)]
    assert list(tmp_path.iterdir()) == []
