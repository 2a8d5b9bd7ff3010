"""API version 2026-10-21, which takes a few things away, and which clouds have it for which models.

Source: https://platform.claude.com/docs/en/api/versioning and .../api/migration-2026-10-21
"""

import re
from collections.abc import Mapping

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic.errors import extra, invalid

LATEST = "2026-10-21"
_SAMPLING = ("temperature", "top_k", "top_p")
_MODEL = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


def model_version(model: str) -> tuple[int, int] | None:
    """(4, 7) of ``claude-opus-4-7``; None where the name does not tell."""
    found = _MODEL.search(model)
    return None if found is None else (int(found[1]), int(found[2] or 0))


def check_latest(body: JsonObject) -> None:
    """Raises ``Refused`` for what the latest version no longer has."""
    for name in _SAMPLING:
        if name in body:
            raise extra(name)
    messages = body.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        content = message.get("content") if isinstance(message, Mapping) else None
        role = message.get("role") if isinstance(message, Mapping) else None
        for at, block in enumerate(content if isinstance(content, list) else []):
            _check_block(block, role, f"messages.{index}.content.{at}")


def _check_block(block: Json, role: Json, path: str) -> None:
    if not isinstance(block, Mapping):
        return
    kind = block.get("type")
    if role == "assistant" and kind == "document":
        raise invalid(path, "`document` blocks cannot be in `assistant` messages")
    if role == "user" and kind == "text" and block.get("citations"):
        raise invalid(f"{path}.text.citations", "citations cannot be in `user` messages")
