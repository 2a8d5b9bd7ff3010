"""Cohere's entry: the functions of ``extproc.simulator.dialect.Dialect``. No endpoint here generates or streams."""

from collections.abc import Iterator
from typing import NoReturn

from extproc.domain.reading import JsonObject
from extproc.simulator.cohere.errors import refusal, scripted
from extproc.simulator.dialect import Exchange
from extproc.simulator.wire import Event, Refused, Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip


def authenticate(request: Request) -> str:
    """The bearer token."""
    kind, _, credential = (request.header(b"authorization") or "").partition(" ")
    if kind.lower() != "bearer" or not credential.strip():
        raise Refused("no api key supplied", status=401)
    return credential.strip()


def read(body: JsonObject, request: Request, model: str) -> NoReturn:
    """Chat is not played: nothing is understood, so nothing comes to ``whole`` and ``events``."""
    del body, model
    raise Refused(f"endpoint {request.path} not found", status=404)


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    raise AssertionError(exchange)


def events(exchange: Exchange) -> Iterator[Event]:
    """See ``Dialect.events``."""
    raise AssertionError(exchange)


def headers(token: str) -> bytes:
    """The id by which Cohere finds a call again."""
    return b"x-debug-trace-id: " + token.encode() + b"\r\n"


def failure_event(token: str) -> bytes:
    """See ``Dialect.failure_event``."""
    return b"data: " + refusal(scripted(500, ""), token) + b"\n\n"


def malformed_event() -> bytes:
    """See ``Dialect.malformed_event``."""
    return b'data: {"id": "\n\n'
