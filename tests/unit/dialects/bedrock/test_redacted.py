"""Encrypted reasoning keeps its meaning at every cloud."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.bedrock.redacted import parse_redacted, render_redacted


def test_the_blob_holds_the_text_of_anthropics_data():
    assert parse_redacted("RW13S0FoZ0JFZ3kz") == "EmwKAhgBEgy3"
    assert render_redacted("EmwKAhgBEgy3") == "RW13S0FoZ0JFZ3kz"


@pytest.mark.parametrize("wire", ["not base64!", "", b64encode(b"\x00\xff\x10").decode(), b64encode(b"a\nb").decode()])
def test_a_blob_that_is_no_text_comes_back_as_it_was(wire):
    assert render_redacted(parse_redacted(wire)) == wire


@given(st.binary(max_size=50))
def test_every_blob_comes_back(data):
    wire = b64encode(data).decode()
    assert render_redacted(parse_redacted(wire)) == wire
