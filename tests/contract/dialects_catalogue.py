"""One provider of each dialect, all played by the simulator, and a model of the catalogue at each.

``VENDORS``         how each is configured, and where and with what its requests must come
``check_reached``   a request has come to its provider as it should, and with nothing that is not for it to see
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness import KEY, SCOPED_KEY, Received, sha256

AWS = {"access_key_id": "AKIASIMCONTRACT", "secret_access_key": "sim-secret-AKIASIMCONTRACT"}
"""Any key that begins so is one of the simulator's, which checks what it has signed."""
GOOGLE_TOKEN = "ya29.sim-contract"
_VERTEX = "/v1/projects/acme/locations/europe-west1/publishers"
_CLAUDE = "claude-sonnet-4-5"
_AT_BEDROCK = "anthropic.claude-sonnet-4-5-20250929-v1:0"


def secret_of(label: str) -> str:
    """The API key of a provider."""
    return f"sk-provider-{label}-secret"


@dataclass(frozen=True)
class Vendor:
    """A provider. ``root``: what its base URL ends in; ``whole``, ``stream``: the paths of its conversations.

    ``model``: its own name of the one that is asked; ``credential``: header and value, ``{key}`` is its API key, or a
    regular expression where it signs.
    """

    options: Mapping[str, Any]
    model: str
    whole: str
    stream: str
    credential: tuple[str, str]
    root: str = ""
    extra: frozenset[str] = frozenset()
    """Further headers that it may see."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Client dialects that it speaks as well: nothing is translated for them, and they have a path of their own."""

    def path(self, client: str, *, stream: bool) -> str:
        """Where the conversation of a client goes."""
        return self.own.get(client, self.stream if stream else self.whole)


def _openai(path: str, own: Mapping[str, str] | None = None, **options: Any) -> Vendor:
    return Vendor(options, "gpt-5", path, path, ("authorization", "Bearer {key}"), "/v1", own=own or {})


_SIGNED = (
    "authorization",
    (
        r"AWS4-HMAC-SHA256 Credential=AKIASIMCONTRACT/\d{8}/us-east-1/bedrock/aws4_request, ?SignedHeaders=[a-z0-9;-]+, ?"
        r"Signature=[0-9a-f]{64}"
    ),
)
_AMAZONS = {"region": "us-east-1", "auth": {"aws": AWS}}
_GOOGLES = {"project": "acme", "location": "europe-west1", "auth": {"gcp": {"access_token": GOOGLE_TOKEN}}}
_TOKEN = ("authorization", f"Bearer {GOOGLE_TOKEN}")
_VLLMS = {"openai-responses": "/v1/responses", "openai-completions": "/v1/completions"}
_AMZ = frozenset({"x-amz-date", "x-amz-content-sha256"})

VENDORS: Mapping[str, Vendor] = {
    "vllm": _openai("/v1/chat/completions", _VLLMS, vendor="vllm", passthrough=["files", "batches"]),
    "vllm-responses": _openai("/v1/responses", vendor="vllm", api="responses", priced_as="openai"),
    "openai": _openai(
        "/v1/chat/completions", dialect="openai", priced_as="openai", limit_field="max_completion_tokens"
    ),
    "azure": Vendor(
        {"dialect": "azure-openai"},
        "gpt-5",
        "/openai/v1/chat/completions",
        "/openai/v1/chat/completions",
        ("api-key", "{key}"),
        own={"openai-responses": "/openai/v1/responses"},
    ),
    "azure-dated": Vendor(
        {"dialect": "azure-openai", "api_version": "2024-10-21"},
        "gpt-5",
        "/openai/deployments/gpt-5/chat/completions",
        "/openai/deployments/gpt-5/chat/completions",
        ("api-key", "{key}"),
        own={"openai-responses": "/openai/responses"},
    ),
    "anthropic": Vendor(
        {"dialect": "anthropic", "priced_as": "anthropic"},
        _CLAUDE,
        "/v1/messages",
        "/v1/messages",
        ("x-api-key", "{key}"),
        extra=frozenset({"anthropic-version", "anthropic-beta"}),
    ),
    "bedrock": Vendor(
        {"dialect": "bedrock", **_AMAZONS},
        f"us.{_AT_BEDROCK}",
        f"/model/us.{_AT_BEDROCK.replace(':', '%3A')}/converse",
        f"/model/us.{_AT_BEDROCK.replace(':', '%3A')}/converse-stream",
        _SIGNED,
        extra=_AMZ,
    ),
    "bedrock-anthropic": Vendor(
        {"dialect": "bedrock-anthropic", **_AMAZONS},
        _AT_BEDROCK,
        f"/model/{_AT_BEDROCK.replace(':', '%3A')}/invoke",
        f"/model/{_AT_BEDROCK.replace(':', '%3A')}/invoke-with-response-stream",
        _SIGNED,
        extra=_AMZ,
    ),
    "gemini": Vendor(
        {"dialect": "gemini"},
        "gemini-3-pro-preview",
        "/v1beta/models/gemini-3-pro-preview:generateContent",
        "/v1beta/models/gemini-3-pro-preview:streamGenerateContent",
        ("x-goog-api-key", "{key}"),
    ),
    "vertex-gemini": Vendor(
        {"dialect": "vertex-gemini", **_GOOGLES},
        "gemini-3-pro-preview",
        f"{_VERTEX}/google/models/gemini-3-pro-preview:generateContent",
        f"{_VERTEX}/google/models/gemini-3-pro-preview:streamGenerateContent",
        _TOKEN,
    ),
    "vertex-anthropic": Vendor(
        {"dialect": "vertex-anthropic", **_GOOGLES},
        _CLAUDE,
        f"{_VERTEX}/anthropic/models/{_CLAUDE}:rawPredict",
        f"{_VERTEX}/anthropic/models/{_CLAUDE}:streamRawPredict",
        _TOKEN,
        extra=frozenset({"anthropic-beta"}),
    ),
    "cohere": Vendor({"dialect": "cohere"}, "rerank-v3.5", "", "", ("authorization", "Bearer {key}")),
}
TALKING = tuple(name for name in VENDORS if name != "cohere")
"""Those that converse."""

OTHERS: Mapping[str, tuple[str, str]] = {
    "embed-openai": ("vllm", "text-embedding-3-small"),
    "embed-azure": ("azure-dated", "text-embedding-3-small"),
    "embed-gemini": ("gemini", "gemini-embedding-001"),
    "embed-vertex": ("vertex-gemini", "text-embedding-005"),
    "embed-bedrock": ("bedrock", "amazon.titan-embed-text-v2:0"),
    "embed-cohere": ("cohere", "embed-v4.0"),
    "rerank-cohere": ("cohere", "rerank-v3.5"),
    "rerank-bedrock": ("bedrock", "cohere.rerank-v3-5:0"),
    "rerank-vllm": ("vllm", "bge-reranker-v2"),
    "moderate": ("vllm", "omni-moderation-latest"),
    "paint": ("vllm", "gpt-image-1"),
    "paint-azure": ("azure", "gpt-image-1"),
    "speak": ("vllm", "gpt-4o-mini-tts"),
    "listen": ("vllm", "gpt-4o-transcribe"),
    "complete": ("vllm", "gpt-3.5-turbo-instruct"),
}
"""Models for what is no conversation: the provider, and its name of them."""


def provider(simulator_url: str, label: str, **more: Any) -> dict[str, Any]:
    """A provider's entry of the configuration."""
    vendor = VENDORS[label]
    key = {} if "auth" in vendor.options else {"api_key": secret_of(label)}
    return {**vendor.options, "base_url": f"{simulator_url}/p/{label}{vendor.root}", **key, **more}


def target(label: str, **more: Any) -> dict[str, Any]:
    """A target of a model."""
    return {"provider": label, "model": VENDORS[label].model, **more}


def chain(*labels: str, **policy: Any) -> dict[str, Any]:
    """A model served by these providers in this order."""
    first, *rest = labels
    return {"targets": [target(first)], "fallbacks": [target(label) for label in rest], **policy}


CHAINS: tuple[tuple[str, str, str], ...] = (
    ("openai", "bedrock", "gemini"),
    ("bedrock", "anthropic", "azure"),
    ("gemini", "vertex-anthropic", "vllm"),
    ("anthropic", "vertex-gemini", "bedrock-anthropic"),
    ("azure", "gemini", "anthropic"),
    ("vertex-anthropic", "openai", "vertex-gemini"),
    ("bedrock-anthropic", "azure-dated", "vertex-anthropic"),
    ("vertex-gemini", "vllm-responses", "bedrock"),
)
"""Models named like them, joined by ``+``: every kind of credential comes before and behind others."""

BUDGET_KEY = "sk-llmgw-contract-budget"
POOR_KEY = "sk-llmgw-contract-poor"
POOR = 0.05
"""US dollars: they pay some thousand tokens of an answer."""
BY_PIECE = 0.04
"""US dollars for each request of the models that are called ``sold-…``."""

QUICK = {"first_token_timeout": "1s", "stall_timeout": "1s", "timeout": "2s"}
"""Timeouts that a test can wait for."""


def _by_piece(model: Mapping[str, Any]) -> dict[str, Any]:
    return {"targets": [{**target, "price": {"request": BY_PIECE}} for target in model["targets"]]}


def config(simulator_url: str) -> dict[str, Any]:
    """The file, without ports: a model for each provider, named like it, and ``quick-`` it; ``OTHERS``."""
    others = {name: {"targets": [{"provider": at, "model": model}]} for name, (at, model) in OTHERS.items()}
    return {
        "workers": 2,
        "providers": {label: provider(simulator_url, label) for label in VENDORS},
        "models": {
            **{label: chain(label) for label in TALKING},
            **{f"quick-{label}": chain(label, **QUICK) for label in TALKING},
            **{"+".join(labels): chain(*labels, **QUICK) for labels in CHAINS},
            **others,
            **{f"sold-{name}": _by_piece(others[name]) for name in ("paint", "speak")},
        },
        "keys": [
            {"name": "all", "sha256": sha256(KEY)},
            {"name": "scoped", "sha256": sha256(SCOPED_KEY), "models": ["openai"]},
            {"name": "poor", "sha256": sha256(POOR_KEY), "budget": {"usd": POOR, "per": "total"}},
            {"name": "budget", "sha256": sha256(BUDGET_KEY), "budget": {"usd": 1000, "per": "total"}},
        ],
    }


_ALLOWED = frozenset(
    {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "x-request-id"}
)
_CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
_GATEWAYS_WORDS = ("llmgw", "envoy", "stainless", "cookie", "forwarded", "goog-api-client", KEY)
"""What must be in no header that a provider sees."""


def check_credential(received: Received, label: str) -> None:
    """It came with this provider's credential and with nobody else's, in whatever header."""
    vendor, headers = VENDORS[label], received.headers
    header, value = vendor.credential
    assert headers.keys() & _CREDENTIALS == {header}
    expected = value if vendor.credential is _SIGNED else re.escape(value.format(key=secret_of(label)))
    assert re.fullmatch(expected, headers[header])
    amazons = {name for name in headers if name.startswith("x-amz-")}
    assert amazons <= vendor.extra
    mine = {secret_of(label), value}
    for other in VENDORS:
        for secret in {secret_of(other), AWS["access_key_id"], GOOGLE_TOKEN}:
            if not any(secret in one for one in mine):
                assert secret not in str(headers), f"a credential of {other} came to {label}"


def check_reached(received: Received, label: str, client: str, *, stream: bool) -> None:
    """The conversation went where it should, with this provider's credential, and with nothing that is not for it to see."""
    vendor, headers = VENDORS[label], received.headers
    assert received.path == f"/p/{label}{vendor.path(client, stream=stream)}"
    check_credential(received, label)
    assert set(headers) <= _ALLOWED | {vendor.credential[0]} | vendor.extra
    seen = " ".join(f"{name}: {value}" for name, value in headers.items()).lower()
    assert [word for word in _GATEWAYS_WORDS if word.lower() in seen] == []
    assert KEY not in received.body
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == received.body_length


def sealed(received: Received, label: str) -> list[str]:
    """The seals of reasoning, and of calls, that came back to a provider."""
    body = received.json
    match VENDORS[label].options.get("dialect"), "input" in body:
        case (("anthropic" | "bedrock-anthropic" | "vertex-anthropic"), _):
            blocks = [
                block for turn in body["messages"] if isinstance(turn["content"], list) for block in turn["content"]
            ]
            return [block["signature"] for block in blocks if block["type"] == "thinking"]
        case "bedrock", _:
            blocks = [
                block["reasoningContent"]
                for turn in body["messages"]
                for block in turn["content"]
                if "reasoningContent" in block
            ]
            return [block["reasoningText"]["signature"] for block in blocks]
        case (("gemini" | "vertex-gemini"), _):
            return [
                part["thoughtSignature"]
                for turn in body["contents"]
                for part in turn["parts"]
                if "thoughtSignature" in part
            ]
        case _, True:
            return [item["encrypted_content"] for item in body["input"] if item.get("type") == "reasoning"]
        case _:
            return []


SEALS = frozenset(
    {"vllm-responses", "gemini", "vertex-gemini", "anthropic", "bedrock", "bedrock-anthropic", "vertex-anthropic"}
)
"""Providers that want their own reasoning back as it was, whoever the client is."""
