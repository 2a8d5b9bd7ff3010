"""The vendors' data file: that it is whole, consistent, and says where each statement is from."""

import re

import orjson
import pytest
from genai_prices.data import providers as published

from extproc.config.load import load_text
from extproc.config.vendors import Vendor, vendors
from extproc.providers.wire import Ask, wire_for

PATTERNS = {provider.id: provider.api_pattern for provider in published}
MOVED = {"together"}
"""Whose address here is newer than the one that genai-prices knows them by."""
RECORDS = [pytest.param(name, record, id=name) for name, record in vendors().items()]


def provider(name: str, record: Vendor):
    fields = {"vendor": name, "base_url": record.base_url or str(record.form), "api_key": "k"}
    config = {"providers": {"p": fields}, "models": {"m": {"targets": [{"provider": "p"}]}}}
    return load_text(orjson.dumps(config).decode(), source="gateway.yaml", env={}).providers["p"]


def test_there_are_many():
    assert len(vendors()) >= 30


@pytest.mark.parametrize(("name", "record"), RECORDS)
def test_a_record_is_consistent(name, record):
    assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
    assert (record.base_url is None) != (record.form is None)
    assert record.source.startswith("https://")
    assert record.apis
    assert len(set(record.apis)) == len(record.apis)
    assert set(record.quirks) <= {field for field in type(record).model_fields if getattr(record, field)}
    if record.auth != "none":
        assert (record.base_url or str(record.form)).startswith("https://")


@pytest.mark.parametrize(("name", "record"), RECORDS)
def test_what_it_is_priced_as_is_published_for_that_address(name, record):
    if record.priced_as is None:
        return
    assert record.priced_as in PATTERNS
    if record.base_url is not None and name not in MOVED:
        assert re.match(PATTERNS[record.priced_as], record.base_url)


@pytest.mark.parametrize(("name", "record"), RECORDS)
def test_a_provider_after_it_is_called_by_the_first_of_its_apis_and_no_other_operation(name, record):
    found = provider(name, record)
    wire = wire_for(found, None, "openai-chat")
    path = wire.path(found, Ask("chat", "m"))
    first = {"chat": "/chat/completions", "responses": "/responses", "completions": "/completions"}[record.apis[0]]
    assert path == first
    assert found.apis == set(record.apis)
    assert found.drop == tuple(record.drop)
    assert found.vendor == name


def test_the_order_of_apis_is_that_of_preference():
    order = ["chat", "responses", "completions", "embeddings", "rerank"]
    assert [name for name, record in vendors().items() if record.apis != sorted(record.apis, key=order.index)] == []


def test_a_record_cannot_be_changed():
    with pytest.raises(TypeError):
        vendors()["new"] = vendors()["groq"]
    with pytest.raises(ValueError, match="frozen"):
        vendors()["groq"].auth = "none"
