"""Content parts and cache marks → neutral parts. Used by ``parse_messages``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

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
from extproc.domain.reading import Fields, Json
from extproc.domain.sealed import unseal

_MARK_OF_CONTROL: Mapping[str | None, CacheMark] = {None: CacheMark(), "5m": CacheMark("5m"), "1h": CacheMark("1h")}
"""``cache_control.ttl`` → mark."""
_MARK_OF_BREAKPOINT: Mapping[str | None, CacheMark] = {"30m": CacheMark("1h"), "12h": CacheMark("1h")}
"""``prompt_cache_breakpoint.ttl``, a least lifetime → the longest that there is elsewhere; else the default."""


@dataclass(slots=True)
class Leftovers:
    """What no neutral field holds, gathered over one request: ``Conversation.unmapped``."""

    found: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])

    def take(self, fields: Fields, *, ignoring: Iterable[str] = ()) -> None:
        """Note every field of an object that nobody has read, but those whose loss has no effect."""
        prefix = fields.path("")
        for path in fields.unread():
            name = path.removeprefix(prefix)
            if name not in ignoring:
                self.found.append((path, fields.raw(name)))

    def add(self, path: str, value: Json) -> None:
        """Note one value."""
        self.found.append((path, value))


def cache_mark(fields: Fields, leftovers: Leftovers) -> CacheMark | None:
    """The mark of a part, a message or a tool.

    ``cache_control`` as Anthropic spells it, which LiteLLM and Envoy AI Gateway take inside OpenAI requests; else
    OpenAI's own ``prompt_cache_breakpoint``.
    """
    native = fields.object("prompt_cache_breakpoint")
    if (control := fields.object("cache_control")) is not None:
        if control.text("type") != "ephemeral":
            raise InvalidRequest(f"{control.path('type')} must be 'ephemeral'", param=control.path("type"))
        ttl = control.optional_text("ttl")
        leftovers.take(control)
        if (mark := _MARK_OF_CONTROL.get(ttl)) is not None:
            return mark
        raise InvalidRequest(f"{control.path('ttl')} must be '5m' or '1h'", param=control.path("ttl"))
    if native is not None:
        ttl = native.optional_text("ttl")
        native.raw("mode")
        leftovers.take(native)
        return _MARK_OF_BREAKPOINT.get(ttl, CacheMark())
    return None


def parts_of(fields: Fields, leftovers: Leftovers, *, name: str = "content") -> tuple[Part, ...]:
    """The parts of a message's content, a string or a list of parts; nothing where it is absent."""
    content = fields.raw(name)
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list):
        raise fields.wrong(name, content, "a string or a list of parts")
    parts = (_part(Fields(item, f"{fields.path(name)}[{i}]"), item, leftovers) for i, item in enumerate(content))
    return tuple(part for part in parts if part is not None)


def _part(fields: Fields, item: Json, leftovers: Leftovers) -> Part | None:
    match fields.text("type"):
        case "text":
            part: Part = Text(fields.text("text"), cache=cache_mark(fields, leftovers))
        case "image_url":
            part = _image(fields, leftovers)
        case "input_audio":
            part = _audio(fields, leftovers)
        case "file":
            part = _file(fields, leftovers)
        case "refusal":
            part = Refusal(fields.text("refusal"))
        case "thinking" | "redacted_thinking":
            part = thinking_part(fields)
        case _:
            leftovers.add(fields.path("").removesuffix("."), item)
            return None
    leftovers.take(fields)
    return part


def _image(fields: Fields, leftovers: Leftovers) -> Image:
    cache = cache_mark(fields, leftovers)
    if isinstance(url := fields.raw("image_url"), str):  # not the published shape, but many servers take it
        return Image(_url_source(url, fields.path("image_url")), cache=cache, at=fields.place)
    image = _required(fields, "image_url")
    source = _url_source(image.text("url"), image.path("url"))
    detail = image.optional_text("detail")
    leftovers.take(image)
    return Image(source, detail, cache, fields.place)


def _audio(fields: Fields, leftovers: Leftovers) -> Audio:
    audio = _required(fields, "input_audio")
    part = Audio(audio.text("data"), audio.text("format"), fields.place)
    leftovers.take(audio)
    return part


def _file(fields: Fields, leftovers: Leftovers) -> Document:
    file = _required(fields, "file")
    file_id, data = file.optional_text("file_id"), file.optional_text("file_data")
    if (file_id is None) == (data is None):
        path = file.path("").removesuffix(".")
        raise InvalidRequest(f"{path} must have either file_id or file_data", param=path)
    if data is None:
        source = Source(file_id=file_id)
    elif data.startswith("data:"):
        source = _url_source(data, file.path("file_data"))
    else:
        source = Source(data=data)
    title = file.optional_text("filename")
    leftovers.take(file)
    return Document(source, title, cache=cache_mark(fields, leftovers), at=fields.place)


def _required(fields: Fields, name: str) -> Fields:
    inner = fields.object(name)
    if inner is None:
        raise fields.wrong(name, None, "a JSON object")
    return inner


def _url_source(url: str, path: str) -> Source:
    """``data:`` URLs (RFC 2397) become base64 with a media type, all others stay a URL."""
    if not url.startswith("data:"):
        return Source(url=url)
    header, comma, data = url[5:].partition(",")
    media_type, *parameters = header.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidRequest(f"{path} must be a base64 data: URL or an http(s) URL", param=path)
    return Source(media_type=media_type or None, data=data)


def thinking_part(fields: Fields) -> Thinking | RedactedThinking:
    """One of ``thinking_blocks``: Anthropic's block, as LiteLLM and Envoy AI Gateway hand it out."""
    fields.raw("index")  # the position in a stream's list, as our own stream writer sends it
    match fields.text("type"):
        case "thinking":
            text, signature = fields.optional_text("thinking") or "", fields.optional_text("signature")
            return Thinking(text, *unseal(signature, native="anthropic")) if signature else Thinking(text)
        case "redacted_thinking":
            return RedactedThinking(*unseal(fields.text("data"), native="anthropic"))
        case _:
            path = fields.path("type")
            raise InvalidRequest(f"{path} must be 'thinking' or 'redacted_thinking'", param=path)


def mark_last(parts: tuple[Part, ...], mark: CacheMark | None) -> tuple[Part, ...] | None:
    """The parts with a message's own mark on the last one; None where that one cannot hold a mark."""
    if mark is None:
        return parts
    if not parts:
        return None
    last = parts[-1]
    if isinstance(last, Text | Image | Document | ToolCall | ToolResult):
        return (*parts[:-1], replace(last, cache=last.cache or mark))
    return None
