"""Parts → content blocks. Source: ``ContentBlock`` and what it is made of in the service model."""

import re
from dataclasses import field

from extproc.dialects.arguments import arguments_object
from extproc.dialects.bedrock.citations import render_citation
from extproc.dialects.bedrock.families import Family
from extproc.dialects.bedrock.redacted import render_redacted
from extproc.dialects.bedrock.render_sources import DocumentNames, render_audio, render_document, render_image
from extproc.dialects.losses import NO_AUDIO, Losses, unreadable
from extproc.dialects.tool_results import content_in_words
from extproc.dialects.turns import Block
from extproc.domain.conversation import (
    Audio,
    CacheMark,
    Document,
    Image,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

MAX_TOOL_ID_CHARS = 64

_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_.:-]")
_NO_OUTPUT = "(no output)"
"""Of a tool that gave nothing back: an error without content is refused by the vendor, so is a blank text."""


class ToolIds:
    """Tool call ids within the vendor's pattern ``[a-zA-Z0-9_.:-]{1,64}``, the same for a call and its result."""

    __slots__ = ("_given", "_taken")

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, call_id: str) -> str:
        """The id to send for this one; two ids stay two."""
        known = self._given.get(call_id)
        if known is not None:
            return known
        base = _NOT_IN_IDS.sub("_", call_id)[:MAX_TOOL_ID_CHARS] or "tool"
        clean, count = base, 1
        while clean in self._taken:
            count += 1
            suffix = f"_{count}"
            clean = base[: MAX_TOOL_ID_CHARS - len(suffix)] + suffix
        self._given[call_id] = clean
        self._taken.add(clean)
        return clean


@valueclass
class Rendering:
    """What the blocks of one request share."""

    family: Family
    losses: Losses
    ids: ToolIds = field(default_factory=ToolIds)
    names: DocumentNames = field(default_factory=DocumentNames)


def render_part(part: Part, path: str, to: Rendering) -> list[Block]:
    """The block of this part and the cache point behind it; nothing where it is empty, or cannot be carried.

    ``to.losses`` names ``path`` in the latter case.
    """
    block: JsonObject | None
    match part:
        case Text():
            block = _text(part, path, to)
        case Refusal():
            block = text_block(part.text)
        case Image():
            block = _noted(render_image(part), path, to.losses, unreadable(part.source))
        case Document():
            block = _noted(render_document(part, to.names), path, to.losses, unreadable(part.source))
        case Audio():
            block = _noted(None if to.family.is_claude else render_audio(part), path, to.losses, NO_AUDIO)
        case Thinking() | RedactedThinking():
            block = _reasoning(part, to.family)
        case ToolCall():
            use: JsonObject = {
                "toolUseId": to.ids.of(part.id),
                "name": part.name,
                "input": arguments_object(part.arguments),
            }
            block = {"toolUse": use}
        case _:  # a tool result, the last that there is
            block = _tool_result(part, path, to)
    if block is None:
        return []
    mark = None if isinstance(part, Refusal | Audio | Thinking | RedactedThinking) else part.cache
    return [dict(block), *cache_points(mark, path, to)]


def text_block(text: str) -> Block | None:
    """A text block; None for text that is empty or blank, which the vendor refuses."""
    return {"text": text} if text and not text.isspace() else None


def cache_points(mark: CacheMark | None, path: str, to: Rendering, *, tools: bool = False) -> list[Block]:
    """The cache point of a mark, or nothing: a model that caches nothing refuses it, and a cache changes no answer.

    Where nobody knows whether the model could have cached, the loss is named: it may cost money.
    """
    family = to.family
    if mark is None:
        return []
    if not (family.caches_tools if tools else family.caches):
        if family.name == "unknown":
            to.losses.tell(f"{path}.cache_control")
        return []
    point: Block = {"type": "default"}
    if mark.ttl is not None and family.caches_1h:
        point["ttl"] = mark.ttl
    elif mark.ttl == "1h":
        to.losses.tell(f"{path}.cache_control.ttl")
    return [{"cachePoint": point}]


def _noted(block: JsonObject | None, path: str, losses: Losses, why: str) -> JsonObject | None:
    if block is None:
        losses.refuse(path, why)
    return block


def _text(part: Text, path: str, to: Rendering) -> Block | None:
    block = text_block(part.text)
    if block is None or not part.citations:
        return block
    rendered = [render_citation(citation) for citation in part.citations] if to.family.is_claude else [None]
    citations: list[Json] = [citation for citation in rendered if citation is not None]
    if len(citations) < len(rendered):
        to.losses.tell(f"{path}.citations")
    return {"citationsContent": {"content": [block], "citations": citations}} if citations else block


def _reasoning(part: Thinking | RedactedThinking, family: Family) -> Block | None:
    """Only its own vendor's signature makes reasoning acceptable; other models think anew."""
    if part.origin != "anthropic" or not family.is_claude:
        return None
    if isinstance(part, RedactedThinking):
        return {"reasoningContent": {"redactedContent": render_redacted(part.data)}}
    if not part.signature:
        return None
    return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}


def _tool_result(part: ToolResult, path: str, to: Rendering) -> Block:
    content: list[Json] = []
    told = to.family.tool_status
    for index, inner in enumerate(part.content if told else content_in_words(part)):
        at = f"{path}.content[{index}]"
        match inner:
            case Text():
                block: JsonObject | None = text_block(inner.text)
            case Image():
                block = _noted(render_image(inner), at, to.losses, unreadable(inner.source))
            case _:  # a document, the last that there is
                block = _noted(render_document(inner, to.names), at, to.losses, unreadable(inner.source))
        if block is not None:
            content.append(block)
    result: Block = {"toolUseId": to.ids.of(part.call_id), "content": content or [{"text": _NO_OUTPUT}]}
    if part.is_error and told:
        result["status"] = "error"
    return {"toolResult": result}
