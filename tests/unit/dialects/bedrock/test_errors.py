"""The vendor's errors in the gateway's vocabulary."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.bedrock.errors import MAX_MESSAGE_CHARS, parse_error, stream_error
from extproc.domain.errors import (
    ContentPolicy,
    ContextLength,
    ProviderAuth,
    ProviderError,
    ProviderFailed,
    ProviderNotFound,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
)
from tests.judges.bedrock import MODEL


def read(status, message):
    return parse_error(status, orjson.dumps({"message": message}), retry_after=None)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Malformed input request: #: required key [messages] not found", ProviderRejected),
        (400, "Input is too long for requested model.", ContextLength),
        (400, "The model returned the following errors: prompt is too long: 209 tokens > 200 maximum", ContextLength),
        (400, "input length and `max_tokens` exceed context limit: 1 + 2 > 2", ContextLength),
        (400, "Output blocked by content filtering policy", ContentPolicy),
        (400, "The provided model identifier is invalid.", ProviderNotFound),
        (400, "Invocation of model ID x with on-demand throughput isn't supported.", ProviderNotFound),
        (404, "This model version has reached the end of its life.", ProviderNotFound),
        (401, "", ProviderAuth),
        (402, "pay", ProviderQuota),
        (403, "User: arn:aws:iam::123:user/x is not authorized to perform: bedrock:InvokeModel", ProviderAuth),
        (404, "Could not resolve the foundation model", ProviderNotFound),
        (408, "Model has timed out in processing the request.", ProviderTimeout),
        (424, "The system encountered an unexpected error during processing.", ProviderFailed),
        (424, "The model returned: prompt is too long", ContextLength),
        (429, "Too many requests, please wait before trying again.", ProviderRateLimited),
        (429, "Model is not ready for inference.", ProviderOverloaded),
        (500, "internal", ProviderFailed),
        (503, "Bedrock is unable to process your request.", ProviderOverloaded),
        (504, "gateway", ProviderTimeout),
        (529, "overloaded", ProviderOverloaded),
        (418, "teapot", ProviderRejected),
    ],
)
def test_status_and_words(status, message, kind):
    error = read(status, message)
    assert type(error) is kind
    assert error.retry_status == (500 if kind is ProviderFailed else status)
    if kind is ProviderAuth:
        assert error.message == f"the provider refused the gateway's credential (HTTP {status})"
    else:
        assert error.message == message


def test_every_exception_of_the_service_model_is_known():
    """In a stream an exception counts as the status that it has outside of streams."""
    for operation in ("Converse", "ConverseStream", "InvokeModelWithResponseStream"):
        for shape in MODEL.operation_model(operation).error_shapes:
            status = shape.metadata["error"]["httpStatusCode"]
            name = shape.name[0].lower() + shape.name[1:]
            assert stream_error(name, "m").retry_status == (500 if status == 424 else status), name
            assert type(stream_error(name, "m")) is type(read(status, "m")) or shape.name == "ModelNotReadyException"


def test_names_as_front_ends_spell_them():
    assert type(stream_error("com.amazon.coral.service#ExpiredTokenException", "x")) is ProviderAuth
    assert type(stream_error("ServiceUnavailableException", "x")) is ProviderOverloaded
    assert type(stream_error("futureException", "x")) is ProviderFailed


def test_a_capital_a_key_a_long_message_and_none():
    assert parse_error(400, b'{"Message":"Bad sk-live-12345678"}', retry_after=None).message == "Bad [redacted]"
    assert len(read(400, "x" * 5000).message) == MAX_MESSAGE_CHARS
    for body in (b"", b"<html>", b"[]", b'{"message":3}', b"\xff"):
        assert parse_error(502, body, retry_after=2.0).message == "the provider answered HTTP 502 without a message"
    assert parse_error(429, b"", retry_after=2.0).retry_after == 2.0


@given(st.integers(400, 599), st.binary(max_size=80))
def test_never_raises(status, body):
    assert isinstance(parse_error(status, body, retry_after=None), ProviderError)
