"""A provider and an ask → authority, path and headers, absolute: nothing of an earlier attempt survives."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from extproc.config.snapshot import Provider
from extproc.domain.valueclass import valueclass
from extproc.providers.credential import Credential, credential_headers
from extproc.providers.sigv4 import AwsKeys, SignedParts, SigningScope
from extproc.providers.sigv4 import sign as signature
from extproc.providers.wire import Ask, ProviderWire

_KEPT = frozenset(
    {
        *("content-length", "user-agent", "traceparent", "tracestate"),
        "x-request-id",  # the gateway's own, for the vendor's support to find a request by
    }
)
"""What may stay on the request besides what the attempt sets. Admission has let nothing else of the client's through, so
the rest is an earlier attempt's (Envoy keeps header changes from attempt to attempt) or Envoy's own."""

_SERVICE = "bedrock"
"""The signing name of the one service whose requests are signed."""


@valueclass
class Addressed:
    """What to set and to remove on the request, and the path it goes to."""

    set_headers: tuple[tuple[str, str], ...]
    remove_headers: tuple[str, ...]


def address(
    provider: Provider,
    wire: ProviderWire,
    ask: Ask,
    *,
    client_headers: Mapping[str, str],
    present: Mapping[str, str],
    credential: Credential | None,
) -> Addressed:
    """The headers of one attempt. Raises ``UnsupportedFeature`` where the provider has no such operation.

    ``client_headers``: what the client sent that belongs to a dialect; ``present``: what is on the request now, an
    earlier attempt's headers included.
    """
    parts = urlsplit(provider.base_url)
    own: dict[str, str] = dict(wire.defaults)
    own.update(wire.from_clients(client_headers))
    own.update({name.lower(): value for name, value in (provider.headers or {}).items()})
    own.update(credential_headers(provider, credential))
    headers = {
        ":path": f"{parts.path.rstrip('/')}{wire.path(provider, ask)}",
        ":authority": parts.netloc.rpartition("@")[2],
        "content-type": ask.content_type or "application/json",
        "accept": ask.accept or _accept(wire, ask),
        # Compressed answers would have to be unpacked here; asking for none is cheaper, and those that come anyway are.
        "accept-encoding": "identity",
        **own,
    }
    stale = tuple(n for n in present if n not in _KEPT and n not in headers and not n.startswith(":"))
    return Addressed(tuple(headers.items()), stale)


def _accept(wire: ProviderWire, ask: Ask) -> str:
    if not ask.stream:
        return "application/json"
    binary = wire.format == "bedrock" or wire.framing == "anthropic-over-bedrock"
    return "application/vnd.amazon.eventstream" if binary else "text/event-stream"


def sign(provider: Provider, addressed: Addressed, body: bytes, credential: Credential | None, now: int) -> Addressed:
    """The same with the signature of an AWS key over the finished body; any other credential is on it already.

    ``now``: Unix seconds; AWS refuses what is five minutes off.
    """
    if not isinstance(credential, AwsKeys):
        return addressed
    assert provider.region is not None, "the configuration's checks see to it"
    headers = dict(addressed.set_headers)
    path, _, query = headers[":path"].partition("?")
    parts = SignedParts("POST", path, headers | {"host": headers[":authority"]}, body, query)
    added = signature(parts, credential, SigningScope(provider.region, _SERVICE, now))
    return replace(
        addressed,
        set_headers=tuple((headers | added).items()),
        remove_headers=tuple(name for name in addressed.remove_headers if name not in added),
    )
