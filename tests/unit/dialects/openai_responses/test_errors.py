"""Claims about errors: what clients get, and what a vendor's words become."""

import orjson
import pytest

from extproc.dialects.openai_responses.dialect import OpenAIResponsesClient, OpenAIResponsesProvider
from extproc.dialects.openai_responses.errors import failed_response, render_error_event, response_error
from extproc.domain.errors import (
    ContentPolicy,
    ContextLength,
    InvalidRequest,
    ProviderAuth,
    ProviderFailed,
    ProviderRateLimited,
    ProviderRejected,
    ProviderTimeout,
)


def test_an_error_body():
    body = OpenAIResponsesClient().render_error(InvalidRequest("no", param="input"))
    assert body == {
        "error": {"message": "no", "type": "invalid_request_error", "param": "input", "code": "invalid_request"}
    }


def test_an_error_event_says_it_flat_as_the_type_has_it_and_nested_as_the_sdks_raise_on_it():
    event = OpenAIResponsesClient().render_error_event(ProviderFailed("oh"))
    name, data = event.decode().split("\n")[:2]
    assert name == "event: error"
    said = orjson.loads(data.removeprefix("data: "))
    assert said["error"]["message"] == "oh"
    assert {**said, "error": None} == {
        "type": "error",
        "code": "provider_error",
        "message": "oh",
        "param": None,
        "sequence_number": 0,
        "error": None,
    }
    assert b'"sequence_number":7' in render_error_event(ProviderFailed("oh"), sequence_number=7)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", ProviderFailed),
        ("rate_limit_exceeded", ProviderRateLimited),
        ("invalid_prompt", ContentPolicy),
        ("bio_policy", ContentPolicy),
        ("image_content_policy_violation", ContentPolicy),
        ("vector_store_timeout", ProviderTimeout),
        ("invalid_image_format", ProviderRejected),
        ("failed_to_download_image", ProviderRejected),
        ("context_length_exceeded", ContextLength),
    ],
)
def test_codes_of_a_failed_response(code, kind):
    error = failed_response({"status": "failed", "error": {"code": code, "message": "said so"}})
    assert type(error) is kind
    assert error.message == "said so"


@pytest.mark.parametrize("response", [None, {}, {"status": "failed", "error": None}, {"status": "cancelled"}])
def test_a_failure_without_words_is_the_providers(response):
    error = failed_response(response)
    assert type(error) is ProviderFailed
    assert error.message


def test_a_response_names_one_of_the_published_codes():
    assert response_error(ProviderRateLimited("wait")) == {"code": "rate_limit_exceeded", "message": "wait"}
    assert response_error(ContextLength("long"))["code"] == "invalid_prompt"
    assert response_error(ProviderFailed("oh"))["code"] == "server_error"


def test_a_vendors_error_body():
    body = orjson.dumps(
        {"error": {"message": "Bad key sk-abcdefgh123", "type": "invalid_request_error", "code": "invalid_api_key"}}
    )
    error = OpenAIResponsesProvider().parse_error(401, body, retry_after=None)
    assert type(error) is ProviderAuth
    assert "sk-" not in error.message
