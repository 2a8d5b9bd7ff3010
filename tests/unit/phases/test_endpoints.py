"""The paths that are served, and what is said of all others."""

import re

import pytest

from extproc.domain.errors import UnknownRoute
from extproc.phases.endpoints import (
    ANTHROPIC,
    COMPLETIONS,
    GEMINI,
    OPENAI,
    RESPONSES,
    Endpoint,
    dialect_of,
    find_endpoint,
)

VERSION = {"anthropic-version": "2023-06-01"}

GOOGLE = {"x-goog-api-key": "k"}
CHAT, MESSAGES = Endpoint("call", OPENAI), Endpoint("call", ANTHROPIC)

SERVED = [
    ("POST", "/v1/chat/completions", {}, CHAT),
    ("POST", "/v1/chat/completions?api-version=1", {}, CHAT),
    ("POST", "/v1/chat/completions", VERSION, CHAT),
    ("POST", "/v1/messages", {}, MESSAGES),
    ("POST", "/v1/messages?beta=true", {}, MESSAGES),
    ("POST", "/anthropic/v1/messages", {}, MESSAGES),
    ("POST", "/v1/messages/count_tokens", {}, Endpoint("call", ANTHROPIC, "count-tokens-anthropic")),
    (
        "POST",
        "/anthropic/v1/messages/count_tokens?beta=true",
        {},
        Endpoint("call", ANTHROPIC, "count-tokens-anthropic"),
    ),
    ("POST", "/v1/responses", {}, Endpoint("call", RESPONSES)),
    ("POST", "/v1/responses/input_tokens", {}, Endpoint("call", RESPONSES, "count-tokens-responses")),
    ("POST", "/v1/completions", {}, Endpoint("call", COMPLETIONS)),
    ("POST", "/v1/embeddings", {}, Endpoint("call", OPENAI, "embeddings")),
    ("POST", "/v2/rerank", {}, Endpoint("call", OPENAI, "rerank")),
    ("POST", "/v1/images/edits", {}, Endpoint("call", OPENAI, "images-edits", body="form")),
    ("POST", "/v1/audio/transcriptions", {}, Endpoint("call", OPENAI, "transcriptions", body="form")),
    ("POST", "/openai/v1/chat/completions", {}, CHAT),
    ("POST", "/openai/v1/responses?api-version=preview", {}, Endpoint("call", RESPONSES)),
    ("POST", "/openai/deployments/gpt%204/chat/completions?api-version=1", {}, Endpoint("call", OPENAI, model="gpt 4")),
    ("POST", "/openai/deployments/e/embeddings", {}, Endpoint("call", OPENAI, "embeddings", model="e")),
    ("POST", "/openai/responses?api-version=2025-04-01-preview", {}, Endpoint("call", RESPONSES)),
    ("POST", "/v1beta/models/gemini-3:generateContent", {}, Endpoint("call", GEMINI, model="gemini-3", stream=False)),
    (
        "POST",
        "/v1/models/meta/llama%203:streamGenerateContent?alt=sse&key=x",
        {},
        Endpoint("call", GEMINI, model="meta/llama 3", stream=True),
    ),
    ("POST", "/v1/files", {}, Endpoint("call", OPENAI, "files", body="any", path="/files")),
    ("GET", "/v1/files?limit=2", {}, Endpoint("call", OPENAI, "files", body="none", path="/files?limit=2")),
    (
        "GET",
        "/v1/files/file-1/content",
        {},
        Endpoint("call", OPENAI, "files", body="none", path="/files/file-1/content"),
    ),
    ("DELETE", "/v1/files/file-1", {}, Endpoint("call", OPENAI, "files", body="none", path="/files/file-1")),
    ("POST", "/v1/batches/b_1/cancel", {}, Endpoint("call", OPENAI, "batches", body="any", path="/batches/b_1/cancel")),
    ("GET", "/openai/v1/batches/b_1", {}, Endpoint("call", OPENAI, "batches", body="none", path="/batches/b_1")),
    ("GET", "/v1/models", {}, Endpoint("models", OPENAI, "models")),
    ("GET", "/v1/models/", {}, Endpoint("models", OPENAI, "models")),
    ("GET", "/v1/models?limit=1000", VERSION, Endpoint("models", ANTHROPIC, "models")),
    ("GET", "/anthropic/v1/models", {}, Endpoint("models", ANTHROPIC, "models")),
    ("GET", "/v1/models/gpt-4o", {}, Endpoint("model", OPENAI, "models", model="gpt-4o")),
    ("GET", "/v1/models/meta/llama%203", {}, Endpoint("model", OPENAI, "models", model="meta/llama 3")),
    ("GET", "/anthropic/v1/models/claude?x=1", {}, Endpoint("model", ANTHROPIC, "models", model="claude")),
    ("GET", "/openai/models?api-version=2024-10-21", {}, Endpoint("models", OPENAI, "models")),
    ("GET", "/openai/models/gpt-4o?api-version=2024-10-21", {}, Endpoint("model", OPENAI, "models", model="gpt-4o")),
    ("GET", "/models", {}, Endpoint("models", OPENAI, "models")),
    ("GET", "/models/gpt-4o", {}, Endpoint("model", OPENAI, "models", model="gpt-4o")),
    ("GET", "/files?limit=2", {}, Endpoint("call", OPENAI, "files", body="none", path="/files?limit=2")),
    ("POST", "/batches", {}, Endpoint("call", OPENAI, "batches", body="any", path="/batches")),
]


@pytest.mark.parametrize(("method", "target", "headers", "endpoint"), SERVED)
def test_served(method, target, headers, endpoint):
    assert find_endpoint(method, target, headers) == endpoint


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/responses",
        "/responses/input_tokens",
        "/rerank",
        "/moderations",
        "/images/generations",
        "/audio/speech",
        "/audio/transcriptions",
    ],
)
def test_openais_paths_are_served_without_their_version_too(path):
    assert find_endpoint("POST", path, {}) == find_endpoint("POST", f"/v1{path}", {})


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/v1/files?beta=true", VERSION),
        ("POST", "/v1/files?beta=true", VERSION),
        ("GET", "/v1/files/file_1/content?beta=true", VERSION),
        ("GET", "/anthropic/v1/files", {}),
        ("GET", "/v1/files", GOOGLE),
    ],
)
def test_what_lies_at_one_vendor_is_not_looked_for_at_another(method, target, headers):
    """The Files APIs of OpenAI and Anthropic share their path, and nothing else."""
    with pytest.raises(UnknownRoute, match="files in OpenAI's API only"):
        find_endpoint(method, target, headers)


UNKNOWN = [
    ("GET", "/v1/chat/completions", "takes POST, not GET"),
    ("GET", "/v1/messages", "takes POST, not GET"),
    ("POST", "/v1/models", "takes GET, not POST"),
    ("DELETE", "/v1/models/gpt-4o", "takes GET, not DELETE"),
    ("POST", "/messages", "an OpenAI SDK's base_url ends in /v1 or has no path"),
    ("POST", "/v1/v1/messages", "an Anthropic SDK's has none"),
    ("GET", "/chat/completions", "takes POST, not GET"),
    ("POST", "/models", "takes GET, not POST"),
    ("GET", "/responses/resp_1", "keeps no responses"),
    ("GET", "/modelsx", "nothing at"),
    ("POST", "/images", "nothing at"),
    ("GET", "/openai/files?api-version=1", "nothing at"),
    ("POST", "/openai/models?api-version=1", "takes GET, not POST"),
    ("GET", "/v1/responses/resp_1", "keeps no responses"),
    ("POST", "/v1/responses/resp_1/cancel", "keeps no responses"),
    ("POST", "/v1beta/models/m:embedContent", "does not serve embedContent"),
    ("GET", "/v1beta/models/m:generateContent", "takes POST, not GET"),
    ("POST", "/v1beta/models/m:streamGenerateContent", "add ?alt=sse"),
    ("PUT", "/v1/files/file-1", "nothing at PUT"),
    ("GET", "/v1/files/../models", "nothing at GET"),
    ("GET", "/v1/files/..", "nothing at GET"),
    ("POST", "/v1/uploads", "nothing at"),
    ("POST", "/v1/chat/completions/", "nothing at"),
    ("GET", "/v1/modelsx", "nothing at"),
    ("GET", "", "nothing at GET "),
    ("", "/", "nothing at"),
]


@pytest.mark.parametrize(("method", "target", "message"), UNKNOWN)
def test_not_served(method, target, message):
    with pytest.raises(UnknownRoute, match=re.escape(message)) as caught:
        find_endpoint(method, target, {})
    assert caught.value.status == 404


def test_a_long_path_is_not_repeated_whole():
    with pytest.raises(UnknownRoute) as caught:
        find_endpoint("POST", "/" + "x" * 5000, {})
    assert len(caught.value.message) < 700


@pytest.mark.parametrize(
    ("path", "headers", "dialect"),
    [
        ("/v1/nothing", {}, OPENAI),
        ("/v1/nothing", VERSION, ANTHROPIC),
        ("/v1/nothing", GOOGLE, GEMINI),
        ("/v1beta/nothing", {}, GEMINI),
        ("/anthropic/nothing", GOOGLE, ANTHROPIC),
    ],
)
def test_who_asks_for_nothing_is_told_so_in_its_dialect(path, headers, dialect):
    assert dialect_of(path, headers) == dialect
