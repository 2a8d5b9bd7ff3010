"""A provider and a request → authority, path and headers, absolute: nothing of an earlier attempt survives."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from extproc.config.snapshot import Provider
from extproc.domain.names import ROUTE_HEADER
from extproc.providers.wire import OWNED_HEADERS, WIRES


_ENVOYS = frozenset({"x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms", "x-forwarded-proto", ROUTE_HEADER})
"""What Envoy's own routing has left on the request; a vendor has no use for it."""


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
    stale = (OWNED_HEADERS | _ENVOYS) - own.keys()
    return Addressed(tuple(headers.items()), tuple(sorted(stale & present.keys())))
