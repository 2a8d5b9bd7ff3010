"""How long an answer may be where it is counted: as the client says, else as the target, its dialect or its model does."""

from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from extproc.accounting.tariffs import TariffBook
from extproc.config.snapshot import Price, Target
from extproc.domain.errors import UnboundedCost
from extproc.phases.worst import Reckoner

PRICE = Price(input=Decimal(1), output=Decimal(2))
HI = [{"role": "user", "content": "Hi"}]


def output(world, *targets: Target, **body) -> int:
    asked = {"model": "m", "messages": HI, **body}
    reckoner = Reckoner(world.snapshot, TariffBook(world.snapshot))
    chain = [replace(target, price=PRICE) for target in targets]
    dialect = "openai-chat"
    return reckoner.reckon(
        asked, orjson.dumps(asked), dialect, chain, budgets={None}, now_ns=world.clock.now_ns()
    ).output


@pytest.mark.parametrize(
    ("target", "said", "tokens"),
    [
        (Target("o1", "new"), 50, 50),
        (Target("o1", "new", max_output_tokens=60), 50, 50),
        (Target("o1", "new", max_output_tokens=60), None, 60),
        (Target("o1", "new"), None, 16_384),
        (Target("o1", "new", context_window=300), None, 300),
        (Target("o1", "new", context_window=2_000_000), None, 16_384),
        (Target("o1", "gpt-4-turbo"), None, 4096),
        (Target("a1", "new"), None, 4096),
    ],
)
def test_who_says_how_long_an_answer_may_be(world, target, said, tokens):
    assert output(world, target, **({} if said is None else {"max_tokens": said})) == tokens


def test_reasoning_that_another_vendor_stored_costs_nothing(world):
    """It is left out there; where the vendor keeps it, only the context window is a bound."""
    asked = {"model": "m", "input": [{"type": "item_reference", "id": "rs_1"}, {"role": "user", "content": "Hi"}]}
    reckoner = Reckoner(world.snapshot, TariffBook(world.snapshot))

    def reckon(target: Target):
        chain = [replace(target, price=PRICE)]
        now = world.clock.now_ns()
        return reckoner.reckon(asked, orjson.dumps(asked), "openai-responses", chain, budgets={None}, now_ns=now)

    assert reckon(Target("a1", "new")).worst[None].input_tokens < 1000
    assert reckon(Target("o1", "new", api="chat")).worst[None].input_tokens < 1000
    with pytest.raises(UnboundedCost, match=r"input\[0\]"):
        reckon(Target("o1", "new", api="responses"))
    assert reckon(Target("o1", "new", api="responses", context_window=9000)).worst[None].input_tokens == 9000


def test_of_a_chain_the_longest_counts(world):
    assert output(world, Target("a1", "new"), Target("o1", "new")) == 16_384


def test_the_default_is_configurable(world):
    world.snapshot = replace(world.snapshot, money=replace(world.snapshot.money, output_default=777))
    assert output(world, Target("o1", "new")) == 777
