"""What a Gemini prompt costs, and what of it may be cached.

Source: https://ai.google.dev/gemini-api/docs/tokens and .../caching. Bodies here are normal (see ``schema``).
"""

import re
from collections.abc import Mapping

import orjson

from extproc.domain.reading import JsonObject
from extproc.simulator.gemini.contents import member, objects, parts_of
from extproc.simulator.gemini.errors import GoogleRefused
from extproc.simulator.promptcache import LONG, Block
from extproc.simulator.tokens import TOKENS_PER_MESSAGE, prompt_tokens

IMAGE_TOKENS = 258
"""Of a small picture, and of a page of a document."""
OTHER_MEDIA_TOKENS = 640
"""Of a recording of 20 seconds, at 32 a second."""
CACHE_MINIMUM = 1024
"""Smaller prompts are never cached by themselves."""

_CACHED = re.compile(r"(?:projects/[^/]+/locations/[^/]+/)?cachedContents/sim-(\d+)")


def prompt(body: JsonObject) -> tuple[str, int, tuple[Block, ...]]:
    """The last user text, the input tokens, and the prompt as blocks where it is large enough for the cache."""
    contents = objects(body.get("contents"))
    cached = cached_tokens(body)
    blocks: list[Block] = []
    if cached:
        blocks.append(Block(body.get("cachedContent"), cached))
    for name in ("systemInstruction", "tools"):
        value = body.get(name)
        if value:
            tokens = (
                content_tokens(value) if isinstance(value, Mapping) else prompt_tokens(orjson.dumps(value).decode())
            )
            blocks.append(Block(value, tokens))
    blocks.extend(Block(content, content_tokens(content)) for content in contents)
    total = sum(block.tokens for block in blocks)
    text = user_text(contents)
    if total - cached < CACHE_MINIMUM:
        return text, total, ()
    blocks[-1] = blocks[-1]._replace(keep=LONG)
    return text, total, tuple(blocks)


def cached_tokens(body: JsonObject) -> int:
    """Tokens of the explicit cache that is referred to: ``cachedContents/sim-500`` holds 500. Raises ``Refused``."""
    name = body.get("cachedContent")
    if not isinstance(name, str):
        return 0
    found = _CACHED.fullmatch(name)
    if found is None:
        raise GoogleRefused("CachedContent not found (or permission denied)", status=403)
    return int(found[1])


def user_text(contents: list[JsonObject]) -> str:
    """Text of the last content where it is the user's."""
    if not contents or contents[-1].get("role") == "model":
        return ""
    return "".join(str(part["text"]) for part in parts_of(contents[-1]) if "text" in part)


def content_tokens(content: JsonObject) -> int:
    """Tokens of one content, its framing included."""
    return TOKENS_PER_MESSAGE + sum(_part_tokens(part) for part in parts_of(content))


def media_tokens(body: JsonObject) -> dict[str, int]:
    """The tokens that are no text, by modality."""
    found: dict[str, int] = {}
    for content in objects(body.get("contents")):
        for part in parts_of(content):
            modality, tokens = _media(part)
            if tokens:
                found[modality] = found.get(modality, 0) + tokens
    return found


def most_tokens(body: JsonObject) -> int:
    """Input tokens if each byte of the prompt's text were one; media as they are."""
    contents = objects(body.get("contents"))
    instruction = member(body, "systemInstruction")
    texts = sum(
        _bytes(part) for content in (*contents, *([instruction] if instruction else ())) for part in parts_of(content)
    )
    tools = body.get("tools")
    framing = TOKENS_PER_MESSAGE * (len(contents) + (instruction is not None))
    media = sum(media_tokens(body).values())
    return framing + texts + media + (len(orjson.dumps(tools)) if tools else 0)


def _part_tokens(part: JsonObject) -> int:
    for name in ("functionCall", "functionResponse"):
        found = member(part, name)
        if found is not None:
            content = found.get("args") if name == "functionCall" else found.get("response")
            return prompt_tokens(str(found.get("name"))) + prompt_tokens(orjson.dumps(content).decode())
    return prompt_tokens(str(part["text"])) if "text" in part else _media(part)[1]


def _media(part: JsonObject) -> tuple[str, int]:
    data = member(part, "inlineData") or member(part, "fileData")
    if data is None:
        return "TEXT", 0
    kind = str(data.get("mimeType", ""))
    if kind.startswith("image/"):
        return "IMAGE", IMAGE_TOKENS
    if kind == "application/pdf":
        return "DOCUMENT", IMAGE_TOKENS
    return ("VIDEO" if kind.startswith("video/") else "AUDIO"), OTHER_MEDIA_TOKENS


def _bytes(part: JsonObject) -> int:
    call, response = member(part, "functionCall"), member(part, "functionResponse")
    if call is not None or response is not None:
        return len(orjson.dumps(call if call is not None else response))
    return len(str(part.get("text", "")).encode("utf-8", "surrogatepass"))
