"""Names of OpenTelemetry's semantic conventions for GenAI that metrics and spans share.

They are those of the last released conventions (``opentelemetry-semantic-conventions`` 0.66b2, where ``gen_ai`` was
frozen before it moved to a repository of its own that has not released yet).
"""

from collections.abc import Mapping
from types import MappingProxyType

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "anthropic": "anthropic",
        "azure-openai": "azure.ai.openai",
        "bedrock": "aws.bedrock",
        "bedrock-anthropic": "aws.bedrock",
        "cohere": "cohere",
        "gemini": "gcp.gemini",
        "openai": "openai",
        "vertex-anthropic": "gcp.vertex_ai",
        "vertex-gemini": "gcp.vertex_ai",
    }
)
"""Provider dialect → ``gen_ai.provider.name``, which the conventions define as the flavour of the format spoken."""


def provider_kind(dialect: str | None) -> str:
    """``gen_ai.provider.name`` for a provider dialect; empty where no provider was called."""
    return "" if dialect is None else _KINDS.get(dialect, dialect)
