"""A provider's error status: what it means, from the status alone or from its body, too.

Counterpart: ``extproc.phases.incoming``, for what a provider answers with a 200.
"""

import math

from extproc.domain.errors import ProviderError
from extproc.phases.events import Headers, ResponseHeaders
from extproc.phases.exchange import Exchange
from extproc.translate.content_coding import decoder_for

_BODY_LIMIT = 64 * 1024
"""A vendor's error body; what is longer is an HTML page, and its beginning is enough."""
_LONGEST_WAIT = 31 * 24 * 3600.0
"""Seconds in a ``retry-after``: quotas are renewed by the month at most. ``inf`` is a number, too."""


class Rejection:
    """One error response."""

    def __init__(self, exchange: Exchange, event: ResponseHeaders) -> None:
        self._exchange = exchange
        self._status = event.status
        self._retry_after = _wait(event.headers)
        self._should_retry = self._advice(event.headers.get("x-should-retry"))
        self._coding = event.headers.get("content-encoding")
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """A piece of the body."""
        if len(self._held) < _BODY_LIMIT:
            self._held += data

    def error(self) -> ProviderError:
        """What it means, as far as is known by now; the text for the client is in the body."""
        body = _plain(bytes(self._held), self._coding) if self._held else b""
        error = self._exchange.parse_error(self._status, body, self._retry_after)
        error.should_retry = self._should_retry
        return error

    def _advice(self, said: str | None) -> bool | None:
        """What the vendor tells its own SDKs, where nobody else is asked when the client tries again."""
        providers = {step.provider for step in self._exchange.handoff.chain}
        return {"true": True, "false": False}.get(said or "") if len(providers) == 1 else None


def _wait(headers: Headers) -> float | None:
    """Seconds; milliseconds, which OpenAI and Anthropic send beside them, are more exact."""
    exact = _seconds(headers.get("retry-after-ms"))
    return _seconds(headers.get("retry-after")) if exact is None else exact / 1000


def _seconds(retry_after: str | None) -> float | None:
    """``retry-after`` in seconds; the date form, which no vendor sends, and what is no sensible number count as absent."""
    try:
        seconds = float(retry_after) if retry_after else math.nan
    except ValueError:
        return None
    return max(0.0, seconds) if seconds < _LONGEST_WAIT else None


def _plain(body: bytes, coding: str | None) -> bytes:
    """An error body, as far as it can be read; it may have been cut at the limit."""
    try:
        return decoder_for(coding).feed(body)
    except ProviderError:
        return body
