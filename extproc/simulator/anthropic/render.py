"""Anthropic's answers: one ``message``, or events from ``message_start`` to ``message_stop``.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.anthropic.signature import signature
from extproc.simulator.dialect import Exchange, Spent
from extproc.simulator.mind import Finish
from extproc.simulator.wire import Event

_FINISH: Mapping[Finish, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    said = exchange.said[0]
    content: list[Json] = []
    if said.thinking:
        text = "".join(said.thinking)
        shown = "" if _hides_thinking(exchange) else text
        content.append({"type": "thinking", "thinking": shown, "signature": signature(text)})
    if said.text:
        content.append({"type": "text", "text": "".join(said.text)})
    for at, call in enumerate(said.calls):
        content.append(
            {"type": "tool_use", "id": _call_id(exchange, at), "name": call.name, "input": orjson.loads(call.text)}
        )
    document = _message(exchange)
    document["content"] = content
    document["stop_reason"] = exchange.finish or _FINISH[said.finish]
    document["stop_sequence"] = said.stop_sequence
    document["usage"] = {**_usage(exchange), "output_tokens": exchange.spent.output, **_details(exchange.spent)}
    return orjson.dumps(document)


def events(exchange: Exchange) -> Iterator[Event]:
    """See ``Dialect.events``. The ping comes once, behind the first block's start, as Anthropic mostly sends it."""
    document = _message(exchange)
    # Anthropic counts a few tokens as produced before the first is shown; what is billed is in message_delta.
    document["usage"] = {**_usage(exchange), "output_tokens": 1}
    yield _event("message_start", {"type": "message_start", "message": document})
    pinged = False
    for event in _blocks(exchange):
        yield event
        if not pinged:
            yield Event(b'event: ping\ndata: {"type": "ping"}\n\n')
            pinged = True
    yield _event("message_delta", _ending(exchange))
    yield _event("message_stop", {"type": "message_stop"})


def _blocks(exchange: Exchange) -> Iterator[Event]:
    said = exchange.said[0]
    index = 0
    if said.thinking:
        opened: JsonObject = {"type": "thinking", "thinking": "", "signature": ""}
        yield from _thinking(exchange, opened)
        index = 1
    if said.text:
        yield _start(index, {"type": "text", "text": ""})
        for piece in said.text:
            yield _delta(index, b'{"type":"text_delta","text":' + orjson.dumps(piece) + b"}", 1, len(piece))
        yield _stop(index)
        index += 1
    for at, call in enumerate(said.calls):
        yield _start(index, {"type": "tool_use", "id": _call_id(exchange, at), "name": call.name, "input": {}})
        yield _delta(index, b'{"type":"input_json_delta","partial_json":""}', 0, 0)
        for piece in call.arguments:
            delta = b'{"type":"input_json_delta","partial_json":' + orjson.dumps(piece) + b"}"
            yield _delta(index, delta, 1, len(piece))
        yield _stop(index)
        index += 1


def _thinking(exchange: Exchange, opened: JsonObject) -> Iterator[Event]:
    pieces = exchange.said[0].thinking
    yield _start(0, opened)
    hidden = _hides_thinking(exchange)
    for piece in () if hidden else pieces:
        yield _delta(0, b'{"type":"thinking_delta","thinking":' + orjson.dumps(piece) + b"}", 1, len(piece))
    signed = orjson.dumps({"type": "signature_delta", "signature": signature("".join(pieces))})
    yield _delta(0, signed, len(pieces) if hidden else 0, 0)
    yield _stop(0)


def _hides_thinking(exchange: Exchange) -> bool:
    thinking = exchange.body.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("display") == "omitted"


def _start(index: int, block: JsonObject) -> Event:
    return _event("content_block_start", {"type": "content_block_start", "index": index, "content_block": block})


def _delta(index: int, delta: bytes, tokens: int, size: int) -> Event:
    # Anthropic levels the sizes of deltas with spaces before the last brace.
    data = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b%b}\n\n'
    return Event(data % (index, delta, b" " * (11 - size % 12)), tokens, content=True)


def _stop(index: int) -> Event:
    return _event("content_block_stop", {"type": "content_block_stop", "index": index})


def _event(name: str, document: JsonObject) -> Event:
    return Event(b"event: " + name.encode() + b"\ndata: " + orjson.dumps(document) + b"\n\n")


def _message(exchange: Exchange) -> dict[str, Json]:
    return {
        "model": exchange.model,
        "id": f"msg_01{exchange.token[2:]}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _ending(exchange: Exchange) -> JsonObject:
    said, spent = exchange.said[0], exchange.spent
    stop = {"stop_reason": exchange.finish or _FINISH[said.finish], "stop_sequence": said.stop_sequence}
    usage: dict[str, Json] = {
        "input_tokens": _uncached(spent),
        "cache_creation_input_tokens": spent.cache_written,
        "cache_read_input_tokens": spent.cache_read,
        "output_tokens": spent.output,
        **_details(spent),
    }
    return {"type": "message_delta", "delta": stop, "usage": usage}


def _usage(exchange: Exchange) -> dict[str, Json]:
    spent = exchange.spent
    return {
        "input_tokens": _uncached(spent),
        "cache_creation_input_tokens": spent.cache_written,
        "cache_read_input_tokens": spent.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": spent.cache_written_short,
            "ephemeral_1h_input_tokens": spent.cache_written_long,
        },
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _details(spent: Spent) -> dict[str, Json]:
    return {"output_tokens_details": {"thinking_tokens": spent.thinking}} if spent.thinking else {}


def _uncached(spent: Spent) -> int:
    return spent.input - spent.cache_read - spent.cache_written


def _call_id(exchange: Exchange, at: int) -> str:
    return f"toolu_01{exchange.token[4:]}{at:02x}"
