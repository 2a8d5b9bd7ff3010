"""Which targets serve a request, in which order."""

from collections.abc import Callable, Sequence

from extproc.config.snapshot import Model, Target

MAX_ATTEMPTS = 16
"""Longer chains only keep a client waiting; Envoy's route allows as many."""


def order_targets(model: Model, pick: Callable[[Sequence[int]], int]) -> tuple[Target, ...]:
    """The chain of a request: the targets by strategy, then the fallbacks in their order.

    ``weighted``: the first is drawn by weight, and so is each next one among the rest; a target of weight 0 is drawn
    by nobody and only stands in behind the others. ``priority``: as the file lists them. Each target is tried
    ``1 + retries`` times before the next. ``pick`` takes weights and gives an index (``Dice.pick``).
    """
    ordered = _draw(list(model.targets), pick) if model.strategy == "weighted" else list(model.targets)
    chain = [target for target in (*ordered, *model.fallbacks) for _ in range(1 + model.retries)]
    return tuple(chain[:MAX_ATTEMPTS])


def _draw(targets: list[Target], pick: Callable[[Sequence[int]], int]) -> list[Target]:
    drawn: list[Target] = []
    while len(targets) > 1 and any(target.weight for target in targets):
        drawn.append(targets.pop(pick([target.weight for target in targets])))
    return drawn + targets
