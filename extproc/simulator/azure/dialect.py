"""Azure's entry: one of OpenAI's dialects behind Azure's front, its manners and its speech apart."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs

from extproc.domain.reading import JsonObject
from extproc.simulator.azure.errors import Fronted, fronted, refusal, scripted
from extproc.simulator.azure.filters import filtered_events, filtered_whole
from extproc.simulator.credentials.issued import expired, is_entra
from extproc.simulator.dialect import Exchange, Manners, Speech
from extproc.simulator.mind import Ask
from extproc.simulator.wire import Event, Refused, Request

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?|v1|preview|latest")
_HEADERS = (
    b"azureml-model-session: simulator\r\n"
    b"x-ms-region: Simulated Region\r\n"
    b"x-ratelimit-limit-requests: 10000\r\n"
    b"x-ratelimit-limit-tokens: 1000000\r\n"
    b"x-ratelimit-remaining-requests: 9999\r\n"
    b"x-ratelimit-remaining-tokens: 999984\r\n"
)


class AzureManners:
    """Of Azure's front, and of OpenAI behind it. ``versioned``: the path needs an ``api-version``."""

    def __init__(self, inner: Manners, *, versioned: bool) -> None:
        self._inner = inner
        self._versioned = versioned

    def authenticate(self, request: Request) -> str:
        """The key in ``api-key``, or an Entra token in ``Authorization``; the v1 API takes a key there, too."""
        kind, _, bearer = (request.header(b"authorization") or "").partition(" ")
        credential = request.header(b"api-key") or (bearer.strip() if kind.lower() == "bearer" else "")
        if not credential:
            raise fronted(401)
        foreign = self._versioned and request.header(b"api-key") is None and not is_entra(credential)
        if foreign or expired(credential):
            raise self.scripted(200, "expired_token")
        versions = parse_qs(request.query).get("api-version", [])
        if self._versioned and not versions:
            # https://github.com/MicrosoftDocs/azure-docs/issues/114602: not the 400 that one would think of
            raise fronted(404)
        if versions and not _VERSION.fullmatch(versions[-1]):
            raise Fronted(400, "BadRequest", "API version not supported")
        return credential

    def headers(self, token: str) -> bytes:
        """Source: what Azure's services send; ``apim-request-id`` is what its support asks for."""
        name = token.encode()
        return _HEADERS + b"apim-request-id: " + name + b"\r\nx-request-id: " + name + b"\r\n"

    def refusal(self, refused: Refused, token: str) -> bytes:
        """See ``Dialect.refusal``."""
        return refusal(refused) if isinstance(refused, Fronted) else self._inner.refusal(refused, token)

    def scripted(self, status: int, name: str) -> Refused:
        """See ``Dialect.scripted``: Azure's own errors, or OpenAI's."""
        return scripted(status, name) or self._inner.scripted(status, name)


class FilteredSpeech:
    """Answers that tell what the content filter has found."""

    def __init__(self, inner: Speech) -> None:
        self._inner = inner

    def read(self, body: JsonObject, request: Request, model: str) -> Ask:
        """See ``Dialect.read``."""
        return self._inner.read(body, request, model)

    def whole(self, exchange: Exchange) -> bytes:
        """See ``Dialect.whole``."""
        return filtered_whole(self._inner.whole(exchange))

    def events(self, exchange: Exchange) -> Iterator[Event]:
        """See ``Dialect.events``."""
        return filtered_events(self._inner.events(exchange))

    def failure_event(self, token: str) -> bytes:
        """See ``Dialect.failure_event``."""
        return self._inner.failure_event(token)

    def malformed_event(self) -> bytes:
        """See ``Dialect.malformed_event``."""
        return self._inner.malformed_event()
