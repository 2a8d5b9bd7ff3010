"""What is decided by whoever starts Envoy, not by ``gateway.yaml``: sockets, ports and paths on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from extproc.domain.errors import GatewayError
from extproc.domain.reading import JsonObject

ErrorShape = Literal["openai", "anthropic", "gemini"]
"""Whose error body a client understands."""

RenderError = Callable[[ErrorShape, GatewayError], JsonObject]
"""Renders an error body in the client's dialect; the dialects themselves are handed in by the composition root."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where things are on this machine. Paths are absolute."""

    sockets: tuple[str, ...]
    """One unix socket per worker process; at least one."""
    admin_port: int
    """Envoy's own admin interface, not the gateway's."""
    admin_host: str = "127.0.0.1"
    """Loopback: Envoy's admin interface can stop Envoy and asks nobody who they are."""
    access_log: str | None = None
    """A file; None: standard output."""
    log_requests: bool = True
    """Whether there is an access log at all: formatting a line costs Envoy some 20 microseconds a request."""
    trusted_ca: str = "/etc/ssl/certs/ca-certificates.crt"
    """The bundle of public roots, for providers without a ``ca_file``. Its path differs by distribution."""
    xds_dir: str | None = None
    """The folder of the files that Envoy watches; only the dynamic form needs it."""

    def __post_init__(self) -> None:
        """Raise ``ValueError`` where Envoy would accept what cannot work."""
        if not self.sockets:
            raise ValueError("placement.sockets: Envoy needs at least one worker to call")
