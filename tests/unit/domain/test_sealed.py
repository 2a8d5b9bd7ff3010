"""Sealed reasoning comes back as it went out, with its origin, whatever the client's dialect is."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.conversation import Origin
from extproc.domain.sealed import PREFIX, seal, unseal

ORIGINS = st.sampled_from(get_args(Origin))
OPAQUE = st.text(min_size=1).filter(lambda text: not text.startswith(PREFIX))


@given(OPAQUE, ORIGINS, ORIGINS)
def test_a_round_trip(data, origin, native):
    sealed = seal(data, origin, native=native)
    assert unseal(sealed, native=native) == (data, origin)
    assert (sealed == data) == (origin == native)


@pytest.mark.parametrize("text", [f"{PREFIX}nobody.data", f"{PREFIX}gemini", PREFIX, "", "EqQB"])
def test_what_nobody_sealed_is_the_clients_own_vendors(text):
    assert unseal(text, native="anthropic") == (text, "anthropic")
