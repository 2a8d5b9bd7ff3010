"""Content parts of messages and of tool results → neutral parts. Used by ``parse_items``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from extproc.domain.conversation import Audio, CacheMark, Document, Image, Part, Refusal, Source, Text
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields, Json

_MARK_OF_BREAKPOINT: Mapping[str | None, CacheMark] = {"30m": CacheMark("1h"), "12h": CacheMark("1h")}
"""``prompt_cache_breakpoint.ttl``, a least lifetime → the longest that there is elsewhere; else the default."""

_IGNORED_OF_TEXT = ("annotations", "logprobs", "parsed")
"""Of an earlier answer's text. None is part of a prompt; the last is what OpenAI's SDK has read in it."""

_IDLE_OF_FILES: Mapping[str, Json] = {"detail": "auto"}
"""How finely a file is rendered; an image's ``detail`` has a neutral field."""
_NOTHING: Mapping[str, Json] = {}


@dataclass(slots=True)
class Leftovers:
    """What no neutral field holds, gathered over one request: ``Conversation.unmapped``."""

    found: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])
    asides: list[str] = field(default_factory=list[str])
    """Paths of what is told in other words: ``Conversation.asides``."""

    def take(self, fields: Fields, *, ignoring: Iterable[str] = (), idle: Mapping[str, Json] = _NOTHING) -> None:
        """Note every field of an object that nobody has read.

        ``ignoring``: names whose loss has no effect; ``idle``: names with the value that asks for what happens anyway.
        """
        prefix = fields.path("")
        for path in fields.unread():
            name = path.removeprefix(prefix)
            value = fields.raw(name)
            if name not in ignoring and not (name in idle and idle[name] == value):
                self.found.append((path, value))

    def add(self, path: str, value: Json) -> None:
        """Note one value."""
        self.found.append((path, value))


def parts_of(fields: Fields, name: str, leftovers: Leftovers) -> Iterator[Part]:
    """The parts of ``content`` or ``output``, a string or a list of parts. Raises ``InvalidRequest``."""
    content = fields.raw(name)
    if isinstance(content, str):
        yield Text(content)
        return
    if not isinstance(content, list):
        raise fields.wrong(name, content, "a string or a list of parts")
    for index, item in enumerate(content):
        path = f"{fields.path(name)}[{index}]"
        part = Fields(item, path)
        parsed = _part(part, leftovers)
        if parsed is None:
            leftovers.add(path, item)
            continue
        leftovers.take(part, ignoring=_IGNORED_OF_TEXT, idle=_IDLE_OF_FILES)
        yield parsed


def _part(part: Fields, leftovers: Leftovers) -> Part | None:
    match part.text("type"):
        case "input_text" | "output_text" | "text":  # the last: Chat's word, which OpenAI lets pass
            return Text(part.text("text"), cache=_cache_mark(part, leftovers))
        case "input_image":
            return _image(part, leftovers)
        case "input_file":
            return _file(part, leftovers)
        case "input_audio":
            return _audio(part, leftovers)
        case "refusal":
            return Refusal(part.text("refusal"))
        case _:
            return None


def _cache_mark(part: Fields, leftovers: Leftovers) -> CacheMark | None:
    mark = part.object("prompt_cache_breakpoint")
    if mark is None:
        return None
    ttl = mark.optional_text("ttl")
    mark.raw("mode")
    leftovers.take(mark)
    return _MARK_OF_BREAKPOINT.get(ttl, CacheMark())


def _image(part: Fields, leftovers: Leftovers) -> Image:
    url, file_id = part.optional_text("image_url"), part.optional_text("file_id")
    if (url is None) == (file_id is None):
        raise _one_of(part, "image_url or file_id")
    source = Source(file_id=file_id) if url is None else _url_source(url, part.path("image_url"))
    return Image(source, part.optional_text("detail"), _cache_mark(part, leftovers), part.place)


def _file(part: Fields, leftovers: Leftovers) -> Document:
    data, url, file_id = (part.optional_text(name) for name in ("file_data", "file_url", "file_id"))
    if sum(value is not None for value in (data, url, file_id)) != 1:
        raise _one_of(part, "file_data, file_url or file_id")
    if data is not None:
        is_url = data.startswith("data:")
        source = _url_source(data, part.path("file_data")) if is_url else Source(data=data)
    else:
        source = Source(url=url, file_id=file_id)
    return Document(source, part.optional_text("filename"), cache=_cache_mark(part, leftovers), at=part.place)


def _audio(part: Fields, leftovers: Leftovers) -> Audio:
    audio = part.object("input_audio")
    if audio is None:
        raise part.wrong("input_audio", None, "a JSON object")
    parsed = Audio(audio.text("data"), audio.text("format"), part.place)
    leftovers.take(audio)
    return parsed


def _one_of(part: Fields, names: str) -> InvalidRequest:
    path = part.path("").removesuffix(".")
    return InvalidRequest(f"{path} must have exactly one of {names}", param=path)


def _url_source(url: str, path: str) -> Source:
    """``data:`` URLs (RFC 2397) become base64 with a media type, all others stay a URL."""
    if not url.startswith("data:"):
        return Source(url=url)
    header, comma, data = url[5:].partition(",")
    media_type, *parameters = header.split(";")
    if not comma or "base64" not in parameters:
        raise InvalidRequest(f"{path} must be a base64 data: URL or an http(s) URL", param=path)
    return Source(media_type=media_type or None, data=data)
