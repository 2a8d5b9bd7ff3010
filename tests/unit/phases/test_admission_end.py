"""Admission, on the way out: how a request ended, told once, by whoever knows it."""

import pytest

from extproc.domain import names
from extproc.phases.events import ResponseHeaders

OPEN = {"one": 1, "two": 2}


def rows(world):
    return [(row.status, row.outcome) for row in world.recorder.requests]


def test_an_answer_of_an_attempt_is_left_to_its_row(world, completion):
    world.chat()
    attempt = world.send()
    attempt.headers(200)
    attempt.body(completion, end=True)
    seen = world.answer(200)
    assert seen.status is None
    assert seen.set_headers == {"x-request-id": "req-1"}
    world.leave()
    assert rows(world) == []
    attempt.close()
    assert rows(world) == [(200, "ok")]


def test_a_client_that_leaves_before_any_answer(world):
    world.chat()
    world.clock.advance(2)
    world.leave()
    (row,) = world.recorder.requests
    assert (row.status, row.outcome, row.duration_ms) == (499, "caller:client_closed", 2000.0)
    assert (row.model, row.model_asked, row.stream, row.attempts) == ("two", "two", False, ())
    assert world.recorder.open == {"admission": 0}


def test_a_crash_is_our_own_fault(world):
    world.admit()
    world.leave(crashed=True)
    assert rows(world) == [(500, "gateway:internal_error")]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (413, "caller:request_too_large"),
        (404, "caller:unknown_route"),
        (400, "caller:invalid_request"),
        (408, "caller:invalid_request"),
        (500, "gateway:internal_error"),
        (502, "provider:provider_truncated"),
        (503, "provider:provider_unreachable"),
        (504, "provider:provider_timeout"),
        (0, "gateway:internal_error"),
    ],
)
def test_a_reply_of_envoys_own(world, status, outcome):
    world.chat("one")
    seen = world.answer(status)
    ids = {"x-request-id": "req-1", "request-id": "req-1"}
    served = {"x-llmgw-provider": "o1", "x-llmgw-model": "m1", "x-llmgw-attempts": "1"}
    assert seen.set_headers == ids | (served if outcome.startswith("provider:") else {})
    world.leave()
    assert rows(world) == [(status, outcome)]


def test_a_reply_of_envoys_own_tells_how_far_the_chain_was_tried(world):
    world.chat("two")
    world.send()
    seen = world.answer(503)
    assert [seen.set_headers[f"x-llmgw-{name}"] for name in ("provider", "model", "attempts")] == ["o2", "m2", "2"]


def test_a_reply_that_envoy_made_before_it_asked_us(world):
    """A request that it cannot read: admission sees response headers first."""
    world.admit()
    admission = world.admission
    other = type(admission)(admission._deps)
    (reply,) = other.handle(ResponseHeaders(400, {}, {}, end=False))
    assert dict(reply.set_headers) == {"x-request-id": "id-1", "request-id": "id-1"}
    other.close()
    assert [(row.request_id, row.outcome) for row in world.recorder.requests] == [("id-1", "caller:invalid_request")]


def test_a_stream_that_never_said_anything_leaves_no_row(world):
    world.admit()
    admission = world.admission
    type(admission)(admission._deps).close()
    assert rows(world) == []


def test_an_attempt_that_timed_out_is_listed_as_such(world):
    world.model("two", timeout=5.0)
    world.chat()
    attempt = world.send()
    attempt.wait(5.0)
    attempt.close()
    second = world.send()
    second.wait(5.0)
    second.close()
    world.answer(504)
    world.leave()
    (row,) = world.recorder.requests
    assert row.outcome == "provider:provider_timeout"
    assert [(a.provider, a.reason, a.duration_ms) for a in row.attempts] == [
        ("o1", "provider:provider_timeout", 5000.0),
        ("o2", "provider:provider_timeout", 5000.0),
    ]
    assert [(r.attempt, r.outcome) for r in world.recorder.attempts] == [
        (1, "provider:provider_timeout"),
        (2, "provider:provider_timeout"),
    ]


def test_attempts_without_a_connection_get_their_rows_here(world):
    """Envoy tried both providers and reached none: no stream of an attempt had anything to say."""
    world.chat()
    world.answer(503)
    world.leave()
    (row,) = world.recorder.requests
    assert row.outcome == "provider:provider_unreachable"
    assert [(a.provider, a.reason) for a in row.attempts] == [
        ("o1", "provider:provider_unreachable"),
        ("o2", "provider:provider_unreachable"),
    ]
    assert [(r.attempt, r.provider, r.outcome) for r in world.recorder.attempts] == [
        (1, "o1", "provider:provider_unreachable"),
        (2, "o2", "provider:provider_unreachable"),
    ]


def test_an_attempt_whose_connection_failed_before_its_mark_is_told_once(world):
    """Envoy connects while the attempt's filter runs: a refused connection may end its stream at any point."""
    world.chat("one")
    attempt, _ = world.open()
    attempt.close()
    assert world.recorder.attempts == []
    world.answer(503)
    world.leave()
    assert [(r.attempt, r.provider, r.outcome) for r in world.recorder.attempts] == [
        (1, "o1", "provider:provider_unreachable")
    ]
    assert len(world.recorder.requests) == 1


def test_a_reply_about_the_caller_tells_of_no_attempts(world):
    world.chat()
    world.answer(413)
    assert world.recorder.requests[0].attempts == ()
    assert world.recorder.attempts == []


# -- Envoy was to retry and did not -------------------------------------------------------------------------------------------


def test_where_envoy_does_not_retry_the_client_gets_what_the_attempt_had_to_say(world):
    world.chat()
    attempt = world.send()
    attempt.headers(429, retry_after="7")
    attempt.body(b"", end=True)
    assert attempt.seen.status == names.RETRY_STATUS
    assert attempt.seen.code == "provider_rate_limited"
    seen = world.answer(names.RETRY_STATUS, **{"x-llmgw-status": attempt.seen.set_headers["x-llmgw-status"]})
    assert seen.status == 429
    assert seen.removed == {"x-llmgw-status"}
    attempt.close()
    world.leave()
    (row,) = world.recorder.requests
    assert (row.status, row.outcome) == (429, "provider:provider_rate_limited")
    assert [(a.provider, a.reason) for a in row.attempts] == [("o1", "provider:provider_rate_limited")]
    assert len(world.recorder.attempts) == 1


@pytest.mark.parametrize("shown", ["", "oops", "-1"])
def test_where_the_status_to_show_is_lost_it_is_a_502(world, shown):
    world.chat()
    seen = world.answer(names.RETRY_STATUS, **{"x-llmgw-status": shown} if shown else {})
    assert seen.status == 502
    assert rows(world) == [(502, "provider:provider_error")]
