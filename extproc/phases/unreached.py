"""Attempts that never got a connection: no stream opened for them here, so whoever comes next writes their rows."""

from collections.abc import Sequence

from extproc.phases.endpoints import operation_name
from extproc.phases.handoff import Handoff
from extproc.phases.marks import AttemptMark, is_unmarked
from extproc.telemetry.records import AttemptRecord


def unreached(handoff: Handoff, marks: Sequence[AttemptMark], time_ns: int) -> list[AttemptRecord]:
    """The rows of the attempts at the end of ``marks`` that nobody marked, as far as another can know them.

    ``marks``: of all attempts so far, in order; ``time_ns``: when they came to nothing, about.
    """
    first = len(marks)
    while first and is_unmarked(marks[first - 1]):
        first -= 1
    return [_row(handoff, number, marks[number - 1], time_ns) for number in range(first + 1, len(marks) + 1)]


def _row(handoff: Handoff, number: int, mark: AttemptMark, time_ns: int) -> AttemptRecord:
    return AttemptRecord(
        request_id=handoff.request_id,
        time_ns=time_ns,
        duration_ms=0.0,
        outcome=mark.reason,
        key=handoff.key,
        team=handoff.team,
        tags=dict(handoff.tags) or None,
        client_dialect=handoff.client_dialect,
        operation=operation_name(handoff.operation, handoff.client_dialect),
        model_asked=handoff.asked,
        model=handoff.model,
        ladder=handoff.ladder or None,
        provider=mark.provider,
        provider_model=mark.model,
        stream=handoff.stream,
        config_version=handoff.config_version,
        attempt=number,
    )
