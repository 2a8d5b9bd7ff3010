"""Neutral messages → ``input``; the counterpart of ``parse_items``.

Source: openai.types.responses.ResponseInputItemParam.
"""

from collections.abc import Sequence
from hashlib import sha256

from extproc.dialects.losses import NO_AUDIO, NO_CITATIONS, NOT_SAID_BY_THIS_ROLE, Losses, unreadable
from extproc.dialects.openai_requests import file_name, source_url
from extproc.dialects.openai_responses.reasoning import split_seal
from extproc.dialects.tool_results import content_in_words
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

MAX_CALL_ID = 64
"""Characters of ``call_id`` that OpenAI takes; ids of other vendors and servers may be longer."""


class ItemRenderer:
    """Renders one request's messages. ``sealed``: OpenAI's sealed reasoning is among them.

    Cache marks are left out: OpenAI caches by itself, and models before GPT-5.6 refuse them.
    """

    __slots__ = ("_losses", "sealed")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self.sealed = False

    def render(self, messages: Sequence[Message]) -> list[Json]:
        """All items, in order."""
        items: list[Json] = []
        for index, message in enumerate(messages):
            path = f"messages[{index}]"
            if message.name is not None and message.role != "tool":
                self._losses.tell(f"{path}.name")
            match message.role:
                case "assistant":
                    items += self._assistant(message, path)
                case "tool":
                    items += self._tool_results(message, path)
                case _:
                    items.append({"role": message.role, "content": _compact(self._parts(message.parts, path))})
        return items

    def _parts(self, parts: Sequence[Part], path: str) -> list[JsonObject]:
        rendered: list[JsonObject] = []
        for index, part in enumerate(parts):
            rendered += self._part(part, f"{path}.content[{index}]")
        return rendered

    def _part(self, part: Part, path: str) -> list[JsonObject]:
        """The part's JSON: none where it cannot be carried, two where a document brings a text of its own."""
        match part:
            case Text():
                return [_input_text(part.text)]
            case Image():
                return self._image(part, path)
            case Document():
                return self._document(part, path)
            case Refusal():
                return [_input_text(part.text)]
            case Audio():
                self._losses.refuse(path, NO_AUDIO)  # the API's models of today take none
                return []
            case _:  # what only an assistant or a tool says
                self._losses.refuse(path, NOT_SAID_BY_THIS_ROLE)
                return []

    def _image(self, image: Image, path: str) -> list[JsonObject]:
        source = image.source
        rendered: dict[str, Json] = {"type": "input_image", "detail": image.detail or "auto"}
        if (file_id := _file_id(source)) is not None:
            rendered["file_id"] = file_id
        elif (url := source_url(source)) is not None:
            rendered["image_url"] = url
        else:
            self._losses.refuse(path, unreadable(source))
            return []
        return [rendered]

    def _document(self, document: Document, path: str) -> list[JsonObject]:
        source = document.source
        if document.citations:
            self._losses.refuse(f"{path}.citations", NO_CITATIONS)
        if source.text is not None:
            # The API has files but no text documents: a text part under its title says the same.
            return [_input_text(document.title, document.context, source.text)]
        file: dict[str, Json] = {"type": "input_file"}
        if (file_id := _file_id(source)) is not None:
            file["file_id"] = file_id
        elif source.data is not None:
            file["file_data"] = source.data if source.media_type is None else source_url(source)
            file["filename"] = file_name(document.title, source.media_type)
        elif (url := source_url(source)) is not None:
            file["file_url"] = url
        else:
            self._losses.refuse(path, unreadable(source))
            return []
        return [file] if document.context is None else [_input_text(document.context), file]

    def _assistant(self, message: Message, path: str) -> list[Json]:
        """An earlier answer: its items in order, neighbouring texts in one.

        Reasoning is sent back only where OpenAI sealed it: it would not read another's, and looks what has no seal up
        in its store. Nor does it take reasoning that nothing follows.
        """
        items: list[Json] = []
        said: list[JsonObject] = []
        thoughts: list[Json] = []
        for index, part in enumerate(message.parts):
            if isinstance(part, Thinking | RedactedThinking):
                items += _message(said)
                said = []
                thoughts += _reasoning(part)
                continue
            items += thoughts
            self.sealed = self.sealed or bool(thoughts)
            thoughts = []
            if isinstance(part, ToolCall):
                items += _message(said)
                said = []
                items.append(_call(part))
            else:
                said += self._said(part, f"{path}.content[{index}]")
        return [*items, *_message(said)]

    def _said(self, part: Part, path: str) -> list[JsonObject]:
        match part:
            case Text():
                if part.citations:
                    self._losses.tell(f"{path}.citations")
                return [{"type": "output_text", "text": part.text}] if part.text else []
            case Refusal():
                return [{"type": "refusal", "refusal": part.text}] if part.text else []
            case _:
                self._losses.refuse(path, NOT_SAID_BY_THIS_ROLE)
                return []

    def _tool_results(self, message: Message, path: str) -> list[Json]:
        """One item for each result. A failure has no field of its own: the text says it."""
        items: list[Json] = []
        for index, part in enumerate(message.parts):
            part_path = f"{path}.content[{index}]"
            if isinstance(part, ToolResult):
                output = _compact(self._parts(content_in_words(part), part_path))
                items.append({"type": "function_call_output", "call_id": _call_id(part.call_id), "output": output})
            elif rendered := self._part(part, part_path):
                items.append({"role": "user", "content": [*rendered]})
        return items


def _message(said: list[JsonObject]) -> list[Json]:
    """A message of the assistant; none where nothing was said.

    Without an id, which only stored items have: the API takes it so, though the SDK's type does not say it.
    """
    match said:
        case []:
            return []
        case [{"type": "output_text", "text": text}]:
            return [{"role": "assistant", "content": text}]
        case _:
            content: list[Json] = [
                {**part, "annotations": []} if part["type"] == "output_text" else part for part in said
            ]
            return [{"type": "message", "role": "assistant", "content": content}]


def _reasoning(part: Thinking | RedactedThinking) -> list[Json]:
    seal = part.signature if isinstance(part, Thinking) else part.data
    if part.origin != "openai" or not seal:
        return []
    item_id, encrypted = split_seal(seal)
    if not encrypted:
        return []
    text = part.text if isinstance(part, Thinking) else ""
    summary: list[Json] = [{"type": "summary_text", "text": text}] if text else []
    item: dict[str, Json] = {"type": "reasoning", "summary": summary, "encrypted_content": encrypted}
    if item_id:
        item["id"] = item_id
    return [item]


def _call(call: ToolCall) -> JsonObject:
    # Some models write no arguments at all where there are none; the API wants JSON.
    arguments = call.arguments or "{}"
    return {"type": "function_call", "call_id": _call_id(call.id), "name": call.name, "arguments": arguments}


def _call_id(call_id: str) -> str:
    """The id, or where it is too long one made of it: the same for a call and its result."""
    if len(call_id) <= MAX_CALL_ID:
        return call_id
    return f"call_{sha256(call_id.encode('utf-8', 'replace')).hexdigest()[:48]}"


def _compact(parts: list[JsonObject]) -> Json:
    """A single text as a string; a list where it must be one."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0]["type"] == "input_text":
        return parts[0]["text"]
    return [*parts]


def _input_text(*texts: str | None) -> JsonObject:
    return {"type": "input_text", "text": "\n\n".join(text for text in texts if text)}


def _file_id(source: Source) -> str | None:
    """The id, unless it is one of Anthropic's: OpenAI's begin with ``file-``."""
    return None if source.file_id is None or source.file_id.startswith("file_") else source.file_id
