"""Answer JSON → ``Answer``; its counterpart is ``render_answer``. Source: openai.types.Completion."""

from extproc.dialects.openai_completions.logprobs import parse_logprobs
from extproc.dialects.openai_completions.vocabulary import finish_reason
from extproc.dialects.openai_errors import stream_error, vendor_error
from extproc.dialects.openai_usage import parse_usage
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import Text
from extproc.domain.errors import InvalidRequest, ProviderBadAnswer
from extproc.domain.reading import Fields, Json
from extproc.domain.usage import Usage


def parse_answer(body: Json) -> Answer:
    """A whole answer.

    Raises ``ProviderBadAnswer`` where the body is not one, and the error itself where a 200 holds one.
    """
    if vendor_error(body) is not None:
        raise stream_error(body)
    try:
        return _answer(Fields(body))
    except InvalidRequest as error:
        raise ProviderBadAnswer(f"the provider's answer is not a text completion: {error.message}") from error


def _answer(fields: Fields) -> Answer:
    choices = sorted(fields.objects("choices"), key=lambda choice: choice.integer("index") or 0)
    if not choices:
        raise fields.wrong("choices", None, "a list of choices")
    return Answer(
        id=fields.optional_text("id") or "",
        model=fields.optional_text("model") or "",
        choices=tuple(map(_choice, choices)),
        usage=parse_usage(fields.raw("usage")) or Usage(),
        created=fields.integer("created") or None,
        system_fingerprint=fields.optional_text("system_fingerprint"),
    )


def _choice(fields: Fields) -> Choice:
    text = fields.text("text")
    reason = fields.optional_text("finish_reason")
    return Choice(
        parts=(Text(text),) if text else (),
        finish=None if reason is None else finish_reason(reason),
        logprobs=parse_logprobs(fields.raw("logprobs")),
    )
