"""The two vocabularies of a phase: events in, replies out. ``extproc.transport.wire`` turns them into protobuf.

Header names are lower case; values of a repeated header are joined with ``", "``.
"""

from collections.abc import Awaitable, Mapping
from typing import Protocol, TypeAlias

from extproc.domain.valueclass import valueclass

Headers: TypeAlias = Mapping[str, str]
NO_HEADERS: tuple[tuple[str, str], ...] = ()


@valueclass
class RequestHeaders:
    """The request's headers; ``cluster`` and ``attempt`` (from 1) are known to the attempt phase only.

    ``metadata`` is the gateway's namespace of Envoy's dynamic metadata; ``end``: there is no body.
    """

    headers: Headers
    metadata: Mapping[str, str]
    cluster: str | None
    attempt: int
    end: bool


@valueclass
class RequestBody:
    """The whole body (Envoy buffers it)."""

    body: bytes


@valueclass
class ResponseHeaders:
    """The provider's response headers, or for admission those that go to the client."""

    status: int
    headers: Headers
    metadata: Mapping[str, str]
    end: bool


@valueclass
class ResponseBody:
    """A piece of the response body, cut anywhere."""

    data: bytes
    end: bool


@valueclass
class ResponseTrailers:
    """The response ended in trailers; no body follows."""


Event: TypeAlias = RequestHeaders | RequestBody | ResponseHeaders | ResponseBody | ResponseTrailers


@valueclass
class RequestHeadersReply:
    """Go on to the body. ``see_response`` (admission): also send the headers of the response, whoever makes it.

    The rest is for requests without a body, for which there will be no ``RequestBodyReply`` to say it.
    """

    see_response: bool = False
    set_headers: tuple[tuple[str, str], ...] = NO_HEADERS
    remove_headers: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    metadata: Mapping[str, str] | None = None


@valueclass
class RequestBodyReply:
    """Send the request on, changed.

    ``set_headers`` overwrite; ``body`` None: as it is. ``chain`` (admission): clusters in the order of the attempts;
    it makes Envoy choose the route anew. ``metadata``: added to the gateway's namespace.
    """

    set_headers: tuple[tuple[str, str], ...] = NO_HEADERS
    remove_headers: tuple[str, ...] = ()
    body: bytes | None = None
    chain: tuple[str, ...] = ()
    metadata: Mapping[str, str] | None = None


@valueclass
class ResponseHeadersReply:
    """Let the response headers pass, changed. ``body`` becomes the whole body, of a response that has none itself."""

    status: int | None = None
    set_headers: tuple[tuple[str, str], ...] = NO_HEADERS
    remove_headers: tuple[str, ...] = ()
    body: bytes | None = None
    metadata: Mapping[str, str] | None = None


@valueclass
class ResponseBodyReply:
    """A piece of the response body; ``end``: the last."""

    data: bytes
    end: bool = False
    metadata: Mapping[str, str] | None = None


@valueclass
class ResponseTrailersReply:
    """Let the trailers pass."""


@valueclass
class Respond:
    """Answer the client at once; nothing is sent to a provider. ``details`` goes to Envoy's access log."""

    status: int
    body: bytes
    details: str
    set_headers: tuple[tuple[str, str], ...] = NO_HEADERS
    metadata: Mapping[str, str] | None = None


@valueclass
class Abort:
    """Break off: Envoy resets the provider's side, and the client's where its answer has begun. The last reply."""


MessageReply: TypeAlias = (
    RequestHeadersReply | RequestBodyReply | ResponseHeadersReply | ResponseBodyReply | ResponseTrailersReply | Respond
)
"""What Envoy gets as a message."""

Reply: TypeAlias = MessageReply | Abort

Replies: TypeAlias = tuple[Reply, ...]


class Phase(Protocol):
    """One side of a gRPC stream. Calls come one at a time, in the order of the events."""

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which ``wake`` shall be called; read after every call."""
        ...

    def handle(self, event: Event) -> Replies | Awaitable[Replies]:
        """What to tell Envoy. An awaitable holds back the stream's next event until it is done."""
        ...

    def wake(self) -> Replies | Awaitable[Replies]:
        """The deadline has passed."""
        ...

    def close(self, *, crashed: bool = False) -> None:
        """The stream has ended, whatever ended it; ``crashed``: this phase did. Called once, last."""
        ...
