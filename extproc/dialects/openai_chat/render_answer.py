"""``Answer`` → answer JSON; its counterpart is ``parse_answer``."""

from extproc.dialects.openai_chat.annotations import render_annotation
from extproc.dialects.openai_chat.usage import render_usage
from extproc.dialects.openai_chat.vocabulary import FINISH_WRITTEN, completion_id, service_tier
from extproc.domain.answer import Answer, Choice
from extproc.domain.conversation import RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.reading import Json, JsonObject
from extproc.domain.sealed import seal


def render_answer(answer: Answer, *, created: int) -> JsonObject:
    """A ``chat.completion`` as OpenAI's API sends it (openai.types.chat.ChatCompletion), nulls included."""
    created = answer.created or created
    body: dict[str, Json] = {
        "id": completion_id(answer.id, created),
        "object": "chat.completion",
        "created": created,
        "model": answer.model,
        "choices": [_choice(index, choice) for index, choice in enumerate(answer.choices)],
        "usage": render_usage(answer.usage),
    }
    if (tier := service_tier(answer.service_tier)) is not None:
        body["service_tier"] = tier
    body["system_fingerprint"] = answer.system_fingerprint
    return body


def _choice(index: int, choice: Choice) -> JsonObject:
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    finish = "tool_calls" if calls else "stop"  # where the vendor did not say: the schema allows no null
    return {
        "index": index,
        "message": _message(choice, calls),
        "logprobs": choice.logprobs,
        "finish_reason": finish if choice.finish is None else FINISH_WRITTEN[choice.finish],
    }


def _message(choice: Choice, calls: list[ToolCall]) -> JsonObject:
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    refusal = "".join(part.text for part in choice.parts if isinstance(part, Refusal)) or None
    message: dict[str, Json] = {
        "role": "assistant",
        # As OpenAI does: null beside a call or a refusal, an empty string where nothing was said at all.
        "content": None if not texts and (calls or refusal) else "".join(texts),
        "refusal": refusal,
        "annotations": _annotations(choice),
    }
    message |= _reasoning(choice)
    if calls:
        message["tool_calls"] = [tool_call(call) for call in calls]
    return message


def _annotations(choice: Choice) -> list[Json]:
    annotations: list[Json] = []
    end = 0
    for part in choice.parts:
        if isinstance(part, Text):
            start, end = end, end + len(part.text)
            rendered = (render_annotation(citation, start, end) for citation in part.citations)
            annotations += (annotation for annotation in rendered if annotation is not None)
    return annotations


def _reasoning(choice: Choice) -> dict[str, Json]:
    """``reasoning_content``, and ``thinking_blocks`` where something must come back as it is: signed or encrypted."""
    thinking = [part for part in choice.parts if isinstance(part, Thinking | RedactedThinking)]
    fields: dict[str, Json] = {}
    if text := "".join(part.text for part in thinking if isinstance(part, Thinking)):
        fields["reasoning_content"] = text
    if any(isinstance(part, RedactedThinking) or part.signature for part in thinking):
        fields["thinking_blocks"] = [thinking_block(part) for part in thinking]
    return fields


def thinking_block(part: Thinking | RedactedThinking) -> JsonObject:
    """One of ``thinking_blocks``, in Anthropic's shape, whosever reasoning it is."""
    if isinstance(part, RedactedThinking):
        return {"type": "redacted_thinking", "data": seal(part.data, part.origin, native="anthropic")}
    signature = seal(part.signature, part.origin, native="anthropic") if part.signature else ""
    return {"type": "thinking", "thinking": part.text, "signature": signature}


def tool_call(call: ToolCall) -> JsonObject:
    """One of ``tool_calls``. Gemini's signature goes where its own OpenAI-compatible API has it.

    Source: https://ai.google.dev/gemini-api/docs/thought-signatures#openai.
    """
    function: JsonObject = {"name": call.name, "arguments": call.arguments}
    body: dict[str, Json] = {"id": call.id, "type": "function", "function": function}
    if call.signature:
        body["extra_content"] = {"google": {"thought_signature": call.signature}}
    return body
