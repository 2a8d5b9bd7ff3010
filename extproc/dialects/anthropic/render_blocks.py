"""Parts → content blocks. Counterpart: ``parse_blocks.py``.

Source: https://platform.claude.com/docs/en/api/messages (``ContentBlockParam`` and what it is made of).
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace

from extproc.dialects.arguments import arguments_object
from extproc.dialects.losses import NO_AUDIO, Losses, unreadable
from extproc.dialects.turns import Block
from extproc.domain.conversation import (
    Audio,
    CacheMark,
    Document,
    Image,
    Part,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Json, JsonObject

_IMAGE_TYPES = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",  # no registered type, but what many clients write
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_PDF = "application/pdf"
_PDF_IN_BASE64 = "JVBERi"  # "%PDF-"
_TEXT_TYPES = ("text/", "application/json", "application/xml")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII)
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


class ToolIds:
    """Tool call ids within the vendor's pattern ``^[a-zA-Z0-9_-]+$``, the same for a call and its result."""

    __slots__ = ("_given", "_taken")

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, call_id: str) -> str:
        """The id to send for this one; two ids stay two."""
        known = self._given.get(call_id)
        if known is not None:
            return known
        clean = _NOT_IN_IDS.sub("_", call_id) or "tool"
        while clean in self._taken:
            clean += "_"
        self._given[call_id] = clean
        self._taken.add(clean)
        return clean


def render_part(part: Part, path: str, ids: ToolIds, losses: Losses) -> Block | None:
    """The block of this part; None where it is empty, or cannot be carried (then ``losses`` names ``path``).

    Raises ``InvalidRequest`` where a document said to be text is none.
    """
    block: Block | None
    match part:
        case Text():
            block = text_block(_citable(part, path, losses))
        case Refusal():
            block = text_block(Text(part.text))
        case Image():
            block = _noted(_image(part), part.source, path, losses)
        case Document():
            block = _noted(_document(part, part.at or path), part.source, path, losses)
        case Audio():
            losses.refuse(path, NO_AUDIO)
            block = None
        case Thinking():
            block = _thinking(part)
        case RedactedThinking():
            block = {"type": "redacted_thinking", "data": part.data} if part.origin == "anthropic" else None
        case ToolCall():
            block = _tool_use(part, ids)
        case _:  # a tool result, the last that there is
            block = _tool_result(part, path, ids, losses)
    return block


def text_block(part: Text) -> Block | None:
    """A text block; None for text that is empty or blank, which the vendor refuses with a 400."""
    if not part.text or part.text.isspace():
        return None
    block: Block = {"type": "text", "text": part.text}
    if part.citations:
        block["citations"] = list(part.citations)
    return _marked(block, part.cache)


def _citable(part: Text, path: str, losses: Losses) -> Text:
    """The text without citations of other vendors' searches, whose ``encrypted_index`` is empty: Anthropic's wants its own.

    The text itself says the same without them, so they are told and not refused.
    """
    own = tuple(citation for citation in part.citations if not _is_foreign(citation))
    if len(own) == len(part.citations):
        return part
    losses.tell(f"{path}.citations")
    return replace(part, citations=own)


def _is_foreign(citation: JsonObject) -> bool:
    """Whether it is of a search that another vendor made."""
    return citation.get("type") == "web_search_result_location" and not citation.get("encrypted_index")


def render_content(blocks: Iterable[Block]) -> Json:
    """A ``content`` or ``system`` value: a plain string where one unmarked text is all there is."""
    listed: list[Json] = list(blocks)
    match listed:
        case [{"type": "text", "text": str(text), **others}] if not others:
            return text
        case _:
            return listed


def render_cache_mark(mark: CacheMark) -> JsonObject:
    """The ``cache_control`` object."""
    return {"type": "ephemeral", "ttl": mark.ttl} if mark.ttl else {"type": "ephemeral"}


def _marked(block: Block, mark: CacheMark | None) -> Block:
    if mark:
        block["cache_control"] = render_cache_mark(mark)
    return block


def _noted(block: Block | None, source: Source, path: str, losses: Losses) -> Block | None:
    if block is None:
        losses.refuse(path, unreadable(source))
    return block


def _thinking(part: Thinking) -> Block | None:
    # Only its own vendor's signature makes reasoning acceptable; without it the model thinks anew.
    if not part.signature or part.origin != "anthropic":
        return None
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _image(part: Image) -> Block | None:
    source = _inline(part.source)
    if source.data is not None:
        media_type = _IMAGE_TYPES.get(source.media_type or "")
        rendered = _base64(media_type, source.data) if media_type else None
    else:
        rendered = _remote(source)
    # ``detail`` is a hint about cost that this vendor has no word for.
    return _marked({"type": "image", "source": rendered}, part.cache) if rendered else None


def _document(part: Document, path: str) -> Block | None:
    source = _inline(part.source)
    rendered = _document_source(source, path)
    if rendered is None:
        return None
    block: Block = {"type": "document", "source": rendered}
    if part.title is not None:
        block["title"] = part.title
    if part.context is not None:
        block["context"] = part.context
    if part.citations is not None:
        block["citations"] = {"enabled": part.citations}
    return _marked(block, part.cache)


def _document_source(source: Source, path: str) -> JsonObject | None:
    if source.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": source.text}
    if source.data is None:
        return _remote(source)
    media_type = source.media_type or (_PDF if source.data.startswith(_PDF_IN_BASE64) else "")
    if media_type == _PDF:
        return _base64(_PDF, source.data)
    if media_type.startswith(_TEXT_TYPES):
        try:
            text = b64decode(source.data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidRequest(f"{path} must be UTF-8 text in base64", param=path) from error
        return {"type": "text", "media_type": "text/plain", "data": text}
    return None


def _inline(source: Source) -> Source:
    """A ``data:`` URL as what it holds."""
    if source.url is None or not (match := _DATA_URL.match(source.url)):
        return source
    return Source(media_type=match[1], data=source.url[match.end() :])


def _base64(media_type: str, data: str) -> JsonObject:
    return {"type": "base64", "media_type": media_type, "data": data}


def _remote(source: Source) -> JsonObject | None:
    if source.url is not None and source.url.startswith(("https://", "http://")):
        return {"type": "url", "url": source.url}
    # ``file-…`` are OpenAI's ids (Anthropic's begin with ``file_``): its files are not at this vendor.
    if source.file_id is not None and not source.file_id.startswith("file-"):
        return {"type": "file", "file_id": source.file_id}
    return None


def _tool_use(part: ToolCall, ids: ToolIds) -> Block:
    block: Block = {
        "type": "tool_use",
        "id": ids.of(part.id),
        "name": part.name,
        "input": arguments_object(part.arguments),
    }
    return _marked(block, part.cache)


def _tool_result(part: ToolResult, path: str, ids: ToolIds, losses: Losses) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": ids.of(part.call_id)}
    content = [
        rendered
        for index, inner in enumerate(part.content)
        if (rendered := render_part(inner, f"{path}.content[{index}]", ids, losses))
    ]
    if content:
        block["content"] = render_content(content)
    if part.is_error:
        block["is_error"] = True
    return _marked(block, part.cache)
