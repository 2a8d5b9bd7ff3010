"""What the routes of the credential endpoints have for a dialect: they issue and refuse, and say nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs

from extproc.domain.reading import JsonObject
from extproc.simulator.call import Call
from extproc.simulator.credentials.issued import LIFETIME
from extproc.simulator.dialect import Exchange
from extproc.simulator.mind import Ask
from extproc.simulator.wire import Event, Refused, Request


@dataclass(frozen=True, slots=True)
class Issuer:
    """The credential endpoints of one vendor, in the shape of a ``Dialect``."""

    error: Callable[[Refused, str], bytes]
    """The body of a refusal, from it and from unique text."""
    refuse: Callable[[int, str, str], Refused]
    """The refusal of a status, an error's name (may be empty) and words."""
    lines: bytes = b""
    """Headers of every response."""

    def authenticate(self, request: Request) -> str:
        """Whoever asks is what the request is about: the endpoints check for themselves."""
        del request
        return ""

    def headers(self, token: str) -> bytes:
        """See ``Dialect.headers``."""
        del token
        return self.lines

    def refusal(self, refused: Refused, token: str) -> bytes:
        """See ``Dialect.refusal``."""
        return self.error(refused, token)

    def scripted(self, status: int, name: str) -> Refused:
        """See ``Dialect.scripted``."""
        return self.refuse(500 if status == 200 else status, name, "Simulated.")

    def read(self, body: JsonObject, request: Request, model: str) -> Ask:
        """Nothing is generated here."""
        raise NotImplementedError

    def whole(self, exchange: Exchange) -> bytes:
        """Nothing is generated here."""
        raise NotImplementedError

    def events(self, exchange: Exchange) -> Iterator[Event]:
        """Nothing is generated here."""
        raise NotImplementedError

    def failure_event(self, token: str) -> bytes:
        """Nothing is streamed here."""
        raise NotImplementedError

    def malformed_event(self) -> bytes:
        """Nothing is streamed here."""
        raise NotImplementedError


def lifetime(call: Call, asked: str | None = None) -> float:
    """Seconds that a credential is to be good for: by query, by behaviour, as ``asked`` in the request, or an hour."""
    given = parse_qs(call.request.query).get("lifetime", [""])[-1]
    if given:
        return _seconds(given)
    if call.behaviour.lifetime is not None:
        return call.behaviour.lifetime
    return _seconds(asked) if asked else LIFETIME


def form(call: Call) -> dict[str, str]:
    """The fields of a URL-encoded body, or of the query where there is no body."""
    text = call.request.body.decode("utf-8", "replace") or call.request.query
    return {name: values[-1] for name, values in parse_qs(text).items()}


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Refused(f"simulator: a lifetime cannot be {text!r}") from error
