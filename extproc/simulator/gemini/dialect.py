"""Gemini's entry: the functions of ``extproc.simulator.dialect.Dialect``."""

from urllib.parse import parse_qs

from extproc.domain.reading import JsonObject
from extproc.simulator.credentials.issued import is_google
from extproc.simulator.gemini import check
from extproc.simulator.gemini.errors import GoogleRefused, failure_event, info, refusal, scripted
from extproc.simulator.gemini.render import events, whole
from extproc.simulator.mind import Ask
from extproc.simulator.wire import Request

__all__ = [
    "authenticate", "events", "failure_event", "headers", "malformed_event", "read", "refusal", "scripted", "whole"
]  # fmt: skip

STREAM = ":streamGenerateContent"
_SERVICE = "generativelanguage.googleapis.com"


def authenticate(request: Request) -> str:
    """The key in ``x-goog-api-key`` or in the query, or one of Google's access tokens."""
    key = request.header(b"x-goog-api-key") or parse_qs(request.query).get("key", [""])[-1]
    kind, _, bearer = (request.header(b"authorization") or "").partition(" ")
    if kind.lower() == "bearer" and not key:
        return google_token(bearer.strip(), _SERVICE)
    if not key:
        raise GoogleRefused(
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
            "other form of API consumer identity to call this API.",
            status=403,
        )
    return key


def google_token(token: str, service: str) -> str:
    """An access token that is good. Raises ``Refused``."""
    if is_google(token):
        return token
    raise GoogleRefused(
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        status=401,
        details=[info("ACCESS_TOKEN_TYPE_UNSUPPORTED", service)],
    )


def read(body: JsonObject, request: Request, model: str) -> Ask:
    """See ``Dialect.read``; the body is normal already."""
    return check.read(body, model, stream=request.path.endswith(STREAM), vertex=False)


def headers(token: str) -> bytes:
    """What Google's front end adds to every response."""
    del token
    return (
        b"vary: Origin\r\nvary: X-Origin\r\nserver: scaffolding on HTTPServer2\r\nserver-timing: gfet4t7; dur=417\r\n"
    )


def malformed_event() -> bytes:
    """See ``Dialect.malformed_event``."""
    return b'data: {"candidates": [{"content": {"par\r\n\r\n'
