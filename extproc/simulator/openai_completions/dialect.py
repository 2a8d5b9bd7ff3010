"""The entry of Completions: the functions of ``extproc.simulator.dialect.Dialect``. The vendor's manners are ``openai``'s."""

from extproc.domain.reading import JsonObject
from extproc.simulator.mind import Ask
from extproc.simulator.openai.dialect import authenticate, headers
from extproc.simulator.openai.errors import failure_event, refusal, scripted
from extproc.simulator.openai_completions import check
from extproc.simulator.openai_completions.render import events, whole
from extproc.simulator.wire import Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``."""
    del request
    return check.read(body, model)


def malformed_event() -> bytes:
    """See ``Dialect.malformed_event``."""
    return b'data: {"id": "cmpl-\n\n'
