"""The paths that are served, and what is said of all others."""

import pytest

from extproc.domain.errors import UnknownRoute
from extproc.phases.endpoints import ANTHROPIC, OPENAI, Endpoint, find_endpoint

VERSION = {"anthropic-version": "2023-06-01"}

SERVED = [
    ("POST", "/v1/chat/completions", {}, Endpoint("chat", OPENAI)),
    ("POST", "/v1/chat/completions?api-version=1", {}, Endpoint("chat", OPENAI)),
    ("POST", "/v1/chat/completions", VERSION, Endpoint("chat", OPENAI)),
    ("POST", "/v1/messages", {}, Endpoint("chat", ANTHROPIC)),
    ("POST", "/v1/messages?beta=true", {}, Endpoint("chat", ANTHROPIC)),
    ("POST", "/anthropic/v1/messages", {}, Endpoint("chat", ANTHROPIC)),
    ("GET", "/v1/models", {}, Endpoint("models", OPENAI)),
    ("GET", "/v1/models/", {}, Endpoint("models", OPENAI)),
    ("GET", "/v1/models?limit=1000", VERSION, Endpoint("models", ANTHROPIC)),
    ("GET", "/anthropic/v1/models", {}, Endpoint("models", ANTHROPIC)),
    ("GET", "/v1/models/gpt-4o", {}, Endpoint("model", OPENAI, "gpt-4o")),
    ("GET", "/v1/models/meta/llama%203", {}, Endpoint("model", OPENAI, "meta/llama 3")),
    ("GET", "/anthropic/v1/models/claude?x=1", {}, Endpoint("model", ANTHROPIC, "claude")),
]


@pytest.mark.parametrize(("method", "target", "headers", "endpoint"), SERVED)
def test_served(method, target, headers, endpoint):
    assert find_endpoint(method, target, headers) == endpoint


UNKNOWN = [
    ("GET", "/v1/chat/completions", "takes POST, not GET"),
    ("GET", "/v1/messages", "takes POST, not GET"),
    ("POST", "/v1/models", "takes GET, not POST"),
    ("DELETE", "/v1/models/gpt-4o", "takes GET, not DELETE"),
    ("POST", "/chat/completions", "base_url ends in /v1"),
    ("POST", "/v1/v1/messages", "an Anthropic SDK's does not"),
    ("POST", "/v1/messages/count_tokens", "nothing at POST /v1/messages/count_tokens"),
    ("POST", "/v1/chat/completions/", "nothing at"),
    ("GET", "/v1/modelsx", "nothing at"),
    ("GET", "", "nothing at GET "),
    ("", "/", "nothing at"),
]


@pytest.mark.parametrize(("method", "target", "message"), UNKNOWN)
def test_not_served(method, target, message):
    with pytest.raises(UnknownRoute, match=message.replace(".", r"\.")) as caught:
        find_endpoint(method, target, {})
    assert caught.value.status == 404


def test_a_long_path_is_not_repeated_whole():
    with pytest.raises(UnknownRoute) as caught:
        find_endpoint("POST", "/" + "x" * 5000, {})
    assert len(caught.value.message) < 500
