"""An attempt's answer that is not a stream: taken whole, trusted as a whole, or left to the next provider."""

import gzip

import orjson
import pytest

from extproc.config.snapshot import Target
from extproc.domain import names
from extproc.phases import incoming, rejection

SERVED = {
    "content-type": "application/json",
    "x-request-id": "req-1",
    "request-id": "req-1",
    "x-llmgw-provider": "o1",
    "x-llmgw-model": "m1",
    "x-llmgw-attempts": "1",
}
ERROR = orjson.dumps({"error": {"message": "The context is too long", "type": "invalid_request_error"}})


@pytest.fixture
def attempt(world):
    """The one attempt of a request that has but one provider."""
    world.chat("one")
    return world.send()


@pytest.fixture
def first(world):
    """The first of two."""
    world.chat("two")
    return world.send()


def ends(world, attempt):
    """How the attempt, and through it the request, went into the log."""
    attempt.close()
    (row,) = world.recorder.attempts
    requests = [(r.status, r.outcome) for r in world.recorder.requests]
    assert len(requests) <= 1
    return row.outcome, requests


def test_a_whole_answer(world, attempt, completion):
    assert attempt.headers(200, content_type="application/json", x_ratelimit_limit="60", content_length="9") == ()
    assert attempt.body(completion[:10]) == ()
    attempt.body(completion[10:], end=True)
    seen = attempt.seen
    assert (seen.status, seen.body, seen.ended) == (200, completion, True)
    assert seen.set_headers == SERVED
    assert seen.removed == {"server", "x-ratelimit-limit", "content-length"}, "they tell of our account with the vendor"
    assert ends(world, attempt) == ("ok", [(200, "ok")])


def test_its_row_says_all(world, attempt, completion):
    world.clock.advance(0.25)
    attempt.headers(200)
    attempt.body(completion, end=True)
    world.clock.advance(0.25)
    attempt.close()
    (row,), (request,) = world.recorder.attempts, world.recorder.requests
    for record in (row, request):
        assert (record.request_id, record.key, record.team, record.tags) == ("req-1", "ci", "search", {"env": "qa"})
        assert (record.model_asked, record.model, record.provider, record.provider_model) == ("one", "one", "o1", "m1")
        assert (record.model_served, record.finish_reason) == ("m1-2026", "stop")
        assert (record.usage.prompt, record.usage.output) == (5, 2)
        assert (record.duration_ms, record.status, record.committed) == (500.0, 200, True)
        assert (record.client_dialect, record.provider_dialect) == ("openai-chat", "openai")
        assert record.first_token_ms is None
        assert record.trace_id == "0af7651916cd43dd8448eb211c80319c"
        assert record.config_version == "c0ffee"
    assert (row.attempt, row.server_address, row.server_port) == (1, "o1.example", None)
    assert [(a.provider, a.model, a.reason) for a in request.attempts] == [("o1", "m1", "ok")]


def test_an_answer_that_ends_in_trailers(world, attempt, completion):
    attempt.headers(200)
    attempt.body(completion)
    attempt.trailers()
    assert (attempt.seen.body, attempt.seen.ended, attempt.seen.trailers) == (completion, False, True)
    assert ends(world, attempt) == ("ok", [(200, "ok")])


@pytest.mark.parametrize("cut", [0, 5])
def test_a_compressed_answer(world, attempt, completion, cut):
    data = gzip.compress(completion)
    attempt.headers(200, content_encoding="gzip")
    if cut:
        attempt.body(data[:cut])
    attempt.body(data[cut:], end=True)
    assert attempt.seen.body == completion
    assert "content-encoding" in attempt.seen.removed


def test_an_answer_in_another_dialect(world):
    world.ask({"model": "one", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}, "/v1/messages")
    attempt = world.send()
    attempt.headers(200)
    attempt.body(
        orjson.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "length"}
        ], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}),
        end=True,
    )  # fmt: skip
    assert attempt.seen.json["content"] == [{"type": "text", "text": "Hello"}]
    assert attempt.seen.json["stop_reason"] == "max_tokens"
    attempt.close()
    assert world.recorder.requests[0].finish_reason == "length"


def test_what_was_left_out_of_the_request_is_named(world, completion):
    """Field names are the client's, and may hold anything; Envoy refuses a header with a line break in it."""
    world.model("one", drop_unsupported=True)
    asked = {"model": "one", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "top_k": 3}
    world.ask({**asked, "a\r\nb\u0000é": 1}, "/v1/messages")
    attempt = world.send()
    attempt.headers(200)
    attempt.body(completion, end=True)
    dropped = attempt.seen.set_headers[names.DROPPED_HEADER]
    assert set(dropped.split(", ")) == {"top_k", "a??b??"}


def test_the_list_of_what_was_left_out_has_a_limit(world, completion):
    world.model("one", drop_unsupported=True)
    fields = {f"field_{number}": 1 for number in range(500)}
    world.ask(
        {"model": "one", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, **fields}, "/v1/messages"
    )
    attempt = world.send()
    attempt.headers(200)
    attempt.body(completion, end=True)
    assert len(attempt.seen.set_headers[names.DROPPED_HEADER]) == 1024


# -- bad answers --------------------------------------------------------------------------------------------------------------

BAD = {
    "an HTML page": (200, {"content_type": "text/html"}, b"<html>", "provider_bad_answer"),
    "nothing": (200, {}, b"", "provider_bad_answer"),
    "JSON of another kind": (200, {}, b'{"object": "list", "data": []}', "provider_bad_answer"),
    "an error in a 200": (200, {}, b'{"error": {"message": "x", "type": "server_error"}}', "provider_error"),
    "a redirect": (302, {"location": "https://elsewhere"}, b"", "provider_bad_answer"),
    "an upgrade": (101, {}, b"", "provider_bad_answer"),
    "no content": (204, {}, b"", "provider_bad_answer"),
    "an unknown coding": (200, {"content_encoding": "br"}, b"x", "provider_bad_answer"),
    "broken gzip": (200, {"content_encoding": "gzip"}, b"no gzip at all", "provider_bad_answer"),
    "gzip that is cut": (200, {"content_encoding": "gzip"}, gzip.compress(b'{"a": 1}')[:-9], "provider_truncated"),
}
BAD_CASES = [(case, False) for case in BAD] + [(case, True) for case in BAD if not BAD[case][2]]
"""Where there is no body, also with the headers as the end."""


@pytest.mark.parametrize(("case", "headers_only"), BAD_CASES)
def test_a_bad_answer_becomes_an_error_of_the_clients_dialect(world, attempt, case, headers_only):
    status, headers, body, code = BAD[case]
    attempt.headers(status, end=headers_only, **headers)
    if not headers_only:
        attempt.body(body, end=True)
    seen = attempt.seen
    assert (seen.status, seen.code, seen.ended) == (502, code, True)
    assert seen.set_headers == SERVED
    if seen.details is None:
        assert {"server", *(name.replace("_", "-") for name in headers)} - {"content-type"} <= seen.removed
    else:
        assert seen.details == f"llmgw_{code}", "a reply of Envoy's on our behalf has none of the provider's headers"
    assert ends(world, attempt) == (f"provider:{code}", [(502, f"provider:{code}")])


@pytest.mark.parametrize(("case", "headers_only"), BAD_CASES)
def test_a_bad_answer_moves_on_to_the_next_provider(world, first, case, headers_only, completion):
    status, headers, body, code = BAD[case]
    first.headers(status, end=headers_only, **headers)
    if not headers_only:
        first.body(body, end=True)
    assert first.seen.status == names.RETRY_STATUS
    assert first.seen.set_headers[names.STATUS_HEADER] == "502"
    assert first.seen.code == code, "should Envoy not retry after all"
    assert first.seen.ended
    assert ends(world, first) == (f"provider:{code}", [])
    second = world.send()
    second.headers(200)
    second.body(completion, end=True)
    assert second.seen.set_headers["x-llmgw-attempts"] == "2"
    assert second.seen.set_headers["x-llmgw-provider"] == "o2"
    second.close()
    (request,) = world.recorder.requests
    assert [(a.provider, a.reason) for a in request.attempts] == [("o1", f"provider:{code}"), ("o2", "ok")]


def test_an_answer_beyond_the_limit(world, attempt, monkeypatch):
    monkeypatch.setattr(incoming, "_ANSWER_LIMIT", 1000)
    attempt.headers(200)
    attempt.body(bytes(1000))
    assert attempt.seen.status is None
    attempt.body(b"x")
    assert (attempt.seen.status, attempt.seen.code, attempt.seen.ended) == (502, "provider_bad_answer", True)
    assert attempt.body(b"more") == ()
    assert attempt.body(b"", end=True) == ()
    assert ends(world, attempt) == ("provider:provider_bad_answer", [(502, "provider:provider_bad_answer")])


# -- error statuses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "shown", "code"),
    [
        (400, 400, "context_length_exceeded"),
        (401, 502, "provider_auth_failed"),
        (404, 404, "provider_model_not_found"),
        (429, 429, "provider_rate_limited"),
        (500, 502, "provider_error"),
        (503, 503, "provider_overloaded"),
        (529, 503, "provider_overloaded"),
    ],
)
def test_the_last_providers_error_is_the_clients(world, attempt, status, shown, code):
    message = "This model's maximum context length is 10 tokens" if status == 400 else "no"
    body = orjson.dumps({"error": {"message": message, "code": "context_length_exceeded" if status == 400 else None}})
    attempt.headers(status, content_type="application/json")
    attempt.body(body[:9])
    attempt.body(body[9:], end=True)
    assert (attempt.seen.status, attempt.seen.code) == (shown, code)
    assert ends(world, attempt) == (f"provider:{code}", [(shown, f"provider:{code}")])
    assert world.recorder.attempts[0].status == status


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("status", [503, 529])
def test_an_overloaded_provider_is_told_anthropics_clients_in_its_own_words(world, status, ended):
    world.ask({"model": "one", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}, "/v1/messages")
    world.model("one", retry_on=frozenset())
    attempt = world.send()
    attempt.headers(status)
    attempt.body(b"", end=True)
    assert (attempt.seen.status, attempt.seen.json["error"]["type"]) == (529, "overloaded_error")
    assert ends(world, attempt) == ("provider:provider_overloaded", [(529, "provider:provider_overloaded")])


ADVICE = {"retry_after": "2", "retry_after_ms": "1500"}


@pytest.mark.parametrize("said", ["true", "false", "maybe", None])
@pytest.mark.parametrize("model", ["one", "two"])
def test_a_vendors_advice_on_another_try_is_passed_on_where_nobody_else_could_answer_it(world, model, said):
    world.model(model, retry_on=frozenset())
    world.chat(model)
    attempt = world.send()
    attempt.headers(429, **ADVICE, **({"x_should_retry": said} if said else {}))
    attempt.body(b"", end=True)
    headers = attempt.seen.set_headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("2", "1500")
    assert headers.get("x-should-retry") == (said if model == "one" and said in {"true", "false"} else None)
    assert "x-should-retry" in attempt.seen.removed or "x-should-retry" in headers or said is None


@pytest.mark.parametrize("ending", ["body", "headers", "trailers"])
def test_an_error_without_a_body_is_one_all_the_same(world, attempt, ending):
    """Where the provider sends none Envoy asks for none: ours goes with the headers."""
    attempt.headers(429, end=ending == "headers")
    if ending == "body":
        attempt.body(b"", end=True)
    elif ending == "trailers":
        attempt.trailers()
    assert (attempt.seen.status, attempt.seen.code) == (429, "provider_rate_limited")
    assert attempt.seen.ended == (ending != "trailers")
    assert attempt.seen.pieces == (ending != "headers")


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_a_compressed_error(attempt, coding):
    attempt.headers(400, content_encoding=coding)
    attempt.body(gzip.compress(ERROR), end=True)
    assert attempt.seen.status == 400
    assert ("The context is too long" in attempt.seen.json["error"]["message"]) == (coding == "gzip")


def test_a_long_error_page_is_read_as_far_as_it_matters(attempt, monkeypatch):
    monkeypatch.setattr(rejection, "_BODY_LIMIT", 100)
    attempt.headers(500)
    for _ in range(50):
        assert attempt.body(b"<p>" * 20) == ()
    assert len(attempt.phase._answering._rejection._held) < 200
    attempt.body(b"", end=True)
    assert attempt.seen.code == "provider_error"


@pytest.mark.parametrize("end", [False, True])
def test_an_error_that_another_may_mend_is_not_waited_for(world, first, end):
    first.headers(429, end=end, retry_after="3")
    assert first.seen.status == names.RETRY_STATUS
    assert first.seen.set_headers[names.STATUS_HEADER] == "429"
    assert "retry-after" in first.seen.removed, "another provider has nothing to do with it"
    first.close()
    assert world.recorder.attempts[0].outcome == "provider:provider_rate_limited"


def test_the_same_provider_is_tried_again_when_it_says(world):
    world.model("two", retries=1)
    world.chat()
    attempt = world.send()
    attempt.headers(429, retry_after="3")
    assert "retry-after" not in attempt.seen.removed


@pytest.mark.parametrize("ending", ["body", "trailers"])
def test_where_envoy_does_not_retry_the_error_follows(world, first, ending):
    first.headers(429)
    first.body(b"ignored")
    if ending == "body":
        first.body(b"", end=True)
    else:
        first.trailers()
    assert first.seen.code == "provider_rate_limited"
    assert first.seen.set_headers["request-id"] == first.seen.set_headers["x-request-id"] == "req-1"
    assert (first.seen.set_headers["x-llmgw-provider"], first.seen.set_headers["x-llmgw-attempts"]) == ("o1", "1")
    assert first.seen.ended == (ending == "body")
    assert first.seen.pieces == 1


def test_a_bad_answer_that_ends_in_trailers_is_followed_by_its_error(first):
    first.headers(200)
    first.body(b"<html>")
    first.trailers()
    assert first.seen.status == names.RETRY_STATUS
    assert first.seen.code == "provider_bad_answer"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("3", "3"),
        ("2.1", "3"),
        ("-4", "0"),
        ("inf", None),
        ("nan", None),
        ("1e300", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_passed_on_in_whole_seconds(attempt, given, shown):
    attempt.headers(429, retry_after=given)
    attempt.body(b"", end=True)
    assert attempt.seen.set_headers.get("retry-after") == shown
    assert ("retry-after" in attempt.seen.removed) == (shown is None)


def test_an_error_that_the_model_does_not_list_ends_the_chain(world, first):
    first.headers(400)
    first.body(ERROR, end=True)
    assert (first.seen.status, first.seen.json["error"]["message"]) == (400, "The context is too long")
    assert ends(world, first)[1] == [(400, "provider:provider_rejected_request")]


def test_the_last_of_the_chain_does_not_move_on(world, first, completion):
    first.headers(429)
    first.close()
    second = world.send()
    second.headers(500)
    second.body(b"", end=True)
    assert second.seen.status == 502
    second.close()
    (request,) = world.recorder.requests
    assert [(a.provider, a.reason) for a in request.attempts] == [
        ("o1", "provider:provider_rate_limited"),
        ("o2", "provider:provider_error"),
    ]


@pytest.mark.parametrize("kept", [Target("o2", "m2"), Target("o1", "m9")])
def test_the_first_attempt_that_never_connected_is_listed_by_the_second(world, completion, kept):
    world.model("two", fallbacks=(kept,))
    world.chat()
    lost, _ = world.open()
    lost.close()
    second = world.send()
    second.headers(200)
    second.body(completion, end=True)
    second.close()
    assert [(r.attempt, r.outcome) for r in world.recorder.attempts] == [
        (1, "provider:provider_unreachable"),
        (2, "ok"),
    ]
    (request,) = world.recorder.requests
    assert [a.reason for a in request.attempts] == ["provider:provider_unreachable", "ok"]
