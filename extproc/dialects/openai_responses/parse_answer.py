"""Answer JSON → ``Answer``; its counterpart is ``render_answer``."""

from collections.abc import Iterator, Mapping

import orjson

from extproc.dialects.openai_responses.annotations import parse_annotation
from extproc.dialects.openai_responses.errors import failed_response, is_failed, stream_error, vendor_error
from extproc.dialects.openai_responses.usage import parse_usage
from extproc.dialects.openai_responses.vocabulary import FINISH_OF_INCOMPLETE
from extproc.domain.answer import Answer, AnswerPart, Choice, FinishReason
from extproc.domain.conversation import Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Fields, Json, JsonObject
from extproc.domain.usage import Usage

_END = ("usage", "tool_usage", "output", "status", "incomplete_details")
"""What says how an answer ended, and what it cost."""

CALLS: Mapping[str, str] = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items that call a tool of the client's → their member that says with what.

Only clients of this API have custom tools, whose input is no JSON: nobody translates these calls, but they are counted.
"""


def parse_answer(body: Json) -> Answer:
    """A whole answer.

    Items of tools that OpenAI runs are left out: only its own clients ask for them. Raises ``ProviderBadAnswer`` where
    the body is not a response or not a finished one, and the error itself where it has failed.
    """
    if isinstance(body, dict):
        if is_failed(body):
            raise failed_response(body)
        if vendor_error(body) is not None:
            raise stream_error(body)
    try:
        return _answer(Fields(body))
    except InvalidRequest as error:
        raise ProviderBadAnswer(f"the provider's answer is not a response: {error.message}") from error


def _answer(fields: Fields) -> Answer:
    if fields.items("output") is None:
        raise fields.wrong("output", None, "a list of items")
    status = fields.optional_text("status")
    if status in {"queued", "in_progress"}:
        raise InvalidRequest("it is not finished")
    logprobs: list[Json] = []
    parts = tuple(part for item in fields.objects("output") for part in _parts(item, logprobs))
    body: dict[str, Json] = {name: fields.raw(name) for name in _END}
    choice = Choice(
        parts=parts,
        finish=finish_of(body, called=any(isinstance(part, ToolCall) for part in parts)),
        logprobs={"content": logprobs, "refusal": None} if logprobs else None,
    )
    created = fields.number("created_at")
    return Answer(
        id=fields.optional_text("id") or "",
        model=fields.optional_text("model") or "",
        choices=(choice,),
        usage=parse_usage(body) or Usage(),
        created=int(created) if created and 0 < created < 1e12 else None,
        service_tier=fields.optional_text("service_tier"),
    )


def finish_of(response: JsonObject, *, called: bool) -> FinishReason:
    """The neutral reason behind ``status`` and ``incomplete_details``; ``called``: the answer calls a tool."""
    if response.get("status") == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return FINISH_OF_INCOMPLETE.get(reason, "length") if isinstance(reason, str) else "length"
    return "tool_calls" if called else "stop"


def _parts(item: Fields, logprobs: list[Json]) -> Iterator[AnswerPart]:
    match item.text("type"):
        case "message":
            for content in item.objects("content"):
                yield from _said(content, logprobs)
        case "reasoning":
            summary, full = item.raw("summary"), item.raw("content")
            text = summary_text(summary) or content_text(full)
            seal = sealed(item.optional_text("id"), item.optional_text("encrypted_content"))
            if text or seal:
                yield Thinking(text, seal, "openai")
        case kind if kind in CALLS:
            call_id = item.optional_text("call_id") or item.optional_text("id") or ""
            yield ToolCall(call_id, item.text("name"), arguments_text(item.raw(CALLS[kind])))
        case _:
            return


def _said(content: Fields, logprobs: list[Json]) -> Iterator[Text | Refusal]:
    match content.text("type"):
        case "output_text":
            logprobs += content.items("logprobs") or ()
            annotations = content.items("annotations") or ()
            citations = tuple(found for item in annotations if (found := parse_annotation(item)))
            if text := content.text("text"):
                yield Text(text, citations=citations)
        case "refusal":
            yield Refusal(content.text("refusal"))
        case _:
            return


def summary_text(value: Json) -> str:
    """The text of a reasoning item's summary, whose parts are paragraphs."""
    return "\n\n".join(_texts(value))


def content_text(value: Json) -> str:
    """The reasoning itself, which open models show."""
    return "".join(_texts(value))


def _texts(value: Json) -> Iterator[str]:
    for part in value if isinstance(value, list) else ():
        text = part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str):
            yield text


def sealed(item_id: str | None, encrypted: str | None) -> str | None:
    """OpenAI's seal of a reasoning item: its id and its encrypted content."""
    return f"{item_id or ''}.{encrypted}" if encrypted else None


def arguments_text(value: Json) -> str:
    """JSON text of a call's arguments; a few servers send the object itself."""
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # nested deeper than anything real
        return ""
