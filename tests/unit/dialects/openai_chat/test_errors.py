"""Claims about errors: whose fault, which status, and that no credential is shown."""

import openai
import orjson
import pytest
from openai.types.shared import ErrorObject

from extproc.dialects.anthropic.errors import render_error as anthropic_error
from extproc.dialects.gemini.errors import render_error as gemini_error
from extproc.dialects.openai_chat.errors import MAX_MESSAGE_CHARS, parse_error, render_error, render_error_event
from extproc.domain.errors import (
    ContentPolicy,
    ContextLength,
    GatewayError,
    InternalError,
    InvalidRequest,
    ModelNotAllowed,
    PolicyError,
    ProviderAuth,
    ProviderError,
    ProviderFailed,
    ProviderMissing,
    ProviderNotFound,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
    RequestTooLarge,
    Unauthenticated,
    UnknownModel,
)


class BudgetExceeded(PolicyError):
    """As a meter refuses."""

    code = "budget_exceeded"
    status = 402


class RateLimited(PolicyError):
    """As a rate limit refuses."""

    code = "rate_limited"
    status = 429


TYPES = [
    (InvalidRequest, "invalid_request_error"),
    (Unauthenticated, "invalid_request_error"),
    (UnknownModel, "invalid_request_error"),
    (RequestTooLarge, "invalid_request_error"),
    (ModelNotAllowed, "permission_error"),
    (BudgetExceeded, "budget_exceeded"),
    (RateLimited, "rate_limited"),
    (ProviderRejected, "invalid_request_error"),
    (ProviderRateLimited, "rate_limit_error"),
    (ProviderQuota, "insufficient_quota"),
    (ProviderAuth, "server_error"),
    (ProviderFailed, "server_error"),
    (ProviderOverloaded, "service_unavailable_error"),
    (ProviderTimeout, "server_error"),
    (InternalError, "server_error"),
]


@pytest.mark.parametrize(("kind", "error_type"), TYPES, ids=[kind.__name__ for kind, _ in TYPES])
def test_render(kind, error_type):
    body = render_error(kind("what is wrong", param="messages[0]"))
    assert body == {
        "error": {"message": "what is wrong", "type": error_type, "param": "messages[0]", "code": kind.code}
    }
    ErrorObject.model_validate(body["error"], strict=True)


@pytest.mark.parametrize(
    ("status", "vendor", "code", "shown"),
    [
        (400, "previous_response_not_found", "provider_rejected_request", "previous_response_not_found"),
        (400, "unsupported_parameter", "provider_rejected_request", "unsupported_parameter"),
        (400, "content_filter", "content_policy_violation", "content_filter"),
        (400, "context_length_exceeded", "context_length_exceeded", None),
        (400, "exceed_context_size_error", "context_length_exceeded", None),
        (400, "1300", "provider_rejected_request", None),
        (400, "BadRequestError", "provider_rejected_request", None),
        (400, "a_" * 60 + "b", "provider_rejected_request", None),
        (400, "not_a_word\n", "provider_rejected_request", None),
        (401, "some_reason", "provider_auth_failed", None),
        (403, "some_reason", "provider_auth_failed", None),
        (404, "model_not_found", "provider_model_not_found", None),
        (429, "rate_limit_exceeded", "provider_rate_limited", None),
        (429, "insufficient_quota", "provider_quota_exhausted", None),
        (500, "server_error", "provider_error", None),
        (503, "server_is_overloaded", "provider_overloaded", None),
    ],
)
def test_a_rejection_shows_the_vendors_own_word_beside_the_stable_code(status, vendor, code, shown):
    error = render_error(parse_error(status, body(code=vendor), retry_after=None))["error"]
    assert (error["code"], error.get("vendor_code")) == (code, shown)


def test_clients_of_other_dialects_do_not_see_openais_codes():
    error = parse_error(400, body(code="previous_response_not_found"), retry_after=None)
    assert anthropic_error(error)["error"]["details"] == {"error_code": "provider_rejected_request"}
    assert "previous_response" not in orjson.dumps(gemini_error(error)).decode()


@pytest.mark.parametrize(
    "message",
    [
        "Conversation with id 'conv_1' not found.",
        "Response with id 'resp_1' not found.",
        "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.",
        "No such File object: file-1",
        "No batch found with id 'batch_1'.",
    ],
)
def test_what_is_missing_at_the_vendor_is_not_always_the_model(message):
    error = parse_error(404, body(message, type="invalid_request_error", code=None), retry_after=None)
    assert type(error) is ProviderMissing
    assert (error.status, error.retry_status, error.message) == (404, 404, message)
    assert render_error(error)["error"]["code"] == "provider_resource_not_found"


@pytest.mark.parametrize(
    "said",
    [
        {"message": "The model `gpt-9` does not exist or you do not have access to it.", "code": "model_not_found"},
        {"message": "The model `gpt-9` does not exist.", "type": "NotFoundError", "code": 404},
        {"message": 'model "llama9" not found, try pulling it first'},
        {"message": "The model with id 'x' was not found"},
        {"message": "Not Found"},
    ],
)
def test_a_404_is_about_the_model_unless_it_names_something_else(said):
    assert type(parse_error(404, orjson.dumps({"error": said}), retry_after=None)) is ProviderNotFound


def test_an_error_event_is_one_that_openais_client_raises_on():
    event = render_error_event(ProviderFailed('quotes " and\nlines'))
    name, data = event.split(b"data: ")
    assert name == b""
    assert data.endswith(b"\n\n")
    assert data.count(b"\n") == 2
    error = orjson.loads(data)["error"]
    assert error["message"] == 'quotes " and\nlines'
    # As openai._streaming does with a mapping that has a true `error`.
    assert openai.APIError(error["message"], request=None, body=error).code == "provider_error"


def body(message="no", **fields):
    return orjson.dumps({"error": {"message": message, **fields}})


VENDORS = {
    "OpenAI: context": (400, body(type="invalid_request_error", code="context_length_exceeded"), ContextLength),
    "vLLM: context": (
        400,
        b'{"object":"error","message":"This model\'s maximum context length is 4096 tokens.","type":"BadRequestError","code":400}',
        ContextLength,
    ),
    "xAI: context": (
        400,
        b'{"code":"invalid-argument","error":"This model\'s maximum prompt length is 131072 but the request contains 1 more."}',
        ContextLength,
    ),
    "Moonshot: context": (
        400,
        body("Invalid request: Your request exceeded model token limit: 262144", type="invalid_request_error"),
        ContextLength,
    ),
    "DashScope: context": (
        400,
        body("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]"),
        ContextLength,
    ),
    "Zhipu: context": (400, body("Prompt exceeds max length", code="1261"), ContextLength),
    "Zhipu: context, by its code alone": (400, body("x", code="1261"), ContextLength),
    "TGI: context": (
        422,
        b'{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 17","error_type":"validation"}',
        ContextLength,
    ),
    "Gemini, as OpenAI: context": (
        400,
        body("The input token count (2845475) exceeds the maximum number of tokens allowed (1048576)."),
        ContextLength,
    ),
    "llama.cpp: context": (400, body(type="exceed_context_size_error", code=400), ContextLength),
    "OpenAI: policy": (400, body(type="invalid_request_error", code="content_policy_violation"), ContentPolicy),
    "OpenAI: flagged prompt": (400, body(type="invalid_request_error", code="invalid_prompt"), ContentPolicy),
    "Azure: filter": (
        400,
        body(code="content_filter", status=400, innererror={"code": "ResponsibleAIPolicyViolation"}),
        ContentPolicy,
    ),
    "Azure: filter in the inner error": (400, body(innererror={"code": "ResponsibleAIPolicyViolation"}), ContentPolicy),
    "OpenRouter: moderation": (
        403,
        body(code=403, metadata={"reasons": ["violence"], "flagged_input": "x"}),
        ContentPolicy,
    ),
    "OpenAI: no credit": (429, body(type="insufficient_quota", code="credit_balance_exhausted"), ProviderQuota),
    "OpenAI: quota": (429, body(type="insufficient_quota", code="insufficient_quota"), ProviderQuota),
    "DeepSeek: balance": (
        402,
        body("Insufficient Balance", type="unknown_error", code="invalid_request_error"),
        ProviderQuota,
    ),
    "OpenAI: rate": (429, body(type="tokens", code="rate_limit_exceeded"), ProviderRateLimited),
    "OpenAI: slow down": (503, body(type="rate_limit_error", code="slow_down"), ProviderRateLimited),
    "Azure: rate": (429, body(code="429"), ProviderRateLimited),
    "OpenAI: key": (401, body(type="invalid_request_error", code="invalid_api_key"), ProviderAuth),
    "OpenAI: region": (403, body(type="request_forbidden", code="unsupported_country_region_territory"), ProviderAuth),
    "Gemini: key": (
        400,
        b'[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}]',
        ProviderAuth,
    ),
    "Azure: gateway": (401, b'{"statusCode":401,"message":"Access denied due to invalid key"}', ProviderAuth),
    "OpenAI: model": (404, body(type="invalid_request_error", code="model_not_found"), ProviderNotFound),
    "Groq: model": (403, body(type="invalid_request_error", code="model_not_found"), ProviderNotFound),
    "Azure: deployment": (404, body(code="DeploymentNotFound"), ProviderNotFound),
    "OpenAI: overload": (503, body(type="service_unavailable_error", code="server_is_overloaded"), ProviderOverloaded),
    "OpenAI: overload in general words": (503, body(type="server_error"), ProviderOverloaded),
    "overload": (529, body(type="overloaded_error"), ProviderOverloaded),
    "Groq: flex": (498, b"", ProviderOverloaded),
    "time": (408, b"", ProviderTimeout),
    "gateway time": (504, b"<html>504</html>", ProviderTimeout),
    "Cloudflare time": (524, b"error code: 524", ProviderTimeout),
    "bad field": (400, body(type="invalid_request_error", param="temperature", code=None), ProviderRejected),
    "Mistral: schema": (422, b'{"detail":[{"loc":["body","n"],"msg":"bad"}]}', ProviderRejected),
    "Groq: too large": (413, body(type="tokens", code="request_too_large"), ProviderRejected),
    "wrong method": (405, b"", ProviderRejected),
    "failure": (500, body(type="server_error"), ProviderFailed),
    "bad gateway": (502, b"<html><h1>502 Bad Gateway</h1></html>", ProviderFailed),
    "a failure that speaks of context": (500, body("context length"), ProviderFailed),
    "text in error": (500, b'{"error":"out of memory"}', ProviderFailed),
    "JSON of another kind": (500, b"[1, 2]", ProviderFailed),
    "not UTF-8": (500, b"\xff\xfe\x00", ProviderFailed),
    "empty": (500, b"", ProviderFailed),
}


@pytest.mark.parametrize(("status", "raw", "kind"), VENDORS.values(), ids=VENDORS)
def test_parse(status, raw, kind):
    error = parse_error(status, raw, retry_after=2.5)
    assert type(error) is kind
    assert error.retry_status == status
    assert error.retry_after == 2.5
    assert error.message


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (body("use fewer tokens", code="x"), "use fewer tokens"),
        (b'{"error":"out of memory"}', "out of memory"),
        (b'{"detail":"not here"}', "not here"),
        (b'{"message":"no such route"}', "no such route"),
        (b'{"code":"x","message":"no such route","data":null}', "no such route"),
        (b'{"object":"error","message":{"detail":[1]},"type":"x"}', '{"detail":[1]}'),
        (b" upstream connect error ", "upstream connect error"),
        (b"<html>secret</html>", "the provider reported an error (400) without a message"),
        (b"", "the provider reported an error (400) without a message"),
        (b"[]", "the provider reported an error (400) without a message"),
        (body("x" * 5000), "x" * MAX_MESSAGE_CHARS),
        (b"y" * 50_000, "y" * MAX_MESSAGE_CHARS),
        (body("bad key sk-proj-abc***xyz given"), "bad key [redacted] given"),
        (body("header was Bearer abcdef123456"), "header was [redacted]"),
    ],
)
def test_the_vendor_message_is_kept(raw, message):
    assert parse_error(400, raw, retry_after=None).message == message


def test_the_field_at_fault_is_kept():
    assert parse_error(400, body(param="temperature"), retry_after=None).param == "temperature"


@pytest.mark.parametrize("status", [401, 403])
def test_an_authentication_error_never_shows_the_vendor_words(status):
    error = parse_error(status, body("Incorrect API key provided: abcd****wxyz."), retry_after=None)
    assert "wxyz" not in error.message
    assert str(status) in error.message
    assert error.status == 502


def test_every_error_is_renderable():
    def kinds(kind):
        return [kind, *(below for child in kind.__subclasses__() for below in kinds(child))]

    for kind in kinds(GatewayError):
        ErrorObject.model_validate(render_error(kind("m"))["error"], strict=True)
    assert ProviderError in kinds(GatewayError)
