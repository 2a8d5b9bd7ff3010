"""OpenAI's entry: the functions of ``extproc.simulator.dialect.Dialect``."""

from collections.abc import Iterator

from extproc.domain.reading import JsonObject
from extproc.simulator.dialect import Exchange
from extproc.simulator.mind import Ask
from extproc.simulator.openai import check, render
from extproc.simulator.openai.errors import failure_event, refusal, scripted
from extproc.simulator.openai.quirks import quirky_events, quirky_whole
from extproc.simulator.wire import Event, Refused, Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip

_HEADERS = (
    b"access-control-expose-headers: X-Request-ID\r\n"
    b"openai-organization: simulator\r\n"
    b"openai-processing-ms: 7\r\n"
    b"openai-version: 2020-10-01\r\n"
    b"x-ratelimit-limit-requests: 10000\r\n"
    b"x-ratelimit-limit-tokens: 30000000\r\n"
    b"x-ratelimit-remaining-requests: 9999\r\n"
    b"x-ratelimit-remaining-tokens: 29999984\r\n"
    b"x-ratelimit-reset-requests: 6ms\r\n"
    b"x-ratelimit-reset-tokens: 0s\r\n"
    b"x-request-id: req_"
)


def authenticate(request: Request) -> str:
    """The bearer token; nothing else will do."""
    kind, _, credential = (request.header(b"authorization") or "").partition(" ")
    if kind.lower() != "bearer" or not credential.strip():
        raise Refused(
            "You didn't provide an API key. It belongs into an Authorization header, as a Bearer token.", status=401
        )
    return credential.strip()


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``."""
    del request
    return check.read(body, model)


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    body = render.whole(exchange)
    return quirky_whole(exchange, body) if exchange.quirks else body


def events(exchange: Exchange) -> Iterator[Event]:
    """See ``Dialect.events``."""
    plain = render.events(exchange)
    return quirky_events(exchange, plain) if exchange.quirks else plain


def headers(token: str) -> bytes:
    """Debugging and rate-limit headers; source: https://platform.openai.com/docs/api-reference/debugging-requests."""
    return _HEADERS + token.encode() + b"\r\n"


def malformed_event() -> bytes:
    """See ``Dialect.malformed_event``."""
    return b'data: {"id": "chatcmpl-\n\n'
