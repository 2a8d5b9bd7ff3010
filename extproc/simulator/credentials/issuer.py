"""The manners of the credential endpoints, which issue and refuse and generate nothing; and what they read."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from extproc.simulator.call import Call
from extproc.simulator.credentials.issued import LIFETIME
from extproc.simulator.wire import Refused, Request


@dataclass(frozen=True, slots=True)
class Issuer:
    """Those of one vendor's credential endpoints: see ``Manners``."""

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
        """See ``Manners.headers``."""
        del token
        return self.lines

    def refusal(self, refused: Refused, token: str) -> bytes:
        """See ``Manners.refusal``."""
        return self.error(refused, token)

    def scripted(self, status: int, name: str) -> Refused:
        """See ``Manners.scripted``."""
        return self.refuse(500 if status == 200 else status, name, "Simulated.")


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
