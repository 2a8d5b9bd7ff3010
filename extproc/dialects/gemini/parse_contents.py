"""``systemInstruction`` and ``contents`` → messages. Counterpart: ``render_turns.py``.

Source: https://ai.google.dev/api/caching#Content. The vendor's chat clients send a streamed answer back chunk by chunk, so
neighbouring contents of the model are one turn here, its text is joined, and its thoughts up to their signature.
"""

from collections.abc import Iterator
from itertools import groupby

from extproc.dialects.gemini.parse_parts import PartReader, bad_role, keep_unread
from extproc.dialects.gemini.spelling import Message as Fields
from extproc.domain.conversation import Message, Part, Text, Thinking, ToolResult
from extproc.domain.reading import Json

_ROLES = {"user": "user", "function": "user", "model": "model"}
"""``function`` is the older role of results."""


def parse_contents(fields: Fields, reader: PartReader) -> tuple[Message, ...]:
    """All messages, in order; a run of results is a message of its own. Raises ``InvalidRequest``."""
    messages: list[Message] = []
    instruction = fields.raw("systemInstruction")
    if isinstance(instruction, str):  # not the published shape, but what the vendor's SDKs take
        messages.append(Message("system", (Text(instruction),)))
    elif instruction is not None:
        content = Fields(instruction, "systemInstruction")
        content.raw("role")  # without a meaning, and sent by the vendor's own examples
        messages.append(Message("system", tuple(_parts(content, reader, from_model=False))))
    if not fields.has("contents"):
        raise fields.wrong("contents", None, "a list of contents")
    turns = [_content(content, reader) for content, _ in fields.messages("contents")]
    for from_model, run in groupby(turns, lambda turn: turn[0]):
        spoken = list(run)
        parts, at = [part for _, said, _ in spoken for part in said], spoken[-1][2]
        if from_model:
            messages.append(Message("assistant", tuple(_joined(parts)), at=at))
        else:
            messages.extend(_asked(parts, at))
    return tuple(messages)


def _content(content: Fields, reader: PartReader) -> tuple[bool, list[Part], str]:
    """Whether the model says it, what is said, and where."""
    role = content.optional_text("role")
    known = _ROLES.get(role.lower()) if role else "user"
    if known is None:
        raise bad_role(content.path("role"))
    from_model = known == "model"
    parts = list(_parts(content, reader, from_model=from_model))
    keep_unread(content, reader.unmapped)
    return from_model, parts, content.place


def _parts(content: Fields, reader: PartReader, *, from_model: bool) -> Iterator[Part]:
    texts = _bare_texts(content.raw("parts"))
    if texts is not None:
        yield from (Text(text) for text in texts if text or not from_model)
        return
    for part, item in content.messages("parts"):
        yield from reader.read(part, item, from_model=from_model)


def _bare_texts(parts: Json) -> list[str] | None:
    """The texts of parts that say nothing else, as most turns' do; None for all others, which take longer to read."""
    if not isinstance(parts, list):
        return None
    texts: list[str] = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) and len(part) == 1 else None
        if not isinstance(text, str):
            return None
        texts.append(text)
    return texts


def _asked(parts: list[Part], at: str) -> Iterator[Message]:
    runs = [(is_result, tuple(run)) for is_result, run in groupby(parts, lambda part: isinstance(part, ToolResult))]
    for is_result, run in runs or [(False, ())]:
        yield Message("tool" if is_result else "user", run, at=at)


def _joined(parts: list[Part]) -> Iterator[Part]:
    """Neighbouring texts as one; neighbouring thoughts as one, which a signature ends."""
    held: Text | Thinking | None = None
    for part in parts:
        if isinstance(part, Text) and isinstance(held, Text):
            held = Text(held.text + part.text)
        elif (
            isinstance(part, Thinking)
            and isinstance(held, Thinking)
            and not held.signature
            and not (held.text and part.text and part.signature)
        ):
            held = Thinking(held.text + part.text, part.signature, part.origin)
        else:
            if held is not None:
                yield held
            held = part if isinstance(part, Text | Thinking) else None
            if held is None:
                yield part
    if held is not None:
        yield held
