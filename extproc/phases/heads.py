"""What stands at the head of an attempt's response, whatever it is: an answer, an error, or the wish for another attempt.

Of the provider's headers none goes through but ``retry-after`` where it steers Envoy: they tell of our account with it.
What it says of another try at all is written anew, with the error.
"""

from collections.abc import Mapping
from dataclasses import replace

from extproc.domain import names
from extproc.domain.errors import ProviderError
from extproc.domain.valueclass import valueclass
from extproc.phases.events import Respond, ResponseHeadersReply
from extproc.phases.exchange import Exchange
from extproc.phases.refusals import error_headers, refuse, shown_status

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"

_DROPPED_LIMIT = 1024
"""Bytes of the header that names dropped fields; a request can have thousands."""


@valueclass
class Heads:
    """Makes the response headers of one attempt. ``present``: names of the provider's own headers."""

    exchange: Exchange
    attempt: int
    present: tuple[str, ...]

    def answer(self, content_type: str, dropped: tuple[str, ...], mark: Mapping[str, str]) -> ResponseHeadersReply:
        """The head of a 200."""
        headers = (("content-type", content_type), *self._served_by())
        if content_type == EVENT_STREAM:
            headers = (*headers, ("cache-control", "no-cache"))
        if dropped:
            headers = (*headers, (names.DROPPED_HEADER, _printable(", ".join(dropped)[:_DROPPED_LIMIT])))
        return self._reply(200, headers, mark)

    def error(self, error: ProviderError, mark: Mapping[str, str]) -> ResponseHeadersReply:
        """The head of an error that goes to the client."""
        headers = error_headers(error, self.exchange.handoff.request_id)
        return self._reply(self._shown(error), (*headers, *self._served_by()), mark)

    def whole(self, error: ProviderError, mark: Mapping[str, str]) -> Respond:
        """An error as a whole response, of Envoy's own, while the provider's body is open."""
        handoff = self.exchange.handoff
        respond = refuse(error, handoff.client_dialect, handoff.request_id, mark)
        return replace(respond, set_headers=(*respond.set_headers, *self._served_by()[2:]))

    def retry(self, error: ProviderError, mark: Mapping[str, str]) -> ResponseHeadersReply:
        """The one status that Envoy's route retries.

        Where the next attempt is at the same provider its ``retry-after`` stays: Envoy waits as long, within the
        route's limit. Another provider has nothing to do with it.
        """
        chain = self.exchange.handoff.chain
        same_next = chain[self.attempt].provider == self.exchange.step.provider
        kept = ("retry-after",) if same_next else ()
        # Should Envoy not retry after all, the client sees these.
        headers = (("content-type", JSON), (names.STATUS_HEADER, str(self._shown(error))), *self._served_by())
        return self._reply(names.RETRY_STATUS, headers, mark, kept)

    def _reply(
        self, status: int, headers: tuple[tuple[str, str], ...], mark: Mapping[str, str], kept: tuple[str, ...] = ()
    ) -> ResponseHeadersReply:
        written = {name for name, _ in headers}
        stale = tuple(name for name in self.present if name not in written and name not in kept)
        return ResponseHeadersReply(status=status, set_headers=headers, remove_headers=stale, metadata=mark)

    def _shown(self, error: ProviderError) -> int:
        return shown_status(error.status, error.outcome, self.exchange.handoff.client_dialect)

    def _served_by(self) -> tuple[tuple[str, str], ...]:
        request_id, step = self.exchange.handoff.request_id, self.exchange.step
        return (
            (names.REQUEST_ID_HEADER, request_id),
            (names.ANTHROPIC_REQUEST_ID_HEADER, request_id),
            (names.PROVIDER_HEADER, step.provider),
            (names.MODEL_HEADER, step.model),
            (names.ATTEMPTS_HEADER, str(self.attempt)),
        )


def _printable(text: str) -> str:
    """Names of fields are the client's, and JSON lets them hold anything; Envoy refuses a whole reply for one line break."""
    return "".join(character if " " <= character <= "~" else "?" for character in text)
