"""Cohere's entry: the functions of ``extproc.simulator.dialect.Manners``. No endpoint here generates or streams."""

from extproc.simulator.cohere.errors import refusal, scripted
from extproc.simulator.wire import Refused, Request

__all__ = ["authenticate", "headers", "refusal", "scripted"]


def authenticate(request: Request) -> str:
    """The bearer token."""
    kind, _, credential = (request.header(b"authorization") or "").partition(" ")
    if kind.lower() != "bearer" or not credential.strip():
        raise Refused("no api key supplied", status=401)
    return credential.strip()


def headers(token: str) -> bytes:
    """The id by which Cohere finds a call again."""
    return b"x-debug-trace-id: " + token.encode() + b"\r\n"
