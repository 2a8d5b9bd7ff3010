"""A response as events, from ``response.created`` to ``response.completed``, ``incomplete`` or ``failed``.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Iterator, Mapping

import orjson

from extproc.domain.reading import Json, JsonObject
from extproc.simulator.dialect import Exchange
from extproc.simulator.openai_responses import render
from extproc.simulator.wire import Event

_PADDING = "mR4kPz81TqWc6Yvs"
"""Cut to size as ``obfuscation``, which levels the sizes of deltas unless the client forbids it."""


def events(exchange: Exchange) -> Iterator[Event]:
    """See ``Dialect.events``."""
    return _Events(exchange).all()


def error_event(number: int, message: str, code: str | None) -> bytes:
    """A failure in the middle of a stream."""
    body = {"type": "error", "code": code, "message": message, "param": None, "sequence_number": number}
    return b"event: error\ndata: " + orjson.dumps(body) + b"\n\n"


class _Events:
    """One stream; it numbers its events and its items."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._number = -1
        self._item = -1
        options = exchange.body.get("stream_options")
        self._obfuscate = not (isinstance(options, Mapping) and options.get("include_obfuscation") is False)

    def all(self) -> Iterator[Event]:
        exchange = self._exchange
        said = exchange.said[0]
        background = exchange.body.get("background") is True
        first = "queued" if background else "in_progress"
        yield self._event("response.created", {"response": render.opened(exchange, first)})
        if background:
            yield self._event("response.queued", {"response": render.opened(exchange, "queued")})
        yield self._event("response.in_progress", {"response": render.opened(exchange, "in_progress")})
        calls = iter(said.calls)
        for item in render.output(exchange):
            self._item += 1
            match item["type"]:
                case "reasoning":
                    yield from self._thought(item, said.thinking)
                case "message":
                    yield from self._message(item, said.text)
                case _:
                    yield from self._call(item, next(calls).arguments)
        status = render.ending(exchange).status
        yield self._event(f"response.{status}", {"response": render.document(exchange)})

    def _thought(self, item: JsonObject, thinking: tuple[str, ...]) -> Iterator[Event]:
        # The content that is sealed so far is no content at all.
        yield self._added(render.thought(self._exchange, ()))
        hidden = len(thinking)
        if item["summary"]:
            hidden = 0
            at: JsonObject = {"item_id": item["id"], "output_index": self._item, "summary_index": 0}
            kind = "response.reasoning_summary_"
            yield self._event(f"{kind}part.added", {**at, "part": {"type": "summary_text", "text": ""}})
            for piece in thinking:
                yield self._delta(f"{kind}text.delta", at, piece)
            text = "".join(thinking)
            yield self._event(f"{kind}text.done", {**at, "text": text})
            yield self._event(f"{kind}part.done", {**at, "part": {"type": "summary_text", "text": text}})
        # Thinking that is not shown is spent by the time its item is complete.
        yield self._done(item, hidden)

    def _message(self, item: JsonObject, text: tuple[str, ...]) -> Iterator[Event]:
        exchange = self._exchange
        yield self._added({**item, "status": "in_progress", "content": []})
        at: JsonObject = {"item_id": item["id"], "output_index": self._item, "content_index": 0}
        yield self._event("response.content_part.added", {**at, "part": render.part(exchange, ())})
        whole = "".join(text)
        if exchange.finish == "refusal":
            for piece in text:
                yield self._delta("response.refusal.delta", at, piece)
            yield self._event("response.refusal.done", {**at, "refusal": whole})
        else:
            for piece in text:
                logprobs: JsonObject = {**at, "logprobs": render.logprobs(exchange, (piece,))}
                yield self._delta("response.output_text.delta", logprobs, piece)
            yield self._event(
                "response.output_text.done", {**at, "text": whole, "logprobs": render.logprobs(exchange, text)}
            )
        yield self._event("response.content_part.done", {**at, "part": render.part(exchange, text)})
        yield self._done(item)

    def _call(self, item: JsonObject, arguments: tuple[str, ...]) -> Iterator[Event]:
        yield self._added({**item, "status": "in_progress", "arguments": ""})
        at: JsonObject = {"item_id": item["id"], "output_index": self._item}
        kind = "response.function_call_arguments"
        for piece in arguments:
            yield self._delta(f"{kind}.delta", at, piece)
        yield self._event(f"{kind}.done", {**at, "arguments": item["arguments"]})
        yield self._done(item)

    def _added(self, item: JsonObject) -> Event:
        return self._event("response.output_item.added", {"output_index": self._item, "item": item})

    def _done(self, item: JsonObject, tokens: int = 0) -> Event:
        return self._event("response.output_item.done", {"output_index": self._item, "item": item}, tokens)

    def _delta(self, kind: str, at: JsonObject, piece: str) -> Event:
        padding: JsonObject = {"obfuscation": _PADDING[len(piece) % len(_PADDING) :]} if self._obfuscate else {}
        return self._event(kind, {**at, "delta": piece, **padding}, 1)

    def _event(self, kind: str, fields: JsonObject, tokens: int = 0) -> Event:
        self._number += 1
        body: dict[str, Json] = {"type": kind, "sequence_number": self._number, **fields}
        return Event(
            b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(body) + b"\n\n", tokens, content=tokens > 0
        )
