"""An attempt's answer that is a stream: withheld until it commits, then passed on to its end."""

import gzip

import pytest

from extproc.config.snapshot import Commit
from extproc.phases.events import Abort, ResponseBodyReply


@pytest.fixture
def stream(world):
    """An attempt at the one provider, its 200 withheld."""

    def start(model: str = "one", **changes):
        world.model(model, first_token_timeout=10.0, stall_timeout=20.0, **changes)
        world.chat(model, stream=True)
        attempt = world.send()
        assert attempt.headers(200, content_type="text/event-stream", x_vendor="1") == ()
        return attempt

    return start


def outcome(world, attempt):
    attempt.close()
    assert len(world.recorder.attempts) == 1
    assert len(world.recorder.requests) <= 1
    return [row.outcome for row in (*world.recorder.attempts, *world.recorder.requests)]


def test_a_stream_from_the_first_token_to_its_end(world, stream, sse):
    attempt = stream()
    world.clock.advance(0.5)
    assert attempt.body(sse.role()) == (), "nothing that the client waits for"
    world.clock.advance(1)
    attempt.body(sse.text("Hel"))
    assert attempt.seen.status == 200
    assert attempt.seen.body == sse.role() + sse.text("Hel")
    assert attempt.seen.set_headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-request-id": "req-1",
        "request-id": "req-1",
        "x-llmgw-provider": "o1",
        "x-llmgw-model": "m1",
        "x-llmgw-attempts": "1",
    }
    assert attempt.seen.removed == {"server", "x-vendor"}
    attempt.body(sse.text("lo"))
    attempt.body(sse.finish() + sse.usage() + sse.done, end=True)
    assert attempt.seen.body == sse.role() + sse.text("Hel") + sse.text("lo") + sse.finish() + sse.done
    assert attempt.seen.ended
    assert outcome(world, attempt) == ["ok", "ok"]
    (row,), (request,) = world.recorder.attempts, world.recorder.requests
    assert row.first_token_ms == request.first_token_ms == 1500.0
    assert (row.usage.prompt, row.usage.output) == (5, 2)
    assert (row.finish_reason, row.model_served, row.stream, row.committed) == ("stop", "m1", True, True)


def test_first_token_counts_from_the_request_in_the_requests_row(world, stream, sse):
    world.model("two", first_token_timeout=10.0)
    world.chat("two", stream=True)
    world.clock.advance(1)
    first = world.send()
    world.clock.advance(2)
    first.headers(503)
    first.close()
    second = world.send()
    second.headers(200)
    world.clock.advance(0.5)
    second.body(sse.text("a") + sse.finish() + sse.done, end=True)
    second.close()
    assert world.recorder.attempts[-1].first_token_ms == 500.0
    assert world.recorder.requests[0].first_token_ms == 3500.0


def test_each_piece_goes_out_as_it_comes(stream, sse):
    attempt = stream()
    attempt.body(sse.text("a"))
    assert attempt.body(sse.text("b")) == (ResponseBodyReply(sse.text("b")),)
    half = sse.text("c")
    assert attempt.body(half[:10]) == (), "half an event is nothing yet"
    assert attempt.body(half[10:]) == (ResponseBodyReply(half),)
    assert attempt.body(sse.comment) == (ResponseBodyReply(sse.comment),)


def test_a_stream_that_ends_in_trailers(world, stream, sse):
    attempt = stream()
    attempt.body(sse.text("a") + sse.finish() + sse.done)
    attempt.trailers()
    assert (attempt.seen.ended, attempt.seen.trailers) == (False, True)
    assert outcome(world, attempt) == ["ok", "ok"]


def test_a_whole_stream_in_one_piece(world, stream, sse):
    attempt = stream()
    attempt.body(sse.text("a") + sse.finish() + sse.done, end=True)
    assert (attempt.seen.status, attempt.seen.pieces, attempt.seen.ended) == (200, 1, True)
    assert outcome(world, attempt) == ["ok", "ok"]


def test_a_compressed_stream(world, stream, sse):
    world.model("one", first_token_timeout=10.0)
    world.chat("one", stream=True)
    attempt = world.send()
    attempt.headers(200, content_encoding="gzip")
    data = gzip.compress(sse.text("a") + sse.finish() + sse.done)
    attempt.body(data[:20])
    attempt.body(data[20:], end=True)
    assert attempt.seen.body == sse.text("a") + sse.finish() + sse.done
    assert "content-encoding" in attempt.seen.removed


def test_a_stream_for_a_client_of_another_dialect(world, sse):
    world.ask(
        {"model": "one", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "stream": True},
        "/v1/messages",
    )
    attempt = world.send()
    attempt.headers(200)
    attempt.body(sse.role() + sse.text("Hel"))
    assert attempt.seen.body.startswith(b"event: message_start\n")
    attempt.body(sse.finish() + sse.usage() + sse.done, end=True)
    assert attempt.seen.body.rstrip().endswith(b'{"type":"message_stop"}')


# -- behind the finish marker -------------------------------------------------------------------------------------------------


def test_a_provider_that_does_not_close_is_cut_off_whatever_it_still_sends(world, stream, sse):
    """Ended for the client alone, its side would stay open; and Envoy 1.40 crashes when such a one breaks off later."""
    attempt = stream()
    attempt.body(sse.text("a") + sse.finish() + sse.done)
    assert not attempt.seen.ended
    for _ in range(4):
        assert attempt.wait(1.2) == ()
        assert attempt.body(sse.text("late")) == ()
    assert attempt.wait(0.3) == (Abort(),)
    assert outcome(world, attempt) == ["ok", "ok"]


def test_what_comes_behind_the_marker_is_dropped(stream, sse):
    attempt = stream()
    attempt.body(sse.text("a") + sse.finish() + sse.done)
    assert attempt.body(sse.text("b")) == ()
    assert attempt.body(b"", end=True) == (ResponseBodyReply(b"", end=True),)


def test_a_client_that_leaves_at_the_marker_has_got_all(world, stream, sse):
    """SDKs stop reading there, and close."""
    attempt = stream()
    attempt.body(sse.text("a") + sse.finish() + sse.done)
    assert outcome(world, attempt) == ["ok", "ok"]


# -- when it commits ----------------------------------------------------------------------------------------------------------


def test_after_so_many_events(stream, sse):
    attempt = stream(commit=Commit("events", events=3))
    attempt.body(sse.role() + sse.text("a"))
    attempt.body(sse.text("b"))
    assert attempt.seen.status is None
    attempt.body(sse.text("c"))
    assert attempt.seen.status == 200
    assert attempt.seen.body == sse.role() + sse.text("a") + sse.text("b") + sse.text("c")


def test_after_some_time(stream, sse):
    attempt = stream(commit=Commit("after", after=2.0))
    attempt.wait(5)
    attempt.body(sse.text("a"))
    attempt.wait(1.9)
    attempt.body(sse.text("b"))
    assert attempt.seen.status is None
    attempt.wait(0.1)
    assert attempt.seen.body == sse.text("a") + sse.text("b"), "the window ends though nothing comes"
    attempt.body(sse.text("c"))
    assert attempt.seen.body.endswith(sse.text("c"))


def test_the_window_may_end_with_a_piece(world, stream, sse):
    attempt = stream(commit=Commit("after", after=2.0))
    attempt.body(sse.text("a"))
    world.clock.advance(2.5)
    attempt.body(sse.text("b"))
    assert attempt.seen.body == sse.text("a") + sse.text("b")


def test_behind_the_window_a_stall_is_a_stall(world, stream, sse):
    attempt = stream(commit=Commit("after", after=2.0))
    attempt.body(sse.text("a"))
    attempt.wait(2.0)
    assert attempt.seen.status == 200
    attempt.wait(20.0)
    assert b"provider_timeout" in attempt.seen.body
    assert outcome(world, attempt) == ["provider:provider_timeout"] * 2


def test_when_it_is_whole(stream, sse):
    attempt = stream(commit=Commit("whole"))
    for _ in range(50):
        attempt.body(sse.text("a"))
        attempt.wait(19)
    assert attempt.seen.status is None
    attempt.body(sse.finish() + sse.done)
    assert attempt.seen.status == 200
    assert attempt.seen.body == sse.text("a") * 50 + sse.finish() + sse.done


@pytest.mark.parametrize("commit", [Commit("events", events=9), Commit("after", after=9.0), Commit("whole")])
def test_at_its_end_whatever_the_mode(world, stream, sse, commit):
    attempt = stream(commit=commit)
    attempt.body(sse.text("a"))
    attempt.body(sse.finish() + sse.done, end=True)
    assert (attempt.seen.status, attempt.seen.ended) == (200, True)
    assert outcome(world, attempt) == ["ok", "ok"]


def test_an_answer_without_content_commits_at_its_end(world, stream, sse):
    attempt = stream()
    attempt.body(sse.role() + sse.finish() + sse.done, end=True)
    assert (attempt.seen.status, attempt.seen.ended) == (200, True)
    assert outcome(world, attempt) == ["ok", "ok"]
    assert world.recorder.attempts[0].first_token_ms is None


def test_more_than_may_be_held_commits_it(stream, sse):
    attempt = stream(commit=Commit("whole", buffer_limit=1000))
    while attempt.seen.status is None:
        attempt.body(sse.text("a" * 100))
        assert len(attempt.seen.body) < 2000
    assert len(attempt.seen.body) > 1000
    attempt.body(sse.text("b"))
    assert attempt.seen.body.endswith(sse.text("b"))


# -- how it ends early --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "outcomes", "status"),
    [
        (0, ["transport:no_answer"], 200),
        (1, ["transport:aborted", "transport:aborted"], 200),
    ],
)
def test_a_stream_that_just_ends(world, stream, sse, pieces, outcomes, status):
    """The client has left, or the provider's connection was cut: Envoy does not say."""
    attempt = stream()
    for _ in range(pieces):
        attempt.body(sse.text("a"))
    assert outcome(world, attempt) == outcomes
    assert world.recorder.attempts[0].status == status
    if pieces:
        (request,) = world.recorder.requests
        assert (request.status, request.committed) == (200, True)


def test_an_attempt_that_envoy_has_timed_out(world, stream):
    attempt = stream()
    world.clock.advance(10.25)
    assert outcome(world, attempt) == ["provider:provider_timeout"]


def test_one_that_is_held_for_longer_than_an_answer_may_take_is_timed_out_by_envoy(world, stream, sse):
    attempt = stream(commit=Commit("whole"), timeout=60.0)
    for _ in range(5):
        world.clock.advance(9)
        attempt.body(sse.text("a"))
    world.clock.advance(14.98)  # Envoy's timer may ring a little early
    assert outcome(world, attempt) == ["provider:provider_timeout"]


def test_one_that_is_held_and_was_not_silent_just_ended(world, stream, sse):
    attempt = stream(commit=Commit("whole"))
    for _ in range(5):
        world.clock.advance(9)
        attempt.body(sse.text("a"))
    assert outcome(world, attempt) == ["transport:no_answer"]


def test_a_crash_behind_the_commit_is_told_as_one(world, stream, sse):
    attempt = stream()
    attempt.body(sse.text("a"))
    attempt.close(crashed=True)
    assert [row.outcome for row in world.recorder.requests] == ["gateway:internal_error"]
