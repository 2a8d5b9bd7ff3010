"""Request JSON → ``Conversation``; answer JSON → ``Answer``. Counterpart: ``render.py``.

Source: https://platform.claude.com/docs/en/api/messages (``MessageCreateParams``, ``Message``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Literal

import orjson

from extproc.dialects.anthropic.errors import stream_error
from extproc.dialects.anthropic.parse_blocks import (
    Unmapped,
    keep_unread,
    parse_cache_mark,
    parse_content,
    with_cache_mark,
)
from extproc.dialects.anthropic.reasons import finish_of
from extproc.dialects.anthropic.threads import no_threads
from extproc.dialects.anthropic.usage import parse_tier, parse_usage
from extproc.domain.answer import Answer, AnswerPart, Choice
from extproc.domain.conversation import (
    CacheMark,
    Conversation,
    Message,
    OutputFormat,
    Reasoning,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Fields, Json, kind_of

_TIERS = {"auto": "auto", "standard_only": "default"}
"""``service_tier`` of a request → neutral. OpenAI's ``default``: the standard tier, whatever the project's setting."""


_NAMES: Mapping[str, str] = {
    "stop": "stop_sequences",
    "user": "metadata.user_id",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "response_format": "output_config.format",
    "reasoning_effort": "thinking",
}
"""Fields that this API spells otherwise: ``Conversation.names``."""
_NAMES_OF_EFFORT: Mapping[str, str] = {**_NAMES, "reasoning_effort": "output_config.effort"}


def parse_request(body: Json) -> Conversation:
    """The conversation of a Messages request.

    Raises ``InvalidRequest`` with the path of the field at fault, and ``UnsupportedFeature`` for what rests on turns that
    a vendor has stored.
    """
    fields = Fields(body)
    _refuse_thread(fields)
    unmapped: Unmapped = []
    max_tokens = fields.integer("max_tokens")
    if max_tokens is None:
        raise fields.wrong("max_tokens", None, "a whole number")
    tool_choice, parallel = _tool_choice(fields.object("tool_choice"), unmapped)
    reasoning, output_format = _output(fields, unmapped)
    metadata = fields.object("metadata")
    tier = fields.optional_text("service_tier")
    conversation = Conversation(
        model=fields.text("model"),
        messages=_messages(fields, unmapped),
        tools=tuple(_tools(fields, unmapped)),
        tool_choice=tool_choice,
        parallel_tool_calls=parallel,
        max_output_tokens=max_tokens,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        stop=tuple(_stop_sequences(fields)),
        stream=fields.boolean("stream") or False,
        output_format=output_format,
        reasoning=reasoning,
        user=metadata.optional_text("user_id") if metadata else None,
        service_tier=_TIERS.get(tier, tier) if tier else None,
        names=_NAMES if fields.has("thinking") else _NAMES_OF_EFFORT,
    )
    if metadata:
        keep_unread(metadata, unmapped)
    keep_unread(fields, unmapped)
    if not unmapped:
        return conversation
    asides = tuple(path for path, value in unmapped if _is_aside(path, value))
    return replace(conversation, unmapped=tuple(each for each in unmapped if each[0] not in asides), asides=asides)


def _refuse_thread(fields: Fields) -> None:
    """Left out, the next turn would come alone, and be answered so."""
    if fields.has("thread"):
        raise no_threads()


def _is_aside(path: str, value: Json) -> bool:
    """Whether it spares tokens and changes nothing else.

    A tool that is to be found by a search first is there from the beginning, so that the vendor's own search is not missed.
    """
    if path == "context_management":
        return _only_clears(value)
    if path.startswith("tools["):
        kind = value.get("type") if isinstance(value, Mapping) and path.endswith("]") else None
        return path.endswith(".defer_loading") or str(kind).startswith("tool_search_tool_")
    return False


def _only_clears(management: Json) -> bool:
    """Whether ``context_management`` only takes old tool results and thinking out of the prompt, as Claude Code has it do.

    That spares tokens; other vendors read the whole conversation. A summary (``compact_…``) is more: it is part of the answer.
    Source: https://platform.claude.com/docs/en/build-with-claude/context-editing.
    """
    edits = management.get("edits") if isinstance(management, Mapping) else None
    return isinstance(edits, list) and all(
        isinstance(edit, Mapping) and str(edit.get("type")).startswith("clear_") for edit in edits
    )


def _messages(fields: Fields, unmapped: Unmapped) -> tuple[Message, ...]:
    messages: list[Message] = []
    if fields.has("system"):
        messages.append(Message("system", tuple(parse_content(fields, "system", unmapped))))
    if fields.items("messages") is None:
        raise fields.wrong("messages", None, "a list of messages")
    for message in fields.objects("messages"):
        messages.extend(_turn(message, unmapped))
        keep_unread(message, unmapped)
    mark = parse_cache_mark(fields)
    if mark:
        _mark_last(messages, mark)
    return tuple(messages)


def _turn(message: Fields, unmapped: Unmapped) -> Iterator[Message]:
    """A user's turn holds tool results too; they become messages of their own, in order."""
    role = message.text("role")
    if role not in {"user", "assistant", "system"}:
        path = message.path("role")
        raise InvalidRequest(f"{path} must be user, assistant or system", param=path)
    parts = parse_content(message, "content", unmapped)
    if role == "assistant":
        yield Message("assistant", tuple(parts), at=message.place)
    elif role == "system":
        yield Message("system", tuple(parts), at=message.place)
    else:
        runs = [(is_tool, tuple(run)) for is_tool, run in groupby(parts, lambda part: isinstance(part, ToolResult))]
        for is_tool, run in runs or [(False, ())]:
            yield Message("tool" if is_tool else "user", run, at=message.place)


def _mark_last(messages: list[Message], mark: CacheMark) -> None:
    """The top-level ``cache_control``: the vendor puts it on the last block that can carry it."""
    for index in reversed(range(len(messages))):
        message = messages[index]
        for at in reversed(range(len(message.parts))):
            marked = with_cache_mark(message.parts[at], mark)
            if marked is not None:
                parts = (*message.parts[:at], marked, *message.parts[at + 1 :])
                messages[index] = replace(message, parts=parts)
                return


def _tools(fields: Fields, unmapped: Unmapped) -> Iterator[Tool]:
    for index, item in enumerate(fields.items("tools") or ()):
        path = f"{fields.path('tools')}[{index}]"
        tool = Fields(item, path)
        if tool.optional_text("type") not in {None, "custom"}:
            # Tools that the vendor runs itself, or knows by heart: nobody else has them.
            unmapped.append((path, item))
            continue
        schema = tool.raw("input_schema")
        if not isinstance(schema, Mapping):
            raise tool.wrong("input_schema", schema, "a JSON object")
        tool.raw("eager_input_streaming")  # about the size of the stream's pieces only
        yield Tool(
            name=tool.text("name"),
            description=_described(tool),
            parameters=schema,
            strict=tool.boolean("strict"),
            cache=parse_cache_mark(tool),
        )
        keep_unread(tool, unmapped)


def _described(tool: Fields) -> str | None:
    """The description, with the examples of an input that other vendors have no field for."""
    description, examples = tool.optional_text("description"), tool.items("input_examples")
    if not examples:
        return description
    shown = "\n".join(orjson.dumps(example).decode() for example in examples)
    return f"{description or ''}\n\nExamples of its input:\n{shown}".lstrip()


def _tool_choice(choice: Fields | None, unmapped: Unmapped) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and ``parallel_tool_calls``: False where the client forbids it, else None, for it is the default."""
    if choice is None:
        return None, None
    kind = choice.text("type")
    mode = _CHOICE_MODES.get(kind)
    if mode is None:
        path = choice.path("type")
        raise InvalidRequest(f"{path} must be auto, any, tool or none", param=path)
    name = choice.text("name") if mode == "named" else None
    parallel = False if choice.boolean("disable_parallel_tool_use") else None
    keep_unread(choice, unmapped)
    return ToolChoice(mode, name), parallel


_CHOICE_MODES: Mapping[str, Literal["auto", "none", "required", "named"]] = {
    "auto": "auto",
    "none": "none",
    "any": "required",
    "tool": "named",
}


def _stop_sequences(fields: Fields) -> Iterator[str]:
    for index, sequence in enumerate(fields.items("stop_sequences") or ()):
        if not isinstance(sequence, str):
            path = f"{fields.path('stop_sequences')}[{index}]"
            raise InvalidRequest(f"{path} must be a string, not {kind_of(sequence)}", param=path)
        yield sequence


def _output(fields: Fields, unmapped: Unmapped) -> tuple[Reasoning | None, OutputFormat | None]:
    config = fields.object("output_config")
    effort = config.optional_text("effort") if config else None
    output_format = _output_format(config.object("format") if config else None, unmapped)
    # The beta's place of the same object, which the vendor still takes.
    output_format = output_format or _output_format(fields.object("output_format"), unmapped)
    reasoning = _reasoning(fields.object("thinking"), effort, unmapped)
    if config:
        keep_unread(config, unmapped)
    return reasoning, output_format


def _output_format(output: Fields | None, unmapped: Unmapped) -> OutputFormat | None:
    if output is None:
        return None
    kind = output.text("type")
    if kind != "json_schema":
        path = output.path("type")
        raise InvalidRequest(f"{path} must be json_schema", param=path)
    schema = output.raw("schema")
    if not isinstance(schema, Mapping):
        raise output.wrong("schema", schema, "a JSON object")
    keep_unread(output, unmapped)
    # Not ``strict``: OpenAI's strict mode demands that every property is required, which this API does not.
    return OutputFormat("json_schema", schema=schema)


def _reasoning(thinking: Fields | None, effort: str | None, unmapped: Unmapped) -> Reasoning | None:
    if thinking is None:
        return Reasoning(effort=effort) if effort else None
    kind = thinking.text("type")
    display = thinking.optional_text("display")
    budget = thinking.integer("budget_tokens")
    keep_unread(thinking, unmapped)
    match kind:
        case "enabled":
            if budget is None:
                raise thinking.wrong("budget_tokens", None, "a whole number")
            return Reasoning(effort=effort, budget_tokens=budget, display=display)
        case "adaptive":
            return Reasoning(effort=effort, adaptive=True, display=display)
        case "disabled" | "between_tools":
            return Reasoning(enabled=False, effort=effort, display=display)
        case _:
            path = thinking.path("type")
            raise InvalidRequest(f"{path} must be enabled, adaptive, disabled or between_tools", param=path)


def parse_answer(body: Json) -> Answer:
    """A whole answer.

    Blocks of server-side tools are left out: only their vendor's own clients ask for them. Raises ``ProviderBadAnswer``
    where the body is not a message, or the error that the body itself reports.
    """
    if isinstance(body, Mapping) and body.get("type") == "error":
        raise stream_error(body)
    try:
        return _answer(Fields(body))
    except InvalidRequest as error:
        raise ProviderBadAnswer(f"the provider's answer is not a Messages answer: {error.message}") from error


def _answer(fields: Fields) -> Answer:
    if fields.text("type") != "message" or fields.items("content") is None:
        raise InvalidRequest("it is not an object of type message with a content")
    parts = [part for block in fields.objects("content") if (part := _answer_part(block))]
    stop_reason = fields.optional_text("stop_reason")
    explanation = refusal_explanation(fields.raw("stop_details"))
    if explanation:
        parts.append(Refusal(explanation))
    choice = Choice(
        parts=tuple(parts),
        finish=finish_of(stop_reason) if stop_reason else None,
        stop_sequence=fields.optional_text("stop_sequence"),
    )
    usage = fields.raw("usage")
    return Answer(
        id=fields.optional_text("id") or "",
        model=fields.optional_text("model") or "",
        choices=(choice,),
        usage=parse_usage(usage),
        service_tier=parse_tier(usage),
    )


def refusal_explanation(stop_details: Json) -> str:
    """Why the vendor's classifiers stopped the model, where ``stop_details`` says it in words."""
    explanation = stop_details.get("explanation") if isinstance(stop_details, Mapping) else None
    return explanation if isinstance(explanation, str) else ""


def _answer_part(block: Fields) -> AnswerPart | None:
    match block.text("type"):
        case "text":
            citations = [item for item in block.items("citations") or () if isinstance(item, Mapping)]
            return Text(block.text("text"), citations=tuple(citations))
        case "thinking":
            return Thinking(block.text("thinking"), signature=block.optional_text("signature") or None)
        case "redacted_thinking":
            return RedactedThinking(block.text("data"))
        case "tool_use":
            return ToolCall(block.text("id"), block.text("name"), orjson.dumps(block.raw("input") or {}).decode())
        case _:
            return None
