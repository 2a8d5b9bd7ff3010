"""The log writes whole lines from its own thread, and whatever its stream does, the caller never hears of it."""

import errno
import io
import os
import select
import threading
from contextlib import closing

import orjson
import pytest

from extproc.domain.usage import Usage
from extproc.telemetry import log as log_module
from extproc.telemetry.log import RowLog, open_sink

WAIT = 10  # seconds until a test that hangs fails


class Memory:
    """A stream that keeps what it is given, and tells when."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.written = threading.Event()

    def write(self, data: memoryview) -> int:
        self.writes.append(bytes(data))
        self.written.set()
        return len(data)

    def fileno(self) -> int:
        raise io.UnsupportedOperation

    @property
    def rows(self) -> list[dict]:
        return [orjson.loads(text) for text in b"".join(self.writes).splitlines()]


class Full(Memory):
    """A disk that takes ``room`` bytes, then none until told."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.refused = threading.Event()

    def write(self, data: memoryview) -> int:
        if self.room == 0:
            self.refused.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = data[: self.room]
        self.room -= len(taken)
        return super().write(taken)


class Stuck(Memory):
    """A pipe whose reader has stopped reading."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.released = threading.Event()

    def write(self, data: memoryview) -> int:
        self.entered.set()
        self.released.wait(WAIT)
        return super().write(data)


def test_close_writes_what_waits(events, attempt, request_record):
    sink = Memory()
    log = RowLog(sink, events, interval=3600)
    log.write(attempt())
    log.write(request_record())
    log.close()
    assert [row["type"] for row in sink.rows] == ["attempt", "request"]
    assert log.dropped == 0


def test_a_row_waits_no_longer_than_the_interval(events, attempt):
    sink = Memory()
    log = RowLog(sink, events, interval=0.01)
    for _ in range(2):
        sink.written.clear()
        log.write(attempt())
        assert sink.written.wait(WAIT)
    log.close()


def test_many_rows_do_not_wait_for_the_interval(events, attempt):
    sink = Memory()
    log = RowLog(sink, events, interval=3600)
    for _ in range(300):
        log.write(attempt())
    assert sink.written.wait(WAIT)
    log.close()
    assert len(sink.rows) == 300


def test_rows_share_a_write(events, attempt):
    sink = Memory()
    log = RowLog(sink, events, interval=3600)
    for _ in range(10):
        log.write(attempt())
    log.close()
    assert len(sink.writes) == 1


def test_on_a_pipe_every_write_is_whole_lines_and_small_enough_to_stay_whole(events, attempt):
    """All workers share one stdout: larger writes could be torn apart by another worker's."""
    read, write = os.pipe()
    sizes = []

    class Pipe(io.FileIO):
        def write(self, data: memoryview) -> int:
            assert bytes(data).endswith(b"\n")
            sizes.append(len(data))
            return super().write(data)

    with Pipe(write, "wb") as sink, os.fdopen(read, "rb") as reader:
        log = RowLog(sink, events, interval=3600)
        for _ in range(20):
            log.write(attempt())
        log.close()
        sink.close()
        assert len(reader.read().splitlines()) == 20
    assert len(sizes) > 1
    assert max(sizes) <= select.PIPE_BUF


def test_a_full_disk_is_counted_told_and_reported_once(events, stderr, attempt):
    sink = Full(room=0)
    told = []
    log = RowLog(sink, events, interval=0.001, on_drop=told.append)
    for _ in range(3):
        sink.refused.clear()
        log.write(attempt())
        assert sink.refused.wait(WAIT)
    log.close()
    assert log.dropped == sum(told) == 3
    reports = [orjson.loads(text) for text in stderr.getvalue().splitlines()]
    assert [report["message"] for report in reports] == [
        "log rows are being lost; counted, not reported again",
        "log rows were lost",
    ]
    assert "No space left" in reports[0]["reason"]
    assert reports[1]["rows"] == 3


def test_after_a_torn_line_the_next_row_starts_a_new_one(events, attempt):
    sink = Full(room=100)
    log = RowLog(sink, events, interval=0.001)
    log.write(attempt(request_id="torn"))
    assert sink.refused.wait(WAIT)
    sink.room = 1_000_000
    sink.written.clear()
    log.write(attempt(request_id="whole"))
    assert sink.written.wait(WAIT)
    log.close()
    torn, whole = b"".join(sink.writes).splitlines()
    assert len(torn) == 100
    assert orjson.loads(whole)["request_id"] == "whole"
    assert log.dropped == 1


def test_a_closed_pipe_does_not_reach_the_caller(events, attempt):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as sink:
        log = RowLog(sink, events)
        log.write(attempt())
        log.close()
    assert log.dropped == 1


def test_a_closed_file_does_not_reach_the_caller(events, attempt, tmp_path):
    sink = open_sink(tmp_path / "rows.log")
    log = RowLog(sink, events, interval=3600)
    log.write(attempt())
    sink.close()
    log.close()
    assert log.dropped == 1


def test_a_stuck_stream_costs_rows_not_memory(events, attempt):
    sink = Stuck()
    log = RowLog(sink, events, interval=0.001, capacity=5)
    log.write(attempt())
    assert sink.entered.wait(WAIT)
    for _ in range(20):
        log.write(attempt())
    assert log.dropped == 15
    sink.released.set()
    log.close()
    assert len(sink.rows) == 6


def test_a_stuck_stream_does_not_hold_up_the_end(events, stderr, attempt, monkeypatch):
    monkeypatch.setattr(log_module, "_CLOSE_TIMEOUT", 0.01)
    sink = Stuck()
    log = RowLog(sink, events, interval=0.001)
    log.write(attempt())
    assert sink.entered.wait(WAIT)
    log.write(attempt())
    log.close()
    assert orjson.loads(stderr.getvalue())["rows"] == log.dropped == 1
    sink.released.set()


def test_closing_again_does_nothing(events, stderr, attempt):
    log = RowLog(Full(room=0), events, interval=3600)
    log.write(attempt())
    log.close()
    said = stderr.getvalue()
    log.close()
    assert stderr.getvalue() == said


def test_a_row_after_close_is_counted_as_lost(events, attempt):
    log = RowLog(Memory(), events)
    log.close()
    log.write(attempt())
    assert log.dropped == 1


def test_a_row_that_is_not_json_does_not_take_others_with_it(events, attempt):
    sink = Memory()
    log = RowLog(sink, events, interval=3600)
    log.write(attempt())
    log.write(attempt(usage=Usage(output=2**70)))
    log.write(attempt())
    log.close()
    assert len(sink.rows) == 2
    assert log.dropped == 1


def test_partial_writes_are_continued(events, attempt):
    class Slow(Memory):
        def write(self, data: memoryview) -> int:
            return super().write(data[:7])

    sink = Slow()
    log = RowLog(sink, events, interval=3600)
    log.write(attempt())
    log.write(attempt())
    log.close()
    assert len(sink.rows) == 2


def test_a_non_blocking_descriptor_is_waited_for(events, attempt):
    read, write = os.pipe()
    os.set_blocking(write, False)
    with os.fdopen(write, "wb", buffering=0) as sink, os.fdopen(read, "rb") as reader:
        log = RowLog(sink, events, interval=0.001)
        for _ in range(500):  # more than a pipe holds
            log.write(attempt())
        got = [reader.readline() for _ in range(500)]
        log.close()
    assert all(orjson.loads(text)["type"] == "attempt" for text in got)
    assert log.dropped == 0


@pytest.mark.parametrize("earlier", [b"", b'{"type":"request"}\n'])
def test_a_file_is_appended_to(events, attempt, tmp_path, earlier):
    path = tmp_path / "rows.log"
    path.write_bytes(earlier)
    with closing(open_sink(path)) as sink:
        log = RowLog(sink, events)
        log.write(attempt())
        log.close()
    assert path.read_bytes().startswith(earlier)
    assert len(path.read_bytes().splitlines()) == len(earlier.splitlines()) + 1


def rows_of(path):
    return len(path.read_bytes().splitlines())


def test_a_file_that_is_moved_away_is_followed_by_a_new_one(tmp_path, events, attempt):
    path, old = tmp_path / "rows.log", tmp_path / "rows.log.1"
    with closing(open_sink(path)) as sink, closing(open_sink(path)) as other:
        for one in (sink, other):
            one.write(memoryview(b"1\n"))
        path.rename(old)
        log = RowLog(sink, events)
        log.write(attempt())
        log.close()
        other.write(memoryview(b"2\n"))
        assert (rows_of(old), rows_of(path)) == (2, 2)
        path.unlink()
        path.write_bytes(b"made by logrotate\n")
        sink.write(memoryview(b"3\n"))
        assert rows_of(path) == 2


def test_where_there_is_no_place_for_a_new_file_the_old_one_goes_on(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "rows.log"
    with closing(open_sink(path)) as sink:
        sink.write(memoryview(b"1\n"))
        folder.rename(tmp_path / "away")
        sink.write(memoryview(b"2\n"))
    assert rows_of(tmp_path / "away" / "rows.log") == 2


def test_a_pipe_is_not_opened_again(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with closing(open_sink(path)) as sink:
        path.unlink()
        sink.write(memoryview(b"1\n"))
        assert os.read(reader, 10) == b"1\n"
    os.close(reader)
    assert not path.exists()


def test_standard_output_stays_open(capfd, events, attempt):
    with open_sink(None) as sink:
        log = RowLog(sink, events)
        log.write(attempt())
        log.close()
    print("still here")
    out = capfd.readouterr().out.splitlines()
    assert orjson.loads(out[0])["type"] == "attempt"
    assert out[1] == "still here"
