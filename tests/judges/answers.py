"""What a model says, in the words of each vendor that seals its reasoning: whole answers, streams, and what is sealed."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence

import orjson

from extproc.domain.answer import AnswerPart
from extproc.domain.conversation import RedactedThinking, Text, Thinking, ToolCall
from tests.judges.eventstream import encode

ORIGINS: Mapping[str, str] = {
    "anthropic": "anthropic",
    "bedrock": "anthropic",
    "openai-responses": "openai",
    "gemini": "gemini",
}
"""Format → whose seals its answers hold."""


def whole(spoken: str, parts: Sequence[AnswerPart]) -> bytes:
    """A whole answer of the format."""
    return orjson.dumps(_WHOLE[spoken](parts))


def streamed(spoken: str, parts: Sequence[AnswerPart]) -> bytes:
    """The same as a stream, every text in two pieces."""
    return _STREAMED[spoken](parts)


def seals_of(parts: Sequence[AnswerPart]) -> list[str]:
    """What only the vendor can read, in order."""
    return [seal for part in parts if (seal := _seal(part))]


def _seal(part: AnswerPart) -> str | None:
    match part:
        case Thinking() | ToolCall():
            return part.signature
        case RedactedThinking():
            return part.data
        case _:
            return None


def seals_in(spoken: str, request: Mapping) -> list[str]:
    """What a request of the format sends back to its vendor, in order."""
    return list(_SENT_BACK[spoken](request))


def pieces(text: str) -> list[str]:
    return [text[:1], text[1:]] if len(text) > 1 else [text]


def _arguments(part: ToolCall) -> dict:
    return orjson.loads(part.arguments)


# Anthropic: https://platform.claude.com/docs/en/api/messages


def _block(part: AnswerPart) -> dict:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Thinking():
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        case RedactedThinking():
            return {"type": "redacted_thinking", "data": part.data}
        case _:
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _arguments(part)}


def _claude(parts: Sequence[AnswerPart]) -> dict:
    called = any(isinstance(part, ToolCall) for part in parts)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [_block(part) for part in parts],
        "stop_reason": "tool_use" if called else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }


def _claude_stream(parts: Sequence[AnswerPart]) -> bytes:
    events: list[dict] = [{"type": "message_start", "message": _claude(()) | {"stop_reason": None}}]
    for index, part in enumerate(parts):
        start, deltas = _claude_deltas(part)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": _claude(parts)["stop_reason"]}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 2}})
    events.append({"type": "message_stop"})
    return _sse(events)


def _claude_deltas(part: AnswerPart) -> tuple[dict, list[dict]]:
    block = _block(part)
    match part:
        case Text():
            return block | {"text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(part.text)]
        case Thinking():
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(part.text)]
            deltas.append({"type": "signature_delta", "signature": part.signature})
            return block | {"thinking": "", "signature": ""}, deltas
        case RedactedThinking():
            return block, []
        case _:
            given = part.arguments if _arguments(part) else ""
            return block | {"input": {}}, [
                {"type": "input_json_delta", "partial_json": piece} for piece in pieces(given)
            ]


def _sent_to_claude(request: Mapping) -> Iterator[str]:
    for turn in request["messages"]:
        for block in turn["content"] if isinstance(turn["content"], list) else ():
            if block["type"] == "thinking":
                yield block["signature"]
            elif block["type"] == "redacted_thinking":
                yield block["data"]


# Bedrock: the service model of bedrock-runtime (Converse, ConverseStream)


def _bedrock_block(part: AnswerPart) -> dict:
    match part:
        case Text():
            return {"text": part.text}
        case Thinking():
            return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}
        case RedactedThinking():
            return {"reasoningContent": {"redactedContent": b64encode(part.data.encode()).decode()}}
        case _:
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": _arguments(part)}}


def _bedrock(parts: Sequence[AnswerPart]) -> dict:
    return {
        "output": {"message": {"role": "assistant", "content": [_bedrock_block(part) for part in parts]}},
        "stopReason": "tool_use" if any(isinstance(part, ToolCall) for part in parts) else "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        "metrics": {"latencyMs": 1},
    }


def _bedrock_stream(parts: Sequence[AnswerPart]) -> bytes:
    lines: list[tuple[str, dict]] = [("messageStart", {"role": "assistant"})]
    for index, part in enumerate(parts):
        match part:
            case Text():
                deltas: list[dict] = [{"text": piece} for piece in pieces(part.text)]
            case Thinking():
                deltas = [{"reasoningContent": {"text": piece}} for piece in pieces(part.text)]
                deltas.append({"reasoningContent": {"signature": part.signature}})
            case RedactedThinking():
                deltas = [_bedrock_block(part)]
            case _:
                start = {"toolUse": {"toolUseId": part.id, "name": part.name}}
                lines.append(("contentBlockStart", {"contentBlockIndex": index, "start": start}))
                deltas = [{"toolUse": {"input": piece}} for piece in pieces(part.arguments)]
        lines += [("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
        lines.append(("contentBlockStop", {"contentBlockIndex": index}))
    whole_answer = _bedrock(parts)
    lines.append(("messageStop", {"stopReason": whole_answer["stopReason"]}))
    lines.append(("metadata", {"usage": whole_answer["usage"], "metrics": {"latencyMs": 1}}))
    return encode("\n".join(f"{name} {orjson.dumps(payload).decode()}" for name, payload in lines))


def _sent_to_bedrock(request: Mapping) -> Iterator[str]:
    for turn in request["messages"]:
        for block in turn["content"]:
            reasoning = block.get("reasoningContent", {})
            if "reasoningText" in reasoning:
                yield reasoning["reasoningText"]["signature"]
            elif reasoning:
                yield b64decode(reasoning["redactedContent"], validate=True).decode()


# OpenAI's Responses: openai.types.responses


def _item(index: int, part: AnswerPart) -> dict:
    match part:
        case Text():
            content = {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}
            return {
                "id": f"msg_{index}",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [content],
            }
        case Thinking():
            own_id, _, encrypted = (part.signature or "").partition(".")
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            return {"id": own_id, "type": "reasoning", "summary": summary, "encrypted_content": encrypted}
        case _:
            assert isinstance(part, ToolCall), "a response has no other items"
            return {
                "id": f"fc_{index}",
                "type": "function_call",
                "status": "completed",
                "call_id": part.id,
                "name": part.name,
                "arguments": part.arguments,
            }


def _response(parts: Sequence[AnswerPart], status: str = "completed") -> dict:
    usage = {
        "input_tokens": 1,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 3,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_763_700_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "gpt-5.1",
        "output": [_item(index, part) for index, part in enumerate(parts)],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if status == "completed" else None,
    }


def _response_stream(parts: Sequence[AnswerPart]) -> bytes:
    events: list[dict] = [{"type": "response.created", "response": _response((), "in_progress")}]
    for index, part in enumerate(parts):
        item = _item(index, part)
        at = {"output_index": index, "item_id": item["id"]}
        match part:
            case Text():
                empty: dict = {"content": [], "status": "in_progress"}
                events_of = _part_events("content", "response.output_text", part.text, {"logprobs": []})
            case Thinking():
                empty = {"summary": []}
                events_of = _part_events("summary", "response.reasoning_summary_text", part.text, {})
            case _:
                empty = {"arguments": "", "status": "in_progress"}
                name = "response.function_call_arguments"
                events_of = [{"type": f"{name}.delta", "delta": piece} for piece in pieces(part.arguments)]
                events_of.append({"type": f"{name}.done", "arguments": part.arguments, "name": part.name})
        begun = {name: value for name, value in (item | empty).items() if name != "encrypted_content"}
        events.append({"type": "response.output_item.added", "output_index": index, "item": begun})
        events += [event | at for event in events_of]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": _response(parts)})
    return _sse([event | {"sequence_number": number} for number, event in enumerate(events)])


def _part_events(place: str, name: str, text: str, more: dict) -> list[dict]:
    """One part of an item, if it has one."""
    if not text:
        return []
    kind = "output_text" if place == "content" else "summary_text"
    index = {f"{place}_index": 0}
    empty = {"type": kind, "text": ""} | ({"annotations": [], "logprobs": []} if place == "content" else {})
    added = "response.content_part" if place == "content" else "response.reasoning_summary_part"
    deltas = [{"type": f"{name}.delta", "delta": piece, **index, **more} for piece in pieces(text)]
    return [
        {"type": f"{added}.added", "part": empty, **index},
        *deltas,
        {"type": f"{name}.done", "text": text, **index, **more},
        {"type": f"{added}.done", "part": empty | {"text": text}, **index},
    ]


def _sent_to_responses(request: Mapping) -> Iterator[str]:
    for item in request["input"]:
        if item.get("type") == "reasoning":
            yield f"{item['id']}.{item['encrypted_content']}"


# Gemini: https://ai.google.dev/gemini-api/docs/thought-signatures


def _gemini_parts(parts: Sequence[AnswerPart]) -> list[dict]:
    """A seal is the signature of the part behind it, or stands at the end with an empty text."""
    blocks: list[dict] = []
    seal: dict = {}
    for part in parts:
        match part:
            case RedactedThinking():
                seal = {"thoughtSignature": part.data}
                continue
            case Text():
                blocks.append({"text": part.text} | seal)
            case Thinking():
                signed = {"thoughtSignature": part.signature} if part.signature else {}
                blocks.append({"text": part.text, "thought": True} | signed)
            case _:
                signed = {"thoughtSignature": part.signature} if part.signature else {}
                call = {"id": part.id, "name": part.name, "args": _arguments(part)}
                blocks.append({"functionCall": call} | signed)
        seal = {}
    return [*blocks, {"text": ""} | seal] if seal else blocks


def _gemini_answer(blocks: list[dict], **more) -> dict:
    return {
        "candidates": [{"content": {"role": "model", "parts": blocks}, "index": 0} | more],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        "modelVersion": "gemini-3-pro",
        "responseId": "r1",
    }


def _gemini(parts: Sequence[AnswerPart]) -> dict:
    return _gemini_answer(_gemini_parts(parts), finishReason="STOP")


def _gemini_stream(parts: Sequence[AnswerPart]) -> bytes:
    chunks = []
    for block in _gemini_parts(parts):
        if len(block.get("text", "")) > 1 and "thought" in block:
            chunks += [block | {"text": piece} for piece in pieces(block["text"])]
            chunks[-2].pop("thoughtSignature", None)  # at the end, where its text is whole
        else:
            chunks.append(block)
    bodies = [*(_gemini_answer([block]) for block in chunks), _gemini_answer([{"text": ""}], finishReason="STOP")]
    return b"".join(b"data: %s\r\n\r\n" % orjson.dumps(body) for body in bodies)


def _sent_to_gemini(request: Mapping) -> Iterator[str]:
    for turn in request["contents"]:
        for part in turn["parts"]:
            signature = part.get("thoughtSignature")
            if signature and signature != "skip_thought_signature_validator":
                # Google's SDKs write the URL-safe alphabet of the same bytes.
                yield signature.replace("-", "+").replace("_", "/")


def _sse(events: list[dict]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event)) for event in events)


_WHOLE: Mapping[str, Callable[[Sequence[AnswerPart]], dict]] = {
    "anthropic": _claude,
    "bedrock": _bedrock,
    "openai-responses": _response,
    "gemini": _gemini,
}
_STREAMED: Mapping[str, Callable[[Sequence[AnswerPart]], bytes]] = {
    "anthropic": _claude_stream,
    "bedrock": _bedrock_stream,
    "openai-responses": _response_stream,
    "gemini": _gemini_stream,
}
_SENT_BACK: Mapping[str, Callable[[Mapping], Iterator[str]]] = {
    "anthropic": _sent_to_claude,
    "bedrock": _sent_to_bedrock,
    "openai-responses": _sent_to_responses,
    "gemini": _sent_to_gemini,
    "openai": lambda _request: iter(()),  # Chat Completions takes no reasoning back
}
