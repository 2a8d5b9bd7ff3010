"""Answer JSON → ``Answer``; its counterpart is ``render_answer``."""

from extproc.dialects.openai_chat.annotations import parse_annotations
from extproc.dialects.openai_chat.errors import stream_error, vendor_error
from extproc.dialects.openai_chat.parse_parts import thinking_part
from extproc.dialects.openai_chat.usage import parse_usage
from extproc.dialects.openai_chat.vocabulary import CALLS, finish_reason, json_text, list_content, made_call_id
from extproc.domain.answer import Answer, AnswerPart, Choice
from extproc.domain.conversation import Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Fields, Json
from extproc.domain.usage import Usage


def parse_answer(body: Json) -> Answer:
    """A whole answer.

    Raises ``ProviderBadAnswer`` where the body is not one, and the error itself where the body is an error: vendors
    that route to others (OpenRouter) answer 200 before they know. Audio has no neutral form.
    """
    if vendor_error(body) is not None:
        raise stream_error(body)
    try:
        return _answer(Fields(body))
    except InvalidRequest as error:
        raise ProviderBadAnswer(f"the provider's answer is not a chat completion: {error.message}") from error


def _answer(fields: Fields) -> Answer:
    choices = sorted(fields.objects("choices"), key=lambda choice: choice.integer("index") or 0)
    if not choices:
        raise fields.wrong("choices", None, "a list of choices")
    answer_id = _text(fields, "id") or ""
    created = fields.raw("created")
    return Answer(
        id=answer_id,
        model=_text(fields, "model") or "",
        choices=tuple(_choice(choice, answer_id) for choice in choices),
        usage=parse_usage(fields.raw("usage")) or Usage(),
        created=created if isinstance(created, int) and created > 0 else None,
        service_tier=_text(fields, "service_tier"),
        system_fingerprint=_text(fields, "system_fingerprint"),
    )


def _choice(fields: Fields, answer_id: str) -> Choice:
    if isinstance(error := fields.raw("error"), dict):  # OpenRouter, where whom it asked failed
        raise stream_error({"error": error})
    message = fields.object("message")
    if message is None:
        raise fields.wrong("message", None, "a JSON object")
    calls = _calls(message, f"{answer_id}_{fields.integer('index') or 0}")
    reason = fields.optional_text("finish_reason")
    logprobs = fields.raw("logprobs")
    return Choice(
        parts=(*_said(message), *calls),
        finish=None if reason is None else finish_reason(reason, called=bool(calls)),
        logprobs=logprobs if isinstance(logprobs, dict) else None,
    )


def _said(message: Fields) -> list[AnswerPart]:
    parts: list[AnswerPart] = [thinking_part(block) for block in message.objects("thinking_blocks")]
    reasoning = message.raw("reasoning_content") or message.raw("reasoning")
    if not parts and isinstance(reasoning, str) and reasoning:
        parts.append(Thinking(reasoning))
    parts += _content(message)
    if refusal := message.optional_text("refusal"):
        parts.append(Refusal(refusal))
    return parts


def _content(message: Fields) -> list[AnswerPart]:
    content = message.raw("content")
    if isinstance(content, str):
        return [Text(content, citations=parse_annotations(message.raw("annotations")))] if content else []
    if isinstance(content, list):
        return [Text(text) if kind == "text" else Thinking(text) for kind, text in list_content(content) if text]
    if content is None:
        return []
    raise message.wrong("content", content, "a string")


def _calls(message: Fields, place: str) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for index, fields in enumerate(message.objects("tool_calls")):
        kind = _text(fields, "type") or "function"
        if kind not in CALLS:  # of a tool that no client of another dialect can have
            continue
        call = fields.object(kind)
        if call is None:
            raise fields.wrong(kind, None, "a JSON object")
        call_id = fields.optional_text("id") or made_call_id(place, index)
        calls.append(ToolCall(call_id, call.text("name"), _arguments(call, CALLS[kind])))
    if (legacy := message.object("function_call")) is not None and not calls:
        calls.append(ToolCall(made_call_id(place, 0), legacy.text("name"), _arguments(legacy, "arguments")))
    return calls


def _text(fields: Fields, name: str) -> str | None:
    """A label; whoever spells it otherwise has answered all the same."""
    value = fields.raw(name)
    return value if isinstance(value, str) else None


def _arguments(call: Fields, name: str) -> str:
    """The text; a few servers send the object itself."""
    value = call.raw(name)
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)
