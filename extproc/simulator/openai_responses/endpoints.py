"""The endpoints of Responses: make one, look at one, forget one, count what one would cost.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from dataclasses import replace
from urllib.parse import parse_qs

from extproc.domain.reading import JsonObject
from extproc.simulator.call import Call
from extproc.simulator.dialect import Exchange
from extproc.simulator.handlers import understand, voice
from extproc.simulator.openai_responses import check, dialect
from extproc.simulator.openai_responses.history import keep, resolve, stored
from extproc.simulator.openai_responses.render import document, opened
from extproc.simulator.openai_responses.stream import events
from extproc.simulator.replies import document as json_reply
from extproc.simulator.replies import stream as event_reply
from extproc.simulator.wire import Refused, Reply, Stream


def create(call: Call) -> Reply:
    """``POST /v1/responses``."""
    call = replace(call, body=resolve(call))
    exchange = understand(call, dialect)
    keep(call, exchange)
    if exchange.finish == "failed":
        # What has failed is not paid for.
        record = call.record
        record.input_tokens = record.output_tokens = record.cache_read_tokens = record.cache_write_tokens = 0
    if exchange.body.get("background") is True and not exchange.ask.stream:
        return json_reply(call, opened(exchange, "queued"))
    reply = voice(call, dialect, exchange)
    if isinstance(reply, Stream) and call.behaviour.fault == "error_event":
        return replace(reply, failure=dialect.numbered_failure(_fault_number(call.behaviour.fault_at, exchange)))
    return reply


def retrieve(call: Call) -> Reply:
    """``GET /v1/responses/{id}``, whole or as the events it once had."""
    exchange = stored(call).exchange
    query = {name: values[-1] for name, values in parse_qs(call.request.query).items()}
    if query.get("stream") != "true":
        return json_reply(call, document(exchange))
    after = query.get("starting_after", "-1")
    if not after.removeprefix("-").isdecimal():
        raise Refused("Invalid type for 'starting_after': expected an integer.", param="starting_after")
    skipped = int(after) + 1
    return event_reply(call, dialect, lambda: (event for at, event in enumerate(events(exchange)) if at >= skipped))


def delete(call: Call) -> Reply:
    """``DELETE /v1/responses/{id}``."""
    stored(call)
    identity = call.params["response"]
    call.world.shelf.responses.drop(call.account, identity)
    return json_reply(call, {"id": identity, "object": "response", "deleted": True})


def input_tokens(call: Call) -> Reply:
    """``POST /v1/responses/input_tokens``."""
    body: JsonObject = resolve(call)
    return json_reply(call, {"object": "response.input_tokens", "input_tokens": check.count(body)})


def _fault_number(fault_at: int, exchange: Exchange) -> int:
    """The sequence number of an event that takes the place of another, as the player chooses it."""
    count = sum(1 for _ in events(exchange))
    return max(0, min(fault_at if fault_at >= 0 else count + fault_at, count - 1))
