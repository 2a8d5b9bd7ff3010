"""JSON parts → parts. Counterpart: ``render_parts.py``.

Source: https://ai.google.dev/api/caching#Part (``Part`` and what it is made of).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from extproc.dialects.gemini.render_media import type_of_address
from extproc.dialects.gemini.signatures import SKIP_VALIDATION, unwrap
from extproc.dialects.gemini.spelling import Message
from extproc.domain.conversation import (
    Audio,
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
from extproc.domain.reading import Fields, Json, JsonObject

Unmapped = list[tuple[str, Json]]
"""What no reader has a neutral name for: path and value, in the order found."""

_AUDIO_FORMATS: Mapping[str, str] = {
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}
"""Media types → OpenAI's names. Others: the subtype."""

_RESULT_KEYS = ("output", "result")
"""The member that holds a function's whole output: the first by the schema, the second by the vendor's examples."""


@dataclass(slots=True)
class PartReader:
    """Reads the parts of one request, in order; gives ids to calls that have none, and finds the calls of results."""

    unmapped: Unmapped
    _open: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Calls without a result yet: name and id."""
    _calls: int = 0

    def read(self, part: Message, item: Json, *, from_model: bool) -> list[Part]:
        """The parts that this one means: a signature is a part of its own. Raises ``InvalidRequest``.

        A part of a kind that is not known here goes to ``unmapped`` whole.
        """
        signature = part.optional_text("thoughtSignature") or None
        call, response = part.message("functionCall"), part.message("functionResponse")
        if call is not None:
            found: list[Part] = self._call(call, signature)
        elif response is not None:
            found = [self._result(response)]
        elif part.has("text"):
            found = _text(part, signature) if from_model else [Text(part.text("text"))]
        elif from_model and signature and part.boolean("thought"):
            found = _text(part, signature)
        else:
            # What a model said in pictures no other vendor takes back.
            media = None if from_model else self._media(part)
            if media is None:
                self.unmapped.append((part.path("").removesuffix("."), item))
                return []
            found = [media]
        part.raw("thought")
        keep_unread(part, self.unmapped)
        return found

    def _call(self, call: Message, signature: str | None) -> list[Part]:
        name, call_id = call.text("name"), call.optional_text("id")
        args = call.raw("args")
        if args is not None and not isinstance(args, Mapping):
            raise call.wrong("args", args, "a JSON object")
        if not call_id:
            call_id = f"call_{self._calls}"
        self._calls += 1
        self._open.append((name, call_id))
        call.raw("willContinue")  # false at the end of a call that was streamed in pieces
        keep_unread(call, self.unmapped)
        arguments = orjson.dumps(args or {}).decode()
        if signature is None or signature == SKIP_VALIDATION:
            return [ToolCall(call_id, name, arguments)]
        data, origin, _ = unwrap(signature)
        if origin == "gemini":
            return [ToolCall(call_id, name, arguments, signature=data)]
        return [RedactedThinking(data, origin), ToolCall(call_id, name, arguments)]

    def _result(self, response: Message) -> ToolResult:
        name = response.text("name")
        call_id = self._answered(name, response.optional_text("id"))
        value = response.raw("response")
        if value is not None and not isinstance(value, Mapping):
            raise response.wrong("response", value, "a JSON object")
        content: list[Text | Image | Document] = []
        text, is_error = _output(value or {})
        if text:
            content.append(Text(text))
        for inner, item in response.messages("parts"):
            media = self._media(inner)
            if isinstance(media, Image | Document):
                content.append(media)
            else:
                self.unmapped.append((inner.path("").removesuffix("."), item))
        keep_unread(response, self.unmapped)
        return ToolResult(call_id, tuple(content), is_error=is_error, name=name)

    def _answered(self, name: str, call_id: str | None) -> str:
        """The id of the call: its own, else that of the first open call of the name, as the vendor matches them."""
        at = next(
            (at for at, each in enumerate(self._open) if (each[1] == call_id if call_id else each[0] == name)), None
        )
        if at is None:
            return call_id or name
        return self._open.pop(at)[1]

    def _media(self, part: Message) -> Image | Document | Audio | None:
        blob, file = part.message("inlineData"), part.message("fileData")
        if blob is not None:
            media_type = blob.text("mimeType")
            source = Source(media_type=media_type, data=_standard_base64(blob.text("data")))
            return self._typed(blob, media_type, source, part.place)
        if file is not None:
            uri = file.text("fileUri")
            given = file.optional_text("mimeType")
            media_type = given or type_of_address(uri) or ""
            return self._typed(file, media_type, Source(media_type=given, url=uri), part.place)
        return None

    def _typed(self, fields: Message, media_type: str, source: Source, at: str) -> Image | Document | Audio | None:
        title = fields.optional_text("displayName")
        kind = media_type.partition("/")[0]
        if kind == "audio" and source.data is not None:
            keep_unread(fields, self.unmapped)
            return Audio(source.data, _AUDIO_FORMATS.get(media_type, media_type.partition("/")[2]), at)
        if kind in {"audio", "video"}:
            return None
        keep_unread(fields, self.unmapped)
        return Image(source, at=at) if kind == "image" else Document(source, title, at=at)


def keep_unread(fields: Fields, unmapped: Unmapped) -> None:
    """Adds the fields of this object that nobody has read."""
    if unread := fields.unread():
        prefix = fields.path("")
        unmapped.extend((path, fields.raw(path.removeprefix(prefix))) for path in unread)


def _text(part: Message, signature: str | None) -> list[Part]:
    """What the model said or thought. A signed text is a seal and a text."""
    text = part.optional_text("text") or ""
    data, origin, redacted = (
        unwrap(signature) if signature and signature != SKIP_VALIDATION else (None, "gemini", False)
    )
    if redacted and data:
        return [RedactedThinking(data, origin)]
    if part.boolean("thought"):
        return [Thinking(text, data, origin)]
    sealed: list[Part] = [RedactedThinking(data, origin)] if data else []
    return [*sealed, Text(text)] if text else sealed


def _output(response: JsonObject) -> tuple[str, bool]:
    """The text of a function's output, and whether it is an error."""
    if set(response) == {"error"}:
        return _as_text(response["error"]), True
    for key in _RESULT_KEYS:
        if set(response) == {key}:
            return _as_text(response[key]), False
    return _as_text(response), False


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _standard_base64(data: str) -> str:
    """Google's SDKs write the URL-safe alphabet, other vendors read the standard one."""
    return data.replace("-", "+").replace("_", "/") if "-" in data or "_" in data else data


def bad_role(path: str) -> InvalidRequest:
    """The error for a role that the vendor has not."""
    return InvalidRequest(f"{path} must be user, model or function", param=path)
