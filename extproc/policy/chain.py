"""Which targets serve a request, in which order, and how often each is tried."""

from collections.abc import Callable, Sequence

from extproc.config.snapshot import MAX_ATTEMPTS, Model, Target


def order_targets(model: Model, pick: Callable[[Sequence[int]], int]) -> tuple[Target, ...]:
    """All who may serve a request: the targets by strategy, then the fallbacks in their order.

    ``weighted``: the first is drawn by weight, and so is each next one among the rest; a target of weight 0 is drawn
    by nobody and only stands in behind the others. ``priority``: as the file lists them. ``pick`` takes weights and
    gives an index (``Dice.pick``).
    """
    ordered = _draw(list(model.targets), pick) if model.strategy == "weighted" else list(model.targets)
    return (*ordered, *model.fallbacks)


def attempts(model: Model, targets: Sequence[Target]) -> tuple[Target, ...]:
    """The chain of a request: each target ``1 + retries`` times before the next, ``MAX_ATTEMPTS`` in all.

    ``targets``: those of ``order_targets`` that can serve the request, perhaps by another API. Where not all fits, every
    target keeps its first try, and the repeats of later ones are left out before those of earlier ones.
    """
    tried = targets if len(targets) <= MAX_ATTEMPTS else _kept(model, targets)
    spare = MAX_ATTEMPTS - len(tried)
    chain: list[Target] = []
    for target in tried:
        repeats = min(model.retries, spare)
        spare -= repeats
        chain += [target] * (1 + repeats)
    return tuple(chain)


def _kept(model: Model, targets: Sequence[Target]) -> Sequence[Target]:
    """Without the last of those that were drawn: they come first in other requests, who stands behind them does not."""
    fallbacks = {(one.provider, one.model) for one in model.fallbacks}
    drawn = [place for place, one in enumerate(targets) if one.weight and (one.provider, one.model) not in fallbacks]
    cut = drawn[1:][MAX_ATTEMPTS - len(targets) :]
    return [one for place, one in enumerate(targets) if place not in cut][:MAX_ATTEMPTS]


def _draw(targets: list[Target], pick: Callable[[Sequence[int]], int]) -> list[Target]:
    drawn: list[Target] = []
    while len(targets) > 1 and any(target.weight for target in targets):
        drawn.append(targets.pop(pick([target.weight for target in targets])))
    return drawn + targets
