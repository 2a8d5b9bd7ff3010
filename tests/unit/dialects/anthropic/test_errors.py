"""Errors: rendered as the SDK reads them, and read from whatever a provider answers."""

import inspect

import anthropic
import orjson
import pytest
from anthropic.types.shared import ErrorResponse

from extproc.dialects.anthropic.errors import (
    MAX_MESSAGE_CHARS,
    parse_error,
    render_error,
    render_error_event,
    stream_error,
)
from extproc.domain import errors
from extproc.domain.errors import (
    ContentPolicy,
    ContextLength,
    GatewayError,
    ProviderAuth,
    ProviderFailed,
    ProviderMissing,
    ProviderNotFound,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
)

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, GatewayError) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_its_status_type_and_code_in_the_sdk(kind, sdk_error):
    error = kind("mend it", param="messages[0]")
    caught = sdk_error(error.status, render_error(error))
    assert caught.status_code == error.status
    assert caught.error_code == error.code
    assert caught.api_message == "mend it"
    assert caught.body["error"]["code"] == error.code
    assert caught.body["error"]["details"]["param"] == "messages[0]"


@pytest.mark.parametrize(
    ("status", "type_"),
    [(400, "invalid_request_error"), (401, "authentication_error"), (402, "billing_error"),
     (403, "permission_error"), (404, "not_found_error"), (405, "invalid_request_error"),
     (413, "request_too_large"), (429, "rate_limit_error"), (500, "api_error"), (502, "api_error"),
     (503, "overloaded_error"), (504, "timeout_error"), (529, "overloaded_error")],
)  # fmt: skip
def test_the_type_is_the_one_of_the_status(status, type_):
    class Some(GatewayError):
        pass

    Some.status = status
    body = render_error(Some("x"))
    assert body["error"]["type"] == type_
    assert "param" not in body["error"]["details"]
    if type_ != "request_too_large":  # the API has it, the SDK's types do not
        assert ErrorResponse.model_validate(body).error.type == type_


def test_an_error_event_raises_in_the_sdks_stream(sdk_stream):
    with pytest.raises(anthropic.APIStatusError) as caught:
        sdk_stream(render_error_event(ProviderOverloaded("busy")))
    assert caught.value.type == "overloaded_error"
    assert caught.value.error_code == "provider_overloaded"


def vendor(type_, message="what went wrong", **error):
    return orjson.dumps({"type": "error", "error": {"type": type_, "message": message, **error}, "request_id": "req_1"})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, vendor("invalid_request_error"), ProviderRejected),
        (400, vendor("invalid_request_error", "prompt is too long: 215000 tokens > 200000 maximum"), ContextLength),
        (400, vendor("invalid_request_error", "input length and `max_tokens` exceed context limit: 1 + 2 > 2"),
         ContextLength),
        (400, vendor("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
         ProviderQuota),
        (400, vendor("invalid_request_error", "You have reached your specified API usage limits."), ProviderQuota),
        (400, vendor("invalid_request_error", "Output blocked by content filtering policy"), ContentPolicy),
        (400, vendor("invalid_request_error", details={"error_code": "organization_on_hold"}), ProviderAuth),
        (401, vendor("authentication_error", "invalid x-api-key"), ProviderAuth),
        (402, vendor("billing_error"), ProviderQuota),
        (403, vendor("permission_error"), ProviderAuth),
        (404, vendor("not_found_error", "model: claude-nine"), ProviderNotFound),
        (404, vendor("not_found_error", "File not found: file_1"), ProviderMissing),
        (408, b"", ProviderTimeout),
        (409, vendor("conflict_error"), ProviderRejected),
        (413, vendor("request_too_large"), ProviderRejected),
        (413, vendor("request_too_large", "Prompt is too long"), ContextLength),
        (429, vendor("rate_limit_error"), ProviderRateLimited),
        (429, vendor("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}), ProviderQuota),
        (429, vendor("rate_limit_error", details={"error_code": "ramp_limit_exceeded"}), ProviderRateLimited),
        (500, vendor("api_error", "prompt is too long"), ProviderFailed),
        (500, vendor("overloaded_error"), ProviderOverloaded),
        (502, b"<html>bad gateway</html>", ProviderFailed),
        (503, b"", ProviderOverloaded),
        (504, vendor("timeout_error"), ProviderTimeout),
        (529, vendor("overloaded_error"), ProviderOverloaded),
        (429, b"\xff\xfe not utf-8", ProviderRateLimited),
        (400, b'{"error": "a plain sentence"}', ProviderRejected),
        (400, b'{"message": "as some clouds say it"}', ProviderRejected),
        (400, b'{"error": {"type": 3, "message": ["x"], "details": []}}', ProviderRejected),
        (400, b"[]", ProviderRejected),
    ],
)  # fmt: skip
def test_a_vendors_error_by_its_most_specific_word(status, body, kind):
    error = parse_error(status, body, retry_after=1.5)
    assert type(error) is kind
    assert error.retry_status == status
    assert error.retry_after == 1.5
    assert error.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (vendor("invalid_request_error", "max_tokens: too large"), "max_tokens: too large"),
        (b'{"error": "a plain sentence"}', "a plain sentence"),
        (vendor("invalid_request_error", "bad key sk-ant-api03-abcdef given"), "bad key [redacted] given"),
        (b'{"message": "as some clouds say it"}', "as some clouds say it"),
        (b"<html>", "the provider answered HTTP 400 without a message"),
        (vendor("invalid_request_error", "x" * 5000), "x" * MAX_MESSAGE_CHARS),
    ],
)
def test_the_vendors_message_is_kept_within_bounds(body, message):
    assert parse_error(400, body, retry_after=None).message == message


@pytest.mark.parametrize("status", [401, 403])
def test_what_the_vendor_says_of_our_credential_is_not_told(status):
    error = parse_error(status, vendor("authentication_error", "key sk-ant-123 of org acme"), retry_after=None)
    assert "sk-ant" not in error.message
    assert "acme" not in error.message
    assert error.status == 502


@pytest.mark.parametrize(
    ("type_", "kind", "status"),
    [("overloaded_error", ProviderOverloaded, 529), ("rate_limit_error", ProviderRateLimited, 429),
     ("api_error", ProviderFailed, 500), ("timeout_error", ProviderTimeout, 504),
     ("invalid_request_error", ProviderRejected, 400), ("authentication_error", ProviderAuth, 401),
     ("error_of_tomorrow", ProviderFailed, 500)],
)  # fmt: skip
def test_an_error_in_a_stream_counts_as_the_status_of_its_type(type_, kind, status):
    error = stream_error(orjson.loads(vendor(type_)))
    assert type(error) is kind
    assert error.retry_status == status


@pytest.mark.parametrize("kind", [errors.UnsupportedFeature, errors.UnboundedCost])
def test_of_a_thread_that_cannot_be_kept_the_sdk_is_told_so(kind, sdk_error):
    error = kind("send the whole conversation", param="thread")
    caught = sdk_error(error.status, render_error(error))
    assert caught.error_code == "thread_unsupported_request"
    assert caught.body["error"]["code"] == error.code


@pytest.mark.parametrize(
    ("status", "type_", "code"),
    [
        (400, "invalid_request_error", "thread_unsupported_request"),
        (404, "not_found_error", "thread_not_found"),
        (409, "conflict_error", "thread_already_continued"),
    ],
)
def test_what_the_vendor_says_of_a_thread_reaches_the_sdk(status, type_, code, sdk_error):
    error = parse_error(status, vendor(type_, details={"error_code": code}), retry_after=None)
    assert sdk_error(error.status, render_error(error)).error_code == code
