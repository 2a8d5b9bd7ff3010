"""Replies of small endpoints: what they cost is recorded, and the faults that a behaviour asks for have their bodies."""

from collections.abc import Callable, Iterator

import orjson

from extproc.domain.reading import JsonObject
from extproc.simulator.call import Call
from extproc.simulator.dialect import Speech, Spent
from extproc.simulator.wire import Event, Refused, Stream, Whole


def charge(call: Call, input_tokens: int, output_tokens: int = 0, *, most: int = 0) -> Spent:
    """What the call costs, in the behaviour's numbers where it has some; the record is told.

    ``most``: input tokens if each byte of the text were one, for the behaviour of that name.
    """
    scripted = call.behaviour
    if scripted.most:
        input_tokens = max(input_tokens, most)
    spent = Spent(
        input_tokens if scripted.input_tokens is None else scripted.input_tokens,
        output_tokens if scripted.output_tokens is None else scripted.output_tokens,
    )
    call.record.input_tokens = spent.input
    call.record.output_tokens = spent.output
    return spent


def document(call: Call, body: JsonObject, tokens: int = 0) -> Whole:
    """A JSON reply; ``tokens`` of output are in it."""
    return content(call, orjson.dumps(body), b"application/json", tokens)


def content(call: Call, body: bytes, content_type: bytes, tokens: int = 0) -> Whole:
    """A reply of any bytes."""
    return Whole(200, call.manners.headers(call.token), body, tokens, content_type, failure=_failure(call))


def stream(call: Call, speech: Speech, events: Callable[[], Iterator[Event]]) -> Stream:
    """A reply of server-sent events, broken as ``speech`` is where it is to break."""
    call.record.stream = True
    failure = speech.failure_event(call.token) if call.behaviour.fault == "error_event" else b""
    return Stream(call.manners.headers(call.token), events, failure, speech.malformed_event())


def named_model(call: Call) -> str:
    """The model, where the request has to name one. Raises ``Refused``."""
    if not call.record.model:
        raise Refused("you must provide a model parameter")
    return call.record.model


def text_bytes(text: str) -> int:
    """Bytes of a text that a client sent; it may hold half a surrogate pair."""
    return len(text.encode("utf-8", "surrogatepass"))


def _failure(call: Call) -> bytes:
    if call.behaviour.fault != "error_event":
        return b""
    return call.manners.refusal(call.manners.scripted(500, ""), call.token)
