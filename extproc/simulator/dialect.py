"""What a dialect of the simulator is: a module with these functions, found in ``extproc.simulator.<vendor>.dialect``.

Every route has a vendor's ``Manners``; the ``Speech`` is what those handlers are made with that generate or stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from extproc.domain.reading import JsonObject
from extproc.simulator.mind import Ask, Said
from extproc.simulator.wire import Event, Refused, Request


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of one exchange. ``input`` is the whole prompt; the cache counts are parts of it."""

    input: int
    output: int
    thinking: int = 0
    """The part of ``output`` that is thinking."""
    cache_read: int = 0
    cache_written_short: int = 0
    cache_written_long: int = 0

    @property
    def cache_written(self) -> int:
        """Input tokens written to a cache, whatever their lifetime."""
        return self.cache_written_short + self.cache_written_long


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that was understood, and everything that is to be said to it."""

    body: JsonObject
    """The request, checked."""
    model: str
    """Without its behaviour suffix."""
    ask: Ask
    said: tuple[Said, ...]
    """One for each choice."""
    spent: Spent
    token: str
    """Unique text that ids are made of."""
    created: int
    """Unix seconds."""
    finish: str = ""
    """The vendor's finish reason to report, where one is scripted."""
    label: str = ""
    """Of the path ``/p/<label>/...``: which of the providers that one process plays."""
    quirks: tuple[str, ...] = ()
    """Ways in which an OpenAI-compatible vendor differs."""


class Manners(Protocol):
    """How a vendor receives a request, whatever it is for: credentials, headers, errors."""

    def authenticate(self, request: Request) -> str:
        """The credential. Raises ``Refused`` as the vendor does without one."""
        ...

    def headers(self, token: str) -> bytes:
        """The vendor's own response headers, each line ended by CRLF."""
        ...

    def refusal(self, refused: Refused, token: str) -> bytes:
        """The JSON body of an error."""
        ...

    def scripted(self, status: int, name: str) -> Refused:
        """The error of this status, or of this name (which brings a status of its own where ``status`` is 200)."""
        ...


class Speech(Protocol):
    """How a vendor's requests for generation are understood, and what its answers look like."""

    def read(self, body: JsonObject, request: Request, model: str) -> Ask:
        """Check a request for generation and understand it. Raises ``Refused``."""
        ...

    def whole(self, exchange: Exchange) -> bytes:
        """The JSON body of a reply that is no stream."""
        ...

    def events(self, exchange: Exchange) -> Iterator[Event]:
        """The reply as a stream."""
        ...

    def failure_event(self, token: str) -> bytes:
        """The vendor's failure as an event inside a stream."""
        ...

    def malformed_event(self) -> bytes:
        """The start of an event, broken off inside its JSON, with the blank line behind it."""
        ...


class Dialect(Manners, Speech, Protocol):
    """A vendor's wire format."""
