"""Content blocks of a request → parts. Counterpart: ``render_blocks.py``.

Source: https://platform.claude.com/docs/en/api/messages (``ContentBlockParam`` and what it is made of).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import orjson

from extproc.domain.conversation import (
    CacheMark,
    Document,
    Image,
    Part,
    RedactedThinking,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields, Json, JsonObject, kind_of
from extproc.domain.sealed import unseal

Unmapped = list[tuple[str, Json]]
"""What no reader has a neutral name for: path and value, in the order found."""


# Fields with a value that asks for nothing but what happens anyway; clients send them all the same.
_IDLE: Mapping[str, Json] = {
    "caller": {"type": "direct"},
    "allowed_callers": ["direct"],
    "defer_loading": False,
    "speed": "standard",
}


def keep_unread(fields: Fields, unmapped: Unmapped) -> None:
    """Adds the fields of this object that nobody has read and that ask for something."""
    prefix = fields.path("")
    for path in fields.unread():
        name = path.removeprefix(prefix)
        value = fields.raw(name)
        if _IDLE.get(name) != value:
            unmapped.append((path, value))


def parse_content(owner: Fields, name: str, unmapped: Unmapped) -> Iterator[Part]:
    """The parts of a ``content`` or ``system`` field, which is a string or a list of blocks.

    A block of a kind that is not known here goes to ``unmapped`` whole. Raises ``InvalidRequest``.
    """
    value = owner.raw(name)
    if isinstance(value, str):
        yield Text(value)
        return
    if not isinstance(value, list):
        raise owner.wrong(name, value, "a string or a list of content blocks")
    for index, item in enumerate(value):
        path = f"{owner.path(name)}[{index}]"
        block = Fields(item, path)
        reader = _READERS.get(block.text("type"))
        part = reader(block, unmapped) if reader else None
        if part is None:
            unmapped.append((path, item))
            continue
        keep_unread(block, unmapped)
        yield part


def parse_cache_mark(fields: Fields) -> CacheMark | None:
    """The object's ``cache_control``. Further members are not reported: a cache never changes an answer."""
    mark = fields.object("cache_control")
    if mark is None:
        return None
    ttl = mark.optional_text("ttl")
    return CacheMark("1h" if ttl == "1h" else "5m" if ttl == "5m" else None)


def with_cache_mark(part: Part, mark: CacheMark) -> Part | None:
    """The part with this mark where it has none; None where this kind of part cannot be marked."""
    if isinstance(part, Text | Image | Document | ToolCall | ToolResult):
        return part if part.cache else replace(part, cache=mark)
    return None


def _text(block: Fields, _unmapped: Unmapped) -> Text:
    citations: list[JsonObject] = []
    for index, citation in enumerate(block.items("citations") or ()):
        if not isinstance(citation, Mapping):
            path = f"{block.path('citations')}[{index}]"
            raise InvalidRequest(f"{path} must be a JSON object, not {kind_of(citation)}", param=path)
        citations.append(citation)
    return Text(block.text("text"), cache=parse_cache_mark(block), citations=tuple(citations))


def _tool_reference(block: Fields, _unmapped: Unmapped) -> Text:
    """What a client's own search of tools has found. Tools that it is to load are there from the beginning: see ``parse``."""
    return Text(f"The tool {block.text('tool_name')} is available.", cache=parse_cache_mark(block))


def _image(block: Fields, unmapped: Unmapped) -> Image | None:
    source = _source(_required(block, "source"), unmapped)
    return Image(source, cache=parse_cache_mark(block), at=block.place) if source else None


def _document(block: Fields, unmapped: Unmapped) -> Document | None:
    fields = _required(block, "source")
    source = _content_source(fields, unmapped) if fields.text("type") == "content" else _source(fields, unmapped)
    if source is None:
        return None
    citations = block.object("citations")
    cited = citations.boolean("enabled") if citations else None
    if citations:
        keep_unread(citations, unmapped)
    return Document(
        source,
        title=block.optional_text("title"),
        context=block.optional_text("context"),
        citations=cited,
        cache=parse_cache_mark(block),
        at=block.place,
    )


def _source(fields: Fields, unmapped: Unmapped) -> Source | None:
    match fields.text("type"):
        case "base64":
            source = Source(media_type=fields.text("media_type"), data=fields.text("data"))
        case "url":
            source = Source(url=fields.text("url"))
        case "file":
            source = Source(file_id=fields.text("file_id"))
        case "text":
            source = Source(media_type=fields.optional_text("media_type") or "text/plain", text=fields.text("data"))
        case _:
            return None
    keep_unread(fields, unmapped)
    return source


def _content_source(source: Fields, unmapped: Unmapped) -> Source | None:
    """A document made of blocks. As text it reads the same; only where citations point to changes."""
    parts = list(parse_content(source, "content", unmapped))
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) < len(parts):
        return None
    return Source(media_type="text/plain", text="\n".join(texts))


def _tool_use(block: Fields, _unmapped: Unmapped) -> ToolCall:
    tool_input = block.raw("input")
    if not isinstance(tool_input, Mapping):
        raise block.wrong("input", tool_input, "a JSON object")
    return ToolCall(
        id=block.text("id"),
        name=block.text("name"),
        arguments=orjson.dumps(tool_input).decode(),
        cache=parse_cache_mark(block),
    )


def _tool_result(block: Fields, unmapped: Unmapped) -> ToolResult:
    content: list[Text | Image | Document] = []
    if block.has("content"):
        for part in parse_content(block, "content", unmapped):
            if not isinstance(part, Text | Image | Document):
                path = block.path("content")
                raise InvalidRequest(f"{path} may hold text, images and documents only", param=path)
            content.append(part)
    return ToolResult(
        call_id=block.text("tool_use_id"),
        content=tuple(content),
        is_error=block.boolean("is_error") or False,
        cache=parse_cache_mark(block),
    )


def _thinking(block: Fields, _unmapped: Unmapped) -> Thinking:
    text, signature = block.text("thinking"), block.optional_text("signature")
    # An empty signature is what this gateway's own answers have where the model behind them signs nothing.
    return Thinking(text, *unseal(signature, native="anthropic")) if signature else Thinking(text)


def _redacted_thinking(block: Fields, _unmapped: Unmapped) -> RedactedThinking:
    return RedactedThinking(*unseal(block.text("data"), native="anthropic"))


_READERS: Mapping[str, Callable[[Fields, Unmapped], Part | None]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "tool_reference": _tool_reference,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
}


def _required(owner: Fields, name: str) -> Fields:
    found = owner.object(name)
    if found is None:
        raise owner.wrong(name, None, "a JSON object")
    return found
