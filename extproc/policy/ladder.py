"""What changes as a budget is used up: a cheaper model, smaller answers, then refusal.

A step is reached when ``settled + held`` of its meter reaches its share. The hold itself watches that (``HoldLine.gate``),
so nothing slips through between looking and taking.
"""

from dataclasses import replace

from extproc.domain.ledger import MeterState
from extproc.domain.meters import SHARE, Meter, scope_text
from extproc.domain.valueclass import valueclass


@valueclass
class Course:
    """How a request is served, as far as ladders have a say. ``honoured``: meters, and how many steps of each are heeded."""

    model: str
    max_output_tokens: int | None = None
    honoured: tuple[tuple[Meter, int], ...] = ()

    def steps_honoured(self, meter: Meter) -> int:
        """How many steps of the meter's ladder this course heeds."""
        return next((count for known, count in self.honoured if known.id == meter.id), 0)

    @property
    def told(self) -> str:
        """Of each meter the last step that is heeded, in visible ASCII: ``team=search@0.6, key=k1@0.9``; empty: of none."""
        return ", ".join(
            [f"{scope_text(meter.scope)}@{meter.ladder[count - 1].at / SHARE:g}" for meter, count in self.honoured]
        )


def descend(course: Course, meter: Meter, state: MeterState, *, swaps: bool = True) -> Course | None:
    """The course behind the steps that the meter has reached; None where one of them says to refuse.

    ``swaps``: another model can do as well. A file in one account is none in another, and who answers makes no vectors.
    """
    used = state.settled + state.held
    reached = sum(used * SHARE >= meter.limit * step.at for step in meter.ladder)
    # The gate was hit, so one step at least is new, whatever has been given back since.
    reached = max(reached, course.steps_honoured(meter) + 1)
    model, most = course.model, course.max_output_tokens
    for step in meter.ladder[:reached]:
        if step.refuse:
            return None
        model = (step.use if swaps else None) or model
        if step.max_output_tokens is not None:
            most = min(step.max_output_tokens, most or step.max_output_tokens)
    others = tuple((known, count) for known, count in course.honoured if known.id != meter.id)
    return replace(course, model=model, max_output_tokens=most, honoured=(*others, (meter, reached)))
