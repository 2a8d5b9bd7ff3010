"""Neutral messages → ``messages``; the counterpart of ``parse_messages``."""

from collections.abc import Sequence

from extproc.domain.conversation import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.reading import Json, JsonObject

_MOVED = "The result is in the next user message."
"""Text of a tool message whose result holds none: its images and files follow (see ``_tool_results``)."""


class MessageRenderer:
    """Renders one request's messages and gathers what cannot be carried in ``unsupported`` (paths)."""

    __slots__ = ("_replay_reasoning", "unsupported")

    def __init__(self, *, replay_reasoning: bool) -> None:
        self.unsupported: list[str] = []
        self._replay_reasoning = replay_reasoning

    def render(self, messages: Sequence[Message]) -> list[Json]:
        """All messages, in order."""
        rendered: list[Json] = []
        for index, message in enumerate(messages):
            path = f"messages[{index}]"
            if message.role == "tool":
                rendered += self._tool_results(message, path)
            elif message.role == "assistant":
                rendered += self._assistant(message, path)
            else:
                rendered.append(self._named(message, {"role": message.role, "content": self._content(message, path)}))
        return rendered

    @staticmethod
    def _named(message: Message, body: dict[str, Json]) -> JsonObject:
        if message.name is not None:
            body["name"] = message.name
        return body

    def _content(self, message: Message, path: str) -> Json:
        return _compact(self._parts(message.parts, path))

    def _parts(self, parts: Sequence[Part], path: str) -> list[JsonObject]:
        rendered: list[JsonObject] = []
        for index, part in enumerate(parts):
            rendered += self._part(part, f"{path}.content[{index}]")
        return rendered

    def _part(self, part: Part, path: str) -> list[JsonObject]:
        """The part's JSON: none where it cannot be carried, two where a document brings a text of its own."""
        match part:
            case Text():
                if part.citations:
                    self.unsupported.append(f"{path}.citations")
                return [{"type": "text", "text": part.text}]
            case Image():
                return self._image(part, path)
            case Document():
                return self._document(part, path)
            case Audio():
                return [{"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}]
            case Refusal():
                return [{"type": "refusal", "refusal": part.text}]
            case _:  # what only an assistant or a tool says
                self.unsupported.append(path)
                return []

    def _image(self, image: Image, path: str) -> list[JsonObject]:
        url = _url(image.source)
        if url is None:
            self.unsupported.append(path)
            return []
        image_url: dict[str, Json] = {"url": url}
        if image.detail is not None:
            image_url["detail"] = image.detail
        return [{"type": "image_url", "image_url": image_url}]

    def _document(self, document: Document, path: str) -> list[JsonObject]:
        source = document.source
        if document.citations:
            self.unsupported.append(f"{path}.citations")
        if source.text is not None:
            # Chat Completions has files but no text documents: a text part under its title says the same.
            return [_text_part(document.title, document.context, source.text)]
        file: dict[str, Json] = {}
        if source.file_id is not None:
            file["file_id"] = source.file_id
        elif source.data is not None:
            file["file_data"] = source.data if source.media_type is None else _url(source)
        else:
            self.unsupported.append(path)  # a URL: only images may be fetched by the vendor
            return []
        if document.title is not None:
            file["filename"] = document.title
        part: JsonObject = {"type": "file", "file": file}
        return [part] if document.context is None else [_text_part(document.context), part]

    def _assistant(self, message: Message, path: str) -> list[Json]:
        """An earlier answer; nothing where all of it was reasoning."""
        thinking = [part for part in message.parts if isinstance(part, Thinking | RedactedThinking)]
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        said = [part for part in message.parts if not isinstance(part, Thinking | RedactedThinking | ToolCall)]
        # The API has no field for reasoning of its own or of others, and does without it: leaving it out is no loss.
        if thinking and not calls and not said:
            return []
        body: dict[str, Json] = {"role": "assistant"}
        match said:
            case [*others, Refusal(text=refusal)]:
                body["content"] = _compact(self._parts(others, path)) if others else None
                body["refusal"] = refusal
            case _:
                body["content"] = None if calls and not said else _compact(self._parts(said, path))
        if self._replay_reasoning and (text := "".join(part.text for part in thinking if isinstance(part, Thinking))):
            body["reasoning_content"] = text
        if calls:
            body["tool_calls"] = [_call(call) for call in calls]
        return [self._named(message, body)]

    def _tool_results(self, message: Message, path: str) -> list[Json]:
        """One tool message for each result, then one user message with what tool messages cannot hold.

        Tool messages take text only, and must follow the assistant's message without a gap; so images and files of all
        results come in a user message right behind them. That a result is an error has no field: its text says so.
        """
        rendered: list[Json] = []
        moved: list[JsonObject] = []
        for index, part in enumerate(message.parts):
            part_path = f"{path}.content[{index}]"
            if not isinstance(part, ToolResult):
                moved += self._part(part, part_path)
                continue
            parts = self._parts(part.content, part_path)
            texts = [part for part in parts if part["type"] == "text"]
            others = [part for part in parts if part["type"] != "text"]
            if others:
                moved += [_text_part(f"Output of tool call {part.call_id}:"), *others]
                texts = texts or [_text_part(_MOVED)]
            rendered.append({"role": "tool", "tool_call_id": part.call_id, "content": _compact(texts)})
        if moved:
            rendered.append({"role": "user", "content": [*moved]})
        return rendered


def _compact(parts: list[JsonObject]) -> Json:
    """A single text as a string, which every compatible server takes; a list where it must be one."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return parts[0]["text"]
    return [*parts]


def _text_part(*texts: str | None) -> JsonObject:
    return {"type": "text", "text": "\n\n".join(text for text in texts if text)}


def _url(source: Source) -> str | None:
    if source.data is not None:
        return f"data:{source.media_type or ''};base64,{source.data}"
    return source.url


def _call(call: ToolCall) -> JsonObject:
    # Some models write no arguments at all where there are none; servers that parse them want an object.
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
