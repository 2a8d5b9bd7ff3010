"""Anthropic's rules for ``messages`` and ``system``.

Source: https://platform.claude.com/docs/en/api/messages and the pages on tool use, vision and extended thinking.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic.errors import extra, invalid, missing
from extproc.simulator.anthropic.signature import signature
from extproc.simulator.anthropic.version import model_version
from extproc.simulator.wire import Refused

_ROLES = ("user", "assistant", "system")
_OPEN = "redacted_thinking server_tool_use web_search_tool_result web_fetch_tool_result search_result container_upload"
"""Block types taken as they come."""
_FIELDS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control", "transformations"}),
    "document": frozenset({"type", "source", "cache_control", "citations", "context", "title"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "tool_use": frozenset({"type", "id", "input", "name", "cache_control", "caller", "toolset_name"}),
    "tool_result": frozenset({"type", "tool_use_id", "cache_control", "content", "is_error", "toolset_name"}),
}
_TAGS = (*_FIELDS, *_OPEN.split())
_MISPLACED: Mapping[str, frozenset[str]] = {
    "user": frozenset({"tool_use", "thinking", "redacted_thinking"}),
    "assistant": frozenset({"tool_result", "image"}),
    "system": frozenset(),
}
_NO_PREFILL_SINCE = (4, 6)
"""https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6"""
_MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def check_system(system: Json) -> None:
    """``system`` is a string or a list of text blocks. Raises ``Refused``."""
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise invalid("system", "Input should be a valid array")
    for index, block in enumerate(system):
        if not isinstance(block, Mapping) or block.get("type") != "text":
            raise invalid(f"system.{index}.type", "Input should be 'text'")
        _check_text(block, f"system.{index}")


def check_messages(messages: Json, *, must_think: bool) -> None:
    """Raises ``Refused`` where Anthropic would; ``must_think``: thinking has a budget, so the turn at hand has it too."""
    if not isinstance(messages, list):
        raise invalid("messages", "Input should be a valid array")
    if not messages:
        raise invalid("messages", "at least one message is required")
    turns = [_check_message(message, index, len(messages)) for index, message in enumerate(messages)]
    if turns[0][0] != "user":
        raise invalid("messages", 'first message must use the "user" role')
    for index, (role, _) in enumerate(turns):
        if role == "system" and turns[index - 1][0] != "user":
            raise invalid(f"messages.{index}.role", "a 'system' message must come right after a 'user' message")
    _check_pairs(turns)
    if must_think:
        _check_thought(turns)


def check_end(messages: Json, model: str) -> None:
    """Raises ``Refused`` where the model has to go on with an answer, and does not.

    A turn that a tool of the vendor's has paused is sent back as it is: it does not end in text.
    """
    version = model_version(model)
    last = messages[-1] if isinstance(messages, list) else None
    if version is None or version < _NO_PREFILL_SINCE or not isinstance(last, Mapping):
        return
    content = last.get("content")
    block = content[-1] if isinstance(content, list) and content else {"type": "text"}
    if last.get("role") == "assistant" and isinstance(block, Mapping) and block.get("type") == "text":
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


Turn = tuple[str, list[JsonObject]]


def _check_message(message: Json, index: int, count: int) -> Turn:
    path = f"messages.{index}"
    if not isinstance(message, Mapping):
        raise invalid(path, "Input should be an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise Refused(
            f'messages: Unexpected role "{role}". Allowed roles are "user" or "assistant". The Messages API accepts a '
            "top-level `system` parameter."
        )
    for name in message:
        if name not in ("role", "content"):
            raise extra(f"{path}.{name}")
    content = message.get("content")
    final = index == count - 1 and role == "assistant"
    if content is None:
        raise missing(f"{path}.content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise invalid(f"{path}.content", "Input should be a valid array")
    if not content and not final:
        raise invalid(path, "all messages must have non-empty content except for the optional final assistant message")
    blocks = [_check_block(block, role, f"{path}.content.{at}") for at, block in enumerate(content)]
    if final and blocks and str(blocks[-1].get("text", "")).endswith((" ", "\n", "\t")):
        raise invalid("messages", "final assistant content cannot end with trailing whitespace")
    return role, blocks


def _check_block(block: Json, role: str, path: str) -> JsonObject:
    if not isinstance(block, Mapping):
        raise invalid(path, "Input should be an object")
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in _TAGS:
        listed = ", ".join(f"'{tag}'" for tag in _TAGS)
        raise invalid(path, f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {listed}")
    for name in block if kind in _FIELDS else ():
        if name not in _FIELDS[kind]:
            raise extra(f"{path}.{kind}.{name}")
    check = _CHECKS.get(kind)
    if check is not None:
        check(block, path)
    if kind in _MISPLACED[role] or (role == "system" and kind != "text"):
        raise invalid(path, f"`{kind}` blocks cannot be in `{role}` messages")
    return block


def _check_text(block: JsonObject, path: str) -> None:
    text = block.get("text")
    where = "system" if path.startswith("system") else "messages"
    if not isinstance(text, str):
        raise missing(f"{path}.text.text")
    if not text:
        raise invalid(where, "text content blocks must be non-empty")
    if not text.strip():
        raise invalid(where, "text content blocks must contain non-whitespace text")


def _check_image(block: JsonObject, path: str) -> None:
    path += ".image.source"
    match block.get("source"):
        case {"type": "base64", "media_type": kind, "data": str(data)}:
            if kind not in _MEDIA_TYPES:
                listed = ", ".join(f"'{one}'" for one in _MEDIA_TYPES[:-1])
                raise invalid(f"{path}.base64.media_type", f"Input should be {listed} or '{_MEDIA_TYPES[-1]}'")
            try:
                base64.b64decode(data, validate=True)
            except binascii.Error as error:
                raise invalid(f"{path}.base64", "invalid base64 data") from error
        case {"type": "url", "url": str(url)}:
            if not url.startswith("https://"):
                raise invalid(f"{path}.url.url", "Only HTTPS URLs are supported.")
        case {"type": "file", "file_id": str()}:
            pass
        case _:
            raise invalid(path, "Input tag found using 'type' does not match any of the expected tags")


def _check_thinking(block: JsonObject, path: str) -> None:
    text, signed = block.get("thinking"), block.get("signature")
    if not isinstance(text, str):
        raise missing(f"{path}.thinking.thinking")
    if not isinstance(signed, str):
        raise missing(f"{path}.thinking.signature")
    # Thinking that was not shown comes back empty, with the signature of what was hidden.
    if text and signed != signature(text):
        raise invalid(path, "Invalid `signature` in `thinking` block")


def _check_tool_use(block: JsonObject, path: str) -> None:
    path += ".tool_use"
    identity = block.get("id")
    if not isinstance(identity, str):
        raise missing(f"{path}.id")
    if not identity or not identity.isascii() or not identity.replace("_", "").replace("-", "").isalnum():
        raise invalid(f"{path}.id", "String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not isinstance(block.get("name"), str):
        raise missing(f"{path}.name")
    if "input" not in block:
        raise missing(f"{path}.input")
    if not isinstance(block["input"], Mapping):
        raise invalid(f"{path}.input", "Input should be an object")


def _check_tool_result(block: JsonObject, path: str) -> None:
    path += ".tool_result"
    if not isinstance(block.get("tool_use_id"), str):
        raise missing(f"{path}.tool_use_id")
    content = block.get("content")
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise invalid(f"{path}.content", "Input should be a valid array")
    for index, part in enumerate(content):
        nested = f"{path}.content.{index}"
        if not isinstance(part, Mapping) or part.get("type") not in ("text", "image", "document", "search_result"):
            raise invalid(nested, "Input tag found using 'type' does not match any of the expected tags")
        if part["type"] == "image":
            _check_image(part, nested)
        elif part["type"] == "text":
            _check_text(part, nested)


_CHECKS: Mapping[str, Callable[[JsonObject, str], None]] = {
    "text": _check_text,
    "image": _check_image,
    "thinking": _check_thinking,
    "tool_use": _check_tool_use,
    "tool_result": _check_tool_result,
}


def _check_pairs(turns: list[Turn]) -> None:
    """Results answer the calls of the turn right before them, each call has one, and they come first in their turn.

    Turns of one role in a row count as one, as Anthropic joins them.
    """
    joined = _joined(turns)
    for place, (index, role, blocks) in enumerate(joined):
        before = joined[place - 1][2] if place else []
        called = _ids(before)
        for at, block in enumerate(blocks):
            if block.get("type") == "tool_result" and block.get("tool_use_id") not in called:
                raise invalid(
                    f"messages.{index}.content.{at}",
                    f"unexpected `tool_use_id` found in `tool_result` blocks: {block.get('tool_use_id')}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
                )
        results = [block.get("tool_use_id") for block in _leading_results(blocks)]
        open_calls = [one for one in called if one not in results]
        if place and open_calls and role == "user":
            raise _unanswered(joined[place - 1][0], open_calls)
    last = _ids(joined[-1][2])
    if last:
        raise _unanswered(joined[-1][0], last)


def _unanswered(index: int, calls: list[str]) -> Refused:
    return invalid(
        f"messages.{index}",
        f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(calls)}. Each "
        "`tool_use` block must have a corresponding `tool_result` block in the next message.",
    )


def _joined(turns: list[Turn]) -> list[tuple[int, str, list[JsonObject]]]:
    joined: list[tuple[int, str, list[JsonObject]]] = []
    for index, (role, blocks) in enumerate(turns):
        if role == "system":
            continue
        if joined and joined[-1][1] == role:
            joined[-1] = (joined[-1][0], role, [*joined[-1][2], *blocks])
        else:
            joined.append((index, role, blocks))
    return joined


def _leading_results(blocks: Iterable[JsonObject]) -> Iterable[JsonObject]:
    for block in blocks:
        if block.get("type") != "tool_result":
            return
        yield block


def _ids(blocks: list[JsonObject]) -> list[str]:
    return [str(block["id"]) for block in blocks if block.get("type") == "tool_use"]


def _check_thought(turns: list[Turn]) -> None:
    """With a thinking budget, a tool round at the end must begin with the thinking that led to it."""
    ends_with_results = any(block.get("type") == "tool_result" for block in turns[-1][1])
    if not ends_with_results or len(turns) < 2:
        return
    index = len(turns) - 2
    first = turns[index][1][0].get("type")
    if first not in ("thinking", "redacted_thinking"):
        raise invalid(
            f"messages.{index}.content.0.type",
            f"Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final "
            "`assistant` message must start with a thinking block.",
        )
