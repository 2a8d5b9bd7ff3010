"""The hand-off: what admission decided, as the attempts of the same request read it.

It travels as one string in Envoy's dynamic metadata (``names.METADATA_NAMESPACE``, key ``HANDOFF_KEY``), so any worker,
replica or restart can serve either phase. It rides on every message of an attempt's stream, chunks too: a few hundred
bytes, no secret, no prompt. Writer: ``extproc.phases.handover``; reader: ``extproc.phases.attempt``.
"""

from dataclasses import fields

import orjson

from extproc.domain.errors import InternalError
from extproc.domain.valueclass import valueclass

VERSION = 5
"""Raised when the meaning of a field changes; workers of two versions then refuse each other's hand-offs clearly."""


@valueclass
class Step:
    """One attempt of the chain."""

    provider: str
    model: str
    max_output_tokens: int | None = None
    api: str | None = None
    """Which of its APIs this target is called by, where the configuration says; see ``Target.api``."""


@valueclass
class Handoff:
    """What the attempts need to know of a request.

    ``asked``: the model as the client wrote it; ``model``: its catalogue name; ``started_ns``: when admission began
    (Unix nanoseconds); ``client_headers``: headers of the client that belong to its dialect (``anthropic-beta``), kept
    here because an attempt at another provider removes them from the request for good.
    """

    request_id: str
    key: str
    team: str | None
    client_dialect: str
    asked: str
    model: str
    stream: bool
    chain: tuple[Step, ...]
    started_ns: int
    config_version: str
    traceparent: str | None = None
    client_headers: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    hold_id: str = ""
    """Of the hold that this request has at the ledger; empty: there is no ledger."""
    key_id: str = ""
    org: str | None = None
    user: str | None = None
    end_user: str | None = None
    output_limit: int | None = None
    """What the budgets can pay for, in tokens; None: as the client says."""
    show_cost: bool = False
    metered: bool = True
    """Some meter counts it, so its hold has lines."""
    operation: str = "chat"
    path: str = ""
    """What follows ``/v1``, for operations with paths of their own (files, batches)."""
    content_type: str = ""
    """The client's, where the body is a form, whose boundary stands in it."""
    ladder: str = ""
    """What budgets have changed: see ``extproc.policy.ladder.Course.told``."""

    def encode(self) -> str:
        """As text."""
        return orjson.dumps(
            [
                VERSION,
                self.request_id,
                self.key,
                self.team,
                self.client_dialect,
                self.asked,
                self.model,
                self.stream,
                [[s.provider, s.model, s.max_output_tokens, s.api] for s in self.chain],
                self.started_ns,
                self.config_version,
                self.traceparent,
                self.client_headers,
                self.tags,
                self.hold_id,
                self.key_id,
                self.org,
                self.user,
                self.end_user,
                self.output_limit,
                self.show_cost,
                self.metered,
                self.operation,
                self.path,
                self.content_type,
                self.ladder,
            ]
        ).decode()


_CHAIN, _CLIENT_HEADERS, _TAGS = (
    [field.name for field in fields(Handoff)].index(name) for name in ("chain", "client_headers", "tags")
)
"""Where the fields are that JSON has lists for."""


def decode(text: str | None) -> Handoff:
    """Raises ``InternalError`` where there is none, or one of another version."""
    if not text:
        raise InternalError("the request reached a provider without an admission")
    written = orjson.loads(text)
    if written[0] != VERSION:
        raise InternalError("the admission was made by another version of the gateway; send the request again")
    values = written[1:]
    values[_CHAIN] = tuple(Step(*step) for step in values[_CHAIN])
    for pairs in (_CLIENT_HEADERS, _TAGS):
        values[pairs] = tuple((name, value) for name, value in values[pairs])
    return Handoff(*values)
