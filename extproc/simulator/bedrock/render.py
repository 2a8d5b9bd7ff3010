"""Converse's answers: one document, or messages of the binary event stream up to ``metadata``.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic.signature import signature
from extproc.simulator.bedrock.eventstream import event
from extproc.simulator.bedrock.model import is_claude
from extproc.simulator.dialect import Exchange, Spent
from extproc.simulator.mind import Finish
from extproc.simulator.wire import Event

_FINISH: Mapping[Finish, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Cut to size as ``p``, which levels the sizes of messages."""
_LATENCY_MS = 417


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    said = exchange.said[0]
    content: list[Json] = []
    if said.thinking:
        text = "".join(said.thinking)
        signed = {"signature": signature(text)} if is_claude(exchange.model) else {}
        content.append({"reasoningContent": {"reasoningText": {"text": text, **signed}}})
    if said.text:
        content.append({"text": "".join(said.text)})
    for at, call in enumerate(said.calls):
        use = {"toolUseId": _call_id(exchange, at), "name": call.name, "input": orjson.loads(call.text)}
        content.append({"toolUse": use})
    document: dict[str, Json] = {
        "metrics": {"latencyMs": _LATENCY_MS},
        "output": {"message": {"content": content, "role": "assistant"}},
        "stopReason": exchange.finish or _FINISH[said.finish],
        "usage": _usage(exchange.spent),
        **_echoes(exchange),
    }
    fields = _response_fields(exchange)
    if fields is not None:
        document["additionalModelResponseFields"] = fields
    return orjson.dumps(document)


def events(exchange: Exchange) -> Iterator[Event]:
    """See ``Dialect.events``. Only calls of tools have a start; text and thinking begin with their first delta."""
    said = exchange.said[0]
    yield _event("messageStart", {"role": "assistant"})
    index = 0
    if said.thinking:
        for piece in said.thinking:
            yield _delta(index, {"reasoningContent": {"text": piece}}, 1)
        if is_claude(exchange.model):
            yield _delta(index, {"reasoningContent": {"signature": signature("".join(said.thinking))}}, 0)
        yield _event("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    if said.text:
        for piece in said.text:
            yield _delta(index, {"text": piece}, 1)
        yield _event("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    for at, call in enumerate(said.calls):
        use = {"toolUse": {"name": call.name, "toolUseId": _call_id(exchange, at)}}
        yield _event("contentBlockStart", {"contentBlockIndex": index, "start": use})
        for piece in call.arguments:
            yield _delta(index, {"toolUse": {"input": piece}}, 1)
        yield _event("contentBlockStop", {"contentBlockIndex": index})
        index += 1
    stop: dict[str, Json] = {"stopReason": exchange.finish or _FINISH[said.finish]}
    fields = _response_fields(exchange)
    if fields is not None:
        stop["additionalModelResponseFields"] = fields
    yield _event("messageStop", stop)
    metadata = {"metrics": {"latencyMs": _LATENCY_MS}, "usage": _usage(exchange.spent), **_echoes(exchange)}
    yield _event("metadata", metadata)


def _delta(index: int, delta: JsonObject, tokens: int) -> Event:
    made = _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
    return Event(made.data, tokens, content=True)


def _event(name: str, document: JsonObject) -> Event:
    padding = _PADDING[: 4 + len(document) * 7 % 40]
    return Event(event(name, orjson.dumps({**document, "p": padding})))


def _response_fields(exchange: Exchange) -> JsonObject | None:
    """What was asked for by JSON pointers; only the stop sequence is there to be had."""
    paths = exchange.body.get("additionalModelResponseFieldPaths")
    if isinstance(paths, list) and "/stop_sequence" in paths:
        return {"stop_sequence": exchange.said[0].stop_sequence}
    return None


def _echoes(exchange: Exchange) -> dict[str, Json]:
    """The settings that Bedrock repeats in its answer."""
    return {
        name: exchange.body[name]
        for name in ("performanceConfig", "serviceTier")
        if exchange.body.get(name) is not None
    }


def _usage(spent: Spent) -> dict[str, Json]:
    # Cached tokens are no part of inputTokens, but of the total.
    plain = spent.input - spent.cache_read - spent.cache_written
    usage: dict[str, Json] = {
        "inputTokens": plain,
        "outputTokens": spent.output,
        "totalTokens": spent.input + spent.output,
        "cacheReadInputTokens": spent.cache_read,
        "cacheWriteInputTokens": spent.cache_written,
    }
    written = {"5m": spent.cache_written_short, "1h": spent.cache_written_long}
    if spent.cache_written:
        usage["cacheDetails"] = [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in written.items() if tokens]
    return usage


def _call_id(exchange: Exchange, at: int) -> str:
    return f"tooluse_{exchange.token[4:]}{at:02x}"
