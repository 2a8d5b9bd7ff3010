"""Errors become responses: body by dialect, headers by error."""

import orjson
import pytest

from extproc.domain.errors import ProviderOverloaded, ProviderRateLimited, RateLimited, Unauthenticated
from extproc.phases.refusals import error_headers, refuse


@pytest.mark.parametrize(
    ("dialect", "path"), [("openai-chat", ("error", "code")), ("anthropic-messages", ("error", "type"))]
)
def test_a_refusal_in_each_dialect(dialect, path):
    answer = refuse(Unauthenticated("No key."), dialect, "r1")
    body = orjson.loads(answer.body)
    assert body[path[0]][path[1]] in {"invalid_api_key", "authentication_error"}
    assert body["error"]["message"] == "No key."
    assert (answer.status, answer.details, answer.metadata) == (401, "llmgw_invalid_api_key", None)


@pytest.mark.parametrize(("seconds", "shown"), [(None, None), (0.0, "0"), (0.2, "1"), (-3.0, "0"), (61.0, "61")])
def test_when_to_come_back_is_in_whole_seconds(seconds, shown):
    headers = dict(error_headers(ProviderRateLimited("Slow down.", retry_after=seconds), "r1"))
    assert headers.get("retry-after") == shown
    assert headers["x-request-id"] == headers["request-id"] == "r1"


@pytest.mark.parametrize(("seconds", "exact"), [(None, None), (2.0, None), (1.5, "1500"), (0.0004, "1"), (-0.5, "0")])
def test_a_provider_that_counts_in_milliseconds_is_told_so(seconds, exact):
    headers = dict(error_headers(ProviderRateLimited("Slow down.", retry_after=seconds), "r1"))
    assert headers.get("retry-after-ms") == exact
    assert "retry-after-ms" not in dict(error_headers(RateLimited("Slow down.", retry_after=seconds), "r1"))


@pytest.mark.parametrize(
    ("dialect", "status"),
    [("anthropic-messages", 529), ("openai-chat", 503), ("openai-responses", 503), ("gemini", 503)],
)
def test_overload_has_the_status_for_which_the_clients_sdk_has_an_exception(dialect, status):
    assert refuse(ProviderOverloaded("Overloaded"), dialect, "r1").status == status
