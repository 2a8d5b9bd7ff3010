"""An answer that nobody but the client reads: every byte is passed on, and usage taken down where it is told.

Speech, pictures and texts come so, as files or as events of OpenAI's media APIs. Sources:
openai.types.audio.TranscriptionStreamEvent, openai.types.ImageGenStreamEvent, openai.types.ImageEditStreamEvent,
https://platform.openai.com/docs/api-reference/audio/speech-audio-done-event.
"""

import json
import re
from collections.abc import Mapping

import orjson

from extproc.dialects.base import Frame
from extproc.dialects.openai_errors import stream_error
from extproc.domain.answer import AnswerEvent, Ended, Failed, Opaque, Started, UsageSeen
from extproc.domain.errors import ProviderBadAnswer, ProviderError, ProviderTruncated
from extproc.domain.reading import Json
from extproc.domain.usage import Usage
from extproc.translate.operations.usage import read_usage

MAX_JSON_BYTES = 1024 * 1024
"""A JSON body that is read for its usage. Texts fit; of longer ones only pictures are made."""
MAX_EVENT_BYTES = 1024 * 1024
"""An event that is held until it is whole. A longer one, a picture in base64, flows on while it comes."""
TAIL_BYTES = 16 * 1024
"""Of a long event, what is looked at for its usage, which OpenAI writes behind the picture."""

_PAGE = "text/html"
_NEVER_EMPTY = (_PAGE, "audio/", "image/")

_OPENINGS = ("speech.audio.", "transcript.text.", "image_generation.", "image_edit.")
_ENDINGS = ("speech.audio.done", "transcript.text.done", "image_generation.completed", "image_edit.completed")
"""The event of each family that says that the answer is complete."""
_OPENING_MARKS = tuple(f'"{opening}'.encode() for opening in _OPENINGS)
_ENDING_MARKS = tuple(f'"{ending}"'.encode() for ending in _ENDINGS)
_USAGE_KEY = re.compile(rb'"usage"[ \t]*:[ \t]*(?=\{)')
_BLANK_LINE = re.compile(rb"\n\r?\n")


class OpaqueReader:
    """Reads one answer (see ``extproc.dialects.base.StreamReader``). The bytes and the usage are the same for any split.

    Of a stream of events, one that is an error becomes ``Failed``, and so does an end before the event that should have
    been the last. ``content_type``: the provider's header.
    """

    __slots__ = ("_inner", "_over", "_started")

    def __init__(self, content_type: str) -> None:
        kind = content_type.partition(";")[0].strip().lower()
        if kind == "text/event-stream":
            self._inner: _Events | _Json | _Bytes = _Events()
        elif kind == "application/json" or kind.endswith("+json"):
            self._inner = _Json()
        else:
            self._inner = _Bytes(kind)
        self._started = False
        self._over = False

    def feed(self, data: bytes) -> list[Frame]:
        """All of these bytes, but for an event that is not whole yet."""
        if self._over or not data:
            return []
        return self._out(self._inner.feed(data))

    def finish(self) -> list[Frame]:
        """What was held back; usage; the end."""
        if self._over:
            return []
        frames = self._out(self._inner.finish())
        self._over = True
        return frames

    def _out(self, frames: list[Frame]) -> list[Frame]:
        for index, frame in enumerate(frames):
            if frame.events and isinstance(frame.events[-1], Failed):
                self._over = True
                frames = frames[: index + 1]
                break
        if frames and not self._started:
            self._started = True
            first = frames[0]
            frames = [Frame(first.raw, (Started("", ""), *first.events), first.usage_only), *frames[1:]]
        return frames


class _Bytes:
    """Audio, a file, a text. A page is none of these, and a sound of no bytes is none."""

    __slots__ = ("_empty", "_kind")

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._empty = True

    def feed(self, data: bytes) -> list[Frame]:
        self._empty = False
        if self._kind == _PAGE:
            return [Frame(data, (Failed(ProviderBadAnswer("the provider answered with an HTML page")),))]
        return [Frame(data, (Opaque(len(data)),))]

    def finish(self) -> list[Frame]:
        if self._empty and self._kind.startswith(_NEVER_EMPTY):
            return [Frame(b"", (Failed(ProviderBadAnswer("the provider's answer is empty")),))]
        return [Frame(b"", (Ended(),))]


class _Json:
    """One JSON body, and a copy of it while it is short."""

    __slots__ = ("_copy",)

    def __init__(self) -> None:
        self._copy: bytearray | None = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        if self._copy is not None:
            self._copy += data
            if len(self._copy) > MAX_JSON_BYTES:
                self._copy = None
        return [Frame(data, (Opaque(len(data)),))]

    def finish(self) -> list[Frame]:
        if self._copy is not None and not self._copy:
            return [Frame(b"", (Failed(ProviderBadAnswer("the provider's answer is empty")),))]
        usage = _usage_of(_decoded(bytes(self._copy or b"")))
        return [Frame(b"", (Ended(),) if usage is None else (UsageSeen(usage), Ended()))]


class _Events:
    """Server-sent events, each held until it is whole, but for a very long one, which flows on."""

    __slots__ = ("_complete", "_held", "_known", "_scanned", "_tail", "_will_complete")

    def __init__(self) -> None:
        self._held = bytearray()
        self._scanned = 0
        self._tail = b""
        """The last bytes of a long event, which are passed on already; empty where none is on its way."""
        self._known = False
        self._complete = False
        self._will_complete = False
        """The long event on its way is the last one, once it is whole."""

    def feed(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        if self._tail:
            data = self._flow(data, frames)
        self._held += data
        start, at = 0, self._scanned
        while match := _BLANK_LINE.search(self._held, at):
            frames.append(self._whole(bytes(self._held[start : match.end()])))
            start = at = match.end()
        del self._held[:start]
        # The blank line may be split across chunks ("\n" | "\r\n"): look again at the last two bytes.
        self._scanned = max(len(self._held) - 2, 0)
        if len(self._held) > MAX_EVENT_BYTES:
            head, self._held, self._scanned = bytes(self._held), bytearray(), 0
            self._tail = head[-TAIL_BYTES:]
            # Its type stands at the front, and perhaps its usage.
            frames.append(Frame(head, (Opaque(len(head)), *self._noted(head[:TAIL_BYTES]))))
        return frames

    def finish(self) -> list[Frame]:
        """The last event may lack its blank line. An end before the one that should be the last is a cut."""
        frames: list[Frame] = []
        if self._tail:
            frames.append(Frame(b"", self._noted(self._tail)))
            self._complete = self._complete or (self._will_complete and self._tail.rstrip().endswith(b"}"))
        elif self._held:
            frames.append(self._whole(bytes(self._held)))
        cut = self._known and not self._complete
        end = (
            Failed(ProviderTruncated("the provider's stream ended before the answer was complete")) if cut else Ended()
        )
        return [*frames, Frame(b"", (end,))]

    def _flow(self, data: bytes, frames: list[Frame]) -> bytes:
        """Passes on what belongs to the long event; returns what follows it."""
        seam = self._tail[-2:]
        match = _BLANK_LINE.search(seam + data)
        end = len(data) if match is None else match.end() - len(seam)
        piece, text = data[:end], (self._tail + data[:end])[-TAIL_BYTES:]
        self._tail = text if match is None else b""
        frames.append(Frame(piece, (Opaque(len(piece)), *(self._noted(text) if match else ()))))
        if match is not None:
            self._complete, self._will_complete = self._complete or self._will_complete, False
        return data[end:]

    def _noted(self, text: bytes) -> tuple[AnswerEvent, ...]:
        """Usage in a part of an event's text: in JSON these bytes are a key, for a quote inside a string is escaped."""
        self._known = self._known or any(mark in text for mark in _OPENING_MARKS)
        self._will_complete = self._will_complete or any(mark in text for mark in _ENDING_MARKS)
        if (key := _USAGE_KEY.search(text)) is None:
            return ()
        try:
            # The standard library's, for orjson has no way to read a value that something follows.
            value: Json = json.JSONDecoder().raw_decode(text[key.end() :].decode("utf-8", "replace"))[0]
        except (ValueError, RecursionError):
            return ()
        usage = _usage_of({"usage": value})
        return () if usage is None else (UsageSeen(usage),)

    def _whole(self, raw: bytes) -> Frame:
        name, data = _read_event(raw)
        if data is None:
            return Frame(raw, ())  # a comment, or a keep-alive
        value = _decoded(data)
        if (error := _error_of(name, value)) is not None:
            return Frame(raw, (Failed(error),))
        said = value.get("type") if isinstance(value, Mapping) else None
        kind = said if isinstance(said, str) else name
        self._known = self._known or kind.startswith(_OPENINGS)
        # One that is cut is not whole, whatever its name says.
        self._complete = self._complete or (kind in _ENDINGS and isinstance(value, Mapping))
        usage = _usage_of(value)
        return Frame(raw, (Opaque(len(raw)),) if usage is None else (Opaque(len(raw)), UsageSeen(usage)))


def _read_event(raw: bytes) -> tuple[str, bytes | None]:
    """The name (empty: none) and the data (None: no data line) of an event."""
    name = ""
    data: list[bytes] = []
    for line in raw.split(b"\n"):
        if line.startswith(b"data:"):
            data.append(line[5:].strip())
        elif line.startswith(b"event:"):
            name = line[6:].strip().decode("utf-8", "replace")
    return name, b"\n".join(data) if data else None


def _decoded(data: bytes) -> Json:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _error_of(name: str, value: Json) -> ProviderError | None:
    if not isinstance(value, Mapping):
        return stream_error({"error": {}}) if name == "error" else None
    if value.get("error"):
        return stream_error(value)
    if name == "error" or value.get("type") == "error":
        return stream_error({"error": dict(value)})
    return None


def _usage_of(value: Json) -> Usage | None:
    return read_usage(value) if isinstance(value, Mapping) else None
