"""Streams that go wrong: before the commit the next provider takes over, behind it the client gets exactly one error event."""

import gzip

import orjson
import pytest

from extproc.config.snapshot import Commit
from extproc.domain import names

WHOLE = Commit("whole")


def bad_line(attempt, sse):
    attempt.body(sse.garbage)


def error_event(attempt, sse):
    attempt.body(sse.error())


def stall(attempt, sse):
    attempt.wait(20.0)


def clean_end(attempt, sse):
    attempt.body(b"", end=True)


def end_in_trailers(attempt, sse):
    attempt.trailers()


def end_within_an_event(attempt, sse):
    attempt.body(sse.text("x")[:20], end=True)


FAILURES = {
    bad_line: "provider_bad_answer",
    error_event: "provider_error",
    stall: "provider_timeout",
    clean_end: "provider_truncated",
    end_in_trailers: "provider_truncated",
    end_within_an_event: "provider_truncated",
}
CASES = pytest.mark.parametrize(("fail", "code"), FAILURES.items(), ids=lambda v: getattr(v, "__name__", ""))


@pytest.fixture
def stream(world):
    def start(model: str, **changes):
        world.model(model, first_token_timeout=10.0, stall_timeout=15.0, **changes)
        world.chat(model, stream=True)
        attempt = world.send()
        attempt.headers(200)
        return attempt

    return start


def error_events(attempt, before: bytes) -> list[dict]:
    """What follows ``before`` in the client's stream."""
    assert attempt.seen.body.startswith(before)
    rest = attempt.seen.body[len(before) :].decode().removeprefix("data: ")
    return [orjson.loads(part) for part in rest.split("\n\ndata: ") if part.strip()]


@CASES
def test_before_the_commit_the_next_provider_takes_over(world, stream, sse, fail, code):
    first = stream("two", commit=WHOLE)
    first.body(sse.role() + sse.text("lost"))
    fail(first, sse)
    assert first.seen.status == names.RETRY_STATUS
    assert first.seen.set_headers["content-type"] == "application/json"
    first.close()
    second = world.send()
    second.headers(200)
    second.body(sse.text("found") + sse.finish() + sse.done, end=True)
    assert second.seen.body == sse.text("found") + sse.finish() + sse.done
    second.close()
    assert [row.outcome for row in world.recorder.attempts] == [f"provider:{code}", "ok"]
    assert [row.outcome for row in world.recorder.requests] == ["ok"]


@CASES
def test_before_the_commit_of_the_last_one_the_client_gets_an_error(world, stream, sse, fail, code):
    attempt = stream("one", commit=WHOLE)
    attempt.body(sse.role() + sse.text("lost"))
    fail(attempt, sse)
    assert attempt.seen.status == (504 if code == "provider_timeout" else 502)
    assert attempt.seen.code == code
    assert attempt.seen.ended == (fail is not end_in_trailers)
    assert attempt.body(b"more") == ()
    attempt.close()
    assert [row.outcome for row in world.recorder.requests] == [f"provider:{code}"]


@CASES
def test_behind_the_commit_the_client_gets_one_error_event(world, stream, sse, fail, code):
    attempt = stream("two")
    attempt.body(sse.text("kept"))
    fail(attempt, sse)
    assert attempt.seen.status == 200
    (event,) = error_events(attempt, sse.text("kept"))
    assert event["error"]["code"] == code
    assert b"[DONE]" not in attempt.seen.body, "never a clean-looking end"
    over = attempt.seen.ended or attempt.seen.trailers
    assert over == (fail not in {bad_line, error_event, stall}), "the answer ends where the provider's has ended"
    attempt.wait(100)
    assert attempt.seen.aborted != over
    attempt.close()
    assert [row.outcome for row in world.recorder.requests] == [f"provider:{code}"]
    (row,) = world.recorder.attempts
    assert (row.committed, row.status) == (True, 200)


def test_a_provider_that_ends_right_behind_its_failure_lets_the_answer_end(world, stream, sse):
    attempt = stream("two")
    attempt.body(sse.text("kept"))
    attempt.body(sse.error())
    attempt.wait(0.1)
    attempt.body(b"", end=True)
    assert attempt.seen.ended
    attempt.wait(100)
    assert not attempt.seen.aborted


def test_a_provider_that_goes_on_behind_its_failure_is_cut_off(world, stream, sse):
    """Envoy would take an ended answer for a complete one, and let the provider go on, unread and paid for."""
    attempt = stream("two")
    attempt.body(sse.text("kept"))
    attempt.body(sse.garbage)
    for _ in range(10):
        assert attempt.body(sse.text("more")) == ()
    attempt.wait(0.5)
    assert attempt.seen.aborted
    assert not attempt.seen.ended


def test_the_error_event_is_of_the_clients_dialect(world, sse):
    turns = [{"role": "user", "content": "Hi"}]
    world.ask({"model": "one", "messages": turns, "max_tokens": 5, "stream": True}, "/v1/messages")
    attempt = world.send()
    attempt.headers(200)
    attempt.body(sse.text("a"))
    attempt.body(sse.garbage)
    assert attempt.seen.body.count(b"event: error\n") == 1
    assert attempt.seen.body.rstrip().split(b"\n\n")[-1].startswith(b"event: error\n")


@pytest.mark.parametrize("piece", ["garbage", "error"])
def test_a_failure_in_the_piece_that_would_commit_is_one_before_it(stream, sse, piece):
    attempt = stream("two")
    attempt.body(sse.text("a") + (sse.garbage if piece == "garbage" else sse.error()))
    assert attempt.seen.status == names.RETRY_STATUS


def test_what_came_before_a_failure_in_one_piece_goes_out_first(stream, sse):
    attempt = stream("two")
    attempt.body(sse.text("a"))
    attempt.body(sse.text("b") + sse.error())
    (event,) = error_events(attempt, sse.text("a") + sse.text("b"))
    assert event["error"]["code"] == "provider_error"


# -- time -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", ["nothing", "no content", "keep-alives"])
def test_no_first_token_in_time(stream, sse, sent):
    attempt = stream("two")
    attempt.wait(5)
    if sent == "no content":
        attempt.body(sse.role())
    elif sent == "keep-alives":
        attempt.body(sse.comment)
    attempt.wait(4.9)
    assert attempt.seen.status is None
    attempt.wait(0.1)
    assert attempt.seen.status == names.RETRY_STATUS
    assert attempt.seen.set_headers[names.STATUS_HEADER] == "504"


def test_the_first_token_is_waited_for_from_the_attempts_beginning(world, sse):
    world.model("two", first_token_timeout=10.0)
    world.chat("two", stream=True)
    attempt = world.send()
    world.clock.advance(9)
    attempt.headers(200)
    attempt.wait(1)
    assert attempt.seen.status == names.RETRY_STATUS


def test_a_long_stream_below_the_stall_timeout_is_not_cut(stream, sse):
    attempt = stream("two")
    for _ in range(100):
        attempt.body(sse.text("a"))
        attempt.wait(14.9)
    attempt.body(sse.finish() + sse.done, end=True)
    assert attempt.seen.body == sse.text("a") * 100 + sse.finish() + sse.done


def test_pings_keep_a_stream_alive_but_not_for_ever(stream, sse):
    attempt = stream("one", timeout=60.0)
    attempt.body(sse.text("a"))
    for _ in range(5):
        attempt.wait(11)
        attempt.body(b": ping\n\n")
    attempt.body(sse.text("b"))
    for _ in range(5):
        attempt.wait(11)
        assert b"provider_timeout" not in attempt.seen.body
        attempt.body(b": ping\n\n")
    attempt.wait(5)
    assert b"provider_timeout" in attempt.seen.body


def test_a_window_that_is_longer_than_the_stall_timeout(stream, sse):
    attempt = stream("two", commit=Commit("after", after=60.0))
    attempt.body(sse.text("a"))
    attempt.wait(15)
    assert attempt.seen.status == names.RETRY_STATUS


def test_nobody_is_woken_for_an_answer_that_is_not_a_stream(world, completion):
    world.chat("two")
    attempt = world.send()
    attempt.headers(200)
    assert attempt.phase.deadline is None
    assert attempt.phase.wake() == ()
    attempt.body(completion, end=True)
    assert attempt.phase.deadline is None


def test_nobody_is_woken_behind_a_failure(stream, sse):
    attempt = stream("two")
    attempt.body(sse.garbage)
    assert attempt.phase.deadline is None
    assert attempt.phase.wake() == ()


# -- compression ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def compressed(world):
    def start(model: str):
        world.chat(model, stream=True)
        attempt = world.send()
        attempt.headers(200, content_encoding="gzip")
        return attempt

    return start


@pytest.mark.parametrize("together", [False, True])
def test_a_cut_in_the_compression_loses_nothing_that_came_before(compressed, sse, together):
    """Whether the end comes with the last bytes or behind them."""
    compressor = gzip.compress(sse.text("a"))[:-8]  # without its checksum
    attempt = compressed("one")
    attempt.body(compressor[:12])
    if together:
        attempt.body(compressor[12:], end=True)
        assert attempt.seen.status == 502
    else:
        attempt.body(compressor[12:])
        attempt.body(b"", end=True)
        (event,) = error_events(attempt, sse.text("a"))
        assert event["error"]["code"] == "provider_truncated"


def test_behind_the_commit_the_last_piece_of_a_cut_stream_goes_out(compressed, sse):
    members = gzip.compress(sse.text("a")), gzip.compress(sse.text("b"))[:-8]
    attempt = compressed("one")
    attempt.body(members[0])
    attempt.body(members[1], end=True)
    (event,) = error_events(attempt, sse.text("a") + sse.text("b"))
    assert event["error"]["code"] == "provider_truncated"


def test_garbage_in_the_compression(compressed, sse):
    attempt = compressed("two")
    attempt.body(b"no gzip at all")
    assert attempt.seen.status == names.RETRY_STATUS
    assert attempt.body(b"", end=True) != ()
    assert attempt.seen.code == "provider_bad_answer"
