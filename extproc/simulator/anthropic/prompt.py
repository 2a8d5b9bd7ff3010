"""What an Anthropic prompt costs, and where it may be cached.

Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching and .../vision
"""

from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic.errors import invalid
from extproc.simulator.promptcache import LONG, SHORT, Block
from extproc.simulator.tokens import TOKENS_PER_MESSAGE, prompt_tokens
from extproc.simulator.wire import Refused

IMAGE_TOKENS = 1334
"""Of a picture of 1000 x 1000 pixels: width x height / 750."""
DOCUMENT_TOKENS = 1500
MAX_MARKS = 4


def prompt(body: JsonObject) -> tuple[str, int, tuple[Block, ...]]:
    """The last user text, the input tokens, and the prompt as blocks where something is marked for the cache."""
    parts = list(_parts(body))
    # The first block of a message carries its framing.
    costs = [
        _tokens(block) + (TOKENS_PER_MESSAGE if path.startswith("messages") and path.endswith(".0") else 0)
        for path, block in parts
    ]
    whole = body.get("cache_control")
    blocks: tuple[Block, ...] = ()
    if whole is not None or any("cache_control" in block for _, block in parts):
        marks = [block.get("cache_control") for _, block in parts]
        marks[-1] = marks[-1] or whole
        blocks = tuple(
            Block(_unmarked(block), cost, _keep(mark))
            for (_, block), cost, mark in zip(parts, costs, marks, strict=True)
        )
    return _user_text(body), sum(costs), blocks


def check_marks(body: JsonObject) -> None:
    """Raises ``Refused`` for wrong cache markers, or too many of them."""
    marks = list(_marks(body))
    for path, mark in marks:
        if not isinstance(mark, Mapping) or mark.get("type") != "ephemeral":
            raise invalid(f"{path}.type", "Input should be 'ephemeral'")
        if mark.get("ttl", "5m") not in ("5m", "1h"):
            raise invalid(f"{path}.ephemeral.ttl", "Input should be '5m' or '1h'")
    if len(marks) > MAX_MARKS:
        raise Refused(f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. Found {len(marks)}.")


def _marks(body: JsonObject) -> Iterator[tuple[str, Json]]:
    for path, block in _parts(body):
        mark = block.get("cache_control")
        if mark is not None:
            yield f"{path}.cache_control", mark
    whole = body.get("cache_control")
    if whole is not None:
        yield "cache_control", whole


def _parts(body: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Every block of the prompt, in the order of Anthropic's cache: tools, system, messages."""
    for name in ("tools", "system"):
        yield from _blocks_of(body.get(name), name)
    messages = body.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        if isinstance(message, Mapping):
            yield from _blocks_of(message.get("content"), f"messages.{index}.content")


def _blocks_of(content: Json, path: str) -> Iterator[tuple[str, JsonObject]]:
    if isinstance(content, str) and content:
        yield f"{path}.0", {"type": "text", "text": content}
    elif isinstance(content, list):
        for index, block in enumerate(content):
            if isinstance(block, Mapping):
                yield f"{path}.{index}", block


def _keep(mark: Json) -> int | None:
    if not isinstance(mark, Mapping):
        return None
    return LONG if mark.get("ttl") == "1h" else SHORT


def _tokens(block: JsonObject) -> int:
    match block:
        case {"type": "text", "text": str(text)} | {"type": "thinking", "thinking": str(text)}:
            return prompt_tokens(text)
        case {"type": "image" | "document" as kind}:
            return IMAGE_TOKENS if kind == "image" else DOCUMENT_TOKENS
        case {"type": "tool_result"}:
            return sum(_tokens(part) for _, part in _blocks_of(block.get("content"), ""))
        case {"type": "tool_use", "name": str(name), "input": given}:
            return prompt_tokens(name) + prompt_tokens(orjson.dumps(given).decode())
        case _:
            return prompt_tokens(orjson.dumps(_unmarked(block)).decode())


def _unmarked(block: JsonObject) -> JsonObject:
    return {name: value for name, value in block.items() if name != "cache_control"}


def _user_text(body: JsonObject) -> str:
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, Mapping) or last.get("role") != "user":
        return ""
    return "".join(
        str(block.get("text")) for _, block in _blocks_of(last.get("content"), "") if block.get("type") == "text"
    )
