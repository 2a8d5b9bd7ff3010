"""Answer JSON → ``Answer``. Counterpart: ``render.py``. Source: ``ConverseResponse`` of the service model."""

from collections.abc import Iterator, Mapping

import orjson

from extproc.dialects.bedrock.citations import parse_citation
from extproc.dialects.bedrock.errors import message_of, stream_error
from extproc.dialects.bedrock.reasons import finish_of
from extproc.dialects.bedrock.redacted import parse_redacted
from extproc.dialects.bedrock.usage import parse_tier, parse_usage
from extproc.domain.answer import Answer, AnswerPart, Choice
from extproc.domain.conversation import RedactedThinking, Text, Thinking, ToolCall
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Fields, Json, JsonObject


def parse_answer(body: Json) -> Answer:
    """A whole answer. Converse gives it neither id nor model nor time.

    Blocks that no client's dialect has a word for (images, results of tools that Bedrock runs itself) are left out. Raises
    ``ProviderBadAnswer`` where the body is not an answer, ``ProviderFailed`` where the model's was broken, or the error that
    the body itself reports.
    """
    if isinstance(body, Mapping) and "output" not in body and (text := message_of(body)):
        raise stream_error("", text)
    try:
        return _answer(Fields(body))
    except InvalidRequest as error:
        raise ProviderBadAnswer(f"the provider's answer is not a Converse answer: {error.message}") from error


def _answer(fields: Fields) -> Answer:
    output = fields.object("output")
    message = output.object("message") if output else None
    if message is None or message.items("content") is None:
        raise InvalidRequest("it has no message with a content")
    choice = Choice(
        parts=tuple(part for block in message.objects("content") for part in _parts(block)),
        finish=finish_of(fields.text("stopReason")),
        stop_sequence=stop_sequence_of(fields.raw("additionalModelResponseFields")),
    )
    return Answer(
        id="",
        model="",
        choices=(choice,),
        usage=parse_usage(fields.raw("usage")),
        service_tier=parse_tier(fields.raw("serviceTier")),
    )


def stop_sequence_of(additional: Json) -> str | None:
    """Which stop sequence ended a Claude's answer, where the request asked for it."""
    sequence = additional.get("stop_sequence") if isinstance(additional, Mapping) else None
    return sequence if isinstance(sequence, str) and sequence else None


def _parts(block: Fields) -> Iterator[AnswerPart]:
    if block.has("text"):
        yield Text(block.text("text"))
    elif use := block.object("toolUse"):
        if use.raw("type") is None:  # else a tool that Bedrock runs itself
            yield ToolCall(use.text("toolUseId"), use.text("name"), orjson.dumps(use.raw("input") or {}).decode())
    elif reasoning := block.object("reasoningContent"):
        yield from _reasoning(reasoning)
    elif cited := block.object("citationsContent"):
        text = "".join(piece.optional_text("text") or "" for piece in cited.objects("content"))
        yield Text(text, citations=tuple(_citations(cited)))


def _reasoning(reasoning: Fields) -> Iterator[AnswerPart]:
    if redacted := reasoning.optional_text("redactedContent"):
        yield RedactedThinking(parse_redacted(redacted))
    elif text := reasoning.object("reasoningText"):
        yield Thinking(text.text("text"), signature=text.optional_text("signature") or None)


def _citations(cited: Fields) -> Iterator[JsonObject]:
    for item in cited.items("citations") or ():
        citation = parse_citation(item) if isinstance(item, Mapping) else None
        if citation is not None:
            yield citation
