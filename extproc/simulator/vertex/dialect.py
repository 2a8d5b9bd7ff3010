"""Vertex's entry for Gemini: the functions of ``extproc.simulator.dialect.Dialect``."""

from collections.abc import Iterator

from extproc.domain.reading import JsonObject
from extproc.simulator.dialect import Exchange
from extproc.simulator.gemini import check, render
from extproc.simulator.gemini.dialect import STREAM, google_token, headers, malformed_event
from extproc.simulator.gemini.errors import GoogleRefused, failure_event, info, refusal, scripted
from extproc.simulator.mind import Ask
from extproc.simulator.wire import Event, Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip

_SERVICE = "aiplatform.googleapis.com"


def authenticate(request: Request) -> str:
    """One of Google's access tokens, as a bearer token."""
    kind, _, bearer = (request.header(b"authorization") or "").partition(" ")
    if kind.lower() == "bearer":
        return google_token(bearer.strip(), _SERVICE)
    if request.header(b"x-goog-api-key"):
        raise GoogleRefused(
            "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials "
            "that assert a principal. See https://cloud.google.com/docs/authentication",
            status=401,
            details=[info("CREDENTIALS_MISSING", _SERVICE)],
        )
    raise GoogleRefused(
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        status=401,
        details=[info("CREDENTIALS_MISSING", _SERVICE)],
    )


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``; the body is normal already."""
    return check.read(body, model, stream=request.path.endswith(STREAM), vertex=True)


def whole(exchange: Exchange) -> bytes:
    """See ``Dialect.whole``."""
    return render.whole(exchange, vertex=True)


def events(exchange: Exchange) -> Iterator[Event]:
    """See ``Dialect.events``."""
    return render.events(exchange, vertex=True)
