"""Neutral messages → ``messages``; the counterpart of ``parse_messages``."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from extproc.dialects.losses import NO_CITATIONS, NOT_SAID_BY_THIS_ROLE, Losses, unreadable
from extproc.dialects.openai_requests import file_name, source_url
from extproc.dialects.tool_results import content_in_words
from extproc.domain.conversation import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.reading import Json, JsonObject

_FILE_OF_ANTHROPIC = "file_"
"""How its file ids begin; OpenAI's begin with ``file-``."""
_MOVED = "The result is in the next user message."
"""Text of a tool message whose result holds none: its images and files follow (see ``_Between``)."""


class MessageRenderer:
    """Renders one request's messages; what cannot be carried is in the ``losses``."""

    __slots__ = ("_losses", "_replay_reasoning")

    def __init__(self, losses: Losses, *, replay_reasoning: bool) -> None:
        self._losses = losses
        self._replay_reasoning = replay_reasoning

    def render(self, messages: Sequence[Message]) -> list[Json]:
        """All messages, in order, but for results of tools: they must follow their calls without a gap."""
        rendered: list[Json] = []
        between = _Between()
        for index, message in enumerate(messages):
            path = f"messages[{index}]"
            if message.role == "tool":
                if not rendered:  # nobody has called anything: what opens the conversation stays in front
                    rendered += between.close()
                rendered += self._tool_results(message, path, between.moved)
            elif message.role == "assistant":
                if answer := self._assistant(message, path):
                    rendered += [*between.close(), *answer]
            else:
                between.said.append((message, self._parts(message.parts, path)))
        return [*rendered, *between.close()]

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
                    self._losses.tell(f"{path}.citations")
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
                self._losses.refuse(path, NOT_SAID_BY_THIS_ROLE)
                return []

    def _image(self, image: Image, path: str) -> list[JsonObject]:
        url = source_url(image.source)
        if url is None:
            self._losses.refuse(path, unreadable(image.source))
            return []
        image_url: dict[str, Json] = {"url": url}
        if image.detail is not None:
            image_url["detail"] = image.detail
        return [{"type": "image_url", "image_url": image_url}]

    def _document(self, document: Document, path: str) -> list[JsonObject]:
        source = document.source
        if document.citations:
            self._losses.refuse(f"{path}.citations", NO_CITATIONS)
        if source.text is not None:
            # Chat Completions has files but no text documents: a text part under its title says the same.
            return [_text_part(document.title, document.context, source.text)]
        file: dict[str, Json] = {}
        if source.file_id is not None and not source.file_id.startswith(_FILE_OF_ANTHROPIC):
            file["file_id"] = source.file_id
        elif source.data is not None:
            file["file_data"] = source.data if source.media_type is None else source_url(source)
        else:
            self._losses.refuse(path, unreadable(source))  # a URL: only images may be fetched by the vendor
            return []
        if "file_data" in file or document.title is not None:
            file["filename"] = file_name(document.title, source.media_type)
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
        return [_named(message, body)]

    def _tool_results(self, message: Message, path: str, moved: list[JsonObject]) -> list[Json]:
        """One tool message for each result; what tool messages cannot hold is ``moved``.

        They take text only; so images and files of all results come in the user message behind them.
        """
        rendered: list[Json] = []
        for index, part in enumerate(message.parts):
            part_path = f"{path}.content[{index}]"
            if not isinstance(part, ToolResult):
                moved += self._part(part, part_path)
                continue
            parts = self._parts(content_in_words(part), part_path)
            texts = [part for part in parts if part["type"] == "text"]
            others = [part for part in parts if part["type"] != "text"]
            if others:
                moved += [_text_part(f"Output of tool call {part.call_id}:"), *others]
                texts = texts or [_text_part(_MOVED)]
            rendered.append({"role": "tool", "tool_call_id": part.call_id, "content": _compact(texts)})
        return rendered


@dataclass(slots=True)
class _Between:
    """What is said from one answer of the assistant to the next, results of tools apart."""

    moved: list[JsonObject] = field(default_factory=list[JsonObject])
    """Parts of results which only a user's message can hold."""
    said: list[tuple[Message, list[JsonObject]]] = field(default_factory=list[tuple[Message, list[JsonObject]]])

    def close(self) -> list[Json]:
        """The messages; what was moved comes first, in the user's own message where there is one."""
        moved, said = self.moved, self.said
        self.moved, self.said = [], []
        rendered: list[Json] = []
        if moved:
            first = said[0] if said else None
            if first is not None and first[0].role == "user":
                moved += first[1]
                said = said[1:]
                rendered.append(_named(first[0], {"role": "user", "content": [*moved]}))
            else:
                rendered.append({"role": "user", "content": [*moved]})
        rendered += (_named(message, {"role": message.role, "content": _compact(parts)}) for message, parts in said)
        return rendered


def _named(message: Message, body: dict[str, Json]) -> JsonObject:
    if message.name is not None:
        body["name"] = message.name
    return body


def _compact(parts: list[JsonObject]) -> Json:
    """A single text as a string, which every compatible server takes; a list where it must be one."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return parts[0]["text"]
    return [*parts]


def _text_part(*texts: str | None) -> JsonObject:
    return {"type": "text", "text": "\n\n".join(text for text in texts if text)}


def _call(call: ToolCall) -> JsonObject:
    # Some models write no arguments at all where there are none; servers that parse them want an object.
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
