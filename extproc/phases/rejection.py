"""A provider's error status: what it means, from the status alone or from its body, too.

Counterpart: ``extproc.phases.incoming``, for what a provider answers with a 200.
"""

import math

from extproc.domain.errors import ProviderError
from extproc.phases.events import ResponseHeaders
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
        self._retry_after = _seconds(event.headers.get("retry-after"))
        self._coding = event.headers.get("content-encoding")
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """A piece of the body."""
        if len(self._held) < _BODY_LIMIT:
            self._held += data

    def error(self) -> ProviderError:
        """What it means, as far as is known by now; the text for the client is in the body."""
        body = _plain(bytes(self._held), self._coding) if self._held else b""
        return self._exchange.parse_error(self._status, body, self._retry_after)


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
