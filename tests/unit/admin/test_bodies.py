"""What the admin API takes: time spans, keys brought along, budgets as they are written in the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from extproc.admin.bodies import KeyCreate, KeyPatch, PartyFields, read_lifetime
from extproc.admin.changes import new_id, new_plain
from extproc.admin.errors import InvalidField
from extproc.admin.reading import read_body


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("24h", 86_400),
        ("30d", 2_592_000),
        ("2w", 1_209_600),
        ("1mo", 2_592_000),
        ("1y", 31_536_000),
        ("60", 60),
        (60, 60),
        ("0", 0),
    ],
)
def test_a_time_span(text, seconds):
    assert read_lifetime(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "1.5d", "-1d", "30 days", None, True, 1.5, "9999999999y", -1])
def test_what_is_no_time_span(text):
    with pytest.raises(PydanticCustomError):
        read_lifetime(text)


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.text(), st.lists)))
def test_whatever_is_in_a_body_that_does_not_belong_there_is_refused(data):
    known = set(KeyCreate.model_fields)
    if set(data) <= known:
        return
    with pytest.raises(InvalidField) as refusal:
        read_body(KeyCreate, data)
    assert refusal.value.param in refusal.value.message


def test_budgets_and_limits_stay_as_they_were_written():
    budget = {"usd": 0.1, "per": "month", "alert_at": [0.8]}
    limits = {"requests": ["100/min", "5k/day"], "concurrent": 3}
    new = KeyCreate(budgets=[budget], limits=limits)
    assert (new.budgets, new.limits) == ((budget,), limits)


def test_what_is_not_said_is_not_set():
    assert KeyPatch(team=None).model_fields_set == {"team"}
    assert PartyFields().model_fields_set == set()


def test_a_key_that_was_brought_along_is_in_no_repr_and_no_error():
    assert "CANARY" not in repr(KeyCreate(key="sk-CANARY-0123456789"))
    with pytest.raises(ValidationError) as refusal:
        KeyCreate(key="CANARY")
    assert "CANARY" not in str(refusal.value)


def test_plain_keys_and_ids_are_as_long_as_they_should_be():
    plain = {new_plain() for _ in range(200)}
    assert len(plain) == 200
    assert {len(text) for text in plain} == {len("sk-llmgw-") + 43}
    digits = {digit for text in plain for digit in text.removeprefix("sk-llmgw-")}
    assert len(digits) == 62
    assert new_id() != new_id()
