"""Claims about errors, both ways."""

import orjson
import pytest
from google.genai import errors as sdk

from extproc.dialects.gemini.dialect import GeminiClient, GeminiProvider
from extproc.domain.errors import (
    BudgetExceeded,
    ContentPolicy,
    ContextLength,
    InternalError,
    InvalidRequest,
    ModelNotAllowed,
    ProviderAuth,
    ProviderFailed,
    ProviderNotFound,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    RateLimited,
    Unauthenticated,
)

TYPE = "type.googleapis.com/google.rpc."


def body(code, status, message, *details):
    error = {"code": code, "message": message, "status": status}
    return {"error": error | ({"details": list(details)} if details else {})}


def parse(status, said, retry_after=None):
    data = said if isinstance(said, bytes) else orjson.dumps(said)
    return GeminiProvider().parse_error(status, data, retry_after=retry_after)


def info(reason):
    return {"@type": f"{TYPE}ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def quota(quota_id):
    return {"@type": f"{TYPE}QuotaFailure", "violations": [{"quotaId": quota_id}]}


RETRY = {"@type": f"{TYPE}RetryInfo", "retryDelay": "33.25s"}
TOO_LONG = "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576)."
CASES = [
    (400, body(400, "INVALID_ARGUMENT", "API key not valid.", info("API_KEY_INVALID")), ProviderAuth),
    (400, body(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), ProviderAuth),
    (400, body(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."), ProviderAuth),
    (400, body(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), ProviderAuth),
    (400, body(400, "INVALID_ARGUMENT", TOO_LONG), ContextLength),
    (
        400,
        body(400, "INVALID_ARGUMENT", "The input token count is 32825 but the model only supports up to 32768."),
        ContextLength,
    ),
    (400, body(400, "INVALID_ARGUMENT", "Invalid value at 'contents'"), ProviderRejected),
    (400, body(400, "FAILED_PRECONDITION", "No."), ProviderRejected),
    (
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 2 > 1"}},
        ContextLength,
    ),
    (400, body(400, "INVALID_ARGUMENT", "It violates the Prohibited Use Policy."), ContentPolicy),
    (401, body(401, "UNAUTHENTICATED", "Invalid credentials", info("ACCESS_TOKEN_EXPIRED")), ProviderAuth),
    (403, body(403, "PERMISSION_DENIED", "Denied on resource"), ProviderAuth),
    (403, body(403, "PERMISSION_DENIED", "It is off", info("SERVICE_DISABLED")), ProviderAuth),
    (403, body(403, "PERMISSION_DENIED", "No billing", info("BILLING_DISABLED")), ProviderQuota),
    (403, body(403, "PERMISSION_DENIED", "You do not have permission to access the File x"), ProviderRejected),
    (404, body(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta"), ProviderNotFound),
    (429, body(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."), ProviderRateLimited),
    (
        429,
        body(429, "RESOURCE_EXHAUSTED", "Quota", info("RATE_LIMIT_EXCEEDED"), quota("PerMinute")),
        ProviderRateLimited,
    ),
    (429, body(429, "RESOURCE_EXHAUSTED", "Quota", quota("GenerateRequestsPerDayPerProject")), ProviderQuota),
    (429, body(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0", info("RATE_LIMIT_EXCEEDED")), ProviderQuota),
    (429, body(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), ProviderQuota),
    (429, body(429, "RESOURCE_EXHAUSTED", "No capacity", info("MODEL_CAPACITY_EXHAUSTED")), ProviderOverloaded),
    (429, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}, ProviderRateLimited),
    (500, body(500, "INTERNAL", "An internal error has occurred."), ProviderFailed),
    (500, body(500, "INTERNAL", TOO_LONG), ProviderFailed),
    (503, body(503, "UNAVAILABLE", "The model is overloaded."), ProviderOverloaded),
    (504, body(504, "DEADLINE_EXCEEDED", "Deadline expired."), ProviderTimeout),
    (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, ProviderOverloaded),
    (418, {}, ProviderRejected),
    (502, b"<html>Bad Gateway</html>", ProviderFailed),
    (503, b"\xff\xfe", ProviderOverloaded),
    (400, {"error": "unauthorized_client"}, ProviderRejected),
    (400, {"message": "no"}, ProviderRejected),
    (400, {"error": {"details": {"a": 1}, "code": True, "message": 3}}, ProviderRejected),
]


@pytest.mark.parametrize(("status", "said", "kind"), CASES)
def test_the_vendors_errors(status, said, kind):
    found = parse(status, said)
    assert type(found) is kind
    assert found.retry_status == status
    assert found.message


def test_a_list_of_one_is_the_same():
    for status, said, kind in CASES:
        if isinstance(said, dict) and said:
            assert type(parse(status, [said])) is kind


def test_the_vendors_words_are_kept_but_not_its_keys_nor_what_concerns_our_account():
    assert parse(400, body(400, "INVALID_ARGUMENT", TOO_LONG)).message == TOO_LONG
    leaked = parse(400, body(400, "INVALID_ARGUMENT", "bad AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY and ya29.a0AfH6SM"))
    assert leaked.message == "bad [redacted] and [redacted]"
    assert "consumer" not in parse(403, body(403, "PERMISSION_DENIED", "consumer projects/123 is suspended")).message
    assert len(parse(400, body(400, "INVALID_ARGUMENT", "x" * 5000)).message) == 1000


def test_the_wait_is_the_headers_or_the_bodys_and_none_where_waiting_does_not_help():
    limited = body(429, "RESOURCE_EXHAUSTED", "Quota", RETRY)
    assert parse(429, limited).retry_after == 33.25
    assert parse(429, limited, 5).retry_after == 5
    assert parse(429, body(429, "RESOURCE_EXHAUSTED", "Quota", RETRY, quota("PerDay"))).retry_after is None
    assert parse(429, body(429, "RESOURCE_EXHAUSTED", "Q", RETRY | {"retryDelay": "soon"})).retry_after is None


def test_the_field_at_fault():
    violation = {"@type": f"{TYPE}BadRequest", "fieldViolations": [{"field": "contents[0].parts", "description": "d"}]}
    assert parse(400, body(400, "INVALID_ARGUMENT", "Bad", violation)).param == "contents[0].parts"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("m", param="contents"), "INVALID_ARGUMENT"),
        (Unauthenticated("m"), "UNAUTHENTICATED"),
        (BudgetExceeded("m"), "RESOURCE_EXHAUSTED"),
        (BudgetExceeded("m", status=418), "INVALID_ARGUMENT"),
        (ModelNotAllowed("m"), "PERMISSION_DENIED"),
        (ProviderNotFound("m"), "NOT_FOUND"),
        (RateLimited("m", retry_after=2.5), "RESOURCE_EXHAUSTED"),
        (InternalError("m"), "INTERNAL"),
        (ProviderFailed("m"), "INTERNAL"),
        (ProviderOverloaded("m"), "UNAVAILABLE"),
        (ProviderTimeout("m"), "DEADLINE_EXCEEDED"),
    ],
)
def test_our_errors_as_the_sdk_reads_them(error, status):
    rendered = GeminiClient().render_error(error)
    kind = sdk.ClientError if error.status < 500 else sdk.ServerError
    read = kind(error.status, rendered)
    assert (read.code, read.status, read.message) == (error.status, status, error.message)
    details = rendered["error"]["details"]
    assert details[0]["metadata"] == {"code": error.code}
    assert details[0]["reason"] == error.code.upper()
    assert [each.get("retryDelay") for each in details[1:]] == (
        ["2.5s"] if error.retry_after else [None] * len(details[1:])
    )
    if error.param:
        assert details[1]["fieldViolations"][0]["field"] == "contents"


def test_our_errors_in_a_stream_are_one_event():
    error = RateLimited("m")
    event = GeminiClient().render_error_event(error)
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert orjson.loads(event[6:]) == GeminiClient().render_error(error)


def test_our_own_errors_survive_a_gateway_behind_a_gateway():
    """The wait and the field come back as they were."""
    error = RateLimited("slow down", retry_after=2.5, param="contents")
    back = parse(429, GeminiClient().render_error(error))
    assert (type(back), back.message, back.retry_after, back.param) == (
        ProviderRateLimited,
        "slow down",
        2.5,
        "contents",
    )
