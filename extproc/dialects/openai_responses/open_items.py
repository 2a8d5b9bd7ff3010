"""Output items of a stream that are being written: each yields its events, and at last itself. Used by ``stream_writer``.

Source: https://developers.openai.com/api/docs/api-reference/responses-streaming.
"""

import orjson

from extproc.dialects.openai_responses.annotations import render_annotation
from extproc.dialects.openai_responses.custom_tools import input_of
from extproc.dialects.openai_responses.items import (
    Status,
    call_item,
    custom_call_item,
    message_item,
    output_logprobs,
    reasoning_item,
    refusal_part,
    summary_part,
    text_part,
)
from extproc.dialects.sse import render_event
from extproc.domain.reading import Json, JsonObject


class Numbered:
    """Writes events, each with the next ``sequence_number``."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.next = 0

    def event(self, kind: str, **fields: Json) -> bytes:
        """One event of this type."""
        number = self.next
        self.next = number + 1
        return render_event(orjson.dumps({"type": kind, "sequence_number": number, **fields}), name=kind)

    def delta(self, head: bytes, text: str, tail: bytes = b"") -> bytes:
        """One event of a run that differs in its text only; ``head`` is that of ``delta_head``. Done for every token."""
        number = self.next
        self.next = number + 1
        return head + orjson.dumps(text) + tail + b',"sequence_number":%d}\n\n' % number


def delta_head(kind: str, **fields: Json) -> bytes:
    """All of a delta event before its text."""
    body = orjson.dumps({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + body[:-1] + b',"delta":'


class OpenMessage:
    """An item ``message``: a text with its annotations, a refusal, or both, one after the other."""

    __slots__ = (
        "_annotations",
        "_at",
        "_cited",
        "_content",
        "_events",
        "_head",
        "_id",
        "_length",
        "_logprobs",
        "_pieces",
        "_place",
    )

    def __init__(self, events: Numbered, item_id: str, place: int) -> None:
        self._events = events
        self._id = item_id
        self._place = place
        self._content: list[JsonObject] = []
        """Parts that are complete."""
        self._at = ""
        """The type of the open part."""
        self._head = b""
        self._pieces: list[str] = []
        self._length = 0
        self._annotations: list[JsonObject] = []
        self._logprobs: list[Json] = []
        self._cited = (0, 0)
        """Where the last citation's text begins and ends."""

    def open(self) -> bytes:
        """The event that adds the item."""
        item = message_item(self._id, "in_progress", ())
        return self._events.event("response.output_item.added", output_index=self._place, item=item)

    def text(self, text: str, logprobs: JsonObject | None) -> bytes:
        """More text."""
        begun = b"" if self._at == "output_text" else self._begin("output_text")
        self._pieces.append(text)
        self._length += len(text)
        if logprobs is None:
            return begun + self._events.delta(self._head, text, b',"logprobs":[]')
        tokens = output_logprobs(logprobs)
        self._logprobs += tokens
        return begun + self._events.delta(self._head, text, b',"logprobs":' + orjson.dumps(tokens))

    def refusal(self, text: str) -> bytes:
        """More of a refusal."""
        begun = b"" if self._at == "refusal" else self._begin("refusal")
        self._pieces.append(text)
        return begun + self._events.delta(self._head, text)

    def annotate(self, citation: JsonObject) -> bytes:
        """A citation of the text since the last one's; nothing where no text is open."""
        if self._at != "output_text":
            return b""
        start, end = self._cited
        if self._length > end:
            start, end = self._cited = end, self._length
        annotation = render_annotation(citation, start, end)
        if annotation is None:
            return b""
        self._annotations.append(annotation)
        return self._part_event(
            "response.output_text.annotation.added",
            annotation_index=len(self._annotations) - 1,
            annotation=annotation,
        )

    def close(self, status: Status) -> tuple[bytes, JsonObject]:
        """The events that end the item, and the item."""
        ended = self._end()
        item = message_item(self._id, status, self._content)
        return ended + self._events.event("response.output_item.done", output_index=self._place, item=item), item

    def _begin(self, kind: str) -> bytes:
        ended = self._end()
        self._at = kind
        is_text = kind == "output_text"
        self._head = delta_head(
            "response.output_text.delta" if is_text else "response.refusal.delta",
            item_id=self._id,
            output_index=self._place,
            content_index=len(self._content),
        )
        part = text_part("") if is_text else refusal_part("")
        return ended + self._part_event("response.content_part.added", part=part)

    def _end(self) -> bytes:
        if not self._at:
            return b""
        text = "".join(self._pieces)
        if self._at == "output_text":
            part = text_part(text, self._annotations, self._logprobs)
            done = self._part_event("response.output_text.done", text=text, logprobs=self._logprobs)
        else:
            part = refusal_part(text)
            done = self._part_event("response.refusal.done", refusal=text)
        done += self._part_event("response.content_part.done", part=part)
        self._content.append(part)
        self._at, self._pieces, self._length, self._cited = "", [], 0, (0, 0)
        self._annotations, self._logprobs = [], []
        return done

    def _part_event(self, kind: str, **fields: Json) -> bytes:
        place = {"item_id": self._id, "output_index": self._place, "content_index": len(self._content)}
        return self._events.event(kind, **place, **fields)


class OpenReasoning:
    """An item ``reasoning`` whose summary is being written: it is opened for a text, and has one."""

    __slots__ = ("_events", "_head", "_pieces", "_place", "id")

    def __init__(self, events: Numbered, item_id: str, place: int) -> None:
        self.id = item_id
        self._events = events
        self._place = place
        self._pieces: list[str] = []
        self._head = delta_head(
            "response.reasoning_summary_text.delta", item_id=item_id, output_index=place, summary_index=0
        )

    def open(self) -> bytes:
        """The event that adds the item."""
        item = reasoning_item(self.id, None, None)
        return self._events.event("response.output_item.added", output_index=self._place, item=item)

    def more(self, text: str) -> bytes:
        """More of the summary."""
        begun = b""
        if not self._pieces:
            begun = self._summary_event("response.reasoning_summary_part.added", part=summary_part(""))
        self._pieces.append(text)
        return begun + self._events.delta(self._head, text)

    def close(self, encrypted: str) -> tuple[bytes, JsonObject]:
        """The events that end the item, and the item."""
        text = "".join(self._pieces)
        done = self._summary_event("response.reasoning_summary_text.done", text=text)
        done += self._summary_event("response.reasoning_summary_part.done", part=summary_part(text))
        item = reasoning_item(self.id, text, encrypted)
        return done + self._events.event("response.output_item.done", output_index=self._place, item=item), item

    def _summary_event(self, kind: str, **fields: Json) -> bytes:
        return self._events.event(kind, item_id=self.id, output_index=self._place, summary_index=0, **fields)


class OpenCall:
    """An item ``function_call`` whose arguments are being written."""

    __slots__ = ("_call_id", "_events", "_head", "_id", "_name", "_pieces", "place")

    def __init__(self, events: Numbered, item_id: str, place: int, call_id: str, name: str) -> None:
        self.place = place
        self._events = events
        self._id = item_id
        self._call_id = call_id
        self._name = name
        self._pieces: list[str] = []
        self._head = delta_head("response.function_call_arguments.delta", item_id=item_id, output_index=place)

    def open(self) -> bytes:
        """The event that adds the item."""
        item = call_item(self._id, "in_progress", self._call_id, self._name, "")
        return self._events.event("response.output_item.added", output_index=self.place, item=item)

    def more(self, arguments: str) -> bytes:
        """More of the arguments."""
        self._pieces.append(arguments)
        return self._events.delta(self._head, arguments)

    def is_complete(self) -> bool:
        """Whether the arguments are a whole JSON object, so that nothing more is to come."""
        if not self._pieces or not self._pieces[-1].rstrip().endswith("}"):
            return False
        try:
            orjson.loads("".join(self._pieces))
        except orjson.JSONDecodeError:
            return False
        return True

    def close(self, status: Status) -> tuple[bytes, JsonObject]:
        """The events that end the item, and the item. A call without arguments has an empty object: clients parse it."""
        done = b"" if self._pieces or status == "incomplete" else self.more("{}")
        arguments = "".join(self._pieces)
        done += self._events.event(
            "response.function_call_arguments.done",
            item_id=self._id,
            output_index=self.place,
            arguments=arguments,
        )
        item = call_item(self._id, status, self._call_id, self._name, arguments)
        return done + self._events.event("response.output_item.done", output_index=self.place, item=item), item


class OpenSearch(OpenCall):
    """An item ``tool_search_call``, which has no events of its own: it is there as a whole when it is done."""

    __slots__ = ()

    def more(self, arguments: str) -> bytes:
        """More of the arguments, of which nothing is shown yet."""
        self._pieces.append(arguments)
        return b""

    def close(self, status: Status) -> tuple[bytes, JsonObject]:
        """The event that ends the item, and the item."""
        item = call_item(self._id, status, self._call_id, self._name, "".join(self._pieces))
        return self._events.event("response.output_item.done", output_index=self.place, item=item), item


class OpenCustomCall(OpenCall):
    """An item ``custom_tool_call``. Its text is within JSON that is arriving: it is written when that is whole."""

    __slots__ = ()

    def open(self) -> bytes:
        """The event that adds the item."""
        item = custom_call_item(self._id, self._call_id, self._name, "")
        return self._events.event("response.output_item.added", output_index=self.place, item=item)

    def more(self, arguments: str) -> bytes:
        """More of the arguments, of which nothing is shown yet."""
        self._pieces.append(arguments)
        return b""

    def close(self, status: Status) -> tuple[bytes, JsonObject]:  # noqa: ARG002 -- this item has none
        """The events that end the item, and the item."""
        text = input_of("".join(self._pieces))
        place: dict[str, Json] = {"item_id": self._id, "output_index": self.place}
        done = self._events.event("response.custom_tool_call_input.delta", **place, delta=text)
        done += self._events.event("response.custom_tool_call_input.done", **place, input=text)
        item = custom_call_item(self._id, self._call_id, self._name, text)
        return done + self._events.event("response.output_item.done", output_index=self.place, item=item), item
