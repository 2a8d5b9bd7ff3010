"""``messages`` → neutral messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from extproc.dialects.openai_chat.parse_parts import Leftovers, cache_mark, mark_last, parts_of, thinking_part
from extproc.domain.conversation import (
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest
from extproc.domain.reading import Fields, Json

_PLAIN_ROLES: Mapping[str, Role] = {"system": "system", "developer": "developer", "user": "user"}

_IGNORED_OF_ANSWERS = ("annotations", "reasoning", "reasoning_details", "provider_specific_fields", "parsed")
"""Fields of an answer that clients echo in the next request. None of them is part of a prompt; ``reasoning_details``
(OpenRouter) repeats the reasoning that is read elsewhere, and ``parsed`` (OpenAI's SDK, of what it has read itself:
openai.types.chat.parsed_chat_completion) the text."""

_IGNORED_OF_CALLS = ("parsed_arguments",)
"""Likewise, of the arguments (openai.types.chat.parsed_function_tool_call)."""

_IGNORED_OF_TOOLS = ("name",)
"""A tool message's name repeats that of the call it answers."""


def parse_messages(body: Fields, leftovers: Leftovers) -> tuple[Message, ...]:
    """All messages, in order; a run of tool results becomes one message. Raises ``InvalidRequest``."""
    if body.items("messages") is None:
        raise body.wrong("messages", None, "a list of messages")
    reader = _Messages(leftovers)
    for fields in body.objects("messages"):
        reader.add(fields)
    reader.close_run()
    return tuple(reader.messages)


@dataclass(slots=True)
class _Messages:
    leftovers: Leftovers
    messages: list[Message] = field(default_factory=list[Message])
    run: list[ToolResult] = field(default_factory=list[ToolResult])
    """Tool results not yet made a message."""
    legacy_calls: int = 0
    """How many legacy ``function_call`` there were; their ids are made, for they have none."""

    def add(self, fields: Fields) -> None:
        role = fields.text("role")
        if role in {"tool", "function"}:
            self.run.append(self._result(fields, role))
            return
        self.close_run()
        if role == "assistant":
            message = self._assistant(fields)
        elif (plain := _PLAIN_ROLES.get(role)) is not None:
            message = self._plain(fields, plain)
        else:
            wanted = "system, developer, user, assistant, tool or function"
            raise InvalidRequest(f"{fields.path('role')} must be one of {wanted}", param=fields.path("role"))
        self.messages.append(message)

    def close_run(self) -> None:
        """End a run of tool results."""
        if self.run:
            self.messages.append(Message("tool", tuple(self.run)))
            self.run = []

    def _plain(self, fields: Fields, role: Role) -> Message:
        if not fields.has("content"):
            raise fields.wrong("content", None, "a string or a list of parts")
        parts = self._marked(fields, parts_of(fields, self.leftovers))
        message = Message(role, parts, fields.optional_text("name"), fields.place)
        self.leftovers.take(fields)
        return message

    def _assistant(self, fields: Fields) -> Message:
        content = parts_of(fields, self.leftovers)
        parts: list[Part] = [*_thinking(fields)]
        # Clients echo `content: ""` beside tool calls; an empty text is nothing, and other vendors refuse it.
        parts += [part for part in content if not (isinstance(part, Text) and not part.text)]
        if (refusal := fields.optional_text("refusal")) is not None:
            parts.append(Refusal(refusal))
        for index, item in enumerate(fields.items("tool_calls") or ()):
            parts += self._call(Fields(item, f"{fields.path('tool_calls')}[{index}]"), item)
        if (legacy := fields.object("function_call")) is not None:
            self.legacy_calls += 1
            parts.append(self._call_of(f"call_{self.legacy_calls}", legacy))
        marked = self._marked(fields, tuple(parts))
        message = Message("assistant", marked, fields.optional_text("name"), fields.place)
        self.leftovers.take(fields, ignoring=_IGNORED_OF_ANSWERS)
        return message

    def _call(self, fields: Fields, item: Json) -> list[ToolCall]:
        if fields.optional_text("type") not in {None, "function"}:
            self.leftovers.add(fields.path("").removesuffix("."), item)
            return []
        function = fields.object("function")
        if function is None:
            raise fields.wrong("function", None, "a JSON object")
        call = self._call_of(fields.text("id"), function)
        mark = cache_mark(fields, self.leftovers)
        fields.raw("index")  # echoed from a stream
        signature = _thought_signature(fields.raw("extra_content"))
        self.leftovers.take(fields)
        return [ToolCall(call.id, call.name, call.arguments, mark, signature)]

    def _call_of(self, call_id: str, function: Fields) -> ToolCall:
        call = ToolCall(call_id, function.text("name"), function.optional_text("arguments") or "")
        self.leftovers.take(function, ignoring=_IGNORED_OF_CALLS)
        return call

    def _result(self, fields: Fields, role: str) -> ToolResult:
        # A legacy function message answers the call before it, by name only.
        call_id = fields.text("tool_call_id") if role == "tool" else f"call_{max(self.legacy_calls, 1)}"
        content: list[Text | Image | Document] = []
        for part in parts_of(fields, self.leftovers):
            if not isinstance(part, Text | Image | Document):
                raise InvalidRequest(f"{fields.path('content')} must hold text parts", param=fields.path("content"))
            if part != Text(""):
                content.append(part)
        result = ToolResult(call_id, tuple(content), cache=cache_mark(fields, self.leftovers))
        self.leftovers.take(fields, ignoring=_IGNORED_OF_TOOLS)
        return result

    def _marked(self, fields: Fields, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        marked = mark_last(parts, cache_mark(fields, self.leftovers))
        if marked is None:
            self.leftovers.add(fields.path("cache_control"), fields.raw("cache_control"))
            return parts
        return marked


def _thought_signature(extra: Json) -> str | None:
    """Gemini's, which its OpenAI-compatible API and this gateway hand out with a call; what else is there is no prompt."""
    google = extra.get("google") if isinstance(extra, Mapping) else None
    signature = google.get("thought_signature") if isinstance(google, Mapping) else None
    return signature if isinstance(signature, str) and signature else None


def _thinking(fields: Fields) -> list[Part]:
    """Earlier reasoning. ``thinking_blocks`` have the signatures, so they win over the bare text."""
    blocks: list[Part] = [thinking_part(block) for block in fields.objects("thinking_blocks")]
    text = fields.optional_text("reasoning_content") or fields.raw("reasoning")  # the latter: vLLM, Groq, OpenRouter
    if blocks or not text or not isinstance(text, str):
        return blocks
    return [Thinking(text)]
