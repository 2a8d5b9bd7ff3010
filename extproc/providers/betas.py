"""Which of Anthropic's betas the clouds know that serve Claude: an unknown one is a 400 of the whole request.

Clients such as Claude Code send a dozen of them without being asked. Names that are not listed are left out: a beta only
opens a field of the request, and one that is used without it is the cloud's to refuse, by its name.

Sources, read in November 2026: ``anthropic_beta`` in https://docs.aws.amazon.com/bedrock/latest/userguide/
model-parameters-anthropic-claude-messages-request-response.html; what each cloud answered when asked for one at a time,
https://github.com/router-for-me/CLIProxyAPI/issues/4750, https://github.com/QuantumNous/new-api/issues/2975 and
https://github.com/anthropics/claude-code/issues/56595; the table that https://github.com/BerriAI/litellm keeps.
"""

from collections.abc import Mapping
from typing import Final

_BOTH = frozenset(
    {
        "compact-2026-01-12",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dangerous-tool-use-2026-09-03",
        "interleaved-thinking-2025-05-14",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "tool-search-tool-2025-10-19",
    }
)
_BEDROCK = frozenset(
    {
        "computer-use-2024-10-22",
        "dev-full-thinking-2025-05-14",
        "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14",
        "mid-conversation-output-config-2026-07-01",
        "mid-conversation-tool-changes-2026-07-01",
        "output-128k-2025-02-19",
        "structured-outputs-2025-12-15",
        "token-efficient-tools-2025-02-19",
        "tool-examples-2025-10-29",
    }
)
_VERTEX = frozenset({"compact-2026-09-04", "per-turn-control-2026-07-01", "web-search-2025-03-05"})

_RENAMED = {"advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19"}
"""Anthropic's name of several betas → the one of them that clouds have, under their own name."""

ON_BEDROCK: Final[Mapping[str, str]] = {name: name for name in _BOTH | _BEDROCK} | _RENAMED
ON_VERTEX: Final[Mapping[str, str]] = {name: name for name in _BOTH | _VERTEX} | _RENAMED
"""As a client writes it → as the cloud does."""


def split_betas(header: str) -> list[str]:
    """The names in an ``anthropic-beta`` header, a comma between two."""
    return [name for part in header.split(",") if (name := part.strip())]


def known_betas(header: str, known: Mapping[str, str]) -> list[str]:
    """Those that ``known`` has, in its spelling, each once and in order."""
    return list(dict.fromkeys(known[name] for name in split_betas(header) if name in known))
