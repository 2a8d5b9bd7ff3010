"""Images, documents and audio → parts.

Sources: https://ai.google.dev/gemini-api/docs/file-input-methods (inline data; files of the Files API and of Cloud
Storage; any public or signed https address), https://ai.google.dev/gemini-api/docs/image-understanding.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping

from extproc.dialects.losses import NO_CITATIONS, Losses, unreadable
from extproc.domain.conversation import Audio, Document, Image, Source
from extproc.domain.reading import Json

Block = dict[str, Json]

_PDF = "application/pdf"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII)
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{2,5})(?:[?#].*)?$", re.ASCII | re.DOTALL)
_ADDRESSES = ("https://", "http://", "gs://")

_TYPE_OF_EXTENSION: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "gif": "image/gif",
    "pdf": _PDF,
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "json": "application/json",
    "xml": "text/xml",
    "wav": "audio/wav",
    "mp3": "audio/mp3",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "webm": "video/webm",
}
_SPELLINGS: Mapping[str, str] = {"image/jpg": "image/jpeg"}
"""No registered type, but what many clients write."""
_IN_RESULTS = frozenset({"image/png", "image/jpeg", "image/webp", _PDF, "text/plain"})
"""What a function response may hold (https://ai.google.dev/gemini-api/docs/function-calling#multimodal)."""


def render_media(part: Image | Document | Audio, path: str, losses: Losses) -> list[Block]:
    """The part, and what a document says of itself before it; nothing where it cannot be carried (``losses`` says so)."""
    if isinstance(part, Audio):
        return [_inline_data(f"audio/{part.format}", part.data)]
    if isinstance(part, Image):
        # ``detail`` is a hint about cost.
        block = _source(part.source, "image/jpeg")
        if block is None:
            losses.refuse(path, unreadable(part.source))
        return [] if block is None else [block]
    if part.citations:
        losses.refuse(f"{path}.citations", NO_CITATIONS)
    if part.source.text is not None:
        return [{"text": joined(part.title, part.context, part.source.text)}]
    block = _source(part.source, _PDF)
    if block is None:
        losses.refuse(path, unreadable(part.source))
        return []
    about = joined(part.title, part.context)
    return [{"text": about}, block] if about else [block]


def render_in_result(part: Image | Document) -> Block | None:
    """A part of a function response; None where it must stand beside it: it has no place for addresses."""
    block = _source(part.source, _PDF if isinstance(part, Document) else "image/jpeg")
    data = block.get("inlineData") if block else None
    return block if isinstance(data, Mapping) and data["mimeType"] in _IN_RESULTS else None


def joined(*texts: str | None) -> str:
    """Texts that belong together, those that are there."""
    return "\n\n".join(text for text in texts if text)


def type_of_address(uri: str) -> str | None:
    """The media type that the end of an address tells."""
    match = _EXTENSION.search(uri)
    return _TYPE_OF_EXTENSION.get(match[1].lower()) if match else None


def _source(source: Source, default: str) -> Block | None:
    """``default``: the media type where neither the client nor the address tells, for Vertex requires one."""
    if source.url is not None and (match := _DATA_URL.match(source.url)):
        source = Source(media_type=match[1], data=source.url[match.end() :])
    if source.data is not None:
        media_type = source.media_type or _sniffed(source.data)
        return _inline_data(media_type, source.data) if media_type else None
    # Neither OpenAI's nor Anthropic's file ids mean anything here; Gemini's files have addresses.
    uri = source.url if source.url is not None else source.file_id
    if uri is None or not uri.startswith(_ADDRESSES):
        return None
    media_type = source.media_type or type_of_address(uri) or default
    return {"fileData": {"mimeType": _SPELLINGS.get(media_type, media_type), "fileUri": uri}}


def _inline_data(media_type: str, data: str) -> Block:
    return {"inlineData": {"mimeType": _SPELLINGS.get(media_type, media_type), "data": data}}


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", _PDF),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


def _sniffed(data: str) -> str | None:
    try:
        head = b64decode(data[:8])
    except (binascii.Error, ValueError):
        return None
    return next((media_type for magic, media_type in _MAGIC if head.startswith(magic)), None)
