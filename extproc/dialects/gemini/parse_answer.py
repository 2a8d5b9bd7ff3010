"""Answer JSON → ``Answer``. Counterpart: ``render_answer.py``.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

import orjson

from extproc.dialects.gemini.citations import parse_citations, search_count
from extproc.dialects.gemini.errors import stream_error
from extproc.dialects.gemini.logprobs import parse_logprobs
from extproc.dialects.gemini.reasons import block_message, finish_of
from extproc.dialects.gemini.usage import parse_tier, parse_usage
from extproc.domain.answer import Answer, AnswerPart, Choice
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Fields, Json, JsonObject


def parse_answer(body: Json) -> Answer:
    """A whole answer. A prompt that was blocked is an answer too, for it is charged: a refusal without content.

    What the server's own tools did (code, its output) is left out: only the vendor's own clients ask for them. Raises
    ``ProviderBadAnswer`` where the body is no answer, or the error that it reports, or that a finish reason stands for.
    """
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, Mapping) and body.get("error") is not None:
        raise stream_error(body)
    try:
        return _answer(Fields(body))
    except InvalidRequest as error:
        raise ProviderBadAnswer(f"the provider's answer is not a GenerateContentResponse: {error.message}") from error


def _answer(fields: Fields) -> Answer:
    answer_id = fields.optional_text("responseId") or ""
    model = fields.optional_text("modelVersion") or ""
    metadata = fields.raw("usageMetadata")
    candidates = [item for item in fields.items("candidates") or () if isinstance(item, Mapping)]
    choices = tuple(
        _choice(Fields(item, f"candidates[{at}]"), item, f"{answer_id}_{at}") for at, item in enumerate(candidates)
    )
    if not choices:
        refusal = blocked(fields.raw("promptFeedback"))
        if refusal is None:
            raise InvalidRequest("it has neither candidates nor a reason why the prompt was blocked")
        choices = (Choice((Refusal(refusal),), "content_filter"),)
    searches = sum(search_count(item, model) for item in candidates)
    return Answer(
        id=answer_id,
        model=model,
        choices=choices,
        usage=replace(parse_usage(metadata), web_searches=searches),
        created=created_of(fields.raw("createTime")),
        service_tier=parse_tier(metadata),
    )


def blocked(feedback: Json) -> str | None:
    """Why the prompt was blocked, in words; None where it was not."""
    reason = feedback.get("blockReason") if isinstance(feedback, Mapping) else None
    if not isinstance(feedback, Mapping) or not isinstance(reason, str):
        return None
    message = feedback.get("blockReasonMessage")
    return block_message(reason, message if isinstance(message, str) else "")


def created_of(time: Json) -> int | None:
    """Vertex's ``createTime`` in Unix seconds."""
    if not isinstance(time, str):
        return None
    try:
        return max(int(datetime.fromisoformat(time).timestamp()), 0) or None
    except (ValueError, OverflowError):
        return None


def made_call_id(place: str, index: int) -> str:
    """An id for a function call that came without one.

    ``place`` is the answer's id and the candidate: two turns of one conversation must not make the same id, for a
    result names its call by it.
    """
    return f"call_{place}_{index}"


def omitted_media(part: JsonObject) -> str | None:
    """What stands in for an image or a sound in an answer, which clients of other dialects have no place for."""
    for name in ("inlineData", "fileData"):
        if isinstance(media := part.get(name), Mapping):
            kind = media.get("mimeType")
            return f"[{kind if isinstance(kind, str) else 'media'}: left out, this API cannot carry it]"
    return None


def arguments_of(args: Json) -> str:
    """The ``args`` of a function call as JSON text. Raises ``ProviderBadAnswer`` where they are no object."""
    if args is None:
        return "{}"
    if not isinstance(args, Mapping):
        raise ProviderBadAnswer("the provider's answer holds a function call whose args are not an object")
    try:
        return orjson.dumps(args).decode()
    except orjson.JSONEncodeError as error:
        raise ProviderBadAnswer("the provider's answer holds a function call that is nested too deeply") from error


def _choice(fields: Fields, candidate: JsonObject, place: str) -> Choice:
    content = fields.object("content")
    parts = list(_parts(content, place)) if content else []
    _cite(parts, parse_citations(candidate))
    reason = fields.optional_text("finishReason")
    called = any(isinstance(part, ToolCall) for part in parts)
    finish = finish_of(reason, called=called) if reason else None
    message = fields.optional_text("finishMessage")
    if finish == "content_filter" and message:
        parts.append(Refusal(message))
    return Choice(tuple(parts), finish, logprobs=parse_logprobs(fields.raw("logprobsResult")))


def _cite(parts: list[AnswerPart], citations: list[JsonObject]) -> None:
    for at in reversed(range(len(parts))):
        part = parts[at]
        if citations and isinstance(part, Text):
            parts[at] = replace(part, citations=tuple(citations))
            return


def _parts(content: Fields, place: str) -> Iterator[AnswerPart]:
    """A text's signature stands before it, where a renderer looks for it; behind it where it closes the answer.

    Clients of other dialects expect a text in the first place, and a call would take a seal before it for its own.
    """
    calls = 0
    items = content.items("parts") or []
    for index, item in enumerate(items):
        part = Fields(item, f"{content.path('parts')}[{index}]")
        signature = part.optional_text("thoughtSignature") or None
        call = part.object("functionCall")
        if call is not None:
            call_id = call.optional_text("id") or made_call_id(place, calls)
            yield ToolCall(call_id, call.text("name"), arguments_of(call.raw("args")), signature=signature)
            calls += 1
            continue
        text = part.optional_text("text") or ""
        if part.boolean("thought"):
            if text or signature:
                yield Thinking(text, signature, "gemini")
            continue
        text = text or (omitted_media(item) if isinstance(item, Mapping) else None) or ""
        said: list[AnswerPart] = [RedactedThinking(signature, "gemini")] if signature else []
        if text:
            said.insert(0 if index == len(items) - 1 else len(said), Text(text))
        yield from said
