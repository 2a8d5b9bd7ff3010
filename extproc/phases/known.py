"""What is known of a request by now: admission fills it in as it reads; its log and the hand-over read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from extproc.config.snapshot import Model
from extproc.phases.endpoints import OPENAI, Endpoint
from extproc.phases.handoff import Handoff
from extproc.policy.meters import Principal

_NOWHERE = Endpoint("models", OPENAI, "none")


@dataclass(slots=True)
class Known:
    """One request. ``headers`` and ``endpoint`` are the client's, ``dialect`` is what it speaks."""

    dialect: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    endpoint: Endpoint = _NOWHERE
    request_id: str = ""
    who: Principal | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    asked: str | None = None
    """The model as the client wrote it."""
    model: Model | None = None
    stream: bool = False
    end_user: str | None = None
    handoff: Handoff | None = None
