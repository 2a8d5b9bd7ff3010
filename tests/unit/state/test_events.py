"""Usage events as JSON and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.ledger import UsageEvent
from extproc.state.events import PARTIES, decode_event, encode_event, parties, summary

NEEDED = {
    "hold_id": "h",
    "attempt": 1,
    "request_id": "r",
    "time_ns": 1_793_500_000_123_456_789,
    "key": "ci",
    "key_id": "k1",
    "model": "generate",
    "provider": "openai",
    "provider_model": "gpt-4o",
    "client_dialect": "openai",
    "stream": False,
    "outcome": "ok",
}
names = st.text(st.characters(codec="utf-8"), max_size=12)


@given(
    org=st.none() | names,
    tags=st.dictionaries(names, names, max_size=3),
    usd=st.integers(0, 2**53),
    first=st.none() | st.integers(0, 10**6),
    priced=st.booleans(),
)
def test_what_was_encoded_is_read_back(org, tags, usd, first, priced) -> None:
    event = UsageEvent(**NEEDED, org=org, tags=tags, usd=usd, first_token_ms=first, priced=priced)
    assert decode_event(encode_event(event)) == event


def test_what_is_at_its_default_takes_no_room() -> None:
    assert encode_event(UsageEvent(**NEEDED)).count(b":") == len(NEEDED)


def test_fields_of_a_later_version_are_left_out() -> None:
    text = encode_event(UsageEvent(**NEEDED))
    assert decode_event(text[:-1] + b',"later":[1]}') == UsageEvent(**NEEDED)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"key_id":"k1"}'])
def test_what_is_no_event_is_said_to_be_none(text) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_event(text)


@given(st.tuples(*[names] * len(PARTIES)))
def test_names_survive_the_text_that_sums_are_kept_by(values) -> None:
    wanted = dict(zip(PARTIES, values, strict=True))
    text, _ = summary(encode_event(UsageEvent(**(NEEDED | wanted))))
    assert text.count("|") == len(PARTIES) - 1
    assert parties(text) == wanted


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [
        ("ok", False),
        ("provider:provider_error", True),
        ("gateway:internal_error", True),
        ("caller:client_closed", False),
        ("transport:aborted", False),
    ],
)
def test_a_failure_is_a_provider_s_or_the_platform_s(outcome, failed) -> None:
    assert summary(encode_event(UsageEvent(**(NEEDED | {"outcome": outcome}))))[1] is failed


@pytest.mark.parametrize("event", [b"", b"{}", b"[1]", b'{"key_id":null}'])
def test_an_event_without_a_key_is_summed_up_nowhere(event) -> None:
    assert summary(event) == ("", False)
