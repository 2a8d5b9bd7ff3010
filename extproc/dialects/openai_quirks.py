"""Messages of OpenAI's shape as a server takes them that differs from OpenAI (``extproc.domain.quirks``).

For what this gateway renders and for what clients of the same dialect send: nothing is changed in place, and what need
not change stays the very same object.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from string import ascii_letters, digits

from extproc.domain.quirks import ChatQuirks
from extproc.domain.reading import Json, JsonObject

_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")
_ALPHABET = digits + ascii_letters
_ANSWER: JsonObject = {"role": "assistant", "content": "Understood."}
"""Stands between results of tools and what is said next; the vendor refuses an answer without content."""
_NO_REASONING = " "
"""Stands in where an answer with calls had no reasoning, or a vendor's that hides it. Moonshot counts "" as missing.
https://github.com/theopenco/llmgateway/pull/2093"""


def fit_messages(messages: list[Json], quirks: ChatQuirks, *, join: bool, replay_reasoning: bool) -> list[Json]:
    """``messages`` of Chat Completions. ``join``: content of nothing but text becomes a string."""
    fitted: list[Json] = []
    after_result = False
    for message in messages:
        if not isinstance(message, Mapping):
            fitted.append(message)
            continue
        role = message.get("role")
        if quirks.results_answered and after_result and role not in {"assistant", "tool"}:
            fitted.append(_ANSWER)
        after_result = role == "tool"
        changes = _role(role, quirks)
        if join and (text := _joined(message.get("content"))) is not None:
            changes["content"] = text
        if quirks.short_call_ids:
            changes |= _ids(message)
        if replay_reasoning and message.get("tool_calls") and not message.get("reasoning_content"):
            changes["reasoning_content"] = _NO_REASONING
        fitted.append({**message, **changes} if changes else message)
    return fitted


def fit_items(items: list[Json], quirks: ChatQuirks) -> list[Json]:
    """``input`` of Responses."""
    if quirks.developer_role:
        return items
    return [
        {**item, "role": "system"} if isinstance(item, Mapping) and item.get("role") == "developer" else item
        for item in items
    ]


def is_same(some: Sequence[Json], others: Sequence[Json]) -> bool:
    """Whether the one is what the other was, nothing fitted."""
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _role(role: Json, quirks: ChatQuirks) -> dict[str, Json]:
    return {"role": "system"} if role == "developer" and not quirks.developer_role else {}


def _joined(content: Json) -> str | None:
    """The text; None where it is a string already, or holds more than text (an image, a cache mark)."""
    if not isinstance(content, list):
        return None
    texts: list[str] = []
    for part in content:
        text = part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" and len(part) == 2 else None
        if not isinstance(text, str):
            return None
        texts.append(text)
    return "\n\n".join(texts)


def _ids(message: JsonObject) -> dict[str, Json]:
    changes: dict[str, Json] = {}
    if (result_of := _short(message.get("tool_call_id"))) is not None:
        changes["tool_call_id"] = result_of
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        fitted = [_fit_call(call) for call in calls]
        if not is_same(fitted, calls):
            changes["tool_calls"] = fitted
    return changes


def _fit_call(call: Json) -> Json:
    if not isinstance(call, Mapping) or (short := _short(call.get("id"))) is None:
        return call
    return {**call, "id": short}


def _short(call_id: Json) -> str | None:
    """Nine letters and digits made of the id, always the same; None where it need not change."""
    if not isinstance(call_id, str) or _SHORT_ID.fullmatch(call_id):
        return None
    number = int.from_bytes(sha256(call_id.encode("utf-8", "replace")).digest())
    made = ""
    for _ in range(9):
        number, at = divmod(number, len(_ALPHABET))
        made += _ALPHABET[at]
    return made
