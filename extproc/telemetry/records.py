"""What the phases tell telemetry: one ``AttemptRecord`` per upstream try, one ``RequestRecord`` per client request.

The two are written by different gRPC streams, mostly of different processes. The request's record comes from the
attempt that committed the client's answer; where none did (a refusal, a local reply, every attempt failed, the client
was gone before), from admission.

These fields are the whole of what the log, the metrics and the spans can see. There is none for a message, a body or a
credential: an error is its ``outcome``, since a vendor's message may quote the prompt.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import TypeAlias

from extproc.domain.answer import FinishReason
from extproc.domain.usage import Usage
from extproc.domain.valueclass import valueclass

OK = "ok"
"""The outcome of what went well; every other outcome is a ``GatewayError.outcome``: ``<fault>:<code>``."""

Operation: TypeAlias = str
"""``gen_ai.operation.name`` of the GenAI conventions (``chat``, ``text_completion``, ``embeddings``,
``generate_content``), and beyond them the gateway's own names (``rerank``, ``images``, ``speech``, ...)."""

ASKS_NO_MODEL: frozenset[Operation] = frozenset({"models", "none"})
"""The catalogue, and what is no operation at all (an unknown path): in no GenAI metric, whose latencies they would spoil."""


_NO_USAGE = Usage()


@valueclass(kw_only=True)
class AttemptSummary:
    """One try as the request's row lists it. ``reason`` is the try's outcome; ``model`` the provider's name for it."""

    provider: str
    model: str
    reason: str
    duration_ms: float


@valueclass(kw_only=True)
class _Record:
    """What both rows say. Durations are milliseconds, times nanoseconds since 1970."""

    request_id: str
    time_ns: int
    """When it began."""
    duration_ms: float
    outcome: str
    trace_id: str | None = None
    """32 hex digits."""
    key: str | None = None
    """The virtual key's name, never its text. None: nobody was recognised."""
    team: str | None = None
    org: str | None = None
    user: str | None = None
    tags: Mapping[str, str] | None = None
    client_dialect: str | None = None
    operation: Operation = "chat"
    model_asked: str | None = None
    """The name as the client wrote it. It is never a metric's label, for clients can write anything."""
    model: str | None = None
    """The catalogue's name; None where the catalogue has no such model, or none was read yet."""
    ladder: str | None = None
    """Steps of budgets' ladders that changed the model or the output limit: ``team=search@0.6``."""
    provider: str | None = None
    """The provider's name in the configuration."""
    provider_dialect: str | None = None
    provider_model: str | None = None
    """The name sent to the provider."""
    model_served: str | None = None
    """The name in the provider's answer."""
    stream: bool = False
    status: int | None = None
    usage: Usage = _NO_USAGE
    usage_estimated: bool = False
    """Some count was reckoned by the gateway, for the provider's own did not arrive."""
    cost: int | None = None
    """Nano-dollars; None where nobody knows the price, or nothing was bought."""
    first_token_ms: float | None = None
    """From ``time_ns`` to the first content; None where there was none."""
    finish_reason: FinishReason | None = None
    config_version: str = ""
    committed: bool = False
    """The client has got the head of an answer, so no other provider could take over."""


@valueclass(kw_only=True)
class AttemptRecord(_Record):
    """One upstream try. ``status`` is the provider's, None where it sent none; ``attempt`` counts from 1."""

    attempt: int
    server_address: str | None = None
    """The provider's host."""
    server_port: int | None = None


@valueclass(kw_only=True)
class RequestRecord(_Record):
    """One client request. ``status`` is what the client got; provider fields and usage are of the committed attempt."""

    attempts: tuple[AttemptSummary, ...] = ()
    """As far as the writer knows them, in order, the committed one included."""

    @classmethod
    def answered_by(
        cls,
        attempt: AttemptRecord,
        *,
        time_ns: int,
        status: int,
        attempts: tuple[AttemptSummary, ...],
    ) -> "RequestRecord":
        """The request that this attempt has answered; it began at ``time_ns`` and ended with the attempt."""
        before = (attempt.time_ns - time_ns) / 1e6
        first = attempt.first_token_ms
        said = {name: getattr(attempt, name) for name in _SHARED}
        said |= {"time_ns": time_ns, "duration_ms": attempt.duration_ms + before, "status": status}
        said["first_token_ms"] = None if first is None else first + before
        return cls(**said, attempts=attempts)


_SHARED = tuple(field.name for field in fields(_Record))

Record = AttemptRecord | RequestRecord


def is_failure(outcome: str) -> bool:
    """Whether the platform or a provider is to blame, rather than the caller, a rule, or nobody.

    A ``transport`` outcome is none: the client may just have left.
    """
    return outcome.startswith(("provider:", "gateway:"))
