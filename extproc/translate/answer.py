"""A whole answer: the provider's 200 body → the client's. ``extproc.translate.response`` does streams."""

from dataclasses import replace

import orjson

from extproc.dialects.base import ClientDialect, ProviderDialect
from extproc.domain.answer import Answer, AnswerPart, FinishReason
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import ProviderBadAnswer
from extproc.domain.jsontext import read_exactly
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass


@valueclass
class TranslatedAnswer:
    """The body for the client, and what the gateway has to know about it. Empty ids and names are None."""

    body: bytes
    usage: Usage
    finish_reason: FinishReason | None
    response_model: str | None
    response_id: str | None
    service_tier: str | None = None
    """The tier that served it, which decides on its price."""
    written_bytes: int = 0
    """UTF-8 bytes that the model wrote, by which its usage is estimated. Not counted where the provider reports one."""


@valueclass
class Unsaid:
    """What stands in where an answer does not say: the provider's name of the model, and an id."""

    model: str = ""
    id: str = ""


_NOTHING = Unsaid()


def translate_answer(
    client: ClientDialect,
    provider: ProviderDialect,
    body: bytes,
    *,
    created: int,
    same_dialect: bool,
    unsaid: Unsaid = _NOTHING,
) -> TranslatedAnswer:
    """The provider's ``body`` as the client takes it: the very same bytes where both speak the same dialect.

    ``created`` (Unix seconds) and ``unsaid`` stand in where the answer does not say. Raises
    ``ProviderBadAnswer`` where the body is no answer of the provider's dialect, and the provider's own error where a
    200 holds one.
    """
    try:
        answer = provider.parse_answer(read_exactly(body))
        vendors_id = answer.id
        if not (answer.model and answer.id):
            answer = replace(answer, model=answer.model or unsaid.model, id=answer.id or unsaid.id)
        translated = body if same_dialect else orjson.dumps(client.render_answer(answer, created=created))
    except orjson.JSONDecodeError as error:
        raise ProviderBadAnswer("the provider's answer is not JSON") from error
    except (RecursionError, orjson.JSONEncodeError) as error:
        raise ProviderBadAnswer("the provider's answer cannot be translated: nested too deeply") from error
    return TranslatedAnswer(
        body=translated,
        usage=answer.usage,
        finish_reason=answer.choices[0].finish if answer.choices else None,
        response_model=answer.model or None,
        response_id=vendors_id or None,
        service_tier=answer.service_tier,
        written_bytes=0 if answer.usage.total else _written(answer),
    )


def _written(answer: Answer) -> int:
    """As ``AnswerStream.output_bytes``."""
    return sum(len(_text_of(part).encode()) for choice in answer.choices for part in choice.parts)


def _text_of(part: AnswerPart) -> str:
    match part:
        case Text(text=text) | Thinking(text=text) | Refusal(text=text) | ToolCall(arguments=text):
            return text
        case RedactedThinking():  # sealed: its length says little
            return ""
