"""``instructions`` and ``input`` → neutral messages.

An item is less than a message: what the model says in one turn (reasoning, text, calls) comes as several items, which
become one message again; so does a run of tool outputs.
"""

from collections.abc import Callable, Mapping

import orjson

from extproc.dialects.openai_responses.custom_tools import arguments_of
from extproc.dialects.openai_responses.namespaces import joined
from extproc.dialects.openai_responses.parse_parts import Leftovers, parts_of
from extproc.dialects.openai_responses.reasoning import open_seal
from extproc.dialects.openai_responses.tool_search import NAME, found_text
from extproc.domain.conversation import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest, UnsupportedFeature
from extproc.domain.reading import Fields, Json

_PLAIN_ROLES: Mapping[str, Role] = {"system": "system", "developer": "developer", "user": "user"}

_ECHOED = ("id", "status")
"""Of an answer's items, which clients send back. None of them is part of a prompt."""
_ECHOED_OF_MESSAGES = (*_ECHOED, "phase")
"""``phase`` tells commentary from the final answer to OpenAI's own models, which alone set it."""

_ECHOED_OF_CALLS = (*_ECHOED, "parsed_arguments")
"""The latter is the SDK's, which leaves it out itself where it is not asked to dump the item
(openai.types.responses.parsed_response)."""

_IDLE_OF_CALLS: Mapping[str, Json] = {"async": False, "caller": {"type": "direct"}}
"""Fields of a call with the value that says what holds anyway."""

_REASONING_IDS = "rs_"
"""How ids of reasoning begin, OpenAI's and those that are made here."""


def parse_input(body: Fields, leftovers: Leftovers) -> tuple[Message, ...]:
    """All messages, in order, the instructions first. Raises ``InvalidRequest``."""
    reader = _Items(leftovers)
    instructions = body.optional_text("instructions")
    if instructions:
        reader.messages.append(Message("system", (Text(instructions),)))
    content = body.raw("input")
    if isinstance(content, str):
        reader.messages.append(Message("user", (Text(content),)))
    elif isinstance(content, list):
        for index, item in enumerate(content):
            reader.add(Fields(item, f"input[{index}]"), item)
        reader.close()
    elif content is not None or not body.has("prompt"):  # a stored prompt may hold the input itself
        raise body.wrong("input", content, "a string or a list of items")
    return tuple(reader.messages)


class _Items:
    """Reads one list of items, in order."""

    __slots__ = ("_leftovers", "_readers", "_results", "_said", "_said_at", "messages")

    def __init__(self, leftovers: Leftovers) -> None:
        self.messages: list[Message] = []
        self._leftovers = leftovers
        self._said: list[Part] = []
        """The model's turn, not yet a message."""
        self._said_at = ""
        """Where it ends."""
        self._results: list[ToolResult] = []
        """Tool outputs, not yet a message."""
        self._readers: dict[str, Callable[[Fields], None]] = {
            "message": self._message,
            "reasoning": self._reasoning,
            "function_call": self._call,
            "function_call_output": self._output,
            "custom_tool_call": self._custom_call,
            "custom_tool_call_output": self._output,
            "item_reference": self._reference,
            "additional_tools": self._tools,
            "web_search_call": self._search,
            "tool_search_call": self._tool_search,
            "tool_search_output": self._tools_found,
        }

    def add(self, fields: Fields, item: Json) -> None:
        """The next item. One of a kind that is not known here, or that only OpenAI runs, is left over whole."""
        kind = fields.optional_text("type")
        if kind is None:
            # An easy message may go without a type, and so may a reference.
            kind = "message" if fields.has("role") or not fields.has("id") else "item_reference"
        reader = self._readers.get(kind)
        if reader is None:
            self._leftovers.add(fields.path("").removesuffix("."), item)
            return
        reader(fields)

    def close(self) -> None:
        """End what is open: a turn of the model, or a run of tool outputs."""
        if self._said:
            self.messages.append(Message("assistant", tuple(self._said), at=self._said_at))
            self._said = []
        if self._results:
            self.messages.append(Message("tool", tuple(self._results)))
            self._results = []

    def _say(self, fields: Fields, *parts: Part) -> None:
        if self._results:
            self.close()
        self._said += parts
        self._said_at = fields.place

    def _message(self, fields: Fields) -> None:
        role = fields.text("role")
        parts = tuple(parts_of(fields, "content", self._leftovers))
        if role == "assistant":
            # An empty text is nothing, and other vendors refuse it.
            self._say(fields, *(part for part in parts if not (isinstance(part, Text) and not part.text)))
        elif (plain := _PLAIN_ROLES.get(role)) is not None:
            self.close()
            self.messages.append(Message(plain, parts, at=fields.place))
        else:
            path = fields.path("role")
            raise InvalidRequest(f"{path} must be one of user, assistant, system or developer", param=path)
        self._leftovers.take(fields, ignoring=_ECHOED_OF_MESSAGES)

    def _reasoning(self, fields: Fields) -> None:
        self._say(fields, *_thinking(fields))
        self._leftovers.take(fields, ignoring=_ECHOED)

    def _call(self, fields: Fields) -> None:
        self._say(fields, ToolCall(fields.text("call_id"), _name_of(fields), fields.optional_text("arguments") or ""))
        self._take_call(fields)

    def _custom_call(self, fields: Fields) -> None:
        self._say(fields, ToolCall(fields.text("call_id"), _name_of(fields), arguments_of(fields.text("input"))))
        self._take_call(fields)

    def _output(self, fields: Fields) -> None:
        if self._said:
            self.close()
        content: list[Text | Image | Document] = []
        for part in parts_of(fields, "output", self._leftovers):
            if not isinstance(part, Text | Image | Document):
                path = fields.path("output")
                raise InvalidRequest(f"{path} may hold text, images and files only", param=path)
            if part != Text(""):
                content.append(part)
        name = joined(fields.optional_text("namespace"), fields.optional_text("name") or "") or None
        self._results.append(ToolResult(fields.text("call_id"), tuple(content), name=name))
        self._take_call(fields)

    def _take_call(self, fields: Fields) -> None:
        self._leftovers.take(fields, ignoring=_ECHOED_OF_CALLS, idle=_IDLE_OF_CALLS)

    def _tools(self, fields: Fields) -> None:
        """Read with the other tools."""
        self._leftovers.take(fields, ignoring=("id", "role", "tools"))

    def _search(self, fields: Fields) -> None:
        """What OpenAI has found is not in it; what the model made of it is, in the text behind it."""
        self._leftovers.asides.append(fields.path("").removesuffix("."))

    def _tool_search(self, fields: Fields) -> None:
        """Of the searches that OpenAI does itself, which name no call, what is found is there without them."""
        if fields.optional_text("execution") != "client":
            self._leftovers.asides.append(fields.path("").removesuffix("."))
            return
        arguments = fields.raw("arguments")
        told = orjson.dumps(arguments if isinstance(arguments, Mapping) else {}).decode()
        self._say(fields, ToolCall(fields.text("call_id"), NAME, told))
        self._leftovers.take(fields, ignoring=(*_ECHOED, "created_by"))

    def _tools_found(self, fields: Fields) -> None:
        if fields.optional_text("execution") == "client":
            if self._said:
                self.close()
            self._results.append(ToolResult(fields.text("call_id"), (Text(found_text(fields)),), name=NAME))
        self._leftovers.take(fields, ignoring=(*_ECHOED, "created_by", "tools", "call_id"))

    def _reference(self, fields: Fields) -> None:
        if fields.text("id").startswith(_REASONING_IDS):
            return  # as reasoning that comes by its id alone: see _thinking
        path = fields.path("").removesuffix(".")
        raise UnsupportedFeature(
            f"{path} refers to an item that only the provider which stored it knows. Send the item itself (SDKs do"
            " so with store: false), or use a model whose provider serves the Responses API.",
            param=path,
        )


def _name_of(call: Fields) -> str:
    return joined(call.optional_text("namespace"), call.text("name"))


def _thinking(fields: Fields) -> tuple[Thinking | RedactedThinking, ...]:
    """Earlier reasoning. Where neither text nor seal is there, it lies in a store that nobody else can read."""
    text = "\n\n".join(summary.text("text") for summary in fields.objects("summary"))
    full = "".join(content.text("text") for content in fields.objects("content"))
    text = text or full
    item_id, encrypted = fields.optional_text("id") or "", fields.optional_text("encrypted_content")
    if encrypted:
        return (open_seal(item_id, encrypted, text),)
    return (Thinking(text, origin="openai"),) if text else ()
