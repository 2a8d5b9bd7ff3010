"""Images, documents and audio → Converse's blocks, with formats and names as the vendor wants them.

Source: ``ImageBlock``, ``DocumentBlock``, ``AudioBlock`` and what they are made of in the service model. There are bytes
(base64 in JSON) and objects in S3 (``s3://`` URLs); Bedrock fetches nothing from elsewhere and has no files of its own.
"""

import re
from base64 import b64encode
from collections.abc import Mapping

from extproc.domain.conversation import Audio, Document, Image, Source
from extproc.domain.reading import Json, JsonObject

MAX_NAME_CHARS = 200

_IMAGES: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",  # no registered type, but what many clients write
    "image/gif": "gif",
    "image/webp": "webp",
}
_PDF_IN_BASE64 = "JVBERi"  # "%PDF-"
_DOCUMENTS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/x-markdown": "md",
    "application/json": "txt",  # text by any other name
    "application/xml": "txt",
}
_EXTENSIONS = frozenset(_DOCUMENTS.values())
_AUDIO = frozenset({"mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "m4a", "mpeg", "mpga", "pcm", "webm"})
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_UNNAMED = "document"


class DocumentNames:
    """Names within the vendor's rule: letters, digits, single blanks, hyphens, brackets; each document its own."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, title: str | None) -> str:
        """The name to send for this title; two documents stay two."""
        base = _NOT_IN_NAMES.sub(" ", title or "").strip()[:MAX_NAME_CHARS].strip() or _UNNAMED
        name, count = base, 1
        while name in self._taken:
            count += 1
            suffix = f" ({count})"
            name = base[: MAX_NAME_CHARS - len(suffix)].strip() + suffix
        self._taken.add(name)
        return name


def render_image(part: Image) -> JsonObject | None:
    """``{"image": ...}``; None where Bedrock cannot take it."""
    source = _inline(part.source)
    form = _IMAGES.get(source.media_type or "") or _extension(source.url, frozenset(_IMAGES.values()))
    place = _place(source)
    if form is None or place is None:
        return None
    return {"image": {"format": form, "source": place}}


def render_document(part: Document, names: DocumentNames) -> JsonObject | None:
    """``{"document": ...}``; None where Bedrock cannot take it."""
    source = _inline(part.source)
    form = _document_format(source, part.title)
    place = _place(source)
    if form is None or place is None:
        return None
    document: dict[str, Json] = {"format": form, "name": names.of(part.title), "source": place}
    if part.context:
        document["context"] = part.context
    if part.citations is not None:
        document["citations"] = {"enabled": part.citations}
    return {"document": document}


def render_audio(part: Audio) -> JsonObject | None:
    """``{"audio": ...}``; None where Bedrock does not know the format."""
    if part.format not in _AUDIO:
        return None
    return {"audio": {"format": part.format, "source": {"bytes": part.data}}}


def _place(source: Source) -> JsonObject | None:
    if source.text is not None:
        return {"bytes": b64encode(source.text.encode()).decode()}
    if source.data is not None:
        return {"bytes": source.data}
    if source.url is not None and source.url.startswith("s3://"):
        return {"s3Location": {"uri": source.url}}
    return None


def _document_format(source: Source, title: str | None) -> str | None:
    """By media type, else by the name's ending, else by what the bytes begin with."""
    if source.text is not None:
        return "txt"
    media_type = source.media_type or ""
    known = _DOCUMENTS.get(media_type) or _extension(title, _EXTENSIONS) or _extension(source.url, _EXTENSIONS)
    if known is None and media_type.startswith("text/"):
        return "txt"
    if known is None and (source.data or "").startswith(_PDF_IN_BASE64):
        return "pdf"
    return known


def _extension(name: str | None, known: frozenset[str]) -> str | None:
    ending = (name or "").rpartition(".")[2].lower()
    if ending == "jpg":
        ending = "jpeg"
    return ending if ending in known else None


def _inline(source: Source) -> Source:
    """A ``data:`` URL as what it holds."""
    if source.url is None or not (match := _DATA_URL.match(source.url)):
        return source
    return Source(media_type=match[1], data=source.url[match.end() :])
