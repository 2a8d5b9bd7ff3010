"""A provider and a request → authority, path and headers, absolute: nothing of an earlier attempt survives."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from extproc.config.snapshot import Provider
from extproc.providers.wire import WIRES

_KEPT = frozenset(
    {
        *("content-length", "user-agent", "traceparent", "tracestate"),
        "x-request-id",  # the gateway's own, for the vendor's support to find a request by
    }
)
"""What may stay on the request besides what the attempt sets. Admission has let nothing else of the client's through, so
the rest is an earlier attempt's (Envoy keeps header changes from attempt to attempt) or Envoy's own."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """What to set and to remove on the request, and the path it goes to."""

    set_headers: tuple[tuple[str, str], ...]
    remove_headers: tuple[str, ...]


def address(
    provider: Provider, *, client_headers: Mapping[str, str], present: Mapping[str, str], stream: bool
) -> Addressed:
    """The headers of one attempt.

    ``client_headers``: what the client sent that belongs to a dialect; ``present``: what is on the request now, an
    earlier attempt's headers included.
    """
    wire = WIRES[provider.dialect]
    parts = urlsplit(provider.base_url)
    own: dict[str, str] = dict(wire.defaults)
    own.update({name: value for name, value in client_headers.items() if name in wire.from_client})
    own.update({name.lower(): value for name, value in (provider.headers or {}).items()})
    own.update(wire.credential(provider))
    headers = {
        ":path": f"{parts.path.rstrip('/')}{wire.chat_path}",
        ":authority": parts.netloc.rpartition("@")[2],
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        # Compressed answers would have to be unpacked here; asking for none is cheaper, and those that come anyway are.
        "accept-encoding": "identity",
        **own,
    }
    stale = tuple(n for n in present if n not in _KEPT and n not in headers and not n.startswith(":"))
    return Addressed(tuple(headers.items()), stale)
