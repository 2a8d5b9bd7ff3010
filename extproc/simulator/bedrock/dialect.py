"""Converse's entry: the functions of ``extproc.simulator.dialect.Dialect``."""

from extproc.domain.reading import JsonObject
from extproc.simulator.bedrock import check
from extproc.simulator.bedrock.errors import failure_event, refusal, scripted
from extproc.simulator.bedrock.eventstream import corrupted
from extproc.simulator.bedrock.render import events, whole
from extproc.simulator.bedrock.sigv4 import verify
from extproc.simulator.mind import Ask
from extproc.simulator.wire import Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip

STREAM = "-stream"
"""Converse's path ends so for a stream."""


def authenticate(request: Request) -> str:
    """The access key id of a good signature, or an API key."""
    return verify(request)


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``."""
    return check.read(body, model, stream=request.path.endswith(STREAM))


def headers(token: str) -> bytes:
    """The request's id, as a UUID."""
    digits = token.ljust(32, "0")
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
    return f"x-amzn-requestid: {uuid}\r\n".encode()


def malformed_event() -> bytes:
    """A message whose checksum is wrong: see ``Dialect.malformed_event``."""
    return corrupted()
