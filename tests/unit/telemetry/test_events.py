"""The process's own messages: JSON lines for machines, text for people, and never an error for the caller."""

import asyncio
import io
import logging

import orjson
import pytest

from extproc.telemetry.events import Bridge, EventLog, bridge_logging


def test_json_where_nobody_looks(events, stderr):
    events.event("info", "worker started", worker=0, pid=7)
    assert orjson.loads(stderr.getvalue()) == {
        "time": "2026-01-31T12:00:00.123Z",
        "level": "info",
        "message": "worker started",
        "worker": 0,
        "pid": 7,
    }


def test_text_on_a_terminal(terminal):
    EventLog(terminal, clock=lambda: 1_769_860_800_123_456_789).event(
        "warning", "worker died", worker=0, signal="SIGKILL", note="two words\n"
    )
    assert terminal.getvalue() == '12:00:00 warning  worker died  worker=0 signal=SIGKILL note="two words\\n"\n'


def test_the_style_can_be_forced(terminal):
    EventLog(terminal, style="json").event("info", "hello")
    assert orjson.loads(terminal.getvalue())["message"] == "hello"


def test_a_message_below_the_level_is_not_written(stderr):
    log = EventLog(stderr, level="warning")
    log.event("info", "quiet")
    log.event("warning", "loud")
    assert "quiet" not in stderr.getvalue()
    assert "loud" in stderr.getvalue()


def test_a_field_cannot_pose_as_time_level_or_message(events, stderr):
    events.event("info", "real", message="fake", time="never", level="error")
    row = orjson.loads(stderr.getvalue())
    assert (row["message"], row["level"], row["time"]) == ("real", "info", "2026-01-31T12:00:00.123Z")


class Broken(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, _):
        raise BrokenPipeError


@pytest.mark.parametrize("sink", [Broken(), io.StringIO()])
def test_a_broken_stream_is_not_the_callers_trouble(sink):
    log = EventLog(sink, style="json")
    sink.close()
    log.event("error", "nobody hears this")


def test_a_field_that_is_not_json_is_not_the_callers_trouble(events, stderr):
    events.event("error", "too large", number=2**70)
    events.event("error", "small", number=2)
    assert orjson.loads(stderr.getvalue())["message"] == "small"


@pytest.fixture
def library(events):
    """A library's logger that goes to the bridge and nowhere else."""
    logger = logging.getLogger("some.library")
    bridge = Bridge(events)
    logger.addHandler(bridge)
    logger.propagate = False
    yield logger
    logger.propagate = True
    logger.removeHandler(bridge)


def test_what_libraries_log_comes_out_in_the_same_form(library, stderr):
    library.warning("retrying %s in %d s", "export", 3)
    row = orjson.loads(stderr.getvalue())
    assert (row["message"], row["level"], row["logger"]) == ("retrying export in 3 s", "warning", "some.library")


def test_an_exceptions_message_is_left_out_its_place_is_not(library, stderr):
    try:
        int("the prompt: CANARY-51b2")
    except ValueError:
        library.exception("task failed")
    row = orjson.loads(stderr.getvalue())
    assert row["exception"] == "ValueError"
    assert "test_events.py" in row["traceback"][-1]
    assert "CANARY" not in stderr.getvalue()


def test_what_a_library_says_about_an_exception_is_cut_to_what_happened(library, stderr):
    try:
        int("x")
    except ValueError:
        library.exception("could not read %s", "CANARY-51b2")
    row = orjson.loads(stderr.getvalue())
    assert row["message"] == "could not read %s"


async def test_asyncio_does_not_tell_the_exceptions_text_either(events, stderr):
    """Its message shows the task with its exception, and a callback with its arguments."""
    logger, bridge = logging.getLogger("asyncio"), Bridge(events)
    logger.addHandler(bridge)
    logger.propagate = False
    try:
        loop = asyncio.get_running_loop()
        error = ValueError("CANARY-51b2")
        future = loop.create_future()
        future.set_exception(error)
        loop.call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": error, "future": future}
        )
        done = loop.create_future()
        loop.call_soon(int, "CANARY-51b2")
        loop.call_soon(done.set_result, None)
        await done
        assert isinstance(future.exception(), ValueError)
    finally:
        logger.propagate = True
        logger.removeHandler(bridge)
    rows = [orjson.loads(text) for text in stderr.getvalue().splitlines()]
    assert [row["message"] for row in rows] == ["Task exception was never retrieved", "Exception in callback int"]
    assert {row["exception"] for row in rows} == {"ValueError"}
    assert "CANARY" not in stderr.getvalue()


def test_a_librarys_bad_format_string_is_written_as_it_is(events, stderr):
    # Straight to the bridge: pytest's own handlers would fail on it.
    Bridge(events).handle(logging.LogRecord("some.library", logging.ERROR, __file__, 1, "%d items", ("three",), None))
    assert orjson.loads(stderr.getvalue())["message"] == "%d items"


def test_bridging_replaces_the_handlers_there_were(events, stderr):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        bridge_logging(events)
        logging.getLogger("uvicorn.error").warning("heard")
        logging.getLogger("uvicorn.error").info("not heard")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert [orjson.loads(text)["message"] for text in stderr.getvalue().splitlines()] == ["heard"]
