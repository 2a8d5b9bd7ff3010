"""The order in which targets are tried."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.snapshot import MAX_ATTEMPTS, Model, Target
from extproc.phases.ports import SystemDice
from extproc.policy.chain import attempts, order_targets


def model(*weights: int, fallbacks: int = 0, **more) -> Model:
    """Targets ``t0``, ``t1``... with these weights, and fallbacks ``f0``, ``f1``..."""
    return Model(
        "m",
        tuple(Target(f"t{n}", "m", weight) for n, weight in enumerate(weights)),
        fallbacks=tuple(Target(f"f{n}", "m") for n in range(fallbacks)),
        **more,
    )


def first(weights):
    """Dice that always fall on the first that has a weight."""
    return next(n for n, weight in enumerate(weights) if weight)


def last(weights):
    return max(n for n, weight in enumerate(weights) if weight)


def names(chain) -> str:
    return " ".join(target.provider for target in chain)


CASES = [
    (model(1), first, "t0"),
    (model(1, 1), first, "t0 t1"),
    (model(1, 1), last, "t1 t0"),
    (model(1, 1, 1), last, "t2 t1 t0"),
    (model(0, 1, 0, 1), first, "t1 t3 t0 t2"),
    (model(0, 1, 0, 1), last, "t3 t1 t0 t2"),
    (model(0, 0), last, "t0 t1"),
    (model(0), first, "t0"),
    (model(1, 1, fallbacks=2), last, "t1 t0 f0 f1"),
    (model(1, 9, strategy="priority"), last, "t0 t1"),
]


@pytest.mark.parametrize(("model", "pick", "order"), CASES)
def test_the_order(model, pick, order):
    assert names(order_targets(model, pick)) == order


def chain(model) -> str:
    """The chain of a request that every target can serve."""
    return names(attempts(model, order_targets(model, first)))


def many(prefix: str, count: int) -> str:
    return " ".join(f"{prefix}{n}" for n in range(count))


CHAINS = {
    "each as often as it says": (model(1, 9, fallbacks=1, retries=1), "t0 t0 t1 t1 f0 f0"),
    "fallbacks too": (model(1, fallbacks=1, retries=2), "t0 t0 t0 f0 f0 f0"),
    "just full": (model(1, 1, 1, fallbacks=1, retries=3), "t0 t0 t0 t0 t1 t1 t1 t1 t2 t2 t2 t2 f0 f0 f0 f0"),
    "the last repeats are left out": (
        model(1, 1, 1, 1, 1, 1, fallbacks=1, retries=4, strategy="priority"),
        "t0 t0 t0 t0 t0 t1 t1 t1 t1 t1 t2 t2 t3 t4 t5 f0",
    ),
    "one alone": (model(1, retries=99), " ".join(["t0"] * MAX_ATTEMPTS)),
    "no room for a repeat": (model(*[1] * 12, fallbacks=4, retries=1), f"{many('t', 12)} {many('f', 4)}"),
    "the last that were drawn": (model(*[1] * 20, fallbacks=2, retries=1), f"{many('t', 14)} f0 f1"),
    "but not who stands behind them": (model(*[1] * 20, 0, fallbacks=1), f"{many('t', 14)} t20 f0"),
    "more than can be configured": (model(1, fallbacks=30), f"t0 {many('f', 15)}"),
}


@pytest.mark.parametrize("case", CHAINS)
def test_how_often_each_is_tried(case):
    catalogued, expected = CHAINS[case]
    assert chain(catalogued) == expected


def test_who_cannot_serve_a_request_takes_no_attempt_from_others():
    catalogued = model(*[1] * 18, fallbacks=1, retries=6)
    able = [target for target in order_targets(catalogued, first) if target.provider in {"t17", "f0"}]
    assert names(attempts(catalogued, able)) == "t17 t17 t17 t17 t17 t17 t17 f0 f0 f0 f0 f0 f0 f0"


def test_a_fallback_is_kept_by_whichever_api_it_is_asked():
    catalogued = model(*[1] * 20, fallbacks=1)
    asked = [replace(target, api="responses") for target in order_targets(catalogued, first)]
    assert names(attempts(catalogued, asked)) == f"{many('t', 15)} f0"


@given(st.integers(1, 12), st.integers(0, 4), st.integers(0, 10))
def test_all_who_fit_are_tried_in_their_order(targets, fallbacks, retries):
    catalogued = model(*[1] * targets, fallbacks=fallbacks, retries=retries)
    ordered = order_targets(catalogued, first)
    tried = attempts(catalogued, ordered)
    assert len(tried) == min(MAX_ATTEMPTS, len(ordered) * (1 + retries))
    assert tuple(dict.fromkeys(tried)) == ordered


def test_the_dice_are_thrown_with_the_weights_that_are_left():
    thrown = []

    def pick(weights):
        thrown.append(list(weights))
        return last(weights)

    order_targets(model(5, 0, 3), pick)
    assert thrown == [[5, 0, 3], [5, 0]]


def test_priority_throws_no_dice():
    order_targets(model(1, 1, strategy="priority"), lambda _: pytest.fail("thrown"))


weights = st.lists(st.integers(0, 100), min_size=1, max_size=8)


@given(weights, st.integers(0, 5), st.data())
def test_every_target_is_tried_once_and_none_is_invented(weights, fallbacks, data):
    def pick(weights):
        return data.draw(st.sampled_from([index for index, weight in enumerate(weights) if weight]))

    catalogued = model(*weights, fallbacks=fallbacks)
    chain = order_targets(catalogued, pick)
    assert sorted(names(chain).split()) == sorted(names((*catalogued.targets, *catalogued.fallbacks)).split())
    drawn = [target.weight for target in chain[: len(weights)]]
    zeros = drawn.index(0) if 0 in drawn else len(drawn)
    assert not any(drawn[zeros:]), "what has no weight stands behind what has"


def test_over_many_requests_the_first_is_drawn_by_weight():
    dice, catalogued = SystemDice(), model(70, 20, 10, 0)
    firsts = Counter(order_targets(catalogued, dice.pick)[0].provider for _ in range(10_000))
    assert firsts["t3"] == 0
    for name, share in (("t0", 7000), ("t1", 2000), ("t2", 1000)):
        assert abs(firsts[name] - share) < 250, "five standard deviations of the widest"


def test_over_many_requests_the_second_is_drawn_by_weight_among_the_rest():
    dice, catalogued = SystemDice(), model(70, 20, 10)
    seconds = Counter()
    for _ in range(10_000):
        one, two, _ = order_targets(catalogued, dice.pick)
        if one.provider == "t0":
            seconds[two.provider] += 1
    share = seconds["t1"] / sum(seconds.values())
    assert 0.63 < share < 0.70
