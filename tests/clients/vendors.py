"""One provider of each dialect, all played by the simulator, and one model of the catalogue at each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Vendor:
    """A provider. ``model``: its own name of it; ``path``: where its dialect streams, a regular expression."""

    provider: Mapping[str, Any]
    model: str
    path: str
    root: str = ""
    """What its base URL ends in."""


_AWS = {
    "region": "us-east-1",
    "auth": {"aws": {"access_key_id": "AKIASIMCLIENTS", "secret_access_key": "sim-secret-AKIASIMCLIENTS"}},
}
_GCP = {"project": "acme", "location": "europe-west1", "auth": {"gcp": {"access_token": "ya29.sim-clients"}}}
_KEY = {"api_key": "sk-provider-clients"}
_VERTEX = "/v1/projects/acme/locations/europe-west1/publishers"

CLAUDE_AT_BEDROCK = "anthropic.claude-sonnet-4-5-20250929-v1:0"

VENDORS: Mapping[str, Vendor] = {
    "openai": Vendor({"dialect": "openai", "api": "chat", **_KEY}, "gpt-4o", "/v1/chat/completions", "/v1"),
    "openai-responses": Vendor({"dialect": "openai", "api": "responses", **_KEY}, "gpt-4o", "/v1/responses", "/v1"),
    "azure-openai": Vendor({"dialect": "azure-openai", "api": "chat", **_KEY}, "gpt-4o", "/openai/v1/chat/completions"),
    "anthropic": Vendor({"dialect": "anthropic", **_KEY}, "claude-sonnet-4-6", "/v1/messages"),
    "bedrock": Vendor({"dialect": "bedrock", **_AWS}, CLAUDE_AT_BEDROCK, r"/model/[^/]+/converse-stream"),
    "bedrock-anthropic": Vendor(
        {"dialect": "bedrock-anthropic", **_AWS}, CLAUDE_AT_BEDROCK, r"/model/[^/]+/invoke-with-response-stream"
    ),
    # Of two generations: the third refuses calls that come back without their signature.
    "gemini": Vendor(
        {"dialect": "gemini", **_KEY},
        "gemini-3-pro-preview",
        r"/v1beta/models/gemini-3-pro-preview:streamGenerateContent",
    ),
    "vertex-gemini": Vendor(
        {"dialect": "vertex-gemini", **_GCP},
        "gemini-2.5-flash",
        rf"{_VERTEX}/google/models/gemini-2\.5-flash:streamGenerateContent",
    ),
    "vertex-anthropic": Vendor(
        {"dialect": "vertex-anthropic", **_GCP},
        "claude-sonnet-4-6",
        rf"{_VERTEX}/anthropic/models/claude-sonnet-4-6:streamRawPredict",
    ),
}
"""By name, which is that of the model in the catalogue too."""


def config(simulator_url: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """The file, without ports."""
    return {
        "workers": 1,
        "providers": {
            name: {**vendor.provider, "base_url": f"{simulator_url}/p/{name}{vendor.root}"}
            for name, vendor in VENDORS.items()
        },
        "models": {name: {"targets": [{"provider": name, "model": vendor.model}]} for name, vendor in VENDORS.items()},
        "keys": keys,
    }
