"""Prices of the file."""

from decimal import Decimal

import pytest

from extproc.config.prices import PriceSpec, price_of

BASE = {"input": 3, "output": 15, "cache_read": 0.3}


def price(**more):
    return price_of(PriceSpec.model_validate({**BASE, **more}))


def test_what_is_not_written_is_left_open():
    plain = price()
    assert (plain.input, plain.output, plain.cache_read) == (3, 15, Decimal("0.3"))
    assert plain.cache_write is None
    assert plain.request is None
    assert (plain.above, plain.service_tiers) == ((), None)


def test_a_long_prompt_costs_as_a_short_one_in_what_it_does_not_say():
    ((tokens, long),) = price(above=[{"tokens": "200k", "input": 6}]).above
    assert tokens == 200_000
    assert (long.input, long.output, long.cache_read) == (6, 15, Decimal("0.3"))
    assert long.above == ()


def test_a_service_tier_inherits_rates_but_says_itself_what_long_prompts_cost():
    tiers = price(
        above=[{"tokens": 200_000, "input": 6}],
        service_tiers={"batch": {"input": 1.5, "above": [{"tokens": 200_000, "input": 3}]}, "flex": {"above": []}},
    ).service_tiers
    assert tiers is not None
    assert (tiers["batch"].input, tiers["batch"].output) == (Decimal("1.5"), 15)
    ((_, long),) = tiers["batch"].above
    assert (long.input, long.output, long.cache_read) == (3, 15, Decimal("0.3"))
    assert tiers["flex"].above == ()
    assert tiers["flex"].input == 3


def test_a_model_may_cost_nothing():
    free = price_of(PriceSpec.model_validate({"input": 0, "output": 0}))
    assert (free.input, free.output) == (0, 0)


def test_a_price_of_each_request_alone_is_whole():
    each = price_of(PriceSpec.model_validate({"request": "0.04"}))
    assert (each.input, each.output, each.request) == (0, 0, Decimal("0.04"))
    with pytest.raises(ValueError, match="output"):
        PriceSpec.model_validate({"request": "0.04", "input": 1})
