"""``Conversation`` → request JSON; ``Answer`` → answer JSON. Counterpart: ``parse.py``.

Source: https://platform.claude.com/docs/en/api/messages (``MessageCreateParams``, ``Message``).
"""

import re

from extproc.dialects.anthropic.reasons import stop_reason_of
from extproc.dialects.anthropic.render_blocks import render_content
from extproc.dialects.anthropic.render_options import (
    note_losses,
    render_sampling,
    render_stop,
    render_thinking,
    render_tier,
    render_tools,
)
from extproc.dialects.anthropic.render_turns import render_turns
from extproc.dialects.anthropic.usage import render_usage
from extproc.dialects.arguments import arguments_object
from extproc.dialects.base import Rendered, RenderOptions
from extproc.dialects.claude import traits_of
from extproc.dialects.closed_schema import closed_schema
from extproc.dialects.losses import Losses, nothing_said
from extproc.dialects.turns import Block
from extproc.domain.answer import Answer, AnswerPart, Choice
from extproc.domain.conversation import Conversation, OutputFormat, RedactedThinking, Refusal, Text, Thinking, ToolCall
from extproc.domain.errors import InternalError
from extproc.domain.reading import Json, JsonObject
from extproc.domain.sealed import seal

_JSON_ONLY = "Respond with a JSON object only."
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


def render_request(conversation: Conversation, options: RenderOptions) -> Rendered:
    """The body of a Messages request.

    Raises ``UnsupportedFeature`` naming every field that cannot be carried, unless they may be dropped, and
    ``InvalidRequest`` where no message has content.
    """
    losses = Losses("Anthropic dialect", conversation)
    traits = traits_of(options.known_as or conversation.model)
    max_tokens = conversation.max_output_tokens
    if max_tokens is None:
        max_tokens = options.default_max_output_tokens
    note_losses(conversation, losses)
    system, messages, unthought = render_turns(conversation.messages, losses, traits)
    system += _format_instruction(conversation.output_format)
    thinking = render_thinking(conversation, traits, max_tokens, losses, unthought=unthought)
    config = _output_config(conversation.output_format, thinking.effort)
    body: Block = {"model": conversation.model, "max_tokens": max_tokens}
    if system:
        body["system"] = render_content(system)
    body["messages"] = messages
    body |= render_tools(conversation, traits, losses)
    if thinking.thinking is not None:
        body["thinking"] = thinking.thinking
    if config:
        body["output_config"] = config
    body |= render_sampling(conversation, traits, losses, thinks=thinking.on)
    body |= render_stop(conversation, losses)
    body |= render_tier(conversation, losses)
    if conversation.user is not None:
        body["metadata"] = {"user_id": conversation.user}
    if conversation.stream:
        body["stream"] = True
    # First what cannot be carried: it may be why nothing is left.
    dropped = losses.settle(drop=options.drop_unsupported)
    if not messages:
        raise nothing_said(conversation)
    return Rendered(body, dropped)


def _output_config(output: OutputFormat | None, effort: str | None) -> Block:
    config: Block = {}
    if effort is not None:
        config["effort"] = effort
    if output is not None and output.schema is not None:
        config["format"] = {"type": "json_schema", "schema": closed_schema(output.schema)}
    return config


def _format_instruction(output: OutputFormat | None) -> list[Block]:
    """The vendor has no mode for JSON of any shape: asking for it adds to the prompt and changes nothing else."""
    if output is None or output.schema is not None:
        return []
    return [{"type": "text", "text": _JSON_ONLY}]


def render_answer(answer: Answer) -> JsonObject:
    """The message object. Of several choices the first is taken, for this API knows one."""
    if not answer.choices:
        raise InternalError("an answer without a choice cannot be rendered")
    choice = answer.choices[0]
    return {
        "id": message_id(answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [block for part in choice.parts for block in _answer_blocks(part)],
        "stop_reason": _stop_reason(choice),
        "stop_sequence": choice.stop_sequence,
        "usage": render_usage(answer.usage, answer.service_tier),
    }


def message_id(vendor_id: str) -> str:
    """An id with the prefix that Anthropic's have, traceable to the vendor's own."""
    if vendor_id.startswith("msg_"):
        return vendor_id
    return f"msg_{_NOT_IN_IDS.sub('_', vendor_id)}"


def _stop_reason(choice: Choice) -> str:
    return stop_reason_of(
        choice.finish,
        stop_sequence=choice.stop_sequence,
        called_tools=any(isinstance(part, ToolCall) for part in choice.parts),
        refused=any(isinstance(part, Refusal) for part in choice.parts),
    )


def _answer_blocks(part: AnswerPart) -> list[Json]:
    block = _answer_block(part)
    if block is None:
        return []
    signature = part.signature if isinstance(part, ToolCall) else None
    return [call_seal(signature), block] if signature else [block]


def call_seal(signature: str) -> Block:
    """Gemini's signature of a call, as a block before it: a call itself has no place for one."""
    return {"type": "redacted_thinking", "data": seal(signature, "gemini", native="anthropic")}


def _answer_block(part: AnswerPart) -> Block | None:
    match part:
        case Text():
            if not part.text:
                return None
            block: Block = {"type": "text", "text": part.text}
            if part.citations:
                block["citations"] = list(part.citations)
            return block
        case Refusal():
            return {"type": "text", "text": part.text} if part.text else None
        case Thinking():
            signature = seal(part.signature, part.origin, native="anthropic") if part.signature else ""
            return {"type": "thinking", "thinking": part.text, "signature": signature}
        case RedactedThinking():
            return {"type": "redacted_thinking", "data": seal(part.data, part.origin, native="anthropic")}
        case _:  # a tool call, the last that there is
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_object(part.arguments)}
