"""``Answer`` → answer JSON. Counterpart: ``parse_answer.py``.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.
"""

from collections.abc import Iterator, Sequence

from extproc.dialects.arguments import arguments_object
from extproc.dialects.gemini.citations import render_citations
from extproc.dialects.gemini.logprobs import render_logprobs
from extproc.dialects.gemini.reasons import finish_reason_of
from extproc.dialects.gemini.signatures import wrap
from extproc.dialects.gemini.usage import render_usage
from extproc.domain.answer import Answer, AnswerPart, Choice
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.reading import Json, JsonObject

Block = dict[str, Json]


def render_answer(answer: Answer) -> JsonObject:
    """The response object, nothing in it that the vendor would leave out."""
    return {
        "candidates": [_candidate(index, choice) for index, choice in enumerate(answer.choices)],
        "usageMetadata": render_usage(answer.usage),
        "modelVersion": answer.model,
        "responseId": answer.id,
    }


def _candidate(index: int, choice: Choice) -> JsonObject:
    candidate: Block = {
        "content": {"role": "model", "parts": list(render_parts(choice.parts))},
        "finishReason": finish_reason_of(choice.finish),
        "index": index,
    }
    citations = [each for part in choice.parts if isinstance(part, Text) for each in part.citations]
    if (metadata := render_citations(citations)) is not None:
        candidate["citationMetadata"] = metadata
    if (logprobs := render_logprobs(choice.logprobs)) is not None:
        candidate["logprobsResult"] = logprobs
    return candidate


def render_parts(parts: Sequence[AnswerPart]) -> Iterator[JsonObject]:
    """The parts of a candidate's content. A seal of Gemini's own is the signature of the text or call behind it."""
    seal: str | None = None
    for part in parts:
        if isinstance(part, RedactedThinking):
            if part.origin == "gemini":
                if seal is not None:
                    yield {"text": "", "thoughtSignature": seal}
                seal = part.data
            else:
                yield sealed_part(part)
            continue
        block = _part(part)
        if block is None:
            continue
        if seal is not None:
            if "thought" in block or "thoughtSignature" in block:
                yield {"text": "", "thoughtSignature": seal}
            else:
                block["thoughtSignature"] = seal
            seal = None
        yield block
    if seal is not None:
        yield {"text": "", "thoughtSignature": seal}


def sealed_part(part: RedactedThinking) -> JsonObject:
    """Encrypted reasoning of another vendor: a thought without a text, signed."""
    return {"text": "", "thought": True, "thoughtSignature": wrap(part.data, part.origin, redacted=True)}


def call_part(call_id: str, name: str, arguments: str, signature: str | None) -> Block:
    """A function call. Arguments that are no JSON object, as when the limit cut them, are under a key that says so."""
    block: Block = {"functionCall": {"id": call_id, "name": name, "args": arguments_object(arguments)}}
    if signature:
        block["thoughtSignature"] = signature
    return block


def _part(part: AnswerPart) -> Block | None:
    match part:
        case Text() | Refusal():
            return {"text": part.text} if part.text else None
        case Thinking():
            block: Block = {"text": part.text, "thought": True}
            if part.signature:
                block["thoughtSignature"] = wrap(part.signature, part.origin)
            return block if part.text or part.signature else None
        case ToolCall():
            return call_part(part.id, part.name, part.arguments, part.signature)
        case _:  # pragma: no cover -- redacted thinking, which the caller has taken
            return None
