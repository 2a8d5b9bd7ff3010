"""What a request reaches besides its model: other models by name, and what lies in a provider's account.

Asked for keys that are confined to some models. Whoever may use everything may use this, too; but a vendor's account is
shared by all keys behind it, so what one has stored there another can name. Tables, by client dialect.

Sources: openai.types, anthropic.types.beta, google.genai.types; https://openrouter.ai/docs/features/model-routing,
https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data.
"""

from collections.abc import Iterator, Mapping

from extproc.domain.errors import ModelNotAllowed
from extproc.domain.reading import Json, JsonObject

_TOP: Mapping[str, tuple[str, ...]] = {
    "openai-chat": ("models", "route", "provider", "preset", "plugins", "data_sources"),
    "openai-completions": ("models", "route", "provider", "preset", "plugins"),
    "openai-responses": ("conversation", "prompt", "models", "plugins", "multi_agent"),
    "anthropic-messages": ("container", "mcp_servers", "fallbacks"),
    "gemini": ("cachedContent", "cached_content"),
}
"""Top-level members."""
_SETTINGS = ("routingConfig", "routing_config", "modelSelectionConfig", "model_selection_config")
"""Members of Gemini's ``generationConfig``."""
_TOOL = ("model", "vector_store_ids", "container", "retrieval", "server_url", "connector_id")
"""Members of a tool that the vendor runs."""
_PART = ("file_id", "fileUri", "file_uri")
"""Members of a part, or of what it holds, that name a file of the account."""
_HOLDERS = ("file", "source", "fileData", "file_data", "input_file", "image_url")
_INNER = ("content", "parts", "output")
"""Where parts hold further parts."""
_TURNS = ("messages", "input", "contents", "system", "systemInstruction", "system_instruction")
_WORDS = (b"file", b"item_reference", b"\\u00")
"""One of these is in every body that names a file: a body without needs no walk."""


def check_reach(body: bytes, parsed: JsonObject, dialect: str) -> None:
    """Raises ``ModelNotAllowed`` naming the member with which a request reaches further than its model."""
    for path in _found(body, parsed, dialect):
        raise ModelNotAllowed(
            f"{path} reaches beyond the models that this API key may use: another model, or what is stored in the"
            " provider's account, which other keys share. Leave it out, or use a key without such a limit.",
            param=path,
        )


def _found(body: bytes, parsed: JsonObject, dialect: str) -> Iterator[str]:
    yield from (name for name in _TOP.get(dialect, ()) if parsed.get(name) is not None)
    settings = parsed.get("generationConfig", parsed.get("generation_config"))
    if isinstance(settings, Mapping):
        yield from (f"generationConfig.{name}" for name in _SETTINGS if settings.get(name) is not None)
    tools = parsed.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, Mapping):
            yield from (f"tools[{index}].{name}" for name in _TOOL if tool.get(name) is not None)
    if any(word in body for word in _WORDS):
        for name in _TURNS:
            yield from _parts(parsed.get(name), name)


def _parts(value: Json, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _parts(item, f"{path}[{index}]")
    elif isinstance(value, Mapping):
        if value.get("type") == "item_reference":
            yield path
        yield from (f"{path}.{name}" for name in _PART if value.get(name) is not None)
        for name in _HOLDERS:
            holder = value.get(name)
            if isinstance(holder, Mapping):
                yield from (f"{path}.{name}.{inner}" for inner in _PART if holder.get(inner) is not None)
        for name in _INNER:
            yield from _parts(value.get(name), f"{path}.{name}")
