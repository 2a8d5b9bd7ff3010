"""What vendors with OpenAI's format do in their own way; a behaviour asks for it by name.

``reasoning_content``  thinking is shown in this field (DeepSeek: https://api-docs.deepseek.com/guides/thinking_mode)
``reasoning``          the same in this one (OpenRouter: https://openrouter.ai/docs/use-cases/reasoning-tokens)
``usage_at_finish``    a stream's usage comes with the last finish, asked for or not (https://docs.mistral.ai/api)
``no_usage``           usage is never told
``no_done``            a stream ends without ``[DONE]``
``comments``           comments keep the stream alive (https://openrouter.ai/docs/api-reference/streaming)
``whole_calls``        each call comes in one piece, with all of its arguments (https://github.com/ollama/ollama/issues/11633)
"""

from collections.abc import Iterator

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.dialect import Exchange
from extproc.simulator.wire import Event

_DATA = b"data: "
_COMMENT = b": keep-alive\n\n"


def quirky_whole(exchange: Exchange, body: bytes) -> bytes:
    """A whole answer in that way."""
    document: dict[str, Json] = orjson.loads(body)
    field = _shown(exchange)
    if field:
        choices = document["choices"]
        assert isinstance(choices, list)
        for choice, said in zip(choices, exchange.said, strict=True):
            assert isinstance(choice, dict)
            message = choice["message"]
            assert isinstance(message, dict)
            message[field] = "".join(said.thinking) or None
    if "no_usage" in exchange.quirks:
        del document["usage"]
    return orjson.dumps(document)


def quirky_events(exchange: Exchange, events: Iterator[Event]) -> Iterator[Event]:
    """A stream in that way."""
    quirks = exchange.quirks
    if _shown(exchange):
        events = _thinking(exchange, events)
    if "whole_calls" in quirks:
        events = _joined(events)
    if "usage_at_finish" in quirks:
        events = _early_usage(exchange, events)
    for index, event in enumerate(events):
        if "no_done" in quirks and event.data.startswith(b"data: [DONE]"):
            return
        if "no_usage" in quirks and _is_usage(event):
            continue
        if "comments" in quirks and index % 3 == 0:
            yield Event(_COMMENT)
        yield event


def _shown(exchange: Exchange) -> str:
    """The field that shows thinking; empty where none does."""
    return next((name for name in ("reasoning_content", "reasoning") if name in exchange.quirks), "")


def _thinking(exchange: Exchange, events: Iterator[Event]) -> Iterator[Event]:
    """Thinking behind the chunk that opens a choice; the tokens of what was hidden are no longer the content's."""
    field = _shown(exchange)
    debt = 0
    for event in events:
        chunk = _chunk(event)
        choice = _choice(chunk)
        delta = choice.get("delta") if choice else None
        if not isinstance(delta, dict):
            yield event
            continue
        if debt and event.content:
            yield event._replace(tokens=event.tokens - debt)
            debt = 0
            continue
        yield event
        index = choice["index"]
        if "role" in delta and isinstance(index, int):
            for piece in exchange.said[index].thinking:
                shown: JsonObject = {"index": index, "delta": {field: piece}, "finish_reason": None}
                yield Event(_data({**chunk, "choices": [shown]}), 1, content=True)
            debt = len(exchange.said[index].thinking)


def _joined(events: Iterator[Event]) -> Iterator[Event]:
    """The chunks of one call as one chunk."""
    held: dict[str, Json] = {}
    call: dict[str, Json] = {}
    tokens = 0
    for event in events:
        chunk = _chunk(event)
        piece = _call(chunk)
        if held and (not piece or "id" in piece):
            yield Event(_data(held), tokens, content=True)
            held, tokens = {}, 0
        if not piece:
            yield event
            continue
        if "id" in piece:
            held, call = chunk, piece
        else:
            function, more = call["function"], piece["function"]
            assert isinstance(function, dict)
            assert isinstance(more, dict)
            function["arguments"] = f"{function['arguments']}{more['arguments']}"
        tokens += event.tokens


def _early_usage(exchange: Exchange, events: Iterator[Event]) -> Iterator[Event]:
    left = len(exchange.said)
    spent = exchange.spent
    usage: JsonObject = {
        "prompt_tokens": spent.input,
        "completion_tokens": spent.output,
        "total_tokens": spent.input + spent.output,
    }
    for event in events:
        if _is_usage(event):
            continue
        chunk = _chunk(event)
        choice = _choice(chunk)
        if choice and choice.get("finish_reason"):
            left -= 1
            if not left:
                yield event._replace(data=_data({**chunk, "usage": usage}))
                continue
        yield event


def _is_usage(event: Event) -> bool:
    return b'"choices":[]' in event.data


def _chunk(event: Event) -> dict[str, Json]:
    if not event.data.startswith(b"data: {"):
        return {}
    chunk: dict[str, Json] = orjson.loads(event.data[len(_DATA) :])
    return chunk


def _choice(chunk: dict[str, Json]) -> dict[str, Json]:
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else {}


def _call(chunk: dict[str, Json]) -> dict[str, Json]:
    delta = _choice(chunk).get("delta")
    calls = delta.get("tool_calls") if isinstance(delta, dict) else None
    call = calls[0] if isinstance(calls, list) and calls else None
    return call if isinstance(call, dict) else {}


def _data(chunk: JsonObject) -> bytes:
    return _DATA + orjson.dumps(chunk) + b"\n\n"
