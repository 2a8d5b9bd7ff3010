"""The words between the simulator's parts: requests, replies, events, refusals."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from extproc.simulator.behaviour import Behaviour


class Request:
    """One parsed HTTP request. ``headers`` keeps names, order and repeats as they came; lookups ignore case."""

    __slots__ = ("_index", "body", "headers", "http11", "method", "path", "query")

    def __init__(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes, *, http11: bool
    ) -> None:
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = body
        self.http11 = http11
        self._index = {name.lower(): value for name, value in headers}

    def header(self, name: bytes) -> str | None:
        """The last value of a header (``name`` in lower case), or None."""
        value = self._index.get(name)
        return None if value is None else value.decode("latin-1")

    def settings(self, prefix: bytes) -> dict[str, str]:
        """Headers that start with ``prefix``, without it, with ``_`` for ``-``."""
        return {
            name[len(prefix) :].decode("latin-1").replace("-", "_"): value.decode("latin-1")
            for name, value in self._index.items()
            if name.startswith(prefix)
        }


class Event(NamedTuple):
    """One server-sent event: its bytes with the blank line at the end, and the output tokens it carries."""

    data: bytes
    tokens: int = 0
    content: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """A reply with a length. ``headers`` are the vendor's lines, each ended by CRLF; ``tokens`` the output in it."""

    status: int
    headers: bytes
    body: bytes
    tokens: int = 0
    content_type: bytes = b"application/json"
    failure: bytes = b""
    """The vendor's error as a body, where the fault is to hide one behind a 200."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A 200 of events, server-sent ones unless ``content_type`` says otherwise.

    ``events`` starts them afresh on each call, so that they can be counted first.
    """

    headers: bytes
    events: Callable[[], Iterator[Event]]
    failure: bytes
    """The vendor's error as an event, where the fault is to send one."""
    malformed: bytes
    """A line that is no JSON, with the blank line behind it; in a binary framing, a message that is corrupt."""
    content_type: bytes = b"text/event-stream; charset=utf-8"


Reply: TypeAlias = Whole | Stream


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, and how well."""

    reply: Reply
    behaviour: Behaviour


class Refused(Exception):
    """The vendor would refuse this request: its status, its error type, its words."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code

    @property
    def headers(self) -> bytes:
        """Response headers that go with it, each line ended by CRLF; a vendor's own kind of refusal may have some."""
        return b""

    @property
    def content_type(self) -> bytes:
        """Of the refusal's body."""
        return b"application/json"


def names(text: str) -> frozenset[str]:
    """The field names listed in ``text``."""
    return frozenset(text.split())
