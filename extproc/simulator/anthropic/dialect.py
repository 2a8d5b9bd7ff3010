"""Anthropic's entry: the functions of ``extproc.simulator.dialect.Dialect``."""

import functools
from datetime import UTC, datetime

from extproc.domain.reading import JsonObject
from extproc.simulator.anthropic import check
from extproc.simulator.anthropic.errors import failure_event, refusal, request_id, scripted
from extproc.simulator.anthropic.render import events, whole
from extproc.simulator.mind import Ask
from extproc.simulator.wire import Refused, Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip

_LIMITS = {"requests": 4000, "input-tokens": 2_000_000, "output-tokens": 400_000, "tokens": 2_400_000}


def authenticate(request: Request) -> str:
    """The key in ``x-api-key``, or a bearer token; and ``anthropic-version`` has to be there."""
    kind, _, bearer = (request.header(b"authorization") or "").partition(" ")
    credential = request.header(b"x-api-key") or (bearer.strip() if kind.lower() == "bearer" else "")
    if not credential:
        raise Refused("x-api-key header is required", status=401, kind="authentication_error")
    if not request.header(b"anthropic-version"):
        raise Refused("anthropic-version: header is required")
    return credential


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``."""
    del model
    return check.read(body, beta=request.header(b"anthropic-beta") is not None)


def headers(token: str) -> bytes:
    """Rate-limit headers and ids; source: https://platform.claude.com/docs/en/api/rate-limits#response-headers."""
    return _limits() + b"anthropic-organization-id: simulator\r\nrequest-id: " + request_id(token).encode() + b"\r\n"


def malformed_event() -> bytes:
    """See ``Dialect.malformed_event``."""
    return b'event: content_block_delta\ndata: {"type": "content_block_del\n\n'


@functools.cache
def _limits() -> bytes:
    """Never near the limit: the reset time is the start of the process."""
    reset = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [
        f"anthropic-ratelimit-{what}-{field}: {value}\r\n"
        for what, limit in _LIMITS.items()
        for field, value in (("limit", limit), ("remaining", limit), ("reset", reset))
    ]
    return "".join(lines).encode()
