"""The hand-off: what is written is read again, and what another version wrote is refused."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.errors import InternalError
from extproc.phases.handoff import VERSION, Handoff, Step, decode

text = st.text(max_size=20)
pairs = st.lists(st.tuples(text, text), max_size=3).map(tuple)
steps = st.builds(Step, text, text, st.none() | st.integers(1, 2**40))
handoffs = st.builds(
    Handoff,
    request_id=text,
    key=text,
    team=st.none() | text,
    client_dialect=text,
    asked=text,
    model=text,
    stream=st.booleans(),
    chain=st.lists(steps, min_size=1, max_size=16).map(tuple),
    started_ns=st.integers(0, 2**63 - 1),
    config_version=text,
    traceparent=st.none() | text,
    client_headers=pairs,
    tags=pairs,
)


@given(handoffs)
def test_what_is_written_is_read_again(handoff):
    assert decode(handoff.encode()) == handoff


def test_it_is_small():
    handoff = Handoff(
        "0" * 36, "ci", "search", "openai-chat", "generate", "generate", True,
        (Step("anthropic", "claude-sonnet-4-6"), Step("bedrock-us", "anthropic.claude-sonnet-4-6-v1"), Step("openai", "gpt-4o")),
        1_700_000_000_000_000_000, "c0ffee", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", (), (("environment", "qa"),),
    )  # fmt: skip
    assert len(handoff.encode()) < 400


@pytest.mark.parametrize("text", [None, ""])
def test_without_an_admission_nothing_reaches_a_provider(text):
    with pytest.raises(InternalError, match="without an admission"):
        decode(text)


@pytest.mark.parametrize("version", [VERSION + 1, VERSION - 1, "1", None])
@pytest.mark.parametrize("more", [0, 30])
def test_another_versions_is_refused_whatever_its_shape(version, more):
    with pytest.raises(InternalError, match="another version"):
        decode(orjson.dumps([version, *range(more)]).decode())
