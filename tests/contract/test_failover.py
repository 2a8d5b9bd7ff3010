"""Failover until the first token: the client gets one clean answer, and never sees what went wrong before it."""

import asyncio
import math
import time

import httpx
import orjson
import pytest
from asking import check_addressed
from harness import eventually, new_id
from transfers import ANTHROPIC, DIALECTS, OPENAI, Dialect, transfer

SAID = "the river keeps its own slow time while small boats cross from bank to bank and"


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.name)
def dialect(request) -> Dialect:
    return request.param


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def stream(request) -> bool:
    return request.param


async def ask(http: httpx.AsyncClient, dialect: Dialect, model: str, *, stream: bool, text: str = "Hello"):
    request_id = new_id()
    got = await transfer(http, dialect.path, dialect.body(model, text, stream=stream), {"x-request-id": request_id})
    return request_id, got


def clean(dialect: Dialect, got, *, stream: bool) -> bool:
    """Whether it is a good answer, whole, and nothing else."""
    assert got.status == 200, got.body
    assert got.complete
    if not stream:
        return dialect.text(got.json) == SAID
    assert got.errors == []
    assert got.finished
    return got.text == SAID


async def test_a_429_then_a_stream_that_opens_with_an_error_then_an_answer(gateway, http, simulator, stream):
    """Through chains of three of every mix of dialects, for clients of both."""
    simulator.script(
        o1="status=429", a1="status=429", o2="fault=error_event,fault_at=1", a2="fault=error_event,fault_at=1"
    )
    chains = ["o1-o2-o3", "a1-a2-a3", "o1-a2-o3", "a1-o2-a3"]
    pairs = [(dialect, names) for dialect in DIALECTS for names in chains]
    answers = await asyncio.gather(*(ask(http, dialect, names, stream=stream) for dialect, names in pairs))
    for (dialect, names), (request_id, got) in zip(pairs, answers, strict=True):
        chain = names.split("-")
        assert clean(dialect, got, stream=stream)
        assert got.headers["x-llmgw-provider"] == chain[2]
        assert got.headers["x-llmgw-attempts"] == "3"

        asked = simulator.requests(request_id)
        assert [one.label for one in asked] == chain
        for one in asked:
            check_addressed(one)

        row = await gateway.row(request_id)
        assert [attempt["provider"] for attempt in row["attempts"]] == chain
        reasons = [attempt["reason"] for attempt in row["attempts"]]
        assert reasons[0] == "provider:provider_rate_limited"
        assert reasons[1] in {"provider:provider_error", "provider:provider_overloaded"}
        assert reasons[2] == row["outcome"] == "ok"

        line = await gateway.access(request_id)
        assert (line["status"], line["attempts"]) == (200, 3)
        marks = [line["llmgw"][f"a{number}"].split(" ")[:2] for number in (1, 2, 3)]
        assert [provider for provider, _ in marks] == chain
        assert [reason for _, reason in marks[:2]] == reasons[:2]


async def test_a_header_of_one_provider_never_reaches_the_next(http, simulator, dialect):
    simulator.script(o2="status=500", a1="status=500")
    request_id, got = await ask(http, dialect, "o2-a1-o1", stream=False)
    assert got.status == 200
    asked = simulator.requests(request_id)
    assert [one.label for one in asked] == ["o2", "a1", "o1"]
    for one in asked:
        check_addressed(one)


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503, 504, 529])
async def test_each_status_of_retry_on_moves_on(http, simulator, status):
    simulator.script(o1={"status": status}, a1={"status": status})
    for name in ("o1-o2", "a1-a2"):
        request_id, got = await ask(http, OPENAI, name, stream=True)
        assert clean(OPENAI, got, stream=True)
        assert [one.label for one in simulator.requests(request_id)] == name.split("-")


@pytest.mark.parametrize(("status", "shown"), [(400, 400), (404, 404), (413, 400), (422, 400)])
async def test_what_another_provider_would_not_mend_is_told_at_once(http, simulator, dialect, stream, status, shown):
    simulator.script(o1={"status": status, "error_body": '{"error": {"message": "Not like this.", "type": "x"}}'})
    request_id, got = await ask(http, dialect, "o1-o2", stream=stream)
    assert got.status == shown
    assert dialect.error(got.json)[2] == "Not like this."
    assert [one.label for one in simulator.requests(request_id)] == ["o1"]


_BROKEN = {
    "reset": {"drop_connection": True},
    "reset-after-a-while": {"drop_connection": True, "latency": 0.3},
    "error-event-first": {"fault": "error_event"},
    "html": {"fault": "html"},
    "empty": {"fault": "empty"},
    "malformed-first-line": {"fault": "malformed"},
    "malformed-before-content": {"fault": "malformed", "fault_at": 1},
    "cut-before-content": {"fault": "cut", "fault_at": 1},
    "ended-before-content": {"fault": "early_end", "fault_at": 1},
    "gzip-cut-before-content": {"fault": "cut", "fault_at": 1, "gzip": True},
    "gzip-error-event": {"fault": "error_event", "fault_at": 1, "gzip": True},
    "gzip-malformed": {"fault": "malformed", "gzip": True},
    "unknown-coding": {"headers": "content-encoding:br"},
    "redirect": {"status": 302},
}


@pytest.mark.parametrize("how", _BROKEN.values(), ids=_BROKEN.keys())
@pytest.mark.parametrize("names", ["o1-o2", "a1-a2"])
async def test_a_stream_that_breaks_before_its_first_token_is_replaced(http, simulator, names, how):
    simulator.script(**{names[:2]: how})
    request_id, got = await ask(http, OPENAI, names, stream=True)
    assert clean(OPENAI, got, stream=True)
    assert [one.label for one in simulator.requests(request_id)] == names.split("-")


_BROKEN_WHOLE = {
    "reset": {"drop_connection": True},
    "error-in-a-200": {"fault": "error_event"},
    "html": {"fault": "html"},
    "empty": {"fault": "empty"},
    "half-the-body-as-if-it-were-all": {"fault": "malformed"},
    "cut": {"fault": "cut"},
    "gzip-cut": {"fault": "cut", "gzip": True},
    "gzip-half": {"fault": "malformed", "gzip": True},
    "gzip-html": {"fault": "html", "gzip": True},
    "garbage-of-another-type": {"fault": "html", "headers": "content-type:image/png"},
}


@pytest.mark.parametrize("how", _BROKEN_WHOLE.values(), ids=_BROKEN_WHOLE.keys())
@pytest.mark.parametrize("names", ["o1-o2", "a1-a2"])
async def test_a_whole_answer_that_is_none_is_replaced(http, simulator, names, how):
    simulator.script(**{names[:2]: how})
    request_id, got = await ask(http, ANTHROPIC, names, stream=False)
    assert clean(ANTHROPIC, got, stream=False)
    assert [one.label for one in simulator.requests(request_id)] == names.split("-")


@pytest.mark.parametrize(
    "how", [{"gzip": True}, {"gzip": True, "split": 3}, {"fault": "wrong_content_type"}, {"crlf": True}]
)
async def test_an_unusual_but_good_answer_is_taken(http, simulator, dialect, stream, how):
    simulator.script(o1=how, a1=how)
    for name in ("o1-o2", "a1-a2"):
        request_id, got = await ask(http, dialect, name, stream=stream)
        assert clean(dialect, got, stream=stream)
        assert [one.label for one in simulator.requests(request_id)] == [name[:2]]


async def test_a_refused_connection_moves_on(gateway, http, simulator, dialect, stream):
    request_id, got = await ask(http, dialect, "d1-o1", stream=stream)
    assert clean(dialect, got, stream=stream)
    row = await gateway.row(request_id)
    assert [attempt["provider"] for attempt in row["attempts"]] == ["d1", "o1"]


@pytest.mark.parametrize(
    "how",
    [{"hang": True}, {"latency": 20}, {"first_token_delay": 20}, {"fault": "stall", "fault_at": 1}],
    ids=["no-headers", "late-headers", "late-token", "opening-only"],
)
async def test_the_first_token_timeout_moves_on(gateway, http, simulator, how):
    simulator.script(o1=how, a1=how)
    began = time.monotonic()
    answers = await asyncio.gather(*(ask(http, OPENAI, name, stream=True) for name in ("quick-o1-o2", "quick-a1-o2")))
    assert time.monotonic() - began > 0.9
    for request_id, got in answers:
        assert clean(OPENAI, got, stream=True)
        row = await gateway.row(request_id)
        assert row["attempts"][0]["reason"] == "provider:provider_timeout"


async def test_a_long_stream_under_the_first_token_timeout_is_not_cut(http, simulator):
    simulator.script(o1={"tokens_per_second": 3, "tokens": 16})
    began = time.monotonic()
    answers = await asyncio.gather(*(ask(http, one, "quick-o1-o2", stream=True) for one in DIALECTS))
    assert time.monotonic() - began > 5  # five times the timeout
    for dialect, (request_id, got) in zip(DIALECTS, answers, strict=True):
        assert clean(dialect, got, stream=True)
        assert [one.label for one in simulator.requests(request_id)] == ["o1"]


async def test_a_slow_whole_answer_is_not_held_to_the_first_token_timeout(http, simulator):
    simulator.script(o1={"latency": 2.5})
    request_id, got = await ask(http, ANTHROPIC, "quick-o1-o2", stream=False)
    assert clean(ANTHROPIC, got, stream=False)
    assert [one.label for one in simulator.requests(request_id)] == ["o1"]


async def test_the_same_provider_is_tried_again_before_the_next(http, simulator, stream):
    simulator.script(o1="status=500")
    request_id, got = await ask(http, OPENAI, "retries", stream=stream)
    assert clean(OPENAI, got, stream=stream)
    assert [one.label for one in simulator.requests(request_id)] == ["o1", "o1", "o1", "o2"]
    simulator.script(o1=["status=500", {}])
    request_id, got = await ask(http, OPENAI, "retries", stream=stream)
    assert clean(OPENAI, got, stream=stream)
    assert [one.label for one in simulator.requests(request_id)] == ["o1", "o1"]


async def test_retry_after_is_waited_for_at_the_same_provider_only(http, simulator):
    simulator.script(o1=["status=429,retry_after=1", {}])
    request_id, got = await ask(http, OPENAI, "retries", stream=False)
    assert got.status == 200
    first, second = simulator.requests(request_id)
    assert first.label == second.label
    assert 0.9 <= second.received_at - first.received_at < 3

    simulator.script(o1="status=429,retry_after=5")
    request_id, got = await ask(http, OPENAI, "o1-o2", stream=False)
    assert got.status == 200
    first, second = simulator.requests(request_id)
    assert second.received_at - first.received_at < 1


async def test_a_model_that_retries_nothing_tells_its_first_failure(http, simulator, dialect, stream):
    simulator.script(o1="status=503")
    request_id, got = await ask(http, dialect, "never-retries", stream=stream)
    assert got.status == (529 if dialect is ANTHROPIC else 503)
    assert dialect.error(got.json)[1] == "provider_overloaded"
    assert [one.label for one in simulator.requests(request_id)] == ["o1"]


_LAST = [
    ("o1-a2", "status=500", "status=529", 503, "provider_overloaded", "Overloaded"),
    ("o1-a2", "status=500", "error=context_length_exceeded", 400, "context_length_exceeded", "prompt is too long"),
    ("a1-o2", "status=500", "status=429,retry_after=7", 429, "provider_rate_limited", "Rate limit reached"),
    ("a1-o2", "status=429", "error=insufficient_quota", 429, "provider_quota_exhausted", "exceeded your current quota"),
    ("a1-o2", "status=500", "status=401", 502, "provider_auth_failed", "credential"),
    ("o1-o2", "status=500", "error_event", 502, "provider_error", "had an error"),
    ("o1-o2", "status=500", "html", 502, "provider_bad_answer", ""),
]


@pytest.mark.parametrize(("names", "first", "last", "status", "code", "words"), _LAST)
async def test_the_last_error_is_told_in_the_clients_dialect(
    gateway, http, simulator, dialect, stream, names, first, last, status, code, words
):
    last = f"fault={last}" if "=" not in last else last
    simulator.script(**{names[:2]: first, names[3:]: last})
    request_id, got = await ask(http, dialect, names, stream=stream)
    status = 529 if (dialect, code) == (ANTHROPIC, "provider_overloaded") else status
    assert got.status == status
    assert got.headers["content-type"] == "application/json"
    _, shown, message = dialect.error(got.json)
    assert shown == code
    assert words in message
    if "retry_after=7" in last:
        assert got.headers["retry-after"] == "7"
    assert got.headers["x-llmgw-attempts"] == "2"
    row = await gateway.row(request_id)
    assert (row["status"], row["outcome"], row["attempt_count"]) == (status, f"provider:{code}", 2)


async def test_weights_and_the_order_of_fallbacks_over_a_thousand_requests(gateway, http, simulator):
    """80 to 20 within five standard deviations; behind the drawn target the other one, then the fallbacks in order."""
    simulator.script(o1="status=500", o2="status=500", o3="status=500")  # so that each request goes all the way
    simulator.forget()
    count, sigma, prefix = 1000, math.sqrt(1000 * 0.8 * 0.2), new_id()
    body = orjson.dumps(OPENAI.body("weighted", stream=False))

    async def some(worker: int) -> None:
        for number in range(count // 20):
            got = await transfer(http, OPENAI.path, body, {"x-request-id": f"{prefix}-{worker}-{number}"})
            assert got.status == 200

    await asyncio.gather(*map(some, range(20)))
    assert simulator.counts() == dict.fromkeys(("o1", "o2", "o3", "a1"), count)

    def rows() -> list[dict]:
        found = [row for row in gateway.all_rows() if row["type"] == "request" and row["request_id"].startswith(prefix)]
        return found if len(found) == count else []

    orders = [
        "-".join(attempt["provider"] for attempt in row["attempts"])
        for row in await eventually(rows, "a row for each request")
    ]
    assert set(orders) == {"o1-o2-o3-a1", "o2-o1-o3-a1"}
    assert abs(orders.count("o1-o2-o3-a1") - 800) < 5 * sigma
