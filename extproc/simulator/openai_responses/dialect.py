"""The entry of Responses: the functions of ``extproc.simulator.dialect.Dialect``. The vendor's manners are ``openai``'s."""

from extproc.domain.reading import JsonObject
from extproc.simulator.mind import Ask
from extproc.simulator.openai.dialect import authenticate, headers
from extproc.simulator.openai.errors import refusal, scripted
from extproc.simulator.openai_responses import check
from extproc.simulator.openai_responses.render import whole
from extproc.simulator.openai_responses.stream import error_event, events
from extproc.simulator.wire import Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``."""
    del request
    return check.read(body, model)


def failure_event(token: str) -> bytes:
    """See ``Dialect.failure_event``; the endpoint knows its place in the stream better."""
    del token
    return numbered_failure(0)


def numbered_failure(number: int) -> bytes:
    """The failure as the event with that number."""
    failed = scripted(500, "")
    return error_event(number, failed.message, failed.code or "server_error")


def malformed_event() -> bytes:
    """See ``Dialect.malformed_event``."""
    return b'event: response.output_text.delta\ndata: {"type":"response.output_text.del\n\n'
