"""What the rest of the gateway reads of the configuration: frozen, resolved, no defaults left open.

A request takes one snapshot and keeps it to its end; a reload makes a new one. Durations are seconds, sizes bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

RetryCondition = int | Literal["connect", "timeout"]
"""A provider status (also one that an in-stream error counts as), or a way to get no answer at all."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential. Its text is in ``reveal`` only: repr, str and logs show nothing of it."""

    _value: str

    def reveal(self) -> str:
        """The plain text, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        """Hide the value."""
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody we call. ``base_url`` has no trailing slash; for ``openai`` it ends in ``/v1``."""

    name: str
    dialect: str
    base_url: str
    api_key: Secret | None = None
    headers: Mapping[str, str] | None = None
    """Sent on every request to this provider (an organisation id, a beta flag)."""
    region: str | None = None
    ca_file: str | None = None
    connect_timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a provider."""

    provider: str
    model: str
    weight: int = 1
    max_output_tokens: int | None = None
    """Stands in where the provider's dialect requires a limit and the client named none."""


@dataclass(frozen=True, slots=True)
class Commit:
    """When a stream's 200 goes to the client, after which no other provider can take over.

    ``first-token``: with the first content; ``events``: after ``events`` content events; ``after``: ``after`` seconds
    behind the first content; ``whole``: when the answer is complete (held up to ``buffer_limit`` bytes).
    """

    mode: Literal["first-token", "events", "after", "whole"] = "first-token"
    events: int = 0
    after: float = 0.0
    buffer_limit: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Model:
    """An entry of the catalogue: what applications may ask for."""

    name: str
    targets: tuple[Target, ...]
    fallbacks: tuple[Target, ...] = ()
    aliases: tuple[str, ...] = ()
    enabled: bool = True
    strategy: Literal["weighted", "priority"] = "weighted"
    retry_on: frozenset[RetryCondition] = frozenset()
    retries: int = 0
    """Further tries of the same target before the next one."""
    first_token_timeout: float = 30.0
    """Streams: from the request to the first content, then the next target is tried."""
    stall_timeout: float = 60.0
    """Streams: the longest silence of the provider once content has begun."""
    timeout: float = 600.0
    """The whole answer of one attempt where it is not streamed, or is held until it is whole."""
    commit: Commit = Commit()
    drop_unsupported: bool = False
    created: int = 0
    """Unix seconds, shown by ``/v1/models``."""
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """A declared key. ``sha256`` is the lower-case hex digest of its plain text, which is stored nowhere."""

    name: str
    sha256: str
    team: str | None = None
    models: frozenset[str] | None = None
    """Catalogue names it may use; None: all."""
    expires: datetime | None = None
    """The first instant at which it is refused, with time zone."""
    enabled: bool = True
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Where telemetry goes besides the log and ``/metrics``."""

    otlp_endpoint: str | None = None
    """Base URL of an OTLP/HTTP collector; None: no spans are made."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole configuration. ``version`` is a digest of the file: it names the snapshot in logs."""

    version: str
    listen_host: str
    listen_port: int
    admin_host: str
    admin_port: int
    admin_token: Secret | None
    workers: int
    max_request_bytes: int
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    """By catalogue name; aliases are in ``names``."""
    names: Mapping[str, str]
    """Every name a client may write, aliases included → catalogue name."""
    keys: Mapping[str, VirtualKey]
    """By sha256."""
    telemetry: Telemetry
