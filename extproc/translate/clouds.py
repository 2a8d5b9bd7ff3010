"""What a cloud wants otherwise in requests of a vendor's dialect, which are passed on as they are but for this.

``RenderOptions`` says which of it; translated requests have it from their renderers. Source of what is said about Claude:
https://platform.claude.com/docs/en/build-with-claude/prompt-caching (automatic caching, which Bedrock and Vertex AI answer
with ``cache_control: Extra inputs are not permitted``).
"""

from collections.abc import Mapping

from extproc.dialects.anthropic.threads import no_threads
from extproc.dialects.base import RenderOptions
from extproc.dialects.gemini.call_ids import without_call_ids
from extproc.domain.reading import Json, JsonObject
from extproc.translate.edit import DELETE, Changes

_UNMARKED = frozenset({"thinking", "redacted_thinking"})
"""Blocks that take no mark."""


def fitted(dialect: str, body: bytes, parsed: JsonObject, options: RenderOptions) -> Changes:
    """The top-level members that have to change; mostly none. ``body``: what ``parsed`` was made of, if not changed since.

    Raises ``UnsupportedFeature`` for what rests on turns that the vendor keeps.
    """
    if dialect == "gemini" and not options.call_ids and b'"id"' in body:
        contents = parsed.get("contents")
        return {"contents": without_call_ids(contents)} if isinstance(contents, list) else {}
    if dialect == "anthropic-messages" and parsed.get("thread") is not None:
        raise no_threads()
    if dialect == "anthropic-messages" and not options.automatic_cache:
        return _marked(parsed) if "cache_control" in parsed else {}
    return {}


def _marked(parsed: JsonObject) -> Changes:
    """The mark goes where the vendor itself would put it: on the last block that can carry one."""
    mark, messages = parsed["cache_control"], parsed.get("messages")
    changes: dict[str, Json] = {}
    if isinstance(messages, list) and mark is not None:
        for at in range(len(messages) - 1, -1, -1):
            content = _with_mark(messages[at], mark)
            if content is not None:
                changes["messages"] = [*messages[:at], content, *messages[at + 1 :]]
                break
    return {**changes, "cache_control": DELETE}


def _with_mark(message: Json, mark: Json) -> Json:
    """The message with the mark on its last block that can carry one, which may have one of its own; None without one."""
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping):
        return None
    if isinstance(content, str):
        return {**message, "content": [{"type": "text", "text": content, "cache_control": mark}]} if content else None
    if not isinstance(content, list):
        return None
    for at in range(len(content) - 1, -1, -1):
        block = content[at]
        if isinstance(block, Mapping) and block.get("type") not in _UNMARKED and block.get("text") != "":
            return {**message, "content": [*content[:at], {"cache_control": mark, **block}, *content[at + 1 :]]}
    return None
