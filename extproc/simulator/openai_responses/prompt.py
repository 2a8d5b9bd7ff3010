"""What the prompt of a response says and costs. Its counterpart is ``openai.messages``, with the same prices."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.openai.messages import (
    CACHE_MINIMUM,
    CACHE_SECONDS,
    FILE_TOKENS,
    IMAGE_TOKENS,
    LOW_IMAGE_TOKENS,
)
from extproc.simulator.openai_responses.items import kind_of_item
from extproc.simulator.openai_responses.seal import unseal
from extproc.simulator.promptcache import Block
from extproc.simulator.replies import text_bytes
from extproc.simulator.tokens import TOKENS_PER_MESSAGE, pieces, prompt_tokens
from extproc.simulator.wire import names

_NO_TEXT = names(
    "type role id status call_id phase detail image_url file_id file_data file_url data format encrypted_content logprobs"
)
"""Fields of items that are no text of the prompt."""


class Prompt(NamedTuple):
    """The last text where it is the user's, the input tokens, and the blocks where the cache has to do with it.

    ``most``: the tokens if each byte of text were one.
    """

    user_text: str
    tokens: int
    most: int
    blocks: tuple[Block, ...]


def read_prompt(body: JsonObject, items: list[Json]) -> Prompt:
    """``items`` are checked."""
    blocks = tuple(_blocks(body, items))
    total = sum(block.tokens for block in blocks)
    cached = total >= CACHE_MINIMUM or uses_breakpoints(body)
    return Prompt(_user_text(items), total, _most(body, items), blocks if cached else ())


def uses_breakpoints(body: JsonObject) -> bool:
    """Whether the request steers the prompt cache itself; usage then tells what was written, too."""
    given = body.get("input")
    return "prompt_cache_options" in body or (isinstance(given, list) and any(_marked(item) for item in given))


def _user_text(items: list[Json]) -> str:
    last = items[-1] if items else None
    if not isinstance(last, Mapping) or kind_of_item(last) != "message" or last.get("role") != "user":
        return ""
    return "".join(_texts(last.get("content")))


def _blocks(body: JsonObject, items: list[Json]) -> Iterator[Block]:
    tools, instructions = body.get("tools"), body.get("instructions")
    if tools:
        yield Block(tools, prompt_tokens(orjson.dumps(tools).decode()))
    if isinstance(instructions, str):
        yield Block(instructions, TOKENS_PER_MESSAGE + prompt_tokens(instructions))
    options = body.get("prompt_cache_options")
    implicit = not (isinstance(options, Mapping) and options.get("mode") == "explicit")
    for index, item in enumerate(items):
        last = index == len(items) - 1
        if isinstance(item, Mapping):
            yield Block(item, _tokens(item), CACHE_SECONDS if _marked(item) or (last and implicit) else None)


def _tokens(item: JsonObject) -> int:
    match kind_of_item(item):
        case "message":
            return TOKENS_PER_MESSAGE + _content_tokens(item.get("content"))
        case "function_call_output" | "custom_tool_call_output":
            return TOKENS_PER_MESSAGE + _content_tokens(item.get("output"))
        case "function_call" | "custom_tool_call":
            return prompt_tokens(f"{item.get('name')}{item.get('arguments', item.get('input'))}")
        case "reasoning":
            sealed = item.get("encrypted_content")
            opened = unseal(sealed) if isinstance(sealed, str) else None
            return len(pieces(opened.thinking)) if opened else sum(map(prompt_tokens, _texts(item.get("summary"))))
        case _:
            return prompt_tokens(orjson.dumps(item).decode())


def _most(body: JsonObject, items: list[Json]) -> int:
    tools, instructions = body.get("tools"), body.get("instructions")
    total = TOKENS_PER_MESSAGE * (len(items) + 1) + (len(orjson.dumps(tools)) if tools else 0)
    return total + _bytes(items) + _bytes(instructions)


def _bytes(value: Json) -> int:
    if isinstance(value, str):
        return text_bytes(value)
    if isinstance(value, list):
        return sum(map(_bytes, value))
    if isinstance(value, Mapping):
        return sum(_bytes(item) for name, item in value.items() if name not in _NO_TEXT)
    return 0


def _content_tokens(content: Json) -> int:
    total = sum(prompt_tokens(text) for text in _texts(content))
    if isinstance(content, list):
        total += sum(_media_tokens(part) for part in content if isinstance(part, Mapping))
    return total


def _media_tokens(part: JsonObject) -> int:
    match part:
        case {"type": "input_image", "detail": "low"}:
            return LOW_IMAGE_TOKENS
        case {"type": "input_image"}:
            return IMAGE_TOKENS
        case {"type": "input_file" | "input_audio"}:
            return FILE_TOKENS
        case _:
            return 0


def _texts(content: Json) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = (part.get("text") or part.get("refusal")) if isinstance(part, Mapping) else None
            if isinstance(text, str):
                yield text


def _marked(item: Json) -> bool:
    content = item.get("content") if isinstance(item, Mapping) else None
    return isinstance(content, list) and any(
        isinstance(part, Mapping) and part.get("prompt_cache_breakpoint") for part in content
    )
