"""What cannot be carried is refused in one error, or named."""

import pytest

from extproc.dialects.losses import Losses
from extproc.domain.errors import UnsupportedFeature


def test_one_error_names_all_that_is_refused():
    losses = Losses()
    losses.refuse("n")
    losses.tell("verbosity")
    losses.refuse("seed")
    with pytest.raises(UnsupportedFeature) as caught:
        losses.settle(drop=False)
    assert "n, seed" in caught.value.message
    assert "verbosity" not in caught.value.message
    assert caught.value.param == "n"


def test_the_error_says_who_cannot():
    losses = Losses("Bedrock Converse")
    losses.refuse("seed")
    losses.tell("user")
    losses.refuse("n")
    losses.refuse("seed")
    with pytest.raises(UnsupportedFeature, match=r"\(Bedrock Converse\) cannot carry: seed, n\. ") as caught:
        losses.settle(drop=False)
    assert caught.value.param == "seed"
    assert losses.settle(drop=True) == ("seed", "user", "n")


def test_all_is_named_where_it_may_be_dropped():
    losses = Losses()
    losses.refuse("n")
    losses.tell("verbosity")
    losses.refuse("n")
    assert losses.settle(drop=True) == ("n", "verbosity")


def test_hints_alone_are_never_an_error():
    losses = Losses()
    losses.tell("verbosity")
    assert losses.settle(drop=False) == ("verbosity",)
