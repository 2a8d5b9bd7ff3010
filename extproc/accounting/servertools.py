"""What a request may have the vendor do besides answering: tools it runs, models it falls back to. Tables.

``hostedtools`` has the tools of OpenAI's Responses and of Gemini.

A tool of the vendor's re-reads the whole prompt for every round of its own, so without a limit on its uses a request
has no upper bound at all. Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/server-tools
"""

from collections.abc import Mapping

from extproc.domain.errors import UnboundedCost
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

_TOOL_TOKENS = 64
"""Framing of a tool beyond its own JSON, which is longer than what models are shown of it."""

_CLIENT_TOOLS: tuple[tuple[str, int], ...] = (
    ("bash_", 1_024),
    ("text_editor_", 2_048),
    ("memory_", 2_048),
    ("computer_toolset_", 16_384),
    ("browser_toolset_", 16_384),
    ("computer_", 4_096),
)
"""Anthropic's tools that the client runs: the vendor adds their definitions, a multiple of which is allowed for.

Published: bash 245, text editor 700, computer 735 and 499 of system prompt; nothing about the others.
https://platform.claude.com/docs/en/about-claude/pricing#tool-use-pricing
"""

_LIMITED_TOOLS: Mapping[str, bool] = {"web_search_": True, "web_fetch_": False}
"""Server tools that take ``max_uses``, and whether each use has a fee."""

_DIRECT = frozenset({"web_search_20250305", "web_fetch_20250910"})
"""Versions that only the model itself calls. The later ones run code, any number of times, unless told otherwise."""

_UNBOUNDED_FIELDS: Mapping[str, str] = {
    "web_search_options": "searches, each at a fee",
    "search_parameters": "searches, each at a fee",  # xAI
    "plugins": "does things that have fees",  # OpenRouter
    "models": "may be served by a dearer model",  # OpenRouter
    "fallbacks": "may be served by a dearer model",  # Anthropic
    "provider": "may be served at a dearer price",  # OpenRouter
    "preset": "may be served by a dearer model",  # OpenRouter
    "route": "may be served by a dearer model",  # OpenRouter
    "data_sources": "adds documents of any length to the prompt",  # Azure
    "enable_search": "searches, each at a fee",  # Alibaba
    "search_settings": "searches, each at a fee",  # Groq
    "compound_custom": "may be served by a dearer model, and searches",  # Groq
    "n_predict": "limits the output in place of max_tokens",  # llama.cpp
    "mcp_servers": "calls tools any number of times, and reads the prompt again each time",
}
"""Top-level fields with which a request could cost anything.

Sources: https://openrouter.ai/docs/api-reference/parameters, https://openrouter.ai/docs/features/presets,
https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data,
https://www.alibabacloud.com/help/en/model-studio/web-search, https://console.groq.com/docs/api-reference#chat-create,
https://github.com/ggml-org/llama.cpp/tree/master/tools/server (which prefers ``n_predict`` where both are said).
"""

_UNBOUNDED_IN: Mapping[str, Mapping[str, str]] = {
    "openai-responses": {
        "prompt": "may bring tools of its own, which have fees",
        "multi_agent": "may have any number of agents at work",
        "background": "has an answer that nobody waits for, so what it cost is never told",
    },
    "anthropic-messages": {
        "compaction": "writes a summary of any length",
    },
    "gemini": {
        "cachedContent": "may bring tools of its own, which have fees",
        "cached_content": "may bring tools of its own, which have fees",
        "modelArmorConfig": "screens texts at a fee",
        "model_armor_config": "screens texts at a fee",
    },
}
"""Further ones, by client dialect."""

_PLAIN_MODES = frozenset({None, "standard"})
"""``reasoning.mode`` of Responses. ``pro`` has several models at work, and no limit on all of them is published."""

_UNBOUNDED_SETTINGS: Mapping[str, str] = {
    "routingConfig": "may be served by a dearer model",
    "routing_config": "may be served by a dearer model",
    "modelSelectionConfig": "may be served by a dearer model",
    "model_selection_config": "may be served by a dearer model",
}
"""Members of Gemini's ``generationConfig``."""


@valueclass
class ToolBound:
    """What one tool adds: tokens of its definition, uses by the vendor, and how many of them carry a fee."""

    tokens: int = _TOOL_TOKENS
    uses: int = 0
    searches: int = 0
    file_searches: int = 0


PLAIN = ToolBound()
"""A tool of which the vendor only tells the model."""


def unbounded_fields(dialect: str) -> tuple[str, ...]:
    """The top-level fields that ``check_fields`` refuses."""
    return (*_UNBOUNDED_FIELDS, *_UNBOUNDED_IN.get(dialect, ()))


def check_fields(body: JsonObject, dialect: str) -> None:
    """Raises ``UnboundedCost`` for a field with which the vendor may do any number of things."""
    _refuse(body, _UNBOUNDED_FIELDS)
    if (more := _UNBOUNDED_IN.get(dialect)) is not None:
        _refuse(body, more)
    if dialect == "openai-responses":
        reasoning = body.get("reasoning")
        mode = reasoning.get("mode") if isinstance(reasoning, dict) else None
        if not isinstance(mode, str | None) or mode not in _PLAIN_MODES:
            raise UnboundedCost(
                "reasoning.mode has no limit that is known, so under a budget it cannot be used. Leave it out.",
                param="reasoning.mode",
            )
    _check_management(body.get("context_management"))


def check_settings(settings: JsonObject, path: str) -> None:
    """As ``check_fields``, for Gemini's ``generationConfig``."""
    _refuse(settings, _UNBOUNDED_SETTINGS, f"{path}.")


def _refuse(body: JsonObject, unbounded: Mapping[str, str], prefix: str = "") -> None:
    for name in unbounded.keys() & body.keys():
        if body[name] is not None and body[name] is not False:
            raise UnboundedCost(
                f"{prefix}{name} {unbounded[name]}, so under a budget it cannot be used. Leave it out.",
                param=f"{prefix}{name}",
            )


def _check_management(management: Json) -> None:
    """Anthropic's is an object of ``edits``, that of Responses a list of the like."""
    listed = isinstance(management, list) and bool(management)
    edits = management if listed else management.get("edits") if isinstance(management, dict) else None
    path = "context_management" if listed else "context_management.edits"
    for edit in edits if isinstance(edits, list) else ():
        # https://platform.claude.com/docs/en/build-with-claude/compaction: a further pass over the prompt, and more output
        if not isinstance(edit, dict) or not str(edit.get("type")).startswith("clear_"):
            raise UnboundedCost(
                "context_management may have the prompt read again, so under a budget only clear_* edits can be used.",
                param=path,
            )


def tool_bound(tool: Json, path: str) -> ToolBound:
    """What a tool of the request adds. Raises ``UnboundedCost`` naming the tool and the mend."""
    if not isinstance(tool, dict):
        return PLAIN  # the vendor refuses it
    kind = tool.get("type")
    if not isinstance(kind, str) or kind in {"function", "custom"}:
        return PLAIN
    for prefix, tokens in _CLIENT_TOOLS:
        if kind.startswith(prefix):
            return ToolBound(tokens)
    for prefix, fee in _LIMITED_TOOLS.items():
        if kind.startswith(prefix):
            return _limited(tool, kind, path, fee=fee)
    raise UnboundedCost(
        f"{path} ({kind[:64]}) may be used by the provider any number of times, each at a cost. Leave it out.",
        param=path,
    )


def _limited(tool: JsonObject, kind: str, path: str, *, fee: bool) -> ToolBound:
    uses = tool.get("max_uses")
    if not isinstance(uses, int) or isinstance(uses, bool) or uses < 0:
        raise UnboundedCost(
            f"{path} ({kind[:64]}) may be used by the provider any number of times, each at a cost. Give it max_uses.",
            param=f"{path}.max_uses",
        )
    if kind not in _DIRECT and tool.get("allowed_callers") != ["direct"]:
        raise UnboundedCost(
            f"{path} ({kind[:64]}) may run code any number of times, each at a cost. "
            'Give it allowed_callers: ["direct"].',
            param=f"{path}.allowed_callers",
        )
    return ToolBound(_TOOL_TOKENS, uses, uses if fee else 0)
