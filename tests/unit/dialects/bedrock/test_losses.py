"""What is not carried is named."""

import pytest

from extproc.dialects.bedrock.losses import Losses
from extproc.domain.errors import UnsupportedFeature


def test_one_error_names_all_that_is_refused_once():
    losses = Losses()
    losses.refuse("seed")
    losses.tell("user")
    losses.refuse("n")
    losses.refuse("seed")
    with pytest.raises(UnsupportedFeature, match="cannot carry: seed, n\\. ") as caught:
        losses.settle(drop=False)
    assert caught.value.param == "seed"
    assert losses.settle(drop=True) == ("seed", "user", "n")


def test_what_is_only_told_fails_nothing():
    losses = Losses()
    losses.tell("user")
    assert losses.settle(drop=False) == ("user",)
