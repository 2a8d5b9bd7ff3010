"""What routes do: say something (``generate``), or answer a small question (``plain``)."""

import time
from collections.abc import Callable
from typing import TypeAlias

import orjson

from extproc.domain.reading import JsonObject
from extproc.simulator.billing import bill
from extproc.simulator.call import Call, Handler
from extproc.simulator.dialect import Exchange, Speech, Spent
from extproc.simulator.mind import Ask, say
from extproc.simulator.promptcache import CacheUse
from extproc.simulator.wire import Reply, Request, Stream, Whole

Answer: TypeAlias = Callable[[JsonObject, Request], JsonObject]
"""A small endpoint: the request's body in, the response's out. Raises ``Refused``."""


def generate(speech: Speech) -> Handler:
    """The endpoint that all dialects have: say something, whole or as a stream."""

    def handle(call: Call) -> Reply:
        return voice(call, speech, understand(call, speech))

    return handle


def understand(call: Call, speech: Speech) -> Exchange:
    """Read the request, think of an answer, and put down what it costs. Raises ``Refused``."""
    ask = speech.read(call.body, call.request, call.record.model)
    length = call.behaviour.tokens
    if call.behaviour.most and ask.max_tokens is not None:
        length = ask.max_tokens
    said = tuple(say(ask, length, choice) for choice in range(ask.choices))
    thinking = sum(len(one.thinking) for one in said)
    cached = _cached(call, ask)
    honest = Spent(ask.input_tokens, sum(one.tokens for one in said), thinking, *cached)
    spent = bill(call.behaviour, call.body, ask, honest)
    record = call.record
    record.stream = ask.stream
    record.input_tokens = spent.input
    record.cache_read_tokens = spent.cache_read
    record.cache_write_tokens = spent.cache_written
    record.output_tokens = spent.output
    return Exchange(
        body=call.body,
        model=record.model,
        ask=ask,
        said=said,
        spent=spent,
        token=call.token,
        created=time.time_ns() // 1_000_000_000,
        finish=call.behaviour.finish,
        label=record.label,
        quirks=call.behaviour.quirks,
    )


def voice(call: Call, speech: Speech, exchange: Exchange) -> Reply:
    """The answer in the dialect's shape."""
    manners = call.manners
    headers = manners.headers(call.token)
    broken = call.behaviour.fault == "error_event"
    if exchange.ask.stream:
        failure = speech.failure_event(call.token) if broken else b""
        return Stream(headers, lambda: speech.events(exchange), failure, speech.malformed_event())
    failure = manners.refusal(manners.scripted(500, ""), call.token) if broken else b""
    return Whole(200, headers, speech.whole(exchange), exchange.spent.output, failure=failure)


def _cached(call: Call, ask: Ask) -> CacheUse:
    if not ask.blocks:
        return CacheUse()
    return call.world.cache.use(
        f"{call.record.label} {call.credential} {call.record.model}", ask.blocks, time.monotonic()
    )


def plain(respond: Answer) -> Handler:
    """An endpoint that always answers whole."""

    def handle(call: Call) -> Reply:
        document = respond(call.body, call.request)
        return Whole(200, call.manners.headers(call.token), orjson.dumps(document))

    return handle
