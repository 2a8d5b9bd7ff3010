"""``Answer`` → answer JSON; its counterpart is ``parse_answer``."""

from extproc.dialects.openai_completions.logprobs import render_logprobs
from extproc.dialects.openai_completions.vocabulary import FINISH_WRITTEN, completion_id
from extproc.dialects.openai_usage import render_usage
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import Refusal, Text
from extproc.domain.reading import Json, JsonObject


def render_answer(answer: Answer, *, created: int) -> JsonObject:
    """A ``text_completion`` as OpenAI's API sends it (openai.types.Completion).

    A refusal is text here, for the dialect has no other place for what was said. Reasoning has none at all.
    """
    created = answer.created or created
    body: dict[str, Json] = {
        "id": completion_id(answer.id, created),
        "object": "text_completion",
        "created": created,
        "model": answer.model,
        "choices": [_choice(index, choice) for index, choice in enumerate(answer.choices)],
        "usage": render_usage(answer.usage),
    }
    if answer.system_fingerprint is not None:
        body["system_fingerprint"] = answer.system_fingerprint
    return body


def _choice(index: int, choice: Choice) -> JsonObject:
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal)),
        "index": index,
        "logprobs": render_logprobs(choice.logprobs, 0),
        # Where the vendor did not say: the schema allows no null.
        "finish_reason": "stop" if choice.finish is None else FINISH_WRITTEN[choice.finish],
    }
