"""OpenAI's answers: one ``chat.completion``, or ``chat.completion.chunk`` events up to ``[DONE]``.

Source: https://platform.openai.com/docs/api-reference/chat/object and .../chat/streaming
"""

from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.dialect import Exchange, Spent
from extproc.simulator.mind import Finish, Said
from extproc.simulator.openai.messages import uses_breakpoints
from extproc.simulator.wire import Event

_FINISH: Mapping[Finish, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
}
_PADDING = "Xq7vB2mKd9RtLw4z"
"""Cut to size as ``obfuscation``, which levels the sizes of chunks unless the client forbids it."""

FINGERPRINT = "fp_5f3a9c01de"


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    document = _envelope(exchange, "chat.completion")
    document["choices"] = [_choice(exchange, index, said) for index, said in enumerate(exchange.said)]
    document["usage"] = _usage(exchange.spent, exchange.body)
    return orjson.dumps(document)


def events(exchange: Exchange) -> Iterator[Event]:
    """See ``Dialect.events``. Choices come one after the other, each opened by its role and closed by its finish."""
    chunks = _Chunks(exchange)
    for index, said in enumerate(exchange.said):
        yield from _choice_events(chunks, exchange, index, said)
    if chunks.include_usage:
        yield chunks.usage(_usage(exchange.spent, exchange.body))
    yield Event(b"data: [DONE]\n\n")


class _Chunks:
    """Chunks of one stream: what all of them share is rendered once."""

    def __init__(self, exchange: Exchange) -> None:
        head = orjson.dumps(_envelope(exchange, "chat.completion.chunk"))[:-1]
        options = exchange.body.get("stream_options")
        asked: JsonObject = options if isinstance(options, Mapping) else {}
        self.include_usage = asked.get("include_usage") is True
        self._obfuscate = asked.get("include_obfuscation") is not False
        self._head = b"data: " + head + b',"choices":['
        self._end = b',"usage":null' if self.include_usage else b""

    def delta(self, index: int, delta: bytes, tokens: int = 0, logprobs: bytes = b"null", size: int = 0) -> Event:
        """A chunk with a piece of choice ``index``; ``size`` is the length of the piece's text."""
        choice = b'{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":null}]' % (index, delta, logprobs)
        return Event(self._head + choice + self._tail(size), tokens, content=tokens > 0)

    def finish(self, index: int, reason: str) -> Event:
        """The chunk that ends choice ``index``."""
        choice = b'{"index":%d,"delta":{},"logprobs":null,"finish_reason":"%b"}]' % (index, reason.encode())
        return Event(self._head + choice + self._tail(0))

    def usage(self, usage: JsonObject) -> Event:
        """The chunk with the usage and no choices."""
        tail = b',"obfuscation":""}\n\n' if self._obfuscate else b"}\n\n"
        return Event(self._head + b'],"usage":' + orjson.dumps(usage) + tail)

    def _tail(self, size: int) -> bytes:
        if not self._obfuscate:
            return self._end + b"}\n\n"
        padding = _PADDING[size % len(_PADDING) :]
        return self._end + b',"obfuscation":"' + padding.encode() + b'"}\n\n'


def _choice_events(chunks: _Chunks, exchange: Exchange, index: int, said: Said) -> Iterator[Event]:
    asked = exchange.body.get("logprobs") is True
    # Thinking is never shown but is paid for: it is spent by the time the first content is there.
    debt = len(said.thinking)
    opening = b'{"role":"assistant","content":null,"refusal":null}' if said.calls and not said.text else b""
    yield chunks.delta(index, opening or b'{"role":"assistant","content":"","refusal":null}')
    for piece in said.text:
        logprobs = orjson.dumps({"content": [_logprob(piece)], "refusal": None}) if asked else b"null"
        yield chunks.delta(index, b'{"content":' + orjson.dumps(piece) + b"}", 1 + debt, logprobs, len(piece))
        debt = 0
    for at, call in enumerate(said.calls):
        opened: Json = {
            "index": at,
            "id": _call_id(exchange, index, at),
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        yield chunks.delta(index, orjson.dumps({"tool_calls": [opened]}))
        for piece in call.arguments:
            arguments = orjson.dumps({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
            yield chunks.delta(index, arguments, 1 + debt, size=len(piece))
            debt = 0
    yield chunks.finish(index, exchange.finish or _FINISH[said.finish])


def _choice(exchange: Exchange, index: int, said: Said) -> JsonObject:
    message: dict[str, Json] = {
        "role": "assistant",
        "content": "".join(said.text) if said.text or not said.calls else None,
        "refusal": None,
        "annotations": [],
    }
    if said.calls:
        message["tool_calls"] = [
            {
                "id": _call_id(exchange, index, at),
                "type": "function",
                "function": {"name": call.name, "arguments": call.text},
            }
            for at, call in enumerate(said.calls)
        ]
    logprobs: Json = None
    if exchange.body.get("logprobs") is True:
        logprobs = {"content": [_logprob(piece) for piece in said.text], "refusal": None}
    finish = exchange.finish or _FINISH[said.finish]
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}


def _envelope(exchange: Exchange, kind: str) -> dict[str, Json]:
    tier = exchange.body.get("service_tier")
    tiers = {"auto": "default", "fast": "priority"}
    return {
        "id": f"chatcmpl-{exchange.token}",
        "object": kind,
        "created": exchange.created,
        "model": exchange.model,
        "service_tier": tiers.get(tier, tier) if isinstance(tier, str) else "default",
        "system_fingerprint": FINGERPRINT,
    }


def _usage(spent: Spent, body: JsonObject) -> JsonObject:
    # Only multiples of 128 count as read: https://platform.openai.com/docs/guides/prompt-caching
    explicit = uses_breakpoints(body)
    read = spent.cache_read if explicit else spent.cache_read // 128 * 128
    prompt: dict[str, Json] = {"cached_tokens": read, "audio_tokens": 0}
    if explicit:
        prompt["cache_write_tokens"] = spent.cache_written
    return {
        "prompt_tokens": spent.input,
        "completion_tokens": spent.output,
        "total_tokens": spent.input + spent.output,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {
            "reasoning_tokens": spent.thinking,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _logprob(piece: str) -> Json:
    return {"token": piece, "logprob": -0.25, "bytes": list[Json](piece.encode()), "top_logprobs": []}


def _call_id(exchange: Exchange, choice: int, at: int) -> str:
    return f"call_{exchange.token[4:]}{choice:02x}{at:02x}"
