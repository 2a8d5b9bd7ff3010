"""Parts → JSON parts. Counterpart: ``parse_parts.py``.

Source: https://ai.google.dev/api/caching#Part (``Part`` and what it is made of).
"""

from dataclasses import dataclass, field

import orjson

from extproc.dialects.arguments import arguments_object
from extproc.dialects.gemini.render_media import Block, joined, render_in_result, render_media
from extproc.dialects.losses import NOT_SAID_BY_THIS_ROLE, Losses
from extproc.domain.conversation import (
    Audio,
    Document,
    Image,
    Part,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest
from extproc.domain.jsontext import read_exactly
from extproc.domain.reading import Json, JsonObject


@dataclass(slots=True)
class PartRenderer:
    """Renders the parts of one request, in order; remembers which call has which name."""

    losses: Losses
    media_in_results: bool
    names: dict[str, str] = field(default_factory=dict[str, str])

    def said(self, parts: tuple[Part, ...], path: str) -> list[Block]:
        """What the model said. A seal of its own signs the part behind it, or stands alone at the end."""
        blocks: list[Block] = []
        seal: str | None = None
        for index, part in enumerate(parts):
            match part:
                case Thinking() | RedactedThinking():
                    found = _seal(part)
                    if found is None:
                        continue  # only its own vendor can read it; without it the model thinks anew
                    _close(blocks, seal)
                    seal = found
                    if isinstance(part, Thinking) and part.text:
                        seal = _thought(blocks, part.text, seal, parts[index + 1 : index + 2])
                case ToolCall():
                    if part.signature:
                        _close(blocks, seal)
                        seal = None
                    blocks.append(self._call(part, part.signature or seal))
                    seal = None
                case _:
                    rendered = self.plain(part, f"{path}.content[{index}]")
                    if seal is not None and rendered and "text" in rendered[0]:
                        rendered[0]["thoughtSignature"] = seal
                        seal = None
                    blocks += rendered
        _close(blocks, seal)
        return blocks

    def plain(self, part: Part, path: str) -> list[Block]:
        """What anybody says; nothing where it is empty, which the vendor refuses, or cannot be carried."""
        match part:
            case Text():
                if part.citations:
                    self.losses.tell(f"{path}.citations")
                return [{"text": part.text}] if part.text else []
            case Refusal():
                return [{"text": part.text}] if part.text else []
            case Image() | Document() | Audio():
                return render_media(part, path, self.losses)
            case _:  # what only an assistant or a tool says
                self.losses.refuse(path, NOT_SAID_BY_THIS_ROLE)
                return []

    def result(self, part: ToolResult, path: str) -> tuple[Block, list[Block]]:
        """The ``functionResponse``, and the media that must stand beside it.

        Raises ``InvalidRequest`` where no call has the result's id: the vendor matches by name.
        """
        name = self.names.get(part.call_id) or part.name
        if name is None:
            path = self.losses.spelt(path)
            raise InvalidRequest(f"{path}: no tool call before it has the id of this result", param=path)
        texts: list[str] = []
        inside: list[Json] = []
        beside: list[Block] = []
        for index, content in enumerate(part.content):
            if isinstance(content, Text):
                texts.append(content.text)
            elif isinstance(content, Document) and content.source.text is not None:
                texts.append(joined(content.title, content.context, content.source.text))
            elif self.media_in_results and (block := render_in_result(content)) is not None:
                inside.append(block)
            else:
                beside += render_media(content, f"{path}.content[{index}]", self.losses)
        response: Block = {"id": part.call_id, "name": name, "response": _response(texts, is_error=part.is_error)}
        if inside:
            response["parts"] = inside
        if beside:
            beside.insert(0, {"text": f"Output of function {name}:"})
        return {"functionResponse": response}, beside

    def _call(self, part: ToolCall, signature: str | None) -> Block:
        self.names[part.id] = part.name
        call: Block = {"id": part.id, "name": part.name, "args": arguments_object(part.arguments)}
        block: Block = {"functionCall": call}
        if signature:
            block["thoughtSignature"] = signature
        return block


def _seal(part: Thinking | RedactedThinking) -> str | None:
    if part.origin != "gemini":
        return None
    return (part.signature if isinstance(part, Thinking) else part.data) or None


def _thought(blocks: list[Block], text: str, seal: str, following: tuple[Part, ...]) -> str | None:
    """Adds the thought; the seal, where an unsigned call behind it needs it more (``following``: the next part)."""
    match following:
        case (ToolCall(signature=None),):
            blocks.append({"text": text, "thought": True})
            return seal
        case _:
            blocks.append({"text": text, "thought": True, "thoughtSignature": seal})
            return None


def _close(blocks: list[Block], seal: str | None) -> None:
    """A seal that nothing follows is sent as it came from a stream: with an empty text."""
    if seal is not None:
        blocks.append({"text": "", "thoughtSignature": seal})


def _response(texts: list[str], *, is_error: bool) -> JsonObject:
    """An object as it is; else under the key that the vendor reads (``google.genai.types.FunctionResponse``)."""
    text = "\n".join(texts)
    value: Json = text
    if text.lstrip()[:1] == "{":
        try:
            value = read_exactly(text)
        except orjson.JSONDecodeError:
            value = text
    if is_error:
        return {"error": value}
    return value if isinstance(value, dict) else {"output": value}
