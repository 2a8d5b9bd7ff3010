"""Names of tools that a provider would refuse, made fit on the way there and restored on the way back.

Clients take names from elsewhere (``mcp__<server>__<tool>``, ``server.tool``), and what one vendor takes is a 400 at
another. A name that fits goes as it is.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from extproc.dialects.base import ClientDialect, StreamWriter
from extproc.domain.answer import Answer, AnswerEvent, Choice, ToolCallStarted
from extproc.domain.conversation import Conversation, Message, Part, ToolCall, ToolResult
from extproc.domain.errors import GatewayError
from extproc.domain.reading import Json, JsonObject
from extproc.domain.valueclass import valueclass

ToolNames = Mapping[str, str]
"""As the provider knows a tool → as the client does; only those that differ."""

_LONGEST = 64
_HASH = 10
"""Hexadecimal digits that tell one made name from another: 40 bits, for at most hundreds of tools."""

_COMMON = re.compile(rf"[a-zA-Z0-9_-]{{1,{_LONGEST}}}")
"""OpenAI (openai.types.shared.FunctionDefinition), Converse (``ToolName`` of the service model), and Claude, which takes
128 characters at Anthropic, but 64 at Bedrock (https://github.com/anthropics/claude-code/issues/5132)."""
_GEMINI = re.compile(rf"[a-zA-Z_][a-zA-Z0-9_.-]{{0,{_LONGEST - 1}}}")
"""Newer servers take colons and 128 characters (google.genai.types.FunctionDeclaration), older ones do not
(https://cloud.google.com/vertex-ai/generative-ai/docs/reference/nodejs/1.1.0/vertexai/functiondeclaration)."""

_FIT: Mapping[str, re.Pattern[str]] = {
    "openai": _COMMON,
    "openai-responses": _COMMON,
    "anthropic": _COMMON,
    "bedrock": _COMMON,
    "gemini": _GEMINI,
}
"""By wire format; a format without tools has no entry."""
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")


def fit_tool_names(conversation: Conversation, spoken: str) -> tuple[Conversation, ToolNames]:
    """The conversation with names that the format ``spoken`` takes, wherever tools are named in it."""
    fits = _FIT.get(spoken)
    if fits is None:
        return conversation, {}
    made = {name: _made(name) for name in _named(conversation) if not fits.fullmatch(name)}
    if not made:
        return conversation, {}
    choice = conversation.tool_choice
    if choice is not None and choice.name in made:
        choice = replace(choice, name=made[choice.name])
    renamed = replace(
        conversation,
        tools=tuple(replace(tool, name=made.get(tool.name, tool.name)) for tool in conversation.tools),
        tool_choice=choice,
        messages=tuple(_renamed(message, made) for message in conversation.messages),
    )
    return renamed, {short: name for name, short in made.items()}


def restoring(client: ClientDialect, names: ToolNames, custom: Collection[str] = ()) -> ClientDialect:
    """The client's dialect, whose answers name tools as the client did. ``custom``: names of those that are custom tools."""
    return _Restoring(client, names, custom) if names or custom else client


def _named(conversation: Conversation) -> Iterator[str]:
    """Every name of a tool that is said; an empty one is nobody's to mend."""
    for tool in conversation.tools:
        if tool.name:
            yield tool.name
    if conversation.tool_choice is not None and conversation.tool_choice.name:
        yield conversation.tool_choice.name
    for message in conversation.messages:
        for part in message.parts:
            if isinstance(part, ToolCall | ToolResult) and part.name:
                yield part.name


def _made(name: str) -> str:
    """The same for a name in each request: prompt caches, and calls in earlier turns, hang on it. Fits everywhere."""
    readable = _UNFIT.sub("_", name)
    if not (readable[0].isalpha() or readable[0] == "_"):
        readable = f"_{readable}"
    return f"{readable[: _LONGEST - _HASH - 1]}_{sha256(name.encode(errors='surrogatepass')).hexdigest()[:_HASH]}"


def _renamed(message: Message, made: Mapping[str, str]) -> Message:
    parts = tuple(_renamed_part(part, made) for part in message.parts)
    return replace(message, parts=parts)


def _renamed_part(part: Part, made: Mapping[str, str]) -> Part:
    if isinstance(part, ToolCall | ToolResult) and part.name is not None and part.name in made:
        return replace(part, name=made[part.name])
    return part


@valueclass
class _Restoring:
    """A ``ClientDialect``."""

    inner: ClientDialect
    names: ToolNames
    custom: Collection[str]

    @property
    def name(self) -> str:
        return self.inner.name

    def parse_request(self, body: Json) -> Conversation:
        return self.inner.parse_request(body)

    def render_answer(self, answer: Answer, *, created: int) -> JsonObject:
        choices = tuple(self._restored(choice) for choice in answer.choices)
        return self.inner.render_answer(replace(answer, choices=choices), created=created)

    def stream_writer(self, *, created: int, include_usage: bool) -> StreamWriter:
        writer = self.inner.stream_writer(created=created, include_usage=include_usage)
        return _RestoringWriter(writer, self.names, self.custom)

    def render_error(self, error: GatewayError) -> JsonObject:
        return self.inner.render_error(error)

    def render_error_event(self, error: GatewayError) -> bytes:
        return self.inner.render_error_event(error)

    def _restored(self, choice: Choice) -> Choice:
        parts = tuple(self._restored_call(part) if isinstance(part, ToolCall) else part for part in choice.parts)
        return replace(choice, parts=parts)

    def _restored_call(self, call: ToolCall) -> ToolCall:
        name = self.names.get(call.name, call.name)
        return replace(call, name=name, custom=name in self.custom)


class _RestoringWriter:
    """A ``StreamWriter``."""

    __slots__ = ("_custom", "_inner", "_names")

    def __init__(self, inner: StreamWriter, names: ToolNames, custom: Collection[str]) -> None:
        self._inner = inner
        self._names = names
        self._custom = custom

    def write(self, event: AnswerEvent) -> bytes:
        if isinstance(event, ToolCallStarted):
            name = self._names.get(event.name, event.name)
            event = replace(event, name=name, custom=name in self._custom)
        return self._inner.write(event)
